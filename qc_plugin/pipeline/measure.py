"""All that is measured on one asset, before any rule has spoken."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from qc_plugin.decode.limits import PROFILES
from qc_plugin.errors import TemporaryError, UnsupportedAsset
from qc_plugin.isolation.looks import DecodedLook, Wanted
from qc_plugin.isolation.samples import open_samples
from qc_plugin.pipeline.extra import with_extra
from qc_plugin.pipeline.place import inside_bars, place
from qc_plugin.pipeline.sample import Sample, sampled
from qc_plugin.scoring.measures import score_frame
from qc_plugin.signals.clipping import clipped_of_regions
from qc_plugin.signals.damage import DamageCounter
from qc_plugin.signals.sharpness import sharpness
from qc_plugin.signals.technical import Bars, ShotDetector
from qc_plugin.stages.ahead import Ahead
from qc_plugin.stages.detectors import Detectors
from qc_plugin.stages.lost_faces import LostFaces
from qc_plugin.stages.segment import BlurSegmenter
from qc_plugin.stages.spool import PictureSpool
from qc_plugin.types import Asset, BlurMap, DecodeStats, EngineUse, FrameScore, MediaInfo, Region

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from concurrent.futures import Executor
    from contextlib import AbstractContextManager

    from qc_plugin.config import RunConfig
    from qc_plugin.isolation.samples import InProcess, Samples
    from qc_plugin.types import AssetKind

Watch = Callable[[float], bool]  # told the share that is done, after every batch; False: stop here
BATCH = 4  # frames a network run; more gains nothing on a CPU and costs memory
VIDEO_REGIONS_PX = 640  # long side at which faces are looked for in video: 0.44 of the time at 960 px, and
# faces of 6 % of the height, the least that rules look at, are found as well (engines/regions/CARD.md)
AHEAD = 6  # sampled frames decoded ahead: 36 MB of 1080p


@dataclass(frozen=True, slots=True)
class Engines:
    """The networks, loaded once and used for every asset; they run side by side.

    Each has half of the threads: two networks that wait for nothing keep two cores busier than one that waits
    for its slower half after every layer. The detector stays on one thread of its own, because a GPU's
    context belongs to a thread.
    """

    segmenter: BlurSegmenter
    detectors: Detectors
    beside: Executor

    @classmethod
    def load(
        cls,
        *,
        backend: str = "auto",
        precision: str = "auto",
        threads: int | None = None,
        detectors: Sequence[str] = ("regions",),
    ) -> Engines:
        """Load all engines. Raises EngineError when one is missing, altered, or cannot run here."""
        half, beside = max(1, (threads or os.cpu_count() or 2) // 2), ThreadPoolExecutor(1, "qc-regions")
        found = beside.submit(Detectors.load, detectors, backend=backend, precision=precision, threads=half)
        segmenter = BlurSegmenter.load(backend=backend, precision=precision, threads=half)
        return cls(segmenter, found.result(), beside)

    def look(self, batch: Sequence[Sample]) -> tuple[list[BlurMap], list[list[Region]]]:
        """Blur map, judged by motion, and regions of each sample."""
        frames = [sample.frame for sample in batch]
        regions = self.beside.submit(self.detectors.detect, frames)
        return self.segmenter.segment(frames, [sample.odds for sample in batch]), regions.result()

    def at_scale_of(self, kind: AssetKind) -> Engines:
        """The same networks; in video, where many frames wait, regions are looked for at a smaller scale.

        A picture, which is looked at once, is searched for small faces too.
        """
        long_side = VIDEO_REGIONS_PX if kind == "video" else None
        return replace(self, detectors=self.detectors.at(long_side, tiled=kind == "artwork"))

    @property
    def uses(self) -> tuple[EngineUse, ...]:
        """What ran, and how, for the report."""
        return tuple(session.use for session in (self.segmenter.session, *self.detectors.sessions))


@dataclass(slots=True)
class Measured:
    """All that was measured on an asset, before any rule has spoken."""

    pictures: PictureSpool
    scores: list[FrameScore] = field(default_factory=list)
    bars: list[Bars] = field(default_factory=list)  # of each score
    lost: LostFaces = field(default_factory=LostFaces)
    media: MediaInfo | None = None
    stats: DecodeStats = field(default_factory=DecodeStats)
    seconds: dict[str, float] = field(default_factory=dict)
    sandbox: str = ""
    stopped: bool = False  # by the one who watches; what was measured until then is kept


def measure_video(asset: Asset, engines: Engines, config: RunConfig, watch: Watch | None = None) -> Measured:
    """Sampled frames of a video, scored until its end or until `watch` says stop.

    The caller closes the pictures. Raises AssetError when it cannot be decoded, TemporaryError when it was
    stopped before a frame was scored.
    """
    shots, damage = ShotDetector(), DamageCounter()
    measured = Measured(PictureSpool())
    try:
        with _opened(asset, config) as samples:
            with Ahead(sampled(_watched(samples.looks(), shots, damage), asset.kind), AHEAD) as ahead:
                for batch in _batches(ahead, BATCH):
                    if watch is not None and not watch(_share_done(measured, samples.info)):
                        measured.stopped = True
                        break
                    measured.scores.extend(score_samples(batch, engines, measured, config))
            _note(measured, samples)
    except BaseException:
        measured.pictures.close()
        raise
    if not measured.scores:
        measured.pictures.close()
        if measured.stopped:
            raise TemporaryError(f"{asset.path}: stopped before a frame was scored; allow more time")
        raise UnsupportedAsset(
            f"{asset.path}: no frame could be decoded; check that the file plays, or replace it"
        )
    measured.scores = _inside(place(measured.scores, shots.finish(), damage), measured)
    return measured


def _share_done(measured: Measured, info: MediaInfo) -> float:
    """0..1 of the duration; 0 where the container does not say how long it is."""
    if not measured.scores or not info.duration_s:
        return 0.0
    return min(1.0, measured.scores[-1].pts_s / info.duration_s)


def measure_artwork(
    asset: Asset, engines: Engines, config: RunConfig, watch: Watch | None = None
) -> Measured:
    """A still picture, scored as one frame; the caller closes the pictures. Raises AssetError.

    `watch` is asked once, before it: TemporaryError when it says stop.
    """
    if watch is not None and not watch(0.0):
        raise TemporaryError(f"{asset.path}: stopped before it was scored; allow more time")
    measured = Measured(PictureSpool())
    with _opened(asset, config) as samples:
        batch = list(sampled(samples.looks(), asset.kind))
        _note(measured, samples)
    measured.scores = _inside(score_samples(batch, engines, measured, config), measured)
    return measured


def _opened(asset: Asset, config: RunConfig) -> AbstractContextManager[Samples | InProcess]:
    """The asset, decoded in a process of its own."""
    return open_samples(
        asset,
        Wanted(sample=config.sample),
        reader=config.reader,
        limits=PROFILES[config.limits],
        sandbox=config.sandbox,
    )


def _watched(
    looks: Iterable[DecodedLook], shots: ShotDetector, damage: DamageCounter
) -> Iterator[DecodedLook]:
    """`looks` as they are: most frames are seen here only and never became RGB."""
    for look in looks:
        shots.update(look.preview)
        damage.update(look.preview.pts_s, corrupt=look.corrupt, n_lost=look.n_lost)
        yield look


def _note(measured: Measured, samples: Samples | InProcess) -> None:
    """What decoding says at its end, or so far."""
    measured.media, measured.stats, measured.sandbox = samples.info, samples.stats, samples.posture
    measured.seconds["decode"] = samples.cpu_s


def _batches(samples: Iterable[Sample], size: int) -> Iterator[list[Sample]]:
    batch: list[Sample] = []
    for sample in samples:
        batch.append(sample)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def score_samples(
    batch: Sequence[Sample], engines: Engines, measured: Measured, config: RunConfig
) -> list[FrameScore]:
    """All measures of a few frames; shots and tracks follow when the clip is known (`place`)."""
    measured.bars.extend(sample.bars for sample in batch)
    with timed(measured.seconds, "networks"):
        maps, found = engines.look(batch)
    with timed(measured.seconds, "measure"):
        scores = [
            _measure(sample, blur, measured.lost.carry(sample.frame, regions, blur, sample.phash), measured)
            for sample, blur, regions in zip(batch, maps, found, strict=True)
        ]
    return with_extra(scores, [sample.frame for sample in batch], config)


def _measure(sample: Sample, blur: BlurMap, regions: list[Region], measured: Measured) -> FrameScore:
    frame = sample.frame
    whole, *rest = sharpness(frame.rgb, [frame.box_xyxy, *(r.box_xyxy for r in regions)])
    height, width = frame.rgb.shape[:2]
    clipped = clipped_of_regions(sample.luma, sample.bars.area, regions, (width, height))
    measured.pictures.add(frame.index, frame.rgb, sample.odds)
    return score_frame(
        frame,
        technical=sample.technical,
        phash=sample.phash,
        regions=regions,
        sharpness_frame=whole,
        measured_regions=[
            {"sharpness": sharp, "clipped_fraction": share}
            for sharp, share in zip(rest, clipped, strict=True)
        ],
        blur_map=blur,
    )


def _inside(scores: list[FrameScore], measured: Measured) -> list[FrameScore]:
    assert measured.media is not None
    return inside_bars(scores, measured.bars, (measured.media.width_px, measured.media.height_px))


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Add the wall time of the block to `seconds[stage]`."""
    started = time.perf_counter()
    try:
        yield
    finally:
        seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - started
