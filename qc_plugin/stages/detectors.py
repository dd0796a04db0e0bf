"""Faces, hands and people from one engine or several: each kind from the first that knows it.

So `mediapipe_palm,regions` takes hands from the one and faces and people from the other. Hands are then held
against the people: see `plausible`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from qc_plugin.errors import EngineError
from qc_plugin.stages.regions import RegionDetector

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from qc_plugin.inference.session import Session
    from qc_plugin.types import Box, Frame, Region, RegionKind

LARGEST_HAND = 0.8  # longer side of a hand / longer side of the person it lies in: a close-up with an arm
WITHIN = 0.5  # share of a hand's area from which it lies in a person


class Detectors:
    """Region detectors behind one door. Built once, then called; used by one thread at a time."""

    def __init__(self, parts: Sequence[RegionDetector]) -> None:
        """`parts`: the first that knows a kind finds it. Raises EngineError when one would find nothing."""
        self._parts = tuple(parts)
        self._kinds: list[frozenset[RegionKind]] = []
        taken: set[RegionKind] = set()
        for part in self._parts:
            own = frozenset(part.kinds) - taken
            if not own:
                raise EngineError(
                    f"detectors: engine {part.session.spec.name!r} finds nothing that those before it do not "
                    "find; leave it out, or name it earlier"
                )
            self._kinds.append(own)
            taken |= own

    @classmethod
    def load(
        cls,
        engines: Sequence[str] = ("regions",),
        *,
        backend: str = "auto",
        threads: int | None = None,
        precision: str = "auto",
    ) -> Self:
        """Open engines by name or folder. Raises EngineError."""
        options = {"backend": backend, "precision": precision}
        return cls([RegionDetector.load(engine, threads=threads, **options) for engine in engines])

    def at(self, long_side: int | None, *, tiled: bool) -> Self:
        """The same engines at another scale of analysis; one made for a smaller scale keeps its own."""
        return type(self)([part.at(long_side, tiled=tiled) for part in self._parts])

    def detect(self, frames: Sequence[Frame]) -> list[list[Region]]:
        """Regions of each frame, best first, in the order of the frames."""
        found = [
            [[region for region in regions if region.kind in kinds] for regions in part.detect(frames)]
            for part, kinds in zip(self._parts, self._kinds, strict=True)
        ]
        return [
            plausible(sorted((r for regions in parts for r in regions), key=lambda r: -r.confidence))
            for parts in zip(*found, strict=True)
        ]

    @property
    def sessions(self) -> tuple[Session, ...]:
        """What runs, in the order of the engines."""
        return tuple(part.session for part in self._parts)

    def close(self) -> None:
        """Give the engines' memory back."""
        for part in self._parts:
            part.close()


def plausible(regions: Iterable[Region]) -> list[Region]:
    """Without the hands that cannot be: larger than a hand of any person whose box they lie in can be.

    A hand that lies in nobody's box stays: people are missed, and close-ups show hands alone.
    """
    regions = list(regions)
    people = [region.box_xyxy for region in regions if region.kind == "person"]
    return [r for r in regions if r.kind != "hand" or _can_be(r.box_xyxy, people)]


def _can_be(hand: Box, people: Sequence[Box]) -> bool:
    owners = [_side(person) for person in people if _share_within(hand, person) >= WITHIN]
    return not owners or _side(hand) <= LARGEST_HAND * max(owners)


def _side(box: Box) -> float:
    return max(box[2] - box[0], box[3] - box[1])


def _share_within(inner: Box, outer: Box) -> float:
    width = min(inner[2], outer[2]) - max(inner[0], outer[0])
    height = min(inner[3], outer[3]) - max(inner[1], outer[1])
    area = (inner[2] - inner[0]) * (inner[3] - inner[1])
    return max(width, 0.0) * max(height, 0.0) / area if area > 0 else 0.0
