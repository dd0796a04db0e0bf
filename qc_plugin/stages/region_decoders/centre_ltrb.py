"""Anchor-free heads of the project's own engine: heat and distances to the four sides, per class."""

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
    reaches,
    suppress,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from pydantic import JsonValue


class CentreLtrbParams(BoxParams):
    """`params` of an engine with decoder centre_ltrb.

    `strides`: input px a cell, one pair of outputs heat_<stride>, box_<stride> each.
    """

    strides: Strides


def decode_centre_ltrb(
    outputs: Outputs,
    params: Mapping[str, JsonValue],
    classes: Sequence[str],
    size: Size | None = None,  # noqa: ARG001 - every decoder is given it; these maps have rows and columns
) -> list[NDArray[np.float32]]:
    """Anchor-free heads: each cell says per class how likely it is an object's, and where the sides are.

    Per stride s, heat_<s> (N, C, h, w): probability; box_<s> (N, 4 C, h, w): px from the cell's centre to
    the left, top, right and bottom side, class by class. Raises ValueError if a map is missing or has
    another shape.
    """
    checked = checked_params(CentreLtrbParams, params, classes)
    for stride in checked.strides:
        _check_maps(outputs, stride, len(classes))
    n_pictures = outputs[f"heat_{checked.strides[0]}"].shape[0]
    return [_decode_picture(outputs, n, checked, classes) for n in range(n_pictures)]


def _decode_picture(
    outputs: Outputs, n: int, params: CentreLtrbParams, classes: Sequence[str]
) -> NDArray[np.float32]:
    found = []
    for label, name in enumerate(classes):
        parts = [_fired(outputs, n, label, stride, params.thresholds[name]) for stride in params.strides]
        rows = best_first(np.concatenate(parts), params.candidates)
        found.append(rows[suppress(rows[:, :4], params.nms_iou)])
    return best_first(np.concatenate(found))


def _fired(outputs: Outputs, n: int, label: int, stride: int, threshold: float) -> NDArray[np.float32]:
    """(k, 6) rows of the cells of one stride whose heat reaches the threshold, unordered."""
    heat = outputs[f"heat_{stride}"][n, label]
    rows, columns = np.nonzero(reaches(heat, threshold))
    sides = outputs[f"box_{stride}"][n, 4 * label : 4 * label + 4, rows, columns]
    centre = np.stack([columns, rows], axis=1).astype(np.float32) * stride + stride / 2
    kind = np.full((len(rows), 1), label)
    found = np.concatenate(
        [centre - sides[:, :2], centre + sides[:, 2:], heat[rows, columns][:, None], kind], axis=1
    )
    return found.astype(np.float32)


def _check_maps(outputs: Outputs, stride: int, n_classes: int) -> None:
    for name, channels in ((f"heat_{stride}", n_classes), (f"box_{stride}", 4 * n_classes)):
        if name not in outputs:
            raise ValueError(f"outputs: expected {name!r}, got {sorted(outputs)}")
        shape = outputs[name].shape
        if len(shape) != 4 or shape[1] != channels:
            raise ValueError(f"{name}: expected shape (N, {channels}, h, w), got {shape}")
    heat, box = outputs[f"heat_{stride}"].shape, outputs[f"box_{stride}"].shape
    if (heat[0], *heat[2:]) != (box[0], *box[2:]):
        raise ValueError(f"heat_{stride} and box_{stride} differ: {heat} and {box}")
