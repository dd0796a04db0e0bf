"""Every sample is seen between its neighbours, and none is lost when decoding fails."""

import numpy as np
import pytest

from qc_plugin.errors import DecoderDied
from qc_plugin.isolation.looks import DecodedLook
from qc_plugin.pipeline import sample
from qc_plugin.signals.optical_flow import BLURRING
from qc_plugin.types import Frame, Preview

LUMA = np.random.default_rng(0).integers(0, 255, (45, 80), dtype=np.uint8).repeat(4, 0).repeat(4, 1)


def sampled(looks):
    return sample.sampled(looks, "video")


def look(index, *, with_frame, fps=25.0):
    luma = np.roll(LUMA, 4 * index, axis=1)
    preview = Preview(index, index / fps, luma, np.full((2, 9, 16), 128, np.uint8), luma[:, :8].copy())
    frame = Frame(index, index / fps, 1 / fps, np.zeros((36, 64, 3), np.uint8)) if with_frame else None
    return DecodedLook(preview, frame)


def test_wanted_ones_come_in_order_with_their_motion():
    found = list(sampled(look(i, with_frame=i % 3 == 0) for i in range(7)))
    assert [one.frame.index for one in found] == [0, 3, 6]
    assert np.median(found[1].odds) == pytest.approx((4 / 320) / BLURRING, rel=0.3)  # a black frame is soft


def test_first_and_last_have_one_neighbour_and_a_picture_none():
    first, _, last = sampled(look(i, with_frame=True) for i in range(3))
    assert first.odds is not None
    assert last.odds is not None
    (alone,) = sampled([look(0, with_frame=True)])
    assert alone.odds is None
    assert list(sampled([])) == []


def test_frames_seconds_apart_say_nothing_of_each_other():
    assert all(s.odds is None for s in sampled(look(i, with_frame=True, fps=0.5) for i in range(3)))


def test_what_was_decoded_before_a_failure_comes_before_it():
    def dying():
        yield look(0, with_frame=True)
        yield look(1, with_frame=True)
        raise DecoderDied("the decoder died")

    given = sampled(dying())
    assert [next(given).frame.index, next(given).frame.index] == [0, 1]
    with pytest.raises(DecoderDied):
        next(given)
