"""Thumbnail candidates: the best sharp frames of one asset, cut to each ratio, with a list hosts can read."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qc_plugin.asset.check_one import AssetChecker
from qc_plugin.asset.finished import NOTHING, Lacks
from qc_plugin.asset.publish import ranked_rows, sheet_images
from qc_plugin.errors import UsageError
from qc_plugin.files import make_folder, write_whole
from qc_plugin.pages.sheet import write_sheet
from qc_plugin.pages.sheet_images import wanted_images
from qc_plugin.report.read import read_report
from qc_plugin.rulesets.ruleset import load_rules
from qc_plugin.scoring.rank import best_of_the_rest
from qc_plugin.stages.pictures import cut, encode_jpeg
from qc_plugin.types.summary import worst_first

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qc_plugin.config import RunConfig
    from qc_plugin.pipeline import Checked
    from qc_plugin.rulesets.ruleset import RuleSet
    from qc_plugin.types import AssetReport, FrameRow

_LIST, _SHEET = "picks.json", "sheet.html"
FALLBACK_CODE = 10  # a person should look: no frame meets the rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """One still: a ranked frame, all its picture (`ratio` "full") or cut; boxes in pixels of the frame.

    `active_xyxy`: the picture inside letterbox or pillarbox bars, None where there are none; `box_xyxy`: what
    the still shows, None for the whole frame. `fallback`: no frame meets the rules, this one comes nearest.
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
    colour_true: bool  # False where the colours of the source cannot be shown
    fallback: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Picks:
    """What `thumbs` wrote, best first within each ratio; `funnel` counts the frames not ranked by reason.

    `error` says why there are none, or none that meets the rules.
    """

    asset: str
    files: tuple[Pick, ...]
    funnel: dict[str, int]
    sheet: Path | None
    report: Path | None
    error: str | None
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
            "error": self.error,
        }


def write_picks(file: Path, config: RunConfig, out: Path, *, best: int, ratios: tuple[str, ...]) -> Picks:
    """Check `file` and write its best frames under `out`; asked again, only what lacks is made.

    Where no frame meets the rules, the one that comes nearest is written, and the exit code is 10. Raises
    UsageError for a missing file.
    """
    if not file.is_file():
        raise UsageError(f"{file}: no such file; check the path")
    rules = load_rules(config.rules).with_rank(best=best, crops=ratios)
    make_folder(out, what="picks")
    settings = config.model_copy(update={"reports": out / "reports", "store": None})
    outcome = AssetChecker(settings, rules=rules, parts=_PickParts(out, settings, rules)).process(file, None)
    error: str | None = outcome.sentence
    picks: list[Pick] = []
    funnel, code = {}, outcome.exit_code
    if outcome.report is not None and not code:
        report = read_report(outcome.report)
        picks = [pick for pick, _ in _chosen(report, rules)]
        funnel, error = dict(report.funnel), _why_none_fits(report, rules)
        code = FALLBACK_CODE if error else 0
    result = Picks(
        asset=str(file),
        files=tuple(picks),
        funnel=funnel,
        sheet=outcome.sheet,
        report=outcome.report,
        error=error,
        exit_code=code,
    )
    write_whole(out / _LIST, json.dumps(result.as_json(), indent=1) + "\n", what="the list of picks")
    return result


