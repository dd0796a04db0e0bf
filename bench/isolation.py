"""What the wall around the decoder costs: measuring one clip behind it and in this process, in turn.

python bench/isolation.py [--clip FILE] [--runs 5] [--sandbox preferred]
Both sides load nothing anew: engines are warm, the sandbox runs. What counts is the ratio of the medians.
"""

from __future__ import annotations

import argparse
import statistics
import time
from contextlib import contextmanager
from pathlib import Path

from qc_plugin.config import RunConfig
from qc_plugin.decode import limits_named
from qc_plugin.isolation.looks import Wanted
from qc_plugin.isolation.samples import InProcess
from qc_plugin.pipeline import Engines, measure
from qc_plugin.types import Asset

SAMPLE = Path(__file__).resolve().parents[1] / "qc_plugin/samples/cups.mp4"
AT_MOST = 1.15
_isolated = measure._opened  # noqa: SLF001


@contextmanager
def in_process(asset: Asset, config: RunConfig):
    samples = InProcess(asset, Wanted(sample=config.sample), config.reader, limits_named(config.limits))
    try:
        yield samples
    finally:
        samples.close()


def seconds(opened, asset: Asset, engines: Engines, config: RunConfig) -> float:
    measure._opened = opened  # noqa: SLF001
    started = time.perf_counter()
    measure.measure_video(asset, engines, config).pictures.close()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", type=Path, default=SAMPLE)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--sandbox", default="preferred")
    args = parser.parse_args()
    config = RunConfig(sandbox=args.sandbox)
    asset, engines = Asset(id="x", path=str(args.clip), kind="video"), Engines.load()
    took: dict[str, list[float]] = {"isolated": [], "in process": []}
    for run in range(args.runs + 1):  # the first pair warms up
        for name, opened in (("isolated", _isolated), ("in process", in_process)):
            spent = seconds(opened, asset, engines, config)
            if run:
                took[name].append(spent)
    behind, here = (statistics.median(took[name]) for name in ("isolated", "in process"))
    print(f"isolated / in process = {behind / here:.2f} (at most {AT_MOST}); {args.runs} pairs, medians")


if __name__ == "__main__":
    main()
