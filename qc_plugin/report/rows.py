"""A `FrameRow` as one row of plain values, and back. `schema.py` says what each column holds."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from qc_plugin.report.schema import RANK_COLUMNS
from qc_plugin.report.text import plain_text, without_secrets
from qc_plugin.report.timecode import timecodes
from qc_plugin.types import (
    AssetReport,
    Bands,
    Crop,
    Finding,
    FrameJudgement,
    FrameRank,
    FrameRow,
    FrameScore,
    MediaInfo,
    Region,
    RegionScore,
    Repair,
    Rle,
)
from qc_plugin.types.measures import FRAME_COLUMNS, REGION_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from qc_plugin.types.measures import Measure

Row = dict[str, Any]


def rows_of(report: AssetReport) -> list[Row]:
    """Every frame of the report as one row."""
    asset_id, uri = plain_text(report.asset.id), without_secrets(report.asset.path)
    return [{"asset_id": asset_id, "asset_uri": uri, **_row(frame, report.media)} for frame in report.frames]


def frame_of(row: Row) -> FrameRow:
    """The frame a row was made from; columns that an older file lacks count as empty."""
    return FrameRow(
        score=_score_of(row), judgement=_judgement_of(row), rank=_rank_of(row), repair=_repair_of(row)
    )


def _row(frame: FrameRow, media: MediaInfo | None) -> Row:
    score, judgement, rank = frame.score, frame.judgement, frame.rank
    own, source = timecodes(media, score.pts_s)
    return {
        "frame_index": score.frame_index,
        "pts": score.pts,
        "time_base_num": score.time_base[0],
        "time_base_den": score.time_base[1],
        "pts_s": score.pts_s,
        "duration_s": score.duration_s,
        "timecode": own,
        "source_timecode": source,
        "shot": score.shot,
        "active_area": None if score.active_xyxy is None else _box_columns(score.active_xyxy),
        "decision": judgement.decision,
        "outcome_worst": judgement.outcome_worst,
        "excluded": _optional(judgement.excluded),
        **_rank_columns(rank),
        **_measure_columns(score.measures, FRAME_COLUMNS),
        "skipped": _texts(score.skipped),
        "regions": [_region_struct(region) for region in score.regions],
        "findings": [finding_struct(finding) for finding in judgement.findings],
        "blur_rle": {"h": score.blur.height, "w": score.blur.width, "counts": score.blur.counts}
        if score.blur
        else None,
        "repair": _repair_struct(frame.repair),
        "phash": score.phash,
    }


def _rank_columns(rank: FrameRank) -> Row:
    named = {column: rank.rank_by_crop.get(ratio) for ratio, column in RANK_COLUMNS.items()}
    return named | {
        "rank": rank.rank,
        "rank_other": sorted((k, v) for k, v in rank.rank_by_crop.items() if k not in RANK_COLUMNS),
        "score": rank.score,
        "score_parts": sorted(rank.score_parts.items()),
        "duplicate_of": rank.duplicate_of,
        "unranked": _optional(rank.unranked),
        "crops": [
            {"ratio": crop.ratio, **_box_columns(crop.box_xyxy), "score": crop.score} for crop in rank.crops
        ],
    }


def _measure_columns(measures: Mapping[str, float], known: Iterable[Measure]) -> Row:
    """Measures with a column of their own, and the rest in a map, so that none is ever lost."""
    columns: Row = {measure.name: measures.get(measure.name) for measure in known}
    columns["measures_other"] = sorted((k, v) for k, v in measures.items() if k not in columns)
    return columns


def _region_struct(scored: RegionScore) -> Row:
    region = scored.region
    return {
        "n": scored.n,
        "kind": region.kind,
        "track": region.track_id,
        "confidence": region.confidence,
        "predicted": region.predicted,
        **_box_columns(region.box_xyxy),
        **_measure_columns(scored.measures, REGION_COLUMNS),
        "skipped": _texts(scored.skipped),
    }


def finding_struct(finding: Finding) -> Row:
    """A finding as stored, in a row as well as in the file metadata."""
    bands = finding.bands
    return {
        "rule": plain_text(finding.rule_id),
        "outcome": finding.outcome,
        "severity": finding.severity,
        "action": finding.action,
        "measure": plain_text(finding.measure),
        "text": plain_text(finding.text),
        "value": finding.value,
        "limit": finding.limit,
        "region_kind": finding.region_kind,
        "region_n": finding.region_n,
        "frame_index": finding.frame_index,
        "start_s": finding.start_s,
        "end_s": finding.end_s,
        "bands": {
            "pass_limit": bands.pass_limit,
            "borderline_limit": bands.borderline_limit,
            "worse": bands.worse,
        }
        if bands
        else None,
    }


def finding_of(struct: Row) -> Finding:
    """The finding behind a stored struct; keys of later versions are ignored."""
    bands = struct.get("bands")
    return Finding(
        rule_id=struct["rule"],
        outcome=struct["outcome"],
        severity=struct["severity"],
        action=struct["action"],
        measure=struct["measure"],
        text=struct["text"],
        value=struct["value"],
        limit=struct["limit"],
        region_kind=struct["region_kind"],
        region_n=struct["region_n"],
        frame_index=struct["frame_index"],
        start_s=struct["start_s"],
        end_s=struct["end_s"],
        bands=Bands(bands["pass_limit"], bands["borderline_limit"], bands["worse"]) if bands else None,
    )


def _score_of(row: Row) -> FrameScore:
    rle = row.get("blur_rle")
    return FrameScore(
        frame_index=row["frame_index"],
        pts=row["pts"],
        time_base=(row["time_base_num"], row["time_base_den"]),
        pts_s=row["pts_s"],
        duration_s=row["duration_s"],
        shot=row["shot"],
        phash=row["phash"],
        measures=_measures_of(row, FRAME_COLUMNS),
        skipped=dict(row.get("skipped") or ()),
        regions=tuple(_region_of(region, row["frame_index"]) for region in row["regions"]),
        blur=Rle(rle["h"], rle["w"], rle["counts"]) if rle else None,
        active_xyxy=_active_of(row),
    )


def _active_of(row: Row) -> tuple[int, int, int, int] | None:
    struct = row.get("active_area")
    return None if struct is None else (struct["x0"], struct["y0"], struct["x1"], struct["y1"])


def _judgement_of(row: Row) -> FrameJudgement:
    return FrameJudgement(
        frame_index=row["frame_index"],
        decision=row["decision"],
        outcome_worst=row["outcome_worst"],
        findings=tuple(finding_of(finding) for finding in row["findings"]),
        excluded=row["excluded"],
    )


def _rank_of(row: Row) -> FrameRank:
    named = {ratio: row[column] for ratio, column in RANK_COLUMNS.items() if row[column] is not None}
    return FrameRank(
        frame_index=row["frame_index"],
        score=row["score"],
        score_parts=dict(row["score_parts"]),
        rank=row["rank"],
        rank_by_crop=named | dict(row.get("rank_other") or ()),
        crops=tuple(
            Crop(ratio=c["ratio"], box_xyxy=(c["x0"], c["y0"], c["x1"], c["y1"]), score=c["score"])
            for c in row["crops"]
        ),
        duplicate_of=row["duplicate_of"],
        unranked=row.get("unranked"),
    )


def _region_of(struct: Row, frame_index: int) -> RegionScore:
    region = Region(
        frame_index=frame_index,
        kind=struct["kind"],
        box_xyxy=(struct["x0"], struct["y0"], struct["x1"], struct["y1"]),
        confidence=struct["confidence"],
        track_id=struct["track"],
        predicted=bool(struct.get("predicted")),
    )
    measures = _measures_of(struct, REGION_COLUMNS)
    skipped = dict(struct.get("skipped") or ())
    return RegionScore(n=struct["n"], region=region, measures=measures, skipped=skipped)


def _measures_of(row: Row, known: Iterable[Measure]) -> dict[str, float]:
    named = {m.name: row[m.name] for m in known if row.get(m.name) is not None}
    return named | dict(row.get("measures_other") or ())


def _repair_struct(repair: Repair | None) -> Row | None:
    if repair is None:
        return None
    return {
        "status": repair.status,
        "pixels_changed": repair.pixels_changed,
        "share": repair.share,
        "before": repair.before,
        "after": repair.after,
        "refused_why": _optional(repair.refused_why),
        "patch_uri": _optional(repair.patch_uri),
    }


def _repair_of(row: Row) -> Repair | None:
    struct = row.get("repair")
    if struct is None:
        return None
    return Repair(**{field.name: struct.get(field.name) for field in dataclasses.fields(Repair)})


def _box_columns(box: Iterable[float]) -> Row:
    return dict(zip(("x0", "y0", "x1", "y1"), box, strict=True))


def _texts(texts: Mapping[str, str]) -> list[tuple[str, str]]:
    """Sorted, because equal reports must give equal bytes."""
    return sorted((plain_text(key), plain_text(value)) for key, value in texts.items())


def _optional(text: str | None) -> str | None:
    return None if text is None else plain_text(text)
