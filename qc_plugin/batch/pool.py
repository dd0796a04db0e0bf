"""A pool of workers that may die: what they were doing is handed back, the rest goes on."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING

from qc_plugin.batch.work import AssetOutcome, start_worker, work

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from qc_plugin.config import RunConfig

Item = tuple[Path, str | None]  # path and its SHA-256 if known


def default_jobs(config: RunConfig) -> int:
    """Half the cores: every worker keeps one thread busy with decoding and one with the engines."""
    return config.jobs or max(1, (os.cpu_count() or 2) // 2)


def run_isolated(
    items: Sequence[Item], config: RunConfig, jobs: int | None = None
) -> Iterator[tuple[Path, AssetOutcome | None]]:
    """Yield (path, outcome) as they finish; outcome None for assets in flight when a worker died.

    At most two assets a worker are handed out ahead, so that little is lost and memory stays flat.
    """
    queue = list(reversed(items))
    jobs = min(jobs or default_jobs(config), max(1, len(items)))
    while queue:
        yield from _run_until_broken(queue, config, jobs)


def _run_until_broken(
    queue: list[Item], config: RunConfig, jobs: int
) -> Iterator[tuple[Path, AssetOutcome | None]]:
    """Work on `queue` (taken from its end) until it is empty or the pool breaks."""
    threads = config.threads or max(1, (os.cpu_count() or 2) // jobs)
    settings = config.model_copy(update={"threads": threads})
    context = multiprocessing.get_context("forkserver" if os.name == "posix" else "spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=start_worker, initargs=(settings,))
    flying: dict[Future[AssetOutcome], Path] = {}
    try:
        while queue or flying:
            while queue and len(flying) < 2 * jobs:
                path, sha = queue.pop()
                flying[pool.submit(work, path, sha)] = path
            done, _ = wait(flying, return_when=FIRST_COMPLETED)
            for future in done:
                outcome = (
                    future.result()
                )  # raises before the asset leaves `flying`, so that it becomes a suspect
                yield flying.pop(future), outcome
    except BrokenProcessPool:
        # Nothing tells which asset killed the worker: all in flight are suspects and run alone later.
        yield from ((path, None) for path in flying.values())
    finally:
        _stop(pool)


def _stop(pool: ProcessPoolExecutor) -> None:
    """End the workers at once: a finished report is in place, an unfinished one leaves nothing."""
    # There is no public way to end a stuck worker before Python 3.14.
    processes = list((pool._processes or {}).values())  # noqa: SLF001
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()
