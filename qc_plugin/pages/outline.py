"""The blur mask of a report as an outline that a browser can draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from qc_plugin.rle import decode

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from qc_plugin.types import Rle

_SMALLEST = 0.0002  # of the frame: smaller islands are noise to the eye and weight in the file
_DRAWN_PX = 640  # longest side that outlines are drawn at
_ROUNDING = 0.7  # sigma, in pixels of the mask
_TOLERANCE_PX = 0.7  # of the drawing


def outlines(rle: Rle) -> tuple[str, ...]:
    """SVG path data around each blurred patch, holes included, in 0..1 of the frame's width and height.

    Raises ValueError where the runs do not fill the mask.
    """
    smooth = _smooth(decode(rle))
    found, hierarchy = cv2.findContours(smooth, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    if hierarchy is None:
        return ()
    patches: dict[int, list[str]] = {}
    for i, contour in enumerate(found):
        outer = int(hierarchy[0][i][3])
        if cv2.contourArea(contour) >= _SMALLEST * smooth.size:
            patches.setdefault(i if outer < 0 else outer, []).append(_path(contour, smooth.shape))
    return tuple("".join(parts) for _, parts in sorted(patches.items()))


def _smooth(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The mask at a size where its steps do not show, with rounded steps and one pixel of border.

    The border closes a patch at the edge of the frame along that edge.
    """
    up = max(1, round(_DRAWN_PX / max(mask.shape)))
    soft = cv2.resize(mask.astype(np.float32), None, fx=up, fy=up, interpolation=cv2.INTER_LINEAR)
    if up > 1:
        soft = cv2.GaussianBlur(soft, (0, 0), _ROUNDING * up, borderType=cv2.BORDER_REPLICATE)
    return np.pad((soft > 0.5).astype(np.uint8), 1)


def _path(contour: NDArray[Any], shape: tuple[int, ...]) -> str:
    """One closed ring in 0..1 of the mask inside its border. A contour runs through pixel centres."""
    points = cv2.approxPolyDP(contour, _TOLERANCE_PX, closed=True)[:, 0, :].astype(np.float64) - 1 + 0.5
    points /= (shape[1] - 2, shape[0] - 2)
    return "M" + "L".join(f"{x:.4f} {y:.4f}" for x, y in np.clip(points, 0, 1)) + "Z"
