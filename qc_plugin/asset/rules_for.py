"""Which rule set an asset gets: what `applies_to` asks is read from its file, or from its report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qc_plugin.decode.limits import PROFILES
from qc_plugin.isolation.media import media_of
from qc_plugin.report.read import read_meta
from qc_plugin.rulesets.ruleset import AssetFacts, RuleSet, applies, choose_rules

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from qc_plugin.config import RunConfig


def facts_of(
    asset: Path, config: RunConfig, *, content: str | None = None, genre: str | None = None
) -> AssetFacts:
    """What the asset (or the report on it) says; `content` and `genre` only the host knows.

    Raises AssetError for a file that is no asset, UsageError for a report that cannot be read.
    """
    if asset.suffix == ".parquet":
        about = read_meta(asset)["asset"]
        media = about["media"] or {}
        return AssetFacts(kind=about["kind"], content=content, genre=genre, width_px=media.get("width_px"))
    kind, media = media_of(asset, limits=PROFILES[config.limits], sandbox=config.sandbox)
    return AssetFacts(kind=kind, content=content, genre=genre, width_px=media.width_px)


def rules_for(sets: Sequence[RuleSet], facts: AssetFacts) -> tuple[RuleSet, str]:
    """The set for such an asset, and a warning ("" for none) where a single set is used that is for others.

    Of several sets the one whose `applies_to` says most is taken; RuleError if none fits, or two alike.
    """
    if len(sets) > 1:
        return choose_rules(sets, facts), ""
    rules = sets[0]
    fits = applies(rules, facts)
    return rules, "" if fits else f"`{rules.id}` says it is not for this asset; named alone it is used anyway"
