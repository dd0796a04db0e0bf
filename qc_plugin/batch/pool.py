"""Workers that may die: each holds one asset at a time, so that a death names the asset."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from qc_plugin.asset.outcome import AssetOutcome
from qc_plugin.batch.worker import serve
from qc_plugin.errors import from_other
from qc_plugin.places import check_room_for_sockets, some_working_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from qc_plugin.batch.plan import Todo
    from qc_plugin.config import RunConfig

# A batch of frames or the start of the engines takes minutes on no machine we know.
STALL_S = 900.0
_START_S = 300.0  # at least, until a new worker has said its first word
_LOOK_S = 1.0


def default_jobs(config: RunConfig) -> int:
    """Half the cores: every worker keeps one thread busy with decoding and one with the engines."""
    return config.jobs or max(1, (os.cpu_count() or 2) // 2)


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    pipe: Connection
    todo: Todo | None = None
    patience_s: float = _START_S  # until it must have said something

    def give(self, todo: Todo) -> None:
        self.todo, self.patience_s = todo, max(self.patience_s, STALL_S)
        with suppress(OSError):  # died just now: the pipe says so when it is read
            self.pipe.send_bytes(json.dumps(_plain(todo)).encode())

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


def run_isolated(
    items: Iterator[Todo], config: RunConfig, *, jobs: int, go_on: Callable[[], bool] = lambda: True
) -> Generator[tuple[Todo, AssetOutcome | None], None, None]:
    """Yield (asset, outcome) as they finish; outcome None for an asset whose worker died or hung.

    No asset is handed out once `go_on` says no. Raises the QcError of a worker that cannot work at all.
    Left early, it kills its workers: a finished report is in place, an unfinished one leaves nothing.
    """
    threads = config.threads or max(1, (os.cpu_count() or 2) // jobs)
    pool = WorkerPool(config.model_copy(update={"threads": threads}))
    try:
        yield from pool.work(items, jobs, go_on)
    finally:
        pool.stop()


class WorkerPool:
    """Workers, begun when they are needed; they stay until they are stopped."""

    def __init__(self, config: RunConfig) -> None:
        self._config = config
        self._workers: list[_Worker] = []

    @cached_property
    def _context(self) -> Any:
        import multiprocessing

        check_room_for_sockets()
        return multiprocessing.get_context("forkserver" if os.name == "posix" else "spawn")

    def work(
        self, items: Iterator[Todo], jobs: int, go_on: Callable[[], bool] = lambda: True
    ) -> Iterator[tuple[Todo, AssetOutcome | None]]:
        """As `run_isolated`, and the workers stay."""
        while self.fill(items, jobs, go_on):
            yield from self.finished()

    def fill(self, items: Iterator[Todo], jobs: int, go_on: Callable[[], bool]) -> bool:
        """Give every idle worker an asset; False when there is nothing left to wait for."""
        n_busy = sum(worker.todo is not None for worker in self._workers)
        while n_busy < jobs and go_on() and (todo := next(items, None)) is not None:
            idle = (worker for worker in self._workers if worker.todo is None)
            (next(idle, None) or self._hire()).give(todo)
            n_busy += 1
        return n_busy > 0

    def finished(self) -> Iterator[tuple[Todo, AssetOutcome | None]]:
        """What came in, waiting a moment for it."""
        from multiprocessing.connection import wait

        busy = [worker for worker in self._workers if worker.todo is not None]
        started = time.monotonic()
        ready = wait([worker.pipe for worker in busy], _LOOK_S)
        # Where we stood still ourselves (Ctrl-Z, a sleeping machine), so did they: a look counts as a look.
        passed_s = min(time.monotonic() - started, _LOOK_S)
        for worker in busy:
            if worker.pipe in ready:
                yield from self._hear(worker)
            elif worker.patience_s > passed_s:
                worker.patience_s -= passed_s
            else:
                yield self._dead(worker)

    def stop(self) -> None:
        """End all workers at once."""
        for worker in self._workers:
            worker.stop()
        self._workers.clear()

    def _hire(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=serve, args=(theirs, self._config), daemon=True)
        with some_working_folder():
            process.start()
        theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker

    def _hear(self, worker: _Worker) -> Iterator[tuple[Todo, AssetOutcome | None]]:
        worker.patience_s = STALL_S
        try:
            said: dict[str, Any] = json.loads(worker.pipe.recv_bytes())
        except (EOFError, OSError):
            yield self._dead(worker)
            return
        if "fatal" in said:
            raise from_other(said["fatal"], said["text"])
        if "outcome" in said:
            assert worker.todo is not None
            todo, worker.todo = worker.todo, None
            if said["leaving"]:
                self._let_go(worker)
            yield todo, AssetOutcome.of_json(said["outcome"])

    def _dead(self, worker: _Worker) -> tuple[Todo, None]:
        assert worker.todo is not None
        self._let_go(worker)
        return worker.todo, None

    def _let_go(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.stop()


def _plain(todo: Todo) -> dict[str, Any]:
    root = None if todo.root is None else os.fspath(todo.root)
    known = {"state": todo.state, "sha256": todo.sha256, "report": todo.report}
    return {"path": str(todo.path), "root": root, **known}
