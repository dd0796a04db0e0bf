"""Operations and bytes of a network, against a count by hand."""

from bench.work_done import work_done
from tests.support.tiny_onnx import small_network


def test_the_count_is_the_one_made_by_hand():
    work = work_done(small_network().SerializeToString(), {"image": (2, 3, 32, 64)})
    first = 2 * 16 * 32 * 64  # outputs of each convolution: batch, channels, height, width
    second = 2 * 32 * 4 * 8
    third = 2 * 3 * 8 * 16
    assert work.operations == 2 * (first * 3 * 9 + second * 16 * 9 + third * 48 * 9)
    read = 2 * 3 * 32 * 64 + 2 * 16 * 8 * 16 + 2 * 48 * 8 * 16
    weights = 16 * 3 * 9 + 32 * 16 * 9 + 3 * 48 * 9
    assert work.bytes == 4 * (first + second + third + read + weights)


def test_the_larger_floor_binds():
    work = work_done(small_network().SerializeToString(), {"image": (1, 3, 32, 32)})
    arithmetic, memory = work.floors_s(1e12, 1e9)
    assert arithmetic == work.operations / 1e12
    assert memory == work.bytes / 1e9
