"""A nightly rescan in which nothing changed: seconds and memory for N rows, with stubs for the files.

python bench/rescan_rows.py [--rows 1000000]
What is timed is the plan and the search for what is gone: every file listed, its state compared, nothing
opened. Files are stubs, so a real catalogue adds what its file system takes to list and stat. Seconds are
processor seconds of this process.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

from qc_plugin.asset.keys import Keys
from qc_plugin.batch import plan
from qc_plugin.batch.found import Found
from qc_plugin.batch.gone import forget_gone
from qc_plugin.batch.ledger import Ledger, LedgerEntry

_CHUNK = 10_000
_ROOT = Path(__file__).resolve().parent  # any folder that is there: its files are stubs


def path_of(n: int) -> str:
    return f"{_ROOT}/title-{n // 100:06d}/season-01/episode-{n % 100:02d}.mov"


def entry(n: int) -> LedgerEntry:
    return LedgerEntry(
        path=path_of(n),
        state=f"64769 {n} 734003200 1760000000000000000 1760000000000000000",
        asset_id=f"{n:064x}",
        kind="video",
        measure_key="m" * 64,
        judge_key="j" * 64,
        verdict="accept",
        sentence="nothing to report",
        report=f"schema=1/kind=video/{n % 256:02x}/{n:016x}-{n:08x}.parquet",
        bytes=734_003_200,
        seconds=80.0,
        run=1,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    plan.walk = lambda _paths, **_: (Found(Path(path_of(n))) for n in range(rows))
    plan.state_of = lambda path: (_state_of(path), 734_003_200)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "_ledger.sqlite"
        with Ledger(file) as ledger:
            for start in range(0, rows, _CHUNK):
                ledger.remember(entry(n) for n in range(start, min(rows, start + _CHUNK)))
            before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            started = time.process_time()
            made = plan.make_plan([_ROOT], ledger, Keys("m" * 64, "j" * 64))
            n_gone = forget_gone([_ROOT], made, ledger, plan.Shard())
            seconds = time.process_time() - started
            grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb) / 1024
        n_bytes = sum(each.stat().st_size for each in Path(folder).iterdir())
    print(json.dumps({"rows": rows, "to_do": made.n_todo, "cpu_s": round(seconds, 1)}))
    print(json.dumps({"grown_mb": round(grown_mb, 1), "ledger_bytes_a_row": round(n_bytes / rows)}))
    assert made.counts["done"] == rows
    assert n_gone == 0


def _state_of(path: Path) -> str:
    title, name = path.parent.parent.name, path.stem
    n = int(title.removeprefix("title-")) * 100 + int(name.removeprefix("episode-"))
    return f"64769 {n} 734003200 1760000000000000000 1760000000000000000"


if __name__ == "__main__":
    main()
