"""What happens to the pixels of a view: pasted objects, blur, light, noise and compression.

A blurred hand must still be found as a hand, so blur never removes a label unless it is longer than the
object.
"""

from __future__ import annotations

import cv2
import numpy as np

from engines.recipes.regions.geometry import HAND, View


def paste_objects(view: View, bank: list[tuple[np.ndarray, int]], rng: np.random.Generator) -> None:
    """Paste up to three hands or faces (each with some surroundings) on free places, edges feathered.

    bank: (rgb patch with a margin of a quarter of the object on each side, class).
    """
    size = view.rgb.shape[0]
    for _ in range(int(rng.integers(1, 4))):
        patch, label = bank[int(rng.integers(len(bank)))]
        side = np.exp(rng.uniform(np.log(16), np.log(0.45 * size))) * 1.5
        factor = min(side / max(patch.shape[:2]), 2.0)
        wide, high = (max(4, round(s * factor)) for s in patch.shape[1::-1])
        if max(wide, high) >= size:
            continue
        x, y = int(rng.integers(0, size - wide)), int(rng.integers(0, size - high))
        box = np.float32([x + wide / 6, y + high / 6, x + wide * 5 / 6, y + high * 5 / 6])
        busy = view.boxes[view.classes != 2]
        if len(busy) and _overlap(busy, np.float32([x, y, x + wide, y + high])).max() > 0:
            continue
        _blend(view.rgb, cv2.resize(patch, (wide, high), interpolation=cv2.INTER_AREA), x, y, rng)
        view.boxes = np.concatenate([view.boxes, box[None]])
        view.classes = np.append(view.classes, label)
        view.ignore = np.append(view.ignore, False)


