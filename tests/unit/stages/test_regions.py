"""RegionDetector: the geometry with a session that sees red squares, and the shipped engine on odd input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qc_plugin.errors import EngineError, QcError
from qc_plugin.inference.pictures import plan_scale
from qc_plugin.inference.spec import load_spec
from qc_plugin.stages.regions import RegionDetector
from qc_plugin.types import Frame


class RedSession:
    """Stands in for a network: one hand where the input is red, its sides measured on the input itself."""

    backend = device = precision = "test"

    def __init__(self):
        self.spec = load_spec("regions")
        self.batches = []

    def run(self, inputs):
        image = inputs["image"]
        self.batches.append(image.shape)
        n, _, height, width = image.shape
        outputs = {}
        for stride in (8, 16, 32):
            outputs[f"heat_{stride}"] = np.zeros((n, 3, height // stride, width // stride), np.float32)
            outputs[f"box_{stride}"] = np.ones((n, 12, height // stride, width // stride), np.float32)
        for i in range(n):
            red = (image[i, 0] > 0.9) & (image[i, 1] < 0.1)
            if red.any():
                rows, columns = np.flatnonzero(red.any(1)), np.flatnonzero(red.any(0))
                y, x = rows.mean() // 8, columns.mean() // 8
                cx, cy = x * 8 + 4, y * 8 + 4
                sides = (cx - columns[0], cy - rows[0], columns[-1] + 1 - cx, rows[-1] + 1 - cy)
                outputs["heat_8"][i, 1, int(y), int(x)] = 0.9
                outputs["box_8"][i, 4:8, int(y), int(x)] = sides
        return outputs

    def close(self):
        pass


def with_square(height, width, box):
    rgb = np.zeros((height, width, 3), np.uint8)
    x0, y0, x1, y1 = box
    rgb[y0:y1, x0:x1] = (255, 0, 0)
    return rgb


@pytest.mark.parametrize(
    ("height", "width", "box"),
    [
        (540, 960, (100, 200, 180, 300)),  # at analysis size
        (2160, 3840, (3200, 1800, 3840, 2160)),  # reduced, at the border
        (301, 407, (0, 0, 90, 120)),  # enlarged twice, odd sides
        (90, 70, (20, 30, 60, 70)),  # enlarged twice, far below the least input
    ],
)
def test_boxes_come_back_in_frame_pixels(height, width, box):
    detector = RegionDetector(RedSession())
    (region,) = detector(with_square(height, width, box))
    assert region.kind == "hand"
    assert region.confidence == pytest.approx(0.9)
    per_pixel = max(width / plan_scale(height, width, detector.session.spec, long_side=960).analysis[1], 1)
    np.testing.assert_allclose(region.box_xyxy, box, atol=1.5 * per_pixel)


def test_long_side_chooses_the_scale_of_analysis():
    session = RedSession()
    RegionDetector(session, long_side=1920)(with_square(2160, 3840, (0, 0, 99, 99)))
    RegionDetector(session)(with_square(2160, 3840, (0, 0, 99, 99)))
    assert [shape[2:] for shape in session.batches] == [(1088, 1920), (544, 960)]
    with pytest.raises(ValueError, match="long_side"):
        RegionDetector(session, long_side=5000)


def test_frames_keep_order_and_index_and_run_as_batches_of_one_size():
    session = RedSession()
    detector = RegionDetector(session)
    wide, tall = with_square(64, 96, (8, 8, 40, 40)), with_square(96, 64, (8, 8, 40, 40))
    frames = [Frame(10 * i, float(i), 1.0, rgb) for i, rgb in enumerate([wide] * 5 + [tall])]
    found = detector.detect(frames)
    assert [regions[0].frame_index for regions in found] == [0, 10, 20, 30, 40, 50]
    assert [shape[0] for shape in session.batches] == [4, 1, 1]
    assert [len(r) for r in detector.detect([Frame(0, 0.0, 0.0, rgb) for rgb in (wide, tall * 0)])] == [1, 0]


def test_an_engine_that_computes_rubbish_stops_the_run():
    session = RedSession()
    honest = session.run
    session.run = lambda inputs: {k: v * np.nan for k, v in honest(inputs).items()}
    with pytest.raises(QcError, match="heat_8"):
        RegionDetector(session)(np.zeros((64, 64, 3), np.uint8))


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((64, 64), np.uint8),
        np.zeros((64, 64, 4), np.uint8),
        np.zeros((64, 64, 3), np.float32),
        np.zeros((0, 64, 3), np.uint8),
        np.zeros((1, 64, 64, 3), np.uint8),
        [[1, 2, 3]],
        None,
    ],
)
def test_wrong_input_is_refused_with_a_sentence(bad):
    with pytest.raises(ValueError, match=r"expected a filled \(H, W, 3\) uint8 array"):
        RegionDetector(RedSession())(bad)


def test_an_engine_for_another_task_is_refused():
    with pytest.raises(EngineError, match="cannot find regions"):
        RegionDetector.load("motion_blur")


@pytest.fixture(scope="module")
def shipped():
    detector = RegionDetector.load(precision="f32", threads=1)
    yield detector
    detector.close()


def test_the_shipped_engine_keeps_its_contract(shipped):
    spec = shipped.session.spec
    spec.verify()
    assert spec.classes == ("face", "hand", "person")
    assert spec.model.bytes <= 12_000_000


@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (700, 1), (33, 65), (540, 960)])
def test_black_pictures_of_any_shape_hold_no_region(shipped, shape):
    assert shipped(np.zeros((*shape, 3), np.uint8)) == []


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 2**32 - 1))
def test_boxes_stay_in_the_frame_whatever_the_picture(shipped, height, width, seed):
    rng = np.random.default_rng(seed)
    # blobs rather than white noise, and thresholds at nothing: many boxes, also at the border
    rgb = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
    rgb = np.ascontiguousarray(rgb.repeat(8, 0).repeat(8, 1)[:height, :width])
    shipped.session.spec.params["thresholds"].update(face=0.005, hand=0.005, person=0.005)
    for region in shipped(rgb):
        x0, y0, x1, y1 = region.box_xyxy
        assert 0 <= x0 < x1 <= width
        assert 0 <= y0 < y1 <= height
        assert 0 <= region.confidence <= 1


def test_the_same_picture_gives_the_same_regions_alone_and_in_a_batch(shipped):
    rng = np.random.default_rng(1)
    pictures = [rng.integers(0, 256, (80, 120, 3), np.uint8) for _ in range(3)]
    alone = [shipped(rgb) for rgb in pictures]
    together = shipped.detect([Frame(n, 0.0, 0.0, rgb) for n, rgb in enumerate(pictures)])
    for one, many in zip(alone, together, strict=True):
        assert [r.kind for r in one] == [r.kind for r in many]
        for a, b in zip(one, many, strict=True):
            np.testing.assert_allclose(a.box_xyxy, b.box_xyxy, atol=0.01)
