"""Several engines behind one door, impossible hands, and the second look at large pictures."""

from __future__ import annotations

import numpy as np
import pytest

from qc_plugin.errors import EngineError
from qc_plugin.inference.spec import load_spec
from qc_plugin.stages import region_tiles
from qc_plugin.stages.detectors import Detectors, plausible
from qc_plugin.stages.regions import RegionDetector
from qc_plugin.types import Frame, Region


def region(kind, box, confidence=0.5):
    return Region(0, kind, box, confidence)


class Fixed:
    """Stands in for a detector: always the same regions."""

    def __init__(self, name, kinds, *regions):
        self.kinds, self.regions = kinds, list(regions)
        self.session = type("Session", (), {"spec": type("Spec", (), {"name": name})})()

    def threshold(self, kind):
        return 0.4

    def detect(self, frames):
        return [self.regions for _ in frames]


FRAME = Frame(0, 0.0, 1.0, np.zeros((100, 200, 3), np.uint8))


def test_each_kind_comes_from_the_first_engine_that_knows_it():
    palms = Fixed("palms", ("hand",), region("hand", (0, 0, 9, 9), 0.7))
    own = Fixed(
        "own",
        ("face", "hand", "person"),
        region("hand", (50, 50, 59, 59), 0.9),
        region("face", (20, 0, 40, 20), 0.8),
        region("person", (100, 0, 150, 99), 0.6),
    )
    (found,) = Detectors([palms, own]).detect([FRAME])
    assert [(r.kind, r.confidence) for r in found] == [("face", 0.8), ("hand", 0.7), ("person", 0.6)]


def test_an_engine_that_could_never_find_anything_is_told():
    faces = Fixed("faces", ("face",))
    with pytest.raises(EngineError, match="'faces' finds nothing that those before it do not find"):
        Detectors([Fixed("own", ("face", "hand", "person")), faces])


def test_a_hand_as_large_as_the_person_it_lies_in_cannot_be():
    person = region("person", (0, 0, 40, 100))
    small, large = region("hand", (10, 50, 25, 65)), region("hand", (0, 5, 40, 95))
    assert plausible([person, small, large]) == [person, small]


def test_hands_are_left_alone_where_nobody_can_say():
    close_up = region("hand", (0, 0, 180, 90))
    assert plausible([close_up]) == [close_up]
    beside = region("person", (150, 0, 200, 60))
    assert plausible([beside, close_up]) == [beside, close_up]
    larger = region("person", (0, 0, 200, 100))
    within_two = region("hand", (152, 0, 198, 55))
    assert plausible([beside, larger, within_two]) == [beside, larger, within_two]


def test_a_hand_apart_from_everybody_must_be_surer_where_there_are_people():
    stray, sure = region("hand", (150, 0, 170, 20), 0.5), region("hand", (150, 50, 170, 70), 0.6)
    held = region("hand", (90, 0, 110, 20), 0.41)  # half of it in the person
    person = region("person", (0, 0, 100, 100), 0.45)
    own = Fixed("own", ("face", "hand", "person"), sure, stray, person, held)
    assert Detectors([own]).detect([FRAME]) == [[sure, person, held]]
    alone = Fixed("own", ("face", "hand", "person"), sure, stray)
    assert Detectors([alone]).detect([FRAME]) == [[sure, stray]]


def test_faces_are_no_hands():
    portrait = [region("person", (0, 0, 100, 100)), region("face", (0, 0, 95, 99))]
    assert plausible(portrait) == portrait


