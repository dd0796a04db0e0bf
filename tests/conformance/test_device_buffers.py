"""One suite over both libraries that reach the GPU. Nothing here pretends to be one: it skips without."""

from __future__ import annotations

import numpy as np
import pytest

from qc_plugin.inference.tensorrt import gpu
from qc_plugin.inference.tensorrt.device_buffers import GpuMemoryError

pytestmark = pytest.mark.gpu


@pytest.fixture(params=gpu.LIBRARIES)
def device(request):
    reason = gpu.unusable(request.param)
    if reason is not None:
        pytest.skip(reason)
    return gpu.open_device(library=request.param)


def test_it_says_which_gpu_it_is(device):
    assert device.info.name
    assert device.info.capability >= (7, 5)
    assert device.info.memory_bytes > 2**30
    assert device.info.driver >= 12000
    assert 0 < device.free_bytes() <= device.info.memory_bytes


@pytest.mark.parametrize("n_bytes", [1, 255, 4096, 3 * 2**20 + 1])
def test_bytes_come_back_as_they_went(device, n_bytes):
    sent, back = device.pinned(n_bytes), device.pinned(n_bytes)
    memory, stream = device.allocate(n_bytes), device.stream()
    sent.array[:] = np.random.default_rng(0).integers(0, 256, n_bytes, np.uint8)
    back.array[:] = 0
    assert memory.pointer % 256 == 0
    device.upload(memory, sent.array, stream)
    device.download(back.array, memory, stream)
    stream.wait()
    np.testing.assert_array_equal(back.array, sent.array)
    for part in (sent, back, memory, stream):
        part.release()
        part.release()


def test_a_copy_larger_than_the_block_is_refused(device):
    memory, host, stream = device.allocate(16), device.pinned(17), device.stream()
    with pytest.raises(ValueError, match="copy of 17 bytes"):
        device.upload(memory, host.array, stream)
    with pytest.raises(ValueError, match="copy of 17 bytes"):
        device.download(host.array, memory, stream)


def test_memory_comes_back_when_it_is_released(device):
    before = device.free_bytes()
    memory = device.allocate(256 * 2**20)
    assert device.free_bytes() <= before - 200 * 2**20
    memory.release()
    assert device.free_bytes() >= before - 16 * 2**20


def test_too_much_is_an_error_of_its_own_and_leaves_the_gpu_usable(device):
    with pytest.raises(GpuMemoryError, match="smaller batch"):
        device.allocate(4 * device.info.memory_bytes)
    device.allocate(1024).release()


def test_streams_are_independent(device):
    first, second = device.stream(), device.stream()
    assert first.handle != second.handle
    first.wait()
    second.wait()


def test_another_thread_can_use_it(device):
    from concurrent.futures import ThreadPoolExecutor

    def use():
        device.activate()
        memory = device.allocate(1024)
        memory.release()
        return True

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(use).result()
