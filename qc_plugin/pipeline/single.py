"""One frame of an asset measured again, alone: for replaying a row of a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qc_plugin.decode import load_artwork, open_video
from qc_plugin.decode.limits import PROFILES
from qc_plugin.errors import UsageError
from qc_plugin.pipeline.extra import with_extra
from qc_plugin.pipeline.measure import Engines, Measured, Sampled, score_samples
from qc_plugin.stages.spool import PictureSpool
from qc_plugin.stages.technical import measure_preview, perceptual_hash

if TYPE_CHECKING:
    from pathlib import Path

    from qc_plugin.config import RunConfig
    from qc_plugin.types import AssetKind, FrameScore


def measure_frame(
    path: Path, frame_index: int, engines: Engines, config: RunConfig, *, kind: AssetKind
) -> FrameScore:
    """The score of decoded frame `frame_index`, without what only the whole clip can tell (shots, tracks).

    Raises UsageError when there is no such frame, AssetError when the asset cannot be decoded.
    """
    sampled = _sampled(path, frame_index, config, kind)
    measured = Measured(PictureSpool())
    try:
        return with_extra(score_samples([sampled], engines, measured), [sampled.frame], config)[0]
    finally:
        measured.pictures.close()


def _sampled(path: Path, frame_index: int, config: RunConfig, kind: AssetKind) -> Sampled:
    limits = PROFILES[config.limits]
    if kind == "artwork":
        _, frame, preview = load_artwork(path, limits=limits)
        return Sampled(frame, measure_preview(preview), perceptual_hash(preview))
    # `frame_index` counts decoded frames, and seeking lands wrong in some containers: read from the start.
    with open_video(path, reader=config.reader, limits=limits) as reader:
        for decoded in reader.decoded(config.sample == "keyframes"):
            if decoded.index == frame_index:
                preview = decoded.preview
                return Sampled(decoded.to_frame(), measure_preview(preview), perceptual_hash(preview))
            decoded.release()
    raise UsageError(f"{path}: frame {frame_index} could not be decoded again; check the asset again")
