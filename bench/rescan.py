"""A second scan over 100 finished assets: seconds of the whole command, and that it decodes nothing.

python bench/rescan.py [--assets 100]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--assets", type=int, default=100)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "in"
        folder.mkdir()
        for n in range(args.assets):
            Image.fromarray(rng.integers(0, 255, (48, 64, 3), np.uint8)).save(folder / f"{n:04d}.png")
        command = [sys.executable, "-m", "qc_plugin", "scan", str(folder), "--reports", f"{name}/out"]
        command += ["--rules", "artwork", "--no-sheet"]
        seconds = []
        for _ in range(4):
            started = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            seconds.append(round(time.perf_counter() - started, 2))
        lines = subprocess.run(
            [*command, "--json"], check=True, capture_output=True, text=True
        ).stdout.splitlines()
        reused = sum(json.loads(line)["reused"] for line in lines)
    again = sorted(seconds[1:])[1]
    print(f"first scan {seconds[0]} s; again {again} s (at most 1); {reused} of {args.assets} reused")


if __name__ == "__main__":
    main()
