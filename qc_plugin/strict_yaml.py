"""YAML as this project reads it everywhere: plain data that means one thing, read in bounded time.

Refused are aliases and anchors (a few lines of them unfold to gigabytes, and nobody sees them in review), a
second document, absurd depth, keys that are no text or appear twice, and tags that build objects.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

# libyaml reads a rule file in a tenth of the time; both loaders give the same nodes and marks.
LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
PLAIN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq")}
_DEEPEST = 16  # a rule file needs 6; the composer recurses, and a file of brackets must not end it
_TEXT = "tag:yaml.org,2002:str"
_scalars = yaml.SafeLoader("")


class Mark(Protocol):
    """What both of PyYAML's loaders say about a position (0-based)."""

    line: int
    column: int


class YamlError(ValueError):
    """What makes a text no usable YAML: where (1-based; None: unknown), what is wrong, and the repair."""

    def __init__(self, mark: Mark | None, message: str, fix: str = "correct the YAML") -> None:
        self.line = None if mark is None else mark.line + 1
        self.column = None if mark is None else mark.column + 1
        self.message, self.fix = message, fix
        where = "" if mark is None else f"line {self.line}, column {self.column}: "
        super().__init__(f"{where}{message}; {fix}")


def compose(text: str) -> yaml.Node | None:
    """The one document of `text` as nodes with marks; None for an empty one. Raises YamlError."""
    try:
        _refuse_events(text)
        return yaml.compose(text, Loader=LOADER)
    except yaml.MarkedYAMLError as error:
        # libyaml gives up on depth in words of its own, before it tells of the level that we refuse.
        _refuse_depth(text)
        message = str(error.problem or error.context)
        raise YamlError(error.problem_mark or error.context_mark, message) from error
    except yaml.YAMLError as error:  # e.g. a control character, which has no mark
        raise YamlError(None, " ".join(str(error).split())) from error


def parse(text: str) -> object:
    """The value of one YAML document. Raises YamlError (a ValueError)."""
    node = compose(text)
    return None if node is None else _value(node)


def scalar(node: yaml.ScalarNode) -> object:
    """The value of a plain scalar. Raises ValueError for an explicit tag that does not fit: `!!int x`."""
    return _scalars.construct_object(node)


def _value(node: yaml.Node) -> object:
    if node.tag not in PLAIN_TAGS:
        raise YamlError(node.start_mark, f"the tag {node.tag} is not accepted", "remove the tag")
    if isinstance(node, yaml.MappingNode):
        return _mapping(node)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item) for item in node.value]
    assert isinstance(node, yaml.ScalarNode)
    try:
        return scalar(node)
    except ValueError as error:
        raise YamlError(node.start_mark, f"`{node.value}` does not fit its tag", "remove the tag") from error


def _mapping(node: yaml.MappingNode) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in node.value:
        if key.tag != _TEXT:
            raise YamlError(key.start_mark, f"key {key.value!r} is not text", "use a plain word as key")
        if key.value in found:
            raise YamlError(key.start_mark, f"key {key.value!r} appears twice", "keep one of them")
        found[key.value] = _value(value)
    return found


def _refuse_events(text: str) -> None:
    """Before anything is built: aliases, anchors, a second document, absurd depth."""
    documents = 0
    for event in _refusing_depth(text, LOADER):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise YamlError(event.start_mark, "anchors and aliases are not accepted", "write it out")
        documents += isinstance(event, yaml.DocumentStartEvent)
        if documents > 1:
            raise YamlError(event.start_mark, "a second document begins here", "write one document a file")


def _refusing_depth(text: str, loader: type) -> Iterator[yaml.Event]:
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise YamlError(event.start_mark, f"nested deeper than {_DEEPEST} levels", "flatten it")
        yield event


def _refuse_depth(text: str) -> None:
    with suppress(yaml.YAMLError):
        deque(_refusing_depth(text, yaml.SafeLoader), maxlen=0)
