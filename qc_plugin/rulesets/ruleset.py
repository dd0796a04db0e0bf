"""Rule sets: found by name or path, joined with their parents, checked, and ready to judge."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from qc_plugin.errors import RuleError
from qc_plugin.resources import shipped
from qc_plugin.rulesets.checks import check_meaning
from qc_plugin.rulesets.inherit import LIMIT_PARAMS, Fault, Joined, join
from qc_plugin.rulesets.yaml_source import KEY, Place, nearest, place_of, plain, read_source
from qc_plugin.scoring.measure_limits import MeasureLimits
from qc_plugin.scoring.rule_models import (
    AppliesTo,
    Exclude,
    Rank,
    Ratio,
    RepairRules,
    ResolvedRules,
    Rule,
    RuleFile,
    RuleTest,
    Selection,
    VerdictRules,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from qc_plugin.types import AssetKind

_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class RuleSet:
    """A rule set with everything it inherits. Two sets with the same `sha256` decide the same.

    `origins` names the file each rule and exclude came from (or was last patched in).
    """

    path: Path
    resolved: ResolvedRules
    origins: Mapping[str, Path]

    @property
    def id(self) -> str:
        """Short name, e.g. "default"."""
        return self.resolved.id

    @property
    def title(self) -> str:
        """What the set is for, in a few words."""
        return self.resolved.title

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Rules in the order of the files, parents first."""
        return self.resolved.rules

    @property
    def exclude(self) -> tuple[Exclude, ...]:
        """What keeps frames out of judging and ranking."""
        return self.resolved.exclude

    @property
    def regions(self) -> Mapping[str, Selection]:
        """Named selections."""
        return self.resolved.regions

    @property
    def rank(self) -> Rank:
        """How frames are ordered."""
        return self.resolved.rank

    @property
    def verdict(self) -> VerdictRules:
        """What frames mean for the asset."""
        return self.resolved.verdict

    @property
    def repair(self) -> RepairRules:
        """What a repair must prove."""
        return self.resolved.repair

    @property
    def tests(self) -> tuple[RuleTest, ...]:
        """The cases written in the file itself (a parent's tests speak of the parent's limits)."""
        return self.resolved.tests

    @property
    def limits(self) -> MeasureLimits:
        """The limits that measuring needs, from `params`; those it does not name are of the set `default`."""
        return MeasureLimits(**{name: self.resolved.params.get(name) for name in LIMIT_PARAMS})

    def with_rank(self, *, best: int | None = None, crops: Sequence[str] | None = None) -> RuleSet:
        """The same rules, ranking so many frames and these crops. RuleError for a ratio that is not known."""
        asked = {"best": best, "crops": None if crops is None else list(crops)}
        asked = {key: value for key, value in asked.items() if value is not None}
        strange = [crop for crop in crops or () if crop not in get_args(Ratio)]
        if strange:
            raise RuleError(
                f"no crop of {', '.join(strange)} is offered; choose from {', '.join(get_args(Ratio))}"
            )
        try:
            rank = Rank.model_validate(self.rank.model_dump(exclude_unset=True) | asked)
        except ValidationError as error:
            raise RuleError(f"best: {error.errors()[0]['msg'].lower()}, got {best}") from error
        return replace(self, resolved=self.resolved.model_copy(update={"rank": rank}))

    @cached_property
    def sha256(self) -> str:
        """SHA-256 (hex) of what decides, as canonical JSON: comments, layout and tests do not matter."""
        content = self.decisive.model_dump(mode="json", by_alias=True, exclude={"tests"})
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def text(self) -> str:
        """The resolved set as YAML: a rule file of its own that extends nothing and decides the same."""
        content = self.decisive.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)

    @property
    def decisive(self) -> ResolvedRules:
        """Without the params that have been put in where they were named: those say nothing any more."""
        params = {name: value for name, value in self.resolved.params.items() if name in LIMIT_PARAMS}
        return self.resolved.model_copy(update={"params": params})


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetFacts:
    """What `applies_to` asks about an asset; `content` and `genre` are the host's words."""

    kind: AssetKind
    content: str | None = None
    genre: str | None = None
    width_px: int | None = None


def load_rules(name_or_path: str | Path) -> RuleSet:
    """The rule set of that shipped name or file. RuleError names file, line, column and the repair."""
    path = _find(name_or_path)
    joined = join(path)
    resolved, faults = resolve(joined)
    if faults or resolved is None:
        more = f" (and {len(faults) - 1} more: `qc-plugin rules lint {path}`)" if len(faults) > 1 else ""
        raise RuleError(f"{faults[0]}{more}")
    return RuleSet(path, resolved, joined.origins)


def shipped_rule_sets() -> list[str]:
    """Names of the rule sets that are shipped, sorted."""
    return sorted(path.stem for path in shipped("rules").glob("*.yaml"))


def json_schema() -> dict[str, Any]:
    """JSON Schema of a rule file, for editors that complete and check while one types."""
    return RuleFile.model_json_schema(by_alias=True)


