"""THE composer: one asset through the stages. Read this file first, then `measure.py` and `judge.py`.

decode -> technical measures, motion blur, regions, sharpness (per sampled frame) -> shots and tracks (once
the clip is known) -> rules -> ranking -> repairs that rules ask for -> report. No stage knows another; only
this package joins them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from qc_plugin.pipeline.extra import extra_measures
from qc_plugin.pipeline.judge import judge_scores
from qc_plugin.pipeline.measure import Engines, Measured, Watch, measure_artwork, measure_video, timed
from qc_plugin.pipeline.repair import RepairEngines, deblurrer_of, repair_frames
from qc_plugin.scoring.asset_findings import read_in_part
from qc_plugin.stages.spool import PictureSpool
from qc_plugin.types import Asset, AssetReport, Coverage, Provenance

if TYPE_CHECKING:
    from qc_plugin.config import RunConfig
    from qc_plugin.rulesets.ruleset import RuleSet

__all__ = ["Checked", "Engines", "Watch", "check_asset"]


@dataclass(slots=True)
class Checked:
    """The report of an asset, and the pictures of its frames until `close`."""

    report: AssetReport
    pictures: PictureSpool
    stopped: bool = False  # by `watch`: a part, to be done again with more time
    repaired: PictureSpool = field(default_factory=PictureSpool)  # frames whose repair was accepted

    def close(self) -> None:
        """Give the pictures' space back."""
        self.pictures.close()
        self.repaired.close()


def check_asset(
    asset: Asset,
    engines: Engines,
    rules: RuleSet,
    config: RunConfig,
    provenance: Provenance,
    watch: Watch | None = None,
) -> Checked:
    """Check one asset: measure, judge, rank. Raises AssetError when it cannot be decoded at all.

    `watch` hears the share that is done and may stop the work after a batch of frames: the report then says
    `incomplete` (TemporaryError when nothing was scored yet).
    """
    measure = measure_artwork if asset.kind == "artwork" else measure_video
    measured = measure(asset, engines.at_scale_of(asset.kind), config, watch)
    with timed(measured.seconds, "judge"):
        report = replace(_judge(asset, measured, rules, provenance), measures=extra_measures(config))
    checked = Checked(report, measured.pictures, measured.stopped)
    if config.repair and not measured.stopped:
        with timed(measured.seconds, "repair"):
            bench = RepairEngines(engines.segmenter, partial(deblurrer_of, config))
            checked.report = repair_frames(report, measured.pictures, checked.repaired, bench, rules)
    return checked


def _judge(asset: Asset, measured: Measured, rules: RuleSet, provenance: Provenance) -> AssetReport:
    """The report on what was measured."""
    media, stats = measured.media, measured.stats
    assert media is not None
    incomplete = _why_incomplete(measured)
    judged = judge_scores(
        measured.scores, rules, size_px=(media.width_px, media.height_px), incomplete=incomplete
    )
    return AssetReport(
        asset=asset,
        verdict=judged.verdict,
        media=media,
        frames=judged.frames,
        findings=judged.findings,
        funnel=judged.funnel,
        coverage=Coverage(
            duration_s=media.duration_s,
            decoded_s=stats.decoded_s,
            frames_decoded=stats.n_decoded,
            frames_scored=len(judged.frames),
            frames_lost=stats.n_errors,
            frames_corrupt=stats.n_corrupt,
            rules_skipped=judged.rules_skipped,
        ),
        provenance=replace(provenance, decoder=media.decoder, sandbox=measured.sandbox),
        rules_text=rules.text,
        incomplete=bool(incomplete),
        degraded=bool(stats.n_errors or stats.n_corrupt),
        stage_seconds=measured.seconds,
    )


def _why_incomplete(measured: Measured) -> str:
    """Why only a part was looked at; "" for the whole."""
    media, stats = measured.media, measured.stats
    assert media is not None
    if measured.stopped:
        seen_s = measured.scores[-1].pts_s + measured.scores[-1].duration_s
        return f"stopped after {seen_s:.1f} s of it: the time was over"
    return read_in_part(media.duration_s, stats.decoded_s) if stats.ended_early else ""
