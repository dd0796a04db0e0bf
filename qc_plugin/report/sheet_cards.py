"""Pictures, picks and finding cards of a sheet as plain values for its template."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from qc_plugin.report.outline import outlines
from qc_plugin.report.sheet_choice import (
    FindingGroup,
    finding_groups,
    frame_of_finding,
    nearest_better,
    picks,
    place_of,
    ratios,
    region_key,
)
from qc_plugin.report.sheet_scale import Scale, scale_of
from qc_plugin.report.sheet_timeline import sentence_of
from qc_plugin.report.sheet_words import DECISION_WORDS, clock, humanise, measure_column, number, region_name

if TYPE_CHECKING:
    from qc_plugin.report.sheet_images import SheetImages
    from qc_plugin.types import AssetReport, Box, Finding, FrameRow


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame picture, held once in the file and drawn where it is needed. `paths` are its blur outlines."""

    frame_index: int
    href: str
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A named sub-score of a rank."""

    name: str
    value: str
    percent: float


@dataclass(frozen=True, slots=True)
class Pick:
    """A ranked frame in one crop; `box` is (x, y, width, height) in frame pixels."""

    frame_index: int
    place: int
    time: str
    score: str
    reason: str
    decision: str
    parts: tuple[Part, ...]
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Tab:
    """The picks of one crop. `shape` is landscape, square or portrait."""

    key: str
    label: str
    shape: str
    picks: tuple[Pick, ...]


@dataclass(frozen=True, slots=True)
class RegionCrop:
    """A region at 1:1 pixels."""

    href: str
    width: int
    height: int


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


@dataclass(frozen=True, slots=True)
class Group:
    """The cards of one rule."""

    rule_id: str
    title: str
    outcome: str
    measure_text: str
    cards: tuple[Card, ...]
    n_found: int


def pictures(report: AssetReport, images: SheetImages) -> tuple[Picture, ...]:
    """Every picture the sheet holds."""
    masks = {row.score.frame_index: row.score.blur for row in report.frames if row.score.blur}
    return tuple(
        Picture(index, _data_uri(data), outlines(masks[index]) if index in masks else ())
        for index, data in sorted(images.frames.items())
    )


def tabs(report: AssetReport) -> tuple[Tab, ...]:
    """The ranked frames: whole, then by crop."""
    whole = picks(report)
    found = [Tab("full", "Full frame", "landscape", tuple(_pick(report, row, None) for row in whole))]
    for ratio in ratios(report):
        shown = tuple(_pick(report, row, ratio) for row in picks(report, ratio))
        _, _, width, height = shown[0].box
        shape = "landscape" if width > 1.2 * height else "portrait" if height > 1.2 * width else "square"
        found.append(Tab(ratio.replace(":", "x"), ratio, shape, shown))
    return tuple(found) if whole else tuple(tab for tab in found if tab.picks)


def groups(report: AssetReport, images: SheetImages) -> tuple[Group, ...]:
    """Finding cards by rule, worst first."""
    on_sheet = {row.score.frame_index for row in picks(report)}
    found, n = [], 0
    for group in finding_groups(report):
        cards = tuple(_card(report, images, f, n + i, on_sheet) for i, f in enumerate(group.shown, start=1))
        n += len(cards)
        found.append(_group(group, cards))
    return tuple(found)


def frame_size(report: AssetReport) -> tuple[int, int]:
    """Width and height in frame pixels, in which boxes are given."""
    media = report.media
    return (max(1, media.width_px), max(1, media.height_px)) if media else (16, 9)


def _group(group: FindingGroup, cards: tuple[Card, ...]) -> Group:
    measure = group.shown[0].measure if group.shown else ""
    text = measure_column(measure).text
    return Group(group.rule_id, humanise(group.rule_id), group.outcome, text, cards, group.n_found)


def _pick(report: AssetReport, row: FrameRow, ratio: str | None) -> Pick:
    place = place_of(row, ratio)
    assert place is not None
    crop = next((c for c in row.rank.crops if c.ratio == ratio), None)
    x0, y0, x1, y1 = crop.box_xyxy if crop else (0, 0, *frame_size(report))
    return Pick(
        frame_index=row.score.frame_index,
        place=place,
        time=clock(row.score.pts_s),
        score=f"{crop.score if crop else row.rank.score:.2f}",
        reason=_reason(row),
        decision=row.judgement.decision,
        parts=tuple(
            Part(humanise(name), f"{value:.2f}", round(100 * min(1.0, max(0.0, value)), 1))
            for name, value in sorted(row.rank.score_parts.items())
        ),
        box=(x0, y0, max(1, x1 - x0), max(1, y1 - y0)),
    )


def _reason(row: FrameRow) -> str:
    """What speaks for a pick, and what speaks least for it."""
    parts = sorted(row.rank.score_parts.items(), key=lambda part: part[1])
    sentence = sentence_of(row)
    if not parts:
        return sentence
    best, worst = humanise(parts[-1][0]).lower(), humanise(parts[0][0]).lower()
    return f"{sentence}. Best in {best}" + (f", least in {worst}." if len(parts) > 1 else ".")


def _card(report: AssetReport, images: SheetImages, finding: Finding, n: int, on_sheet: set[int]) -> Card:
    row = frame_of_finding(report, finding)
    key = region_key(finding)
    span = finding.end_s - finding.start_s
    return Card(
        number=n,
        finding=finding,
        outcome_word=humanise(finding.outcome),
        decision_word=DECISION_WORDS[finding.action],
        region=region_name(finding),
        time=clock(row.score.pts_s) if row else "",
        timecode_span=f"{clock(finding.start_s)} to {clock(finding.end_s)}" if span > 1e-3 else "",
        frame_index=row.score.frame_index if row else None,
        box=_box(row, finding) if row else None,
        crop=_crop(images.region_crops.get(key)) if key else None,
        scale=scale_of(finding),
        measure=humanise(finding.measure),
        value=number(finding.measure, finding.value),
        better=_better(report, finding, row, on_sheet) if row else None,
    )


def _box(row: FrameRow, finding: Finding) -> Box | None:
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
    value = f" with {number(finding.measure, there)}" if there is not None else ""
    side = "later" if away > 0 else "earlier"
    return Better(index, f"{clock(other.score.pts_s)}, {abs(away):.1f} s {side}{value}", index in on_sheet)


def _crop(data: bytes | None) -> RegionCrop | None:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if data is None or picture is None:
        return None
    return RegionCrop(_data_uri(data), picture.shape[1], picture.shape[0])


def _data_uri(data: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")
