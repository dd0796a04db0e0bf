"""Rule files as text: YAML read into plain values that know their line and column.

YAML reads some ordinary words as other things (`on:` as true, 16:9 as 969, no as false, 012 as 10). Such
places are problems with a repair. So is whatever makes one file mean two things: aliases, duplicate keys.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import yaml

from qc_plugin import strict_yaml
from qc_plugin.errors import RuleError
from qc_plugin.strict_yaml import PLAIN_TAGS

if TYPE_CHECKING:
    from pathlib import Path

_LARGEST_BYTES = 256 * 1024
KEY = "\0key"  # last step of a path that means a key and not its value; no YAML key can be this
_SEXAGESIMAL = re.compile(r"[-+]?\d[\d_]*(:[0-5]?\d)+(\.\d*)?")
_EXPONENT = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")
_OCTAL = re.compile(r"[-+]?0\d[\d_]*")


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One fault of a rule file: where (1-based), what is wrong, and the repair."""

    line: int
    column: int
    message: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.message}" + (f"; {self.fix}" if self.fix else "")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: file, line and column (both 1-based)."""

    path: Path
    line: int = 1
    column: int = 1


class RuleFileError(RuleError):
    """A rule file that cannot be read as YAML at all."""

    def __init__(self, place: Place, message: str, fix: str) -> None:
        super().__init__(f"{place.path}:{place.line}:{place.column}: {message}; {fix}")
        self.place, self.message, self.fix = place, message, fix


class Block(dict[str, object]):
    """A YAML mapping; `at` has the place of each key, `value_at` of each value, `place` of the mapping."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self.at: dict[str, Place] = {}
        self.value_at: dict[str, Place] = {}

    def put(self, key: str, value: object, at: Place, value_at: Place | None = None) -> None:
        """Set `key`, and where it and its value stand."""
        self[key] = value
        self.at[key] = at
        self.value_at[key] = value_at or at

    def patched(self, patch: Block) -> Block:
        """A copy in which the keys of `patch` replace those here; each keeps the place it came from."""
        merged = Block(self.place)
        for source in (self, patch):
            for key, value in source.items():
                merged.put(key, value, source.at[key], source.value_at[key])
        return merged


class Row(list[object]):
    """A YAML sequence; `at` has the place of each item."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self.at: list[Place] = []


@dataclass(slots=True)
class Source:
    """One file: its values, and the problems found while reading it."""

    path: Path
    data: Block
    problems: list[Problem] = field(default_factory=list)


def nearest(word: str, known: Iterable[str]) -> str:
    """`did you mean ...?` for a mistyped word, or the words that are known if none is near."""
    words = sorted(known)
    near = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    return f"did you mean `{near[0]}`?" if near else f"known: {', '.join(words) or 'none'}"


def read_source(path: Path) -> Source:
    """The values of the file at `path`. RuleFileError if it cannot be read; lesser faults are problems."""
    try:
        with path.open("rb") as handle:
            raw = handle.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise RuleFileError(Place(path), f"cannot be read ({error.strerror})", "check the path") from error
    if len(raw) > _LARGEST_BYTES:
        raise RuleFileError(Place(path), "larger than 256 KiB, which nobody reads", "split it by `extends`")
    try:
        return parse_source(raw.decode("utf-8-sig"), path)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise RuleFileError(Place(path, line), "not UTF-8 text", "save the file as UTF-8") from error


def parse_source(text: str, path: Path) -> Source:
    """The values of `text`; `path` is only named in places. RuleFileError if it is not usable YAML."""
    try:
        node = strict_yaml.compose(text)
    except strict_yaml.YamlError as error:
        place = Place(path, error.line or 1, error.column or 1)
        raise RuleFileError(place, error.message, error.fix) from error
    if not isinstance(node, yaml.MappingNode):
        raise RuleFileError(Place(path), "a rule file is a mapping of keys", "begin it with `schema: 1`")
    reader = _Reader(path)
    data = reader.value(node)
    assert isinstance(data, Block)
    return Source(path, data, reader.problems)


