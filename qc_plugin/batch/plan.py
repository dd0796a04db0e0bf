"""What a scan has to do: every file found, compared with what the ledger knows; nothing is opened."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from qc_plugin.batch.found import Found, LeftOut, Skipped
from qc_plugin.batch.walk import walk
from qc_plugin.errors import LASTING_CODES, UsageError
from qc_plugin.isolation.opening import file_state
from qc_plugin.store.address import Address, absolute, place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from qc_plugin.asset.keys import Keys
    from qc_plugin.batch import leftovers
    from qc_plugin.batch.ledger import Ledger, LedgerEntry
    from qc_plugin.batch.walk import Met
    from qc_plugin.store.address import Place

Reason = Literal["done", "new", "changed", "rules", "settings", "again"]
REASONS: dict[Reason, str] = {
    "new": "new",
    "changed": "changed content",
    "rules": "other rules",
    "settings": "other engines or decode settings",
    "again": "to be tried again",
}
_AT_ONCE = 400  # paths a query; SQLite's own bound is 999 in old builds
MOST_SKIPPED = 10_000  # told one by one; beyond that something is wrong with the whole catalogue


@dataclass(frozen=True, slots=True)
class Shard:
    """Every `of`-th asset by the hash of its path: `index` counts from 0."""

    index: int = 0
    of: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """From `3/10` (index from 0, then how many). Raises UsageError."""
        index, slash, of = text.partition("/")
        if not (slash and index.isdecimal() and of.isdecimal() and int(index) < int(of) <= 100_000):
            raise UsageError(f"--shard {text}: give INDEX/COUNT with INDEX from 0, e.g. 0/10 to 9/10")
        return cls(int(index), int(of))

    def has(self, path: Place) -> bool:
        """Whether `path`, as it was given, belongs to this shard."""
        if self.of == 1:
            return True
        return (
            int.from_bytes(hashlib.sha256(os.fsencode(str(path))).digest()[:8], "big") % self.of == self.index
        )


class Todo(NamedTuple):
    """One asset to check, with what is known of it."""

    path: Place
    root: Path | None
    state: str  # of its file or object, empty where there is none
    n_bytes: int
    reason: Reason
    sha256: str | None = None  # where its content is known not to have changed
    report: str | None = None  # of other rules
    attempts: int = 0

    def after_death(self) -> Todo:
        """The same, one dead worker later."""
        return self._replace(attempts=self.attempts + 1)


class Plan:
    """Every asset and why it is (or is not) to be checked, in SQLite's own temporary file.

    A million assets cost no memory. `keys` are those of the run. `counts` and `n_bytes` are by reason;
    `left_out` counts what is left out by name, `skipped` tells at most MOST_SKIPPED of the `n_skipped` places
    that were not searched.
    """

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.counts: Counter[Reason] = Counter()
        self.n_bytes: Counter[Reason] = Counter()
        self.left_out: Counter[leftovers.Reason] = Counter()
        self.skipped: list[Skipped] = []
        self.n_skipped = 0
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("PRAGMA cache_size = -4000")
        self._db.execute(
            "CREATE TABLE plan (n INTEGER PRIMARY KEY, path BLOB, root BLOB, state TEXT, n_bytes INTEGER, "
            "reason TEXT, sha256 TEXT, report TEXT, attempts INTEGER)"
        )

    @property
    def n_all(self) -> int:
        """Assets found."""
        return self.counts.total()

    @property
    def n_ignored(self) -> int:
        """Files and folders left out by name."""
        return self.left_out.total()

    @property
    def n_todo(self) -> int:
        """Assets to check."""
        return self.n_all - self.counts["done"]

    def estimated_s(self, cost: Mapping[str, tuple[float, int]], jobs: int) -> float | None:
        """Seconds by what other assets took a byte (`Ledger.cost`); None where nothing was checked yet."""
        seconds, n_bytes = (sum(column) for column in zip(*cost.values(), strict=True)) if cost else (0, 0)
        if not n_bytes:
            return None
        n_todo = sum(n for reason, n in self.n_bytes.items() if reason not in ("done", "rules"))
        return seconds / n_bytes * n_todo / jobs

    def add(self, items: Sequence[Todo]) -> None:
        """Put more assets in."""
        self.counts.update(item.reason for item in items)
        for item in items:
            self.n_bytes[item.reason] += item.n_bytes
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO plan VALUES (NULL,?,?,?,?,?,?,?,?)", map(_row, items))
        self._db.execute("COMMIT")

    def skip(self, what: Skipped) -> None:
        """Note a place that was not searched."""
        self.n_skipped += 1
        if self.n_skipped <= MOST_SKIPPED:
            self.skipped.append(what)

    def allow_empty(self) -> None:
        """Places that have nothing where assets were may be so: these are gone."""
        kept = [each for each in self.skipped if each.kind != "empty"]
        self.n_skipped -= len(self.skipped) - len(kept)
        self.skipped = kept

    def has(self, keys: Sequence[str]) -> set[str]:
        """Those of `keys` (some hundred names as of `key_of`) that were found."""
        self._db.execute("CREATE INDEX IF NOT EXISTS by_path ON plan (path)")
        marks = ",".join("?" * len(keys))
        query = f"SELECT path FROM plan WHERE path IN ({marks})"  # noqa: S608 - marks only
        return {os.fsdecode(path) for (path,) in self._db.execute(query, [os.fsencode(key) for key in keys])}

    def todo(self) -> Iterator[Todo]:
        """The assets to check; what needs a first look comes before what is only done anew."""
        late = "reason IN ('rules', 'settings')"
        for row in self._db.execute(f"SELECT * FROM plan WHERE reason != 'done' ORDER BY {late}, n"):  # noqa: S608
            _, path, root, state, n_bytes, reason, sha256, report, attempts = row
            yield Todo(
                path=place_of(os.fsdecode(path)),
                root=None if root is None else Path(os.fsdecode(root)),
                state=state,
                n_bytes=n_bytes,
                reason=reason,
                sha256=sha256,
                report=report,
                attempts=attempts,
            )

    def done(self) -> Iterator[Place]:
        """The assets that need nothing, in the order they were found."""
        rows = self._db.execute("SELECT path FROM plan WHERE reason = 'done' ORDER BY n")
        yield from (place_of(os.fsdecode(path)) for (path,) in rows)

    def all_paths(self) -> Iterator[Place]:
        """All assets, in the order they were found."""
        yield from (
            place_of(os.fsdecode(path)) for (path,) in self._db.execute("SELECT path FROM plan ORDER BY n")
        )


def _row(t: Todo) -> tuple[object, ...]:
    root = None if t.root is None else os.fsencode(t.root)
    return os.fsencode(str(t.path)), root, t.state, t.n_bytes, t.reason, t.sha256, t.report, t.attempts


def make_plan(
    paths: Sequence[Place],
    ledger: Ledger,
    keys: Keys,
    *,
    shard: Shard | None = None,
    but: Sequence[Place] = (),
    ignore: Sequence[str] = (),
    is_there: Callable[[LedgerEntry], bool] | None = None,
) -> Plan:
    """Compare what is found with what is known under `keys`, those of a run.

    `is_there` asks whether the report of a finished asset is in place; None: the ledger is believed. `but`:
    folders to leave out, `ignore`: globs of names to leave out. Raises UsageError for a folder of a store of
    which neither the store nor the ledger knows anything.
    """
    plan, shard = Plan(keys), shard or Shard()
    listed = _of_shard(walk(paths, but=but, ignore=ignore), plan, shard, ledger)
    while chunk := list(islice(listed, _AT_ONCE)):
        names = [key_of(found.path) for found in chunk]
        known = ledger.known(names)
        pairs = zip(chunk, map(known.get, names), strict=True)
        plan.add([_compare(found, entry, keys, is_there) for found, entry in pairs])
    return plan


def _of_shard(listed: Iterable[Met], plan: Plan, shard: Shard, ledger: Ledger) -> Iterator[Found]:
    """Assets of this shard; the rest is counted."""
    for met in listed:
        if isinstance(met, LeftOut):
            plan.left_out[met.reason] += 1
        elif isinstance(met, Skipped):
            if met.kind != "empty" or ledger.knows_below(key_of(met.path)):
                plan.skip(met)
            elif isinstance(met.path, Address):
                raise UsageError(f"{met.path}: no such object or folder; check bucket and key")
        elif shard.has(met.path):
            yield met


def _compare(
    found: Found,
    entry: LedgerEntry | None,
    keys: Keys,
    is_there: Callable[[LedgerEntry], bool] | None,
) -> Todo:
    state, n_bytes = state_of(found.path) if isinstance(found.path, Path) else (found.state, found.n_bytes)
    same = entry is not None and entry.state == state != ""
    todo = Todo(path=found.path, root=found.root, state=state, n_bytes=n_bytes, reason="new")
    if entry is None:
        return todo
    if not same:
        # After a rebuild the state is not known; the asset is hashed and its report found.
        return _with(todo, "again" if entry.state == "" else "changed")
    # Refused in a folder, now named itself.
    freed = (
        entry.verdict == "error"
        and isinstance(found.path, Path)
        and found.root is None
        and found.path.is_symlink()
    )
    if freed or entry.exit_code not in LASTING_CODES or (is_there is not None and not is_there(entry)):
        return _with(todo, "again", entry)
    if entry.judge_key == keys.judge:
        return _with(todo, "done", entry)
    return _with(todo, "rules" if entry.measure_key == keys.measure else "settings", entry)


def _with(todo: Todo, reason: Reason, entry: LedgerEntry | None = None) -> Todo:
    """`todo` for this reason, with what the entry of the same content tells."""
    if entry is None:
        return todo._replace(reason=reason)
    report = entry.report if reason == "rules" and entry.exit_code == 0 else None
    # The id of an asset in error may be no hash of its content.
    sha256 = entry.asset_id if entry.verdict != "error" else None
    return todo._replace(reason=reason, sha256=sha256, report=report, attempts=entry.attempts)


def key_of(path: Place) -> str:
    """What the ledger calls the file at `path`, or the object."""
    if not isinstance(path, Path):
        return str(path)
    return str(absolute(path))  # a link keeps its own entry


def state_of(path: Path) -> tuple[str, int]:
    """State and size of the file at `path` as it is now; ("", 0) where there is none."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return "", 0
    return " ".join(map(str, file_state(status))), status.st_size
