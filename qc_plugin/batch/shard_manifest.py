"""What a shard did, one line an asset, written last: all that it names is there."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Any

from qc_plugin.batch.ledger import FORMER_NAMES
from qc_plugin.batch.plan import key_of
from qc_plugin.files import write_whole
from qc_plugin.report.layout import MANIFESTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from qc_plugin.batch.ledger import Ledger
from qc_plugin.batch.plan import Plan, Shard

SCHEMA = "qc.shard/2"
_AT_ONCE = 400


def manifest_path(root: Path, shard: Shard) -> Path:
    """Where the manifest of a shard lies."""
    return root / MANIFESTS / f"shard-{shard.index:05d}-of-{shard.of:05d}.jsonl"


def write_manifest(root: Path, shard: Shard, plan: Plan, ledger: Ledger, *, complete: bool) -> Path:
    """Write what the ledger knows of every asset of this shard; the manifest of an earlier run is replaced.

    The first line is about the shard: `complete` is false when a budget or a limit left assets for later.
    """
    head = {
        "schema": SCHEMA,
        "shard": shard.index,
        "of": shard.of,
        "complete": complete,
        "assets": plan.n_all,
    }
    target = manifest_path(root, shard)
    write_whole(target, _lines(head, plan, ledger), what="the manifest", durable=True)
    return target


def read_manifest(path: Path) -> Iterator[dict[str, Any]]:
    """The head, then one mapping an asset with the fields of `LedgerEntry`. Raises ValueError when torn.

    Names that earlier versions wrote are given as they are now.
    """
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield {FORMER_NAMES.get(name, name): value for name, value in json.loads(line).items()}


def _lines(head: dict[str, Any], plan: Plan, ledger: Ledger) -> Iterator[bytes]:
    yield _line(head)
    paths = plan.all_paths()
    while chunk := list(islice(paths, _AT_ONCE)):
        known = ledger.known([key_of(path) for path in chunk])
        yield from (_line(entry._asdict()) for _, entry in sorted(known.items()))


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=True).encode() + b"\n"
