"""Opening an asset so that it is a file, and the one that was hashed."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from qc_plugin.errors import TemporaryError, UnsupportedAsset

if TYPE_CHECKING:
    from qc_plugin.types import Asset


def open_regular(path: str | Path) -> int:
    """Descriptor of a regular file. Raises UnsupportedAsset for anything else."""
    name = Path(path).name
    try:
        # Without O_NONBLOCK the open of a named pipe would wait for a writer for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        text = f"{name} cannot be read ({reason}): check the path and its permissions."
        raise UnsupportedAsset(text) from error
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise UnsupportedAsset(f"{name} is not a regular file: give the path of a video or a picture.")


def check_beneath(descriptor: int, path: Path, root: Path) -> None:
    """Raise UnsupportedAsset when what was opened lies outside of `root`, by a link in the path."""
    # What is open cannot be swapped any more; the path could be, between a look at it and the open.
    opened = Path(f"/proc/self/fd/{descriptor}")
    real = opened.readlink() if opened.is_symlink() else path.resolve()
    if not real.is_relative_to(root.resolve()):
        raise UnsupportedAsset(f"{path.name} is a link that leads out of {root}: name its target itself.")


def open_hashed(asset: Asset) -> int:
    """Descriptor of the asset. Raises as `open_regular`, and TemporaryError unless it is the file hashed."""
    descriptor = open_regular(asset.path)
    if asset.state is None or file_state(os.fstat(descriptor)) == asset.state:
        return descriptor
    os.close(descriptor)
    raise _changed(asset.path)


def check_unchanged(asset: Asset) -> None:
    """Raise TemporaryError when the file is not what was hashed any more."""
    if asset.state is None:
        return
    try:
        now = file_state(Path(asset.path).stat())
    except OSError:
        raise _changed(asset.path) from None
    if now != asset.state:
        raise _changed(asset.path)


def file_state(status: os.stat_result) -> tuple[int, ...]:
    """What changes when a file is replaced or written to."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _changed(path: str) -> TemporaryError:
    return TemporaryError(f"{path}: changed while it was checked; scan it again once it is complete")
