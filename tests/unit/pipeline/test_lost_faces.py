"""A face that motion blur hides from the shipped engine is judged all the same, by its blur."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from qc_plugin.config import RunConfig
from qc_plugin.pipeline import Engines
from qc_plugin.pipeline.measure import Measured, score_samples
from qc_plugin.pipeline.sample import Sample
from qc_plugin.signals.bars import find_bars
from qc_plugin.stages.spool import PictureSpool
from qc_plugin.types import Frame
from tests.support.drawn_face import drawn_face

TECHNICAL = {"luma_mean": 0.5}


@pytest.fixture(scope="module")
def engines():
    return Engines.load(precision="f32", threads=1).at_scale_of("video")


def smeared(rgb, length_px):
    kernel = np.zeros((length_px, length_px), np.float32)
    kernel[length_px // 2] = 1 / length_px
    return cv2.filter2D(rgb, -1, kernel)


def test_a_smeared_face_keeps_its_box_and_fails_for_blur(engines):
    sharp, true = drawn_face(360, 640, middle=(320, 150), size=60)
    grain = np.random.default_rng(1).integers(
        0, 60, sharp.shape, np.uint8
    )  # so that blur can be seen everywhere
    sharp = cv2.addWeighted(sharp, 1.0, cv2.GaussianBlur(grain, (0, 0), 1.5), 0.8, -20)
    pictures = [sharp, smeared(sharp, 61), smeared(sharp, 61)]
    samples = [
        Sample(Frame(12 * n, 0.5 * n, 0.04, rgb), TECHNICAL, 7, rgb[::2, ::2, 1], find_bars(rgb[::2, ::2, 1]))
        for n, rgb in enumerate(pictures)
    ]
    with PictureSpool() as spool:
        scores = score_samples(samples, engines, Measured(spool), RunConfig())
    faces = [[row for row in score.regions if row.region.kind == "face"] for score in scores]
    assert [len(rows) for rows in faces] == [1, 1, 0]
    (found,), (carried,) = faces[0], faces[1]
    assert (found.region.predicted, carried.region.predicted) == (False, True)
    np.testing.assert_allclose(carried.region.box_xyxy, found.region.box_xyxy, atol=1)
    assert carried.measures["blur_coverage"] > 0.5 > found.measures["blur_coverage"]
    assert abs(true[0] - found.region.box_xyxy[0]) < 40
