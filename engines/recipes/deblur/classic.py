"""What the kernel alone gives: Wiener and Richardson-Lucy deconvolution when the true kernel is known.

Both work in linear light on pictures mirrored at their ends, and see no mask: at the outline of a moving
object the model of one kernel for all is wrong, which is what a local deblurrer is for.
"""

from __future__ import annotations

import numpy as np

GAMMA = 2.2
NOISE_TO_SIGNAL = 1e-2
N_STEPS = 15


def wiener(moved: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """(3, H, W) in [0, 1] -> the same, deconvolved."""
    light, cut = _mirrored(moved, kernel.shape[0])
    transfer = _transfer(kernel, light.shape[-2:])
    inverse = np.conj(transfer) / (np.abs(transfer) ** 2 + NOISE_TO_SIGNAL)
    restored = np.fft.irfft2(np.fft.rfft2(light) * inverse, s=light.shape[-2:])
    return _encoded(restored[..., cut, cut])


def richardson_lucy(moved: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """(3, H, W) in [0, 1] -> the same, after N_STEPS multiplicative steps."""
    kernel = np.maximum(kernel, 0)  # cubic splats have small negative lobes, under which the steps diverge
    kernel = kernel / kernel.sum()
    light, cut = _mirrored(moved, kernel.shape[0])
    light = np.maximum(light, 1e-3)
    transfer, size = _transfer(kernel, light.shape[-2:]), light.shape[-2:]
    estimate = light.copy()
    for _ in range(N_STEPS):
        again = np.fft.irfft2(np.fft.rfft2(estimate) * transfer, s=size)
        ratio = light / np.maximum(again, 1e-3)
        estimate = estimate * np.fft.irfft2(np.fft.rfft2(ratio) * np.conj(transfer), s=size)
    return _encoded(estimate[..., cut, cut])


def _mirrored(moved: np.ndarray, reach: int) -> tuple[np.ndarray, slice]:
    light = np.clip(moved, 0, 1) ** GAMMA
    padded = np.pad(light, ((0, 0), (reach, reach), (reach, reach)), mode="reflect")
    return padded, slice(reach, padded.shape[-1] - reach)


def _encoded(light: np.ndarray) -> np.ndarray:
    return np.clip(light, 0, 1) ** (1 / GAMMA)


def _transfer(kernel: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    canvas = np.zeros(size)
    canvas[: kernel.shape[0], : kernel.shape[1]] = kernel
    radius = kernel.shape[0] // 2
    return np.fft.rfft2(np.roll(canvas, (-radius, -radius), (0, 1)))
