"""The report files below a folder: one answer for all that read reports.

A folder that cannot be listed is never passed over: what is joined or judged without it would look whole.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from qc_plugin.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEPTH = 3  # schema=*/kind=*/<2 hex>/


def report_files(place: Path, *, filed: bool = False, closed: list[str] | None = None) -> Iterator[Path]:
    """The file `place`, or every `*.parquet` below the folder `place`, folder by folder, sorted in each.

    `filed`: only where `report_path` puts reports. Folders that cannot be listed raise UsageError, unless
    `closed` is given, which then gets a sentence for each.
    """

    def refuse(error: OSError) -> None:
        text = f"{error.filename}: cannot be read ({error.strerror}); let this account read it and run again"
        if closed is None:
            raise UsageError(text) from error
        closed.append(text)

    if is_file(place) or not place.is_dir():
        if not filed:
            yield place  # where it is nothing at all, the one who reads it says so
        return
    for folder, folders, files in os.walk(place, onerror=refuse):
        depth = len(Path(folder).relative_to(place).parts)
        start = ("schema=", "kind=", "", None)[min(depth, _DEPTH)] if filed else ""
        folders[:] = [] if start is None else sorted(name for name in folders if name.startswith(start))
        if not filed or depth == _DEPTH:
            named = (name for name in files if name.endswith(".parquet") and not name.startswith("."))
            yield from (Path(folder, name) for name in sorted(named))


def reports_of(place: Path, *, filed: bool = False) -> list[Path]:
    """All of `report_files`, sorted. Raises UsageError where there are none."""
    found = sorted(report_files(place, filed=filed))
    if not found:
        raise UsageError(f"{place}: holds no report (*.parquet); name a reports folder written by `scan`")
    return found


def is_file(path: Path) -> bool:
    """Whether a file is there. Raises UsageError where a folder on the way may not be looked into."""
    try:
        return path.is_file()
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"{path}: cannot be read ({reason}); let this account read its folder") from error
