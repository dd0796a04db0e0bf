"""A few pictures from a file or folder, for calibrating int8."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qc_plugin.cli.assets import SAMPLES
from qc_plugin.config import load_config
from qc_plugin.decode.limits import PROFILES
from qc_plugin.errors import AssetError, UsageError
from qc_plugin.isolation.media import pictures_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST = 32  # more pictures change the ranges by less than a step of int8
_PER_CLIP = 12


def load_pictures(source: Path | None) -> list[NDArray[np.uint8]]:
    """RGB pictures (h, w, 3) of a file or of the files of a folder; without one, of the sample clip.

    Files that are no media are passed over. Raises UsageError if nothing is left.
    """
    config, _ = load_config()
    limits = PROFILES[config.limits]
    place = source or SAMPLES
    files = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]
    pictures: list[NDArray[np.uint8]] = []
    for path in files[:: max(len(files) // MOST, 1)]:
        try:
            frames = pictures_of(path, most=_PER_CLIP, limits=limits, sandbox=config.sandbox)
            pictures.extend(frame.rgb for frame in frames)
        except (AssetError, OSError):
            continue
    if not pictures:
        raise UsageError(
            f"--pictures {place}: no picture or clip could be read there; name a folder with some"
        )
    return pictures[:MOST]
