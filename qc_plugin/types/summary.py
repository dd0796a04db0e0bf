"""An asset in few words: which findings speak against it, which of them first, and its frames counted."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from qc_plugin.types.words import DECISION_ORDER, OUTCOME_ORDER, SEVERITY_ORDER

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qc_plugin.types.verdicts import Finding, FrameJudgement

# In front of the `rule_id` of what is said of the asset and not of a frame of it; no rule may be called so.
OF_ASSET = "asset:"
EXCLUDED = "excluded:"  # in front of the id of an exclude rule, wherever frames are counted


def speaks_against(finding: Finding) -> bool:
    """Whether `finding` is told: it failed, is borderline, or leads to something although it passed."""
    return finding.out_of_limits or finding.action != "accept"


def is_of_asset(finding: Finding) -> bool:
    """Whether `finding` speaks of the asset as a whole, and so of no frame."""
    return finding.rule_id.startswith(OF_ASSET)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """What speaks against an asset, the worst first: the first one is the one sentence on it."""
    return sorted(filter(speaks_against, findings), key=badness, reverse=True)


def badness(finding: Finding) -> tuple[int, int, int, bool, float, float]:
    """The higher, the worse: what it leads to, severity, outcome, how far beyond the limit, then earlier.

    A frame that shows the fault tells more than a count of such frames.
    """
    return (
        DECISION_ORDER.index(finding.action),
        SEVERITY_ORDER.index(finding.severity),
        OUTCOME_ORDER.index(finding.outcome),
        not is_of_asset(finding),
        finding.beyond,
        -finding.start_s,
    )


def count_frames(judgements: Iterable[FrameJudgement]) -> dict[str, int]:
    """Judged frames by decision, and those that were left out by `excluded:<rule>`; they add up to all."""
    counts: dict[str, int] = dict.fromkeys(DECISION_ORDER, 0)
    left_out: Counter[str] = Counter()
    for judgement in judgements:
        if judgement.excluded is None:
            counts[judgement.decision] += 1
        else:
            left_out[f"{EXCLUDED}{judgement.excluded}"] += 1
    return counts | dict(sorted(left_out.items()))
