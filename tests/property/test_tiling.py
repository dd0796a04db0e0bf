"""Pad then crop, and tile then stitch, give back what went in, for any size."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from qc_plugin.inference.pictures import pad
from qc_plugin.stages.tiling import crop, cut, spans, stitch, tiles

sides = st.integers(1, 70)


@settings(deadline=None)
@given(
    height=sides,
    width=sides,
    below=st.integers(0, 90),
    right=st.integers(0, 90),
    channels=st.sampled_from([0, 1, 3]),
)
def test_crop_undoes_pad(height, width, below, right, channels):
    shape = (height, width) + ((channels,) if channels else ())
    image = np.random.default_rng(height * 71 + width).integers(0, 256, shape, dtype=np.uint8)
    padded = pad(image, height + below, width + right)
    assert padded.shape == (height + below, width + right, *shape[2:])
    assert padded.dtype == np.uint8
    np.testing.assert_array_equal(crop(padded, height, width), image)
    assert set(np.unique(padded)) <= set(np.unique(image))


@st.composite
def cuts(draw):
    multiple = draw(st.sampled_from([4, 8, 64]))
    halo = draw(st.integers(0, 3 * multiple))
    tile = draw(st.integers(2 * -(-halo // multiple) + 1, 20)) * multiple
    length = draw(st.integers(1, 40)) * multiple
    return length, tile, halo, multiple


@settings(deadline=None)
@given(cuts())
def test_windows_cover_the_axis_once_with_their_halo(case):
    length, tile, halo, multiple = case
    covered = 0
    for span in spans(length, tile, halo, multiple):
        assert span.keep_start == covered
        assert 0 <= span.start <= span.keep_start < span.keep_stop <= span.stop <= length
        assert span.stop - span.start == min(tile, length)
        assert span.start == 0 or span.keep_start - span.start >= halo
        assert span.stop == length or span.stop - span.keep_stop >= halo
        assert all(edge % multiple == 0 for edge in (span.start, span.stop, span.keep_start, span.keep_stop))
        covered = span.keep_stop
    assert covered == length


@settings(deadline=None, max_examples=40)  # arrays of up to 2560 x 2560
@given(cuts(), cuts(), st.sampled_from([1, 2, 4]))
def test_stitch_undoes_tiles(rows, columns, stride):
    _, tile, halo, multiple = rows
    height, width = rows[0], columns[0] // columns[3] * multiple
    layout = tiles(height, width, tile=tile, halo=halo, multiple=multiple)
    whole = np.arange(height // stride * (width // stride), dtype=np.float32).reshape(height // stride, -1)
    image = np.repeat(np.repeat(whole, stride, 0), stride, 1)
    parts = [cut(image, part)[::stride, ::stride] for part in layout]
    np.testing.assert_array_equal(stitch(parts, layout, height, width, stride=stride), whole)
