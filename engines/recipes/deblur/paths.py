"""Paths of motion: sign-free coordinates, sampling a picture along them, and blurring it again.

A path is (N, 4, h, w) px at cell resolution: chord x, y and sagitta x, y. At time t in [-0.5, 0.5] the light
of a pixel came from t * chord + (0.5 - 4 t^2) * sagitta. Reversing time turns the chord round and changes
nothing else, so a network is asked for (cos 2a, sin 2a), which does not see the difference. Direction and
length are asked for apart: in one vector an unsure direction would shorten the path.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

CELL = 4
CHORD_SCALE_PX, SAGITTA_SCALE_PX = 24.0, 8.0
MAX_CHORD_PX = 40.0  # longer ones are cut: a tile must know how far its samples reach
DERIVATIVE_AT = (
    -1.5,
    -0.5,
    0.5,
    1.5,
)  # in chords: where the derivatives of a box blur hold the sharp picture
WIDER_STEP = 1 / 16  # of a derivative, per px of chord: noise grows with the chord, detail shrinks with it
SAMPLE_AT = (-1.0, 1.0)
N_SAMPLED = 3 * (len(DERIVATIVE_AT) + len(SAMPLE_AT))
EPSILON = 1e-6


def encode_path(path: Tensor) -> Tensor:
    """Px -> (N, 5, h, w) about [-1, 1]: direction at the doubled angle, length of the chord, sagitta."""
    x, y = path[:, 0:1], path[:, 1:2]
    squared = x * x + y * y
    doubled = torch.cat([x * x - y * y, 2 * x * y], 1) / (squared + EPSILON)
    return torch.cat([doubled, squared.sqrt() / CHORD_SCALE_PX, path[:, 2:4] / SAGITTA_SCALE_PX], 1)


def decode_path(code: Tensor) -> Tensor:
    """Back to px; the chord points into the right half plane.

    Where the direction is unsure (short) so is the length, and too long a path does more harm than too short
    a one: with no idea of the direction, half of the length is used.
    """
    a, b = code[:, 0:1], code[:, 1:2]
    norm = (a * a + b * b + EPSILON).sqrt()
    cosine = ((1 + a / norm).clamp_min(0) / 2).sqrt()
    sine = ((1 - a / norm).clamp_min(0) / 2).sqrt() * torch.where(b < 0, -1.0, 1.0)
    length = code[:, 2:3] * caution(norm) * CHORD_SCALE_PX
    chord = torch.cat([cosine, sine], 1) * length.clamp(0.0, MAX_CHORD_PX)
    return torch.cat([chord, code[:, 3:5] * SAGITTA_SCALE_PX], 1)


def caution(sure: Tensor) -> Tensor:
    """Share of its length that a path is given, by how sure its direction is (0 to 1)."""
    return 0.5 + 0.5 * sure.clamp(0.0, 1.0)


def endpoint_error(path: Tensor, true: Tensor) -> Tensor:
    """Mean distance (px) of the two ends of paths (N, 4, h, w), time free to run either way: (N, h, w)."""
    ends, true_ends = (torch.stack([p[:, :2] * s - p[:, 2:] / 2 for s in (0.5, -0.5)]) for p in (path, true))
    same = (ends - true_ends).norm(dim=2).mean(0)
    return torch.minimum(same, (ends - true_ends.flip(0)).norm(dim=2).mean(0))


def pixel_grid(height: int, width: int, like: Tensor) -> Tensor:
    """(H, W, 2) pixel coordinates x, y."""
    y, x = torch.meshgrid(
        torch.arange(height, dtype=torch.float32, device=like.device),
        torch.arange(width, dtype=torch.float32, device=like.device),
        indexing="ij",
    )
    return torch.stack([x, y], -1)


def sample(picture: Tensor, at: Tensor) -> Tensor:
    """Bilinear values of (N, C, H, W) at pixel coordinates (N, ..., 2), ends repeated: (N, C, a, b)."""
    height, width = picture.shape[-2:]
    x, y = at[..., 0] * (2 / (width - 1)) - 1, at[..., 1] * (2 / (height - 1)) - 1
    grid = torch.stack([x, y], -1)
    return F.grid_sample(picture, grid, mode="bilinear", padding_mode="border", align_corners=True)


def guided_samples(picture: Tensor, at: Tensor, chord: Tensor) -> Tensor:
    """What a box blur along `chord` says about the sharp picture: (N, N_SAMPLED, a, b).

    `at`, `chord` (N, a, b, 2) px. For a box of length L, L * b'(x + L/2) = s(x + L) - s(x), and so on along
    the path: chord-long derivatives at odd half chords, and the picture a chord away as the remainder.
    """
    length = (chord.square().sum(-1, keepdim=True) + EPSILON).sqrt()
    reach = 1 + length * WIDER_STEP
    step = chord / length * reach
    scale = (length / (2 * reach))[..., 0][:, None]
    slopes = []
    for t in DERIVATIVE_AT:
        centre = at + t * chord
        slopes.append((sample(picture, centre + step) - sample(picture, centre - step)) * scale)
    return torch.cat([*slopes, *(sample(picture, at + t * chord) for t in SAMPLE_AT)], 1)


def to_pixels(cells: Tensor) -> Tensor:
    """(N, C, h, w) of cells -> (N, C, 4h, 4w), each value repeated."""
    return F.interpolate(cells, scale_factor=float(CELL), mode="nearest")


def reblur(picture: Tensor, path: Tensor, n_points: int = 9) -> Tensor:
    """Mean of a picture (N, C, H, W) along the path (px, at cells) of each pixel."""
    whole = to_pixels(path).permute(0, 2, 3, 1)
    grid = pixel_grid(picture.shape[-2], picture.shape[-1], picture)
    total = torch.zeros_like(picture)
    for k in range(n_points):
        t = (k + 0.5) / n_points - 0.5
        total = total + sample(picture, grid + t * whole[..., :2] + (0.5 - 4 * t * t) * whole[..., 2:])
    return total / n_points
