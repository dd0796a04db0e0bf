"""What labelling tools read and give back: region boxes and a blur mask per frame."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from qc_plugin.errors import UsageError
from qc_plugin.rle import decode, encode
from qc_plugin.types import Box, RegionKind, Rle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from qc_plugin.types import AssetReport, RegionScore

BLUR = "motion_blur"  # the class name of the mask in every format
KINDS: tuple[RegionKind, ...] = get_args(RegionKind)
_NUMBER = re.compile(r"frame-(\d{1,12})")
_SCHEMA = "qc.labels/1"


@dataclass(frozen=True, slots=True)
class LabelBox:
    """A region; box in frame pixels. `track` and `confidence` are None where a person drew it."""

    kind: RegionKind
    box_xyxy: Box
    track: int | None = None
    confidence: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class LabelFrame:
    """One frame; `mask` at the size of the report's masks, None where nothing is marked.

    `name` of its picture holds `frame-<index>`, by which it is found again.
    """

    frame_index: int
    name: str
    boxes: tuple[LabelBox, ...]
    mask: Rle | None


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """The labels of one asset; all frames have one size."""

    asset_id: str
    width_px: int
    height_px: int
    frames: tuple[LabelFrame, ...]


def labels_of(report: AssetReport) -> Labels:
    """The regions and masks of every scored frame. Raises UsageError for a report without frames."""
    if report.media is None or not report.frames:
        raise UsageError(f"this report holds no frames: {report.error or 'nothing was scored'}")
    frames = tuple(
        LabelFrame(
            frame_index=row.score.frame_index,
            name=picture_name(row.score.frame_index, row.rank.rank, row.score.pts_s),
            boxes=tuple(_box(region) for region in row.score.regions),
            mask=row.score.blur,
        )
        for row in report.frames
    )
    return Labels(report.asset.id, report.media.width_px, report.media.height_px, frames)


def picture_name(frame_index: int, rank: int | None, pts_s: float) -> str:
    """The name of a frame's picture: that of its still where it is ranked."""
    tail = f"frame-{frame_index:06d}-{pts_s:.3f}s.jpg"
    return tail if rank is None else f"{rank:02d}-{tail}"


def index_in(name: str) -> int:
    """The frame that a picture's name speaks of. Raises UsageError for a name without one."""
    match = _NUMBER.search(name)
    if match is None:
        raise UsageError(f"`{name[:80]}` names no frame; keep `frame-<number>` in the names of pictures")
    return int(match[1])


def kind_of(name: object) -> RegionKind:
    """A class name as a region kind. Raises UsageError naming those there are."""
    for kind in KINDS:
        if str(name).lower() == kind:
            return kind
    raise UsageError(f"unknown class `{str(name)[:40]}`; known: {', '.join((*KINDS, BLUR))}")


def enlarge(rle: Rle, height: int, width: int) -> NDArray[np.bool_]:
    """A report's mask at the frame's size (height, width), unblended; `reduce` takes it back exactly."""
    mask = decode(rle)
    rows = ((np.arange(height) + 0.5) * mask.shape[0] / height).astype(np.int64)
    columns = ((np.arange(width) + 0.5) * mask.shape[1] / width).astype(np.int64)
    return mask[np.ix_(rows, columns)]


def reduce(mask: NDArray[np.bool_], size: tuple[int, int]) -> Rle | None:
    """A mask at the frame's size at the report's mask size (height, width); None when nothing is marked."""
    rows = ((np.arange(size[0]) + 0.5) * mask.shape[0] / size[0]).astype(np.int64)
    columns = ((np.arange(size[1]) + 0.5) * mask.shape[1] / size[1]).astype(np.int64)
    small = mask[np.ix_(rows, columns)]
    return encode(small) if small.any() else None


def mask_size(report: AssetReport) -> tuple[int, int]:
    """(height, width) of the masks in a report; a quarter of the frame where it holds none."""
    for row in report.frames:
        if row.score.blur is not None:
            return row.score.blur.height, row.score.blur.width
    assert report.media is not None
    return max(1, report.media.height_px // 4), max(1, report.media.width_px // 4)


def as_lines(labels: Labels, source: str) -> str:
    """Labels as JSON lines, one a frame: what `import` writes."""
    return "".join(json.dumps(_line(labels, frame, source)) + "\n" for frame in labels.frames)


def changes(before: Labels, after: Labels) -> list[str]:
    """What people changed, a sentence a frame; frames that came back alone are compared."""
    known = {frame.frame_index: frame for frame in before.frames}
    found = []
    for frame in after.frames:
        if frame.frame_index not in known:
            raise UsageError(f"frame {frame.frame_index} is not in this report; name the one it came from")
        text = _changed(known[frame.frame_index], frame)
        if text:
            found.append(f"frame {frame.frame_index}: {text}")
    return found


def _changed(before: LabelFrame, after: LabelFrame) -> str:
    parts = []
    for kind in KINDS:
        old = [b.box_xyxy for b in before.boxes if b.kind == kind]
        new = [b.box_xyxy for b in after.boxes if b.kind == kind]
        same = sum(any(_close(a, b) for b in new) for a in old)
        if len(old) != len(new) or same != len(old):
            parts.append(f"{kind} boxes {len(old)} -> {len(new)}, {same} unchanged")
    overlap = _overlap(before.mask, after.mask)
    if overlap < 1:
        parts.append(f"blur mask overlaps {overlap:.0%}")
    return "; ".join(parts)


def _close(a: Box, b: Box) -> bool:
    """Within the pixel that formats with rounded numbers lose."""
    return all(abs(x - y) <= 1.0 for x, y in zip(a, b, strict=True))


def _overlap(before: Rle | None, after: Rle | None) -> float:
    """Intersection over union of two masks; 1 where both mark nothing."""
    if before is None or after is None:
        marked = any(rle is not None and decode(rle).any() for rle in (before, after))
        return 0.0 if marked else 1.0
    a, b = decode(before), decode(after)
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else 1.0


def _line(labels: Labels, frame: LabelFrame, source: str) -> dict[str, Any]:
    mask = frame.mask
    return {
        "schema": _SCHEMA,
        "source": source,
        "asset_id": labels.asset_id,
        "frame_index": frame.frame_index,
        "regions": [
            {"kind": box.kind, "box_xyxy": list(box.box_xyxy), "track": box.track} for box in frame.boxes
        ],
        "blur_rle": None if mask is None else {"h": mask.height, "w": mask.width, "counts": mask.counts},
    }


def _box(scored: RegionScore) -> LabelBox:
    region = scored.region
    return LabelBox(region.kind, region.box_xyxy, region.track_id, region.confidence)


def clipped(corners: Sequence[float], width_px: int, height_px: int) -> Box:
    """x0, y0, x1, y1 within the frame. Raises UsageError for what is no box."""
    if len(corners) != 4 or not all(np.isfinite(corners)):
        raise UsageError(f"a box has {len(corners)} numbers or one that is none; expected x0, y0, x1, y1")
    x0, x1 = (float(np.clip(v, 0, width_px)) for v in (corners[0], corners[2]))
    y0, y1 = (float(np.clip(v, 0, height_px)) for v in (corners[1], corners[3]))
    if x1 < x0 or y1 < y0:
        raise UsageError(f"a box ends before it begins: {[round(v, 1) for v in corners]}")
    return x0, y0, x1, y1
