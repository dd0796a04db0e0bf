"""A review page of one or many reports: the frames that matter, decoded again from their assets once."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from qc_plugin.asset.identity import hash_file
from qc_plugin.decode.limits import PROFILES
from qc_plugin.errors import AssetError, UsageError
from qc_plugin.isolation.media import pictures_of
from qc_plugin.pages.review import ReviewAsset, ReviewPictures, shared, write_review
from qc_plugin.pipeline.again import frames_again, segmenter_of
from qc_plugin.report.listing import reports_of
from qc_plugin.report.read import read_report
from qc_plugin.report.repairs import repaired_pictures
from qc_plugin.stages.pictures import heat_overlay, sheet_jpeg
from qc_plugin.workshop.explain import places_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qc_plugin.config import RunConfig
    from qc_plugin.stages.segment import BlurSegmenter
    from qc_plugin.types import AssetReport, FrameRow

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Review:
    """Where the page is, how many frames it asks about, and the assets without pictures with the reason."""

    page: Path
    n_assets: int
    n_frames: int
    without_pictures: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Found:
    """Pictures as they are decoded; what is there already stays when a later frame fails."""

    frames: dict[int, bytes] = field(default_factory=dict)
    heat: dict[int, bytes] = field(default_factory=dict)
    why_not: str = ""


def make_review(
    reports: Sequence[Path],
    config: RunConfig,
    out: Path,
    *,
    assets: Path | None = None,
    most: int = 200,
    heat: bool = False,
) -> Review:
    """Write the review page of `reports` (files, or folders of them) to `out`.

    `assets` is a folder that holds assets which moved; `heat` runs the blur engine on every frame shown.
    Raises UsageError for what is no report, EngineError where `heat` has no engine to run.
    """
    paths = report_files(reports)
    loaded = [read_report(path) for path in paths]
    chosen = zip(paths, loaded, shared(loaded, most), strict=True)
    return write_page_of(list(chosen), config, out, assets=assets, heat=heat)


def write_page_of(
    chosen: Sequence[tuple[Path, AssetReport, tuple[FrameRow, ...]]],
    config: RunConfig,
    out: Path,
    *,
    assets: Path | None = None,
    heat: bool = False,
) -> Review:
    """As `make_review`, for rows chosen already: (the report's file, which names its repairs; it; rows)."""
    segmenter = segmenter_of(config) if heat else None
    shown, missing = [], []
    for path, report, rows in chosen:
        wanted = {row.score.frame_index for row in rows}
        places = _places(report, path, assets) if wanted else []
        found = _pictures(report, wanted, config, places, segmenter) if wanted else _Found()
        if found.why_not:
            missing.append((report.asset.path, found.why_not))
        repaired = {i: p for i, p in repaired_pictures(path).items() if i in wanted}
        pictures = ReviewPictures(found.frames, found.heat, _as_jpeg(repaired, config), found.why_not)
        shown.append(ReviewAsset(report, rows, pictures))
    page = write_review(shown, out)
    return Review(page, len(shown), sum(len(asset.rows) for asset in shown), tuple(missing))


def report_files(places: Sequence[Path]) -> list[Path]:
    """Report files in the order given, those of a folder by name, each once; UsageError if there are none."""
    found: dict[Path, None] = {}
    for place in places:
        found.update(dict.fromkeys(reports_of(place)))
    return list(found)


def _pictures(
    report: AssetReport,
    wanted: set[int],
    config: RunConfig,
    places: Sequence[Path],
    segmenter: BlurSegmenter | None,
) -> _Found:
    """The wanted frames of one asset; one that moved, changed or cannot be read gives the reason."""
    found = _Found()
    try:
        asset = replace(report.asset, path=str(_locate(report, places)))
        for sample in frames_again(asset, wanted, config, sample=report.provenance.sample):
            index, rgb = sample.frame.index, sample.frame.rgb
            found.frames[index] = sheet_jpeg(rgb)
            if segmenter is not None:
                found.heat[index] = heat_overlay(segmenter(rgb, sample.odds))
    except (AssetError, UsageError, OSError) as error:
        found.why_not = str(error)
    if not found.why_not and len(found.frames) < len(wanted):
        found.why_not = "the frame could not be decoded again; check the asset again"
    return found


def _places(report: AssetReport, report_path: Path, folder: Path | None) -> list[Path]:
    """Where the asset may be: below `folder` by its file name, then where it was read, then its copies."""
    name = PurePath(report.asset.path).name
    below = sorted(folder.rglob(_glob_literal(name))) if folder is not None and name else []
    return [*below, *places_of(report, report_path)]


def _locate(report: AssetReport, among: Sequence[Path]) -> Path:
    """The first of the places that holds the content which was checked."""
    name = PurePath(report.asset.path).name
    places = [place for place in among if place.is_file()]
    for place in places:
        # A name that the host gave says nothing about the content: trust the place.
        if not _SHA256.fullmatch(report.asset.id) or hash_file(place) == report.asset.id:
            return place
    if places:
        raise UsageError(f"{name}: the file has changed since it was checked; check it again")
    raise UsageError(f"{name}: the asset is not where it was checked; say where it is with --assets FOLDER")


def _glob_literal(name: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", name)


def _as_jpeg(pictures: dict[int, Path], config: RunConfig) -> dict[int, bytes]:
    """Repaired pictures in any format, at the size of the others; an unreadable one is left out.

    A report names them, and reports are handed on: what they name is a stranger's file too.
    """
    readable = {}
    for index, path in pictures.items():
        with suppress(AssetError, OSError):
            for frame in pictures_of(path, limits=PROFILES[config.limits], sandbox=config.sandbox):
                readable[index] = sheet_jpeg(frame.rgb)
    return readable
