from dataclasses import replace

import numpy as np
import pytest

from qc_plugin.rle import encode
from qc_plugin.scoring.crops import crop_frame
from qc_plugin.scoring.rank_parts import NO_FACE
from qc_plugin.scoring.rule_models import Rank
from tests.unit.scoring.made_up import SIZE_PX, frame, region

RATIOS = ("16:9", "2:3", "1:1")
RANK = Rank.model_validate({"score": {"frame_sharpness": 1, "face_sharpness": 1}, "crops": RATIOS})


def _crops(score, faces=None, size_px=SIZE_PX, rank=RANK):
    main = [r for r in score.regions if r.region.kind == "face"] if faces is None else faces
    return {crop.ratio: crop for crop in crop_frame(score, main, rank, size_px)}


@pytest.mark.parametrize("size_px", [(1920, 1080), (1280, 720), (1079, 1919), (640, 641), (50, 50), (7, 3)])
def test_the_largest_of_its_ratio_in_whole_pixels_inside_the_frame(size_px):
    crops = _crops(frame(sharpness=0.5), size_px=size_px)
    assert tuple(crops) == RATIOS
    for ratio, crop in crops.items():
        across, down = map(int, ratio.split(":"))
        x0, y0, x1, y1 = crop.box_xyxy
        assert 0 <= x0 < x1 <= size_px[0]
        assert 0 <= y0 < y1 <= size_px[1]
        assert (x1 - x0) == pytest.approx((y1 - y0) * across / down, abs=1)
        assert x1 - x0 >= size_px[0] - across or y1 - y0 >= size_px[1] - down


def test_nothing_special_is_cut_from_the_middle():
    assert _crops(frame(sharpness=0.5))["1:1"].box_xyxy == (420, 0, 1500, 1080)


@pytest.mark.parametrize("x", [0, 100, 700, 1200, 1620])
def test_a_face_is_inside_with_its_margin(x):
    box = (float(x), 200.0, x + 300.0, 600.0)
    for crop in _crops(frame(sharpness=0.5, regions=[region(box=box, sharpness=0.5)])).values():
        x0, y0, x1, y1 = crop.box_xyxy
        assert x0 <= max(0, box[0] - 30)
        assert x1 >= min(1920, box[2] + 30)
        assert y0 <= box[1] - 40
        assert y1 >= box[3] + 40


def test_a_face_too_wide_for_an_upright_crop_has_none():
    crops = _crops(frame(sharpness=0.5, regions=[region(box=(300.0, 100.0, 1300.0, 1000.0))]))
    assert set(crops) == {"16:9"}


def test_a_second_face_is_inside_or_outside_but_never_cut():
    # In the middle of what it shows, the crop would cut the second face: it stands aside.
    faces = [region(n=1, box=(500.0, 300.0, 1000.0, 900.0)), region(n=2, box=(1060.0, 300.0, 1500.0, 890.0))]
    crop = _crops(frame(sharpness=0.5, regions=faces))["2:3"]
    x0, y0, x1, y1 = crop.box_xyxy
    assert (x1 - x0, y1 - y0) == (720, 1080)
    assert x0 <= 450
    assert 1050 <= x1 <= 1060


def test_faces_too_close_to_be_parted_have_no_crop():
    faces = [region(n=1, box=(500.0, 300.0, 1000.0, 900.0)), region(n=2, box=(1010.0, 300.0, 1500.0, 890.0))]
    assert set(_crops(frame(sharpness=0.5, regions=faces))) == {"16:9"}


def test_a_crop_shrinks_rather_than_cut():
    near = [region(n=1, box=(0.0, 0.0, 400.0, 500.0)), region(n=2, box=(850.0, 0.0, 1250.0, 480.0))]
    crop = _crops(frame(sharpness=0.5, regions=near))["1:1"]
    x0, y0, x1, y1 = crop.box_xyxy
    assert (x0, x1 <= 850) == (0, True)
    assert 540 <= x1 - x0 < 1080
    whole = _crops(frame(sharpness=0.5, regions=near[:1]))["1:1"]
    assert crop.score < whole.score
    assert y1 - y0 == x1 - x0


def test_people_draw_the_crop():
    left = _crops(frame(sharpness=0.5, regions=[region("person", box=(100.0, 100.0, 500.0, 1000.0))]))
    right = _crops(frame(sharpness=0.5, regions=[region("person", box=(1400.0, 100.0, 1800.0, 1000.0))]))
    assert left["2:3"].box_xyxy[0] <= 100
    assert right["2:3"].box_xyxy[2] >= 1800


def test_the_sharper_of_two_people_draws_it():
    people = [
        region("person", n=1, box=(0.0, 100.0, 500.0, 1000.0), sharpness=0.9, blur_coverage=0.0),
        region("person", n=2, box=(1420.0, 100.0, 1920.0, 1000.0), sharpness=0.9, blur_coverage=1.0),
    ]
    assert _crops(frame(sharpness=0.5, regions=people))["2:3"].box_xyxy[0] < 200
    people[0].measures["blur_coverage"], people[1].measures["blur_coverage"] = 1.0, 0.0
    assert _crops(frame(sharpness=0.5, regions=people))["2:3"].box_xyxy[2] > 1720


def test_blur_repels_the_crop_and_lowers_its_score():
    mask = np.zeros((54, 96), bool)
    mask[:, :60] = True
    score = frame(sharpness=0.8, blur_coverage=0.6, blur=encode(mask))
    crop = _crops(score)["2:3"]
    assert crop.box_xyxy[0] > 1080
    everywhere = frame(sharpness=0.8, blur_coverage=0.6, blur=encode(np.ones((54, 96), bool)))
    assert _crops(everywhere)["2:3"].score < crop.score


def test_main_faces_only_must_be_spared():
    background = region(n=2, box=(1000.0, 0.0, 1040.0, 1080.0))
    main = region(n=1, box=(600.0, 200.0, 900.0, 700.0))
    score = frame(sharpness=0.5, regions=[main, background])
    assert "2:3" in _crops(score, faces=[main])


def test_a_frame_without_a_face_scores_as_in_the_rank():
    crops = _crops(frame(sharpness=0.8))
    lacking = {c.ratio: c for c in crop_frame(frame(sharpness=0.8), [], RANK, SIZE_PX, NO_FACE)}
    assert lacking["16:9"].score == pytest.approx(crops["16:9"].score / 2)


def test_scores_are_shares():
    faces = [region(n=i, box=(i * 400.0, 200.0, i * 400.0 + 200, 600.0), sharpness=1.0) for i in (1, 2, 3)]
    for crop in _crops(frame(sharpness=1.0, regions=faces)).values():
        assert 0 < crop.score <= 1


@pytest.mark.parametrize(
    "faces", [[], [region(box=(900.0, 100.0, 1000.0, 260.0))]], ids=["none", "over a bar"]
)
def test_crops_lie_in_the_picture_inside_bars(faces):
    crops = _crops(replace(frame(sharpness=0.5, regions=faces), active_xyxy=(0, 140, 1920, 940)))
    assert tuple(crops) == RATIOS
    for ratio, crop in crops.items():
        x0, y0, x1, y1 = crop.box_xyxy
        assert 0 <= x0 < x1 <= 1920
        assert 140 <= y0 < y1 <= 940
        across, down = map(int, ratio.split(":"))
        assert (x1 - x0) == pytest.approx((y1 - y0) * across / down, abs=1)
        assert y1 - y0 == 800
        assert not faces or x0 <= 890
        assert not faces or x1 >= 1010
