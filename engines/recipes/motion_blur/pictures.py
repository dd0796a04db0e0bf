"""Reading pictures and laying them out side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from pathlib import Path


def read_rgb(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB."""
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        message = f"not a readable picture: {path}"
        raise ValueError(message)
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def panel(rgb: np.ndarray, *maps: np.ndarray, height_px: int = 150) -> np.ndarray:
    """The picture and its maps side by side, (height_px, any, 3) uint8."""
    width_px = round(height_px * rgb.shape[1] / rgb.shape[0])
    grey = [cv2.cvtColor((np.clip(m, 0, 1) * 255).astype(np.uint8), cv2.COLOR_GRAY2RGB) for m in maps]
    return np.hstack(
        [cv2.resize(p, (width_px, height_px), interpolation=cv2.INTER_AREA) for p in (rgb, *grey)]
    )


def draw(rows: list[np.ndarray], path: Path, *, n_columns: int = 2) -> None:
    """Panels in columns -> one PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    width = max(r.shape[1] for r in rows)
    wide = [np.pad(r, ((2, 2), (0, width - r.shape[1] + 4), (0, 0))) for r in rows]
    wide += [np.zeros_like(wide[0])] * (-len(wide) % n_columns)
    lines = [np.hstack(wide[i : i + n_columns]) for i in range(0, len(wide), n_columns)]
    cv2.imwrite(str(path), cv2.cvtColor(np.vstack(lines), cv2.COLOR_RGB2BGR))
