"""What is known of every asset of a catalogue, in one SQLite file: an index that the reports can make again.

Losing it costs time, never a result. Nothing in it is decided by a clock: runs and attempts are counted.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from qc_plugin.errors import QcError, TemporaryError, UsageError
from qc_plugin.files import explained, make_folder
from qc_plugin.report.text import plain_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_VERSION = 2
FORMER_NAMES = {"measures": "measure_key", "settings": "judge_key"}  # of version 1
_BUSY_S = 60.0
_PAGES_BYTES = 64 << 10  # what opening a ledger takes
_NETWORK_FILESYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "ceph", "lustre"})
_TABLES = """
CREATE TABLE IF NOT EXISTS assets (
    path BLOB PRIMARY KEY, state TEXT, asset_id TEXT NOT NULL, kind TEXT NOT NULL,
    measure_key TEXT NOT NULL, judge_key TEXT NOT NULL, verdict TEXT NOT NULL, exit_code INTEGER NOT NULL,
    sentence TEXT NOT NULL, incomplete INTEGER NOT NULL, degraded INTEGER NOT NULL, report TEXT,
    bytes INTEGER NOT NULL, seconds REAL NOT NULL, attempts INTEGER NOT NULL, run INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_asset ON assets (asset_id);
CREATE TABLE IF NOT EXISTS runs (id INTEGER PRIMARY KEY AUTOINCREMENT, ended TEXT);
"""
_COLUMNS = (
    "path, state, asset_id, kind, measure_key, judge_key, verdict, exit_code, sentence, incomplete, "
    "degraded, report, bytes, seconds, attempts, run"
)


class LedgerEntry(
    NamedTuple
):  # not a dataclass: a million are made in a rescan, and this is five times as fast
    """One asset. `state` is of its file (empty after a rebuild: the file must be hashed once more).

    `measure_key` and `judge_key` are those of the run, whatever the asset (`asset.keys.RunKeys`); `attempts`
    counts how often it took a worker down. `report` is relative to the reports folder.
    """

    path: str
    state: str
    asset_id: str
    kind: str
    measure_key: str
    judge_key: str
    verdict: str
    exit_code: int = 0
    sentence: str = ""
    incomplete: bool = False
    degraded: bool = False
    report: str | None = None
    bytes: int = 0
    seconds: float = 0.0
    attempts: int = 0
    run: int = 0


class Ledger:
    """The index of one reports folder. One process writes at a time; others wait."""

    def __init__(self, file: Path | None) -> None:
        """Open or make it (None: in memory); a torn file is set aside.

        UsageError on a network filesystem or for a newer version, TemporaryError while it cannot be opened.
        """
        self.file = file = Path(":memory:") if file is None else file
        if str(file) != ":memory:":
            make_folder(file.parent, what="the ledger")
            _refuse_network(file)
        try:
            self._db = _open(file)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise _refused(file, error) from error
            _set_aside(file)
            self._db = _open(file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def begin_run(self) -> int:
        """The number of a new run."""
        with self._writing():
            return int(self._db.execute("INSERT INTO runs (ended) VALUES (NULL)").lastrowid or 0)

    def end_run(self, run: int, how: str) -> None:
        """Note that a run came to its end, and how."""
        with self._writing():
            self._db.execute("UPDATE runs SET ended = ? WHERE id = ?", (how, run))

    def last_run(self) -> tuple[int, str | None]:
        """Number of the last run (0: none) and how it ended; None when it goes on or was killed."""
        row = self._db.execute("SELECT id, ended FROM runs ORDER BY id DESC LIMIT 1").fetchone()
        return (int(row[0]), row[1]) if row else (0, None)

    def known(self, paths: Sequence[str]) -> dict[str, LedgerEntry]:
        """Entries of those of `paths` (at most some hundred) that are known."""
        marks = ",".join("?" * len(paths))
        query = f"SELECT {_COLUMNS} FROM assets WHERE path IN ({marks})"  # noqa: S608 - marks only
        rows = self._db.execute(query, [os.fsencode(path) for path in paths])
        return {entry.path: entry for entry in map(_entry, rows)}

    def remember(self, entries: Iterable[LedgerEntry]) -> None:
        """Keep `entries`; what was known of their paths is replaced."""
        with self._writing():
            self._db.executemany(f"INSERT OR REPLACE INTO assets VALUES ({_MARKS})", map(_row, entries))  # noqa: S608

    def entries(self, where: str = "1", values: Sequence[object] = ()) -> Iterator[LedgerEntry]:
        """All entries that meet a condition of our own making, by path."""
        query = f"SELECT {_COLUMNS} FROM assets WHERE {where} ORDER BY path"  # noqa: S608 - no word of a user
        yield from map(_entry, self._db.execute(query, values))

    def paths_below(self, folder: str, after: str = "", *, most: int = 400) -> list[str]:
        """Names of assets below `folder` (as of `plan.key_of`) after `after`, sorted, at `most` so many."""
        low = os.fsencode(folder).rstrip(b"/") + b"/"
        query = "SELECT path FROM assets WHERE path > ? AND path < ? ORDER BY path LIMIT ?"
        bounds = max(low, os.fsencode(after)), low[:-1] + b"0", most  # "0" is what follows "/"
        return [os.fsdecode(path) for (path,) in self._db.execute(query, bounds)]

    def knows_below(self, folder: str) -> bool:
        """Whether any asset below `folder` is known."""
        return bool(self.paths_below(folder, most=1))

    def forget(self, paths: Iterable[str]) -> None:
        """Forget what is known of `paths`; their reports stay."""
        with self._writing():
            self._db.executemany("DELETE FROM assets WHERE path = ?", ((os.fsencode(p),) for p in paths))

    def counts(self) -> list[tuple[str, int, int]]:
        """(verdict, exit code, how many assets), sorted."""
        query = "SELECT verdict, exit_code, COUNT(*) FROM assets GROUP BY 1, 2 ORDER BY 1, 2"
        return list(self._db.execute(query))

    def cost(self) -> dict[str, tuple[float, int]]:
        """Kind to seconds of work and bytes, over all assets that were really looked at."""
        query = "SELECT kind, SUM(seconds), SUM(bytes) FROM assets WHERE seconds > 0 GROUP BY kind"
        return {kind: (float(seconds), int(n_bytes)) for kind, seconds, n_bytes in self._db.execute(query)}

    def clear(self) -> None:
        """Forget all assets."""
        with self._writing():
            self._db.execute("DELETE FROM assets")

    def index_reports(self) -> None:
        """Make `confirm` quick."""
        self._db.execute("CREATE INDEX IF NOT EXISTS by_report ON assets (report)")

    def confirm(self, reports: Sequence[str]) -> set[str]:
        """Those of `reports` (some hundred) that an entry names; these entries are confirmed."""
        marks = ",".join("?" * len(reports))
        query = f"UPDATE assets SET run = 0 WHERE report IN ({marks}) RETURNING report"  # noqa: S608
        with self._writing():
            return {report for (report,) in self._db.execute(query, list(reports))}

    def drop_unconfirmed(self) -> None:
        """Forget entries of run -1 that name a report: nobody has seen it."""
        with self._writing():
            self._db.execute("DELETE FROM assets WHERE run < 0 AND report IS NOT NULL")
            self._db.execute("DROP INDEX IF EXISTS by_report")

    def _writing(self) -> _Writing:
        return _Writing(self._db, self.file)


class _Writing:
    """A transaction; what SQLite cannot do now is a TemporaryError."""

    def __init__(self, db: sqlite3.Connection, file: Path) -> None:
        self._db, self._file = db, file

    def __enter__(self) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise _refused(self._file, error) from error

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        try:
            self._db.execute("ROLLBACK" if kind else "COMMIT")
        except sqlite3.OperationalError as failed:
            raise _refused(self._file, failed) from failed
        if isinstance(error, sqlite3.OperationalError):
            raise _refused(self._file, error) from error


_MARKS = ",".join("?" * len(_COLUMNS.split(",")))


def _open(file: Path) -> sqlite3.Connection:
    db = sqlite3.connect(file, timeout=_BUSY_S, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        # After a power cut the last rows may be missing, never torn: their reports are found again by key.
        db.execute("PRAGMA synchronous = NORMAL")
        _bring_up_to_date(file, db)
    except BaseException:
        db.close()
        raise
    return db


def _bring_up_to_date(file: Path, db: sqlite3.Connection) -> None:
    """Make the tables, or give those of an earlier version their present columns: nothing is lost by it."""
    version = "PRAGMA user_version"
    if db.execute(version).fetchone()[0] == _VERSION:
        return
    db.execute("BEGIN EXCLUSIVE")  # of several that open it one does it; a crash leaves it as it was
    _refuse_newer(file, db.execute(version).fetchone()[0])
    for _, name, *_ in db.execute("PRAGMA table_info(assets)").fetchall():
        if name in FORMER_NAMES:
            db.execute(f"ALTER TABLE assets RENAME COLUMN {name} TO {FORMER_NAMES[name]}")
    for statement in _TABLES.split(";"):
        db.execute(statement)
    db.execute(f"{version} = {_VERSION}")
    db.execute("COMMIT")


def _refuse_newer(file: Path, version: int) -> None:
    if version > _VERSION:
        raise UsageError(
            f"{file}: was written by a newer qc-plugin (ledger version {version}); update this one, or "
            "name another file with --ledger"
        )


def _set_aside(file: Path) -> None:
    with explained(file, "the ledger"):
        file.replace(file.with_name(f"{file.name}.torn"))
        for beside in ("-wal", "-shm"):
            file.with_name(file.name + beside).unlink(missing_ok=True)


def _row(entry: LedgerEntry) -> tuple[object, ...]:
    # A sentence speaks of a file, whose name may be no text; its path is kept as the bytes it is.
    return os.fsencode(entry.path), *entry._replace(sentence=plain_text(entry.sentence))[1:]


def _entry(row: Sequence[Any]) -> LedgerEntry:
    return LedgerEntry(os.fsdecode(row[0]), *row[1:])


def _refused(file: Path, error: sqlite3.Error) -> QcError:
    """What SQLite cannot do, by its primary result code: a wrong place is no matter of time."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    # WAL's shared memory on a full disk is called an I/O error.
    is_full = code == sqlite3.SQLITE_IOERR and shutil.disk_usage(file.parent).free < _PAGES_BYTES
    if is_full or code == sqlite3.SQLITE_FULL:
        return TemporaryError(f"{file}: the disk is full; free some space and run again")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return UsageError(
            f"{file}: cannot write the ledger ({error}); choose a writable folder, or name a local file with "
            "--ledger"
        )
    return TemporaryError(f"{file}: cannot be written now ({error}); run again, what is done stays done")


def _refuse_network(file: Path) -> None:
    """WAL needs memory that all writers share. Raises UsageError where the mount table names a network."""
    kind = _filesystem_of(file.parent.resolve())
    if kind in _NETWORK_FILESYSTEMS:
        raise UsageError(f"{file}: lies on {kind}, where a ledger can tear; name a local file with --ledger")


def _filesystem_of(folder: Path) -> str:
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    best, kind = "", ""
    for line in mounts:
        _, place, name, *_ = line.split(" ")
        place = place.replace("\\040", " ")
        if folder.is_relative_to(place) and len(place) >= len(best):
            best, kind = place, name
    return kind
