"""Videos as ffprobe and ffmpeg show them: how many frames, when, how large, turned how, and the first one."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import numpy as np

from tests.support import oracle

if TYPE_CHECKING:
    from pathlib import Path

    from tests.corpus.product import Pictures

TIME_S = 0.002
MEAN_CODES = 3.0
_FRAMES = 20_000


def differences(path: Path, ours: Pictures) -> list[str]:
    """What ffmpeg shows otherwise; empty where all agrees."""
    try:
        theirs = oracle.times(path, _FRAMES)
    except subprocess.CalledProcessError:
        return ["ffprobe cannot read it"]
    found = _of_times(ours.times, theirs) if theirs else ["ffprobe shows no frame"]
    size = _shown_size(path)
    # Half a pixel of width is rounded either way where pixels are not square.
    if max(abs(a - b) for a, b in zip(size, (ours.info.width_px, ours.info.height_px), strict=True)) > 1:
        found.append(f"{ours.info.width_px}x{ours.info.height_px} against {size[0]}x{size[1]}")
    return found + _of_pixels(path, ours)


def readers(path: Path) -> list[str]:
    """`["ffmpeg"]` where it shows at least one frame."""
    command = [
        "ffmpeg",
        "-v",
        "quiet",
        "-i",
        str(path),
        "-map",
        "0:v:0",
        "-frames:v",
        "1",
        "-f",
        "rawvideo",
        "-",
    ]
    try:
        shown = subprocess.run(command, capture_output=True, check=False, timeout=60).stdout
    except subprocess.TimeoutExpired:
        return []
    return ["ffmpeg"] if shown else []


def _of_times(ours: list[float], theirs: list[float]) -> list[str]:
    if len(ours) != len(theirs):
        return [f"{len(ours)} frames against {len(theirs)}"]
    late = [abs(a - b) for a, b in zip(ours, theirs, strict=True) if not np.isnan(b)]
    return [f"times up to {max(late):.3f} s off"] if late and max(late) > TIME_S else []


def _shown_size(path: Path) -> tuple[int, int]:
    """Upright, in square pixels, at the height of the samples."""
    command = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-of", "json", "-show_entries"]
    command += ["stream=width,height,sample_aspect_ratio:stream_side_data=rotation", str(path)]
    (stream,) = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["streams"][:1]
    across, down = (int(n) for n in stream.get("sample_aspect_ratio", "1:1").split(":"))
    width, height = stream["width"], stream["height"]
    if across and down:
        width = round(width * across / down)
    turned = any(abs(int(side.get("rotation", 0))) % 180 == 90 for side in stream.get("side_data_list", ()))
    return (height, width) if turned else (width, height)


def _of_pixels(path: Path, ours: Pictures) -> list[str]:
    """The first frame; not where we do more than ffmpeg: deinterlace, tone-map, show transparency."""
    info = ours.info
    transparent = any("transparency" in note for note in info.notes)
    if info.interlaced or info.tone_mapped_from or transparent or 0 not in ours.rgb:
        return []
    theirs = oracle.rgb(path, (info.width_px, info.height_px), matrix=info.colour_matrix, n=1)
    if not len(theirs):
        return ["ffmpeg shows no picture"]
    apart = float(np.abs(ours.rgb[0].astype(np.int16) - theirs[0]).mean())
    return [f"first frame {apart:.1f} codes off"] if apart > MEAN_CODES else []
