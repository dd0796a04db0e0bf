"""The frames to score, each with what is known of it before a network looks; of video, also its motion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qc_plugin.errors import AssetError
from qc_plugin.signals.optical_flow import displacement, odds_of_blur
from qc_plugin.signals.technical import Bars, find_bars, measure_preview, perceptual_hash

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from qc_plugin.isolation.looks import DecodedLook
    from qc_plugin.types import AssetKind, Frame, Preview


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A frame with the measures that its preview gives, the preview's `luma` and the `bars` in it.

    `odds` as `signals.optical_flow.odds_of_blur` gives them: None for a picture, and where it cannot be told.
    """

    frame: Frame
    technical: Mapping[str, float]
    phash: int
    luma: NDArray[np.uint8]
    bars: Bars
    odds: NDArray[np.float32] | None = None


def sampled(looks: Iterable[DecodedLook], kind: AssetKind) -> Iterator[Sample]:
    """The frames of `looks`, at an asset of `kind`, that came as RGB: in order, each after the next look.

    Raises AssetError as `looks` does, after the samples that came before it.
    """
    before: Preview | None = None
    held: DecodedLook | None = None
    failure: AssetError | None = None
    try:
        for look in looks:
            if held is not None:
                yield from _sample(held, kind, before, look.preview)
                before = held.preview
            held = look
    except AssetError as error:
        failure = error
    if held is not None:
        yield from _sample(held, kind, before, None)
    if failure is not None:
        raise failure


def _sample(
    look: DecodedLook, kind: AssetKind, before: Preview | None, after: Preview | None
) -> Iterator[Sample]:
    """The sample of a look between its neighbours; none of a look without RGB."""
    preview, frame = look.preview, look.frame
    if frame is None:
        return
    beside = tuple(other for other in (before, after) if other is not None)
    moved = displacement(preview, beside)
    odds = None if moved is None else odds_of_blur(moved, frame.rgb)
    bars = find_bars(preview.luma)
    technical = {**measure_preview(preview, bars, beside), "corrupt": float(look.corrupt)}
    if kind == "artwork":
        del technical["comb_ratio"]  # a still has no fields, so none are looked for in it
    yield Sample(frame, technical, perceptual_hash(preview), preview.luma, bars, odds)
