"""What two rule sets decide differently, key by key; comments, layout, order and tests do not count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from qc_plugin.rulesets.effective import origin_of
from qc_plugin.rulesets.inherit import PARAM, join_as_written
from qc_plugin.rulesets.yaml_source import Block, Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from qc_plugin.rulesets.ruleset import RuleSet

_SAY_NOTHING = ("schema", "id", "title", "tests")  # about what a set decides


@dataclass(frozen=True, slots=True)
class Difference:
    """One key, e.g. `rules.face-motion-blur.pass.at_most`; None where a set does not have it.

    A rule or exclude that only one set has is one difference. `origin` is where the newer value was written
    (of what is gone: the older), "" for one that no file writes.
    """

    where: str
    before: object
    after: object
    origin: str


def rule_diff(before: RuleSet, after: RuleSet) -> list[Difference]:
    """What changes from `before` to `after`, in the order of the sections of a rule file."""
    return [
        Difference(".".join(path), left, right, _origin(after if right is not None else before, path))
        for path, left, right in _compare(_content(before), _content(after))
    ]


def _content(rules: RuleSet) -> dict[str, object]:
    content = rules.decisive.model_dump(mode="json", by_alias=True, exclude_none=True)
    for section in ("rules", "exclude"):
        content[section] = {item.pop("id"): item for item in content[section]}
    return {key: value for key, value in content.items() if key not in _SAY_NOTHING}


def _compare(
    old: Mapping[str, object], new: Mapping[str, object], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], object, object]]:
    """(path, before, after) of each key that differs; below the sections, what one side lacks is one key."""
    for key in dict.fromkeys((*new, *old)):
        left, right = old.get(key), new.get(key)
        if not path:
            left, right = left or {}, right or {}
        if isinstance(left, dict) and isinstance(right, dict):
            yield from _compare(left, right, (*path, key))
        elif left != right:
            yield (*path, key), left, right


def _origin(rules: RuleSet, path: Iterable[str]) -> str:
    """Where the value is written: its param if it has one, else the nearest thing above it that is there."""
    data = join_as_written(rules.path).data
    params = data.get("params")
    place, value = None, cast("object", data)
    for step in path:
        key = _ids(value).index(step) if isinstance(value, Row) and step in _ids(value) else step
        if isinstance(value, Row) and isinstance(key, int):
            place, value = value.at[key], value[key]
        elif isinstance(value, Block) and key in value:
            place, value = value.at[str(key)], value[str(key)]
        else:
            break
    match = PARAM.fullmatch(value) if isinstance(value, str) else None
    if match and isinstance(params, Block) and match[1] in params:
        place = params.at[match[1]]
    return origin_of(place) if place else ""


def _ids(rows: Row) -> list[object]:
    return [item.get("id") if isinstance(item, Block) else None for item in rows]
