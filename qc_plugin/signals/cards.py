"""What is no picture of anything: test signals, and cards (slates, leaders, titles, credits), from a preview.

- A *test signal* is made of the saturated colours of colour bars, most of them at once.
- A *card* is plain ground, of a few tones that are flat to the code, and writing: strokes, thin beside the
  ground they stand on. Pictures have plain ground too (a wall, the sky, a black stage), but what stands
  before it is not all strokes.

Measured on 1853 photographs and frames of 85 clips, 101 of the photographs chosen for being plain: none has
five colours of bars, and one a `ground_fraction` above 0.5 with a `writing_fraction` above 0.7 (a frame that
was not decoded, grey all over). All 65 frames of cards have 0.56 and 0.79 at least.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.uint8]

_BAR_HUES = ((1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1))
_BAR_LEVELS = (0.75, 1.0)
_LUMA_WEIGHTS = ((0.299, 0.114), (0.2126, 0.0722))  # of red and blue, in BT.601 and BT.709
_OFF_LUMA, _OFF_CHROMA = 24, 14  # codes; compression, and setup of the older standards
_LEAST, _HUES_NEEDED = 0.03, 5  # share of the picture that a colour must have to count, and how many must

_TONES, _TONE = 5, 6  # at most so many tones of the ground, each within so many codes of its middle
_TONE_LEAST = 0.02  # share of the picture
_LOOKED_AT_PX = 80  # along the longer side: enough to find its commonest tones
_FLAT_PX, _FLAT = 5, 10  # luma of the ground spans at most 10 codes in a square of 5 px
_STROKE_PX, _STROKE = 9, 31  # a stroke is thinner than 9 px of a preview, and at least so much off the ground
_NEAR_PX, _NEAR = 21, 128  # and stands on ground: half of a square of 21 px around it has its tones


@dataclass(frozen=True, slots=True)
class _Ground:
    """Masks (h, w), 255 or 0: the commonest tone, the flat ground of all tones, and strokes on it."""

    commonest: Plane
    flat: Plane
    strokes: Plane


def measure_card(luma: Plane, chroma: NDArray[np.uint8]) -> dict[str, float]:
    """Measures of one picture without its bars, each in [0, 1]: `luma` (h, w) and `chroma` (2, h', w').

    test_signal_fraction: share in the colours of bars at 75 or 100 %, 0 where not at least five are there.
    plain_fraction: share in the commonest tone. ground_fraction: share that is plain ground, of five flat
    tones at most. writing_fraction: of what is not plain ground, the share that is writing on it.
    """
    found = _ground(luma, chroma)
    ground, written = _share(found.flat), _share(found.strokes & ~found.flat)
    return {
        "test_signal_fraction": _in_bar_colours(luma, chroma),
        "plain_fraction": _share(found.commonest),
        "ground_fraction": ground,
        "writing_fraction": written / (1.0 - ground) if ground < 1.0 else 0.0,
    }


def _share(mask: NDArray[np.generic]) -> float:
    return float(np.count_nonzero(mask)) / mask.size


def _in_bar_colours(luma: Plane, chroma: NDArray[np.uint8]) -> float:
    picture = _as_picture(cv2.resize(luma, chroma.shape[:0:-1], interpolation=cv2.INTER_AREA), chroma)
    shares = []
    for colours in _BAR_COLOURS:
        hit = np.zeros(picture.shape[:2], np.uint8)
        for middle in colours:
            hit |= _near(picture, middle, (_OFF_LUMA, _OFF_CHROMA, _OFF_CHROMA))
        shares.append(_share(hit))
    enough = [share for share in shares if share >= _LEAST]
    return min(1.0, sum(enough)) if len(enough) >= _HUES_NEEDED else 0.0


def _bar_colours(hue: tuple[int, int, int]) -> list[tuple[int, int, int]]:
    """Luma, Cb and Cr of full range that one bar may have, by level and matrix."""
    found = []
    for level, (red, blue) in product(_BAR_LEVELS, _LUMA_WEIGHTS):
        r, g, b = (255 * level * part for part in hue)
        y = red * r + (1 - red - blue) * g + blue * b
        found.append((round(y), round(128 + (b - y) / (2 - 2 * blue)), round(128 + (r - y) / (2 - 2 * red))))
    return found


_BAR_COLOURS = tuple(_bar_colours(hue) for hue in _BAR_HUES)


def _ground(luma: Plane, chroma: NDArray[np.uint8]) -> _Ground:
    size = luma.shape[::-1]
    large = [cv2.resize(plane, size, interpolation=cv2.INTER_NEAREST) for plane in chroma]
    picture = _as_picture(luma, large)
    masks = [_near(picture, tone, (_TONE, _TONE, _TONE)) for tone in _tones(luma, chroma)]
    nothing = np.zeros_like(luma)
    ground = np.bitwise_or.reduce([nothing, *masks])
    square = np.ones((_FLAT_PX, _FLAT_PX), np.uint8)
    span = cv2.dilate(luma, square) - cv2.erode(luma, square)
    flat = np.where(span <= _FLAT, ground, 0).astype(np.uint8)
    return _Ground(masks[0] if masks else nothing, flat, _strokes(luma, ground))


def _strokes(luma: Plane, ground: Plane) -> Plane:
    """Thin parts that are lighter or darker than what is around them, on the ground, with their rims."""
    thick = np.ones((_STROKE_PX, _STROKE_PX), np.uint8)
    light = luma - cv2.morphologyEx(luma, cv2.MORPH_OPEN, thick)
    dark = cv2.morphologyEx(luma, cv2.MORPH_CLOSE, thick) - luma
    near = cv2.blur(ground, (_NEAR_PX, _NEAR_PX)) >= _NEAR
    strokes = ((np.maximum(light, dark) >= _STROKE) & near).astype(np.uint8)
    return np.asarray(cv2.dilate(strokes, np.ones((_FLAT_PX, _FLAT_PX), np.uint8)) * 255, np.uint8)


def _tones(luma: Plane, chroma: NDArray[np.uint8]) -> list[tuple[int, int, int]]:
    """The commonest tones (luma, Cb, Cr), each taken of what the ones before have left."""
    small = cv2.resize(luma, chroma.shape[:0:-1], interpolation=cv2.INTER_NEAREST)
    step = max(1, max(small.shape) // _LOOKED_AT_PX)
    pixels = _as_picture(small, chroma)[::step, ::step].reshape(-1, 3).astype(np.int16)
    found: list[tuple[int, int, int]] = []
    n_pixels = len(pixels)
    while len(found) < _TONES and len(pixels):
        counts = np.bincount(pixels[:, 0], minlength=256)
        level = int(np.convolve(counts, np.ones(2 * _TONE + 1, int), "same").argmax())
        near = np.abs(pixels[:, 0] - level) <= _TONE
        cb, cr = (int(value) for value in np.median(pixels[near, 1:], axis=0))
        near &= (np.abs(pixels[:, 1:] - np.array((cb, cr), np.int16)) <= _TONE).all(axis=1)
        if near.sum() < _TONE_LEAST * n_pixels:
            break
        found.append((level, cb, cr))
        pixels = pixels[~near]
    return found


def _as_picture(luma: NDArray[np.generic], chroma: object) -> Plane:
    """(h, w, 3) of planes of one size."""
    return np.asarray(np.dstack([luma, *chroma]), np.uint8)  # type: ignore[misc]


def _near(picture: Plane, middle: tuple[int, int, int], off: tuple[int, int, int]) -> Plane:
    """Where every channel is within `off` of `middle`: 255, else 0."""
    low = tuple(float(max(0, m - o)) for m, o in zip(middle, off, strict=True))
    high = tuple(float(min(255, m + o)) for m, o in zip(middle, off, strict=True))
    return np.asarray(cv2.inRange(picture, low, high), np.uint8)
