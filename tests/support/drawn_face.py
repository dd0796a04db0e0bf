"""A face drawn in code, good enough for every face detector here: no photograph needs shipping."""

from __future__ import annotations

import cv2
import numpy as np

OVERSAMPLE = 4
SKIN, SHADE, HAIR, SHIRT = (222, 178, 150), (190, 145, 120), (50, 35, 25), (60, 70, 110)
BOX = (-0.78, -0.95, 0.78, 1.02)  # of the face, in units of its size around its middle


class _Canvas:
    """Ellipses in units of the face, around its middle."""

    def __init__(self, height, width, middle, size):
        self.image = np.full((height * OVERSAMPLE, width * OVERSAMPLE, 3), (150, 160, 165), np.uint8)
        self.middle, self.size = middle, size

    def at(self, x, y):
        return tuple(
            round((m + v * self.size) * OVERSAMPLE) for m, v in zip(self.middle, (x, y), strict=True)
        )

    def ellipse(self, x, y, a, b, colour, *, angle=0, arc=(0, 360), line=0.0):
        axes = (round(a * self.size * OVERSAMPLE), round(b * self.size * OVERSAMPLE))
        thick = round(line * self.size * OVERSAMPLE) if line else -1
        cv2.ellipse(self.image, self.at(x, y), axes, angle, *arc, colour, thick, cv2.LINE_AA)


def drawn_face(height=480, width=640, *, middle=(320, 230), size=60.0):
    """((height, width, 3) uint8 RGB, box of the face x0, y0, x1, y1); `size` is half a face's height, px."""
    canvas = _Canvas(height, width, middle, size)
    canvas.ellipse(0, 1.95, 1.5, 0.8, SHIRT)
    cv2.rectangle(canvas.image, canvas.at(-0.33, 0.6), canvas.at(0.33, 1.45), SHADE, -1)
    canvas.ellipse(0, -0.25, 0.93, 1.12, HAIR)
    canvas.ellipse(0, 0, 0.76, 1.02, SKIN)
    canvas.ellipse(0, -0.62, 0.74, 0.45, HAIR)
    canvas.ellipse(0, -0.28, 0.68, 0.35, SKIN)
    for side in (-1, 1):
        _half(canvas, side)
    canvas.ellipse(0, 0.2, 0.11, 0.1, (228, 184, 158))
    canvas.ellipse(0, 0.26, 0.13, 0.06, (185, 138, 115), arc=(20, 160), line=0.02)
    canvas.ellipse(0, 0.52, 0.26, 0.085, (185, 95, 90))
    canvas.ellipse(0, 0.50, 0.25, 0.02, (120, 55, 55))
    box = tuple(m + v * size for m, v in zip((*middle, *middle), BOX, strict=True))
    return _as_photographed(canvas.image, (width, height), middle, size), box


def _half(canvas, side):
    """Ear, eye, brow, cheek and nostril of one side."""
    canvas.ellipse(side * 0.78, 0.02, 0.1, 0.2, (205, 160, 133))
    for a, b, colour in (
        (0.17, 0.085, (245, 243, 240)),
        (0.08, 0.085, (70, 50, 35)),
        (0.038, 0.04, (10, 10, 10)),
    ):
        canvas.ellipse(side * 0.31, -0.12, a, b, colour)
    canvas.ellipse(side * 0.31, -0.14, 0.18, 0.09, (70, 45, 35), arc=(185, 355), line=0.03)
    canvas.ellipse(side * 0.32, -0.33, 0.22, 0.06, (60, 42, 30), angle=side * 5, arc=(190, 350), line=0.055)
    canvas.ellipse(side * 0.4, 0.25, 0.16, 0.12, (226, 168, 145))
    canvas.ellipse(side * 0.075, 0.27, 0.035, 0.022, (140, 95, 80))


def _as_photographed(image, shape, middle, size):
    """A little soft, lit from one side, with noise."""
    small = cv2.GaussianBlur(cv2.resize(image, shape, interpolation=cv2.INTER_AREA), (0, 0), size / 60)
    rows, columns = np.mgrid[: shape[1], : shape[0]]
    light = 1 - 0.06 * (columns - middle[0]) / size * 0.6 - 0.03 * (rows - middle[1]) / size * 0.6
    noise = np.random.default_rng(0).normal(0, 2, small.shape)
    return (small * light[..., None] + noise).clip(0, 255).astype(np.uint8)
