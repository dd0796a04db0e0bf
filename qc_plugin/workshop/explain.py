"""Why one frame was decided so: the sentences, a heat map, and the nearest better frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from qc_plugin.asset.identity import hash_file
from qc_plugin.errors import UsageError
from qc_plugin.pipeline.again import frame_again, segmenter_of
from qc_plugin.report.places import Places, ledger_beside
from qc_plugin.report.read import read_report
from qc_plugin.report.timecode import timecodes
from qc_plugin.stages.pictures import heat_map, write_png
from qc_plugin.types import DECISION_ORDER, AssetReport, FrameRow

if TYPE_CHECKING:
    from qc_plugin.config import RunConfig
    from qc_plugin.types import MediaInfo


@dataclass(frozen=True, slots=True)
class Explanation:
    """Lines for people, and where the heat map was written."""

    lines: tuple[str, ...]
    heat_map: Path


def explain_frame(
    report_path: Path,
    frame_index: int,
    config: RunConfig,
    *,
    asset: Path | None = None,
    out: Path | None = None,
) -> Explanation:
    """Explain a scored frame. Raises UsageError for a frame that was not scored or an asset that moved."""
    report = read_report(report_path)
    row = row_at(report, frame_index)
    source = source_of(report, asset, report_path)
    moved = replace(report.asset, path=str(source))
    found = frame_again(moved, frame_index, config, sample=report.provenance.sample)
    blur = segmenter_of(config)(found.frame.rgb, found.odds)
    target = out or Path(f"{source.stem}-frame-{frame_index}-blur.png")
    write_png(target, heat_map(found.frame.rgb, blur))
    return Explanation((*_sentences(row, report.media), *_better(report, row), f"heat map: {target}"), target)


def row_at(report: AssetReport, frame_index: int) -> FrameRow:
    """The row of a scored frame. Raises UsageError naming the nearest that were scored."""
    rows = {row.score.frame_index: row for row in report.frames}
    if frame_index in rows:
        return rows[frame_index]
    if not rows:
        raise UsageError(f"this report holds no frames: {report.error or 'nothing was scored'}")
    near = sorted(rows, key=lambda i: abs(i - frame_index))[:3]
    names = ", ".join(map(str, sorted(near)))
    raise UsageError(f"frame {frame_index} was not scored; the nearest that were: {names}")


def source_of(report: AssetReport, given: Path | None, report_path: Path) -> Path:
    """The asset of a report: at `given`, else where it was checked, else where the ledger knows it.

    Raises UsageError when it moved or its content changed.
    """
    found = [place for place in ([given] if given else places_of(report, report_path)) if place.is_file()]
    for path in found:
        if hash_file(path) == report.asset.id:
            return path
    path = found[0] if found else given or Path(report.asset.path)
    if found:
        raise UsageError(
            f"{path}: not the content this report speaks of; check it again, or give --asset FILE"
        )
    raise UsageError(f"{path}: the asset is not there any more; say where it is with --asset FILE")


def places_of(report: AssetReport, report_path: Path) -> list[Path]:
    """Where the asset of a report may be: where it was checked, then where a scan found its content last."""
    known = Places(ledger_beside(report_path)).paths(report_path)
    return [Path(report.asset.path), *map(Path, known)]


def _sentences(row: FrameRow, media: MediaInfo | None) -> list[str]:
    score, judgement = row.score, row.judgement
    _, source = timecodes(media, score.pts_s)
    when = f"{score.pts_s:.2f} s" + (f" (source timecode {source})" if source else "")
    lines = [f"frame {score.frame_index} at {when}: {judgement.decision}"]
    if judgement.excluded:
        lines.append(f"  left out of ranking: {judgement.excluded}")
    said = (f"  {f.outcome}: {f.text}" for f in judgement.findings if f.outcome != "pass")
    lines += dict.fromkeys(said)  # rules about the same missing face say the same
    if row.rank.rank is not None:
        lines.append(f"  ranked {row.rank.rank}, score {row.rank.score:.2f}")
    elif row.rank.unranked:
        lines.append(f"  not ranked: {row.rank.unranked}")
    return lines


def _better(report: AssetReport, row: FrameRow) -> list[str]:
    """The frame nearest in time that is decided better, or ranked where this one is not."""

    def grade(other: FrameRow) -> tuple[int, bool]:
        return DECISION_ORDER.index(other.judgement.decision), other.rank.rank is None

    candidates = [r for r in report.frames if grade(r) < grade(row) and not r.judgement.excluded]
    if not candidates:
        return ["no scored frame of this asset is better"]
    best = min(candidates, key=lambda r: abs(r.score.pts_s - row.score.pts_s))
    gap = best.score.pts_s - row.score.pts_s
    when = f"{abs(gap):.2f} s {'later' if gap > 0 else 'earlier'} ({best.score.pts_s:.2f} s)"
    place = f", rank {best.rank.rank}" if best.rank.rank else ""
    return [f"nearest better frame: {best.score.frame_index}, {when}: {best.judgement.decision}{place}"]