@pytest.mark.parametrize(
    ("height", "width"), [(2160, 3840), (4320, 7680), (3001, 1777), (1, 2880), (2880, 3)]
)
def test_windows_cover_the_frame_and_overlap(height, width):
    places = region_tiles.windows(height, width)
    seen = np.zeros((height, width), np.uint8)
    for x0, y0, x1, y1 in places:
        assert 0 <= x0 < x1 <= width
        assert 0 <= y0 < y1 <= height
        seen[y0:y1, x0:x1] += 1
    assert seen.min() >= 1
    assert len({(x1 - x0, y1 - y0) for x0, y0, x1, y1 in places}) == 1
    if min(height, width) > 100:
        x0, _, x1, _ = places[0]
        assert x1 - places[1][0] == pytest.approx(width * region_tiles.OVERLAP, abs=2)


def finds(*rows):
    return np.array([[*row, 0.5, 0] for row in rows], np.float64).reshape(-1, 6)


def test_of_a_window_only_small_and_whole_finds_count():
    window = (0, 0, 2040, 1147)
    rows = finds(
        (100, 100, 160, 180),  # small and whole
        (0, 200, 50, 260),  # at the frame's own border: whole as far as can be seen
        (1990, 300, 2040, 360),  # cut off by the window: its neighbour sees it whole
        (100, 100, 500, 180),  # large: the first look has seen it
    )
    assert region_tiles.inside(rows, window, 2160, 3840).tolist() == rows[:2].tolist()


def test_what_was_known_already_is_not_new():
    known = finds((100, 100, 160, 180))
    more = finds((104, 100, 164, 182), (120, 120, 140, 150), (900, 900, 940, 950), (902, 903, 941, 950))
    assert region_tiles.new(known, more).tolist() == more[2:3].tolist()
    other_kind = more[:1].copy()
    other_kind[:, 5] = 1
    assert len(region_tiles.new(known, other_kind)) == 1
    assert region_tiles.new(known, more[:0]).shape == (0, 6)


class RedSession:
    """Stands in for a network: a face of 40 x 40 px around every red pixel of its input."""

    backend = device = precision = "test"

    def __init__(self):
        self.spec = load_spec("regions")
        self.sizes = []

    def run(self, inputs):
        image = inputs["image"]
        n, _, height, width = image.shape
        self.sizes.append((height, width))
        outputs = {}
        for stride in (8, 16, 32):
            outputs[f"heat_{stride}"] = np.zeros((n, 3, height // stride, width // stride), np.float32)
            outputs[f"box_{stride}"] = np.full((n, 12, height // stride, width // stride), 20, np.float32)
        for i, row, column in zip(*np.nonzero((image[:, 0] > 0.9) & (image[:, 1] < 0.1)), strict=True):
            outputs["heat_8"][i, 0, row // 8, column // 8] = 0.9
        return outputs

    def close(self):
        pass


def test_a_face_too_small_for_the_first_look_is_found_by_the_second_and_only_in_large_pictures():
    rgb = np.zeros((2160, 3840, 3), np.uint8)
    # 2 x 2 px of 4K are one at twice the scale, and a quarter of one, too pale a red, in the first look
    for y, x in ((100, 100), (1080, 1920), (2000, 3700)):
        rgb[y : y + 2, x : x + 2] = (255, 0, 0)
    session = RedSession()
    assert RegionDetector(session)(rgb) == []
    tiled = RegionDetector(session, tiled=True)
    places = sorted(r.box_xyxy for r in tiled(rgb))
    assert len(places) == 3  # one in the overlap of all four windows is one
    for (x0, y0, x1, y1), (x, y) in zip(places, ((100, 100), (1920, 1080), (3700, 2000)), strict=True):
        assert x0 < x < x1
        assert y0 < y < y1
    # 4K at 960 px; windows of 17/32 of it at twice that
    assert session.sizes[1:] == [(544, 960)] + [(576, 1024)] * 4
    tiled(rgb[:1080, :1920])
    assert session.sizes[6:] == [(544, 960)]


def test_the_scale_of_an_engine_made_for_less_is_its_own():
    detector = RegionDetector(RedSession())
    assert detector.at(640, tiled=False).long_side == 640
    assert detector.at(None, tiled=True).long_side == 960
    assert detector.at(2000, tiled=False).long_side == 960
