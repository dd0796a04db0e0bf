"""What only the whole clip can tell of its frames: shots, tracks, likeness, and bars that frames agree on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qc_plugin.signals.technical import agreed_bars, similarity
from qc_plugin.stages.regions import track

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qc_plugin.signals.damage import DamageCounter
    from qc_plugin.signals.technical import Bars, Shots
    from qc_plugin.types import FrameScore


def place(scores: Sequence[FrameScore], shots: Shots, damage: DamageCounter) -> list[FrameScore]:
    """Give every frame its shot, its distance to an edge, its likeness to the frame before, and tracks."""
    tracked = track(
        [[r.region for r in score.regions] for score in scores],
        shots=[shots.shot_at(s.pts_s) for s in scores],
        pts_s=[s.pts_s for s in scores],
    )
    placed = []
    for n, (score, regions) in enumerate(zip(scores, tracked, strict=True)):
        extra = {
            "shot_edge_s": shots.edge_s_at(score.pts_s),
            "corrupt_fraction": damage.share_at(score.pts_s),
        }
        if n:
            extra["similarity_prev"] = similarity(scores[n - 1].phash, score.phash)
        skipped = {name: why for name, why in score.skipped.items() if name not in extra}
        rows = tuple(replace(row, region=region) for row, region in zip(score.regions, regions, strict=True))
        placed.append(
            replace(
                score,
                shot=shots.shot_at(score.pts_s),
                measures={**score.measures, **extra},
                skipped=skipped,
                regions=rows,
            )
        )
    return placed


def inside_bars(
    scores: Sequence[FrameScore], bars: Sequence[Bars], size_px: tuple[int, int]
) -> list[FrameScore]:
    """Give every frame of `size_px` (width, height) the bars its shot agrees on; `bars` of each frame."""
    agreed = agreed_bars(bars, [score.shot for score in scores])
    return [
        replace(
            score,
            measures={**score.measures, "bar_fraction": shared.fraction},
            active_xyxy=shared.box_xyxy(size_px) if shared.fraction else None,
        )
        for score, shared in zip(scores, agreed, strict=True)
    ]
