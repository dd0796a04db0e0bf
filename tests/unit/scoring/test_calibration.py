"""Limits against labels: compared with counting by hand, at every limit."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qc_plugin.scoring.calibration import (
    Label,
    interval,
    limits_between,
    mildest_with_recall,
    single_limit,
    step_at,
    strictest_with_precision,
)

FAULTS = frozenset({"deblur", "review", "reject"})
VALUES = st.floats(0, 1, allow_nan=False, width=32)
LABELS = st.lists(
    st.builds(Label, VALUES, st.sampled_from(["accept", "deblur", "review", "reject"])),
    min_size=1,
    max_size=40,
)


@given(LABELS, VALUES, st.booleans())
def test_a_step_counts_what_lies_beyond(labels, limit, upper):
    step = step_at(limit, labels, FAULTS, upper=upper)
    values = [(round(label.value, 6), label.decision) for label in labels]
    beyond = [d for v, d in values if (v > limit if upper else v < limit)]
    faults = [d for _, d in values if d != "accept"]
    hit = [d for d in beyond if d != "accept"]
    assert (step.n_beyond, step.n_hit, step.n_faults) == (len(beyond), len(hit), len(faults))
    assert step.precision == (len(hit) / len(beyond) if beyond else None)
    assert step.recall == (len(hit) / len(faults) if faults else 0)
    assert 0 <= step.f1 <= 1


@given(st.lists(VALUES, min_size=1, max_size=30), st.booleans())
def test_limits_part_every_two_neighbours_strictest_first(values, upper):
    distinct = sorted({round(value, 6) for value in values})
    limits = limits_between(values, upper=upper)
    assert len(limits) == len(distinct) - 1
    ordered = limits if upper else limits[::-1]
    for low, limit, high in zip(distinct, ordered, distinct[1:], strict=False):
        assert (low <= limit < high) if upper else (low < limit <= high)


def test_a_limit_is_a_number_people_would_write():
    assert limits_between([0.031, 0.187], upper=True) == [0.1]
    assert limits_between([0.1201, 0.1399], upper=True) == [0.13]
    assert limits_between([0.2, 0.200001], upper=True) == [0.2]
    assert limits_between([0.2, 0.200001], upper=False) == [0.200001]


def _steps(pairs, *, upper=True):
    labels = [Label(value, decision) for value, decision in pairs]
    limits = limits_between([value for value, _ in pairs], upper=upper)
    return [step_at(limit, labels, FAULTS, upper=upper) for limit in limits]


CLEAN = [(0.1, "accept"), (0.2, "accept"), (0.6, "reject"), (0.7, "reject")]
MIXED = [(0.1, "accept"), (0.2, "reject"), (0.3, "accept"), (0.4, "reject"), (0.5, "reject")]


def test_labels_that_part_cleanly_give_the_limit_between_them():
    steps = _steps(CLEAN)
    assert single_limit(steps).limit == 0.4
    assert mildest_with_recall(steps, 1.0) == (steps[1], True)
    assert strictest_with_precision(steps, 1.0) == (steps[1], True)


def test_lower_bounds_are_the_same_upside_down():
    steps = _steps([(1 - value, decision) for value, decision in CLEAN], upper=False)
    assert single_limit(steps).limit == 0.6
    assert mildest_with_recall(steps, 1.0)[0].limit == 0.6


def test_recall_and_precision_pull_apart_where_labels_mix():
    steps = _steps(MIXED)
    passed, met = mildest_with_recall(steps, 1.0)
    assert (passed.n_hit, passed.n_faults, met) == (3, 3, True)
    failed, met = strictest_with_precision(steps, 1.0)
    assert (failed.precision, met) == (1.0, True)
    assert failed.limit > passed.limit


def test_goals_that_cannot_be_met_are_said_so():
    steps = _steps([(0.1, "reject"), (0.2, "accept"), (0.3, "reject"), (0.4, "accept")])
    assert mildest_with_recall(steps, 1.0) == (steps[0], False)
    found, met = strictest_with_precision(steps, 0.9)
    assert (found.precision, met) == (0.5, False)
    assert strictest_with_precision(_steps([(0.1, "reject"), (0.2, "accept")]), 0.9) is None


@given(st.integers(0, 400), st.integers(0, 400))
def test_intervals_hold_the_share_and_shrink(n_hit, n_missed):
    n = n_hit + n_missed
    low, high = interval(n_hit, n)
    assert 0 <= low <= high <= 1
    if n:
        assert low - 1e-12 <= n_hit / n <= high + 1e-12
        assert high - low > interval(10 * n_hit, 10 * n)[1] - interval(10 * n_hit, 10 * n)[0]


def test_an_interval_from_the_literature():
    # Wilson (1927) as tabled by Newcombe (1998), method 3: 81 of 263 gives 0.2553 to 0.3662.
    assert interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert not math.isnan(sum(interval(0, 0)))
