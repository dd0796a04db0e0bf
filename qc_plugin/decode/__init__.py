"""From a file to frames: the only package that knows video and picture libraries.

Doors: `sniff_kind`, `open_video`, `load_artwork`; sampling is in `decode.sampling`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qc_plugin.decode.contract import DecodedFrame, VideoReader
from qc_plugin.decode.limits import DEFAULT_LIMITS, STRICT, TRUSTED, Limits, limits_named
from qc_plugin.decode.readers import open_video
from qc_plugin.decode.sampling import SamplePlan, parse_sample, select
from qc_plugin.decode.sniff import sniff_kind

if TYPE_CHECKING:
    from pathlib import Path

    from qc_plugin.types import Frame, MediaInfo, Preview

__all__ = [
    "DEFAULT_LIMITS",
    "STRICT",
    "TRUSTED",
    "DecodedFrame",
    "Limits",
    "SamplePlan",
    "VideoReader",
    "limits_named",
    "load_artwork",
    "open_video",
    "parse_sample",
    "select",
    "sniff_kind",
]


def load_artwork(path: str | Path, *, limits: Limits = DEFAULT_LIMITS) -> tuple[MediaInfo, Frame, Preview]:
    """A still picture as one sRGB frame with its preview. See `artwork.load_artwork`."""
    from qc_plugin.decode import artwork

    return artwork.load_artwork(path, limits=limits)
