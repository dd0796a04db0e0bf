"""A second scan over 100 finished assets, and `--help`: least processor seconds of the whole command.

python bench/rescan.py [--assets 100] [--before CHECKOUT]

Beside them, in turns: `--help` of a typer program with two commands, and both commands of the checkout of an
earlier version. Bytecode is written by the first call of each, as it is for those who install the program.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parents[1]
ROUNDS = 7
TWO_COMMANDS = """
import typer
app = typer.Typer()
@app.command()
def one(x: str = "1"): "One."
@app.command()
def two(x: str = "1"): "Two."
app()
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--assets", type=int, default=100)
    parser.add_argument("--before", type=Path, help="checkout of an earlier version")
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    trees = {"now": HERE} | ({"before": args.before.resolve()} if args.before else {})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "in"
        folder.mkdir()
        for n in range(args.assets):
            Image.fromarray(rng.integers(0, 255, (48, 64, 3), np.uint8)).save(folder / f"{n:04d}.png")
        two = Path(name) / "two.py"
        two.write_text(TWO_COMMANDS, encoding="utf-8")
        runs = {("two commands", "help"): ([sys.executable, two, "--help"], HERE)}
        for which, tree in trees.items():
            ours = [sys.executable, "-m", "qc_plugin"]
            scan = [*ours, "scan", folder, "--reports", f"{name}/{which}", "--rules", "artwork", "--no-sheet"]
            runs |= {(which, "help"): ([*ours, "--help"], tree), (which, "rescan"): (scan, tree)}
            _run(scan, tree)
        seconds = {key: [] for key in runs}
        for _ in range(ROUNDS):
            for key, run in runs.items():
                seconds[key].append(_cpu_s(*run))
        lines = _run([*runs["now", "rescan"][0], "--json"], HERE).splitlines()
    for key, each in seconds.items():
        print(f"{' '.join(key)}: {min(each):.2f} s")
    told = min(seconds["now", "help"]) / min(seconds["two commands", "help"])
    print(f"help beside that of two commands: {told:.2f}x (at most 1.7)")
    if args.before:
        again = min(seconds["now", "rescan"]) / min(seconds["before", "rescan"])
        print(f"rescan beside that of {args.before}: {again:.2f}x")
    print(f"{sum(json.loads(line)['reused'] for line in lines)} of {args.assets} reused")


def _cpu_s(command: list[str | Path], tree: Path) -> float:
    """Processor seconds of a command: the core may be busy with others."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _run(command, tree)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _run(command: list[str | Path], tree: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env=environment, cwd=tree.parent
    )
    return done.stdout


if __name__ == "__main__":
    main()
