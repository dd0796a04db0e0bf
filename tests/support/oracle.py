"""What the `ffmpeg` and `ffprobe` programs say about a file."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from pathlib import Path

needs_ffmpeg = pytest.mark.skipif(
    shutil.which("ffmpeg") is None or shutil.which("ffprobe") is None,
    reason="the ffmpeg program is not installed",
)
# libswscale's default repeats chroma samples and comes out a level dark; these flags make it interpolate.
ACCURATE = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"


def rgb(
    path: Path, size: tuple[int, int], *, before: str = "", matrix: str | None = None, n: int = 10_000
) -> np.ndarray:
    """(n, H, W, 3) uint8: the frames as ffmpeg shows them, scaled to `size` (width, height)."""
    source = f":in_color_matrix={matrix}" if matrix else ""
    chain = f"{before}scale={size[0]}:{size[1]}:flags={ACCURATE}{source},format=rgb24"
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:v:0", "-vf", chain, "-frames:v", str(n)]
    command += ["-fps_mode", "passthrough", "-f", "rawvideo", "-"]
    done = subprocess.run(command, capture_output=True, check=False)
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, size[1], size[0], 3)


def times(path: Path, n: int = 10_000) -> list[float]:
    """Presentation times of the frames, seconds since the container's start; NaN for a frame without one."""
    command = [
        "ffprobe",
        "-v",
        "error",
        "-select_streams",
        "v:0",
        "-show_frames",
        "-show_format",
        "-of",
        "json",
    ]
    # It counts packets in decoding order: some more are read, so that the last frames shown have no gaps.
    command += ["-read_intervals", f"%+#{n + 32}"]
    command += ["-show_entries", "frame=best_effort_timestamp_time:format=start_time", str(path)]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    start = float(found["format"].get("start_time", 0))
    return [float(frame.get("best_effort_timestamp_time", "nan")) - start for frame in found["frames"][:n]]


def shape(path: Path) -> str:
    """The aspect in which the picture is shown, as `16:9`."""
    command = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-of", "csv=p=0"]
    command += ["-show_entries", "stream=display_aspect_ratio", str(path)]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip().rstrip(",")