def place_of(root: object, loc: Iterable[str | int], fallback: Place) -> Place:
    """Place of the value that `loc` leads to, as far as it leads; steps that lead nowhere are ignored.

    A single word or number is where it stands itself; a mapping or list, and with `KEY` as the last step
    anything, is where its key stands.
    """
    place, own_place, value = fallback, fallback, root
    for step in loc:
        if step == KEY:
            own_place = place
        elif isinstance(value, Block) and isinstance(step, str) and step in value:
            place, own_place, value = value.at[step], value.value_at[step], value[step]
        elif isinstance(value, Row) and isinstance(step, int) and step < len(value):
            place, own_place, value = value.at[step], value.at[step], value[step]
    return place if isinstance(value, Block | Row) else own_place


class _Reader:
    """Turns YAML nodes into values and collects what is wrong with them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[Problem] = []

    def value(self, node: yaml.Node) -> object:
        """The value of `node` and all below it."""
        if not isinstance(node, yaml.ScalarNode) and node.tag not in PLAIN_TAGS:
            self._problem(node, f"the tag {node.tag} is not accepted", "remove the tag")
        if isinstance(node, yaml.MappingNode):
            return self._block(node)
        if isinstance(node, yaml.SequenceNode):
            row = Row(self._place(node))
            for item in node.value:
                row.append(self.value(item))
                row.at.append(self._place(item))
            return row
        assert isinstance(node, yaml.ScalarNode)
        return self._scalar(node)

    def _block(self, node: yaml.MappingNode) -> Block:
        block = Block(self._place(node))
        for key_node, value_node in node.value:
            key = self._key(key_node)
            if key is None:
                continue
            if key in block:
                self._problem(key_node, f"key `{key}` appears twice", "keep one of them")
                continue
            block.put(key, self.value(value_node), self._place(key_node), self._place(value_node))
        return block

    def _key(self, node: yaml.Node) -> str | None:
        """The key as text; None (and a problem) for one that YAML does not read as text."""
        if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:str":
            return str(node.value)
        if not isinstance(node, yaml.ScalarNode):
            self._problem(node, "a key is one word", "use a plain word as key")
        elif node.tag == "tag:yaml.org,2002:merge":
            self._problem(node, "merge keys (<<) are not accepted", "write the keys out, or use `extends`")
        else:
            read_as = node.tag.rsplit(":", 1)[-1]
            self._problem(
                node, f"YAML reads the key `{node.value}` as {read_as}, not as text", "use another word"
            )
        return None

    def _scalar(self, node: yaml.ScalarNode) -> object:
        text = str(node.value)
        if node.tag not in PLAIN_TAGS:
            kind = node.tag.rsplit(":", 1)[-1]
            self._problem(
                node, f"`{text}` is a {kind} in YAML, which rule files do not use", f'write "{text}"'
            )
            return text
        try:
            value = strict_yaml.scalar(node)
        except ValueError:  # an explicit tag that does not fit: `!!int x`
            self._problem(node, f"`{text}` does not fit its tag", "remove the tag")
            return text
        quoted = getattr(node, "style", None)  # None or "" (libyaml) for a plain word
        trap = None if quoted else _trap(text, value)
        if trap:
            self._problem(node, *trap)
        return value

    def _place(self, node: yaml.Node) -> Place:
        return Place(self.path, node.start_mark.line + 1, node.start_mark.column + 1)

    def _problem(self, node: yaml.Node, message: str, fix: str) -> None:
        place = self._place(node)
        self.problems.append(Problem(place.line, place.column, message, fix))


def _trap(text: str, value: object) -> tuple[str, str] | None:
    """(message, repair) for an unquoted word that YAML does not read as its writer meant it."""
    if isinstance(value, bool) and text.lower() not in ("true", "false"):
        return f"`{text}` reads as {str(value).lower()} in YAML", f'write {str(value).lower()} or "{text}"'
    if isinstance(value, int | float) and not isinstance(value, bool):
        if _SEXAGESIMAL.fullmatch(text):
            return f"`{text}` reads as {value:g} in YAML", f'write "{text}"'
        if isinstance(value, int) and _OCTAL.fullmatch(text):
            return f"`{text}` reads as {value} in YAML (octal)", f"write {text.lstrip('0') or '0'}"
        if not math.isfinite(value):
            return f"`{text}` is not a number that can be compared", "write a number"
    if isinstance(value, str) and _EXPONENT.fullmatch(text):
        return f"`{text}` reads as text in YAML", f"write {float(text):.12g}"
    return None


def plain(value: object) -> object:
    """`value` as ordinary dicts and lists."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value
