"""Rule files joined with their parents: flat, left to right, and every value keeps the place it came from."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qc_plugin.resources import shipped
from qc_plugin.rulesets.yaml_source import Block, Place, Row, Source, nearest, read_source
from qc_plugin.scoring.rule_models import RuleFile

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

DEEPEST = 3  # a title's file over its genre's over the house's; shipped sets below them do not count
_BY_ID = ("exclude", "rules")
_BY_KEY = ("params", "regions", "rank", "verdict", "repair")
_OWN = ("schema", "id", "title", "applies_to", "tests")
_NAME = re.compile(r"[a-z][a-z0-9_-]*")
PARAM = re.compile(r"\$\{([a-z][a-z0-9_]*)\}")
# What a rule set may name by number without any rule using it: see `MeasureLimits`.
LIMIT_PARAMS = ("evidence_needed", "sharp_face_blur", "sharp_face_sharpness")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with a rule set, where it stands, and the repair."""

    place: Place
    message: str
    fix: str = ""

    def __str__(self) -> str:
        where = f"{self.place.path}:{self.place.line}:{self.place.column}"
        return f"{where}: {self.message}" + (f"; {self.fix}" if self.fix else "")


@dataclass(slots=True)
class Joined:
    """A file with its parents: `data` as resolved, `faults` found, `origins` of rules and excludes."""

    source: Source
    data: Block
    faults: list[Fault] = field(default_factory=list)
    origins: dict[str, Path] = field(default_factory=dict)


def join(path: Path) -> Joined:
    """The rule file at `path` with all it inherits, params put in. RuleError if a file cannot be read."""
    joined = join_as_written(path)
    _put_params(joined)
    return joined


def join_as_written(path: Path) -> Joined:
    """As `join`, but every "${name}" still stands in its place."""
    return _join(path, ())


def _join(path: Path, children: tuple[Path, ...]) -> Joined:
    source = read_source(path)
    joined = Joined(source, Block(Place(path)))
    joined.faults = [Fault(Place(path, p.line, p.column), p.message, p.fix) for p in source.problems]
    _check_top_keys(joined)
    for name, place in _words(joined, "extends"):
        _add_parent(joined, name, place, (*children, path))
    inherited = {section: set(_ids(joined.data.get(section))) for section in _BY_ID}
    _disable(joined, inherited)
    _override(joined, inherited["rules"])
    _add_own(joined)
    return joined


def _check_top_keys(joined: Joined) -> None:
    known = {info.alias or name for name, info in RuleFile.model_fields.items()}
    for key in joined.source.data:
        if key not in known:
            place = joined.source.data.at[key]
            joined.faults.append(Fault(place, f"unknown key `{key}`", nearest(key, known)))


def _add_parent(joined: Joined, name: str, place: Place, children: tuple[Path, ...]) -> None:
    """Put the rules of parent `name` under those already there: a later parent replaces an earlier one."""
    parent_path = _find_parent(name, place.path)
    if parent_path is None:
        joined.faults.append(
            Fault(place, f"no rule set `{name}` beside this file or shipped", _known_near(name))
        )
        return
    if any(parent_path.samefile(child) for child in children):
        joined.faults.append(Fault(place, f"`{name}` extends itself in a circle", "remove it from `extends`"))
        return
    if len(children) >= DEEPEST and not is_shipped(parent_path):
        fix = "extend fewer levels"
        joined.faults.append(Fault(place, f"`{name}` would be level {DEEPEST + 1} of {DEEPEST}", fix))
        return
    parent = _join(parent_path, children)
    joined.faults += parent.faults
    joined.origins |= parent.origins
    for section in (*_BY_ID, *_BY_KEY):
        _merge(joined, section, parent.data.get(section), parent.data.at.get(section))


def _find_parent(name: str, child: Path) -> Path | None:
    """Beside the child first, then among the shipped sets; a file does not find itself."""
    if not _NAME.fullmatch(name):
        return None
    for candidate in (child.parent / f"{name}.yaml", shipped("rules", f"{name}.yaml")):
        if candidate.is_file() and not candidate.samefile(child):
            return candidate
    return None


def is_shipped(path: Path) -> bool:
    """Whether `path` is one of our rule sets."""
    return path.resolve().parent == shipped("rules").resolve()


def _known_near(name: str) -> str:
    return nearest(name, (path.stem for path in shipped("rules").glob("*.yaml")))


def _words(joined: Joined, key: str) -> Iterable[tuple[str, Place]]:
    """The words listed under `key` of the file itself, with their places; other shapes are faults."""
    listed = joined.source.data.get(key, Row(Place(joined.source.path)))
    if not isinstance(listed, Row) or not all(isinstance(word, str) for word in listed):
        joined.faults.append(
            Fault(joined.source.data.at[key], f"`{key}` is a list of names", f"write {key}: [name]")
        )
        return []
    return [(str(word), place) for word, place in zip(listed, listed.at, strict=True)]


def _disable(joined: Joined, inherited: dict[str, set[str]]) -> None:
    for name, place in _words(joined, "disable"):
        sections = [section for section in _BY_ID if name in inherited[section]]
        if not sections:
            known = set().union(*inherited.values())
            joined.faults.append(
                Fault(place, f"`disable` names `{name}`, which no parent has", nearest(name, known))
            )
        for section in sections:
            rows = joined.data[section]
            assert isinstance(rows, Row)
            _remove(rows, name)


