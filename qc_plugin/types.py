"""The values that flow between stages: frozen, and checked for shape and dtype when made.

Conventions: time is seconds from pts, never index / fps. Boxes are `(x0, y0, x1, y1)` in pixels of the
upright, square-pixel frame, half-open. Images are HWC uint8 sRGB. Probabilities keep their name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

AssetKind = Literal["video", "artwork"]
RegionKind = Literal["face", "hand", "person"]
Outcome = Literal["pass", "borderline", "fail", "skip"]
Severity = Literal["info", "warning", "error"]
Decision = Literal["accept", "deblur", "review", "reject"]
Verdict = Literal["accept", "review", "reject", "error"]
Box = tuple[float, float, float, float]

DECISION_ORDER: tuple[Decision, ...] = ("accept", "deblur", "review", "reject")
OUTCOME_ORDER: tuple[Outcome, ...] = ("skip", "pass", "borderline", "fail")


def _check(array: NDArray[Any], name: str, *, ndim: int, dtype: type, last: int | None = None) -> None:
    """Raise ValueError unless `array` has the rank, dtype and size of the last axis asked for."""
    if array.ndim != ndim or array.dtype != dtype or (last is not None and array.shape[-1] != last):
        shape = f"{ndim}-d" + (f" with last axis {last}" if last is not None else "")
        raise ValueError(
            f"{name}: expected a {shape} {np.dtype(dtype).name} array, got shape {array.shape} {array.dtype}"
        )


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
    bit_depth: int = 8
    colour_matrix: str = "bt709"
    colour_range: Literal["limited", "full"] = "limited"
    transfer: str = "bt709"
    interlaced: bool = False
    tone_mapped_from: str | None = None  # "pq" or "hlg" when HDR was brought to SDR
    deinterlacer: str | None = None
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
        _check(self.luma, "Preview.luma", ndim=2, dtype=np.uint8)
        _check(self.chroma, "Preview.chroma", ndim=3, dtype=np.uint8)
        _check(self.rows, "Preview.rows", ndim=2, dtype=np.uint8)


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
        _check(self.rgb, "Frame.rgb", ndim=3, dtype=np.uint8, last=3)

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
            _check(getattr(self, name), f"BlurMap.{name}", ndim=2, dtype=np.float32)
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
    """Everything measured on one sampled frame; holds no pixels."""

    frame_index: int
    pts: int | None
    time_base: tuple[int, int]
    pts_s: float
    duration_s: float
    shot: int
    phash: int  # 64 bit, colour-aware
    measures: Mapping[str, float]
    skipped: Mapping[str, str] = field(default_factory=dict)
    regions: tuple[RegionScore, ...] = ()
    blur: Rle | None = None


@dataclass(frozen=True, slots=True)
class Bands:
    """Limits of a rule: at `pass_limit` still pass, at `borderline_limit` (if any) borderline, then fail.

    `worse` is the direction that is worse, so "higher" means the limits are upper bounds.
    """

    pass_limit: float
    borderline_limit: float | None = None
    worse: Literal["higher", "lower"] = "higher"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one rule said about one frame (or one region of it), with the sentence people read."""

    rule_id: str
    outcome: Outcome
    severity: Severity
    action: Decision
    measure: str
    text: str
    value: float | None = None
    limit: float | None = None
    region_kind: RegionKind | None = None
    region_n: int | None = None
    frame_index: int = 0
    start_s: float = 0.0
    end_s: float = 0.0
    bands: Bands | None = None  # what the sheet draws `value` against


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameJudgement:
    """Decision on one frame. `excluded` names the exclude rule that kept it out of ranking, or None."""

    frame_index: int
    decision: Decision
    outcome_worst: Outcome
    findings: tuple[Finding, ...] = ()
    excluded: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """A crop of `ratio` ("16:9", "2:3", "1:1") that cuts no main face; box in frame pixels, whole numbers."""

    ratio: str
    box_xyxy: tuple[int, int, int, int]
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRank:
    """Place of one frame. `unranked` is the one reason a frame has no rank (a key of the funnel)."""

    frame_index: int
    score: float
    score_parts: Mapping[str, float]
    rank: int | None = None
    rank_by_crop: Mapping[str, int] = field(default_factory=dict)
    crops: tuple[Crop, ...] = ()
    duplicate_of: int | None = None
    unranked: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """Receipt of a repair that a rule asked for. Never a change of what was measured: the source stays.

    `before` and `after` are the worst value of the rule's measure among its regions; `refused_why` says why
    the original was kept. `patch_uri` is the repaired picture, relative to the report's folder.
    """

    status: Literal["accepted", "refused"]
    pixels_changed: int
    share: float  # of the frame's pixels
    before: float
    after: float
    refused_why: str | None = None
    patch_uri: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRow:
    """One row of the report: what was measured, decided, ranked, and whether it could be repaired."""

    score: FrameScore
    judgement: FrameJudgement
    rank: FrameRank
    repair: Repair | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineUse:
    """Which engine ran, and how."""

    name: str
    version: str
    sha256: str
    backend: str
    device: str
    precision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """How the numbers came about; a second run with the same provenance gives the same numbers."""

    plugin_version: str
    engines: tuple[EngineUse, ...]
    decoder: str
    sample: str
    rules_id: str
    rules_sha256: str
    measure_key: str
    judge_key: str
    sandbox: str = ""  # what held the decoder; empty where nothing was decoded


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How much of the asset was looked at; incomplete never passes silently."""

    duration_s: float | None
    decoded_s: float
    frames_decoded: int
    frames_scored: int
    frames_lost: int
    rules_skipped: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AssetReport:
    """The outcome for one asset; what the Parquet report holds. `error` is set when verdict is `error`."""

    asset: Asset
    verdict: Verdict
    media: MediaInfo | None
    frames: tuple[FrameRow, ...]
    findings: tuple[Finding, ...]  # joined over time, as they speak for the asset
    funnel: Mapping[str, int]
    coverage: Coverage
    provenance: Provenance
    rules_text: str = ""
    incomplete: bool = False
    degraded: bool = False
    repaired: bool = False
    error: str | None = None
    error_class: str | None = None
    exit_code: int = 0
    stage_seconds: Mapping[str, float] = field(default_factory=dict)
