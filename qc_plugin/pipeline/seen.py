"""Decoded frames with what their neighbours say of them: of video, the motion from frame to frame."""

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
class Seen:
    """One decoded frame: its preview, its RGB where it was wanted, and then what its motion says of blur.

    `corrupt` and `n_lost` as in `DecodedLook`. `odds` as `signals.optical_flow.odds_of_blur` gives them: None
    for a picture, and where it cannot be told. `beside`: the previews before and after, of a frame wanted.
    """

    preview: Preview
    frame: Frame | None
    odds: NDArray[np.float32] | None
    corrupt: bool = False
    n_lost: int = 0
    beside: tuple[Preview, ...] = ()


def seen(looks: Iterable[DecodedLook]) -> Iterator[Seen]:
    """All looks in order, each as soon as the next is there; those before a failure come before it is raised.

    Raises AssetError as `looks` does.
    """
    before: Preview | None = None
    held: DecodedLook | None = None
    failure: AssetError | None = None
    try:
        for look in looks:
            if held is not None:
                yield _seen(held, before, look.preview)
                before = held.preview
            held = look
    except AssetError as error:
        failure = error
    if held is not None:
        yield _seen(held, before, None)
    if failure is not None:
        raise failure


def _seen(look: DecodedLook, before: Preview | None, after: Preview | None) -> Seen:
    if look.frame is None:
        return Seen(look.preview, None, None, look.corrupt, look.n_lost)
    moved = displacement(look.preview, (before, after))
    odds = None if moved is None else odds_of_blur(moved, look.frame.rgb)
    beside = tuple(other for other in (before, after) if other is not None)
    return Seen(look.preview, look.frame, odds, look.corrupt, look.n_lost, beside)


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """A sampled frame with what the cheap pass said of it: `odds` as in `Seen`, the rest of its preview."""

    frame: Frame
    technical: Mapping[str, float]
    phash: int
    luma: NDArray[np.uint8]
    bars: Bars
    odds: NDArray[np.float32] | None = None

    @classmethod
    def of(cls, frame: Frame, look: Seen, kind: AssetKind) -> Sampled:
        """`frame` of that look, measured cheaply. A still has no fields, so none are looked for in it."""
        preview = look.preview
        bars = find_bars(preview.luma)
        technical = {**measure_preview(preview, bars, look.beside), "corrupt": float(look.corrupt)}
        if kind == "artwork":
            del technical["comb_ratio"]
        return cls(frame, technical, perceptual_hash(preview), preview.luma, bars, look.odds)
