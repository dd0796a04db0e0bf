"""Every hook of qc-plugin, each as small as it can be. Copy it and keep what you need."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np

from qc_plugin.extensions import ExtraMeasure, hookimpl


@hookimpl
def register_measures() -> list[ExtraMeasure]:
    """Offer `warmth` to rules and reports."""
    return [ExtraMeasure(name="warmth", text="mean red over blue, 0.5 is neutral", function=warmth)]


def warmth(rgb: np.ndarray, box: tuple[float, float, float, float]) -> float | None:
    """0..1, 0.5 where red and blue are equal; None for a box without a pixel."""
    x0, y0, x1, y1 = (round(v) for v in box)
    pixels = rgb[y0:y1:4, x0:x1:4].astype(np.float32)  # every fourth pixel tells as much
    if pixels.size == 0:
        return None
    return float(np.clip(0.5 + (pixels[..., 0].mean() - pixels[..., 2].mean()) / 510, 0, 1))


@hookimpl
def asset_resolver(uri: str, folder: Path) -> Path | None:  # noqa: ARG001 - a store would fetch into it
    """`example:NAME` is a file of ours; a store would be asked here and the file fetched into `folder`."""
    if not uri.startswith("example:"):
        return None
    # Only the name: an address must not lead out of the folder.
    return Path(os.environ["QC_EXAMPLE_MEDIA"]) / Path(uri.removeprefix("example:")).name


@hookimpl
def report_sink(path: Path) -> str | None:
    """A copy elsewhere; its address goes into the result. A hook names only the arguments it needs."""
    folder = os.environ.get("QC_EXAMPLE_SINK")
    if not folder:
        return None
    Path(folder).mkdir(parents=True, exist_ok=True)
    return shutil.copy(path, folder)


@hookimpl
def asset_finished(report: object, path: Path) -> None:
    """Note that an asset is done."""
    _note({"asset": report.asset.path, "verdict": report.verdict, "report": path.name})


@hookimpl
def batch_finished(n_done: int, n_failed: int) -> None:
    """Note that a scan is done."""
    _note({"done": n_done, "failed": n_failed})


def _note(entry: dict[str, object]) -> None:
    log = os.environ.get("QC_EXAMPLE_LOG")
    if log:
        with Path(log).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
