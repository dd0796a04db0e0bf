"""A scan on a Ray cluster with stub work: python -m tests.faults.ray_scan ADDRESS FOLDER."""

import os
import sys
from pathlib import Path

import ray

from qc_plugin.batch.run import ScanOptions, scan
from qc_plugin.config import RunConfig

ROOT = Path(__file__).resolve().parents[2]


def join(address):
    """Attach this process to a cluster whose workers have the stub."""
    hook = {
        "worker_process_setup_hook": "tests.faults.ray_stub.install",
        "env_vars": {"PYTHONPATH": str(ROOT)},
    }
    ray.init(address=address, runtime_env=hook, log_to_driver=False, logging_level="ERROR")


def config_for(folder):
    return RunConfig(reports=folder / "out", sheet=False, stills=False, threads=1, rules="artwork")


def main():
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    join(sys.argv[1])
    folder = Path(sys.argv[2])
    tell = lambda outcome, *_: print(outcome.path, flush=True)  # noqa: E731
    result = scan([folder / "in"], config_for(folder), tell, ScanOptions(executor="ray"))
    print(dict(result.verdicts), result.n_reused)


if __name__ == "__main__":
    main()
