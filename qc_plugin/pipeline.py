"""THE composer: one asset through the stages. Read this file first.

decode -> technical measures, motion blur, regions, sharpness (per sampled frame) -> shots and tracks (once the clip is
known) -> rules -> ranking -> report. No stage knows another; only this module joins them.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from qc_plugin.config import RunConfig
from qc_plugin.decode import SamplePlan, VideoReader, load_artwork, open_video, parse_sample, select, sniff_kind
from qc_plugin.decode.limits import PROFILES
from qc_plugin.errors import UnsupportedAsset
from qc_plugin.scoring.evaluate import judge_asset, judge_frame
from qc_plugin.scoring.measures import score_frame
from qc_plugin.scoring.rank import rank_frames
from qc_plugin.scoring.ruleset import RuleSet
from qc_plugin.stages.ahead import Ahead
from qc_plugin.stages.regions import RegionDetector, track
from qc_plugin.stages.segment import BlurSegmenter
from qc_plugin.stages.sharpness import sharpness
from qc_plugin.stages.spool import PictureSpool
from qc_plugin.stages.technical import ShotDetector, Shots, measure_preview, perceptual_hash, similarity
from qc_plugin.types import (
    Asset,
    AssetReport,
    Coverage,
    DecodeStats,
    EngineUse,
    Frame,
    FrameRow,
    FrameScore,
    MediaInfo,
    Provenance,
)

BATCH = 4  # frames a network run; more gains nothing on a CPU and costs memory
AHEAD = 6  # sampled frames decoded ahead: 36 MB of 1080p


@dataclass(frozen=True, slots=True)
class Engines:
    """The networks, loaded once and used for every asset."""

    segmenter: BlurSegmenter
    detector: RegionDetector

    @classmethod
    def load(cls, *, backend: str = "auto", precision: str = "auto", threads: int | None = None) -> Engines:
        """Load both engines. Raises EngineError when one is missing, altered, or cannot run here."""
        how = {"backend": backend, "precision": precision, "threads": threads}
        return cls(BlurSegmenter.load(**how), RegionDetector.load(**how))

    @property
    def uses(self) -> tuple[EngineUse, ...]:
        """What ran, and how, for the report."""
        return tuple(stage.session.use for stage in (self.segmenter, self.detector))


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """A sampled frame with what the cheap pass said about it."""

    frame: Frame
    technical: Mapping[str, float]
    phash: int


@dataclass(slots=True)
class Measured:
    """All that was measured on an asset, before any rule has spoken."""

    pictures: PictureSpool
    scores: list[FrameScore] = field(default_factory=list)
    media: MediaInfo | None = None
    stats: DecodeStats = field(default_factory=DecodeStats)
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Checked:
    """The report of an asset, and the pictures of its frames until `close`."""

    report: AssetReport
    pictures: PictureSpool

    def close(self) -> None:
        """Give the pictures' space back."""
        self.pictures.close()


def check_asset(
    asset: Asset, engines: Engines, rules: RuleSet, config: RunConfig, provenance: Provenance
) -> Checked:
    """Check one asset: measure, judge, rank. Raises AssetError when it cannot be decoded at all."""
    asset = replace(asset, kind=sniff_kind(asset.path))
    measure = _measure_artwork if asset.kind == "artwork" else _measure_video
    measured = measure(asset, engines, config)
    with _timed(measured.seconds, "judge"):
        report = _judge(asset, measured, rules, provenance)
    return Checked(report, measured.pictures)


def _measure_video(asset: Asset, engines: Engines, config: RunConfig) -> Measured:
    limits = PROFILES[config.limits]
    plan = parse_sample(config.sample, max_frames=limits.max_frames_scored)
    shots = ShotDetector()
    measured = Measured(PictureSpool())
    try:
        with open_video(asset.path, reader=config.reader, limits=limits) as reader:
            with Ahead(_sampled(reader, plan, shots, measured.seconds), AHEAD) as ahead:
                for batch in _batches(ahead, BATCH):
                    measured.scores.extend(_score(batch, engines, measured))
            measured.media, measured.stats = reader.info, reader.stats
    except BaseException:
        measured.pictures.close()
        raise
    if not measured.scores:
        measured.pictures.close()
        raise UnsupportedAsset(f"{asset.path}: no frame could be decoded; check that the file plays, or replace it")
    measured.scores = _place(measured.scores, shots.finish())
    return measured


