"""Who an asset is: the SHA-256 of its bytes, remembered by its stat token so that a rescan reads nothing.

The index is a cache: deleting it costs time, never a result. Reports are the truth.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from qc_plugin.errors import TemporaryError, UnsupportedAsset

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Bumped only when measures change for the same engines, so that a patch release does not rescan a catalogue.
RESULT_VERSION = 1


def hash_file(path: Path) -> str:
    """SHA-256 (hex) of the bytes of `path`; TemporaryError if the file changes while it is read."""
    try:
        with path.open("rb") as handle:
            before = os.fstat(handle.fileno())
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
            after = os.fstat(handle.fileno())
    except OSError as error:
        reason = error.strerror or str(error)
        raise UnsupportedAsset(
            f"{path}: cannot be read ({reason}); check the path and its permissions"
        ) from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise TemporaryError(f"{path}: changed while it was read; scan it again once the upload is complete")
    return digest


def canonical_hash(value: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of a mapping as canonical JSON: key order and spaces do not matter."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def measure_key(asset_id: str, engine_sha256: Mapping[str, str], decode: Mapping[str, str]) -> str:
    """Key of the measures: content, engines and decode settings. A rule change does not touch it."""
    return canonical_hash(
        {"asset": asset_id, "engines": dict(engine_sha256), "decode": dict(decode), "version": RESULT_VERSION}
    )


def judge_key(measures: str, rules_sha256: str) -> str:
    """Key of the decisions: the measures and the rules applied to them."""
    return canonical_hash({"measures": measures, "rules": rules_sha256})


class HashIndex:
    """Stat token (path, size, mtime, inode) -> SHA-256, in one SQLite file beside the reports."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._file = root / "index.sqlite"
        try:
            self._prepare()
        except sqlite3.DatabaseError:  # torn or foreign: it is only a cache
            self._file.unlink(missing_ok=True)
            self._prepare()

    def _prepare(self) -> None:
        with closing(self._connect()) as db, db:
            db.execute("CREATE TABLE IF NOT EXISTS seen (token TEXT PRIMARY KEY, sha256 TEXT NOT NULL)")

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._file, timeout=30)

    def lookup(self, paths: list[Path]) -> dict[Path, str]:
        """Known hashes of `paths`; those never seen, or changed since, are absent."""
        found: dict[Path, str] = {}
        with closing(self._connect()) as db:
            for path in paths:
                token = _stat_token(path)
                row = token and db.execute("SELECT sha256 FROM seen WHERE token = ?", (token,)).fetchone()
                if row:
                    found[path] = str(row[0])
        return found

    def remember(self, hashes: Mapping[Path, str]) -> None:
        """Keep the hashes of files that still exist."""
        rows = [(token, sha) for path, sha in hashes.items() if (token := _stat_token(path))]
        with closing(self._connect()) as db, db:
            db.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?)", rows)


def _stat_token(path: Path) -> str | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return f"{path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}|{stat.st_ino}"
