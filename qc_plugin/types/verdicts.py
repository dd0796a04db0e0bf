"""What is decided, ranked, repaired and reported."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qc_plugin.types.frames import Asset, FrameScore, MediaInfo
    from qc_plugin.types.measures import Measure
    from qc_plugin.types.words import Decision, Outcome, RegionKind, Severity, Verdict


@dataclass(frozen=True, slots=True)
class Bands:
    """Limits of a rule: at `pass_limit` still pass, at `borderline_limit` (if any) borderline, then fail.

    `worse` is the direction that is worse, so "higher" means the limits are upper bounds.
    """

    pass_limit: float
    borderline_limit: float | None = None
    worse: Literal["higher", "lower"] = "higher"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one rule said about one frame (or one region of it), with the sentence people read."""

    rule_id: str
    outcome: Outcome
    severity: Severity
    action: Decision
    measure: str
    text: str
    value: float | None = None
    limit: float | None = None
    region_kind: RegionKind | None = None
    region_n: int | None = None
    frame_index: int = 0
    start_s: float = 0.0
    end_s: float = 0.0
    bands: Bands | None = None  # what the sheet draws `value` against

    @property
    def out_of_limits(self) -> bool:
        """Whether the limit of `pass` was not kept: the rule failed, or is borderline."""
        return self.outcome in ("fail", "borderline")

    @property
    def beyond(self) -> float:
        """How far the value lies from the limit, in the unit of the measure; a missing one counts as 0."""
        return abs((self.value or 0.0) - (self.limit or 0.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameJudgement:
    """Decision on one frame. `excluded` names the exclude rule that kept it out of ranking, or None."""

    frame_index: int
    decision: Decision
    outcome_worst: Outcome
    findings: tuple[Finding, ...] = ()
    excluded: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """A crop of `ratio` ("16:9", "2:3", "1:1") that cuts no main face; box in frame pixels, whole numbers."""

    ratio: str
    box_xyxy: tuple[int, int, int, int]
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRank:
    """Place of one frame. `unranked` is the one reason a frame has no rank (a key of the funnel)."""

    frame_index: int
    score: float
    score_parts: Mapping[str, float]
    rank: int | None = None
    rank_by_crop: Mapping[str, int] = field(default_factory=dict)
    crops: tuple[Crop, ...] = ()
    duplicate_of: int | None = None
    unranked: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """Receipt of a repair that a rule asked for. Never a change of what was measured: the source stays.

    `before` and `after` are the worst value of the rule's measure among its regions; `refused_why` says why
    the original was kept. `patch_uri` is the repaired picture, relative to the report's folder.
    """

    status: Literal["accepted", "refused"]
    pixels_changed: int
    share: float  # of the frame's pixels
    before: float
    after: float
    refused_why: str | None = None
    patch_uri: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRow:
    """One row of the report: what was measured, decided, ranked, and whether it could be repaired."""

    score: FrameScore
    judgement: FrameJudgement
    rank: FrameRank
    repair: Repair | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineUse:
    """Which engine ran, and how."""

    name: str
    version: str
    sha256: str
    backend: str
    device: str
    precision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """How the numbers came about; a second run with the same provenance gives the same numbers."""

    plugin_version: str
    engines: tuple[EngineUse, ...]
    decoder: str
    sample: str
    rules_id: str
    rules_sha256: str
    measure_key: str
    judge_key: str
    sandbox: str = ""  # what held the decoder; empty where nothing was decoded


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How much of the asset was looked at; incomplete never passes silently."""

    duration_s: float | None
    decoded_s: float
    frames_decoded: int
    frames_scored: int
    frames_lost: int
    rules_skipped: Mapping[str, str] = field(default_factory=dict)
    frames_corrupt: int = 0  # decoded, but damaged: marked or concealed by the decoder


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AssetReport:
    """The outcome for one asset; what the Parquet report holds. `error` is set when verdict is `error`.

    `measures` are those of installed packages: what their numbers mean, wherever the report is read.
    """

    asset: Asset
    verdict: Verdict
    media: MediaInfo | None
    frames: tuple[FrameRow, ...]
    findings: tuple[Finding, ...]  # joined over time, as they speak for the asset
    funnel: Mapping[str, int]
    coverage: Coverage
    provenance: Provenance
    rules_text: str = ""
    measures: tuple[Measure, ...] = ()
    incomplete: bool = False
    degraded: bool = False
    repaired: bool = False
    error: str | None = None
    error_class: str | None = None
    exit_code: int = 0
    stage_seconds: Mapping[str, float] = field(default_factory=dict)