def _measure_artwork(asset: Asset, engines: Engines, config: RunConfig) -> Measured:
    measured = Measured(PictureSpool())
    with _timed(measured.seconds, "decode"):
        media, frame, preview = load_artwork(asset.path, limits=PROFILES[config.limits])
    sampled = Sampled(frame, measure_preview(preview), perceptual_hash(preview))
    measured.scores = _score([sampled], engines, measured)
    measured.media, measured.stats = media, DecodeStats(n_decoded=1)
    return measured


def _sampled(
    reader: VideoReader, plan: SamplePlan, shots: ShotDetector, seconds: dict[str, float]
) -> Iterator[Sampled]:
    """The frames to score; every other frame is seen by the shot detector only and never becomes RGB."""
    started = time.thread_time()
    for decoded, wanted in select(reader.decoded(plan.keyframes_only), plan, info=reader.info):
        preview = decoded.preview
        shots.update(preview)
        if wanted:
            sampled = Sampled(decoded.to_frame(), measure_preview(preview), perceptual_hash(preview))
            seconds["decode"] = time.thread_time() - started
            yield sampled
        decoded.release()


def _batches(samples: Iterable[Sampled], size: int) -> Iterator[list[Sampled]]:
    batch: list[Sampled] = []
    for sample in samples:
        batch.append(sample)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _score(batch: list[Sampled], engines: Engines, measured: Measured) -> list[FrameScore]:
    """All measures of a few frames; shots and tracks follow when the clip is known (`_place`)."""
    frames = [sample.frame for sample in batch]
    with _timed(measured.seconds, "segment"):
        maps = engines.segmenter.segment(frames)
    with _timed(measured.seconds, "regions"):
        found = engines.detector.detect(frames)
    scores = []
    with _timed(measured.seconds, "measure"):
        for sample, blur, regions in zip(batch, maps, found, strict=True):
            height, width = sample.frame.rgb.shape[:2]
            boxes = [(0.0, 0.0, float(width), float(height)), *(r.box_xyxy for r in regions)]
            scores.append(
                score_frame(
                    sample.frame,
                    technical=sample.technical,
                    phash=sample.phash,
                    regions=regions,
                    blur_map=blur,
                    sharpness=sharpness(sample.frame.rgb, boxes),
                )
            )
            measured.pictures.add(sample.frame.index, sample.frame.rgb)
    return scores


def _place(scores: list[FrameScore], shots: Shots) -> list[FrameScore]:
    """Give every frame its shot, its distance to an edge, its likeness to the frame before, and tracks."""
    tracked = track(
        [[r.region for r in score.regions] for score in scores], shots=[shots.shot_at(s.pts_s) for s in scores],
        pts_s=[s.pts_s for s in scores],
    )
    placed = []
    for n, (score, regions) in enumerate(zip(scores, tracked, strict=True)):
        extra = {"shot_edge_s": shots.edge_s_at(score.pts_s)}
        if n:
            extra["similarity_prev"] = similarity(scores[n - 1].phash, score.phash)
        rows = tuple(replace(row, region=region) for row, region in zip(score.regions, regions, strict=True))
        placed.append(
            replace(score, shot=shots.shot_at(score.pts_s), measures={**score.measures, **extra}, regions=rows)
        )
    return placed


def _judge(asset: Asset, measured: Measured, rules: RuleSet, provenance: Provenance) -> AssetReport:
    """Decisions, ranks and the verdict from the measures alone; nothing here needs a pixel."""
    media, stats, scores = measured.media, measured.stats, measured.scores
    assert media is not None
    judgements = [judge_frame(score, rules) for score in scores]
    ranking = rank_frames(scores, judgements, rules, size_px=(media.width_px, media.height_px), similarity=similarity)
    incomplete = stats.ended_early
    verdict, findings = judge_asset(scores, judgements, ranking.ranks, rules, incomplete=incomplete)
    rows = zip(scores, judgements, ranking.ranks, strict=True)
    return AssetReport(
        asset=asset,
        verdict=verdict,
        media=media,
        frames=tuple(FrameRow(score=s, judgement=j, rank=r) for s, j, r in rows),
        findings=findings,
        funnel=ranking.funnel,
        coverage=Coverage(
            duration_s=media.duration_s,
            decoded_s=stats.decoded_s,
            frames_decoded=stats.n_decoded,
            frames_scored=len(scores),
            frames_lost=stats.n_errors,
        ),
        provenance=replace(provenance, decoder=media.decoder),
        rules_text=rules.text,
        incomplete=incomplete,
        degraded=bool(stats.n_errors or stats.n_corrupt),
        stage_seconds=measured.seconds,
    )


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    started = time.perf_counter()
    try:
        yield
    finally:
        seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - started
