"""Writes one report, whole or not at all. Equal reports give equal bytes: no times, no host names inside."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from qc_plugin.errors import QcError, UsageError
from qc_plugin.files import explained, write_first, write_whole
from qc_plugin.report.meta import encode_meta
from qc_plugin.report.read import read_meta
from qc_plugin.report.rows import rows_of
from qc_plugin.report.schema import SCHEMA, SCHEMA_VERSION
from qc_plugin.report.text import plain_text

if TYPE_CHECKING:
    from pathlib import Path

    from qc_plugin.types import AssetKind, AssetReport

SCHEMA_NUMBER = SCHEMA_VERSION.rpartition("/")[2]
_COMPRESSION_LEVEL = 6  # zstd: 2 % larger than 12 and three times faster
_WHAT = "the report"


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
    write_whole(path, _encode(report), what=_WHAT, durable=True)
    return path


def _partial_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.partial")


def write_report(report: AssetReport, root: Path) -> Path:
    """Commit `report` under `root` and return its path; a finished report that is already there stays.

    What replaces it: nothing but a torn file or the report of an asset in error. Raises UsageError when the
    folder cannot be written, TemporaryError when the disk is full.
    """
    path = report_path(root, report)
    data = _encode(report)
    if not write_first(path, data, what=_WHAT) and _may_replace(path, report):
        write_whole(path, data, what=_WHAT, durable=True)
    with explained(path, _WHAT):
        _partial_path(path).unlink(missing_ok=True)
    return path


def _encode(report: AssetReport) -> bytes:
    """`report` as the bytes of a Parquet file."""
    schema = SCHEMA.with_metadata(encode_meta(report))
    table = pa.Table.from_pylist(rows_of(report), schema=schema)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", compression_level=_COMPRESSION_LEVEL)
    return bytes(sink.getvalue().to_pybytes())


def _may_replace(path: Path, report: AssetReport) -> bool:
    key, asset_id = plain_text(report.provenance.judge_key), plain_text(report.asset.id)
    return may_replace(path, judge_key=key, asset_id=asset_id)


def may_replace(path: Path, *, judge_key: str, asset_id: str, name: str = "") -> bool:
    """Whether what lies at `path` (called `name`) is of no use: a torn file, or an error this run got past.

    `judge_key` and `asset_id` are of the new report; UsageError when the old one has others.
    """
    try:
        there = read_meta(path)
    except QcError:
        return True
    if (judge_key, asset_id) != (there["provenance"]["judge_key"], there["asset"]["id"]):
        raise UsageError(
            f"{name or path}: holds the report of another asset or key; use a reports folder of its own"
        )
    return bool(there["verdict"] == "error")


def _digest(text: str, already: str) -> str:
    """`text` if it is a digest by the pattern `already`, else the SHA-256 of it."""
    if re.fullmatch(already, text):
        return text
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
