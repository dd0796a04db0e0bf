"""Thumbnail candidates: which of the stills, or of the frames of a video, to use, and why not the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qc_plugin import __version__
from qc_plugin.asset.check_one import rules_of
from qc_plugin.batch import AssetOutcome
from qc_plugin.errors import QcError
from qc_plugin.host.answer import problem_of, reason_for, stops
from qc_plugin.host.result import Choice, Reason, Result
from qc_plugin.report.layout import stills_of
from qc_plugin.report.read import read_report
from qc_plugin.report.text import without_secrets
from qc_plugin.report.timecode import timecodes
from qc_plugin.signals.technical import similarity
from qc_plugin.types import DECISION_ORDER, FrameRow
from qc_plugin.types.summary import count_frames

if TYPE_CHECKING:
    from pathlib import Path

    from qc_plugin.config import RunConfig
    from qc_plugin.host.deadline import Deadline
    from qc_plugin.host.event import AssetRef, Event
    from qc_plugin.types import Verdict

CheckOne = Callable[["AssetRef", Callable[[float], bool]], AssetOutcome]


@dataclass(frozen=True, slots=True)
class _Seen:
    """A still with its one row, or with why it has none."""

    ref: AssetRef
    row: FrameRow | None
    why: str = ""


def choose_frames(result: Result, outcome: AssetOutcome) -> Result:
    """The answer for a video, with its ranked frames; those without a rank are counted in the report."""
    if outcome.report is None:
        return result.model_copy(update={"ranking": []})
    report = read_report(outcome.report)
    ranked = [r for r in report.frames if r.rank.rank is not None]
    stills = _stills(stills_of(outcome.report))
    choices = [
        Choice(
            frame=row.score.frame_index,
            at_s=row.score.pts_s,
            source_timecode=timecodes(report.media, row.score.pts_s)[1],
            colour_true=report.media is None or report.media.colour_true,
            rank=row.rank.rank,
            score=row.rank.score,
            decision=row.judgement.decision,
            still=stills.get(row.score.frame_index),
            crops={crop.ratio: list(crop.box_xyxy) for crop in row.rank.crops},
        )
        for row in sorted(ranked, key=lambda r: r.rank.rank or 0)
    ]
    return result.model_copy(update={"ranking": choices})


def choose_stills(event: Event, config: RunConfig, clock: Deadline, look: CheckOne) -> Result:
    """The answer for stills that were chosen elsewhere: kept in order, or dropped with a reason."""
    refs = event.candidates or []
    seen, broken = _look_at_all(refs, clock, look)
    chosen, dropped = _order(seen, _max_similarity(config))
    n_looked = len(seen)
    counts = count_frames(each.row.judgement for each in seen if each.row is not None)
    verdict: Verdict = "accept" if chosen else "reject" if any(counts.values()) else "error"
    unseen = [_dropped(_Seen(ref, None, "not looked at: the time was over")) for ref in refs[n_looked:]]
    return Result(
        id=event.id,
        event=event.event,
        verdict=verdict,
        stop=stops(event, verdict),
        incomplete=bool(unseen) or verdict == "error",
        retryable=bool(unseen),
        frames=counts,
        reasons=[_none_fits(len(seen))] if verdict == "reject" else [],
        ranking=[*chosen, *dropped, *unseen],
        error=problem_of(broken) if verdict == "error" and broken else None,
        causation=event.causation,
        plugin_version=__version__,
    )


def _none_fits(n_seen: int) -> Reason:
    return reason_for("candidates", f"none of {n_seen} stills can be used; `ranking` says why of each")


def _max_similarity(config: RunConfig) -> float:
    """From which likeness on two stills count as one; above 1 where the rules set no such limit."""
    limit = rules_of(config).rank.diversity.max_similarity
    return 1.01 if limit is None else limit


def _look_at_all(refs: list[AssetRef], clock: Deadline, look: CheckOne) -> tuple[list[_Seen], QcError | None]:
    """Every still until the time is over; the first error is kept for when there is nothing else to say."""
    seen: list[_Seen] = []
    broken: QcError | None = None
    for n, ref in enumerate(refs):
        if not clock.watch(n / len(refs)):
            break
        try:
            outcome = look(ref, clock.part(n / len(refs), 1 / len(refs)))
        except QcError as error:
            if not error.lasting:
                raise  # a store that is down, rules that are wrong: true of all of them
            broken = broken or error
            seen.append(_Seen(ref, None, str(error)))
            continue
        rows = read_report(outcome.report).frames if outcome.report and outcome.verdict != "error" else ()
        why = "is a video; send it as `asset`" if len(rows) > 1 else outcome.sentence
        seen.append(_Seen(ref, rows[0] if len(rows) == 1 else None, why))
    return seen, broken


def _order(seen: list[_Seen], max_similarity: float) -> tuple[list[Choice], list[Choice]]:
    """Best first: by decision, then by score; near-duplicates go to the better one."""
    usable = [s for s in seen if s.row is not None and _refused(s.row) == ""]
    dropped = [_dropped(s) for s in seen if s not in usable]
    kept: list[_Seen] = []
    for each in sorted(usable, key=_grade):
        twin = next((n for n, k in enumerate(kept, 1) if _alike(each, k) >= max_similarity), None)
        if twin is None:
            kept.append(each)
        else:
            dropped.append(_dropped(_Seen(each.ref, each.row, f"looks like the candidate ranked {twin}")))
    return [_choice(each, rank) for rank, each in enumerate(kept, 1)], dropped


def _grade(seen: _Seen) -> tuple[int, float]:
    assert seen.row is not None
    return DECISION_ORDER.index(seen.row.judgement.decision), -seen.row.rank.score


def _alike(a: _Seen, b: _Seen) -> float:
    assert a.row is not None
    assert b.row is not None
    return similarity(a.row.score.phash, b.row.score.phash)


def _refused(row: FrameRow) -> str:
    """Why a still cannot be used at all, or ""."""
    if row.judgement.excluded:
        return f"left out: {row.judgement.excluded}"
    if row.judgement.decision == "reject":
        fails = [f.text for f in row.judgement.findings if f.action == "reject"]
        return "; ".join(fails) or "rejected"
    return ""


def _choice(seen: _Seen, rank: int | None) -> Choice:
    row = seen.row
    return Choice(
        uri=without_secrets(seen.ref.uri),
        id=seen.ref.id,
        rank=rank,
        score=row.rank.score if row else None,
        decision=row.judgement.decision if row else None,
        crops={crop.ratio: list(crop.box_xyxy) for crop in row.rank.crops} if row else {},
    )


def _dropped(seen: _Seen) -> Choice:
    why = (_refused(seen.row) if seen.row else "") or seen.why
    return _choice(seen, None).model_copy(update={"why": why})


def _stills(folder: Path) -> dict[int, str]:
    """Frame index to the picture `batch.publish` wrote."""
    found = {}
    for path in folder.glob("[0-9]*-frame-*.jpg"):
        number = path.name.split("-frame-")[1].split("-")[0]
        found[int(number)] = str(path)
    return found
