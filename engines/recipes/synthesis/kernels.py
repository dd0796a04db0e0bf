"""Point spread functions: what one exposure does to a point. Trajectories of motion, discs of defocus.

A translation during the exposure is exactly a convolution with the path's kernel, so straight, curved and
random-walk motion are made here; motion that differs from pixel to pixel is in `exposure.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

POINTS_PER_PX = 3.0  # path samples a pixel of extent: finer than the bilinear splat can show


@dataclass(frozen=True, slots=True)
class Motion:
    """One movement during the exposure. `extent_px` is the length of the blur at analysis scale."""

    kind: str  # straight | curved | walk | zoom_rotation | rolling
    extent_px: float
    angle_rad: float = 0.0  # direction of the main axis, x to the right, y down
    bend: float = 0.0  # curved: sagitta is about bend / 2 of the extent
    wobble: float = 1.0  # walk: how far the direction wanders
    ease: float = 0.0  # -0.8..0.8: slower at one end of the exposure
    centre_xy: tuple[float, float] = (0.5, 0.5)  # zoom_rotation: fixed point, fraction of the view
    zoom_share: float = 1.0  # zoom_rotation: 1 is all zoom, 0 all rotation
    wave: float = 0.0  # rolling: how far the speed changes from row to row, 0..1
    seed: int = 0  # walk

    @property
    def is_translation(self) -> bool:
        """True if every pixel moves alike, so that a kernel says all."""
        return self.kind in ("straight", "curved", "walk")


def trajectory(motion: Motion) -> np.ndarray:
    """Path of a translation: (n, 2) float64 offsets x, y in px, centred, of the motion's extent and angle."""
    n = max(16, int(motion.extent_px * POINTS_PER_PX))
    t = np.linspace(-0.5, 0.5, n)
    path = {"straight": _straight, "curved": _bezier, "walk": _walk}[motion.kind](t, motion)
    path = path - path.mean(0)
    axis, extent = main_axis(path)
    path = path / max(extent, 1e-9)
    turn = motion.angle_rad - np.arctan2(axis[1], axis[0])
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    path = path @ rotation.T * motion.extent_px
    return path - (path.max(0) + path.min(0)) / 2


def quadratic_path(motion: Motion) -> np.ndarray:
    """Best t * chord + (1 - 4 t^2) * sagitta (+ a shift) of a translation, t in [-0.5, 0.5]: (2, 2) px."""
    path = trajectory(motion)
    t = np.linspace(-0.5, 0.5, len(path))
    basis = np.stack([t, 1 - 4 * t**2, np.ones_like(t)], 1)
    return np.linalg.lstsq(basis, path, rcond=None)[0][:2]


def _straight(t: np.ndarray, _: Motion) -> np.ndarray:
    return np.stack([t, np.zeros_like(t)], 1)


def _bezier(t: np.ndarray, motion: Motion) -> np.ndarray:
    """Quadratic Bezier over a unit chord, its control point `bend` off the middle."""
    u = t + 0.5
    ends = np.array([[-0.5, 0.0], [0.0, motion.bend], [0.5, 0.0]])
    return (1 - u)[:, None] ** 2 * ends[0] + (2 * u * (1 - u))[:, None] * ends[1] + u[:, None] ** 2 * ends[2]


def _walk(t: np.ndarray, motion: Motion) -> np.ndarray:
    """Random walk of the direction at a fairly even speed: one that accelerates dwells at a point."""
    rng = np.random.default_rng(motion.seed)
    heading = np.cumsum(rng.normal(size=len(t))) * motion.wobble / np.sqrt(len(t))
    speed = rng.uniform(0.6, 1.4, len(t))
    return np.cumsum(np.stack([np.cos(heading), np.sin(heading)], 1) * speed[:, None], 0)


