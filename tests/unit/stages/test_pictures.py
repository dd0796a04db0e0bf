"""Pictures for people."""

import numpy as np
import pytest

from qc_plugin.signals.reduction import shrink
from qc_plugin.stages.pictures import cut, decode_jpeg, encode_jpeg, heat_map
from qc_plugin.stages.spool import PictureSpool
from qc_plugin.types import BlurMap


def gradient(height=90, width=160):
    y, x = np.mgrid[:height, :width]
    return np.dstack([x * 255 // width, y * 255 // height, (x + y) * 255 // (width + height)]).astype(
        np.uint8
    )


def test_spool_gives_back_what_it_was_given():
    rgb, other = gradient(), gradient()[::-1].copy()
    with PictureSpool() as spool:
        spool.add(7, rgb)
        spool.add(9, other)
        assert np.abs(spool.rgb(7).astype(int) - rgb).mean() < 2
        assert np.abs(spool.rgb(9).astype(int) - other).mean() < 2
        with pytest.raises(KeyError):
            spool.jpeg(8)


def test_spool_keeps_what_motion_says_of_a_frame():
    odds = np.random.default_rng(0).random((45, 80), dtype=np.float32)
    with PictureSpool() as spool:
        spool.add(7, gradient(), odds)
        spool.add(9, gradient())
        assert (spool.odds(7) == odds).all()
        assert spool.odds(9) is None
        assert spool.rgb(9).shape == (90, 160, 3)


def test_jpeg_round_trip_keeps_channel_order():
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 255
    assert decode_jpeg(encode_jpeg(red))[8, 8].argmax() == 0


@pytest.mark.parametrize(
    "box", [(-5, -5, 10, 10), (150, 80, 400, 400), (20, 20, 20, 20), (1000, 1000, 1001, 1001)]
)
def test_cut_is_never_empty_and_stays_inside(box):
    piece = cut(gradient(), box, margin=0.2)
    assert piece.shape[0] >= 1
    assert piece.shape[1] >= 1


def test_shrink_never_enlarges():
    assert shrink(gradient(), 1000).shape == (90, 160, 3)
    assert shrink(gradient(), 80).shape == (45, 80, 3)


def test_heat_map_colours_only_blur_that_could_be_seen():
    probability, evidence = np.zeros((9, 16), np.float32), np.ones((9, 16), np.float32)
    probability[:, :8] = 0.95
    evidence[:, :4] = 0.0
    blur = BlurMap(0, probability, np.full((9, 16), 0.5, np.float32), evidence, (10, 10), 0.5, 0.2)
    picture = heat_map(gradient(), blur).astype(int)
    colourful = np.ptp(picture, axis=2)
    assert colourful[:, 50:70].mean() > 20
    assert colourful[:, :20].mean() < 5
    assert colourful[:, 110:].mean() < 5
