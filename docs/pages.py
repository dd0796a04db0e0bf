"""Adds to the built site what is better made than written: every option of every command, and a list.

MkDocs calls `on_files`. The rest needs no MkDocs, so that tests hold the pages to the commands without it.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the made pages to those of the folder."""
    from mkdocs.structure.files import File

    for uri, content in made_pages(Path(config.docs_dir)).items():
        files.append(File.generated(config, uri, content=content))
    return files


def made_pages(docs: Path) -> dict[str, str]:
    """Pages that no file holds, by their place under `docs`: Markdown."""
    return {"options.md": options_page(), "adr/index.md": _records_page(docs / "adr")}


def options_page() -> str:
    """All commands with their help, arguments and options, as Markdown."""
    app = typer.main.get_command(import_module("qc_plugin.cli.main").app_for())
    head = "# Options\n\nMade from the commands themselves; `--help` says the same.\n"
    return "\n".join([head, *(_section(name, command) for name, command in commands(app))])


def _records_page(folder: Path) -> str:
    titles = {
        file.name: file.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")
        for file in sorted(folder.glob("0*.md"))
    }
    return "# Decisions\n\n" + "\n".join(f"- [{title}]({name})" for name, title in titles.items())


def commands(command: Any, name: str = "qc-plugin") -> Iterator[tuple[str, Any]]:
    """Every command below `command` with its whole name, in order."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for word, each in sorted(inner.items()):
        yield from commands(each, f"{name} {word}")


def _section(name: str, command: Any) -> str:
    example, _, text = (command.help or "").partition("\n\n")
    lines = [f"## {name}\n", f"{text}\n", f"    {example.removeprefix('Example: ')}\n"]
    rows = [row for row in map(_row, command.params) if row]
    if rows:
        lines += ["| | what it is | by itself |", "|---|---|---|", *rows, ""]
    return "\n".join(lines)


def _row(parameter: Any) -> str:
    if parameter.name == "help":
        return ""
    is_option = parameter.param_type_name == "option"
    names = ", ".join(f"`{word}`" for word in parameter.opts) if is_option else f"`{parameter.name.upper()}`"
    default = parameter.default
    shown = "" if default in (None, False) or parameter.required or callable(default) else f"`{default}`"
    needed = " *Needed.*" if parameter.required and is_option else ""
    return f"| {names} | {(parameter.help or '').replace('|', chr(92) + '|')}{needed} | {shown} |"
