"""mediapipe's SSD detectors (Bazarevsky et al. 2019): BlazeFace for faces, the palm detector for hands.

Anchors are cell centres; the network gives, in px of its square input, a box and key points relative to each.
Boxes that overlap are averaged by confidence, as mediapipe does, rather than dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from qc_plugin.stages.region_decoders.boxes import (
    BoxParams,
    Floats,
    Outputs,
    Size,
    best_first,
    checked_params,
    output,
    overlaps,
    reaches,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

Count = Annotated[int, Field(ge=1)]
_LARGEST_LOGIT = 80.0  # exp() stays finite


class Grow(BaseModel):
    """From a palm to the hand around it.

    A square of `scale` times the palm's side, its centre moved by `shift` of that side from key point `tail`
    (the wrist) towards `head` (the knuckle of the middle finger).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    scale: float = Field(gt=0, le=10)
    shift: float = Field(ge=-5, le=5)
    tail: int = Field(ge=0)
    head: int = Field(ge=0)


class BlazeParams(BoxParams):
    """`params` of an engine with decoder blaze.

    `anchors`: (input px a cell, anchors a cell) in the order of the outputs' rows. `boxes`, `scores`: names
    of the outputs. `grow`: how a found box becomes the region's, if it is not the region itself.
    """

    anchors: Annotated[tuple[tuple[Count, Count], ...], Field(min_length=1)]
    boxes: str
    scores: str
    nms_iou: float = Field(default=0.3, ge=0, le=1)
    grow: Grow | None = None


def decode_blaze(
    outputs: Outputs, params: Mapping[str, JsonValue], classes: Sequence[str], size: Size
) -> list[NDArray[np.float32]]:
    """Boxes (N, anchors, 4 + 2 per key point): centre, sides and key points; scores (N, anchors, 1): logits.

    The first class is what the network finds. Raises ValueError if an output is missing or does not fit
    `size`.
    """
    checked = checked_params(BlazeParams, params, classes)
    centres = anchors(checked.anchors, size)
    places = output(outputs, checked.boxes, (None, len(centres), None))
    logits = output(outputs, checked.scores, (None, len(centres), 1))[..., 0]
    least = 4 if checked.grow is None else 6 + 2 * max(checked.grow.tail, checked.grow.head)
    if places.shape[2] < least:
        raise ValueError(f"{checked.boxes}: expected {least} numbers an anchor or more, got {places.shape}")
    confidence = 1 / (1 + np.exp(-logits.clip(-_LARGEST_LOGIT, _LARGEST_LOGIT)))
    threshold = checked.thresholds[classes[0]]
    return [
        _decode_picture(where, score.astype(np.float32), centres, threshold, checked)
        for where, score in zip(places, confidence, strict=True)
    ]


def anchors(grid: Sequence[tuple[int, int]], size: Size) -> Floats:
    """(n, 2) centres x, y in px: stride by stride, row by row, `per_cell` times the same place."""
    parts = []
    for stride, per_cell in grid:
        rows, columns = np.mgrid[: -(-size[0] // stride), : -(-size[1] // stride)]
        centres = (np.stack([columns.ravel(), rows.ravel()], axis=1) + 0.5) * stride
        parts.append(centres.repeat(per_cell, axis=0))
    return np.concatenate(parts).astype(np.float32)


def _decode_picture(
    places: Floats, confidence: Floats, centres: Floats, threshold: float, params: BlazeParams
) -> Floats:
    fired = np.flatnonzero(reaches(confidence, threshold))
    order = fired[np.argsort(-confidence[fired], kind="stable")][: params.candidates]
    merged, scores = _merge(_absolute(places[order], centres[order]), confidence[order], params.nms_iou)
    boxes = merged[:, :4] if params.grow is None else _grown(merged, params.grow)
    return best_first(np.column_stack([boxes, scores, np.zeros_like(scores)]).astype(np.float32))


def _absolute(places: Floats, centres: Floats) -> Floats:
    """Corners and key points in px of the input."""
    middle, half = centres + places[:, :2], places[:, 2:4] / 2
    points = places[:, 4:] + np.tile(centres, (places.shape[1] - 4) // 2)
    return np.concatenate([middle - half, middle + half, points], axis=1)


def _merge(values: Floats, scores: Floats, most_overlap: float) -> tuple[Floats, Floats]:
    """Of each heap of boxes around a best one the mean by score, and the best one's score."""
    merged, kept = [np.zeros((0, values.shape[1]), np.float32)], []
    while len(values):
        heap = overlaps(values[0, :4], values[:, :4]) > most_overlap
        heap[0] = True
        merged.append(np.average(values[heap], axis=0, weights=scores[heap])[None].astype(np.float32))
        kept.append(scores[0])
        values, scores = values[~heap], scores[~heap]
    return np.concatenate(merged), np.array(kept, np.float32)


def _grown(found: Floats, grow: Grow) -> Floats:
    """Boxes (n, 4) of the hands whose palms and key points were found."""
    side = (found[:, 2:4] - found[:, :2]).mean(axis=1, keepdims=True)
    tail, head = (found[:, 4 + 2 * k : 6 + 2 * k] for k in (grow.tail, grow.head))
    length = np.linalg.norm(head - tail, axis=1, keepdims=True)
    towards = (head - tail) / np.maximum(length, np.finfo(np.float32).tiny)
    centre = (found[:, :2] + found[:, 2:4]) / 2 + towards * side * grow.shift
    half = side * (grow.scale / 2)
    return np.concatenate([centre - half, centre + half], axis=1)
