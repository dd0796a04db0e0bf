"""What a host reads: one JSON object a line: `progress` as it goes, then one `result` or `error`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from qc_plugin.types import AssetKind, Decision, Outcome, Severity, Verdict


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Progress(_Line):
    """Sign of life: how far the work is."""

    type: Literal["progress"] = "progress"
    id: str = Field(description="Of the event")
    done: float = Field(ge=0, le=1, description="Share of the work that is done")
    stage: str = Field(description="What is being done")
    eta_s: float | None = Field(
        default=None, ge=0, description="Seconds that are left, where they can be told"
    )


class Reason(_Line):
    """One finding that speaks against the asset."""

    rule: str = Field(description="Id of the rule; `asset:...` where the asset as a whole is meant")
    outcome: Outcome
    severity: Severity
    text: str = Field(description="The sentence people read")
    at_s: float = Field(description="Where in the asset, seconds")
    frame: int = Field(description="Decoded ordinal of the frame")
    value: float | None = None
    limit: float | None = None


class Problem(_Line):
    """Why there is no verdict."""

    text: str = Field(description="One sentence that ends with the fix")
    error_class: str = Field(alias="class")
    exit_code: int = Field(
        description="2 usage or rules, 20-22 the asset, 70 our bug, 75 try later, 143 stopped"
    )
    retryable: bool = Field(description="Whether the same event may succeed later without anybody acting")


class ResultAsset(_Line):
    """The asset that was looked at."""

    uri: str = Field(description="Without query or password")
    id: str | None = Field(default=None, description="The host's name for it")
    sha256: str | None = Field(default=None, description="Of its bytes")
    kind: AssetKind | None = None
    content: str | None = None


class Choice(_Line):
    """One candidate with its place; without a rank it is dropped, and `why` says the reason."""

    uri: str | None = Field(default=None, description="Of the still that was offered")
    id: str | None = None
    frame: int | None = Field(default=None, description="Decoded ordinal in the video")
    at_s: float | None = Field(default=None, description="Place in the video, seconds")
    source_timecode: str | None = Field(default=None, description="The same as the source counts, if it does")
    colour_true: bool = Field(default=True, description="False where the source's colours cannot be shown")
    rank: int | None = Field(default=None, ge=1)
    score: float | None = Field(default=None, description="Higher is better")
    decision: Decision | None = None
    still: str | None = Field(default=None, description="Where the picture was written")
    crops: dict[str, list[int]] = Field(
        default_factory=dict, description="Ratio to box x0, y0, x1, y1 in pixels"
    )
    why: str | None = None


class TaskSummary(_Line):
    """What a task did."""

    assets: int = 0
    reused: int = Field(default=0, description="Done already under the same rules and engines")
    skipped: int = Field(default=0, description="Folders and links that could not be searched")
    verdicts: dict[str, int] = Field(default_factory=dict)
    exit_code: int = Field(
        default=0, description="Worst system class among the assets, 0 when all were checked"
    )
    engines: dict[str, str] = Field(default_factory=dict, description="Engine to where it runs (warm-up)")


class Result(_Line):
    """The answer to an event."""

    type: Literal["result"] = "result"
    protocol: Literal[1] = Field(default=1, alias="schema")
    id: str = Field(description="Of the event")
    event: str
    verdict: Verdict
    stop: bool = Field(description="Whether the job should be stopped, by `fail_on` of the event")
    incomplete: bool = Field(default=False, description="Only a part was looked at; never take it for a pass")
    degraded: bool = Field(default=False, description="Frames were damaged")
    repaired: bool = False
    retryable: bool = Field(default=False, description="Whether sending the same event again may give more")
    replayed: bool = Field(
        default=False, description="This id was answered before; the stored answer, no work"
    )
    reused: bool = Field(default=False, description="The same content was checked before under the same keys")
    asset: ResultAsset | None = None
    frames: dict[str, int] = Field(
        default_factory=dict, description="By decision, and those left out by `excluded:<rule>`"
    )
    reasons: list[Reason] = Field(
        default_factory=list, description="The worst first, at most 50; never empty for review and reject"
    )
    ranking: list[Choice] | None = Field(
        default=None, description="Of thumbnail.candidates, best first, then the dropped"
    )
    task: TaskSummary | None = None
    report: str | None = None
    sheet: str | None = None
    delivered: list[str] = Field(default_factory=list, description="Where report sinks have put the report")
    error: Problem | None = None
    warnings: list[str] = Field(default_factory=list)
    causation: str | None = None
    seconds: float = 0.0
    plugin_version: str


class Refusal(_Line):
    """The call could not be read as an event; nothing was done, and the exit code is 2."""

    type: Literal["error"] = "error"
    protocol: Literal[1] = Field(default=1, alias="schema")
    id: str | None = Field(default=None, description="Of the event, where it could be read")
    error: Problem
    plugin_version: str


def line(message: _Line) -> str:
    """`message` as one line of JSON, empty fields left out."""
    return message.model_dump_json(by_alias=True, exclude_none=True)
