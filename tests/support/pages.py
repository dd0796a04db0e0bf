"""What stands in the written pages: links, anchors, and the command lines that people will copy."""

import importlib.util
import re
import shlex
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^ {4,}.*\n|^\n)+", re.MULTILINE)
_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_STOP = re.compile(r"^(?:#.*|[|&;<>]+|\d*>.*|<.*)$")  # where a shell ends the words of a command


@cache
def made():
    """`docs/pages.py`, which makes the pages that no file holds; it needs no MkDocs for that."""
    spec = importlib.util.spec_from_file_location("qc_docs_pages", ROOT / "docs" / "pages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def site_pages():
    """Markdown by its place under `docs/`, those that are made as well."""
    docs = ROOT / "docs"
    written = {str(f.relative_to(docs)): f.read_text(encoding="utf-8") for f in sorted(docs.rglob("*.md"))}
    return written | made().made_pages(docs)


@cache
def all_pages():
    """Markdown by its place in the project: the site's pages and what lies beside code."""
    others = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "rules" / "README.md"]
    others += sorted((ROOT / "examples").rglob("*.md")) + sorted((ROOT / "deploy").rglob("*.md"))
    return {f"docs/{name}": text for name, text in site_pages().items()} | {
        str(f.relative_to(ROOT)): f.read_text(encoding="utf-8") for f in others
    }


def links(text):
    """Targets of `[words](target)` outside code."""
    prose = _CODE.sub("", _FENCE.sub("", text))
    return re.findall(r"\]\(([^)\s]+)\)", prose)


def anchors(text):
    """Ids that headings get in the site."""
    heads = re.findall(r"^#{1,6} (.+)$", _FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", h.lower()).strip()) for h in heads}


def quoted_lines(text):
    """Argument lists of every `qc-plugin ...` in code: (whole?, words after the name).

    In running text `qc-plugin check` names a command; in a block it must be a line that works.
    """
    blocks = [body for _, _, body in _FENCE.findall(text)]
    rest = _FENCE.sub("", text)
    blocks += [found.group() for found in _INDENTED.finditer(rest)]
    for block in blocks:
        for line in block.replace("\\\n", " ").splitlines():
            yield from ((True, words) for words in _calls(line))
    for code in _CODE.findall(_INDENTED.sub("", rest)):
        yield from ((False, words) for words in _calls(code))


def _calls(line):
    """Words of each call in a line of shell, a schedule or a transcript."""
    try:
        words = shlex.split(line.strip(), comments=False)
    except ValueError:  # an apostrophe in a sentence: no shell
        return
    starts = [n for n, word in enumerate(words) if word == "qc-plugin" and _begins(words[:n])]
    for start in starts:
        call = []
        for word in words[start + 1 :]:
            if _STOP.match(word):
                break
            call.append(word.rstrip(";"))
        yield call


def _begins(before):
    """A call starts the line, follows an operator or a prompt, or a cron schedule (`15 2 * * *`)."""
    return not before or before[-1] in ("$", "&&", ";", "|", "*", "if", "then")