def applies(rules: RuleSet, facts: AssetFacts) -> bool:
    """Whether `rules` are for such an asset; a set without `applies_to` is for all."""
    wanted = rules.resolved.applies_to
    if wanted is None:
        return True
    unless = wanted.unless
    if unless and (facts.content in unless.content or facts.genre in unless.genre):
        return False
    return (
        (not wanted.asset or facts.kind in wanted.asset)
        and (not wanted.content or facts.content in wanted.content)
        and (not wanted.genre or facts.genre in wanted.genre)
        and _fits_width(wanted, facts.width_px)
    )


def choose_rules(candidates: Sequence[RuleSet], facts: AssetFacts) -> RuleSet:
    """The candidate whose `applies_to` says most about this asset. RuleError if none fits, or two alike."""
    fitting = sorted((r for r in candidates if applies(r, facts)), key=_specificity, reverse=True)
    if not fitting:
        raise RuleError(f"no rule set is for this {facts.kind}; add one whose `applies_to` matches it")
    if len(fitting) > 1 and _specificity(fitting[0]) == _specificity(fitting[1]):
        first, second = sorted((str(fitting[0].path), str(fitting[1].path)))
        raise RuleError(
            f"{first} and {second} are for this {facts.kind} alike; make one `applies_to` narrower"
        )
    return fitting[0]


def resolve(joined: Joined) -> tuple[ResolvedRules | None, list[Fault]]:
    """The checked rule set, and every fault in the order of the file; no set if its shape is wrong."""
    faults = list(joined.faults)
    resolved = None
    try:
        resolved = ResolvedRules.model_validate(plain(joined.data))
    except ValidationError as error:
        start = Place(joined.source.path)
        faults += (_shape_fault(joined, dict(each), start) for each in error.errors(include_url=False))
    else:
        faults += check_meaning(resolved, joined.data)
        own = resolved.params
        limits = own if all(name in own for name in LIMIT_PARAMS) else {**_default_limits(), **own}
        params = {name: limits[name] for name in LIMIT_PARAMS if name in limits} | own
        resolved = resolved.model_copy(update={"params": params})
    return resolved, _in_order(faults, joined)


@cache
def _default_limits() -> dict[str, float]:
    """The limits that `default` names, for rule sets that name none and do not extend it."""
    params = read_source(shipped("rules", "default.yaml")).data.get("params")
    named = params if isinstance(params, dict) else {}
    return {name: float(named[name]) for name in LIMIT_PARAMS if name in named}


def _in_order(faults: list[Fault], joined: Joined) -> list[Fault]:
    """Faults of the file itself first, by line; of several about one misread word, the one that tells why."""
    own = joined.source.path
    misread = {fault.place for fault in joined.faults}
    told = joined.faults + [fault for fault in faults[len(joined.faults) :] if fault.place not in misread]
    return sorted(
        dict.fromkeys(told),
        key=lambda f: (f.place.path != own, str(f.place.path), f.place.line, f.place.column),
    )


def _find(name_or_path: str | Path) -> Path:
    path = Path(name_or_path)
    if path.suffix in _SUFFIXES or path.is_file():
        return path
    if str(name_or_path) in shipped_rule_sets():
        return shipped("rules", f"{name_or_path}.yaml")
    raise RuleError(f"no rule set `{name_or_path}`; {nearest(str(name_or_path), shipped_rule_sets())}")


def _fits_width(wanted: AppliesTo, width_px: int | None) -> bool:
    if wanted.width is None:
        return True
    low, high = wanted.width.at_least or 0, wanted.width.at_most
    return width_px is not None and low <= width_px and (high is None or width_px <= high)


def _specificity(rules: RuleSet) -> int:
    """How many things `applies_to` says."""
    return 0 if rules.resolved.applies_to is None else len(rules.resolved.applies_to.model_fields_set)


def _shape_fault(joined: Joined, error: dict[str, Any], start: Place) -> Fault:
    """A pydantic error in our words, at the place of the value it speaks of."""
    loc: tuple[str | int, ...] = error["loc"]
    place = place_of(joined.data, (*loc, KEY) if error["type"] == "extra_forbidden" else loc, start)
    name = next((step for step in reversed(loc) if isinstance(step, str)), "")
    if error["type"] == "extra_forbidden":
        return Fault(place, f"unknown key `{name}`", nearest(name, _known_keys(loc[:-1])))
    if error["type"] == "missing":
        return Fault(place, f"`{name}` is missing", f"add `{name}:`")
    if error["type"] in ("literal_error", "enum") and isinstance(error["input"], str):
        allowed = [word.strip(" '") for word in error["ctx"]["expected"].replace(" or ", ", ").split(",")]
        return Fault(place, f"unknown word `{error['input']}` for `{name}`", nearest(error["input"], allowed))
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "value_error":
        return (
            Fault(place, f"`{name}` {message}", "keep one") if "exactly" in message else Fault(place, message)
        )
    return Fault(place, f"`{name}`: {message[0].lower()}{message[1:]}, got {error['input']!r:.60}")


def _known_keys(loc: tuple[str | int, ...]) -> Iterator[str]:
    """The keys of the model that `loc` leads to."""
    model: type[BaseModel] = ResolvedRules
    for step in loc:
        for name, info in model.model_fields.items():
            if step == (info.alias or name):
                model = next(_models_in(info.annotation), model)
                break
    return (info.alias or name for name, info in model.model_fields.items())


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)
