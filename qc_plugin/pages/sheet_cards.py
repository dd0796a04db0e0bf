"""Pictures, picks and finding cards of a sheet as plain values for its template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from qc_plugin.pages.sheet_choice import (
    FindingGroup,
    finding_groups,
    frame_of_finding,
    nearest_better,
    picks,
    place_of,
    ratios,
    region_key,
)
from qc_plugin.pages.sheet_pictures import data_uri
from qc_plugin.pages.sheet_scale import Scale, scale_of
from qc_plugin.pages.sheet_timeline import sentence_of
from qc_plugin.pages.sheet_words import (
    DECISION_WORDS,
    clock,
    humanise,
    measure_of,
    moment,
    number,
    region_name,
)
from qc_plugin.report.repairs import receipt_sentence

if TYPE_CHECKING:
    from qc_plugin.pages.sheet_images import SheetImages
    from qc_plugin.types import AssetReport, Box, Crop, Finding, FrameRow


_READABLE_PX, _MOST_ENLARGED = 168, 4  # a smaller region is shown enlarged as well
_ALL_LARGE = 2  # picks that have room to be large together
_STANDS_OUT = 0.01  # of a part: less is no reason
PixelBox = tuple[int, int, int, int]  # x, y, width, height in frame pixels


@dataclass(frozen=True, slots=True)
class Part:
    """A named sub-score of a rank."""

    name: str
    value: str
    percent: float


@dataclass(frozen=True, slots=True)
class Pick:
    """A ranked frame in one crop."""

    frame_index: int
    place: int
    large: bool
    time: str
    score: str
    reason: str
    decision: str
    repair: str
    parts: tuple[Part, ...]
    box: PixelBox
    crops: tuple[tuple[str, PixelBox, int | None], ...]  # ratio, box, place; of a large pick in the first tab


@dataclass(frozen=True, slots=True)
class Tab:
    """The picks of one crop. `shape` is landscape, square or portrait."""

    key: str
    label: str
    shape: str
    picks: tuple[Pick, ...]


@dataclass(frozen=True, slots=True)
class RegionCrop:
    """A region at 1:1 pixels, and how much to enlarge it beside that (1: it is large enough)."""

    href: str
    width: int
    height: int
    enlarge: int


@dataclass(frozen=True, slots=True)
class Better:
    """The nearest frame on which the rule passes."""

    frame_index: int
    text: str
    on_sheet: bool


@dataclass(frozen=True, slots=True)
class Card:
    """One finding."""

    number: int
    finding: Finding
    outcome_word: str
    decision_word: str
    region: str
    time: str
    timecode_span: str
    frame_index: int | None
    box: Box | None
    crop: RegionCrop | None
    scale: Scale | None
    measure: str
    value: str
    better: Better | None
    repair: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """The cards of one rule."""

    rule_id: str
    title: str
    outcome: str
    is_note: bool
    measure_text: str
    cards: tuple[Card, ...]
    n_found: int


def tabs(report: AssetReport) -> tuple[Tab, ...]:
    """The ranked frames: whole, then by crop."""
    found = [_tab(report, None)] if picks(report) else []
    return (*found, *(_tab(report, ratio) for ratio in ratios(report)))


def groups(report: AssetReport, images: SheetImages) -> tuple[Group, ...]:
    """Finding cards by rule, worst first."""
    on_sheet = {row.score.frame_index for row in picks(report)}
    found, n = [], 0
    for group in finding_groups(report):
        cards = tuple(_card(report, images, f, n + i, on_sheet) for i, f in enumerate(group.shown, start=1))
        n += len(cards)
        found.append(_group(report, group, cards))
    return tuple(found)


def frame_size(report: AssetReport) -> tuple[int, int]:
    """Width and height in frame pixels, in which boxes are given."""
    media = report.media
    return (max(1, media.width_px), max(1, media.height_px)) if media else (16, 9)


def _group(report: AssetReport, group: FindingGroup, cards: tuple[Card, ...]) -> Group:
    text = measure_of(report, group.shown[0].measure).text if group.shown else ""
    title = humanise(group.rule_id)
    return Group(group.rule_id, title, group.outcome, group.is_note, text, cards, group.n_found)


def _tab(report: AssetReport, ratio: str | None) -> Tab:
    rows = picks(report, ratio)
    shown = tuple(_pick(report, row, ratio, rows) for row in rows)
    if ratio is None:
        return Tab("full", "Full frame", "landscape", shown)
    _, _, width, height = shown[0].box
    shape = "landscape" if width > 1.2 * height else "portrait" if height > 1.2 * width else "square"
    return Tab(ratio.replace(":", "x"), ratio, shape, shown)


def _pick(report: AssetReport, row: FrameRow, ratio: str | None, rows: tuple[FrameRow, ...]) -> Pick:
    place = place_of(row, ratio)
    assert place is not None
    crop = next((c for c in row.rank.crops if c.ratio == ratio), None)
    large = row is rows[0] or len(rows) <= _ALL_LARGE
    crops = sorted(row.rank.crops, key=_height_over_width) if large and ratio is None else []
    return Pick(
        frame_index=row.score.frame_index,
        place=place,
        large=large,
        time=moment(report.media, row.score.pts_s),
        score=f"{crop.score if crop else row.rank.score:.2f}",
        reason=_reason(row, rows),
        decision=row.judgement.decision,
        repair=receipt_sentence(row.repair),
        parts=tuple(
            Part(humanise(name), f"{value:.2f}", round(100 * min(1.0, max(0.0, value)), 1))
            for name, value in sorted(row.rank.score_parts.items())
        ),
        box=_pixel_box(crop.box_xyxy) if crop else (0, 0, *frame_size(report)),
        crops=tuple((c.ratio, _pixel_box(c.box_xyxy), place_of(row, c.ratio)) for c in crops),
    )


def _pixel_box(box: tuple[int, int, int, int]) -> PixelBox:
    x0, y0, x1, y1 = box
    return x0, y0, max(1, x1 - x0), max(1, y1 - y0)


def _height_over_width(crop: Crop) -> float:
    _, _, width, height = _pixel_box(crop.box_xyxy)
    return height / width


def _reason(row: FrameRow, rows: tuple[FrameRow, ...]) -> str:
    """What is against a pick, if anything is, and what it has more of than the other picks."""
    parts = row.rank.score_parts
    bad = any(f.out_of_limits for f in row.judgement.findings)
    start = f"{sentence_of(row)}. " if bad else ""
    ahead = {name: value - _mean_part(rows, name) for name, value in parts.items()}
    if not parts or len(rows) < 2:
        return f"{start}Every other rule passes." if bad else "Every rule passes."
    best = max(sorted(ahead), key=lambda name: ahead[name])
    if ahead[best] < _STANDS_OUT:
        return f"{start}Even in every part."
    mean = f"{_mean_part(rows, best):.2f} on average"
    return f"{start}Stands out by {humanise(best).lower()}: {parts[best]:.2f}, {mean}."


def _mean_part(rows: tuple[FrameRow, ...], name: str) -> float:
    return sum(row.rank.score_parts.get(name, 0.0) for row in rows) / len(rows)


def _card(report: AssetReport, images: SheetImages, finding: Finding, n: int, on_sheet: set[int]) -> Card:
    row = frame_of_finding(report, finding)
    key = region_key(finding)
    span = finding.end_s - finding.start_s
    measure = measure_of(report, finding.measure)
    return Card(
        number=n,
        finding=finding,
        outcome_word=humanise(finding.outcome),
        decision_word=DECISION_WORDS[finding.action],
        region=region_name(finding),
        time=moment(report.media, row.score.pts_s) if row else "",
        timecode_span=f"{clock(finding.start_s)} to {clock(finding.end_s)}" if span > 1e-3 else "",
        frame_index=row.score.frame_index if row else None,
        box=region_box(row, finding) if row else None,
        crop=_crop(images.region_crops.get(key)) if key else None,
        scale=scale_of(finding, measure),
        measure=measure.title,
        value=number(measure, finding.value),
        better=_better(report, finding, row, on_sheet) if row else None,
        repair=receipt_sentence(row.repair) if row and finding.action == "deblur" else "",
    )


def region_box(row: FrameRow, finding: Finding) -> Box | None:
    """(x, y, width, height) of the region a finding speaks of."""
    for scored in row.score.regions:
        if (scored.region.kind, scored.n) == (finding.region_kind, finding.region_n):
            x0, y0, x1, y1 = scored.region.box_xyxy
            return x0, y0, x1 - x0, y1 - y0
    return None


def _better(report: AssetReport, finding: Finding, row: FrameRow, on_sheet: set[int]) -> Better | None:
    other = nearest_better(report, finding, row)
    if other is None:
        return None
    index, away = other.score.frame_index, other.score.pts_s - row.score.pts_s
    there = next((f.value for f in other.judgement.findings if f.rule_id == finding.rule_id), None)
    value = f" with {number(measure_of(report, finding.measure), there)}" if there is not None else ""
    side = "later" if away > 0 else "earlier"
    return Better(index, f"{clock(other.score.pts_s)}, {abs(away):.1f} s {side}{value}", index in on_sheet)


def _crop(data: bytes | None) -> RegionCrop | None:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if data is None or picture is None:
        return None
    height, width = picture.shape[:2]
    return RegionCrop(
        data_uri(data), width, height, max(1, min(_MOST_ENLARGED, _READABLE_PX // max(width, height)))
    )
