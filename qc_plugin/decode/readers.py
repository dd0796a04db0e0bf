"""Which reader opens a video."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from qc_plugin.decode.limits import DEFAULT_LIMITS, Limits
from qc_plugin.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from qc_plugin.decode.contract import VideoReader

ReaderName = Literal["pyav", "decord"]


def open_video(
    path: str | Path,
    *,
    reader: ReaderName = "pyav",
    threads: int | Literal["auto"] = 1,
    limits: Limits = DEFAULT_LIMITS,
) -> VideoReader:
    """Open a video; close it by `with`.

    Args:
        path: a local regular file.
        reader: `pyav` (default) or `decord` (extra `[decord]`, reads less).
        threads: decoder threads; "auto" is faster and meant for trusted files.
        limits: what the file may cost.

    Raises:
        UnsupportedAsset: not a video, or not one this reader can do right.
        LimitExceeded: over a limit.
        UsageError: no such reader.
    """
    if reader not in get_args(ReaderName):
        raise UsageError(
            f"There is no video reader '{reader}': choose one of {', '.join(get_args(ReaderName))}."
        )
    if reader == "decord":
        from qc_plugin.decode.decord_reader import DecordReader

        return DecordReader(path, threads=threads, limits=limits)
    from qc_plugin.decode.video import PyavReader

    return PyavReader(path, threads=threads, limits=limits)
