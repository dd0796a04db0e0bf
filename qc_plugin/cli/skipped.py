"""What a scan left out and what it could not search, as people and programs read it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol

from qc_plugin.cli.screen import out, plain

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    from rich.console import Console

    from qc_plugin.batch.found import Skipped
    from qc_plugin.batch.leftovers import Reason

_ON_SCREEN = 20


class _Searched(Protocol):
    """A plan, or the result of a scan."""

    left_out: Counter[Reason]
    n_skipped: int

    @property
    def skipped(self) -> Sequence[Skipped]: ...


def print_skipped(searched: _Searched, to: Console = out, *, as_json: bool) -> None:
    """Every place that was not searched, as JSON lines; for people counts, and the first of them."""
    from qc_plugin.batch.found import KINDS
    from qc_plugin.batch.leftovers import REASONS

    if as_json:
        for each in searched.skipped:
            plain_values = {"kind": each.kind, "exit_code": each.exit_code, "sentence": each.text}
            print(json.dumps({"schema": "qc.skipped/1", "path": str(each.path), **plain_values}), flush=True)
    for reason, n in searched.left_out.most_common():
        to.print(f"left out by name: {n} {REASONS[reason]}", soft_wrap=True)
    for kind, text in KINDS.items():
        n = sum(each.kind == kind for each in searched.skipped)
        if n:
            to.print(f"not searched: {n} {text}", soft_wrap=True)
    for each in searched.skipped[:_ON_SCREEN]:
        to.print(f"  {plain(each.text)}", markup=False, soft_wrap=True)
    if searched.n_skipped > _ON_SCREEN:
        to.print(f"  and {searched.n_skipped - _ON_SCREEN} more; --json names them")
