"""Stills as libvips and ImageMagick show them: upright, in sRGB, over our backdrop."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from qc_plugin.decode.alpha import BACKDROP
from tests.support import oracle

if TYPE_CHECKING:
    from qc_plugin.types import MediaInfo

TIMEOUT_S = 20
MEAN_CODES, MOST_CODES, OUTLIERS = (
    2.0,
    16,
    0.01,
)  # mean difference; beyond so many codes lies so small a share
_MAGICK = next((name for name in ("magick", "convert") if shutil.which(name)), None)
ORACLES = tuple(
    name for name, there in (("libvips", shutil.which("vipsthumbnail")), ("ImageMagick", _MAGICK)) if there
)


def page_of(info: MediaInfo) -> int:
    """Which picture of the file was judged, from 0."""
    told = [re.search(r"number (\d+) is judged", note) for note in info.notes]
    return next((int(match[1]) - 1 for match in told if match), 0)


def shown(path: Path, page: int = 0) -> dict[str, np.ndarray]:
    """(H, W, 3) uint8 by name of each oracle that reads the file."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.png"
        for name in ORACLES:
            out.unlink(missing_ok=True)
            command = _vips(path, page, out) if name == "libvips" else _magick(path, page, out)
            try:
                subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=True)
            except subprocess.SubprocessError:
                continue
            if out.is_file():
                found[name] = _over_backdrop(out)
    return found


def by_ffmpeg(path: Path) -> dict[str, np.ndarray]:
    """The first picture by FFmpeg, as stored: it converts no profile and turns nothing."""
    scale = f"scale=flags={oracle.ACCURATE},format=rgba"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.png"
        command = ["ffmpeg", "-v", "quiet", "-i", str(path), "-map", "0:v:0", "-vf", scale, "-frames:v", "1"]
        with contextlib.suppress(subprocess.SubprocessError, OSError):
            subprocess.run([*command, str(out)], capture_output=True, timeout=TIMEOUT_S, check=True)
        return {"ffmpeg": _over_backdrop(out)} if out.is_file() else {}


def _vips(path: Path, page: int, out: Path) -> list[str]:
    source = f"{path}[page={page}]" if page else str(path)
    return ["vipsthumbnail", source, "-s", "100000x100000>", "--eprofile", "srgb", "-o", str(out)]


def _magick(path: Path, page: int, out: Path) -> list[str]:
    moves = bool(page) and path.suffix.lower() not in {
        ".tif",
        ".tiff",
    }  # else pages are pictures of their own
    pages = f"{path}[0-{page}]" if moves else f"{path}[{page}]"
    whole = ["-coalesce", "-delete", f"0-{page - 1}"] if moves else []
    return [str(_MAGICK), pages, *whole, "-auto-orient", "-colorspace", "sRGB", "-depth", "8", f"png32:{out}"]


def _over_backdrop(path: Path) -> np.ndarray:
    """By OpenCV, which minds neither the size nor the texts of a PNG."""
    values = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if values.dtype == np.uint16:
        values = (values // 257).astype(np.uint8)
    values = values if values.ndim == 3 else np.repeat(values[..., None], 3, axis=2)
    if values.shape[2] == 3:
        return np.ascontiguousarray(values[..., ::-1])
    alpha = values[..., 3:].astype(np.float32) / 255
    over = values[..., 2::-1] * alpha + BACKDROP * (1 - alpha)
    return np.asarray(over.round(), np.uint8)


def difference(ours: np.ndarray, theirs: np.ndarray) -> str:
    """What is different beyond the tolerance, in words; empty where they agree."""
    if ours.shape != theirs.shape:
        return "{}x{} against {}x{}".format(*ours.shape[1::-1], *theirs.shape[1::-1])
    apart = np.abs(ours.astype(np.int16) - theirs)
    mean, share = float(apart.mean()), float((apart > MOST_CODES).mean())
    return (
        ""
        if mean <= MEAN_CODES and share <= OUTLIERS
        else f"{mean:.1f} codes off, {share:.0%} by over {MOST_CODES}"
    )
