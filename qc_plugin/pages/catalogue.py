"""The catalogue page: what a whole folder of reports says, in one offline HTML file."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from qc_plugin.pages.html_page import render_page, write_page
from qc_plugin.pages.sheet_words import DECISION_WORDS, counted, humanise, share
from qc_plugin.report.meta import frames_of
from qc_plugin.report.rows import finding_of
from qc_plugin.types.summary import is_of_asset, worst_first

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from qc_plugin.types import Finding

_ORDER = ("accept", "review", "reject", "error")
_MOST_WORST, _MOST_ERRORS, _MOST_MONTHS = 50, 200, 36


@dataclass(frozen=True, slots=True)
class CatalogueRow:
    """One asset: its newest report. `sheet` is a path that exists, or None."""

    name: str
    kind: str
    verdict: str
    seconds: float  # when the report file was last written, since 1970
    n_frames: int
    decisions: Mapping[str, int]
    reasons: Mapping[str, int]  # rule that speaks against the asset: findings
    sentence: str  # the error, or what is said of the asset as a whole; "" where rules speak of frames
    sheet: Path | None

    @property
    def share_bad(self) -> float:
        """Frames that were rejected or need a look, 0..1."""
        bad = self.decisions.get("reject", 0) + self.decisions.get("review", 0)
        return bad / self.n_frames if self.n_frames else 0.0

    @property
    def badness(self) -> tuple[int, int, float, str]:
        """Sorts the worst first: verdict, frames rejected, frames with something against them, name."""
        return (
            -_ORDER.index(self.verdict),
            -self.decisions.get("reject", 0),
            -self.share_bad,
            self.name,
        )


def entry_of(meta: Mapping[str, Any], *, seconds: float, sheet: Path | None) -> CatalogueRow:
    """The entry of a report from its metadata (`read_meta`)."""
    uri, error = str(meta["asset"]["uri"]), meta["error"]
    findings = worst_first(map(finding_of, meta["findings"]))
    against = [finding for finding in findings if finding.action != "accept"]
    return CatalogueRow(
        name=PurePath(uri).name or uri or str(meta["asset"]["id"]),
        kind=str(meta["asset"]["kind"]),
        verdict=str(meta["verdict"]),
        seconds=seconds,
        n_frames=int(meta["coverage"]["frames_scored"]),
        decisions=frames_of(meta),
        reasons=Counter(finding.rule_id for finding in against),
        sentence=str(error["text"]) if error else _of_asset(against),
        sheet=sheet,
    )


def _of_asset(findings: Sequence[Finding]) -> str:
    """What is said of the asset as a whole where that weighs most; else its rules say it."""
    return findings[0].text if findings and is_of_asset(findings[0]) else ""


@dataclass(frozen=True, slots=True)
class Count:
    """A verdict, and how many assets have it. `x` and `percent` are percent of the whole."""

    key: str
    word: str
    n: int
    share: str
    x: float
    percent: float


@dataclass(frozen=True, slots=True)
class Month:
    """The verdicts of one month, `total` of them; `height` is percent of the fullest month."""

    label: str
    total: int
    height: float
    counts: tuple[Count, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Reason:
    """A rule, the assets it speaks against, and how often in all."""

    title: str
    n_assets: int
    n_findings: int
    share: str
    percent: float


@dataclass(frozen=True, slots=True)
class Title:
    """A row of the worst titles; `href` is relative to the page, "" without a sheet."""

    name: str
    href: str
    verdict: str
    word: str
    frames: str
    share: str
    percent: float
    why: str


@dataclass(frozen=True, slots=True)
class CatalogueView:
    """Everything the page says."""

    title: str
    n_assets: int
    counts: tuple[Count, ...]
    months: tuple[Month, ...]
    reasons: tuple[Reason, ...]
    worst: tuple[Title, ...]
    n_not_clean: int
    errors: tuple[Title, ...]
    n_errors: int
    unreadable: tuple[tuple[str, str], ...]
    n_older: int


def write_catalogue(
    entries: Sequence[CatalogueRow],
    path: Path,
    *,
    title: str,
    unreadable: Sequence[tuple[str, str]] = (),
    n_older: int = 0,
) -> Path:
    """Write the page of `entries` to `path` and return it. Links to sheets are relative to it.

    `unreadable` are report files and why; `n_older` counts reports that a newer one of their asset replaced.
    """
    worst = sorted((e for e in entries if e.verdict in {"review", "reject"}), key=lambda e: e.badness)
    errors = sorted((e for e in entries if e.verdict == "error"), key=lambda e: e.name)
    view = CatalogueView(
        title=title,
        n_assets=len(entries),
        counts=_counts(entries),
        months=_months(entries),
        reasons=_reasons(entries),
        worst=tuple(_title(entry, path.parent) for entry in worst[:_MOST_WORST]),
        n_not_clean=len(worst),
        errors=tuple(_title(entry, path.parent) for entry in errors[:_MOST_ERRORS]),
        n_errors=len(errors),
        unreadable=tuple(unreadable),
        n_older=n_older,
    )
    html = render_page("catalogue.html.j2", {"view": view}, styles=["sheet.css", "catalogue.css"])
    return write_page(html, path, what="the catalogue page")


def _counts(entries: Sequence[CatalogueRow]) -> tuple[Count, ...]:
    found = Counter(entry.verdict for entry in entries)
    counts, x, total = [], 0.0, max(1, len(entries))
    for key in _ORDER:
        percent = 100 * found[key] / total
        part = share(found[key] / total)
        counts.append(Count(key, DECISION_WORDS[key], found[key], part, round(x, 3), round(percent, 3)))
        x += percent
    return tuple(counts)


def _months(entries: Iterable[CatalogueRow]) -> tuple[Month, ...]:
    """By the month (UTC) in which the report file was written; months without one are left out."""
    found: dict[str, list[CatalogueRow]] = {}
    for entry in entries:
        found.setdefault(f"{datetime.fromtimestamp(entry.seconds, UTC):%Y-%m}", []).append(entry)
    most = max(map(len, found.values()), default=1)
    return tuple(
        Month(
            label=label,
            total=len(inside),
            height=round(100 * len(inside) / most, 2),
            counts=tuple(count for count in _counts(inside) if count.n),
            text=", ".join(f"{count.n} {count.word.lower()}" for count in _counts(inside) if count.n),
        )
        for label, inside in sorted(found.items())[-_MOST_MONTHS:]
    )


def _reasons(entries: Sequence[CatalogueRow]) -> tuple[Reason, ...]:
    assets, findings = Counter[str](), Counter[str]()
    for entry in entries:
        assets.update(entry.reasons.keys())
        findings.update(entry.reasons)
    total = max(1, len(entries))
    return tuple(
        Reason(humanise(rule), n, findings[rule], share(n / total), round(100 * n / total, 2))
        for rule, n in sorted(assets.items(), key=lambda pair: (-pair[1], pair[0]))
    )


def _title(entry: CatalogueRow, page_folder: Path) -> Title:
    bad = [f"{entry.decisions[key]:,} {key}" for key in ("reject", "review") if entry.decisions.get(key)]
    none = "none against it" if any(map(entry.decisions.get, ("accept", "deblur"))) else "none judged"
    reasons = sorted(entry.reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    why = ", ".join(f"{humanise(rule)} ({n})" for rule, n in reasons[:3])
    return Title(
        name=entry.name,
        href=_relative(entry.sheet, page_folder) if entry.sheet else "",
        verdict=entry.verdict,
        word=DECISION_WORDS[entry.verdict],
        frames=f"{' and '.join(bad) or none} of {counted(entry.n_frames, 'frame')}",
        share=share(entry.share_bad),
        percent=round(100 * entry.share_bad, 2),
        why=entry.sentence or why or "a rule about the whole asset",
    )


def _relative(target: Path, folder: Path) -> str:
    """A link from a page in `folder`; it works as long as both move together."""
    return quote(Path(os.path.relpath(target.resolve(), folder.resolve())).as_posix())
