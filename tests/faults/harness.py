"""Two scanners over one catalogue, killed at random moments; what must hold after every kill.

python -m tests.faults.harness FOLDER --kills 200 --assets 120 --seed 1
The scanners are forked from this process, so that a kill falls into their work and not into their imports.
"""

import argparse
import os
import random
import signal
import sqlite3
import sys
import time
from pathlib import Path

from qc_plugin.batch import run
from qc_plugin.batch.ledger import Ledger
from qc_plugin.batch.run import scan
from qc_plugin.config import RunConfig
from qc_plugin.report.read import read_meta
from tests.faults.stub_worker import asset, in_process


def config_for(folder):
    return RunConfig(reports=folder / "out", sheet=False, stills=False, jobs=1, rules="artwork")


def fork(work):
    """Pid of a child that does `work` and exits 0, or 1 when it raises."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        work()
        code = 0
    except BaseException as error:  # noqa: BLE001 - told, and the exit code says it
        print(repr(error), file=sys.stderr)
    finally:
        os._exit(code)


def check(folder, *, complete=None):
    """Raise AssertionError unless every visible report is whole and the only one of its key."""
    reports = [p for p in (folder / "out").rglob("*.parquet") if not p.name.startswith(".")]
    keys = [(m["asset"]["id"], m["provenance"]["judge_key"]) for m in map(read_meta, reports)]
    assert len(set(keys)) == len(keys), "two reports of one key"
    file = folder / "out/_ledger.sqlite"
    if file.exists():
        with sqlite3.connect(file, timeout=30) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        db.close()
        with Ledger(file) as ledger:
            for entry in ledger.entries("verdict = 'accept'"):
                assert (folder / "out" / entry.report).is_file(), f"{entry.path}: no report"
    if complete is not None:
        assert len(reports) == complete, f"{len(reports)} reports of {complete} assets"
        left = list((folder / "out").rglob(".tmp-*"))
        assert not left, left


def wait(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--assets", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    run.run_isolated = in_process
    rng, violations, n_mid = random.Random(args.seed), 0, 0
    for n in range(args.assets):
        asset(args.folder / f"in/{n:04d}.png", text="x" * n)
    config = config_for(args.folder)
    work = lambda: scan([args.folder / "in"], config)  # noqa: E731
    for number in range(args.kills):
        pids = [fork(work), fork(work)]
        time.sleep(rng.uniform(0.0, 0.12))
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        n_mid += sum(wait(pid) == -signal.SIGKILL for pid in pids)
        violations += wait(fork(lambda: check(args.folder))) != 0
        if number % 10 == 9:  # new work, so that there is always something to be killed at
            for n in rng.sample(range(args.assets), args.assets // 3):
                asset(args.folder / f"in/{n:04d}.png", text=f"{number} " + "x" * n)
    violations += wait(fork(work)) != 0
    violations += wait(fork(lambda: finish(args.folder, config, args.assets))) != 0
    print(f"{args.kills} kills of two scanners, {n_mid} at work, {violations} violations")
    return violations


def finish(folder, config, n_assets):
    """After a last run: each asset has its one report under the present content, and nothing is left over."""
    again = scan([folder / "in"], config)
    assert again.n_reused == n_assets == again.verdicts["accept"]
    assert len({outcome.report for outcome in again.outcomes}) == n_assets
    run.sweep(config.reports)
    check(folder)
    assert not list(config.reports.rglob(".tmp-*"))


if __name__ == "__main__":
    sys.exit(main())
