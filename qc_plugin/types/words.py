"""The words of verdicts and kinds; each `_ORDER` goes from mild to bad."""

from __future__ import annotations

from typing import Literal

AssetKind = Literal["video", "artwork"]
RegionKind = Literal["face", "hand", "person"]
Outcome = Literal["pass", "borderline", "fail", "skip"]
Severity = Literal["info", "warning", "error"]
Decision = Literal["accept", "deblur", "review", "reject"]
Verdict = Literal["accept", "review", "reject", "error"]
Box = tuple[float, float, float, float]

DECISION_ORDER: tuple[Decision, ...] = ("accept", "deblur", "review", "reject")
OUTCOME_ORDER: tuple[Outcome, ...] = ("skip", "pass", "borderline", "fail")
SEVERITY_ORDER: tuple[Severity, ...] = ("info", "warning", "error")
