import numpy as np
import pytest

from qc_plugin.rle import decode
from qc_plugin.scoring.measures import (
    MeasureLimits,
    apply_limits,
    region_blur,
    score_frame,
)
from qc_plugin.types import Frame, Region
from qc_plugin.types.measures import MEASURES, UNITS
from tests.unit.scoring.made_up import blur_map, frame, region

LIMITS = MeasureLimits(evidence_needed=0.1, sharp_face_blur=0.2, sharp_face_sharpness=0.3)


FRAME = Frame(7, 7.0, 0.04, np.zeros((20, 40, 3), np.uint8), 700, (1, 100))


def test_the_table_is_whole():
    for name, measure in MEASURES.items():
        assert measure.name == name
        assert measure.unit in UNITS
        assert "{value}" in measure.says
        assert measure.high is None or measure.high > measure.low
        assert measure.text
        assert measure.title


def test_coverage_weighs_by_evidence():
    probability = np.array([[0.9, 0.1], [0.9, 0.1]])
    evidence = np.array([[0.2, 1.0], [0.4, 0.4]])
    measures, skipped = region_blur(blur_map(probability, evidence=evidence), (0, 0, 2, 2))
    assert measures["blur_coverage"] == pytest.approx(0.6 / 2.0)
    assert measures["evidence"] == pytest.approx(0.5)
    assert not skipped


def test_blur_below_the_threshold_still_has_a_probability():
    evidence = np.array([[0.2, 1.0], [0.4, 0.4]])
    faint = blur_map(np.array([[0.4, 0.3], [0.4, 0.3]]), evidence=evidence)
    measures, _ = region_blur(faint, (0, 0, 2, 2))
    assert measures["blur_coverage"] == 0
    assert measures["blur_probability"] == pytest.approx((0.6 * 0.4 + 1.4 * 0.3) / 2.0)


def test_severity_is_that_of_blurred_pixels_weighted_by_evidence():
    probability = np.array([[0.9] * 4 + [0.1] * 4])
    intensity = np.array([[0.2, 0.2, 0.2, 0.8] + [1.0] * 4])
    evidence = np.array([[1, 1, 1, 0.5] + [1.0] * 4])
    measures, _ = region_blur(blur_map(probability, intensity=intensity, evidence=evidence), (0, 0, 8, 1))
    assert measures["blur_severity_mean"] == pytest.approx((0.6 + 0.4) / 3.5)
    assert measures["blur_severity_p95"] == pytest.approx(0.8)


def test_nothing_blurred_has_no_strength():
    measures, _ = region_blur(blur_map(np.zeros((4, 4))), (0, 0, 4, 4))
    assert [measures[f"blur_{name}"] for name in ("coverage", "severity_mean", "severity_p95")] == [0, 0, 0]


def test_a_probability_at_the_threshold_is_not_blurred():
    assert region_blur(blur_map(np.full((2, 2), 0.5)), (0, 0, 2, 2))[0]["blur_coverage"] == 0
    assert region_blur(blur_map(np.full((2, 2), 0.5), threshold=0.4), (0, 0, 2, 2))[0]["blur_coverage"] == 1


def test_too_flat_to_tell_has_no_value_but_a_reason():
    flat = blur_map(np.ones((4, 4)), evidence=0.04)
    measures, skipped = region_blur(flat, (0, 0, 4, 4), evidence_needed=0.1)
    assert "blur_coverage" not in measures
    assert skipped["blur_coverage"] == "too flat to tell (evidence 0.04, needs 0.10)"
    assert set(skipped) == {"blur_coverage", "blur_severity_mean", "blur_severity_p95", "blur_probability"}


def test_without_a_limit_the_engine_says_how_much_evidence_is_needed():
    assert region_blur(blur_map(np.ones((4, 4)), evidence=0.2, evidence_floor=0.3), (0, 0, 4, 4))[1]
    assert not region_blur(blur_map(np.ones((4, 4)), evidence=0.2, evidence_floor=0.1), (0, 0, 4, 4))[1]


def test_the_box_is_in_frame_pixels():
    probability = np.zeros((4, 8))
    probability[:, 4:] = 1
    blurred = blur_map(probability, scale_xy=(10.0, 5.0))
    assert region_blur(blurred, (40, 0, 80, 20))[0]["blur_coverage"] == 1
    assert region_blur(blurred, (0, 0, 40, 20))[0]["blur_coverage"] == 0
    assert region_blur(blurred, (20, 0, 60, 20))[0]["blur_coverage"] == pytest.approx(0.5)


def test_a_box_smaller_than_a_map_pixel_takes_the_one_it_lies_in():
    probability = np.zeros((4, 4))
    probability[3, 3] = 1
    assert region_blur(blur_map(probability, scale_xy=(10, 10)), (38, 38, 40, 40))[0]["blur_coverage"] == 1


def test_a_box_outside_the_frame_is_skipped():
    measures, skipped = region_blur(blur_map(np.ones((4, 4))), (50, 0, 60, 4))
    assert not measures
    assert skipped["blur_coverage"] == "the region lies outside the frame"


def test_a_face_is_its_ellipse_not_the_corners_of_its_box():
    probability = np.zeros((20, 20))
    probability[:3, :3] = probability[-3:, -3:] = 1
    blurred = blur_map(probability)
    assert region_blur(blurred, (0, 0, 20, 20))[0]["blur_coverage"] == pytest.approx(18 / 400)
    assert region_blur(blurred, (0, 0, 20, 20), ellipse=True)[0]["blur_coverage"] == 0


