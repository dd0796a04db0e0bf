"""An asset as a file: objects are copied here, one at a time and hashed on the way, and go again."""

from __future__ import annotations

import hashlib
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from qc_plugin.decode.limits import PROFILES
from qc_plugin.errors import LimitExceeded, TemporaryError
from qc_plugin.files import RESERVE_BYTES, make_folder, scratch
from qc_plugin.report.layout import SPOOL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qc_plugin.config import RunConfig
    from qc_plugin.store.s3 import S3, Listed

_CHUNKS_A_SIGN = 64  # a large object takes long to copy: say that we live


@contextmanager
def at_hand(
    place: Path | Listed, config: RunConfig, store: S3 | None, tick: Callable[[float], object] | None = None
) -> Iterator[tuple[Path, str | None]]:
    """(file, SHA-256 or None) of an asset; of an object it is a copy under a name of ours, gone afterwards.

    Raises LimitExceeded for too large an object, UnsupportedAsset for one that is not there, TemporaryError
    when it is not the one listed any more, the store does not answer or the disk has no room for it.
    """
    if isinstance(place, Path):
        yield place, None
        return
    assert store is not None
    most = PROFILES[config.limits].max_bytes("video")
    if place.n_bytes > most:
        raise LimitExceeded(f"{place.address}: {place.n_bytes} bytes are over the limit of {most} bytes")
    folder = config.reports / SPOOL
    make_folder(folder, what="the copy")
    if shutil.disk_usage(folder).free < place.n_bytes + RESERVE_BYTES:
        raise TemporaryError(f"{place.address}: no room for its {place.n_bytes} bytes in {folder}; free some")
    digest = hashlib.sha256()
    source = store.chunks(place.address, max_bytes=most, etag=place.etag or None)
    with scratch(folder, _counted(source, digest.update, tick or bool), what=f"{place.address}") as path:
        yield path, digest.hexdigest()


def _counted(
    chunks: Iterator[bytes], update: Callable[[bytes], object], tick: Callable[[float], object]
) -> Iterator[bytes]:
    for n, chunk in enumerate(chunks):
        update(chunk)
        if n % _CHUNKS_A_SIGN == 0:
            tick(0.0)
        yield chunk
