"""Assets on a Ray cluster: shards as tasks, and in each task the worker that may die of every scan.

A task works through its shard in order and tells each outcome as it comes, so that one that is lost (node,
worker, memory) names the asset it was at. Three losses at one asset and it is handed back as one that took
its worker down; all others are begun again, and find the reports that are in place. Ray itself retries
nothing: what an asset may cost is counted in our ledger.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qc_plugin import errors
from qc_plugin.asset.outcome import AssetOutcome
from qc_plugin.batch.plan import Todo, key_of
from qc_plugin.batch.pool import STALL_S, WorkerPool
from qc_plugin.config import RunConfig
from qc_plugin.environment import variable
from qc_plugin.errors import ConfigError, TemporaryError
from qc_plugin.store.address import place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

MOST_ASSETS = 200
_ROUNDS = 4  # shards a slot gets in a run, at least: so that slots end at about the same time
_MOST_LOSSES = 3
_CPUS = 2  # one decodes, one runs the engines
_LOOK_S = 1.0

Done = tuple[Todo, AssetOutcome | None]


def run_on_ray(
    items: Iterator[Todo], config: RunConfig, *, n_items: int, go_on: Callable[[], bool] = lambda: True
) -> Generator[Done, None, None]:
    """As `pool.run_isolated`, on the cluster that RAY_ADDRESS names, else on one of its own for this run.

    Reports must be in a store or in a folder that every node sees under the same path, and so must assets.
    When `go_on` says no, what is in hand is abandoned. Raises ConfigError when a task cannot run at all,
    TemporaryError when the cluster is not there or says nothing for half an hour.
    """
    ray, ours = _connected()
    pool = RayPool(ray, config)
    try:
        size = min(MOST_ASSETS, max(1, n_items // (pool.slots() * _ROUNDS)))
        while go_on() and pool.fill(items, size):
            yield from pool.heard()
    finally:
        pool.stop()
        if ours:
            ray.shutdown()


def shard_task(config_json: str, shard: str, threads: int) -> Iterator[str]:
    """What a task does: tells, as JSON, what became of each asset of `shard`; on a node of the cluster."""
    items = [_todo(plain) for plain in json.loads(shard)]
    number = {item: n for n, item in enumerate(items)}
    try:
        for item, outcome in _pool_of(config_json, threads).work(iter(items), 1):
            yield json.dumps({"n": number[item], "outcome": outcome and outcome.as_json()})
    except errors.QcError as error:
        _pool_of(config_json, threads).stop()
        yield json.dumps({"fatal": errors.named(error), "text": str(error)})


@lru_cache(maxsize=1)
def _pool_of(config_json: str, threads: int) -> WorkerPool:
    """Our worker in this process of Ray's, with its engines loaded; it serves one shard after the other."""
    # Else it would load the program that Ray's own workers run, and Ray with it.
    vars(sys.modules["__main__"]).pop("__file__", None)
    return WorkerPool(RunConfig.model_validate_json(config_json).model_copy(update={"threads": threads}))


@dataclass(slots=True, eq=False)
class _Shard:
    """What a task is at, in its order: number in the task to asset."""

    left: dict[int, Todo]
    losses: int = 0  # of tasks that were at the first of them


class RayPool:
    """The tasks in hand; their number is bounded by what the cluster can run, and one more for each slot."""

    def __init__(self, ray: Any, config: RunConfig) -> None:
        self._ray, self._config = ray, config
        most = max((n["Resources"].get("CPU", 0) for n in ray.nodes() if n["Alive"]), default=0)
        self._cpus = int(min(config.threads or _CPUS, most)) or 1
        gpus = 1 if config.backend == "tensorrt" else 0
        options = {"num_cpus": self._cpus, "num_gpus": gpus, "max_retries": 0, "num_returns": "streaming"}
        self._task = ray.remote(shard_task).options(**options)
        self._running: dict[Any, _Shard] = {}
        self._again: deque[_Shard] = deque()
        self._heard = time.monotonic()

    def slots(self) -> int:
        """Tasks that run at once; nodes come and go."""
        return max(1, int(self._ray.cluster_resources().get("CPU", 0)) // self._cpus)

    def fill(self, items: Iterator[Todo], size: int) -> bool:
        """Hand out shards while there is room; False when there is nothing left to wait for."""
        room = 2 * self.slots() - len(self._running)
        for _ in range(room):
            shard = self._again.popleft() if self._again else _Shard(dict(enumerate(islice(items, size))))
            if not shard.left:
                break
            self._start(shard)
        return bool(self._running)

    def heard(self) -> Iterator[Done]:
        """What came in, waiting a moment for it."""
        ready, _ = self._ray.wait(list(self._running), timeout=_LOOK_S, fetch_local=False)
        if ready:
            self._heard = time.monotonic()
        elif time.monotonic() - self._heard > 2 * STALL_S:
            raise TemporaryError(
                "the Ray cluster has said nothing for half an hour; look at `ray status`, run again"
            )
        for task in ready:
            yield from self._hear(task)

    def stop(self) -> None:
        """Abandon what is in hand."""
        for task in self._running:
            self._ray.cancel(task, force=True)
        self._running.clear()

    def _start(self, shard: _Shard) -> None:
        shard.left = dict(enumerate(shard.left.values()))
        plain = json.dumps([_plain(todo) for todo in shard.left.values()])
        self._running[self._task.remote(self._config.model_dump_json(), plain, self._cpus)] = shard

    def _hear(self, task: Any) -> Iterator[Done]:
        failed = self._ray.exceptions
        try:
            said = json.loads(self._ray.get(next(task)))
        except StopIteration:
            del self._running[task]
            return
        except (failed.RayTaskError, failed.RuntimeEnvSetupError) as error:
            reason = str(error).strip().splitlines()[-1]
            raise ConfigError(
                f"a task cannot run on the cluster ({reason}); install the same qc-plugin on every node"
            ) from error
        except failed.RayError:
            yield from self._lost(self._running.pop(task))
            return
        if "fatal" in said:
            raise errors.from_other(said["fatal"], said["text"])
        shard = self._running[task]
        shard.losses = 0
        outcome = said["outcome"]
        yield shard.left.pop(said["n"]), outcome and AssetOutcome.of_json(outcome)

    def _lost(self, shard: _Shard) -> Iterator[Done]:
        """Begin again; unless tasks were lost at the same asset too often, which is then named."""
        shard.losses += 1
        if shard.losses == _MOST_LOSSES and shard.left:
            yield shard.left.pop(next(iter(shard.left))), None
            shard.losses = 0
        if shard.left:
            self._again.append(shard)


def _connected() -> tuple[Any, bool]:
    """(ray, whether this run started it)."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would tell its makers of every run
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise ConfigError("ray is not installed; pip install 'qc-plugin[ray]'") from error
    if ray.is_initialized():
        return ray, False
    address = variable("RAY_ADDRESS")
    before = signal.getsignal(signal.SIGTERM)
    try:
        # Without an address it would join whatever cluster this machine saw last.
        options = {} if address else {"include_dashboard": False}
        ray.init(address=address or "local", log_to_driver=False, logging_level="ERROR", **options)
    except ConnectionError as error:
        raise TemporaryError(f"no Ray cluster at RAY_ADDRESS={address}; start it, then run again") from error
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, before)  # ours says how the run ended
    return ray, True


def _plain(todo: Todo) -> list[Any]:
    root = None if todo.root is None else key_of(todo.root)
    return [key_of(todo.path), root, *todo[2:]]


def _todo(plain: list[Any]) -> Todo:
    path, root, *rest = plain
    return Todo(place_of(path), None if root is None else Path(root), *rest)
