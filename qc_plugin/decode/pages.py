"""Files that hold several pictures: which of them is judged, and what is said about the others."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image

from qc_plugin.decode.still_errors import PILLOW_ERRORS

if TYPE_CHECKING:
    from qc_plugin.decode.limits import Limits

_LOOKED_AT: Final = 32  # pictures tried until one is not blank
_PAGES: Final = 256  # headers read to find the largest
_SAMPLE_PX: Final = 160
_PLAIN: Final = 10  # codes of 255 that a plain picture may span; what `contrast` of a rule set looks at later


def count(image: Image.Image) -> int:
    """Pictures that the file holds to be shown; 1 where damage hides the others.

    An MPO is one JPEG, with views or maps that belong to it.
    """
    return 1 if image.format == "MPO" else _n_inside(image)


def _n_inside(image: Image.Image) -> int:
    with contextlib.suppress(*PILLOW_ERRORS):
        return int(getattr(image, "n_frames", 1))
    return 1


def settle(image: Image.Image, limits: Limits) -> str:
    """Turn `image` to the picture that is to be judged, and the note on the others; "" for a single one.

    The largest one, and of equally large ones the first that is not blank: title pages and fades begin plain.
    Decodes those that it looks at. Raises what Pillow does when the one that is left is damaged.
    """
    n_all = count(image)
    if n_all == 1:
        return _of_mpo(image)
    order = _by_size(image, n_all, limits)
    broken: dict[int, Exception] = {}
    chosen = next((n for n in order[:_LOOKED_AT] if not _is_plain(image, n, broken)), order[0])
    if chosen in broken:  # decoded again, what came of it would pass for all
        raise broken[chosen]
    image.seek(chosen)
    what = "animated" if image.format != "TIFF" else "several pictures"
    if chosen == 0:
        return f"{what} ({n_all}): only the first is judged"
    why = "the largest" if image.format == "TIFF" and chosen == order[0] else "the first that is not blank"
    return f"{what} ({n_all}): number {chosen + 1} is judged, {why}"


def _of_mpo(image: Image.Image) -> str:
    n_inside = _n_inside(image) - 1 if image.format == "MPO" else 0
    return f"MPO with {n_inside} more inside (views or maps): the JPEG is judged" if n_inside > 0 else ""


def _by_size(image: Image.Image, n_all: int, limits: Limits) -> list[int]:
    """Numbers of the pictures, the largest first; only pages differ in size."""
    if image.format != "TIFF":
        return list(range(min(n_all, _LOOKED_AT)))
    areas = []
    for n in range(min(n_all, _PAGES)):
        image.seek(n)
        width, height = image.size
        fits = width * height <= limits.max_pixels and max(width, height) <= limits.max_side
        areas.append(width * height if fits or n == 0 else 0)
    most = max(areas)
    return [n for n, area in enumerate(areas) if area == most]


def _is_plain(image: Image.Image, n: int, broken: dict[int, Exception]) -> bool:
    """Whether picture `n` is one plain tone, or damaged (then it is in `broken`), which is worth no more."""
    try:
        image.seek(n)
        image.load()
        small = image.convert("RGBA")
    except PILLOW_ERRORS as error:
        broken[n] = error
        return True
    small.thumbnail((_SAMPLE_PX, _SAMPLE_PX), Image.Resampling.BOX)
    values = np.asarray(small)
    seen = values[values[..., 3] > 0][:, :3]
    return bool(seen.size == 0 or np.ptp(seen, axis=0).max() < _PLAIN)
