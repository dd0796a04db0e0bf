"""Measures of installed packages, taken beside ours and stored like them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qc_plugin.extensions.installed import packages

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from qc_plugin.config import RunConfig
    from qc_plugin.extensions import ExtraMeasure
    from qc_plugin.types import Box, Frame, FrameScore, RegionScore
    from qc_plugin.types.measures import Measure


def with_extra(scores: Sequence[FrameScore], frames: Sequence[Frame], config: RunConfig) -> list[FrameScore]:
    """`scores` with what installed packages measure on `frames`; as they are when none measures anything."""
    extras = packages().measures(config)
    if not extras:
        return list(scores)
    return [_frame(score, frame, extras, config) for score, frame in zip(scores, frames, strict=True)]


def extra_measures(config: RunConfig) -> tuple[Measure, ...]:
    """What installed packages measure, for the report to say what its numbers mean."""
    return tuple(extra.measure for extra in packages().measures(config))


def _frame(score: FrameScore, frame: Frame, extras: Sequence[ExtraMeasure], config: RunConfig) -> FrameScore:
    rgb = frame.rgb.view()
    rgb.flags.writeable = False  # the same pixels are scored, cut and written after it
    of_frame = [e for e in extras if e.where in ("frame", "both")]
    of_region = [e for e in extras if e.where in ("region", "both")]
    values, skipped = _take(of_frame, rgb, frame.box_xyxy, config)
    return replace(
        score,
        measures={**score.measures, **values},
        skipped={**score.skipped, **skipped},
        regions=tuple(_region(region, rgb, of_region, config) for region in score.regions),
    )


def _region(
    scored: RegionScore, rgb: NDArray[np.uint8], extras: Sequence[ExtraMeasure], config: RunConfig
) -> RegionScore:
    values, skipped = _take(extras, rgb, scored.region.box_xyxy, config)
    return replace(scored, measures={**scored.measures, **values}, skipped={**scored.skipped, **skipped})


def _take(
    extras: Sequence[ExtraMeasure], rgb: NDArray[np.uint8], box: Box, config: RunConfig
) -> tuple[dict[str, float], dict[str, str]]:
    values: dict[str, float] = {}
    skipped: dict[str, str] = {}
    for extra in extras:
        number, why = packages().take(extra, lambda extra=extra: extra.function(rgb, box), config)  # type: ignore[misc]
        if number is None:
            skipped[extra.name] = why
        else:
            values[extra.name] = number
    return values, skipped
