"""What is crushed to black or blown out to white: of a picture, and of the faces and people in it.

A person in a pool of light on a black stage, or before a white wall, is well exposed however much of the
picture is plain black or white. So faces are judged by themselves, and people without the ground they stand
before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from qc_plugin.types import Box, Region

    Mask = NDArray[np.bool_]

# Luma codes that say "at the end of the scale": quantisation and the preview's scaling move a clipped area by
# two codes at most, while shadows that still hold detail lie above.
_CRUSHED, _BLOWN = 2, 253
# A black or white area is the ground and not the person when more of it lies outside of the people's boxes.
_GROUND_OUTSIDE = 0.5
_LEAST_LEFT = 0.1  # of a person's box beside the ground; with less there is no person to be told from it


def clipped(luma: NDArray[np.uint8]) -> Mask:
    """The pixels of `luma` (h, w), full range, at either end of the scale."""
    return (luma <= _CRUSHED) | (luma >= _BLOWN)


def clipped_of_regions(
    luma: NDArray[np.uint8],
    area: tuple[slice, slice],
    regions: Sequence[Region],
    size_px: tuple[int, int],
) -> list[float]:
    """Share of each region that is clipped, 0..1, from the small `luma` of a frame of `size_px`, width first.

    Of a face the ellipse in its box counts, of a person the box without the plain black or white ground that
    it stands before. What lies outside of `area`, the rows and columns of the picture, counts for nothing.
    """
    if not regions:
        return []
    scale = luma.shape[1] / size_px[0], luma.shape[0] / size_px[1]
    masks = [_mask(luma.shape, region, scale) for region in regions]
    inside = np.zeros(luma.shape, np.bool_)
    inside[area] = True
    ends = clipped(luma)
    people = [mask for mask, region in zip(masks, regions, strict=True) if region.kind == "person"]
    ground = _ground(luma, inside, np.logical_or.reduce(people)) if people else np.zeros_like(inside)
    return [
        _share(ends, mask, inside, ground if region.kind == "person" else None)
        for mask, region in zip(masks, regions, strict=True)
    ]


def _share(ends: Mask, mask: Mask, inside: Mask, ground: Mask | None) -> float:
    within = mask & inside if (mask & inside).any() else mask
    if ground is not None:
        person = within & ~ground
        within = person if person.sum() >= _LEAST_LEFT * within.sum() else within
    return float(ends[within].mean())


def _mask(shape: tuple[int, ...], region: Region, scale: tuple[float, float]) -> Mask:
    """Pixels of the region, at least one: the ellipse in the box of a face, the box of everything else."""
    x0, y0, x1, y1 = _span(region.box_xyxy, scale, shape)
    mask = np.zeros(shape, np.bool_)
    if region.kind != "face":
        mask[y0:y1, x0:x1] = True
        return mask
    y, x = np.ogrid[y0:y1, x0:x1]
    across = (x + 0.5 - (x0 + x1) / 2) / ((x1 - x0) / 2)
    down = (y + 0.5 - (y0 + y1) / 2) / ((y1 - y0) / 2)
    mask[y0:y1, x0:x1] = across**2 + down**2 <= 1
    return mask


def _span(box: Box, scale: tuple[float, float], shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """The box in whole pixels of the small picture, one a side at least."""
    height, width = shape
    x0 = min(max(round(box[0] * scale[0]), 0), width - 1)
    y0 = min(max(round(box[1] * scale[1]), 0), height - 1)
    x1 = min(max(round(box[2] * scale[0]), x0 + 1), width)
    y1 = min(max(round(box[3] * scale[1]), y0 + 1), height)
    return x0, y0, x1, y1


def _ground(luma: NDArray[np.uint8], inside: Mask, people: Mask) -> Mask:
    """The connected black and white areas most of which lie outside of the boxes of people."""
    ground = np.zeros_like(inside)
    for part in _parts(luma, inside):
        ground |= part if (part & ~people).sum() > _GROUND_OUTSIDE * part.sum() else False
    return ground


def _parts(luma: NDArray[np.uint8], inside: Mask) -> Iterator[Mask]:
    """Each connected area of black, and each of white, that is large enough to be a ground."""
    for end in (luma <= _CRUSHED, luma >= _BLOWN):
        found = cv2.connectedComponentsWithStats((end & inside).astype(np.uint8), connectivity=8)
        labels, stats = found[1], found[2]
        for n in range(1, len(stats)):
            if stats[n, cv2.CC_STAT_AREA] >= 0.01 * luma.size:
                yield np.asarray(labels == n)
