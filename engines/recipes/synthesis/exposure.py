"""Exposure of a batch of pictures in linear light.

Convolution where all pixels move alike, integration of warps along a flow where they do not.
Everything is (B, C, H, W) float32 on any device.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .kernels import Motion, motion_kernel, quadratic_path

if TYPE_CHECKING:
    from collections.abc import Sequence

SINGLE_PASS_PX = 12.0  # below: one pass of warps; above: two passes, coarse x fine


def convolve(pictures: Tensor, kernels: Sequence[np.ndarray]) -> Tensor:
    """Convolve picture i with kernel i, circularly, by FFT.

    Circular: pixels nearer to the border than the kernel's radius are wrong, so views carry a margin.
    """
    height, width = pictures.shape[-2:]
    canvas = torch.zeros(len(kernels), 1, height, width)
    for i, kernel in enumerate(kernels):
        cut = _fit(kernel, min(height, width))
        size, radius = cut.shape[0], cut.shape[0] // 2
        canvas[i, 0, :size, :size] = torch.from_numpy(cut)
        canvas[i, 0] = torch.roll(canvas[i, 0], (-radius, -radius), (0, 1))
    transfer = torch.fft.rfft2(canvas.to(pictures.device))
    return torch.fft.irfft2(torch.fft.rfft2(pictures) * transfer, s=(height, width))


def _fit(kernel: np.ndarray, limit: int) -> np.ndarray:
    """A kernel no larger than the picture: its middle, renormalised."""
    spare = max(0, kernel.shape[0] - (limit - 1 + limit % 2))
    cut = -(-spare // 2)
    inner = kernel[cut : kernel.shape[0] - cut, cut : kernel.shape[0] - cut]
    return inner / inner.sum()


def velocity(motion: Motion, height: int, width: int, device: torch.device) -> Tensor:
    """Displacement over one whole exposure, (2, H, W) pixels x, y: the true field that labels are made from.

    For zoom and rotation the extent asked for is reached at 70 % of the distances to the fixed point.
    """
    y, x = torch.meshgrid(
        torch.arange(height, dtype=torch.float32, device=device),
        torch.arange(width, dtype=torch.float32, device=device),
        indexing="ij",
    )
    if motion.kind == "rolling":  # rows are read at different moments of an uneven movement
        phase = 2 * math.pi * (y / height * 1.5 + motion.angle_rad)
        speed = motion.extent_px * (1 - motion.wave * (0.5 + 0.5 * torch.sin(phase)))
        return torch.stack([speed, torch.zeros_like(speed)])
    if motion.kind != "zoom_rotation":
        direction = (math.cos(motion.angle_rad), math.sin(motion.angle_rad))
        return torch.stack([torch.full_like(x, motion.extent_px * part) for part in direction])
    rate, spin, cx, cy = _spiral(motion, height, width)
    x, y = x - cx, y - cy
    return torch.stack([rate * x - spin * y, spin * x + rate * y])


def _spiral(motion: Motion, height: int, width: int) -> tuple[float, float, float, float]:
    """Zoom rate and spin (per exposure) and the fixed point in pixels."""
    cx, cy = motion.centre_xy[0] * width, motion.centre_xy[1] * height
    y, x = np.mgrid[0:height:8, 0:width:8]
    typical = float(np.quantile(np.hypot(x - cx, y - cy), 0.7))
    amount = motion.extent_px / max(typical, 1.0)
    share = motion.zoom_share * math.pi / 2
    return amount * math.sin(share), amount * math.cos(share), cx, cy


def extent_field(motion: Motion, height: int, width: int, device: torch.device) -> Tensor:
    """Length of the blur at every pixel, (H, W) px."""
    if motion.is_translation:
        return torch.full((height, width), motion.extent_px, device=device)
    return velocity(motion, height, width, device).norm(dim=0)


def path_field(motion: Motion, height: int, width: int, device: torch.device) -> Tensor:
    """Where the light of every pixel came from during the exposure, (4, H, W) px: chord x, y, sagitta x, y.

    At time t in [-0.5, 0.5] it came from t * chord + (0.5 - 4 t^2) * sagitta; wandering paths are fitted.
    """
    if motion.is_translation:
        fitted = -torch.tensor(quadratic_path(motion).ravel(), dtype=torch.float32, device=device)
        return fitted[:, None, None].expand(4, height, width)
    chord = velocity(motion, height, width, device)
    return torch.cat([chord, torch.zeros_like(chord)])


def _flow(motion: Motion, t: float, height: int, width: int, device: torch.device) -> Tensor:
    """Where the light of each pixel comes from at time t in [-0.5, 0.5]: (H, W, 2) for grid_sample.

    Both flows are one-parameter groups, flow(s) after flow(t) is flow(s + t); two passes rely on that.
    """
    y, x = torch.meshgrid(
        torch.arange(height, dtype=torch.float32, device=device),
        torch.arange(width, dtype=torch.float32, device=device),
        indexing="ij",
    )
    if motion.kind == "zoom_rotation":
        rate, spin, cx, cy = _spiral(motion, height, width)
        scale, angle = math.exp(rate * t), spin * t
        dx, dy = x - cx, y - cy
        x = cx + scale * (math.cos(angle) * dx - math.sin(angle) * dy)
        y = cy + scale * (math.sin(angle) * dx + math.cos(angle) * dy)
    else:
        step = velocity(motion, height, width, device) * t
        x, y = x + step[0], y + step[1]
    return torch.stack([x * (2 / (width - 1)) - 1, y * (2 / (height - 1)) - 1], -1)


def integrate(pictures: Tensor, motions: Sequence[Motion]) -> Tensor:
    """Average of the pictures warped along their flows over the exposure.

    Long blurs run as two passes of n steps, the second 1/n as long: n x n samples for 2 n warps.
    """
    longest = max(m.extent_px for m in motions)
    if longest <= SINGLE_PASS_PX:
        return _pass(pictures, motions, length=1.0, n_steps=max(4, math.ceil(1.5 * longest)))
    n_steps = math.ceil(math.sqrt(1.5 * longest))
    coarse = _pass(pictures, motions, length=1.0, n_steps=n_steps)
    return _pass(coarse, motions, length=1.0 / n_steps, n_steps=n_steps)


def _pass(pictures: Tensor, motions: Sequence[Motion], *, length: float, n_steps: int) -> Tensor:
    height, width = pictures.shape[-2:]
    total = torch.zeros_like(pictures)
    for step in range(n_steps):
        t = length * ((step + 0.5) / n_steps - 0.5)
        grid = torch.stack([_flow(m, t, height, width, pictures.device) for m in motions])
        total += F.grid_sample(pictures, grid, mode="bilinear", padding_mode="reflection", align_corners=True)
    return total / n_steps


def expose(pictures: Tensor, motions: Sequence[Motion]) -> Tensor:
    """One exposure of each picture under its motion."""
    out = torch.empty_like(pictures)
    for translation in (True, False):
        chosen = [i for i, m in enumerate(motions) if m.is_translation == translation]
        if not chosen:
            continue
        group = [motions[i] for i in chosen]
        moved = convolve(pictures[chosen], [motion_kernel(m) for m in group]) if translation else None
        out[chosen] = integrate(pictures[chosen], group) if moved is None else moved
    return out
