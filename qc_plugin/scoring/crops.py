"""Where a 16:9, 2:3 or 1:1 picture can be cut from a frame without cutting a main face."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qc_plugin.rle import decode
from qc_plugin.scoring.rank_parts import clean_sharpness, take_parts, weigh
from qc_plugin.types import Box, Crop, FrameScore, RegionScore

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from qc_plugin.scoring.rule_models import Rank

_Floats = NDArray[np.float64]
_Area = tuple[int, int, int, int]  # x0, y0, x1, y1 of the picture inside bars, or of what is cut from it
_MARGIN = 0.10  # of a face's size, kept free on each side: detectors put the box on brow and chin
# Sizes tried, as shares of the largest crop; below half, a crop of 1080 lines has fewer than 540.
_SCALES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
_POSITIONS = 33  # places tried along each side, besides those that touch a face
_WEIGHT = {"face": 0.3, "person": 0.3, "hand": 0.15}  # of other regions, where a main face weighs 1
_OFF_CENTRE = 0.15  # what a crop loses when its middle is half a frame away from what it shows
_BLURRED = 0.25  # what a crop loses when all of it is blurred


@dataclass(frozen=True, slots=True)
class _Salient:
    """A region worth showing, and how much."""

    box: Box
    weight: float


def crop_frame(
    score: FrameScore,
    faces: Sequence[RegionScore],
    rank: Rank,
    size_px: tuple[int, int],
    missing: Mapping[str, float] | None = None,
) -> tuple[Crop, ...]:
    """The crops of `rank.crops` that this frame allows, for its main `faces`.

    Each is the largest that holds the largest main face whole, with a margin, and cuts no other: every main
    face is inside, or outside altogether. All lie in the picture inside bars. A ratio for which there is none
    is left out. `size_px`: (width, height) of the frame; `missing` as in `take_parts`.
    """
    area = score.active_xyxy or (0, 0, *size_px)
    main = {face.n for face in faces}
    salient = _salient(score, main)
    blurred = None if score.blur is None else _Blurred(decode(score.blur), size_px)
    crops = []
    for ratio in rank.crops:
        found = _find(ratio, salient, faces, area, blurred)
        if found is not None:
            box, scale = found
            view = _view(score, box, blurred)
            seen = [r for r in view.regions if r.region.kind == "face" and r.n in main]
            worth = weigh(take_parts(view, seen, rank.score, missing), rank.score)
            kept = 0.5 + 0.5 * _kept(salient, box)
            crops.append(Crop(ratio=ratio, box_xyxy=box, score=worth * scale * kept))
    return tuple(crops)


class _Blurred:
    """How much of any box is blurred, by sums over the mask made once."""

    def __init__(self, mask: NDArray[np.bool_], size_px: tuple[int, int]) -> None:
        self._sums = np.pad(mask.astype(np.float64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
        self._scale = (mask.shape[1] / size_px[0], mask.shape[0] / size_px[1])
        self.whole = float(mask.mean()) if mask.size else 0.0

    def share(self, x0: _Floats, y0: _Floats, x1: _Floats, y1: _Floats) -> _Floats:
        """Share of blurred pixels, 0..1, of boxes in frame pixels; the sides broadcast."""
        left, right = (np.rint(x * self._scale[0]).astype(int) for x in (x0, x1))
        top, bottom = (np.rint(y * self._scale[1]).astype(int) for y in (y0, y1))
        sums = self._sums
        hit = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
        shares: _Floats = hit / np.maximum((bottom - top) * (right - left), 1)
        return shares


def _salient(score: FrameScore, main: Collection[int]) -> list[_Salient]:
    """Regions by what they are worth: main faces (their numbers) most, and the sharper the more."""
    found = []
    for scored in score.regions:
        is_main = scored.region.kind == "face" and scored.n in main
        weight = 1.0 if is_main else _WEIGHT[scored.region.kind]
        clean = clean_sharpness(scored.measures)
        sharp = 0.5 if clean is None else clean  # cannot tell: half
        found.append(_Salient(scored.region.box_xyxy, weight * (0.5 + 0.5 * sharp)))
    return found


def _find(
    ratio: str,
    salient: Sequence[_Salient],
    faces: Sequence[RegionScore],
    area: _Area,
    blurred: _Blurred | None,
) -> tuple[_Area, float] | None:
    """The best box of the largest size at which there is one, and that size as a share of the largest."""
    for scale in _SCALES:
        size = _crop_size(ratio, (area[2] - area[0], area[3] - area[1]), scale)
        xs = _positions(area, size[0], faces, axis=0)
        ys = _positions(area, size[1], faces, axis=1)
        worth = _worth(xs, ys, size, salient, area, blurred)
        worth[~_allowed(xs, ys, size, faces, area)] = -math.inf
        best = int(np.argmax(worth))
        if worth.flat[best] > -math.inf:
            y, x = ys[best // xs.size], xs[best % xs.size]
            return (int(x), int(y), int(x) + size[0], int(y) + size[1]), scale
    return None


def _crop_size(ratio: str, size_px: tuple[int, int], scale: float) -> tuple[int, int]:
    """Width and height of the crop in whole pixels, at least one and at most those of the picture."""
    across, down = (int(side) for side in ratio.split(":"))
    unit = min(size_px[0] / across, size_px[1] / down) * scale
    width_px, height_px = round(across * unit), round(down * unit)
    return min(max(1, width_px), size_px[0]), min(max(1, height_px), size_px[1])


def _positions(area: _Area, part: int, faces: Sequence[RegionScore], *, axis: int) -> _Floats:
    """Starts to try along one side: evenly spread, and those where a face (with margin) just fits."""
    first, last = area[axis], area[axis + 2] - part
    tried = list(np.linspace(first, last, min(_POSITIONS, last - first + 1)).round())
    for face in faces:
        low, high = _with_margin(face.region.box_xyxy, axis, area)
        tried += [math.floor(low), math.ceil(high) - part, round((low + high - part) / 2)]
        tried += [math.ceil(face.region.box_xyxy[axis + 2]), math.floor(face.region.box_xyxy[axis]) - part]
    return np.unique(np.clip(tried, first, last)).astype(np.float64)


def _with_margin(box: Box, axis: int, area: _Area) -> tuple[float, float]:
    """As far as there is picture: a box may reach over a bar."""
    margin = _MARGIN * (box[axis + 2] - box[axis])
    return max(float(area[axis]), box[axis] - margin), min(float(area[axis + 2]), box[axis + 2] + margin)


def _allowed(
    xs: _Floats, ys: _Floats, size: tuple[int, int], faces: Sequence[RegionScore], area: _Area
) -> NDArray[np.bool_]:
    """(ys, xs) bool: the largest main face is inside, and no other is cut."""
    allowed = np.ones((ys.size, xs.size), bool)
    for face in faces:
        box = face.region.box_xyxy
        inside, apart = [], []
        for axis, starts in ((0, xs), (1, ys)):
            low, high = _with_margin(box, axis, area)
            inside.append((starts <= low) & (starts + size[axis] >= high))
            apart.append((starts >= box[axis + 2]) | (starts + size[axis] <= box[axis]))
        whole = inside[1][:, None] & inside[0][None, :]
        outside = apart[1][:, None] | apart[0][None, :]
        is_largest = face.n == min(each.n for each in faces)
        allowed &= whole if is_largest else whole | outside
    return allowed


def _worth(
    xs: _Floats,
    ys: _Floats,
    size: tuple[int, int],
    salient: Sequence[_Salient],
    area: _Area,
    blurred: _Blurred | None,
) -> _Floats:
    """(ys, xs): what the crop keeps, less for standing off the middle of it and for blur."""
    total = sum(each.weight for each in salient)
    focus = [(area[axis] + area[axis + 2]) / 2 for axis in (0, 1)]
    worth = np.zeros((ys.size, xs.size))
    if total > 0:
        for axis in (0, 1):
            middles = [(each.box[axis] + each.box[axis + 2]) / 2 * each.weight for each in salient]
            focus[axis] = sum(middles) / total
        for each in salient:
            across = _overlap(xs, size[0], each.box[0], each.box[2])
            down = _overlap(ys, size[1], each.box[1], each.box[3])
            worth += each.weight / total * down[:, None] * across[None, :]
    away_x = (xs + size[0] / 2 - focus[0]) / ((area[2] - area[0]) / 2)
    away_y = (ys + size[1] / 2 - focus[1]) / ((area[3] - area[1]) / 2)
    worth -= _OFF_CENTRE * np.hypot(away_y[:, None], away_x[None, :])
    if blurred is not None:
        top, left = ys[:, None], xs[None, :]
        worth -= _BLURRED * blurred.share(left, top, left + size[0], top + size[1])
    return worth


def _overlap(starts: _Floats, length: int, low: float, high: float) -> _Floats:
    """Share of low..high that lies within starts..starts + length."""
    shared = np.minimum(starts + length, high) - np.maximum(starts, low)
    shares: _Floats = np.clip(shared / max(high - low, 1e-9), 0.0, 1.0)
    return shares


def _kept(salient: Sequence[_Salient], box: _Area) -> float:
    """Share of what is worth showing that the crop shows; 1 if there is nothing special."""
    total = sum(each.weight for each in salient)
    if total <= 0:
        return 1.0
    sides = [np.array([float(box[axis])]) for axis in (0, 1)]
    lengths = (box[2] - box[0], box[3] - box[1])
    kept = 0.0
    for each in salient:
        across, down = (_overlap(sides[a], lengths[a], each.box[a], each.box[a + 2])[0] for a in (0, 1))
        kept += each.weight * float(across * down)
    return kept / total


def _view(score: FrameScore, box: tuple[int, int, int, int], blurred: _Blurred | None) -> FrameScore:
    """What the crop shows, as if it were a frame of its own."""
    measures = dict(score.measures)
    if blurred is not None and blurred.whole > 0 and "blur_coverage" in measures:
        sides = [np.array([float(side)]) for side in box]
        here = float(blurred.share(*sides)[0])
        measures["blur_coverage"] = min(1.0, measures["blur_coverage"] * here / blurred.whole)
    seen = tuple(_in_crop(region, box) for region in score.regions if _is_in(region, box))
    return replace(score, regions=seen, measures=measures)


def _is_in(scored: RegionScore, box: tuple[int, int, int, int]) -> bool:
    x0, y0, x1, y1 = scored.region.box_xyxy
    return box[0] <= (x0 + x1) / 2 <= box[2] and box[1] <= (y0 + y1) / 2 <= box[3]


def _in_crop(scored: RegionScore, box: tuple[int, int, int, int]) -> RegionScore:
    """The region with its area as a share of the crop."""
    x0, y0, x1, y1 = scored.region.box_xyxy
    area = (x1 - x0) * (y1 - y0) / ((box[2] - box[0]) * (box[3] - box[1]))
    return replace(scored, measures={**scored.measures, "area_fraction": min(1.0, area)})
