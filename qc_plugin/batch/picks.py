"""Thumbnail candidates: the best sharp frames of one asset, cut to each ratio, with a list hosts can read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from qc_plugin.batch.publish import sheet_images
from qc_plugin.batch.work import Workshop
from qc_plugin.errors import UsageError
from qc_plugin.files import make_folder, write_whole
from qc_plugin.report.sheet import write_sheet
from qc_plugin.scoring.ruleset import load_rules
from qc_plugin.stages.pictures import cut, encode_jpeg

if TYPE_CHECKING:
    from pathlib import Path

    from qc_plugin.config import RunConfig
    from qc_plugin.pipeline import Checked
    from qc_plugin.types import FrameRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """One still: a ranked frame, all its picture (`ratio` "full") or cut; boxes in pixels of the frame.

    `active_xyxy`: the picture inside letterbox or pillarbox bars, None where there are none; `box_xyxy`: what
    the still shows, None for the whole frame.
    """

    file: str
    ratio: str
    rank: int
    frame_index: int
    pts_s: float
    score: float
    score_parts: dict[str, float]
    box_xyxy: tuple[int, int, int, int] | None
    active_xyxy: tuple[int, int, int, int] | None
    colour_true: bool = True  # False where the colours of the source cannot be shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Picks:
    """What `thumbs` wrote, best first within each ratio; `funnel` counts the frames not ranked by reason."""

    asset: str
    files: tuple[Pick, ...]
    funnel: dict[str, int]
    sheet: Path | None
    report: Path | None
    why_none: str
    exit_code: int

    def as_json(self) -> dict[str, Any]:
        """The content of picks.json."""
        return {
            "schema": "qc.picks/1",
            "asset": self.asset,
            "picks": [asdict(pick) for pick in self.files],
            "funnel": self.funnel,
            "sheet": self.sheet and str(self.sheet),
            "report": self.report and str(self.report),
            "error": self.why_none if self.exit_code else None,
        }


def write_picks(file: Path, config: RunConfig, out: Path, *, best: int, ratios: tuple[str, ...]) -> Picks:
    """Check `file` and write its best frames under `out`. Raises UsageError for a missing file."""
    if not file.is_file():
        raise UsageError(f"{file}: no such file; check the path")
    rules = load_rules(config.rules).with_rank(best=best, crops=ratios)
    make_folder(out, what="picks")
    picks: list[Pick] = []
    funnel: dict[str, int] = {}
    settings = config.model_copy(update={"reports": out / "reports"})
    workshop = Workshop(
        settings, rules=rules, publisher=partial(_publish, out=out, ratios=ratios, picks=picks, funnel=funnel)
    )
    outcome = workshop.process(file, None)
    result = Picks(
        asset=str(file),
        files=tuple(picks),
        funnel=funnel,
        sheet=outcome.sheet,
        report=outcome.report,
        why_none=outcome.sentence,
        exit_code=outcome.exit_code,
    )
    write_whole(out / "picks.json", json.dumps(result.as_json(), indent=1) + "\n", what="the list of picks")
    return result


def _publish(
    checked: Checked, *, out: Path, ratios: tuple[str, ...], picks: list[Pick], funnel: dict[str, int]
) -> Path:
    """Write the stills of every ratio and the sheet; fills `picks` and `funnel`."""
    funnel.update(checked.report.funnel)
    rows = [row for row in checked.report.frames if row.rank.rank is not None]
    for row in sorted(rows, key=lambda r: r.rank.rank or 0):
        assert row.rank.rank is not None
        name = f"full-{row.rank.rank:02d}-frame-{row.score.frame_index:06d}.jpg"
        write_whole(out / name, _whole_picture(checked, row), what="the still")
        picks.append(_pick(row, name, "full", row.rank.rank, row.score.active_xyxy))
    for ratio in ratios:
        ranked = [row for row in checked.report.frames if ratio in row.rank.rank_by_crop]
        in_order = sorted(ranked, key=lambda r: r.rank.rank_by_crop[ratio])
        picks.extend(_write_crop(checked, row, ratio, out) for row in in_order)
    media = checked.report.media
    picks[:] = [replace(pick, colour_true=media is None or media.colour_true) for pick in picks]
    return write_sheet(checked.report, sheet_images(checked), out / "sheet.html")


def _write_crop(checked: Checked, row: FrameRow, ratio: str, out: Path) -> Pick:
    rank = row.rank.rank_by_crop[ratio]
    box = next(crop.box_xyxy for crop in row.rank.crops if crop.ratio == ratio)
    name = f"{ratio.replace(':', 'x')}-{rank:02d}-frame-{row.score.frame_index:06d}.jpg"
    write_whole(out / name, _cut(checked, row, box), what="the still")
    return _pick(row, name, ratio, rank, box)


def _whole_picture(checked: Checked, row: FrameRow) -> bytes:
    """JPEG of the frame without its bars."""
    if row.score.active_xyxy is None:
        return checked.pictures.jpeg(row.score.frame_index)
    return _cut(checked, row, row.score.active_xyxy)


def _cut(checked: Checked, row: FrameRow, box: tuple[int, int, int, int]) -> bytes:
    rgb = checked.pictures.rgb(row.score.frame_index)
    return encode_jpeg(cut(rgb, (float(box[0]), float(box[1]), float(box[2]), float(box[3]))))


def _pick(row: FrameRow, name: str, ratio: str, rank: int, box: tuple[int, int, int, int] | None) -> Pick:
    return Pick(
        file=name,
        ratio=ratio,
        rank=rank,
        frame_index=row.score.frame_index,
        pts_s=row.score.pts_s,
        score=row.rank.score,
        score_parts=dict(row.rank.score_parts),
        box_xyxy=box,
        active_xyxy=row.score.active_xyxy,
    )
