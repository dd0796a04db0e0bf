"""Faces, hands and people from one engine or several: each kind from the first that knows it.

So `mediapipe_palm,regions` takes hands from the one and faces and people from the other. Hands are then held
against the people: see `plausible`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from qc_plugin.errors import EngineError
from qc_plugin.stages.box_shares import share_within
from qc_plugin.stages.regions import RegionDetector

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from qc_plugin.inference.session import Session
    from qc_plugin.types import Box, Frame, Region, RegionKind

LARGEST_HAND = 0.8  # longer side of a hand / longer side of the person it lies in: a close-up with an arm
WITHIN = 0.5  # share of a hand's area from which it lies in a person, and is held against that one's size
# A hand apart from everybody, in a picture with people, must be surer than the threshold by this factor. It
# takes 7 of 38 false hands and 4 of 125 true ones from the photographs of the validation split, 15 of 24 and
# 1 of 115 from its video frames.
STRAY = 1.35
APART = 0.3  # share of a hand's area that may lie in a person and the hand is still apart


class Detectors:
    """Region detectors behind one door. Built once, then called; used by one thread at a time."""

    def __init__(self, parts: Sequence[RegionDetector]) -> None:
        """`parts`: the first that knows a kind finds it. Raises EngineError when one would find nothing."""
        self._parts = tuple(parts)
        self._kinds: list[frozenset[RegionKind]] = []
        self._stray_least = 0.0
        taken: set[RegionKind] = set()
        for part in self._parts:
            own = frozenset(part.kinds) - taken
            if not own:
                raise EngineError(
                    f"detectors: engine {part.session.spec.name!r} finds nothing that those before it do not "
                    "find; leave it out, or name it earlier"
                )
            if "hand" in own:
                self._stray_least = STRAY * part.threshold("hand")
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
        return cls(
            [
                RegionDetector.load(engine, backend=backend, threads=threads, precision=precision)
                for engine in engines
            ]
        )

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
            plausible(sorted((r for regions in parts for r in regions), key=_doubt), self._stray_least)
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


def plausible(regions: Iterable[Region], stray_least: float = 0.0) -> list[Region]:
    """Without the hands that the people in the picture make unlikely.

    Those larger than a hand of anybody whose box they lie in can be, and those apart from everybody whose
    confidence is below `stray_least`. Where nobody is found, as in close-ups of hands, all stay.
    """
    regions = list(regions)
    people = [region.box_xyxy for region in regions if region.kind == "person"]
    return [r for r in regions if r.kind != "hand" or not people or _can_be(r, people, stray_least)]


def _can_be(hand: Region, people: Sequence[Box], stray_least: float) -> bool:
    shares = [share_within(hand.box_xyxy, person) for person in people]
    if max(shares) < APART:
        return hand.confidence >= stray_least
    owners = [_side(person) for person, share in zip(people, shares, strict=True) if share >= WITHIN]
    return not owners or _side(hand.box_xyxy) <= LARGEST_HAND * max(owners)


def _doubt(region: Region) -> float:
    return -region.confidence


def _side(box: Box) -> float:
    return max(box[2] - box[0], box[3] - box[1])
