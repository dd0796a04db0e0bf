"""What a walk through a catalogue meets: assets, what is left out by name, and what it cannot get into."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from qc_plugin.errors import AWAY, PASSING, AssetError, TemporaryError
from qc_plugin.report.text import plain_text

if TYPE_CHECKING:
    from qc_plugin.batch.leftovers import Reason
    from qc_plugin.store.address import Place

Kind = Literal["unreadable", "link", "empty"]
KINDS: Final[dict[Kind, str]] = {
    "unreadable": "could not be read",
    "link": "links that are not followed",
    "empty": "empty, but had assets at the last scan",
}


@dataclass(frozen=True, slots=True)
class Found:
    """Something to look at. `root`: the folder it was found in, which no link may leave; None: named by hand.

    A `path` is absolute. `state` and `n_bytes` only of an object: its listing tells them.
    """

    path: Place
    root: Path | None = None
    state: str = ""
    n_bytes: int = 0


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file, or a folder with all that is in it, that is left out by its name."""

    path: Place
    reason: Reason


@dataclass(frozen=True, slots=True)
class Skipped:
    """A folder, a link or a store that might hold assets and was not searched; `text` ends with the fix."""

    path: Place
    kind: Kind
    text: str
    exit_code: int = AssetError.exit_code


def unreadable(path: Path, error: OSError | ValueError) -> Skipped:
    """What to say of a folder or a link that the system does not show."""
    number = error.errno if isinstance(error, OSError) else None
    reason = getattr(error, "strerror", None) or str(error)
    if number == errno.ENOENT:
        fix = "it went away meanwhile; scan again"
    elif number == errno.ENAMETOOLONG:
        fix = "shorten the names on the way, or scan a folder further down"
    elif number in AWAY:
        fix = "look at the disk or the share, then scan again"
    elif number in PASSING:
        fix = "scan again"
    else:
        fix = "let this account read it, or leave it out with --ignore"
    text = plain_text(f"{path}: cannot be read ({reason}): {fix}")
    kind = TemporaryError if number in PASSING else AssetError
    return Skipped(path, "unreadable", text, kind.exit_code)


def empty(place: Place) -> Skipped:
    """What to say of a place that has nothing, where assets were at the last scan."""
    where = "mount it" if isinstance(place, Path) else "check bucket and prefix"
    text = plain_text(
        f"{place}: the catalogue is empty; is it mounted? It had assets at the last scan: {where}, or say "
        "--allow-empty if they were deleted"
    )
    return Skipped(place, "empty", text, TemporaryError.exit_code)
