"""A folder of media through the product and the oracles: one judged row a file, and a table a kind."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qc_plugin.errors import LimitExceeded
from tests.corpus import stills, videos
from tests.corpus.known import EXPLAINED
from tests.corpus.product import UnseeingChecker, pictures_of, row_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.corpus.product import Pictures, Row

_NO_MEDIA = {".md", ".csv", ".toml", ".txt", ".json", ".yaml", ".py", ".npz", ".npy", ".onnx", ".pt", ".html"}
COLUMNS = (
    "agrees",
    "explained",
    "read by us alone",
    "refused",
    "refused, known",
    "DIFFERS",
    "REFUSED, READ ELSEWHERE",
    "BAD ROW",
)


@dataclass(frozen=True)
class Judged:
    """One file: under which column it counts, and what is to be said of it."""

    path: Path
    kind: str
    column: str
    said: str = ""

    @property
    def is_bad(self) -> bool:
        return self.column.isupper() or self.column == "DIFFERS"


def media_in(folder: Path) -> list[Path]:
    """All files that may be media, in order of their names."""
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix.lower() not in _NO_MEDIA)


def judged(paths: Iterable[Path], reports: Path) -> Iterator[Judged]:
    """Each file, judged."""
    checker = UnseeingChecker(reports)
    for path in paths:
        row = row_of(checker, path)
        yield _bad(row) or (_refused(row) if row.outcome.verdict == "error" else _compared(row))


def _bad(row: Row) -> Judged | None:
    faults = row.faults
    return Judged(row.path, row.outcome.kind, "BAD ROW", "; ".join(faults)) if faults else None


def _refused(row: Row) -> Judged:
    """A refusal is right where nobody reads the file, and where its reason is known."""
    path, text = row.path, row.outcome.sentence
    if path.name in EXPLAINED:
        return Judged(path, row.outcome.kind, "refused, known", EXPLAINED[path.name])
    if row.outcome.ends_with == LimitExceeded.exit_code:  # the others would take minutes and gigabytes
        return Judged(path, row.outcome.kind, "refused", text)
    readers = list(stills.shown(path)) if row.outcome.kind == "artwork" else videos.readers(path)
    column = "REFUSED, READ ELSEWHERE" if readers else "refused"
    return Judged(path, row.outcome.kind, column, f"{text} ({', '.join(readers)})" if readers else text)


def _compared(row: Row) -> Judged:
    path, kind = row.path, row.outcome.kind
    ours = pictures_of(path, kind)
    assert ours is not None, f"{path}: read, and then refused"
    if kind == "video":
        apart = videos.differences(path, ours)
    else:
        apart = _otherwise(path, ours)
        if apart is None:
            return Judged(path, kind, "read by us alone", ", ".join(ours.info.notes))
    if not apart:
        return Judged(path, kind, "agrees")
    said = "; ".join(apart)
    if path.name in EXPLAINED:
        return Judged(path, kind, "explained", f"{said} ({EXPLAINED[path.name]})")
    return Judged(path, kind, "DIFFERS", f"{said} [{', '.join(ours.info.notes)}]")


def _otherwise(path: Path, ours: Pictures) -> list[str] | None:
    """What each of the others shows otherwise; empty where one agrees, None where none of them reads it."""
    picture, theirs = next(iter(ours.rgb.values())), {}
    # They differ among themselves (profiles, odd modes, old libraries), so one of them has to agree.
    for ask in (lambda: stills.shown(path, stills.page_of(ours.info)), lambda: stills.by_ffmpeg(path)):
        theirs |= {name: stills.difference(picture, shown) for name, shown in ask().items()}
        if "" in theirs.values():
            return []
    return [f"{name}: {text}" for name, text in theirs.items()] or None


def table(rows: Iterable[Judged]) -> str:
    """Counts by kind, and a line for each file that is not as it should be."""
    rows = list(rows)
    lines = []
    for kind in ("artwork", "video"):
        counts = Counter(row.column for row in rows if row.kind == kind)
        lines.append(f"{kind}: {sum(counts.values())} files")
        lines += [f"  {counts[column]:6d}  {column}" for column in COLUMNS if counts[column]]
    lines += [f"{row.column}: {row.path}: {row.said}" for row in rows if row.is_bad]
    return "\n".join(lines)
