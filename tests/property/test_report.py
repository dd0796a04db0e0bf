"""Any report that the types allow comes back as it was written, and the same report gives the same bytes."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from qc_plugin.report.read import read_report
from qc_plugin.report.write import write_report
from qc_plugin.rle import decode
from qc_plugin.types import (
    DECISION_ORDER,
    OUTCOME_ORDER,
    Asset,
    AssetReport,
    Bands,
    Coverage,
    Crop,
    EngineUse,
    Finding,
    FrameJudgement,
    FrameRank,
    FrameRow,
    FrameScore,
    MediaInfo,
    Provenance,
    Region,
    RegionScore,
    Rle,
)
from qc_plugin.types.measures import FRAME_COLUMNS, REGION_COLUMNS
from tests.support.fake_report import encode_rle
from tests.support.plain import plain

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
words = st.text("abcdef_", min_size=1, max_size=8)
number = st.floats(width=32, allow_nan=False, allow_infinity=False)
exact = st.floats(allow_nan=False, allow_infinity=False)
count = st.integers(0, 2**31 - 1)
kinds = st.sampled_from(["face", "hand", "person"])
texts = st.dictionaries(words, text, max_size=3)


def measures(known):
    return st.dictionaries(st.sampled_from([measure.name for measure in known]) | words, number, max_size=6)


@st.composite
def boxes(draw):
    (x0, x1), (y0, y1) = (sorted(draw(st.tuples(number, number))) for _ in range(2))
    return x0, y0, x1, y1


def findings(index):
    bands = st.builds(Bands, exact, st.none() | exact, st.sampled_from(["higher", "lower"]))
    return st.builds(
        Finding,
        rule_id=text,
        outcome=st.sampled_from(OUTCOME_ORDER),
        severity=st.sampled_from(["info", "warning", "error"]),
        action=st.sampled_from(DECISION_ORDER),
        measure=words,
        text=text,
        value=st.none() | exact,
        limit=st.none() | exact,
        region_kind=st.none() | kinds,
        region_n=st.none() | st.integers(1, 100),
        frame_index=index,
        start_s=exact,
        end_s=exact,
        bands=st.none() | bands,
    )


def regions(index):
    region = st.builds(
        Region,
        frame_index=st.just(index),
        kind=kinds,
        box_xyxy=boxes(),
        confidence=number,
        track_id=st.none() | count,
        predicted=st.booleans(),
    )
    measured = measures(REGION_COLUMNS)
    return st.builds(RegionScore, n=st.integers(1, 99), region=region, measures=measured, skipped=texts)


@st.composite
def frames(draw):
    index = draw(st.integers(0, 2**40))
    score = st.builds(
        FrameScore,
        frame_index=st.just(index),
        pts=st.none() | st.integers(-(2**63), 2**63 - 1),
        time_base=st.tuples(count, count),
        pts_s=st.floats(-(2.0**63), 2.0**63),  # a pts is 64 bits wide, and no tick is longer than a second
        duration_s=exact,
        shot=count,
        phash=st.integers(0, 2**64 - 1),
        measures=measures(FRAME_COLUMNS),
        skipped=texts,
        regions=st.lists(regions(index), max_size=3).map(tuple),
        blur=st.none() | st.builds(Rle, count, count, text),
        active_xyxy=st.none() | st.tuples(count, count, count, count),
    )
    judgement = st.builds(
        FrameJudgement,
        frame_index=st.just(index),
        decision=st.sampled_from(DECISION_ORDER),
        outcome_worst=st.sampled_from(OUTCOME_ORDER),
        findings=st.lists(findings(st.just(index)), max_size=3).map(tuple),
        excluded=st.none() | text,
    )
    crop = st.builds(Crop, ratio=words, box_xyxy=st.tuples(count, count, count, count), score=number)
    rank = st.builds(
        FrameRank,
        frame_index=st.just(index),
        score=number,
        score_parts=st.dictionaries(words, number, max_size=4),
        rank=st.none() | count,
        rank_by_crop=st.dictionaries(st.sampled_from(["16:9", "2:3", "1:1", "4:5", "21:9"]), count),
        crops=st.lists(crop, max_size=2).map(tuple),
        duplicate_of=st.none() | st.integers(0, 2**40),
        unranked=st.none() | text,
    )
    return FrameRow(score=draw(score), judgement=draw(judgement), rank=draw(rank))


media = st.builds(
    MediaInfo,
    container=text,
    codec=text,
    pixel_format=text,
    width_px=count,
    height_px=count,
    duration_s=st.none() | exact,
    average_fps=st.none() | st.floats(0, 1000),
    sample_aspect=st.tuples(count, count),
    notes=st.lists(text, max_size=2).map(tuple),
    tone_mapped_from=st.none() | st.sampled_from(["pq", "hlg"]),
)
engine = st.builds(EngineUse, name=text, version=text, sha256=text, backend=text, device=text, precision=text)
provenance = st.builds(
    Provenance,
    plugin_version=text,
    engines=st.lists(engine, max_size=2).map(tuple),
    decoder=text,
    sample=text,
    rules_id=text,
    rules_sha256=text,
    measure_key=text,
    judge_key=text,
)
reports = st.builds(
    AssetReport,
    asset=st.builds(Asset, id=text, path=text, kind=st.sampled_from(["video", "artwork"])),
    verdict=st.sampled_from(["accept", "review", "reject", "error"]),
    media=st.none() | media,
    frames=st.lists(frames(), max_size=4).map(tuple),
    findings=st.lists(findings(count), max_size=3).map(tuple),
    funnel=st.dictionaries(text, count, max_size=4),
    coverage=st.builds(
        Coverage,
        duration_s=st.none() | exact,
        decoded_s=exact,
        frames_decoded=count,
        frames_scored=count,
        frames_lost=count,
        rules_skipped=texts,
    ),
    provenance=provenance,
    rules_text=text,
    incomplete=st.booleans(),
    degraded=st.booleans(),
    repaired=st.booleans(),
    error=st.none() | text,
    error_class=st.none() | words,
    exit_code=st.integers(0, 143),
)


@given(reports)
@settings(max_examples=20, deadline=None)
def test_a_report_round_trips_and_is_deterministic(report):
    with tempfile.TemporaryDirectory() as folder:
        path = write_report(report, Path(folder) / "a")
        assert plain(read_report(path)) == plain(report)
        assert write_report(report, Path(folder) / "b").read_bytes() == path.read_bytes()


@given(st.integers(1, 40), st.integers(1, 40), st.data())
@settings(max_examples=30, deadline=None)
def test_masks_come_out_of_their_run_lengths(height, width, data):
    bits = data.draw(st.binary(min_size=height * width, max_size=height * width))
    mask = (np.frombuffer(bits, np.uint8) > 127).reshape(height, width)
    assert np.array_equal(decode(encode_rle(mask)), mask)
