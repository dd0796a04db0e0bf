"""Repairs that rules ask for, each with its proof: deblur, measure again, judge again, and only then accept.

A repair changes neither measures nor decision of a frame: those tell what is in the file. What it gives is a
receipt and, where everything was proved, a picture beside the report.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from qc_plugin.pipeline.judge import as_stored
from qc_plugin.scoring.evaluate import judge_measured
from qc_plugin.scoring.measures import apply_limits, score_frame
from qc_plugin.scoring.selection import rounded, select, selection_of
from qc_plugin.signals.sharpness import sharpness
from qc_plugin.stages.deblur import DeblurPatch, LocalDeblurrer
from qc_plugin.stages.motion_paths import reblur
from qc_plugin.stages.pictures import cut
from qc_plugin.types import Finding, Frame, FrameJudgement, FrameRow, FrameScore, RegionScore, Repair
from qc_plugin.types.measures import BLUR_MEASURES

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from qc_plugin.config import RunConfig
    from qc_plugin.rulesets.ruleset import RuleSet
    from qc_plugin.scoring.rule_models import RepairRules
    from qc_plugin.stages.segment import BlurSegmenter
    from qc_plugin.stages.spool import PictureSpool
    from qc_plugin.types import AssetReport, BlurMap, Box

    Rgb = NDArray[np.uint8]
    Odds = NDArray[np.float32]

_COARSE_CELLS = 12  # along the longer side of a region: what makes out a face, not how sharp it is
_MARGIN = 0.1  # of a region's size: a smear reaches over the box
_NEW = {*BLUR_MEASURES, "evidence", "sharpness"}


@dataclass(frozen=True, slots=True)
class RepairEngines:
    """What a repair is made and proved with; the deblurrer is opened when the first rule asks for it."""

    segmenter: BlurSegmenter
    deblurrer: Callable[[], LocalDeblurrer]


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """One repair and what was measured on it."""

    boxes: list[Box]
    patch: DeblurPatch
    score: FrameScore
    judgement: FrameJudgement


def repair_frames(
    report: AssetReport, pictures: PictureSpool, repaired: PictureSpool, bench: RepairEngines, rules: RuleSet
) -> AssetReport:
    """`report` with a receipt on every frame that was tried; accepted pictures go to `repaired`."""
    due = [row for row in report.frames if row.judgement.decision == "deblur"]
    due.sort(key=lambda row: (row.rank.rank is None, row.rank.rank or 0, -row.rank.score))
    if not due:
        return report
    receipts: dict[int, Repair] = {}
    for row in due[: rules.repair.frames]:
        index = row.score.frame_index
        receipts[index], picture = repair_frame(
            row, pictures.rgb(index), bench, rules, odds=pictures.odds(index)
        )
        if picture is not None:
            repaired.add(index, picture)
    use = bench.deblurrer().session.use
    return replace(
        report,
        frames=tuple(replace(r, repair=receipts.get(r.score.frame_index)) for r in report.frames),
        repaired=any(receipt.status == "accepted" for receipt in receipts.values()),
        provenance=replace(report.provenance, engines=(*report.provenance.engines, use)),
    )


def deblurrer_of(config: RunConfig) -> LocalDeblurrer:
    """The deblurrer of these settings, opened once a process. Raises EngineError."""
    return _open(config.backend, config.precision, config.threads)


@cache
def _open(backend: str, precision: str, threads: int | None) -> LocalDeblurrer:
    return LocalDeblurrer.load(backend=backend, precision=precision, threads=threads)


def repair_frame(
    row: FrameRow, rgb: Rgb, bench: RepairEngines, rules: RuleSet, *, odds: Odds | None = None
) -> tuple[Repair, Rgb | None]:
    """The receipt of one frame, and its repaired picture if it was accepted.

    `odds` is what the frame was judged by too: without it the repaired one would look better for nothing.
    """
    asked = [finding for finding in row.judgement.findings if finding.action == "deblur"]
    attempt = _attempt(row.score, asked, rgb, bench, rules, odds)
    changed = int((attempt.patch.rgb != rgb).any(axis=2).sum())
    worst = max(asked, key=_distance)
    after = next((f for f in attempt.judgement.findings if f.rule_id == worst.rule_id), worst)
    why: str | None = "no blur to repair was found"
    if changed:
        why = refusal(attempt, asked, row.judgement, rgb, rules.repair)
    before_value = worst.value or 0.0
    receipt = Repair(
        status="refused" if why else "accepted",
        pixels_changed=changed,
        share=_f32(changed / (rgb.shape[0] * rgb.shape[1])),
        before=_f32(before_value),
        after=_f32(before_value if after.value is None else after.value),
        refused_why=why,
    )
    return receipt, None if why else attempt.patch.rgb


def refusal(
    attempt: Attempt, asked: list[Finding], before: FrameJudgement, rgb: Rgb, limits: RepairRules
) -> str | None:
    """The first proof that fails, or None."""
    return _not_better(attempt, asked, before, limits) or _not_true(attempt, rgb, limits)


def _not_better(
    attempt: Attempt, asked: list[Finding], before: FrameJudgement, limits: RepairRules
) -> str | None:
    """Why the rules do not call it better, or None."""
    if attempt.judgement.excluded is not None:
        return f"after repair the frame is left out: {attempt.judgement.excluded}"
    old = {finding.rule_id: finding for finding in before.findings}
    names = {finding.rule_id for finding in asked}
    for new in attempt.judgement.findings:
        was = old[new.rule_id]
        if new.outcome not in (was.outcome, "pass"):
            return f"after repair: {new.text}"
        if new.rule_id in names and new.outcome != "pass":
            return f"still blurred after repair: {new.text}"
        fall = abs((was.value or 0.0) - (new.value or 0.0))
        if new.rule_id in names and rounded(fall) < limits.blur_falls_by:
            return f"blur fell by {fall:.1%} only, needs {limits.blur_falls_by:.1%}"
    return None


def _not_true(attempt: Attempt, rgb: Rgb, limits: RepairRules) -> str | None:
    """Why the result cannot be what was there, or None."""
    explained = reblur_db(attempt.patch, rgb)
    if explained < limits.reblur_db:
        return f"blurred again it explains the input to {explained:.1f} dB, needs {limits.reblur_db:.1f}"
    change = max(coarse_change(attempt.patch.rgb, rgb, box) for box in attempt.boxes)
    if change > limits.change_at_most:
        return (
            f"a region changed by {change:.1%} of full scale seen coarsely, limit {limits.change_at_most:.1%}"
        )
    return None


def reblur_db(patch: DeblurPatch, rgb: Rgb) -> float:
    """How well the result, blurred along its path, explains the input: PSNR of what changed."""
    changed = (patch.rgb != rgb).any(axis=2)
    if not changed.any():
        return float("inf")
    rows, columns = _bounds(changed)
    again = reblur(patch.rgb[rows, columns], patch.motion[_cells(rows), _cells(columns)])
    error = again - rgb[rows, columns].astype(np.float32)
    return float(10 * np.log10(255**2 / max(float(np.square(error[changed[rows, columns]]).mean()), 1e-9)))


def coarse_change(after: Rgb, before: Rgb, box: Box) -> float:
    """Mean change of a region seen in a dozen cells, share of full scale: the limit against invention."""
    seen = []
    for picture in (after, before):
        part = cut(picture, box)
        scale = _COARSE_CELLS / max(part.shape[:2])
        size = tuple(max(1, round(side * scale)) for side in part.shape[1::-1])
        seen.append(cv2.resize(part.astype(np.float32), size, interpolation=cv2.INTER_AREA))
    return float(np.abs(seen[0] - seen[1]).mean() / 255)


def boxes_of(score: FrameScore, asked: list[Finding], rules: RuleSet) -> list[Box]:
    """The regions that speak against the frame under the rules that asked, or the whole frame (no box)."""
    by_id = {rule.id: rule for rule in rules.rules}
    boxes: dict[Box, None] = {}
    for finding in asked:
        selection = selection_of(by_id[finding.rule_id], rules.regions)
        for scored in select(selection, score.regions) if selection else ():
            if _is_beyond(scored, finding):
                boxes[scored.region.box_xyxy] = None
    return list(boxes)


def _attempt(
    score: FrameScore,
    asked: list[Finding],
    rgb: Rgb,
    bench: RepairEngines,
    rules: RuleSet,
    odds: Odds | None,
) -> Attempt:
    frame = Frame(score.frame_index, score.pts_s, score.duration_s, rgb, score.pts, score.time_base)
    boxes = boxes_of(score, asked, rules) or [frame.box_xyxy]
    patch = bench.deblurrer().repair(rgb, [_grown(box) for box in boxes])
    repaired = replace(frame, rgb=patch.rgb)
    (blur,) = bench.segmenter.segment([repaired], [odds])
    again = apply_limits(as_stored(_rescored(score, repaired, blur)), rules.limits)
    return Attempt(boxes, patch, again, judge_measured(again, rules))


def _rescored(score: FrameScore, frame: Frame, blur: BlurMap) -> FrameScore:
    """`score` with blur and sharpness measured anew on the repaired `frame`, in the same regions."""
    regions = [scored.region for scored in score.regions]
    whole, *rest = sharpness(frame.rgb, [frame.box_xyxy, *(r.box_xyxy for r in regions)])
    new = score_frame(
        frame,
        technical={},
        phash=score.phash,
        regions=regions,
        sharpness_frame=whole,
        measured_regions=[{"sharpness": value} for value in rest],
        blur_map=blur,
    )
    pairs = {(r.region.kind, r.n): r for r in new.regions}
    return replace(
        score,
        measures={**score.measures, **{k: v for k, v in new.measures.items() if k in _NEW}},
        regions=tuple(_merged(old, pairs[old.region.kind, old.n]) for old in score.regions),
        blur=new.blur,
    )


def _merged(old: RegionScore, new: RegionScore) -> RegionScore:
    return replace(old, measures={**old.measures, **{k: v for k, v in new.measures.items() if k in _NEW}})


def _is_beyond(scored: RegionScore, finding: Finding) -> bool:
    value, bands = scored.measures.get(finding.measure), finding.bands
    if value is None or bands is None:
        return False
    return value > bands.pass_limit if bands.worse == "higher" else value < bands.pass_limit


def _distance(finding: Finding) -> float:
    return abs((finding.value or 0.0) - (finding.limit or 0.0))


def _grown(box: Box) -> Box:
    x0, y0, x1, y1 = box
    dx, dy = (x1 - x0) * _MARGIN, (y1 - y0) * _MARGIN
    return x0 - dx, y0 - dy, x1 + dx, y1 + dy


def _bounds(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The part that holds every set pixel and what blurs into it, on whole cells."""
    found = []
    for axis in (1, 0):
        places = np.flatnonzero(mask.any(axis=axis))
        start = max(0, int(places[0]) - 48) // 4 * 4
        found.append(slice(start, int(places[-1]) + 49))
    rows, columns = found
    return slice(rows.start, min(rows.stop, mask.shape[0])), slice(
        columns.start, min(columns.stop, mask.shape[1])
    )


def _cells(pixels: slice) -> slice:
    return slice(pixels.start // 4, -(-pixels.stop // 4))


def _f32(value: float) -> float:
    return float(np.float32(value))
