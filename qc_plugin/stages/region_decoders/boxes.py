"""What all region decoders share: their parameters, overlaps of boxes, and finds in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from qc_plugin.errors import EngineError

Outputs = Mapping[str, NDArray[np.float32]]
Size = tuple[int, int]  # height and width of the network's input, px
Floats = NDArray[np.float32]
Fraction = Annotated[float, Field(ge=0, le=1)]
Strides = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)]


class BoxParams(BaseModel):
    """`params` that every decoder knows.

    `thresholds`: least confidence, per class. `nms_iou`: two boxes of a class that overlap more are one.
    `candidates`: best cells per class that are looked at; a crowd of 200 fires about 1,500 cells, noise can
    fire all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    thresholds: dict[str, Fraction]
    nms_iou: Fraction = 0.5
    candidates: int = Field(default=2000, ge=1)


Params = TypeVar("Params", bound=BoxParams)


def checked_params(form: type[Params], params: Mapping[str, JsonValue], classes: Sequence[str]) -> Params:
    """`params` read as `form`.

    Raises EngineError, naming the place, if a key is unknown, missing or out of range.
    """
    try:
        checked = form.model_validate(dict(params))
    except ValidationError as error:
        told = "; ".join(f"params.{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise EngineError(f"engine.yaml: {told}; correct that place") from error
    if set(checked.thresholds) != set(classes):
        raise EngineError(
            f"engine.yaml: params.thresholds names {sorted(checked.thresholds)}, classes are "
            f"{sorted(classes)}; give one threshold per class"
        )
    return checked


def reaches(scores: Floats, threshold: float) -> NDArray[np.bool_]:
    """Which scores count; a threshold of zero does not let through what has no score at all."""
    fired: NDArray[np.bool_] = scores >= max(threshold, float(np.finfo(np.float32).tiny))
    return fired


def best_first(rows: Floats, most: int | None = None) -> Floats:
    """Finds (n, 6) by falling confidence, at most `most`; equal ones keep their order."""
    return rows[np.argsort(-rows[:, 4], kind="stable")[:most]]


def overlaps(box: Floats, boxes: Floats) -> Floats:
    """Intersection over union of one box (4,) with each of `boxes` (n, 4) xyxy; 0 where both are empty."""
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    inner = sides.clip(0).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).clip(0).prod(axis=1)
    union = areas + (box[2:] - box[:2]).clip(0).prod() - inner
    return np.asarray(inner / np.maximum(union, np.finfo(np.float32).tiny), np.float32)


def suppress(boxes: Floats, most_overlap: float) -> NDArray[np.intp]:
    """Indices of the boxes (n, 4) xyxy to keep, so that no two overlap by more than `most_overlap`.

    `boxes` come best first. Overlap is intersection over union.
    """
    alive = np.ones(len(boxes), bool)
    kept: list[int] = []
    for best in range(len(boxes)):
        if alive[best]:
            kept.append(best)
            alive[best + 1 :] &= overlaps(boxes[best], boxes[best + 1 :]) <= most_overlap
    return np.array(kept, dtype=np.intp)


def output(outputs: Outputs, name: str, shape: tuple[int | None, ...]) -> Floats:
    """The output of that name. Raises ValueError unless it is there and has that shape (None: any)."""
    if name not in outputs:
        raise ValueError(f"outputs: expected {name!r}, got {sorted(outputs)}")
    array = outputs[name]
    fits = len(array.shape) == len(shape) and all(
        want is None or got == want for got, want in zip(array.shape, shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if want is None else str(want) for want in shape)
        raise ValueError(f"{name}: expected shape ({wanted}), got {array.shape}")
    return array
