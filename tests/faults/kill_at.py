"""A scan that is killed at a named point: python -m tests.faults.kill_at POINT FOLDER.

A process of its own: a fork of the tests' process would carry the locks of whatever threads run there.
"""

import os
import signal
import sys
from pathlib import Path

from qc_plugin import files
from qc_plugin.batch import ledger, run
from tests.faults.harness import config_for
from tests.faults.stub_worker import in_process

POINTS = {
    "after the temporary file": (files.os, "fsync"),
    "before the link": (files.os, "link"),
    "after the link": (files, "_sync_folder"),
    "before the ledger": (ledger.Ledger, "remember"),
    "before the run is closed": (ledger.Ledger, "end_run"),
    "before the manifest": (run, "write_manifest"),
}


def main():
    point, folder = sys.argv[1], Path(sys.argv[2])
    run.run_isolated = in_process
    setattr(*POINTS[point], lambda *_args, **_kwargs: os.kill(os.getpid(), signal.SIGKILL))
    halves = (run.Shard(index, 2) for index in range(2))
    half = next(each for each in halves if each.has(folder / "in/0.png"))  # one may be empty
    options = run.ScanOptions(shard=half, keep_outcomes=True)
    run.scan([folder / "in"], config_for(folder), options=options)


if __name__ == "__main__":
    main()
