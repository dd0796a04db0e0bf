"""What is decoded, found and measured: assets, frames, maps, regions and their scores."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from qc_plugin.types.words import AssetKind, Box, RegionKind


def _check(array: NDArray[Any], name: str, *, ndim: int, dtype: str, last: int | None = None) -> None:
    """Raise ValueError unless `array` has the rank, dtype and size of the last axis asked for.

    The dtype is a name, so that those who only talk of frames load no numpy.
    """
    if array.ndim != ndim or array.dtype != dtype or (last is not None and array.shape[-1] != last):
        shape = f"{ndim}-d" + (f" with last axis {last}" if last is not None else "")
        raise ValueError(f"{name}: expected a {shape} {dtype} array, got shape {array.shape} {array.dtype}")


@dataclass(frozen=True, slots=True)
class Asset:
    """One file to judge. `id` is the SHA-256 of its bytes (hex), or what the host calls it.

    `state` (device, inode, bytes, mtime and ctime in ns) is of the file that was hashed: what is decoded must
    have the same. It is in no report.
    """

    id: str
    path: str
    kind: AssetKind
    state: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaInfo:
    """What the container and the decoder say about an asset. Sizes are upright and in square pixels."""

    container: str
    codec: str
    pixel_format: str
    width_px: int
    height_px: int
    duration_s: float | None = None
    average_fps: float | None = None
    rotation_deg: int = 0
    sample_aspect: tuple[int, int] = (1, 1)
    codec_sample_aspect: tuple[int, int] | None = None  # where the container says otherwise, and is believed
    bit_depth: int = 8
    colour_matrix: str = "bt709"
    colour_range: Literal["limited", "full"] = "limited"
    transfer: str = "bt709"
    interlaced: bool = False
    tone_mapped_from: str | None = None  # "pq" or "hlg" when HDR was brought to SDR
    deinterlacer: str | None = None
    start_timecode: str | None = None  # of the first frame, as the source states it; `;` is drop-frame
    colour_true: bool = True  # False where the colours of the source cannot be shown
    notes: tuple[str, ...] = ()  # every assumption taken, e.g. "untagged HD taken as bt709"
    decoder: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeStats:
    """What was lost on the way. `n_errors` > 0 or `n_corrupt` > 0 makes the asset `degraded`."""

    n_decoded: int = 0
    n_errors: int = 0
    n_corrupt: int = 0
    ended_early: bool = False
    decoded_s: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Preview:
    """The cheap look at one decoded frame: small luma and chroma, never RGB.

    `luma` (h, w) uint8, full range (0 black, 255 white), long side at most 320 px.
    `chroma` (2, h', w') uint8, Cb and Cr around 128, any small size.
    `rows` (H, n) uint8: full-height strips of the original luma, for combing, n at most 96.
    """

    index: int
    pts_s: float
    luma: NDArray[np.uint8]
    chroma: NDArray[np.uint8]
    rows: NDArray[np.uint8]

    def __post_init__(self) -> None:
        _check(self.luma, "Preview.luma", ndim=2, dtype="uint8")
        _check(self.chroma, "Preview.chroma", ndim=3, dtype="uint8")
        _check(self.rows, "Preview.rows", ndim=2, dtype="uint8")


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame, ready to look at: `rgb` (H, W, 3) uint8 sRGB, upright, square pixels, contiguous.

    `index` is the decode ordinal, `pts` the timestamp in `time_base` units (None for artwork).
    """

    index: int
    pts_s: float
    duration_s: float
    rgb: NDArray[np.uint8]
    pts: int | None = None
    time_base: tuple[int, int] = (1, 1)

    def __post_init__(self) -> None:
        _check(self.rgb, "Frame.rgb", ndim=3, dtype="uint8", last=3)

    @property
    def box_xyxy(self) -> Box:
        """The whole of it."""
        height, width = self.rgb.shape[:2]
        return 0.0, 0.0, float(width), float(height)

    def __repr__(self) -> str:
        height, width = self.rgb.shape[:2]
        return f"Frame({self.index}, {self.pts_s:.3f} s, {width}x{height})"


@dataclass(frozen=True, slots=True, eq=False)
class BlurMap:
    """Motion blur of one frame, per pixel; all maps (h, w) float32 in [0, 1].

    `probability` that the pixel is motion-blurred; `intensity` = blur extent / 24 px at the engine's analysis
    scale; `evidence` = how far blur could be seen here at all (flat skin: low). `scale_xy` = (W / w, H / h)
    takes map to frame coordinates. `threshold` and `evidence_floor` come from the engine, not from a rule.
    """

    frame_index: int
    probability: NDArray[np.float32]
    intensity: NDArray[np.float32]
    evidence: NDArray[np.float32]
    scale_xy: tuple[float, float] = (1.0, 1.0)
    threshold: float = 0.5
    evidence_floor: float = 0.15

    def __post_init__(self) -> None:
        for name in ("probability", "intensity", "evidence"):
            _check(getattr(self, name), f"BlurMap.{name}", ndim=2, dtype="float32")
        if not self.probability.shape == self.intensity.shape == self.evidence.shape:
            raise ValueError("BlurMap: probability, intensity and evidence differ in shape")


@dataclass(frozen=True, slots=True)
class Region:
    """A face, hand or person. `box_xyxy` in frame pixels, clipped to the frame; `confidence` in [0, 1].

    `track_id` is stable within a shot; `predicted` marks a box carried on by motion while its face was lost.
    """

    frame_index: int
    kind: RegionKind
    box_xyxy: Box
    confidence: float
    track_id: int | None = None
    predicted: bool = False

    def __post_init__(self) -> None:
        x0, y0, x1, y1 = self.box_xyxy
        if not (x1 >= x0 and y1 >= y0):
            raise ValueError(f"Region.box_xyxy: expected x1 >= x0 and y1 >= y0, got {self.box_xyxy}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionScore:
    """Measures of one region. A measure that could not be taken is absent and `skipped` says why."""

    n: int  # 1-based number of this region in its frame, per kind, largest first
    region: Region
    measures: Mapping[str, float]
    skipped: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Rle:
    """A binary mask as COCO run lengths over columns; `counts` in COCO's compressed text form."""

    height: int
    width: int
    counts: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameScore:
    """Everything measured on one sampled frame; holds no pixels. A frame by itself is the first shot."""

    frame_index: int
    pts: int | None
    time_base: tuple[int, int]
    pts_s: float
    duration_s: float
    shot: int = 0
    phash: int  # 64 bit, colour-aware
    measures: Mapping[str, float]
    skipped: Mapping[str, str] = field(default_factory=dict)
    regions: tuple[RegionScore, ...] = ()
    blur: Rle | None = None
    # The picture inside letterbox or pillarbox bars, in frame pixels; None where there are none.
    active_xyxy: tuple[int, int, int, int] | None = None