def _scored(limits=LIMITS, technical=None):
    probability = np.zeros((20, 40))
    probability[:, 20:] = 0.9
    regions = [
        Region(7, "face", (22, 2, 30, 12), 0.8),  # blurred
        Region(7, "face", (0, 0, 16, 18), 0.9),  # larger, sharp
        Region(7, "hand", (30, 0, 40, 4), 0.5),
    ]
    score = score_frame(
        FRAME,
        technical=technical or {"luma_p90": 0.5, "luma_mean": 0.4},
        phash=99,
        regions=regions,
        sharpness_frame=0.6,
        measured_regions=[{"sharpness": s, "clipped_fraction": s / 10} for s in (0.5, 0.4, 0.2)],
        blur_map=blur_map(probability),
    )
    return apply_limits(score, limits)


def test_a_frame_has_its_measures():
    score = _scored()
    assert (score.frame_index, score.pts, score.time_base, score.phash) == (7, 700, (1, 100), 99)
    assert (score.pts_s, score.duration_s, score.shot) == (7.0, 0.04, 0)
    assert score.measures["blur_coverage"] == pytest.approx(0.5)
    assert score.measures["luma_p90"] == 0.5
    assert score.measures["sharpness"] == 0.6
    assert set(score.measures) <= set(MEASURES)


def test_regions_are_numbered_per_kind_largest_first():
    regions = _scored().regions
    assert [(r.region.kind, r.n) for r in regions] == [("face", 1), ("face", 2), ("hand", 1)]
    assert regions[0].measures["height"] == pytest.approx(0.9)
    assert regions[0].measures["area_fraction"] == pytest.approx(16 * 18 / 800)
    assert [r.measures["blur_coverage"] for r in regions] == [0, 1, 1]
    assert [r.measures["sharpness"] for r in regions] == [0.4, 0.5, 0.2]
    assert [r.measures["clipped_fraction"] for r in regions] == [0.04, 0.05, 0.02]


def test_sharp_faces_are_counted_by_both_limits():
    assert _scored().measures["sharp_face_count"] == 1
    lax = MeasureLimits(sharp_face_blur=1.0, sharp_face_sharpness=0.3)
    assert _scored(lax).measures["sharp_face_count"] == 2
    picky = MeasureLimits(sharp_face_blur=1.0, sharp_face_sharpness=0.45)
    assert _scored(picky).measures["sharp_face_count"] == 1


def test_without_limits_there_is_no_count_of_sharp_faces():
    score = _scored(MeasureLimits())
    assert "sharp_face_count" not in score.measures
    assert "sharp_face_blur" in score.skipped["sharp_face_count"]


def test_the_mask_is_what_is_blurred_where_it_could_be_seen():
    evidence = np.ones((20, 40))
    evidence[:10] = 0.05
    score = score_frame(
        FRAME,
        technical={},
        phash=99,
        regions=[],
        sharpness_frame=0.5,
        measured_regions=[],
        blur_map=blur_map(np.ones((20, 40)), evidence=evidence),
    )
    mask = decode(score.blur)
    assert not mask[:10].any()
    assert mask[10:].all()


def test_what_has_no_meaning_is_skipped_with_a_reason():
    score = _scored(technical={"luma_p90": float("nan")})
    for name in ("shot_edge_s", "similarity_prev", "luma_p90"):
        assert name not in score.measures
        assert score.skipped[name]


def test_no_engine_is_a_reason_too():
    score = score_frame(
        FRAME,
        technical={},
        phash=99,
        regions=[Region(7, "face", (0, 0, 9, 9), 0.9)],
        sharpness_frame=0.5,
        measured_regions=[{"sharpness": 0.5}],
        blur_map=None,
    )
    assert (
        score.skipped["blur_coverage"]
        == score.regions[0].skipped["blur_coverage"]
        == "no motion-blur engine ran"
    )
    assert score.blur is None


def test_measures_of_a_region_too_few_are_a_bug_of_the_caller():
    with pytest.raises(ValueError, match="expected 1, got 0"):
        score_frame(
            FRAME,
            technical={},
            phash=99,
            regions=[Region(7, "face", (0, 0, 9, 9), 0.9)],
            sharpness_frame=0.5,
            measured_regions=[],
            blur_map=None,
        )


def test_limits_can_be_applied_later():
    now, later = _scored(LIMITS), apply_limits(_scored(MeasureLimits()), LIMITS)
    assert later.measures == now.measures
    assert later.skipped == now.skipped
    assert later.regions == now.regions


def test_more_evidence_may_be_asked_for_later():
    score = frame(
        regions=[region(evidence=0.2, blur_coverage=0.9, sharpness=0.5)], evidence=0.2, blur_coverage=0.5
    )
    asked = apply_limits(score, MeasureLimits(evidence_needed=0.3))
    assert "blur_coverage" not in asked.measures
    assert asked.regions[0].skipped["blur_coverage"] == "too flat to tell (evidence 0.20, needs 0.30)"
    assert asked.regions[0].measures["sharpness"] == 0.5
    kept = apply_limits(score, MeasureLimits(evidence_needed=0.2))
    assert kept.regions[0].measures["blur_coverage"] == 0.9
