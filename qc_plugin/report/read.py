"""Reads reports: as a data frame, as metadata, or back into an `AssetReport`."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from qc_plugin.errors import UsageError
from qc_plugin.report.listing import is_file, reports_of
from qc_plugin.report.meta import decode_meta, report_of
from qc_plugin.report.places import Places, ledger_beside
from qc_plugin.report.rows import frame_of
from qc_plugin.report.schema import ALSO_AT, SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from qc_plugin.types import AssetReport

_NEEDED = ("asset", "verdict", "flags", "coverage", "funnel", "findings", "provenance", "rules", "error")


def read_frames(path: str | Path, *, ledger: str | Path | None = None) -> pd.DataFrame:
    """Every scored frame of one report, or of all reports below a folder, as one row.

    `also_at` lists the other places of the same content, and `asset_uri` is one that was there at the last
    scan, by `ledger` (default: that of the reports folder). Assets in error give no row. Raises UsageError
    naming the file that is not a report.
    """
    import pandas as pd  # a second to import: paid by those who want a data frame

    path = Path(path)
    paths = reports_of(path)
    places = Places(ledger_beside(path) if ledger is None else Path(ledger))
    tables = [placed(_read_table(each), each, places).replace_schema_metadata(None) for each in paths]
    table = pa.concat_tables(tables, promote_options="permissive")
    # Nullable integers: a rank that is missing must not turn the ranks into floats, nor round a large pts.
    integers = {pa.int32(): pd.Int32Dtype(), pa.int64(): pd.Int64Dtype()}
    frame = table.to_pandas(maps_as_pydicts="strict", types_mapper=integers.get)
    assert isinstance(frame, pd.DataFrame)
    return frame


def placed(table: pa.Table, report: Path, places: Places) -> pa.Table:
    """Rows of `report` with the places of its content as they are now."""
    n_rows, column = table.num_rows, table.column_names.index("asset_uri")
    where = places.of(report, table["asset_uri"][0].as_py() if n_rows else "")
    uris = pa.array([where.uri] * n_rows, table.schema.field(column).type)
    others = pa.array([list(where.also_at)] * n_rows, ALSO_AT.type)
    return table.set_column(column, table.schema.field(column), uris).append_column(ALSO_AT, others)


def read_meta(path: Path) -> dict[str, Any]:
    """What the report says about its asset (`docs/report.md`, "File metadata"); reads no row."""
    with _open(path) as file:
        return _checked_meta(file, path)


def read_report(path: Path) -> AssetReport:
    """The `AssetReport` that was written; its numbers as float32, its seconds per stage empty."""
    with _open(path) as file:
        meta = _checked_meta(file, path)
        rows = file.read().to_pylist()
        return report_of(meta, tuple(frame_of(row) for row in rows))


def read_column(path: Path, name: str) -> list[object]:
    """One column of a report as plain values, in the order of its rows; empty where it has none such."""
    with _open(path) as file:
        _checked_meta(file, path)
        known = name in file.schema_arrow.names
        return list(file.read(columns=[name]).column(0).to_pylist()) if known else []


def _read_table(path: Path) -> pa.Table:
    with _open(path) as file:
        _checked_meta(file, path)
        return file.read()


@contextmanager
def _open(path: Path) -> Iterator[pq.ParquetFile]:
    """An open Parquet file; whatever it cannot give becomes one sentence."""
    if not is_file(path) and path.is_dir():
        raise UsageError(f"{path}: is a folder; name one report file in it")
    try:
        # No memory map: a file cut short while it is read must be an error, not a crash of the process.
        with pq.ParquetFile(path, memory_map=False) as file:
            yield file
    except FileNotFoundError as error:
        raise UsageError(f"{path}: no such report; check the path") from error
    except PermissionError as error:  # not damaged: nobody is to delete it
        raise UsageError(f"{path}: cannot be read ({error.strerror}); let this account read it") from error
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable(path) from error


def _unreadable(path: Path) -> UsageError:
    """Nobody is told to delete a file that was given by mistake: it may be the asset itself."""
    if path.suffix != ".parquet":
        return UsageError(f"{path}: is not a qc-plugin report; name a *.parquet of the reports folder")
    return UsageError(f"{path}: is damaged or not a qc-plugin report; delete it and check its asset again")


def _checked_meta(file: pq.ParquetFile, path: Path) -> dict[str, Any]:
    """Metadata of a report in a schema that we read. Raises UsageError for any other Parquet file."""
    meta = decode_meta(file.metadata.metadata or {})
    family, number = _version(meta.get("schema"))
    ours, newest = _version(SCHEMA_VERSION)
    if family != ours:
        raise UsageError(
            f"{path}: is a Parquet file, but not a report of qc-plugin; name a file written by it"
        )
    if number > newest:
        raise UsageError(
            f"{path}: was written by a newer qc-plugin (schema {family}/{number}, this one reads up to "
            f"{SCHEMA_VERSION}); upgrade qc-plugin"
        )
    missing = [key for key in _NEEDED if key not in meta]
    if missing:
        raise KeyError(missing[0])  # _open says the sentence
    return meta


def _version(schema: object) -> tuple[str, int]:
    """Family and number of a schema name; an empty family when it is none."""
    match = re.fullmatch(r"([a-z.]+)/(\d{1,9})", schema) if isinstance(schema, str) else None
    return (match[1], int(match[2])) if match else ("", 0)