def _overlap(boxes: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Intersection area (n,) of boxes (n, 4) with one box (4,)."""
    sides = np.minimum(boxes[:, 2:], box[2:]) - np.maximum(boxes[:, :2], box[:2])
    return sides.clip(0).prod(1)


def _blend(rgb: np.ndarray, patch: np.ndarray, x: int, y: int, rng: np.random.Generator) -> None:
    high, wide = patch.shape[:2]
    if rng.random() < 0.5:
        patch = patch[:, ::-1]
    yy, xx = np.mgrid[-1 : 1 : high * 1j, -1 : 1 : wide * 1j]
    alpha = np.clip((1.05 - np.hypot(xx, yy)) * 4, 0, 1)[..., None].astype(np.float32)
    target = rgb[y : y + high, x : x + wide]
    target[:] = (alpha * patch + (1 - alpha) * target).astype(np.uint8)


def motion_psf(length: float, rng: np.random.Generator) -> np.ndarray:
    """A line or gentle arc of `length` px, drawn at four times the size: (k, k) float32 that sums to one."""
    k = int(np.ceil(length)) | 1
    angle, bend = rng.uniform(0, np.pi), rng.uniform(-0.8, 0.8) * (rng.random() < 0.5)
    t = np.linspace(-0.5, 0.5, 64) * (length - 1)
    across = bend * (t**2 / max(length, 1) - length / 12)
    x = t * np.cos(angle) - across * np.sin(angle)
    y = t * np.sin(angle) + across * np.cos(angle)
    psf = np.zeros((4 * k, 4 * k), np.float32)
    columns = np.clip(((x + k / 2) * 4).round().astype(int), 0, 4 * k - 1)
    rows = np.clip(((y + k / 2) * 4).round().astype(int), 0, 4 * k - 1)
    np.add.at(psf, (rows, columns), 1.0)
    psf = cv2.resize(psf, (k, k), interpolation=cv2.INTER_AREA)
    return psf / psf.sum()


def defocus_psf(radius: float) -> np.ndarray:
    """A disc of `radius` px with a soft edge: (k, k) float32 that sums to one."""
    k = int(np.ceil(radius)) * 2 + 1
    yy, xx = np.mgrid[:k, :k] - k // 2
    disc = np.clip(radius + 0.5 - np.hypot(xx, yy), 0, 1).astype(np.float32)
    return disc / disc.sum()


def blur(view: View, rng: np.random.Generator) -> None:
    """Blur the whole view, or one object with soft borders; objects shorter than the blur become `ignore`."""
    solid = np.flatnonzero((view.classes <= HAND) & ~view.ignore)
    if len(solid) and rng.random() < 0.35:
        box = view.boxes[rng.choice(solid)]
        side = float((box[2:] - box[:2]).max())
        length = float(min(rng.uniform(0.1, 0.6) * side, 40))
        if length < 2:
            return
        psf = motion_psf(length, rng) if rng.random() < 0.75 else defocus_psf(length / 3)
        _blur_inside(view.rgb, box, psf, margin=length)
        return
    length = float(np.exp(rng.uniform(np.log(3), np.log(32))))
    motion = rng.random() < 0.75
    view.rgb[:] = cv2.filter2D(view.rgb, -1, motion_psf(length, rng) if motion else defocus_psf(length / 4))
    view.ignore |= (view.boxes[:, 2:] - view.boxes[:, :2]).max(1, initial=0) < 0.6 * length


def _blur_inside(rgb: np.ndarray, box: np.ndarray, psf: np.ndarray, margin: float) -> None:
    """Blur an elliptic neighbourhood of `box`, as a moving hand blurs against a still background."""
    size = rgb.shape[0]
    x0, y0 = np.maximum(np.floor(box[:2] - margin), 0).astype(int)
    x1, y1 = np.minimum(np.ceil(box[2:] + margin), size).astype(int)
    patch = rgb[y0:y1, x0:x1]
    yy, xx = np.mgrid[-1 : 1 : (y1 - y0) * 1j, -1 : 1 : (x1 - x0) * 1j]
    alpha = np.clip((1.1 - np.hypot(xx, yy)) * 3, 0, 1)[..., None].astype(np.float32)
    patch[:] = (alpha * cv2.filter2D(patch, -1, psf) + (1 - alpha) * patch).astype(np.uint8)


def relight(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Brightness, contrast, gamma, colour cast, saturation, grey-scale and low light."""
    if rng.random() < 0.12:
        rgb = cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    elif rng.random() < 0.4:
        grey = cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        amount = rng.uniform(0.4, 1.5)
        rgb = cv2.addWeighted(rgb, amount, grey, 1 - amount, 0)
    ramp = np.arange(256, dtype=np.float32) / 255
    gain = rng.uniform(0.2, 0.5) if rng.random() < 0.1 else rng.uniform(0.65, 1.4)
    cast = rng.uniform(0.88, 1.12, 3) * gain
    gamma = np.exp(rng.uniform(-0.4, 0.4))
    offset = rng.uniform(-0.08, 0.08)
    table = np.clip(ramp[:, None] ** gamma * cast + offset, 0, 1) * 255
    return cv2.LUT(rgb, table.astype(np.uint8)[:, None, :].reshape(256, 1, 3))


def degrade(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Noise, loss of resolution and JPEG, each now and then."""
    size = rgb.shape[0]
    if rng.random() < 0.15:
        small = int(size * rng.uniform(0.4, 0.9))
        rgb = cv2.resize(cv2.resize(rgb, (small, small), interpolation=cv2.INTER_AREA), (size, size))
    if rng.random() < 0.25:
        noise = rng.normal(0, rng.uniform(2, 14), (size // 2, size // 2, 3)).astype(np.float32)
        grain = cv2.resize(
            noise, (size, size), interpolation=cv2.INTER_NEAREST if rng.random() < 0.5 else cv2.INTER_LINEAR
        )
        rgb = np.clip(rgb + grain, 0, 255).astype(np.uint8)
    if rng.random() < 0.35:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))]
        rgb = cv2.imdecode(cv2.imencode(".jpg", rgb, quality)[1], cv2.IMREAD_COLOR)
    return rgb
