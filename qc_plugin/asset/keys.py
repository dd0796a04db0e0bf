"""Keys that say under what an asset was measured and judged, and what a report says of that."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from qc_plugin.asset.identity import judge_key, measure_key
from qc_plugin.errors import exit_code_of, sentence_of
from qc_plugin.extensions.installed import packages
from qc_plugin.inference.spec import load_spec
from qc_plugin.rulesets.ruleset import RuleSet, load_rules

if TYPE_CHECKING:
    from qc_plugin.config import RunConfig
    from qc_plugin.types import Asset, AssetReport, EngineUse, Provenance

SEGMENTER = "motion_blur"


def rules_of(config: RunConfig) -> RuleSet:
    """The rule set of a run; measures of installed packages are known to it."""
    packages().measures(config)
    return load_rules(config.rules)


class Keys(NamedTuple):
    """Hashes (hex) of what made the measures of an asset, and of these with the rules that judged them."""

    measure: str
    judge: str


class RunKeys:
    """The keys of any asset under the engines, decode settings and rules as they are now, read once."""

    def __init__(self, config: RunConfig, rules: RuleSet) -> None:
        used = [SEGMENTER, *config.detector_names]
        if config.repair:  # receipts are part of a report
            used.append("deblur")
        self._engines = {f"{n} {name}": load_spec(name).digest for n, name in enumerate(used)}
        decode = {"sample": config.sample, "reader": config.reader, "limits": config.limits}
        extra = {f"measure {extra.name}": extra.version for extra in packages().measures(config)}
        self._decode, self._rules_sha256 = decode | extra, rules.sha256

    def of(self, asset_id: str) -> Keys:
        """The keys of one asset; of "": what all assets of a run have in common."""
        measure = measure_key(asset_id, self._engines, self._decode)
        return Keys(measure, judge_key(measure, self._rules_sha256))


def keys_for(config: RunConfig, asset_id: str, rules: RuleSet) -> Keys:
    """The keys of one asset under the present engines, decode settings and rules."""
    return RunKeys(config, rules).of(asset_id)


def error_report(asset: Asset, error: Exception, config: RunConfig, rules: RuleSet) -> AssetReport:
    """Report of an asset that could not be checked: no rows, and one sentence that says why."""
    from qc_plugin.types import AssetReport, Coverage

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
        error=sentence_of(error),
        error_class=type(error).__name__,
        exit_code=exit_code_of(error),
    )


def provenance(config: RunConfig, rules: RuleSet, keys: Keys, engines: tuple[EngineUse, ...]) -> Provenance:
    """How the numbers came about."""
    from qc_plugin import __version__
    from qc_plugin.types import Provenance

    return Provenance(
        plugin_version=__version__,
        engines=engines,
        decoder=config.reader,
        sample=config.sample,
        rules_id=rules.id,
        rules_sha256=rules.sha256,
        measure_key=keys.measure,
        judge_key=keys.judge,
    )
