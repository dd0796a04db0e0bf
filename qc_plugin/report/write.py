"""Writes one report, whole or not at all. Equal reports give equal bytes: no times, no host names inside."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import uuid
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

import pyarrow as pa
import pyarrow.parquet as pq

from qc_plugin.errors import QcError, TemporaryError, UsageError
from qc_plugin.report.meta import encode_meta
from qc_plugin.report.read import read_meta
from qc_plugin.report.rows import rows_of
from qc_plugin.report.schema import SCHEMA, SCHEMA_VERSION
from qc_plugin.report.text import plain_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from qc_plugin.types import AssetKind, AssetReport

SCHEMA_NUMBER = SCHEMA_VERSION.rpartition("/")[2]
_COMPRESSION_LEVEL = 6  # zstd: 2 % larger than 12 and three times faster
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}
DISK_FULL = {errno.ENOSPC, errno.EDQUOT}


def report_path(root: Path, report: AssetReport) -> Path:
    """Where the report of this asset under these rules lies. The same key always gives the same path.

    An asset id is what the host says, so it never becomes part of a path unless it is a SHA-256 already.
    """
    return report_path_for(root, report.asset.id, report.asset.kind, report.provenance.judge_key)


def report_path_for(root: Path, asset_id: str, kind: AssetKind, judge_key: str) -> Path:
    """The same for a report that may not exist yet, so that a scan can see what is done without measuring."""
    asset16 = _digest(asset_id, r"[0-9a-f]{64}")[:16]
    judge8 = _digest(judge_key, r"[0-9a-f]{8,}")[:8]
    folder = root / f"schema={SCHEMA_NUMBER}" / f"kind={kind}" / asset16[:2]
    return folder / f"{asset16}-{judge8}.parquet"


def write_partial(report: AssetReport, root: Path) -> Path:
    """Put what was found before a stop beside the place of the report, under a name no scan takes for it.

    A later stop replaces it, and `write_report` removes it. Raises as `write_report`.
    """
    path = _partial_path(report_path(root, report))
    temporary = path.with_name(f".tmp-{uuid.uuid4().hex}")
    with _explained(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        with written(temporary, [_encode(report)]):
            temporary.replace(path)
    return path


def write_whole(path: Path, chunks: Iterable[bytes]) -> None:
    """Replace the file at `path` by the joined `chunks`, whole or not at all. Raises as `write_report`."""
    with _explained(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".tmp-{path.stem}-{uuid.uuid4().hex}")
        with written(temporary, chunks):
            temporary.replace(path)
        _sync_folder(path.parent)


def sweep(root: Path) -> int:
    """Remove what killed writers left half-written below `root`; those at work hold a lock. How many."""
    left = [file for file in root.rglob(".tmp-*") if file.is_file()]
    return sum(_swept(file) for file in left)


def _swept(file: Path) -> bool:
    with suppress(OSError), file.open("rb") as handle:
        _lock(handle.fileno(), wait=False)
        file.unlink()
        return True
    return False


def _partial_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.partial")


def write_report(report: AssetReport, root: Path) -> Path:
    """Commit `report` under `root` and return its path; a finished report that is already there stays.

    What replaces it: nothing but a torn file or the report of an asset in error. Raises UsageError when the
    folder cannot be written, TemporaryError when the disk is full.
    """
    path = report_path(root, report)
    data = _encode(report)
    with _explained(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        _commit(data, path, report)
        _partial_path(path).unlink(missing_ok=True)
    return path


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """What the system refuses, as a sentence with the fix."""
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL:
            raise TemporaryError(f"{folder}: the disk is full; free some space and run again") from error
        reason = error.strerror or str(error)
        raise UsageError(f"{folder}: cannot write the report ({reason}); choose a writable folder") from error


def _encode(report: AssetReport) -> bytes:
    """`report` as the bytes of a Parquet file."""
    schema = SCHEMA.with_metadata(encode_meta(report))
    table = pa.Table.from_pylist(rows_of(report), schema=schema)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", compression_level=_COMPRESSION_LEVEL)
    return bytes(sink.getvalue().to_pybytes())


def _commit(data: bytes, path: Path, report: AssetReport) -> None:
    """Temp file in the target folder, fsync, link, unlink, fsync the folder: a reader sees all or nothing."""
    temporary = path.with_name(f".tmp-{path.stem}-{uuid.uuid4().hex}")
    with written(temporary, [data]):
        try:
            os.link(temporary, path)
        except FileExistsError:
            if _may_replace(path, report):
                temporary.replace(path)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            temporary.replace(path)  # no hard links here: the last writer wins, with equal bytes
    _sync_folder(path.parent)


def _may_replace(path: Path, report: AssetReport) -> bool:
    key = plain_text(report.provenance.judge_key), plain_text(report.asset.id)
    return may_replace(path, key)


def may_replace(path: Path, key: tuple[str, str], name: str = "") -> bool:
    """Whether what lies at `path` (called `name`) is of no use: a torn file, or an error this run got past.

    `key` is judge key and asset id of the new report; UsageError when the old one is of another.
    """
    try:
        there = read_meta(path)
    except QcError:
        return True
    if key != (there["provenance"]["judge_key"], there["asset"]["id"]):
        raise UsageError(
            f"{name or path}: holds the report of another asset or key; use a reports folder of its own"
        )
    return bool(there["verdict"] == "error")


@contextmanager
def written(path: Path, chunks: Iterable[bytes], *, durable: bool = True) -> Iterator[Path]:
    """A new file with these bytes (its path), locked, and gone at the end of the block.

    `durable`: safe on the disk. Named `.tmp-...` it is swept away after a killed run.
    """
    with path.open("xb") as file:
        try:
            _lock(file.fileno(), wait=True)
            if not os.fstat(file.fileno()).st_nlink:  # swept between the two calls
                raise TemporaryError(f"{path}: another scan swept it away; run again")
            file.writelines(chunks)
            file.flush()
            if durable:
                os.fsync(file.fileno())
            yield path
        finally:
            path.unlink(missing_ok=True)


def _lock(descriptor: int, *, wait: bool) -> None:
    """Take the lock that says a temporary file is in use. OSError when it is held and we do not wait."""
    if fcntl is not None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


def _sync_folder(folder: Path) -> None:
    """Make the new name itself survive a power cut. Windows cannot open a folder, and needs no such call."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _digest(text: str, already: str) -> str:
    """`text` if it is a digest by the pattern `already`, else the SHA-256 of it."""
    if re.fullmatch(already, text):
        return text
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
