"""YuNet (Wu et al. 2023): anchor-free faces at strides 8, 16 and 32, the cells of a stride in one row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qc_plugin.stages.region_decoders.boxes import (
    BoxParams,
    Outputs,
    Size,
    Strides,
    best_first,
    checked_params,
    output,
    reaches,
    suppress,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from pydantic import JsonValue

_LARGEST_EXPONENT = 20.0  # of a side in cells: far beyond any picture, and exp() stays finite


class YuNetParams(BoxParams):
    """`params` of an engine with decoder yunet.

    `strides`: input px a cell, outputs cls_<stride>, obj_<stride> and bbox_<stride> each. The first class is
    what the network finds.
    """

    strides: Strides = (8, 16, 32)


def decode_yunet(
    outputs: Outputs, params: Mapping[str, JsonValue], classes: Sequence[str], size: Size
) -> list[NDArray[np.float32]]:
    """Confidence is sqrt(cls * obj); bbox holds the centre's offset and the log of the sides, in cells.

    Per stride s, of h * w cells row by row: cls_<s> and obj_<s> (N, h * w, 1), bbox_<s> (N, h * w, 4).
    Key points are not looked at. Raises ValueError if an output is missing or does not fit `size`.
    """
    checked = checked_params(YuNetParams, params, classes)
    per_stride = [_boxes(outputs, stride, size) for stride in checked.strides]
    together = np.concatenate(per_stride, axis=1)
    return [_decode_picture(rows, checked, classes) for rows in together]


def _boxes(outputs: Outputs, stride: int, size: Size) -> NDArray[np.float32]:
    """(N, cells, 6) rows of one stride, whatever their confidence."""
    height, width = size[0] // stride, size[1] // stride
    n_cells = height * width
    kind = output(outputs, f"cls_{stride}", (None, n_cells, 1))
    there = output(outputs, f"obj_{stride}", (None, n_cells, 1))
    place = output(outputs, f"bbox_{stride}", (None, n_cells, 4))
    columns, rows = np.tile(np.arange(width), height), np.repeat(np.arange(height), width)
    centre = (np.stack([columns, rows], axis=1) + place[..., :2]) * stride
    half = np.exp(np.minimum(place[..., 2:], _LARGEST_EXPONENT)) * (stride / 2)
    confidence = np.sqrt(kind.clip(0, 1) * there.clip(0, 1))
    found = [centre - half, centre + half, confidence, np.zeros_like(confidence)]
    return np.concatenate(found, axis=2).astype(np.float32)


def _decode_picture(
    rows: NDArray[np.float32], params: YuNetParams, classes: Sequence[str]
) -> NDArray[np.float32]:
    rows = best_first(rows[reaches(rows[:, 4], params.thresholds[classes[0]])], params.candidates)
    return rows[suppress(rows[:, :4], params.nms_iou)]
