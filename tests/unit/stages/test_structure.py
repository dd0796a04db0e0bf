"""Evidence of blur needs an edge: slopes and plain tones have none, smears of any kind have."""

import cv2
import numpy as np
import pytest

from qc_plugin.signals.structure import structured
from qc_plugin.stages.segment import BlurSegmenter
from qc_plugin.types import Frame


def _grey(luma):
    return np.repeat(np.clip(np.rint(luma), 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def _open(rgb, stride=4):
    height, width = rgb.shape[:2]
    return structured(rgb, (-(-height // stride), -(-width // stride)), stride).mean()


def _slope(height=360, width=640):
    return np.linspace(0, 255, width)[None].repeat(height, axis=0)


def _glow(height=360, width=640):
    y, x = np.mgrid[:height, :width]
    return 255 * np.exp(-((x - width / 2) ** 2 + (y - height / 2) ** 2) / 2 / 90**2)


def _blocks(seed=1, height=360, width=640):
    small = np.random.default_rng(seed).integers(60, 200, (height // 40, width // 40)).astype(np.float32)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)


@pytest.mark.parametrize("luma", [np.full((16, 16), 90.0), _slope(), _slope(10, 256), _glow(), _slope().T])
def test_f19_a_slope_has_no_edge(luma):
    assert _open(_grey(luma)) == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 2000), (1500, 3), (5, 7), (16, 16)])
def test_row_63_pictures_of_any_size_are_looked_at(size):
    assert _open(_grey(np.full(size, 90.0))) == 0


@pytest.mark.parametrize("length", [3, 12, 24])
def test_an_edge_is_one_however_far_it_is_smeared(length):
    kernel = np.full((1, length), 1 / length, np.float32)
    smeared = cv2.filter2D(_blocks(), -1, kernel)
    assert _open(_grey(smeared)) > 0.9
    soft = cv2.GaussianBlur(_blocks(), (0, 0), length / 4)
    assert _open(_grey(soft)) > 0.9


def test_fine_texture_that_cells_average_out_is_seen():
    y, x = np.mgrid[:64, :64]
    assert _open(_grey(100 + 60 * ((x + y) % 2))) == 1


@pytest.fixture(scope="module")
def segmenter():
    return BlurSegmenter.load(threads=1)


@pytest.mark.parametrize("luma", [np.full((1, 1), 50.0), np.full((16, 16), 50.0), _slope(10, 256), _glow()])
def test_f19_there_is_no_evidence_of_blur_without_an_edge(segmenter, luma):
    (blur,) = segmenter.segment([Frame(0, 0.0, 0.0, _grey(luma))])
    assert blur.evidence.max() == 0


def test_evidence_at_edges_is_as_the_engine_says(segmenter):
    (blur,) = segmenter.segment([Frame(0, 0.0, 0.0, _grey(_blocks()))])
    assert blur.evidence.mean() > 0.3