def main_axis(points: np.ndarray, weights: np.ndarray | None = None) -> tuple[np.ndarray, float]:
    """Unit vector of the largest spread of (n, 2) points, and the extent along it.

    Extent is sqrt(12) x standard deviation: the length of an evenly lit straight line with that spread.
    """
    share = np.ones(len(points)) if weights is None else weights
    centred = points - np.average(points, axis=0, weights=share)
    covariance = (centred * share[:, None]).T @ centred / share.sum()
    values, vectors = np.linalg.eigh(covariance)
    return vectors[:, 1], float(np.sqrt(12 * max(values[1], 0.0)))


def motion_kernel(motion: Motion) -> np.ndarray:
    """Kernel of a translation, (2r+1, 2r+1) float32, sum 1."""
    path = trajectory(motion)
    light = np.clip(1 + motion.ease * np.linspace(-1, 1, len(path)), 0.05, None)
    return splat(path, light)


def splat(points: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Points in pixels -> odd square kernel by cubic (Keys) splatting, float32, sum 1.

    Cubic, not bilinear: it adds nothing to the second moment, while bilinear weights would soften every
    subtle blur by an even third of a pixel, which is no motion at all.
    """
    radius = int(np.ceil(np.abs(points).max())) + 2
    whole = np.floor(points).astype(int)
    weights = _keys(points - whole)  # (n, 2, 4)
    kernel = np.zeros((2 * radius + 1, 2 * radius + 1))
    for row in range(4):
        for column in range(4):
            at = (whole[:, 1] + row - 1 + radius, whole[:, 0] + column - 1 + radius)
            np.add.at(kernel, at, weights[:, 1, row] * weights[:, 0, column] * light)
    return (kernel / kernel.sum()).astype(np.float32)


def _keys(fraction: np.ndarray) -> np.ndarray:
    """Catmull-Rom weights of the four neighbours at -1, 0, 1, 2: shape + (4,)."""
    t = fraction[..., None]
    distance = np.abs(t - np.array([-1.0, 0.0, 1.0, 2.0]))
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    return np.where(distance < 1, near, far)


def measure_kernel(kernel: np.ndarray) -> tuple[float, float]:
    """Extent (px) and angle (rad, modulo pi) of a kernel: what a test measures against what was asked for."""
    radius = kernel.shape[0] // 2
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    points = np.stack([x.ravel(), y.ravel()], 1).astype(float)
    axis, extent = main_axis(points, kernel.ravel().astype(float))
    return extent, float(np.arctan2(axis[1], axis[0]))


@dataclass(frozen=True, slots=True)
class Defocus:
    """A lens out of focus: isotropic blur, never motion."""

    kind: str  # disc | ring | hexagon | gaussian
    radius_px: float
    rim: float = 0.0  # ring: extra light at the rim
    angle_rad: float = 0.0  # hexagon


def defocus_kernel(defocus: Defocus) -> np.ndarray:
    """(2r+1, 2r+1) float32, sum 1; edges anti-aliased, so that any radius from 0 on means something."""
    reach = 2.6 if defocus.kind == "gaussian" else 1.0
    n = int(np.ceil(defocus.radius_px * reach)) + 1
    y, x = np.mgrid[-n : n + 1, -n : n + 1].astype(float)
    distance = np.hypot(x, y)
    if defocus.kind == "gaussian":  # the same second moment as a disc of this radius
        kernel = np.exp(-(distance**2) / (2 * max(defocus.radius_px / 2, 0.05) ** 2))
    elif defocus.kind == "hexagon":
        sides = [x * np.cos(a) + y * np.sin(a) for a in defocus.angle_rad + np.arange(3) * np.pi / 3]
        kernel = np.clip(defocus.radius_px * 0.93 + 0.5 - np.abs(sides).max(0), 0, 1)
    else:
        kernel = np.clip(defocus.radius_px + 0.5 - distance, 0, 1)
        kernel *= 1 + defocus.rim * (distance / max(defocus.radius_px, 1)) ** 4
    return (kernel / kernel.sum()).astype(np.float32)
