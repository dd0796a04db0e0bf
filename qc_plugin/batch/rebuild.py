"""The ledger made again from what is true: reports, and the manifests of shards."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qc_plugin.batch.keys import keys_for, rules_of, run_keys
from qc_plugin.batch.ledger import Entry, Ledger
from qc_plugin.batch.manifest import read_manifest
from qc_plugin.errors import QcError
from qc_plugin.report.read import read_meta
from qc_plugin.report.write import sweep

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from qc_plugin.config import RunConfig
    from qc_plugin.scoring.ruleset import RuleSet

_NAMES = frozenset(Entry._fields)


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
    rules = rules_of(config)
    with Ledger(file) as ledger:
        ledger.clear()
        for path in _reports(config.reports):
            done.n_reports += 1
            try:
                entry = _entry(path, config, rules)
            except (QcError, KeyError, TypeError) as error:
                done.unreadable.append(str(error))
                continue
            there = ledger.known([entry.path]).get(entry.path)
            if there is None or not there.settings:  # of several reports the one under the present rules
                ledger.remember([entry])
        for path in sorted((config.reports / "manifests").glob("shard-*.jsonl")):
            _fold(path, ledger, done)
        done.n_assets = sum(n for _, _, n in ledger.counts())
    return done


def _reports(root: Path) -> Iterator[Path]:
    return (path for path in root.glob("schema=*/kind=*/*/*.parquet") if not path.name.startswith("."))


def _entry(path: Path, config: RunConfig, rules: RuleSet) -> Entry:
    meta: dict[str, Any] = read_meta(path)
    asset, origin, error = meta["asset"], meta["provenance"], meta["error"] or {}
    ours = keys_for(config, asset["id"], rules)
    keys = run_keys(config, rules)
    return Entry(
        path=os.path.abspath(asset["uri"]),  # noqa: PTH100 - as `plan.key_of`
        state="",
        asset_id=asset["id"],
        kind=asset["kind"],
        measures=keys[0] if origin["measure_key"] == ours[0] else "",
        settings=keys[1] if origin["judge_key"] == ours[1] else "",
        verdict=meta["verdict"],
        exit_code=int(error.get("exit_code", 0)),
        sentence=str(error.get("text") or "done already"),
        incomplete=bool(meta["flags"]["incomplete"]),
        degraded=bool(meta["flags"]["degraded"]),
        report=str(path.relative_to(config.reports)),
    )


def _fold(path: Path, ledger: Ledger, done: Rebuilt) -> None:
    """Take over the states that a manifest knows, and what it says of assets without a report here."""
    try:
        head, *rows = read_manifest(path)
        entries = [Entry(**{k: v for k, v in row.items() if k in _NAMES}) for row in rows if head]
    except (ValueError, TypeError, OSError) as error:
        done.unreadable.append(f"{path}: cannot be read ({error}); run its shard again")
        return
    for entry in entries:
        there = ledger.known([entry.path]).get(entry.path)
        if there is not None and (there.asset_id, there.settings) == (entry.asset_id, entry.settings):
            ledger.remember([there._replace(state=entry.state, bytes=entry.bytes, seconds=entry.seconds)])
        elif there is None and entry.report is None:
            ledger.remember([entry])
