"""How far a build of plans is: a bar on a terminal, a line every 30 s elsewhere."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from qc_plugin.cli.screen import err

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qc_plugin.inference.tensorrt.plan_builder import Tell
    from qc_plugin.inference.tensorrt.plans import PlanKey

_QUIET_S = 30.0


@contextmanager
def build_progress(n_plans: int) -> Iterator[Callable[[PlanKey], Tell]]:
    """A function that gives, for each plan in turn, what `build_plan` tells its steps to."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal, transient=True) as bar:
        task = bar.add_task("plans", total=None)
        n_begun, spoke = 0, time.monotonic()

        def begin(key: PlanKey) -> Tell:
            nonlocal n_begun
            n_begun += 1
            label = f"{n_begun}/{n_plans} {key.engine} {key.precision} {key.profile} {key.target}"

            def tell(phase: str, done: int, total: int) -> None:
                nonlocal spoke
                bar.update(task, description=f"{label}: {phase}", completed=done, total=total)
                if not err.is_terminal and time.monotonic() - spoke > _QUIET_S:
                    spoke = time.monotonic()
                    err.print(f"{label}: {phase} {done} of {total}", soft_wrap=True)

            return tell

        yield begin
