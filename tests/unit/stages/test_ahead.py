"""The reading thread: order, errors, early exit."""

import threading

import pytest

from qc_plugin.stages.ahead import Ahead


def test_keeps_order_and_everything():
    with Ahead(iter(range(100)), depth=3) as ahead:
        assert list(ahead) == list(range(100))


def test_carries_the_exception_after_the_items_before_it():
    def source():
        yield 1
        raise KeyError("gone")

    seen = []
    with pytest.raises(KeyError, match="gone"), Ahead(source(), depth=2) as ahead:
        seen.extend(ahead)
    assert seen == [1]


def test_leaving_early_stops_the_producer():
    made = []

    def source():
        for n in range(10_000):
            made.append(n)
            yield n

    before = threading.active_count()
    with Ahead(source(), depth=2) as ahead:
        assert next(iter(ahead)) == 0
    assert threading.active_count() == before
    assert len(made) < 10
