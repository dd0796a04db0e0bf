"""A rule set as it holds in the end, with the file and line that each of its lines comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from qc_plugin.resources import shipped
from qc_plugin.rulesets.inherit import LIMIT_PARAMS, PARAM, is_shipped, join_as_written
from qc_plugin.rulesets.yaml_source import Block, Place, Row, plain, read_source
from qc_plugin.scoring.rule_models import ResolvedRules

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_INDENT = "  "
_WIDEST = 64  # text beyond it pushes its comment out; the others stay aligned


@dataclass(frozen=True, slots=True)
class Line:
    """One line of YAML without its comment, and where it was written, e.g. `house.yaml:12`."""

    text: str
    origin: str


def effective(path: Path) -> str:
    """The set at `path` as YAML, every line with its origin as a comment; decides as the file itself does.

    A number that stands in `params` names two places: where it is used, and where its value was given.
    """
    lines = effective_lines(path)
    width = max(len(line.text) for line in lines if len(line.text) <= _WIDEST)
    return "".join(f"{line.text:<{width}}  # {line.origin}\n" for line in lines)


def effective_lines(path: Path) -> list[Line]:
    """As `effective`, line by line. The set must be one that `load_rules` accepts; RuleError otherwise."""
    data = join_as_written(path).data
    default = read_source(shipped("rules", "default.yaml")).data
    sections = [info.alias or name for name, info in ResolvedRules.model_fields.items()]
    params = data.get("params")
    writer = _Writer(params if isinstance(params, Block) else Block(data.place))
    wanted = Block(data.place)
    for key in sections:
        if key == "params":
            wanted.put(key, writer.limits(default[key]), (data if key in data else default).at[key])
        elif key in data and key != "tests":
            wanted.put(key, data[key], data.at[key], data.value_at[key])
    return list(writer.block(wanted, ""))


def origin_of(place: Place) -> str:
    """`house.yaml:12`, or `shipped default.yaml:12`."""
    name = f"shipped {place.path.name}" if is_shipped(place.path) else str(place.path)
    return f"{name}:{place.line}"


class _Writer:
    """Values as lines, with their params put in."""

    def __init__(self, params: Block) -> None:
        self._params = params

    def limits(self, default: object) -> Block:
        """The params that mean something by themselves; those that nobody names are those of `default`."""
        assert isinstance(default, Block)
        found = Block(self._params.place)
        for name in LIMIT_PARAMS:
            source = self._params if name in self._params else default
            found.put(name, source[name], source.at[name], source.value_at[name])
        return found

    def block(self, block: Block, indent: str) -> Iterator[Line]:
        for key, value in block.items():
            yield from self._entry(key, value, block.at[key], indent)

    def _entry(self, key: str, value: object, place: Place, indent: str) -> Iterator[Line]:
        head = f"{indent}{_flow(key)}:"
        if isinstance(value, Block) and not _is_leaf(value):
            yield Line(head, origin_of(place))
            yield from self.block(value, indent + _INDENT)
        elif isinstance(value, Row) and any(isinstance(item, Block) for item in value):
            yield Line(head, origin_of(place))
            for item in value:
                yield from self._item(item, indent + _INDENT)
        else:
            used: dict[str, Place] = {}
            text = _flow(self._filled(value, used))
            told = (f"{name}: {origin_of(at)}" for name, at in used.items())
            yield Line(f"{head} {text}", ", ".join([origin_of(place), *told]))

    def _item(self, item: object, indent: str) -> Iterator[Line]:
        """One of a list: its first key behind a dash, the others below."""
        assert isinstance(item, Block)
        for number, line in enumerate(self.block(item, indent + _INDENT)):
            text = f"{indent}- {line.text.removeprefix(indent + _INDENT)}" if number == 0 else line.text
            yield Line(text, line.origin)

    def _filled(self, value: object, used: dict[str, Place]) -> object:
        """`value` with numbers for its params; `used` learns where those were given."""
        if isinstance(value, Block):
            return {key: self._filled(item, used) for key, item in value.items()}
        match = PARAM.fullmatch(value) if isinstance(value, str) else None
        if match is None or match[1] not in self._params:
            return plain(value)
        used[match[1]] = self._params.at[match[1]]
        return self._params[match[1]]


def _is_leaf(block: Block) -> bool:
    """Whether one line can hold it: its values are single words and stand on one line of one file."""
    words = all(not isinstance(item, Block | Row) for item in block.values())
    return words and len({(place.path, place.line) for place in block.at.values()}) <= 1


def _flow(value: object) -> str:
    """`value` as YAML on one line."""
    listed = yaml.safe_dump(
        [value], default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**6
    )
    return listed.strip()[1:-1]
