"""Every detector, the project's own and those of others: the same promises about boxes, whatever the network.

The faces are drawn and the hands are in the sample clip, so that no photograph is needed. YuNet's file lies
in the shared data only; mediapipe's come by the import command, which needs a package index.
"""

from __future__ import annotations

import json

import av
import cv2
import numpy as np
import pytest

from qc_plugin.stages.regions import RegionDetector
from qc_plugin.types import Frame
from tests.support.detectors import SHARED, imported
from tests.support.drawn_face import drawn_face
from tests.support.media import SAMPLE

DETECTORS = [
    "regions",
    pytest.param("yunet", marks=pytest.mark.real),
    "mediapipe_face",
    "mediapipe_face_far",
    "mediapipe_palm",
]
HANDS = ((330, 250, 444, 424), (1010, 270, 1136, 470))  # in the sample's frame 200, drawn by hand


def overlap(a, b):
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    inner = max(0, width) * max(0, height)
    return inner / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inner)


def boxes(regions, *, least=0.0):
    return [r.box_xyxy for r in regions if r.kind != "person" and r.confidence >= least]


@pytest.fixture(scope="module", params=DETECTORS)
def detector(request, tmp_path_factory):
    name = request.param
    engine = name if name == "regions" else imported(name, tmp_path_factory)
    opened = RegionDetector.load(engine, precision="f32", threads=1)
    thresholds = opened.session.spec.params["thresholds"]
    thresholds.update({kind: 0.6 * least for kind, least in thresholds.items()})  # for a drawing is no face
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def frame_with_hands():
    with av.open(str(SAMPLE)) as source:
        for index, frame in enumerate(source.decode(video=0)):
            if index == 200:
                return np.ascontiguousarray(frame.to_ndarray(format="rgb24"))
    pytest.fail("the sample is shorter than it was")


@pytest.fixture(scope="module")
def picture(detector, frame_with_hands):
    """A picture with what the detector finds, and where it is."""
    if "face" in detector.kinds:
        rgb, box = drawn_face(middle=(250, 230), size=70)
        return rgb, [box]
    return frame_with_hands, list(HANDS)


@pytest.fixture(scope="module")
def found(detector, picture):
    return detector(picture[0])


def test_what_is_in_a_known_picture_is_found_where_it_is(found, picture):
    for true in picture[1]:
        assert max(overlap(true, box) for box in boxes(found)) >= 0.45


def test_the_own_engine_finds_hands_too(detector, frame_with_hands):
    if "hand" not in detector.kinds:
        pytest.skip("finds no hands")
    hands = [r.box_xyxy for r in detector(frame_with_hands) if r.kind == "hand"]
    for true in HANDS:
        assert max(overlap(true, box) for box in hands) >= 0.45


def test_boxes_lie_in_the_picture_best_first_and_do_not_pile_up(detector, found, picture):
    height, width = picture[0].shape[:2]
    confidences = [r.confidence for r in found]
    assert confidences == sorted(confidences, reverse=True)
    assert all(0 < confidence <= 1 for confidence in confidences)
    for n, region in enumerate(found):
        x0, y0, x1, y1 = region.box_xyxy
        assert 0 <= x0 < x1 <= width
        assert 0 <= y0 < y1 <= height
        assert region.kind in detector.kinds
        assert all(
            overlap(region.box_xyxy, other.box_xyxy) <= 0.6
            for other in found[:n]
            if other.kind == region.kind
        )


def test_the_same_picture_gives_the_same_boxes(detector, found, picture):
    assert detector(picture[0]) == found
    twice = detector.detect([Frame(n, 0.0, 0.0, picture[0]) for n in range(2)])
    for regions in twice:
        np.testing.assert_allclose(boxes(regions), boxes(found), atol=0.01)


def test_a_larger_picture_gives_larger_boxes(detector, found, picture):
    rgb = cv2.resize(picture[0], None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    larger = boxes(detector(rgb))
    for true in picture[1]:
        before = max(boxes(found), key=lambda box: overlap(true, box))
        assert max(overlap(np.array(before) * 2, box) for box in larger) >= 0.85


def test_a_mirrored_picture_gives_mirrored_boxes(detector, found, picture):
    width = picture[0].shape[1]
    mirrored = [
        (width - x1, y0, width - x0, y1)
        for x0, y0, x1, y1 in boxes(detector(np.ascontiguousarray(picture[0][:, ::-1])))
    ]
    for true in picture[1]:
        before = max(boxes(found), key=lambda box: overlap(true, box))
        assert max(overlap(before, box) for box in mirrored) >= 0.6


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (3, 901), (37, 53), (481, 641)])
def test_odd_sizes_and_black_pictures_hold_nothing(detector, shape):
    assert detector(np.zeros((*shape, 3), np.uint8)) == []


def test_a_crop_of_odd_size_still_shows_what_is_in_it(detector, picture):
    x0, y0, x1, y1 = (round(v) for v in picture[1][0])
    rgb = picture[0][max(0, y0 - 201) : y1 + 152, max(0, x0 - 203) : x1 + 138]
    moved = np.array(picture[1][0]) - [max(0, x0 - 203), max(0, y0 - 201)] * 2
    assert max((overlap(moved, box) for box in boxes(detector(rgb))), default=0) >= 0.4


def test_noise_of_any_size_breaks_nothing(detector):
    rng = np.random.default_rng(3)
    for height, width in ((64, 96), (301, 77), (17, 640)):
        rgb = rng.integers(0, 256, (height, width, 3), np.uint8)
        for x0, y0, x1, y1 in (r.box_xyxy for r in detector(rgb)):
            assert 0 <= x0 < x1 <= width
            assert 0 <= y0 < y1 <= height


@pytest.mark.real
def test_large_faces_of_photographs_are_found(detector):
    """Faces of a fifth of the picture's height and more: the least that mediapipe's networks are made for."""
    if "face" not in detector.kinds:
        pytest.skip("finds no faces")
    if not (SHARED / "regions").is_dir():
        pytest.skip("no labelled photographs: set QC_SHARED_DATA")
    hits = total = 0
    for file, faces in photographs(8):
        rgb = cv2.cvtColor(cv2.imread(str(SHARED / file)), cv2.COLOR_BGR2RGB)
        found = [r.box_xyxy for r in detector(rgb) if r.kind == "face"]
        total += len(faces)
        hits += sum(max((overlap(face, box) for box in found), default=0) >= 0.4 for face in faces)
    assert total >= 8
    assert hits >= 0.7 * total


def photographs(most):
    """(file, boxes of large faces) of pictures whose faces are all large, validation split."""
    labels = json.loads((SHARED / "regions/labels.json").read_text())
    chosen = set(json.loads((SHARED / "regions/splits.json").read_text())["val"])
    faces = {}
    for annotation in labels["annotations"]:
        if annotation["category_id"] == 1 and not annotation["ignore"]:
            x, y, width, height = annotation["bbox"]
            faces.setdefault(annotation["image_id"], []).append((x, y, x + width, y + height))
    large = []
    for image in labels["images"]:
        own = faces.get(image["id"], [])
        tall = 0.2 * max(image["height"], image["width"])
        if image["file_name"] in chosen and own and all(box[3] - box[1] >= tall for box in own):
            large.append((image["file_name"], own))
    return large[:most]
