"""A few pictures from a file or folder, for calibrating int8."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qc_plugin.cli.assets import SAMPLES
from qc_plugin.decode import load_artwork, open_video, parse_sample, select, sniff_kind
from qc_plugin.errors import AssetError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

MOST = 32  # more pictures change the ranges by less than a step of int8
_PER_CLIP = 12


def load_pictures(source: Path | None) -> list[NDArray[np.uint8]]:
    """RGB pictures (h, w, 3) of a file or of the files of a folder; without one, of the sample clip.

    Files that are no media are passed over. Raises UsageError if nothing is left.
    """
    place = source or SAMPLES
    files = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]
    pictures: list[NDArray[np.uint8]] = []
    for path in files[:: max(len(files) // MOST, 1)]:
        try:
            pictures.extend(_pictures(path))
        except (AssetError, OSError):
            continue
    if not pictures:
        raise UsageError(
            f"--pictures {place}: no picture or clip could be read there; name a folder with some"
        )
    return pictures[:MOST]


def _pictures(path: Path) -> Iterator[NDArray[np.uint8]]:
    if sniff_kind(path) == "artwork":
        yield load_artwork(path)[1].rgb
        return
    plan = parse_sample("2fps", max_frames=_PER_CLIP)
    with open_video(path) as reader:
        n_taken = 0
        for decoded, wanted in select(reader.decoded(plan.keyframes_only), plan, info=reader.info):
            if wanted:
                yield decoded.to_frame().rgb
                n_taken += 1
            decoded.release()
            if n_taken == _PER_CLIP:
                return
