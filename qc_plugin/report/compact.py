"""Millions of small reports as a few large files: one dataset of frames and one of assets a month."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from qc_plugin.files import explained, whole
from qc_plugin.report.layout import LEDGER
from qc_plugin.report.listing import reports_of
from qc_plugin.report.places import Places
from qc_plugin.report.read import placed, read_meta
from qc_plugin.report.schema import ALSO_AT, SCHEMA
from qc_plugin.report.text import plain_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ROWS_A_GROUP = 50_000
_FRAMES = SCHEMA.append(ALSO_AT)
_ASSETS = pa.schema(
    [
        ("asset_id", pa.string()),
        ("uri", pa.string()),
        ("also_at", pa.list_(pa.string())),
        ("present", pa.bool_()),
        ("kind", pa.string()),
        ("verdict", pa.string()),
        ("incomplete", pa.bool_()),
        ("degraded", pa.bool_()),
        ("exit_code", pa.int32()),
        ("error", pa.string()),
        ("rules_id", pa.string()),
        ("judge_key", pa.string()),
        ("frames", pa.int32()),
        ("report", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Month:
    """One month of reports, by when their files were written; `written` False: nothing had changed."""

    month: str
    n_reports: int
    n_frames: int
    written: bool


def compact(root: Path, out: Path, *, ledger: Path | None = None) -> list[Month]:
    """Write `out/{frames,assets}/month=YYYY-MM/part-<digest>.parquet` for the reports below `root`.

    Where their contents lie now is by `ledger` (default: that in `root`). The digest is of reports and places
    that went in: the same ones give the same file, and a month without news is left alone. Reports stay as
    they are. UsageError when there are none.
    """
    months: dict[str, list[Path]] = {}
    for path in reports_of(root, filed=True):
        written = dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)
        months.setdefault(f"{written:%Y-%m}", []).append(path)
    places = Places(root / LEDGER if ledger is None else ledger)
    return [_month(root, out, month, paths, places) for month, paths in sorted(months.items())]


def _month(root: Path, out: Path, month: str, paths: list[Path], places: Places) -> Month:
    names = [f"{path.relative_to(root)} {path.stat().st_size} {places.paths(path) or ''}" for path in paths]
    part = f"part-{hashlib.sha256(plain_text(chr(10).join(names)).encode()).hexdigest()[:16]}.parquet"
    frames, assets = (out / kind / f"month={month}" / part for kind in ("frames", "assets"))
    if frames.is_file() and assets.is_file():
        return Month(month, len(paths), pq.read_metadata(frames).num_rows, written=False)
    n_frames = _write(frames, _FRAMES, _frames(paths, places))
    _write(assets, _ASSETS, (_assets(root, path, places) for path in paths))
    for place in (frames, assets):
        _remove_others(place)
    return Month(month, len(paths), n_frames, written=True)


def _remove_others(part: Path) -> None:
    """The month as it was before; another process may be at the same."""
    with explained(part.parent, "the dataset"):
        for old in part.parent.glob("part-*.parquet"):
            if old.name != part.name:
                old.unlink(missing_ok=True)


def _write(target: Path, schema: pa.Schema, tables: Iterator[pa.Table]) -> int:
    """Join `tables` in groups of rows, under a name that appears when all is written; how many rows."""
    n_rows = n_held = 0
    held: list[pa.Table] = []
    with (
        whole(target, what="the dataset") as file,
        pq.ParquetWriter(file, schema, compression="zstd") as writer,
    ):
        for table in tables:
            held.append(table)
            n_held += table.num_rows
            if n_held >= _ROWS_A_GROUP:
                writer.write_table(pa.concat_tables(held))
                n_rows, n_held, held = n_rows + n_held, 0, []
        if held:
            writer.write_table(pa.concat_tables(held))
    return n_rows + n_held


def _frames(paths: list[Path], places: Places) -> Iterator[pa.Table]:
    """Rows of each report under the present schema; a column that an older one lacks is empty."""
    for path in paths:
        table = placed(pq.read_table(path, memory_map=False, partitioning=None), path, places)
        yield pa.table(
            [_column(table, column) for column in _FRAMES], schema=_FRAMES.remove_metadata()
        ).replace_schema_metadata(None)


def _column(table: pa.Table, column: pa.Field) -> Any:
    if column.name in table.column_names:
        return table[column.name].cast(column.type)
    return pa.nulls(table.num_rows, column.type)


def _assets(root: Path, path: Path, places: Places) -> pa.Table:
    meta = read_meta(path)
    error = meta["error"] or {}
    where = places.of(path, meta["asset"]["uri"])
    row = {
        "asset_id": meta["asset"]["id"],
        "uri": where.uri,
        "also_at": where.also_at,
        "present": where.present,
        "kind": meta["asset"]["kind"],
        "verdict": meta["verdict"],
        "incomplete": meta["flags"]["incomplete"],
        "degraded": meta["flags"]["degraded"],
        "exit_code": error.get("exit_code", 0),
        "error": error.get("text"),
        "rules_id": meta["rules"]["id"],
        "judge_key": meta["provenance"]["judge_key"],
        "frames": meta["coverage"]["frames_scored"],
        "report": str(path.relative_to(root)),
    }
    return pa.Table.from_pylist([row], schema=_ASSETS)
