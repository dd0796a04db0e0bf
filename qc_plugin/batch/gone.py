"""What changed about a catalogue itself: assets that went away, and files that are still written to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from qc_plugin.batch.plan import MOST_SKIPPED, key_of, state_of
from qc_plugin.errors import TemporaryError, UnsupportedAsset
from qc_plugin.report.text import plain_text
from qc_plugin.store.address import place_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qc_plugin.asset.outcome import AssetOutcome
    from qc_plugin.batch.ledger import Ledger
    from qc_plugin.batch.plan import Plan, Shard, Todo
    from qc_plugin.store.address import Place


def forget_gone(paths: Sequence[Place], plan: Plan, ledger: Ledger, shard: Shard) -> int:
    """Drop what the ledger knows below `paths` and `plan`, made of the same, did not find; how many.

    What lies below a place that could not be searched is not gone, nor is what another shard has.
    """
    if plan.n_skipped > MOST_SKIPPED:
        return 0
    closed = [key_of(each.path) for each in plan.skipped]
    n_gone = 0
    for folder in {key_of(place) for place in paths if not isinstance(place, Path) or place.is_dir()}:
        after = folder
        while known := ledger.paths_below(folder, after):
            after = known[-1]
            there = plan.has(known)
            gone = [
                path
                for path in known
                if path not in there and shard.has(place_of(path)) and not _is_below_any(path, closed)
            ]
            ledger.forget(gone)
            n_gone += len(gone)
    return n_gone


def if_complete(item: Todo, outcome: AssetOutcome) -> AssetOutcome:
    """`outcome`, but for later where a file that cannot be checked has changed since it was listed.

    It was not complete: downloads that stall are cut off for a while, and pass once they are whole.
    """
    if outcome.exit_code != UnsupportedAsset.exit_code or not isinstance(item.path, Path):
        return outcome
    now = state_of(item.path)[0]
    if now in (item.state, ""):
        return outcome
    error = TemporaryError(f"{item.path}: is still written to; scan it again once it is complete")
    return replace(
        outcome,
        exit_code=error.exit_code,
        error_class=type(error).__name__,
        sentence=plain_text(str(error)),
        retryable=True,
    )


def _is_below_any(path: str, folders: Sequence[str]) -> bool:
    return any(path == folder or path.startswith(folder.rstrip("/") + "/") for folder in folders)
