"""The ledger made again from what is true: reports, and the manifests of shards."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from qc_plugin.asset.keys import RunKeys, rules_of
from qc_plugin.asset.outcome import sentence_of
from qc_plugin.asset.report_store import ReportStore
from qc_plugin.batch.ledger import Ledger, LedgerEntry
from qc_plugin.batch.plan import key_of
from qc_plugin.batch.shard_manifest import read_manifest
from qc_plugin.errors import QcError
from qc_plugin.files import sweep
from qc_plugin.report.layout import MANIFESTS
from qc_plugin.report.listing import report_files
from qc_plugin.report.read import read_meta
from qc_plugin.report.write import SCHEMA_NUMBER
from qc_plugin.store.address import place_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from qc_plugin.config import RunConfig

_AT_ONCE = 400
_NAMES = frozenset(LedgerEntry._fields)


@dataclass(slots=True)
class Rebuilt:
    """What was found, and a sentence for each file that cannot be read: its asset will be checked again."""

    n_reports: int = 0
    n_assets: int = 0
    n_swept: int = 0
    unreadable: list[str] = field(default_factory=list)


def rebuild(config: RunConfig, file: Path) -> Rebuilt:
    """Fill the ledger at `file` from all reports under `config.reports`.

    A report does not say which state its file had, so that each asset is hashed once in the next scan, unless
    the manifest of a shard knows; none is decoded.
    """
    done = Rebuilt(n_swept=sweep(config.reports))
    with Ledger(file) as ledger:
        ledger.clear()
        if config.store is None:
            filed = report_files(config.reports, filed=True, closed=done.unreadable)
            _take(filed, config, ledger, done)
            for path in sorted((config.reports / MANIFESTS).glob("shard-*.jsonl")):
                _fold(path, ledger, done)
        else:
            _from_store(ReportStore(config), config, ledger, done)
        done.n_assets = sum(n for _, _, n in ledger.counts())
    return done


def _take(reports: Iterable[Path], config: RunConfig, ledger: Ledger, done: Rebuilt) -> None:
    """Put into the ledger what each report says."""
    keys = RunKeys(config, rules_of(config))
    for path in reports:
        done.n_reports += 1
        try:
            entry = _entry(path, config, keys)
        except (QcError, KeyError, TypeError) as error:
            done.unreadable.append(str(error))
            continue
        there = ledger.known([entry.path]).get(entry.path)
        if there is None or not there.judge_key:  # of several reports the one under the present rules
            ledger.remember([entry])


def _from_store(report_store: ReportStore, config: RunConfig, ledger: Ledger, done: Rebuilt) -> None:
    """Manifests first: reports they name are only seen to be there. The others are fetched, one at a time."""
    for path in report_store.files(MANIFESTS):
        report_store.fetch(path)
        for entries in _manifest(path, done):
            ledger.remember(entry._replace(run=-1) for entry in entries)
    ledger.index_reports()
    listed = report_store.files(f"schema={SCHEMA_NUMBER}")
    while chunk := list(islice(listed, _AT_ONCE)):
        names = {path.relative_to(config.reports).as_posix(): path for path in chunk}
        known = ledger.confirm(list(names))
        done.n_reports += len(known)
        _take(
            _fetched(report_store, [path for name, path in names.items() if name not in known]),
            config,
            ledger,
            done,
        )
    ledger.drop_unconfirmed()


def _fetched(report_store: ReportStore, paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        report_store.bring(path)
        yield path
        path.unlink(missing_ok=True)


def _entry(path: Path, config: RunConfig, keys: RunKeys) -> LedgerEntry:
    meta: dict[str, Any] = read_meta(path)
    asset, origin, error = meta["asset"], meta["provenance"], meta["error"] or {}
    ours, of_run = keys.of(asset["id"]), keys.of("")
    return LedgerEntry(
        path=key_of(place_of(asset["uri"])),
        state="",
        asset_id=asset["id"],
        kind=asset["kind"],
        measure_key=of_run.measure if origin["measure_key"] == ours.measure else "",
        judge_key=of_run.judge if origin["judge_key"] == ours.judge else "",
        verdict=meta["verdict"],
        exit_code=int(error.get("exit_code", 0)),
        sentence=sentence_of(meta),
        incomplete=bool(meta["flags"]["incomplete"]),
        degraded=bool(meta["flags"]["degraded"]),
        report=str(path.relative_to(config.reports)),
    )


def _fold(path: Path, ledger: Ledger, done: Rebuilt) -> None:
    """Take over the states that a manifest knows, and what it says of assets without a report here."""
    for entry in chain.from_iterable(_manifest(path, done)):
        there = ledger.known([entry.path]).get(entry.path)
        if there is not None and (there.asset_id, there.judge_key) == (entry.asset_id, entry.judge_key):
            ledger.remember([there._replace(state=entry.state, bytes=entry.bytes, seconds=entry.seconds)])
        elif there is None and entry.report is None:
            ledger.remember([entry])


def _manifest(path: Path, done: Rebuilt) -> Iterator[list[LedgerEntry]]:
    """The entries of a manifest, some at a time; what follows a line that cannot be read is left out."""
    try:
        rows = islice(read_manifest(path), 1, None)  # the head is about the shard
        while chunk := list(islice(rows, _AT_ONCE)):
            yield [LedgerEntry(**{k: v for k, v in row.items() if k in _NAMES}) for row in chunk]
    except (ValueError, TypeError, AttributeError, OSError) as error:
        done.unreadable.append(f"{path}: cannot be read ({error}); run its shard again")
