"""Frames of a stored report, decoded once more: for pages, heat maps, replays and pictures that lack."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from qc_plugin.decode.limits import PROFILES
from qc_plugin.errors import AssetError, UsageError
from qc_plugin.isolation.looks import Wanted
from qc_plugin.isolation.media import pictures_of
from qc_plugin.isolation.samples import open_samples
from qc_plugin.pipeline import Checked
from qc_plugin.pipeline.measure import Engines, Measured, score_samples
from qc_plugin.pipeline.repair import RepairEngines, deblurrer_of, repair_frame
from qc_plugin.pipeline.sample import Sample, sampled
from qc_plugin.stages.segment import BlurSegmenter
from qc_plugin.stages.spool import PictureSpool

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from qc_plugin.config import RunConfig
    from qc_plugin.rulesets.ruleset import RuleSet
    from qc_plugin.types import Asset, AssetReport, FrameScore


def frames_again(asset: Asset, indices: Iterable[int], config: RunConfig, *, sample: str) -> Iterator[Sample]:
    """Those of the frames `indices` that can be decoded, in order.

    `sample` is how the asset was sampled when it was measured. Raises AssetError as decoding does.
    """
    # An index counts decoded frames, and seeking lands wrong in some containers: read from the start.
    wanted = Wanted(sample=sample, indices=tuple(sorted(set(indices))))
    limits = PROFILES[config.limits]
    with open_samples(asset, wanted, reader=config.reader, limits=limits, sandbox=config.sandbox) as samples:
        yield from sampled(samples.looks(), asset.kind)


def frame_again(asset: Asset, index: int, config: RunConfig, *, sample: str) -> Sample:
    """One frame as in `frames_again`. Raises UsageError when it cannot be decoded, AssetError."""
    for found in frames_again(asset, [index], config, sample=sample):
        return found
    raise UsageError(f"{asset.path}: frame {index} could not be decoded again; check the asset again")


def measured_again(asset: Asset, index: int, engines: Engines, config: RunConfig) -> FrameScore:
    """The score of frame `index`, without what only the whole clip can tell (shots, tracks).

    `config.sample` is how the asset was sampled. Raises as `frame_again`.
    """
    batch = [frame_again(asset, index, config, sample=config.sample)]
    with PictureSpool() as pictures:
        return score_samples(batch, engines.at_scale_of(asset.kind), Measured(pictures), config)[0]


def checked_again(
    asset: Asset,
    report: AssetReport,
    indices: Iterable[int],
    config: RunConfig,
    rules: RuleSet,
    repaired: Mapping[int, Path] | None = None,
) -> Checked:
    """A stored report with the pictures of `indices`, as when the asset was checked.

    Frames with an accepted repair among them are repaired again, unless their picture lies in `repaired`.
    Raises AssetError as decoding does.
    """
    checked = Checked(report, PictureSpool())
    try:
        for found in frames_again(asset, indices, config, sample=report.provenance.sample):
            checked.pictures.add(found.frame.index, found.frame.rgb, found.odds)
        _repair_again(checked, config, rules, repaired or {})
    except BaseException:
        checked.close()
        raise
    return checked


def _repair_again(checked: Checked, config: RunConfig, rules: RuleSet, known: Mapping[int, Path]) -> None:
    rows = {row.score.frame_index: row for row in checked.report.frames}
    bench: RepairEngines | None = None
    for index in checked.pictures.indices:
        row = rows.get(index)
        if row is None or row.repair is None or row.repair.status != "accepted":
            continue
        if index in known and (there := _picture_at(known[index], config)) is not None:
            checked.repaired.add(index, there)
            continue
        bench = bench or RepairEngines(segmenter_of(config), partial(deblurrer_of, config))
        rgb, odds = checked.pictures.rgb(index), checked.pictures.odds(index)
        picture = repair_frame(row, rgb, bench, rules, odds=odds)[1]
        if picture is not None:
            checked.repaired.add(index, picture)


def _picture_at(path: Path, config: RunConfig) -> NDArray[np.uint8] | None:
    """A picture that lay in a folder for some time: whoever put it there, it is decoded behind the wall."""
    with suppress(AssetError, OSError):
        return next(pictures_of(path, limits=PROFILES[config.limits], sandbox=config.sandbox)).rgb
    return None


def segmenter_of(config: RunConfig) -> BlurSegmenter:
    """The blur engine of these settings. Raises EngineError."""
    return BlurSegmenter.load(backend=config.backend, precision=config.precision, threads=config.threads)
