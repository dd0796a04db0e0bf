"""Everything a review page says, as plain values for its template: words and numbers, no markup."""

from __future__ import annotations

import base64
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qc_plugin.pages.outline import outlines
from qc_plugin.pages.review_choice import DecisionRecord, candidates, closest, record_of, suggested
from qc_plugin.pages.sheet_cards import frame_size, region_box
from qc_plugin.pages.sheet_images import shrink_jpeg
from qc_plugin.pages.sheet_scale import Scale, scale_of
from qc_plugin.pages.sheet_timeline import sentence_of
from qc_plugin.pages.sheet_view import asset_name
from qc_plugin.pages.sheet_words import (
    DECISION_WORDS,
    counted,
    humanise,
    measure_of,
    moment,
    number,
    region_name,
)
from qc_plugin.types import DECISION_ORDER
from qc_plugin.types.summary import worst_first

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qc_plugin.types import AssetReport, Box, Finding, FrameRow

_BUDGET_BYTES = 6_000_000  # of pictures: 8 MB as base64 text, 11 MB in a mail
_FAR = 1e9  # sorts frames without a limit last; JSON has no infinity
RANKED = "(ranked)"  # a reason to be shown that is no rule; a rule id has no brackets


@dataclass(frozen=True, slots=True)
class ReviewPictures:
    """What could be decoded again, by frame index; `why_not` says why the rest could not.

    `frames` and `repaired` are JPEG of whole upright frames, `heat` transparent PNG of any small size.
    """

    frames: Mapping[int, bytes] = field(default_factory=dict)
    heat: Mapping[int, bytes] = field(default_factory=dict)
    repaired: Mapping[int, bytes] = field(default_factory=dict)
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class ReviewAsset:
    """One report, the frames of it that are shown, and their pictures."""

    report: AssetReport
    rows: tuple[FrameRow, ...]
    pictures: ReviewPictures


@dataclass(frozen=True, slots=True)
class Why:
    """What one rule says about a frame."""

    title: str
    outcome: str
    outcome_word: str
    is_note: bool
    text: str
    region: str
    scale: Scale | None


@dataclass(frozen=True, slots=True)
class Item:
    """One frame to decide on. Hrefs are data URIs, "" where there is no such picture."""

    id: str
    asset_n: int
    asset_name: str
    frame_index: int
    time: str
    place: int | None
    size: tuple[int, int]
    suggested: str
    suggested_word: str
    sentence: str
    alt: str
    why: tuple[Why, ...]
    n_passed: int
    reasons: tuple[str, ...]
    closeness: float
    closeness_text: str
    badness: tuple[int, float]
    boxes: tuple[Box, ...]  # x, y, width, height in frame pixels
    href: str
    heat_href: str
    repaired_href: str
    why_no_picture: str
    outline: tuple[str, ...]
    record: DecisionRecord


@dataclass(frozen=True, slots=True)
class Choice:
    """An entry of a filter."""

    key: str
    title: str
    n: int


@dataclass(frozen=True, slots=True)
class ReviewView:
    """One review page. `errors` are assets that could not be checked, and their sentence."""

    title: str
    items: tuple[Item, ...]
    assets: tuple[Choice, ...]
    reasons: tuple[Choice, ...]
    errors: tuple[tuple[str, str], ...]
    n_left_out: int
    has_heat: bool
    has_repairs: bool


def review_view(assets: Sequence[ReviewAsset]) -> ReviewView:
    """The view of these assets; pictures are made smaller where together they would be too heavy to mail."""
    quota = _BUDGET_BYTES // max(1, sum(len(a.pictures.frames) + len(a.pictures.repaired) for a in assets))
    items = tuple(_item(asset, n, row, quota) for n, asset in enumerate(assets) for row in asset.rows)
    per_asset = Counter(item.asset_n for item in items)
    names = [asset_name(asset.report) for asset in assets]
    errors = [(n, a.report.error) for n, a in zip(names, assets, strict=True) if a.report.error is not None]
    return ReviewView(
        title=names[0] if len(names) == 1 else counted(len(names), "asset"),
        items=items,
        assets=tuple(Choice(str(n), name, per_asset[n]) for n, name in enumerate(names) if per_asset[n]),
        reasons=_reasons(items),
        errors=tuple(errors),
        n_left_out=sum(len(candidates(asset.report)) - len(asset.rows) for asset in assets),
        has_heat=any(item.heat_href for item in items),
        has_repairs=any(item.repaired_href for item in items),
    )


