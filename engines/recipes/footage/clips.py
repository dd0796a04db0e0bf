"""A clip becomes a segment: frames without a cut, flow from each to the next, the camera's motion.

python -m engines.recipes.footage.clips ../shared/data/real/clips .work/motion_blur/segments  # .npz of each
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

LONG_SIDE_PX, MOST_FRAMES, FEWEST_FRAMES, ENOUGH_FRAMES = 640, 96, 12, 24
START_S = 0.3  # clips begin with fades and logos
FAST_FPS, USUAL_FPS = 100, 33  # between the two every second or third frame is enough; slow motion is kept
CUT_DISTANCE = 0.35  # Bhattacharyya distance of colour histograms
REPEATED_LEVELS = 0.15  # mean difference in grey levels under which a frame is the last one again
FIT_ROUNDS, INLIER_PX = 12, 0.7
SUFFIXES = (".mp4", ".webm", ".mov", ".m4v", ".avi", ".mkv")


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """Frames (N, H, W, 3) uint8 RGB; what moves between them, in px of the frame.

    `flow` (N - 1, H/2, W/2, 2) float16 on a grid of half size; `camera` (N - 1, 3, 2): coefficients of
    x / W - 0.5, y / H - 0.5 and 1; `inliers` (N - 1): share of the picture that follows the camera.
    """

    frames: np.ndarray
    flow: np.ndarray
    camera: np.ndarray
    inliers: np.ndarray

    def save(self, path: Path) -> None:
        """Write an .npz, whole or not at all."""
        partial = path.with_suffix(".partial.npz")
        np.savez(partial, **{f.name: getattr(self, f.name) for f in dataclasses.fields(self)})
        partial.replace(path)


def load_segment(path: Path) -> Segment:
    """What `Segment.save` wrote."""
    with np.load(path) as archive:
        return Segment(**{f.name: archive[f.name] for f in dataclasses.fields(Segment)})


def decode(path: Path) -> list[np.ndarray]:
    """Frames of the first stretch without a cut that is long enough, long side at most LONG_SIDE_PX."""
    frames: list[np.ndarray] = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        fps = float(stream.average_rate or 25)
        every = max(1, round(fps / USUAL_FPS)) if fps < FAST_FPS else 1
        for number, frame in enumerate(container.decode(stream)):
            if number < START_S * fps or number % every:
                continue
            picture = reduced(frame.to_ndarray(format="rgb24"))
            if frames and cut_distance(frames[-1], picture) > CUT_DISTANCE:
                if len(frames) >= ENOUGH_FRAMES:
                    break
                frames = []
            if frames and np.abs(frames[-1].astype(np.int16) - picture).mean() < REPEATED_LEVELS:
                continue
            frames.append(picture)
            if len(frames) >= MOST_FRAMES:
                break
    return frames


def reduced(rgb: np.ndarray) -> np.ndarray:
    """At analysis size, even sides."""
    height, width = rgb.shape[:2]
    scale = min(1.0, LONG_SIDE_PX / max(height, width))
    size = int(width * scale) // 2 * 2, int(height * scale) // 2 * 2
    return rgb if size == (width, height) else cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)


def cut_distance(before: np.ndarray, after: np.ndarray) -> float:
    """0 for pictures of the same colours, 1 for none in common."""
    both = [cv2.calcHist([x], [0, 1, 2], None, [8] * 3, [0, 256] * 3) for x in (before, after)]
    shares = [h / h.sum() for h in both]
    return float(cv2.compareHist(shares[0], shares[1], cv2.HISTCMP_BHATTACHARYYA))


def flows(frames: list[np.ndarray]) -> np.ndarray:
    """Flow of each frame to the next, as `Segment.flow`."""
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    half = [
        cv2.cvtColor(cv2.resize(f, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        for f in frames
    ]
    return np.stack([(search.calc(a, b, None) * 2).astype(np.float16) for a, b in itertools.pairwise(half)])


def fit_camera(flow: np.ndarray) -> tuple[np.ndarray, float]:
    """Affine motion that most of the picture follows, by iterated reweighting: (3, 2), share of inliers."""
    height, width = flow.shape[:2]
    y, x = np.mgrid[0:height:4, 0:width:4]
    places = np.stack([x.ravel() / width - 0.5, y.ravel() / height - 0.5, np.ones(x.size)], 1)
    moved, weight = flow[::4, ::4].reshape(-1, 2).astype(np.float64), np.ones(len(places))
    for _ in range(FIT_ROUNDS):
        fitted = np.linalg.lstsq(places * weight[:, None], moved * weight[:, None], rcond=None)[0]
        away = np.linalg.norm(places @ fitted - moved, axis=1)
        weight = 1 / (1 + (away / 0.5) ** 2)
    return fitted, float((away < INLIER_PX).mean())


def segment_of(frames: list[np.ndarray]) -> Segment:
    """Frames with what moves between them."""
    flow = flows(frames)
    fits = [fit_camera(f.astype(np.float32)) for f in flow]
    camera = np.stack([p for p, _ in fits]).astype(np.float32)
    return Segment(np.stack(frames), flow, camera, np.array([share for _, share in fits], np.float32))


def main() -> None:
    """Command line; segments that are there already stay."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", type=Path)
    parser.add_argument("segments", type=Path)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    args.segments.mkdir(parents=True, exist_ok=True)
    for path in sorted(p for p in args.clips.iterdir() if p.suffix.lower() in SUFFIXES):
        target = args.segments / f"{path.stem}.npz"
        frames = [] if target.exists() else decode(path)
        if len(frames) >= FEWEST_FRAMES:
            segment_of(frames).save(target)
        print(path.name, f"{len(frames)} frames" if frames else "is there or has none", flush=True)


if __name__ == "__main__":
    main()
