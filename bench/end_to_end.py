"""Wall time and memory of `qc-plugin check` at 2 samples/s, against ffmpeg's blurdetect on the same clip.

Both commands run in turn, several times, in one run; what counts is the ratio of their medians.
The clip: 60 s of 1080p25 H.264 made from the shipped footage (looped), or `--clip FILE`.

    python bench/end_to_end.py [--clip FILE] [--runs 3]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "qc_plugin" / "samples" / "cups.mp4"
TARGET, AIM, MEMORY_GB = 1.2, 0.8, 1.2


def make_clip(folder: Path) -> Path:
    clip = folder / "clip.mp4"
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-y",
        "-stream_loop",
        "8",
        "-i",
        str(SAMPLE),
        "-t",
        "60",
        "-vf",
        "scale=1920:1080,fps=25",
        "-c:v",
        "libx264",
        "-preset",
        "medium",
        "-crf",
        "23",
        "-g",
        "50",
        "-an",
        str(clip),
    ]
    subprocess.run(command, check=True)
    return clip


def timed(command: list[str]) -> tuple[float, float]:
    """Wall seconds and peak memory (GB) of a command; it must not fail (a verdict is no failure)."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 10, 11):
        raise SystemExit(f"{' '.join(command)}: exit code {code}\n{process.stderr.read().decode()}")
    return seconds, usage.ru_maxrss / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clip", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    if shutil.which("ffmpeg") is None:
        raise SystemExit("this benchmark compares with the ffmpeg program: install ffmpeg first")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = args.clip or make_clip(folder)
        rows: dict[str, list[tuple[float, float]]] = {"ffmpeg": [], "decode": [], "check": [], "no sheet": []}
        for n in range(args.runs):
            check = [sys.executable, "-m", "qc_plugin", "check", str(clip), "--sample", "2fps", "--reports"]
            rows["ffmpeg"].append(
                timed(
                    ["ffmpeg", "-v", "error", "-i", str(clip), "-vf", "fps=2,blurdetect", "-f", "null", "-"]
                )
            )
            rows["check"].append(timed([*check, str(folder / f"a{n}")]))
            rows["decode"].append(timed(["ffmpeg", "-v", "error", "-i", str(clip), "-f", "null", "-"]))
            rows["no sheet"].append(timed([*check, str(folder / f"b{n}"), "--no-sheet"]))
    report(rows)


def report(rows: dict[str, list[tuple[float, float]]]) -> None:
    base = statistics.median(s for s, _ in rows["ffmpeg"])
    table = {
        name: {
            "ratio": round(statistics.median(s for s, _ in r) / base, 3),
            "peak_gb": round(max(g for _, g in r), 2),
        }
        for name, r in rows.items()
    }
    print(f"{'':12} {'x ffmpeg fps=2,blurdetect':>26} {'peak memory':>12}")
    for name, row in table.items():
        print(f"{name:12} {row['ratio']:>26.2f} {row['peak_gb']:>9.2f} GB")
    ratio, memory = table["check"]["ratio"], table["check"]["peak_gb"]
    print(f"check: {ratio:.2f}x (at most {TARGET}, aim {AIM}), {memory:.2f} GB (at most {MEMORY_GB})")
    print(
        json.dumps(
            {"machine": platform.processor() or platform.machine(), "cores": os.cpu_count(), "rows": table}
        )
    )


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
