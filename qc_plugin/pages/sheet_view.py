"""Everything a sheet says, as plain values for its template: words and numbers, no markup."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from qc_plugin.errors import QcError, class_of
from qc_plugin.pages.sheet_cards import Group, Tab, frame_size, groups, tabs
from qc_plugin.pages.sheet_pictures import Picture, pictures
from qc_plugin.pages.sheet_timeline import Timeline, timeline_of
from qc_plugin.pages.sheet_words import (
    DECISION_WORDS,
    counted,
    humanise,
    length,
    measure_of,
    number,
    reason_words,
    share,
)
from qc_plugin.report.text import plain_text, without_secrets
from qc_plugin.types.summary import is_of_asset

if TYPE_CHECKING:
    from qc_plugin.pages.sheet_images import SheetImages
    from qc_plugin.types import AssetReport, MediaInfo
    from qc_plugin.types.measures import Measure

_FLAG_TEXTS = {
    "incomplete": "not all of the asset could be looked at; it never passes silently",
    "degraded": "some packets could not be decoded, or frames came out corrupt",
    "repaired": "at least one frame was deblurred; the source file is unchanged",
}
_OF_VIDEO = {"shot_edge_s", "similarity_prev"}  # without meaning for a still


@dataclass(frozen=True, slots=True)
class FunnelRow:
    """Frames under one reason; `percent` of all scored frames."""

    key: str
    title: str
    text: str
    n: int
    percent: float
    share: str


@dataclass(frozen=True, slots=True)
class MeasureRow:
    """One measure of a still, as read out."""

    title: str
    value: str
    text: str
    percent: float | None


@dataclass(frozen=True, slots=True)
class SheetView:
    """One sheet."""

    kind: str
    name: str
    name_parts: tuple[str, ...]  # where a long name may be broken
    uri: str
    verdict: str
    verdict_word: str
    headline: str
    coverage: str
    flags: tuple[tuple[str, str], ...]
    skipped_rules: tuple[tuple[str, str], ...]
    facts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    provenance: tuple[tuple[str, str], ...]
    rules_text: str
    size: tuple[int, int]
    pictures: tuple[Picture, ...]
    tabs: tuple[Tab, ...]
    funnel: tuple[FunnelRow, ...]
    funnel_text: str
    timeline: Timeline | None
    groups: tuple[Group, ...]
    n_hidden: int
    measures: tuple[MeasureRow, ...]
    error: str | None
    error_class: str
    error_step: str

    @property
    def has_repairs(self) -> bool:
        """Whether a picture can be seen after its repair."""
        return any(picture.repaired_href for picture in self.pictures)

    @property
    def shown(self) -> frozenset[int]:
        """Frames that have a picture."""
        return frozenset(picture.frame_index for picture in self.pictures)


def view_of(report: AssetReport, images: SheetImages) -> SheetView:
    """The view of `report` with the pictures that are there."""
    found = groups(report, images)
    name = asset_name(report)
    return SheetView(
        kind=report.asset.kind,
        name=name,
        name_parts=tuple(part for part in re.split(r"(?<=[_.\- ])", name) if part),
        uri=without_secrets(report.asset.path),
        verdict=report.verdict,
        verdict_word=DECISION_WORDS[report.verdict],
        headline=_headline(report, found),
        coverage=_coverage(report),
        flags=tuple((name, text) for name, text in _FLAG_TEXTS.items() if getattr(report, name)),
        skipped_rules=tuple((humanise(k), v) for k, v in sorted(report.coverage.rules_skipped.items())),
        facts=_facts(report.media),
        notes=report.media.notes if report.media else (),
        provenance=_provenance(report),
        rules_text=report.rules_text,
        size=frame_size(report),
        pictures=pictures(report, images),
        tabs=tabs(report),
        funnel=_funnel(report),
        funnel_text=_funnel_text(report),
        timeline=timeline_of(report),
        groups=found,
        n_hidden=sum(group.n_found - len(group.cards) for group in found),
        measures=_measures(report),
        error=plain_text(report.error) if report.error is not None else None,
        error_class=report.error_class or "",
        error_step=(class_of(report.exit_code) or QcError).next_step,
    )


def asset_name(report: AssetReport) -> str:
    """The file name of an asset, or what else there is to call it by."""
    uri = without_secrets(report.asset.path)
    return PurePath(uri).name or uri or plain_text(report.asset.id)


def _headline(report: AssetReport, found: tuple[Group, ...]) -> str:
    """One sentence under the name: what came out, and why it is not better."""
    ranked = sum(row.rank.rank is not None for row in report.frames)
    if report.asset.kind == "artwork":
        start = "One picture checked"
    elif ranked:
        start = f"{counted(ranked, 'frame')} of {len(report.frames):,} ranked"
    else:
        start = f"None of {counted(len(report.frames), 'frame')} ranked"
    serious = [group for group in found if not group.is_note]
    if not serious:
        return f"{start}; every rule that counts passes." if found else f"{start}; every rule passes."
    worst = "; ".join(map(_against, serious[:3]))
    return f"{start}. What speaks against it: {worst}."


def _against(group: Group) -> str:
    """Of frames, how many; of the asset, its sentence."""
    finding = group.cards[0].finding
    return finding.text if is_of_asset(finding) else f"{group.title.lower()} ({group.n_found})"


def _coverage(report: AssetReport) -> str:
    coverage = report.coverage
    if report.asset.kind == "artwork":
        return "The whole picture was looked at."
    seen = (
        f"{length(coverage.decoded_s)} of {length(coverage.duration_s)}"
        if coverage.duration_s
        else "The video"
    )
    lost = "none lost" if not coverage.frames_lost else f"{counted(coverage.frames_lost, 'frame')} lost"
    if coverage.frames_corrupt:
        lost += f", {counted(coverage.frames_corrupt, 'frame')} damaged"
    return (
        f"{seen} decoded; {coverage.frames_scored:,} of {counted(coverage.frames_decoded, 'frame')} "
        f"scored ({report.provenance.sample}), {lost}."
    )


def _facts(media: MediaInfo | None) -> tuple[tuple[str, str], ...]:
    if media is None:
        return ()
    rate = f"{media.average_fps:.3f}".rstrip("0").rstrip(".") if media.average_fps else ""
    facts = {
        "Size": f"{media.width_px} x {media.height_px}",
        "Length": length(media.duration_s) if media.duration_s else "",
        "Frame rate": f"{rate} fps" if rate else "",
        "Codec": f"{media.codec}, {media.pixel_format}",
        "Container": media.container,
        "Colour": f"{media.colour_matrix}, {media.colour_range} range, {media.bit_depth} bit",
        "Source timecode": f"{media.start_timecode} at the first frame" if media.start_timecode else "",
        "Stills": "" if media.colour_true else "not colour-true, see the notes",
        "Rotation": f"{media.rotation_deg} degrees, applied" if media.rotation_deg else "",
        "Pixel shape": "{} : {}, squared".format(*media.sample_aspect)
        if media.sample_aspect != (1, 1)
        else "",
        "Tone map": f"{media.tone_mapped_from.upper()} to SDR" if media.tone_mapped_from else "",
        "Interlaced": f"yes, {media.deinterlacer or 'left as it is'}" if media.interlaced else "",
    }
    return tuple((name, value) for name, value in facts.items() if value)


def _provenance(report: AssetReport) -> tuple[tuple[str, str], ...]:
    p = report.provenance
    engines = tuple(
        (f"Engine {e.name}", f"{e.version}, {e.backend} on {e.device} in {e.precision}, {e.sha256[:16]}")
        for e in p.engines
    )
    return (
        ("qc-plugin", p.plugin_version),
        *engines,
        ("Decoder", p.decoder),
        ("Sampling", p.sample),
        ("Rules", f"{p.rules_id}, {p.rules_sha256[:16]}"),
        ("Asset id", plain_text(report.asset.id)),
        ("Measure key", p.measure_key),
        ("Judge key", p.judge_key),
    )


def _funnel(report: AssetReport) -> tuple[FunnelRow, ...]:
    """Every scored frame under one reason, the ranked ones first."""
    total = len(report.frames)
    reasons = {key: n for key, n in report.funnel.items() if n and key != "ranked"}
    ranked = sum(row.rank.rank is not None for row in report.frames)
    rows = [("ranked", "Ranked", "the picks above", ranked)]
    for key, n in sorted(reasons.items(), key=lambda item: (-item[1], item[0])):
        rows.append((key, *reason_words(key), n))
    unexplained = total - ranked - sum(reasons.values())
    if unexplained > 0:
        rows.append(("unexplained", "No reason given", "missing from the report's funnel", unexplained))
    return tuple(
        FunnelRow(key, title, text, n, round(100 * n / total, 2), share(n / total))
        for key, title, text, n in rows
        if total
    )


def _funnel_text(report: AssetReport) -> str:
    ranked = sum(row.rank.rank is not None for row in report.frames)
    coverage = report.coverage
    return (
        f"{counted(coverage.frames_decoded, 'frame')} decoded, {coverage.frames_scored:,} scored, "
        f"{ranked:,} ranked. Every scored frame is counted once."
    )


def _measures(report: AssetReport) -> tuple[MeasureRow, ...]:
    """The readout of a still; a video has too many frames for one."""
    if report.asset.kind != "artwork" or not report.frames:
        return ()
    score = report.frames[0].score
    rows = [
        _measured(measure_of(report, name), value)
        for name, value in sorted(score.measures.items())  # a stored report keeps no order
        if name not in _OF_VIDEO
    ]
    rows += [
        MeasureRow(measure_of(report, name).title, "not taken", why, None)
        for name, why in sorted(score.skipped.items())
        if name not in _OF_VIDEO
    ]
    return tuple(rows)


def _measured(measure: Measure, value: float) -> MeasureRow:
    percent = round(100 * min(1.0, max(0.0, value / measure.high)), 1) if measure.high else None
    return MeasureRow(measure.title, number(measure, value), measure.text, percent)
