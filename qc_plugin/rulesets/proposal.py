"""Other limits for one rule: tried on a rule set in memory, and written as YAML for people to put in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import yaml

from qc_plugin.errors import RuleError
from qc_plugin.rulesets.inherit import PARAM, join_as_written
from qc_plugin.rulesets.yaml_source import nearest, plain
from qc_plugin.scoring.rule_models import Band

if TYPE_CHECKING:
    from pathlib import Path

    from qc_plugin.rulesets.ruleset import RuleSet
    from qc_plugin.scoring.rule_models import Rule

_DECIDING = ("exclude", "regions", "rules", "rank", "verdict")
Limits = Mapping[str, float]  # "pass" and perhaps "borderline"


def rule_named(rules: RuleSet, rule_id: str) -> Rule:
    """The rule of that id. RuleError names the nearest."""
    for rule in rules.rules:
        if rule.id == rule_id:
            return rule
    known = [rule.id for rule in rules.rules]
    raise RuleError(f"the rule set `{rules.id}` has no rule `{rule_id}`; {nearest(rule_id, known)}")


def is_upper(rule: Rule) -> bool:
    """Whether the limits of `rule` are upper bounds."""
    return rule.pass_.at_most is not None


def with_limits(rules: RuleSet, rule_id: str, limits: Limits) -> RuleSet:
    """`rules` with other limits for one rule; all else, its origin too, stays."""
    wanted = rule_named(rules, rule_id)
    side = "at_most" if is_upper(wanted) else "at_least"
    bands = {key: Band.model_validate({side: limit}) for key, limit in limits.items()}
    fields = {"pass_" if key == "pass" else key: band for key, band in bands.items()}
    changed = tuple(r.model_copy(update=fields) if r.id == rule_id else r for r in rules.rules)
    return replace(rules, resolved=rules.resolved.model_copy(update={"rules": changed}))


def proposal_yaml(rule: Rule, limits: Limits, source: Path | None) -> str:
    """`limits` as a block for a rule file that extends the set of `rule`.

    A limit written as "${name}" in the file `source`, where nothing else uses the name, is proposed as
    `params`; any other as `override`.
    """
    names = _param_names(source, rule.id) if source else {}
    side = "at_most" if is_upper(rule) else "at_least"
    params = {names[key]: limit for key, limit in limits.items() if key in names}
    patch = {key: {side: limit} for key, limit in limits.items() if key not in names}
    block = {"params": params} if params else {}
    content = block | ({"override": {rule.id: patch}} if patch else {})
    return yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=110)


def _param_names(source: Path, rule_id: str) -> dict[str, str]:
    """The param behind each limit of the rule, if it stands behind nothing else."""
    written = plain({k: v for k, v in join_as_written(source).data.items() if k in _DECIDING})
    uses = PARAM.findall(str(written))
    assert isinstance(written, dict)
    row: dict[str, dict[str, object]] = next(
        (r for r in written.get("rules", ()) if r.get("id") == rule_id), {}
    )
    found = {}
    for key in ("pass", "borderline"):
        match = PARAM.fullmatch(str(next(iter((row.get(key) or {}).values()), "")))
        if match and uses.count(match[1]) == 1:
            found[key] = match[1]
    return found
