"""What became of an asset, as the lines a host reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qc_plugin import __version__
from qc_plugin.errors import LASTING_CODES, TemporaryError, exit_code_of, sentence_of
from qc_plugin.host.result import Problem, Reason, Refusal, Result, ResultAsset
from qc_plugin.report.meta import frames_of
from qc_plugin.report.read import read_meta
from qc_plugin.report.rows import finding_of
from qc_plugin.report.text import plain_text, without_secrets
from qc_plugin.types.summary import OF_ASSET, worst_first

if TYPE_CHECKING:
    from pathlib import Path

    from qc_plugin.batch import AssetOutcome
    from qc_plugin.errors import QcError
    from qc_plugin.host.event import AssetRef, Event
    from qc_plugin.types import Finding, Verdict

_N_REASONS = 50
_STOPS: dict[str, tuple[str, ...]] = {"reject": ("reject",), "review": ("reject", "review"), "never": ()}


def of_outcome(event: Event, ref: AssetRef, outcome: AssetOutcome) -> Result:
    """The answer to an event about one asset."""
    problem = None
    if outcome.verdict == "error":
        problem = Problem.model_validate(
            {
                "text": outcome.sentence,
                "class": _class_of(outcome),
                "exit_code": outcome.exit_code,
                "retryable": outcome.retryable,
            }
        )
    return Result(
        id=event.id,
        event=event.event,
        verdict=outcome.verdict,
        stop=stops(event, outcome.verdict),
        incomplete=outcome.incomplete,
        degraded=outcome.degraded,
        retryable=outcome.retryable,
        reused=outcome.reused,
        asset=_asset(ref, outcome),
        frames=_frames(outcome),
        reasons=reasons_of(outcome.report),
        report=_shown(outcome.report),
        sheet=_shown(outcome.sheet),
        delivered=list(outcome.delivered),
        error=problem,
        warnings=_mismatch(ref, outcome),
        causation=event.causation,
        plugin_version=__version__,
    )


def of_error(event: Event, error: Exception) -> Result:
    """The answer when the work could not be done at all."""
    return Result(
        id=event.id,
        event=event.event,
        verdict="error",
        stop=stops(event, "error"),
        incomplete=True,
        retryable=isinstance(error, TemporaryError),
        asset=_asset(event.asset, None) if event.asset else None,
        error=problem_of(error),
        causation=event.causation,
        plugin_version=__version__,
    )


def refusal(error: QcError, event_id: str | None = None) -> Refusal:
    """The line for a call that is not an event."""
    return Refusal(id=event_id, error=problem_of(error), plugin_version=__version__)


def problem_of(error: Exception) -> Problem:
    """`error` as a host reads it; what we did not foresee is our bug."""
    return Problem.model_validate(
        {
            "text": plain_text(sentence_of(error)),
            "class": type(error).__name__,
            "exit_code": exit_code_of(error),
            "retryable": isinstance(error, TemporaryError),
        }
    )


def lasting(result: Result) -> bool:
    """Whether the same question would give the same answer again, so that it may be kept."""
    code = result.error.exit_code if result.error else 0
    return code in LASTING_CODES and not result.retryable


def stops(event: Event, verdict: Verdict) -> bool:
    """Whether the host's job should stop; an asset that could not be checked stops it too."""
    if event.settings.dry_run or event.settings.fail_on == "never":
        return False
    return verdict in (*_STOPS[event.settings.fail_on], "error")


def reasons_of(report: Path | None) -> list[Reason]:
    """What speaks against the asset, the worst first."""
    if report is None:
        return []
    findings = worst_first(map(finding_of, read_meta(report)["findings"]))
    return [_reason(finding) for finding in findings[:_N_REASONS]]


def reason_for(rule: str, text: str) -> Reason:
    """A reason that no rule gave: of the whole of what the event asked for."""
    return Reason(rule=f"{OF_ASSET}{rule}", outcome="fail", severity="error", text=text, at_s=0.0, frame=0)


def _reason(finding: Finding) -> Reason:
    return Reason(
        rule=finding.rule_id,
        outcome=finding.outcome,
        severity=finding.severity,
        text=finding.text,
        at_s=finding.start_s,
        frame=finding.frame_index,
        value=finding.value,
        limit=finding.limit,
    )


def _asset(ref: AssetRef, outcome: AssetOutcome | None) -> ResultAsset:
    known = outcome is not None and (outcome.verdict != "error" or outcome.report is not None)
    return ResultAsset(
        uri=without_secrets(ref.uri),
        id=ref.id,
        sha256=outcome.asset_id if outcome is not None and known else None,
        kind=outcome.kind if outcome is not None else ref.kind,
        content=ref.content,
    )


def _frames(outcome: AssetOutcome) -> dict[str, int]:
    if outcome.frames is not None:
        return dict(outcome.frames)
    return frames_of(read_meta(outcome.report)) if outcome.report else {}


def _class_of(outcome: AssetOutcome) -> str:
    if outcome.report is None:
        return "TemporaryError"
    return str((read_meta(outcome.report)["error"] or {}).get("class") or "QcError")


def _mismatch(ref: AssetRef, outcome: AssetOutcome) -> list[str]:
    if ref.kind is None or outcome.verdict == "error" or ref.kind == outcome.kind:
        return []
    return [f"the event says {ref.kind}, the content is {outcome.kind}; it was judged as {outcome.kind}"]


def _shown(path: Path | None) -> str | None:
    return None if path is None else str(path)
