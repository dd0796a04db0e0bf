"""One frame of an asset measured again, alone: for replaying a row of a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qc_plugin.errors import UsageError
from qc_plugin.pipeline.again import frames_again
from qc_plugin.pipeline.extra import with_extra
from qc_plugin.pipeline.measure import Engines, Measured, score_samples
from qc_plugin.pipeline.seen import Sampled
from qc_plugin.stages.spool import PictureSpool
from qc_plugin.types import Asset

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
        return with_extra(
            score_samples([sampled], engines.at_scale_of(kind), measured), [sampled.frame], config
        )[0]
    finally:
        measured.pictures.close()


def _sampled(path: Path, frame_index: int, config: RunConfig, kind: AssetKind) -> Sampled:
    asset = Asset(id="", path=str(path), kind=kind)
    for frame, look in frames_again(asset, [frame_index], config, sample=config.sample):
        return Sampled.of(frame, look, kind)
    raise UsageError(f"{path}: frame {frame_index} could not be decoded again; check the asset again")
