"""Damaged copies of files (flipped bytes, zeroed runs, cut ends): each gives a row with a true sentence."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from tests.corpus.product import UnseeingChecker, row_of
from tests.corpus.run import Judged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MOST_BYTES = 400_000  # larger files take long to decode and show nothing else
SLOW_S = 60  # a hang, for files of that size
_HEAD = 4096
# Formats that state what is to come: with a tenth cut off they cannot pass for a whole. Not GIF: of
# an animation that is cut, the first picture is whole.
_TELLS_ITS_END = {".mp4", ".mov", ".jpg", ".jpeg", ".png", ".webp", ".avif"}
_CUT = (0.3, 0.9)


def mutated_rows(paths: Sequence[Path], n: int, seed: int, work: Path) -> Iterator[Judged]:
    """`n` damaged copies of `paths`, judged by their rows alone; the same for the same `seed`."""
    checker, rng = UnseeingChecker(work / "reports"), random.Random(seed)
    small = [path for path in paths if 0 < path.stat().st_size <= MOST_BYTES]
    for number in range(n):
        source = rng.choice(small)
        data, how = mutate(source.read_bytes(), rng)
        path = work / f"{number}-{how}-{source.name}"
        path.write_bytes(data)
        started = time.monotonic()
        row = row_of(checker, path)
        faults = row.faults
        if time.monotonic() - started > SLOW_S:
            faults.append(f"took {time.monotonic() - started:.0f} s")
        whole = row.outcome.verdict != "error" and not row.outcome.incomplete
        if how == "cut" and whole and path.suffix.lower() in _TELLS_ITS_END:
            faults.append("cut, and passes for a whole")
        column = "BAD ROW" if faults else "refused" if row.outcome.verdict == "error" else "agrees"
        yield Judged(path, row.outcome.kind, column, f"{'; '.join(faults)}: {row.outcome.sentence}")
        path.unlink()


def mutate(data: bytes, rng: random.Random) -> tuple[bytes, str]:
    """The damaged bytes, and how they were damaged."""
    how = rng.choice(("flips", "flips", "head", "zeroes", "cut"))
    damaged = bytearray(data)
    if how == "cut":
        return data[: int(len(data) * rng.uniform(*_CUT))], how
    if how == "zeroes":
        start = rng.randrange(len(data))
        stop = min(len(data), start + rng.randint(1, max(1, len(data) // 10)))
        damaged[start:stop] = bytes(stop - start)
        return bytes(damaged), how
    reach = min(len(data), _HEAD) if how == "head" else len(data)
    for _ in range(rng.randint(1, 40)):
        damaged[rng.randrange(reach)] = rng.randrange(256)
    return bytes(damaged), how
