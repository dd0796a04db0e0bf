"""Keys that say under what an asset was measured and judged, and what a report says of that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qc_plugin.asset.identity import judge_key, measure_key
from qc_plugin.errors import QcError
from qc_plugin.extensions.installed import packages
from qc_plugin.inference.spec import load_spec
from qc_plugin.rulesets.ruleset import RuleSet, load_rules
from qc_plugin.types import Asset, AssetReport, Coverage, EngineUse, Provenance

if TYPE_CHECKING:
    from qc_plugin.config import RunConfig

SEGMENTER = "motion_blur"


def rules_of(config: RunConfig) -> RuleSet:
    """The rule set of a run; measures of installed packages are known to it."""
    packages().measures(config)
    return load_rules(config.rules)


def keys_for(config: RunConfig, asset_id: str, rules: RuleSet) -> tuple[str, str]:
    """(measure key, judge key) of an asset under the present engines, decode settings and rules."""
    used = [SEGMENTER, *config.detector_names]
    if config.repair:  # receipts are part of a report
        used.append("deblur")
    engines = {f"{n} {name}": load_spec(name).digest for n, name in enumerate(used)}
    decode = {"sample": config.sample, "reader": config.reader, "limits": config.limits}
    decode |= {f"measure {extra.name}": extra.version for extra in packages().measures(config)}
    measures = measure_key(asset_id, engines, decode)
    return measures, judge_key(measures, rules.sha256)


def run_keys(config: RunConfig, rules: RuleSet) -> tuple[str, str]:
    """(key of engines and decode settings, key of those with the rules), whatever the asset."""
    return keys_for(config, "", rules)


def error_report(asset: Asset, error: Exception, config: RunConfig, rules: RuleSet) -> AssetReport:
    """Report of an asset that could not be checked: no rows, and one sentence that says why."""
    ours = isinstance(error, QcError)
    keys = keys_for(config, asset.id, rules)
    return AssetReport(
        asset=asset,
        verdict="error",
        media=None,
        frames=(),
        findings=(),
        funnel={},
        coverage=Coverage(duration_s=None, decoded_s=0.0, frames_decoded=0, frames_scored=0, frames_lost=0),
        provenance=provenance(config, rules, keys, ()),
        rules_text=rules.text,
        incomplete=True,
        error=str(error) if ours else f"internal error: {error!r}; please report it with the log",
        error_class=type(error).__name__,
        exit_code=error.exit_code if isinstance(error, QcError) else 70,
    )


def provenance(
    config: RunConfig, rules: RuleSet, keys: tuple[str, str], engines: tuple[EngineUse, ...]
) -> Provenance:
    """How the numbers came about."""
    from qc_plugin import __version__

    return Provenance(
        plugin_version=__version__,
        engines=engines,
        decoder=config.reader,
        sample=config.sample,
        rules_id=rules.id,
        rules_sha256=rules.sha256,
        measure_key=keys[0],
        judge_key=keys[1],
    )
