"""From pictures to an engine's input: the one place that knows reduction, padding, range, layout and colour.

Stages, calibration and benchmarks all come through here, so that what int8 was calibrated on is what the
network sees later. Padding only ever adds rows below and columns to the right: pixel (0, 0) stays (0, 0).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, cast

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from qc_plugin.inference.session import Array
    from qc_plugin.inference.spec import EngineSpec

Scalar = TypeVar("Scalar", np.uint8, np.float32)
# Detectors were trained on pictures enlarged up to twice; enlarging would blur what blur is looked for in.
_LARGEST_UPSCALE = {"regions": 2.0}
_FILLED = {"regions"}  # padded by a plain code: a mirrored border would show half a face twice


@dataclass(frozen=True, slots=True)
class Scale:
    """How one picture size is brought to the network: `analysis` and `padded` are (height, width) in px."""

    original: tuple[int, int]
    analysis: tuple[int, int]
    padded: tuple[int, int]

    def frame_per_cell(self, stride: int = 1) -> tuple[float, float]:
        """Frame px that `stride` analysis px cover, (x, y)."""
        return (
            stride * self.original[1] / self.analysis[1],
            stride * self.original[0] / self.analysis[0],
        )


def plan_scale(height: int, width: int, spec: EngineSpec, *, long_side: int | None) -> Scale:
    """The analysis size of a (height, width) picture whose longer side is brought to `long_side` px.

    None leaves it as it is. A detector's picture is enlarged twice at most, any other never. A reduced side
    is a whole number of cells of the map (`params.stride`), so that the map covers the picture exactly; a
    picture that keeps its size keeps every pixel, and its last cells may reach beyond it.
    """
    analysis = (height, width)
    if long_side is not None:
        ratio = min(long_side / max(height, width), _LARGEST_UPSCALE.get(spec.task, 1.0))
        cell = cast("int", spec.params.get("stride", 1)) if ratio < 1 else 1
        sides = (max(round(side * ratio / cell), 1) * cell for side in (height, width))
        analysis = cast("tuple[int, int]", tuple(sides))
    return Scale((height, width), analysis, (spec.size.padded(analysis[0]), spec.size.padded(analysis[1])))


def fitted(image: NDArray[np.uint8], scale: Scale, spec: EngineSpec) -> NDArray[np.uint8]:
    """A picture (H, W, 3) uint8 at analysis scale, padded to a size that the network takes."""
    height, width = scale.analysis
    if (height, width) != scale.original:
        reduces = height < scale.original[0] or width < scale.original[1]
        how = cv2.INTER_AREA if reduces else cv2.INTER_LINEAR
        image = np.asarray(cv2.resize(image, (width, height), interpolation=how), dtype=np.uint8)
    if spec.task not in _FILLED:
        return pad(image, *scale.padded)
    code, (below, right) = spec.inputs[0].padding, (scale.padded[0] - height, scale.padded[1] - width)
    return np.pad(image, ((0, below), (0, right), (0, 0)), constant_values=code)


def to_tensor(images: Sequence[NDArray[np.uint8]], spec: EngineSpec) -> Array:
    """Equally sized RGB pictures as the engine's first input: its range, colour order and layout, float32."""
    tensor = spec.inputs[0]
    low, high = tensor.range or (0.0, 1.0)
    order = (2, 1, 0) if tensor.colour == "BGR" else (0, 1, 2)
    batch = np.empty((len(images), 3, *images[0].shape[:2]), np.float32)
    for image, planes in zip(images, batch, strict=True):
        for plane, channel in zip(planes, order, strict=True):
            np.multiply(image[..., channel], np.float32((high - low) / 255.0), out=plane)
    if low:
        batch += np.float32(low)
    return np.ascontiguousarray(batch.transpose(0, 2, 3, 1)) if tensor.layout == "NHWC" else batch


def pad(image: NDArray[Scalar], height: int, width: int) -> NDArray[Scalar]:
    """`image` grown to (height, width) by reflection at its lower and right border (abc -> abcba).

    Works for any growth, from one pixel too (it is repeated). Raises ValueError if it would have to shrink.
    """
    below, right = height - image.shape[0], width - image.shape[1]
    if below < 0 or right < 0 or image.size == 0:
        raise ValueError(f"pad: expected a filled image of at most {height}x{width}, got shape {image.shape}")
    if below == 0 and right == 0:
        return image
    grown = np.asarray(
        cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REFLECT_101), dtype=image.dtype
    )
    return grown.reshape(height, width, *image.shape[2:])  # OpenCV drops a last axis of length 1