def _remove(rows: Row, name: str) -> None:
    at = _ids(rows).index(name)
    del rows[at], rows.at[at]


def _override(joined: Joined, inherited: set[str]) -> None:
    patches = joined.source.data.get("override")
    if patches is None:
        return
    place = joined.source.data.at["override"]
    if not isinstance(patches, Block):
        joined.faults.append(
            Fault(place, "`override` maps rule ids to patches", "write override: {id: {key: value}}")
        )
        return
    rules = joined.data.get("rules")
    for name, patch in patches.items():
        at = patches.at[name]
        if not isinstance(rules, Row) or name not in inherited or name not in _ids(rules):
            message = f"`override` patches `{name}`, which no parent has"
            joined.faults.append(Fault(at, message, nearest(name, inherited)))
        elif not isinstance(patch, Block) or "id" in patch:
            message = f"the patch of `{name}` is a mapping without `id`"
            joined.faults.append(Fault(at, message, "write only the keys that change"))
        else:
            index = _ids(rules).index(name)
            rule = rules[index]
            assert isinstance(rule, Block)
            rules[index] = rule.patched(patch)
            joined.origins[name] = joined.source.path


def _add_own(joined: Joined) -> None:
    own = joined.source.data
    for section in _BY_ID:
        _refuse_twice(joined, section)
        _merge(joined, section, own.get(section), own.at.get(section))
        joined.origins |= dict.fromkeys(_ids(own.get(section)), joined.source.path)
    for section in _BY_KEY:
        _merge(joined, section, own.get(section), own.at.get(section))
    for key in _OWN:
        if key in own:
            joined.data.put(key, own[key], own.at[key], own.value_at[key])


def _refuse_twice(joined: Joined, section: str) -> None:
    rows = joined.source.data.get(section)
    ids = _ids(rows)
    for index, name in enumerate(ids):
        if name and name in ids[:index]:
            assert isinstance(rows, Row)
            joined.faults.append(
                Fault(rows.at[index], f"id `{name}` appears twice in `{section}`", "rename one")
            )


def _merge(joined: Joined, section: str, value: object, place: Place | None = None) -> None:
    """Lay `value` over what the section holds: same id or key replaces, the rest is added."""
    if value is None and place is None:
        return
    wanted = Row if section in _BY_ID else Block
    if not isinstance(value, wanted):
        shape = "a list" if wanted is Row else "a mapping"
        joined.faults.append(Fault(place or joined.data.place, f"`{section}` is {shape}", f"make it {shape}"))
        return
    held = joined.data.get(section)
    if isinstance(value, Block):
        merged: object = held.patched(value) if isinstance(held, Block) else value
    else:
        merged = _merge_rows(held if isinstance(held, Row) else Row(value.place), value)
    joined.data.put(section, merged, place or value.place)


def _merge_rows(held: Row, added: Row) -> Row:
    merged = Row(added.place)
    merged.extend(held)
    merged.at.extend(held.at)
    inherited = _ids(held)
    for item, place, name in zip(added, added.at, _ids(added), strict=True):
        if name and name in inherited:
            merged[inherited.index(name)] = item
            merged.at[inherited.index(name)] = place
        else:
            merged.append(item)
            merged.at.append(place)
    return merged


def _ids(rows: object) -> list[str]:
    """The id of each item; "" for one without."""
    items = rows if isinstance(rows, Row) else []
    return [str(item.get("id", "")) if isinstance(item, Block) else "" for item in items]


def _put_params(joined: Joined) -> None:
    """Replace every "${name}" by its number, and report params that nobody knows or uses."""
    params = joined.data.get("params")
    known = dict(params) if isinstance(params, Block) else {}
    used: set[str] = set()
    for section in ("exclude", "regions", "rules", "rank", "verdict", "repair"):
        if section in joined.data:
            joined.data[section] = _put(joined, joined.data[section], joined.data.at[section], known, used)
    own = joined.source.data.get("params")
    for name in own if isinstance(own, Block) else ():
        if name not in used and name not in LIMIT_PARAMS:
            assert isinstance(own, Block)
            message = f"param `{name}` is used by no rule"
            joined.faults.append(Fault(own.at[name], message, nearest(name, used | set(LIMIT_PARAMS))))


def _put(joined: Joined, value: object, place: Place, known: dict[str, object], used: set[str]) -> object:
    """A copy of `value` with its params put in; `used` collects their names."""
    if isinstance(value, Block):
        block = Block(value.place)
        for key, item in value.items():
            at = value.value_at[key]
            block.put(key, _put(joined, item, at, known, used), value.at[key], at)
        return block
    if isinstance(value, Row):
        row = Row(value.place)
        row.at = list(value.at)
        row.extend(_put(joined, item, at, known, used) for item, at in zip(value, value.at, strict=True))
        return row
    if not isinstance(value, str) or "${" not in value:
        return value
    match = PARAM.fullmatch(value)
    if match is None:
        fault = Fault(place, f"`{value}`: a param stands alone", 'write "${name}" as the whole value')
    elif match[1] not in known:
        fault = Fault(place, f"unknown param `{match[1]}`", nearest(match[1], known))
    else:
        used.add(match[1])
        return known[match[1]]
    joined.faults.append(fault)
    return 0.0
