"""Who an asset is: the SHA-256 of its bytes, remembered by its stat token so that a rescan reads nothing.

The index is a cache: deleting it costs time, never a result. Reports are the truth.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qc_plugin.decode.sniff import check_bytes
from qc_plugin.errors import TemporaryError, UnsupportedAsset
from qc_plugin.isolation.opening import file_state, open_regular

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qc_plugin.decode.limits import Limits
    from qc_plugin.types import Asset

# Bumped only when measures change for the same engines, so that a patch release does not rescan a catalogue.
RESULT_VERSION = 1


def hash_file(path: Path) -> str:
    """SHA-256 (hex) of the bytes of `path`; TemporaryError if the file changes while it is read."""
    return fingerprint(path)[0]


def fingerprint(path: Path) -> tuple[str, tuple[int, ...]]:
    """SHA-256 (hex) of a regular file, and its state when it was read.

    Raises UnsupportedAsset for what cannot be read, TemporaryError if the file changes meanwhile.
    """
    descriptor = open_regular(path)
    with os.fdopen(descriptor, "rb") as handle:
        before = file_state(os.fstat(descriptor))
        try:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
        except OSError as error:
            raise TemporaryError(f"{path}: reading it failed ({error.strerror}); try again") from error
        if file_state(os.fstat(descriptor)) != before:
            raise TemporaryError(f"{path}: changed while it was read; scan it again once it is complete")
    return digest, before


def identified(asset: Asset, sha256: str | None, limits: Limits) -> Asset:
    """`asset` with its SHA-256, unless that is known, and the state of its file.

    Raises as `fingerprint`, and LimitExceeded before a byte of too large a file is read.
    """
    path = Path(asset.path)
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UnsupportedAsset(f"{path}: cannot be read ({reason}); check the path") from error
    check_bytes(status.st_size, "video", path, limits)
    if sha256 is not None:
        return replace(asset, id=sha256, state=file_state(status))
    sha256, state = fingerprint(path)
    return replace(asset, id=sha256, state=state)


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
