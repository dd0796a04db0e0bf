"""The best frames in order, different from each other, and a funnel that counts all the others by reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from qc_plugin.scoring.crops import crop_frame
from qc_plugin.scoring.rank_parts import NO_FACE, take_parts, weigh
from qc_plugin.scoring.selection import main_faces
from qc_plugin.types import (
    DECISION_ORDER,
    Decision,
    FrameJudgement,
    FrameRank,
    FrameRow,
    FrameScore,
    RegionScore,
)
from qc_plugin.types.summary import EXCLUDED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from qc_plugin.rulesets.ruleset import RuleSet
    from qc_plugin.scoring.rule_models import Diversity, Rank

REASONS = ("rejected", "review", "duplicate", "per_shot", "min_gap", "outranked", "corrupt")
_BAD_MOMENT = ("transition", "combed")  # left out, and yet pictures of the film: dark or blank ones are none
_LONG_TAKE_S = 300.0  # what lies so far apart in one shot is as good as in two: a lecture in one take
_REFUSED = {"reject": "rejected", "review": "review"}  # accept is ranked, and after it deblur


@dataclass(frozen=True, slots=True)
class Ranking:
    """Every frame's place, in the order the frames came, and how many have none for which reason.

    Ranked frames and the counts of the funnel add up to all frames. Keys of the funnel: `excluded:<id>` and
    `REASONS`; a reason that met no frame is absent.
    """

    ranks: tuple[FrameRank, ...]
    funnel: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Candidate:
    score: FrameScore
    decision: Decision
    refused: str | None
    faces: tuple[RegionScore, ...]
    rank: FrameRank

    @property
    def order(self) -> tuple[int, float, float, int]:
        """Best first: milder decision, higher score, then earlier."""
        place = DECISION_ORDER.index(self.decision)
        return place, -self.rank.score, self.score.pts_s, self.score.frame_index


def rank_frames(
    scores: Sequence[FrameScore],
    judgements: Sequence[FrameJudgement],
    rules: RuleSet,
    size_px: tuple[int, int],
    similarity: Callable[[int, int], float],
) -> Ranking:
    """Rank the frames of one asset of `size_px` (width, height); `similarity` of two hashes is 0..1."""
    faces = [tuple(main_faces(score, rules.regions)) for score in scores]
    missing = NO_FACE if any(faces) else {}
    candidates = [
        _candidate(score, judgement, rules, each, missing)
        for score, judgement, each in zip(scores, judgements, faces, strict=True)
    ]
    chosen, ranks = _choose(candidates, rules.rank, similarity)
    for place, candidate in enumerate(chosen, start=1):
        crops = crop_frame(candidate.score, candidate.faces, rules.rank, size_px, missing)
        ranks[candidate.score.frame_index] = replace(candidate.rank, rank=place, crops=crops)
    _rank_crops(ranks, rules.rank.crops)
    in_order = tuple(ranks[score.frame_index] for score in scores)
    return Ranking(in_order, _funnel(in_order))


def best_of_the_rest(rows: Sequence[FrameRow], rules: RuleSet, size_px: tuple[int, int]) -> FrameRow | None:
    """Where no frame has a rank: the one that comes nearest to it, with rank 1 and its crops; else None.

    A frame that is judged comes before one that was left out, the milder decision before the better score.
    """
    if not rows or any(row.rank.rank is not None for row in rows):
        return None
    best = min(rows, key=_nearness)
    missing = NO_FACE if any(main_faces(row.score, rules.regions) for row in rows) else {}
    crops = crop_frame(best.score, tuple(main_faces(best.score, rules.regions)), rules.rank, size_px, missing)
    ranks = {best.score.frame_index: replace(best.rank, rank=1, crops=crops)}
    _rank_crops(ranks, rules.rank.crops)
    return replace(best, rank=ranks[best.score.frame_index])


def _nearness(row: FrameRow) -> tuple[bool, bool, int, float, float]:
    left_out = row.judgement.excluded
    place = DECISION_ORDER.index(row.judgement.decision)
    return (
        left_out is not None,
        left_out not in (None, *_BAD_MOMENT),
        place,
        -row.rank.score,
        row.score.pts_s,
    )


def _candidate(
    score: FrameScore,
    judgement: FrameJudgement,
    rules: RuleSet,
    faces: tuple[RegionScore, ...],
    missing: Mapping[str, float],
) -> _Candidate:
    parts = take_parts(score, faces, rules.rank.score, missing)
    # Whatever the rules say: a picture that the decoder made up is evidence of nothing.
    refused = "corrupt" if score.measures.get("corrupt") else _REFUSED.get(judgement.decision)
    if judgement.excluded is not None:
        refused = f"{EXCLUDED}{judgement.excluded}"
    value = weigh(parts, rules.rank.score)
    rank = FrameRank(frame_index=score.frame_index, score=value, score_parts=parts)
    return _Candidate(score, judgement.decision, refused, faces, rank)


def _choose(
    candidates: Sequence[_Candidate], rank: Rank, similarity: Callable[[int, int], float]
) -> tuple[list[_Candidate], dict[int, FrameRank]]:
    """The frames that get a rank, best first, and for each other frame the one reason why not.

    Greedy from the best down: what is too near to a frame already chosen goes, so the better one always
    stays, and a chain of small differences cannot swallow its far end.
    """
    chosen: list[_Candidate] = []
    ranks: dict[int, FrameRank] = {}
    for candidate in sorted(candidates, key=lambda each: each.order):
        twin = None if candidate.refused else _twin(candidate, chosen, rank.diversity, similarity)
        reason = candidate.refused or _too_near(candidate, chosen, rank.diversity)
        if twin is not None:
            reason = "duplicate"
        if reason is None and len(chosen) >= rank.best:
            reason = "outranked"
        index = candidate.score.frame_index
        ranks[index] = replace(candidate.rank, unranked=reason, duplicate_of=twin)
        if reason is None:
            chosen.append(candidate)
    return chosen, ranks


def _twin(
    candidate: _Candidate,
    chosen: Sequence[_Candidate],
    diversity: Diversity,
    similarity: Callable[[int, int], float],
) -> int | None:
    """Index of the best chosen frame that looks the same, or None."""
    if diversity.max_similarity is None:
        return None
    for other in chosen:
        if similarity(candidate.score.phash, other.score.phash) > diversity.max_similarity:
            return other.score.frame_index
    return None


def _too_near(candidate: _Candidate, chosen: Sequence[_Candidate], diversity: Diversity) -> str | None:
    same_shot = [other for other in chosen if other.score.shot == candidate.score.shot]
    near = [other for other in same_shot if _distance_s(other, candidate) < _LONG_TAKE_S]
    if diversity.per_shot is not None and len(near) >= diversity.per_shot:
        return "per_shot"
    gap_s = diversity.min_gap_s or 0.0
    # Across a cut a moment is as good as a minute: the picture is another one.
    if any(_distance_s(other, candidate) < gap_s for other in same_shot):
        return "min_gap"
    return None


def _distance_s(one: _Candidate, other: _Candidate) -> float:
    return abs(one.score.pts_s - other.score.pts_s)


def _rank_crops(ranks: dict[int, FrameRank], ratios: Sequence[str]) -> None:
    """Give each ranked frame its place among the crops of a ratio; a frame without that crop has none."""
    for ratio in ratios:
        scored = [
            (-crop.score, rank.rank or 0, index)
            for index, rank in ranks.items()
            for crop in rank.crops
            if crop.ratio == ratio
        ]
        for place, (_, _, index) in enumerate(sorted(scored), start=1):
            ranks[index] = replace(ranks[index], rank_by_crop={**ranks[index].rank_by_crop, ratio: place})


def _funnel(ranks: Sequence[FrameRank]) -> dict[str, int]:
    """Frames without a rank by reason, in the order in which reasons are asked."""
    counts = Counter(rank.unranked for rank in ranks if rank.unranked is not None)
    excluded = sorted(reason for reason in counts if reason not in REASONS)
    return {reason: counts[reason] for reason in (*excluded, *REASONS) if reason in counts}
