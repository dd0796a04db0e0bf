"""How much of one box lies in another. Boxes are `(x0, y0, x1, y1)` px."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qc_plugin.types import Box


def area(box: Box) -> float:
    """In px; 0 of a box turned inside out."""
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)


def share_within(inner: Box, outer: Box) -> float:
    """Share of `inner` that lies in `outer`, 0..1; 0 where `inner` is empty."""
    return _common(inner, outer) / area(inner) if area(inner) else 0.0


def share_of_smaller(a: Box, b: Box) -> float:
    """Share of the smaller of two boxes that lies in the other, 0..1; 0 where it is empty."""
    smaller = min(area(a), area(b))
    return _common(a, b) / smaller if smaller else 0.0


def _common(a: Box, b: Box) -> float:
    return area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))