def _reasons(items: Sequence[Item]) -> tuple[Choice, ...]:
    counts = Counter(reason for item in items for reason in item.reasons)
    return tuple(
        Choice(key, "Ranked, nothing against it" if key == RANKED else humanise(key), n)
        for key, n in sorted(counts.items(), key=lambda pair: (pair[0] == RANKED, -pair[1], pair[0]))
    )


def _item(asset: ReviewAsset, n: int, row: FrameRow, quota: int) -> Item:
    report, pictures, index = asset.report, asset.pictures, row.score.frame_index
    shown = [finding for finding in worst_first(row.judgement.findings) if finding.out_of_limits]
    against = [f for f in shown if f.action != "accept"]
    time = moment(report.media, row.score.pts_s) if report.asset.kind == "video" else ""
    name = asset_name(report)
    unspoken = sentence_of(row) if row.judgement.excluded else "Every rule that counts passes."
    sentence = against[0].text if against else unspoken
    call = closest(row)
    frame = pictures.frames.get(index)
    repaired = pictures.repaired.get(index)
    return Item(
        id=f"{n}-{index}",
        asset_n=n,
        asset_name=name,
        frame_index=index,
        time=time,
        place=row.rank.rank,
        size=frame_size(report),
        suggested=suggested(row),
        suggested_word=DECISION_WORDS[suggested(row)],
        sentence=sentence,
        alt=f"{name}, frame {index}{f' at {time}' if time else ''}: {sentence}",
        why=tuple(_why(report, finding) for finding in shown),
        n_passed=sum(f.outcome == "pass" for f in row.judgement.findings),
        reasons=tuple(dict.fromkeys(f.rule_id for f in against)) or (RANKED,),
        closeness=min(call[0], _FAR) if call else _FAR,
        closeness_text=_closeness_text(report, call),
        badness=(
            -DECISION_ORDER.index(row.judgement.decision),
            -max((f.beyond for f in against), default=0.0),
        ),
        boxes=tuple(box for f in against if (box := region_box(row, f)) is not None),
        href=_href(shrink_jpeg(frame, quota) if frame else None, "jpeg"),
        heat_href=_href(pictures.heat.get(index), "png"),
        repaired_href=_href(shrink_jpeg(repaired, quota) if repaired else None, "jpeg"),
        why_no_picture="" if frame else pictures.why_not or "it was not decoded again",
        outline=outlines(row.score.blur) if row.score.blur else (),
        record=record_of(report, row),
    )


def _why(report: AssetReport, finding: Finding) -> Why:
    return Why(
        title=humanise(finding.rule_id),
        outcome=finding.outcome,
        outcome_word=humanise(finding.outcome),
        is_note=finding.action == "accept",
        text=finding.text,
        region=region_name(finding),
        scale=scale_of(finding, measure_of(report, finding.measure)),
    )


def _closeness_text(report: AssetReport, call: tuple[float, float, Finding] | None) -> str:
    """`Hand motion blur: 3 % above the limit of 30 %`."""
    if call is None:
        return "no rule measured a value here"
    _, limit, finding = call
    assert finding.value is not None
    away, rule = finding.value - limit, humanise(finding.rule_id)
    measure = measure_of(report, finding.measure)
    at = number(measure, limit)
    if not away:
        return f"{rule}: exactly at the limit of {at}"
    side = "above" if away > 0 else "below"
    return f"{rule}: {number(measure, abs(away))} {side} the limit of {at}"


def _href(data: bytes | None, kind: str) -> str:
    return f"data:image/{kind};base64," + base64.b64encode(data).decode("ascii") if data else ""
