"""From the outputs of a region engine to boxes: one function per kind of engine, listed in `DECODERS`.

A decoder is pure numpy. It takes the named outputs of a batch, the engine's `params` and its class names,
and gives per picture an (n, 6) float32 array `x0, y0, x1, y1, confidence, class` in px of the network's
input, best first, overlaps removed. Boxes may reach beyond the picture: only the caller knows where padding
begins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from qc_plugin.errors import EngineError

Outputs = Mapping[str, NDArray[np.float32]]
Decoder = Callable[[Outputs, Mapping[str, JsonValue], Sequence[str]], list[NDArray[np.float32]]]
Fraction = Annotated[float, Field(ge=0, le=1)]


class CentreLtrbParams(BaseModel):
    """`params` of an engine with decoder centre_ltrb.

    `strides`: input px a cell, one pair of outputs heat_<stride>, box_<stride> each. `thresholds`: least
    heat, per class. `nms_iou`: two boxes of a class that overlap more are one. `candidates`: best cells per
    class that are looked at; a crowd of 200 fires about 1,500 cells, noise can fire all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    strides: tuple[Annotated[int, Field(ge=1)], ...] = Field(min_length=1)
    thresholds: dict[str, Fraction]
    nms_iou: Fraction = 0.5
    candidates: int = Field(default=2000, ge=1)


def read_params(params: Mapping[str, JsonValue], classes: Sequence[str]) -> CentreLtrbParams:
    """Checked `params`.

    Raises EngineError, naming the place, if a key is unknown, missing or out of range.
    """
    try:
        checked = CentreLtrbParams.model_validate(dict(params))
    except ValidationError as error:
        told = "; ".join(f"params.{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise EngineError(f"engine.yaml: {told}; correct that place") from error
    if set(checked.thresholds) != set(classes):
        raise EngineError(
            f"engine.yaml: params.thresholds names {sorted(checked.thresholds)}, classes are "
            f"{sorted(classes)}; give one threshold per class"
        )
    return checked


def decode_centre_ltrb(
    outputs: Outputs, params: Mapping[str, JsonValue], classes: Sequence[str]
) -> list[NDArray[np.float32]]:
    """Anchor-free heads: each cell says per class how likely it is an object's, and where the sides are.

    Per stride s, heat_<s> (N, C, h, w): probability; box_<s> (N, 4 C, h, w): px from the cell's centre to
    the left, top, right and bottom side, class by class. Raises ValueError if a map is missing or has
    another shape.
    """
    checked = read_params(params, classes)
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
        rows = np.concatenate(parts)
        rows = rows[np.argsort(-rows[:, 4], kind="stable")[: params.candidates]]
        found.append(rows[suppress(rows[:, :4], params.nms_iou)])
    together = np.concatenate(found)
    return together[np.argsort(-together[:, 4], kind="stable")]


def _fired(outputs: Outputs, n: int, label: int, stride: int, threshold: float) -> NDArray[np.float32]:
    """(k, 6) rows of the cells of one stride whose heat reaches the threshold, unordered."""
    heat = outputs[f"heat_{stride}"][n, label]
    rows, columns = np.nonzero(heat >= max(threshold, np.finfo(np.float32).tiny))
    sides = outputs[f"box_{stride}"][n, 4 * label : 4 * label + 4, rows, columns]
    centre = np.stack([columns, rows], axis=1).astype(np.float32) * stride + stride / 2
    kind = np.full((len(rows), 1), label)
    found = np.concatenate(
        [centre - sides[:, :2], centre + sides[:, 2:], heat[rows, columns][:, None], kind], axis=1
    )
    return found.astype(np.float32)


def suppress(boxes: NDArray[np.float32], most_overlap: float) -> NDArray[np.intp]:
    """Indices of the boxes (n, 4) xyxy to keep, so that no two overlap by more than `most_overlap`.

    `boxes` come best first. Overlap is intersection over union.
    """
    area = (boxes[:, 2:] - boxes[:, :2]).clip(0).prod(axis=1)
    alive = np.ones(len(boxes), bool)
    kept: list[int] = []
    for best in range(len(boxes)):
        if not alive[best]:
            continue
        kept.append(best)
        corner0 = np.maximum(boxes[best + 1 :, :2], boxes[best, :2])
        corner1 = np.minimum(boxes[best + 1 :, 2:], boxes[best, 2:])
        inner = (corner1 - corner0).clip(0).prod(axis=1)
        union = area[best + 1 :] + area[best] - inner
        alive[best + 1 :] &= inner <= most_overlap * union
    return np.array(kept, dtype=np.intp)


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


DECODERS: dict[str, Decoder] = {"centre_ltrb": decode_centre_ltrb}
