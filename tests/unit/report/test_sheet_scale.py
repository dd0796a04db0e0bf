from dataclasses import replace

import pytest

from qc_plugin.pages.sheet_scale import scale_of
from qc_plugin.types import Bands
from qc_plugin.types.measures import MEASURES
from tests.support.fake_report import fake_report

FINDING = next(f for f in fake_report(20).findings if f.outcome == "fail")


def _scale(value, bands, measure="blur_coverage"):
    return scale_of(replace(FINDING, value=value, bands=bands), MEASURES[measure])


def test_bands_fill_the_scale_and_the_value_lies_in_its_band():
    scale = _scale(0.22, Bands(0.04, 0.15))
    assert [band.outcome for band in scale.bands] == ["pass", "borderline", "fail"]
    assert sum(band.width for band in scale.bands) == pytest.approx(100, abs=0.05)
    fail = scale.bands[-1]
    assert fail.x < scale.value_x < fail.x + fail.width
    assert scale.value_x == pytest.approx(100 * 0.22 / 0.30, abs=0.1)


def test_where_less_is_worse_fail_is_on_the_left():
    scale = _scale(0.2, Bands(0.6, 0.4, "lower"), "sharpness")
    assert [band.outcome for band in scale.bands] == ["fail", "borderline", "pass"]
    assert scale.value_x < scale.bands[1].x
    assert "from 0.60" in scale.text


@pytest.mark.parametrize("value", [0.0, 0.04, 0.4, 1.0])
@pytest.mark.parametrize(
    "bands", [Bands(0.0), Bands(0.04, 0.05), Bands(1.0), Bands(0.04, 0.15), Bands(0.3, 0.2, "lower")]
)
def test_nothing_leaves_the_scale(value, bands):
    scale = _scale(value, bands)
    places = [scale.value_x, *(tick.x for tick in scale.ticks), *(band.label_x for band in scale.bands)]
    assert all(0 <= x <= 100 for x in places)
    assert all(band.width > 0 and band.x + band.width <= 100.05 for band in scale.bands)


def test_a_word_gives_way_to_the_pin():
    fail = _scale(0.22, Bands(0.04, 0.15)).bands[-1]
    middle = fail.x + fail.width / 2
    assert fail.word
    assert abs(fail.label_x - middle) > 8


def test_counts_without_an_upper_end_have_a_scale():
    scale = _scale(0.0, Bands(1.0, None, "lower"), "sharp_face_count")
    assert [band.outcome for band in scale.bands] == ["fail", "pass"]
    assert scale.value_label == "0"


def test_without_value_or_bands_there_is_none():
    assert _scale(None, Bands(0.1)) is None
    assert _scale(0.1, None) is None
