"""Timestamps to seconds."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qc_plugin.decode.timeline import Timeline

MS = Fraction(1, 1000)


def place(
    ticks: list[int | None], start_s: float | None = 0.0, fps: float | None = 25.0
) -> tuple[list[float], int]:
    line = Timeline(time_base=MS, start_s=start_s, average_fps=fps)
    return [line.place(tick) for tick in ticks], line.n_repaired


@pytest.mark.parametrize(
    ("ticks", "start_s", "wanted", "n_repaired"),
    [
        ([0, 40, 90], 0.0, [0, 0.04, 0.09], 0),
        ([1400, 1440], 1.4, [0, 0.04], 0),
        ([1440, 1480], 1.4, [0.04, 0.08], 0),  # sound begins first
        ([1360, 1400], 1.4, [0, 0.04], 0),  # pictures before the stated start
        ([500, 540], None, [0, 0.04], 0),
        ([None, None, None], 0.0, [0, 0.04, 0.08], 3),
        ([0, None, 80], 0.0, [0, 0.04, 0.08], 1),
        ([0, 40, 40, 80], 0.0, [0, 0.04, 0.041, 0.08], 1),
        ([0, 40, 20, 80], 0.0, [0, 0.04, 0.041, 0.08], 1),
        ([50_000, 50_040, 0, 40], 50.0, [0, 0.04, 0.08, 0.12], 1),  # joined streams: a new clock
    ],
)
def test_places(ticks, start_s, wanted, n_repaired):
    times, repaired = place(ticks, start_s)
    assert times == pytest.approx(wanted)
    assert repaired == n_repaired


def test_without_any_rate_25_is_assumed():
    assert place([None, None], fps=None)[0] == pytest.approx([0, 0.04])


@given(st.lists(st.none() | st.integers(-(2**40), 2**40), max_size=40), st.none() | st.floats(-1e6, 1e6))
def test_time_always_advances(ticks, start_s):
    times, _ = place(ticks, start_s)
    assert all(later > earlier for earlier, later in pairwise(times))
    assert not times or times[0] >= 0