class _PickParts:
    """The stills of every pick and a sheet, in a folder of their own."""

    def __init__(self, out: Path, config: RunConfig, rules: RuleSet) -> None:
        self._out, self._reports, self._rules = out, config.reports, rules

    def lacking(self, report: Path) -> Lacks:
        """All or nothing: stills of another asset have the same names, only the list tells whose they are."""
        listed: dict[str, Any] = {}
        with suppress(OSError, ValueError):
            listed = json.loads((self._out / _LIST).read_text(encoding="utf-8"))
        with suppress(KeyError, TypeError, AttributeError):
            names = [pick["file"] for pick in listed["picks"]]
            ours = Path(listed["report"]).name == report.name
            if names and ours and all((self._out / name).is_file() for name in (*names, _SHEET)):
                return NOTHING
        return frozenset(("picks",))

    def sheet(self, report: Path) -> Path | None:
        """The sheet, where it is of this report."""
        return None if self.lacking(report) else self._out / _SHEET

    def frames(self, report: AssetReport, _lacks: Lacks) -> set[int]:
        """Frames of the picks and of the sheet."""
        wanted = wanted_images(report)
        picked = {pick.frame_index for pick, _ in _chosen(report, self._rules)}
        return {*picked, *wanted.frames, *(key[0] for key in wanted.region_crops)}

    def write(self, checked: Checked, _lacks: Lacks | None = None) -> Path:
        """Stills of every ratio, and the sheet."""
        for pick, row in _chosen(checked.report, self._rules):
            write_whole(self._out / pick.file, _picture(checked, row, pick.box_xyxy), what="the still")
        return write_sheet(checked.report, sheet_images(checked), self._out / _SHEET)


def _picture(checked: Checked, row: FrameRow, box: tuple[int, int, int, int] | None) -> bytes:
    """JPEG of a frame, whole or the part in `box`."""
    if box is None:
        return checked.pictures.jpeg(row.score.frame_index)
    x0, y0, x1, y1 = map(float, box)
    return encode_jpeg(cut(checked.pictures.rgb(row.score.frame_index), (x0, y0, x1, y1)))


def _chosen(report: AssetReport, rules: RuleSet) -> Iterator[tuple[Pick, FrameRow]]:
    """The picks that follow from a report: whole frames, then each ratio, best first."""
    rows = ranked_rows(report)
    nearest = None if rows else _nearest(report, rules)
    if nearest is not None:
        rows = [nearest]
    about = {"fallback": nearest is not None, "colour_true": report.media is None or report.media.colour_true}
    for row in rows:
        yield _pick(row, "full", row.rank.rank or 0, **about), row
    for ratio in rules.rank.crops:
        cropped = [row for row in rows if ratio in row.rank.rank_by_crop]
        for row in sorted(cropped, key=lambda row: row.rank.rank_by_crop[ratio]):
            yield _pick(row, ratio, row.rank.rank_by_crop[ratio], **about), row


def _nearest(report: AssetReport, rules: RuleSet) -> FrameRow | None:
    assert report.media is not None
    return best_of_the_rest(report.frames, rules, (report.media.width_px, report.media.height_px))


def _why_none_fits(report: AssetReport, rules: RuleSet) -> str | None:
    """One sentence where no frame is ranked: what is the matter with the one that comes nearest."""
    if ranked_rows(report):
        return None
    row = _nearest(report, rules)
    if row is None:
        return "no frame was scored; check the asset"
    titles = {rule.id: rule.title for rule in rules.exclude}
    left_out = row.judgement.excluded
    worst = next((finding.text for finding in worst_first(row.judgement.findings)), row.rank.unranked or "")
    why = worst if left_out is None else titles.get(left_out) or left_out
    return f"no frame meets the rules; the best of the rest is offered, at {row.score.pts_s:.2f} s: {why}"


def _pick(row: FrameRow, ratio: str, rank: int, *, fallback: bool, colour_true: bool) -> Pick:
    boxes = {crop.ratio: crop.box_xyxy for crop in row.rank.crops}
    box = boxes.get(ratio, row.score.active_xyxy)
    return Pick(
        file=f"{ratio.replace(':', 'x')}-{rank:02d}-frame-{row.score.frame_index:06d}.jpg",
        ratio=ratio,
        rank=rank,
        frame_index=row.score.frame_index,
        pts_s=row.score.pts_s,
        score=row.rank.score,
        score_parts=dict(row.rank.score_parts),
        box_xyxy=box,
        active_xyxy=row.score.active_xyxy,
        colour_true=colour_true,
        fallback=fallback,
    )
