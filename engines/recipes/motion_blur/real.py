"""Real clips and photographs -> sets of labelled crops.

python -m engines.recipes.motion_blur.real exposures .work/motion_blur/real1 --n 3000 --seed 1
... follow    .work/motion_blur/follow1 --n 2000 --seed 2   # a standing camera that follows a subject
... sharp     .work/motion_blur/sharp1  --n 2000 --seed 3   # real photographs without motion blur
... photos    .work/motion_blur/sharp2  --n 1000 --seed 4   # the photographs that blur is made from
... folder    .work/motion_blur/sharp3  --n 500 --seed 5 --photos .work/motion_blur/landscapes/train
... shaken    .work/motion_blur/shaken1 --n 500 --seed 6    # as sharp, by a camera that moved

Sets grow while a training reads them, and every clip is seen early: rounds of a few windows each.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

from engines.recipes.footage import sources
from engines.recipes.footage.clips import LONG_SIDE_PX, load_segment
from engines.recipes.footage.exposure import Exposure, expose, to_light
from engines.recipes.footage.windows import draw_window, follow
from engines.recipes.synthesis import exposure as synthetic
from engines.recipes.synthesis.compose import MARGIN_PX
from engines.recipes.synthesis.scene import Mixture, draw_motion
from engines.recipes.synthesis.sources import WORK, shared_data, split_names
from engines.recipes.training import wait_while_paused

from .crops import View, cut
from .data import SIZE_PX, StoredSet
from .pictures import read_rgb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.random import Generator

    from engines.recipes.footage.clips import Segment

    from .render import Samples

KINDS = ("exposures", "follow", "sharp", "photos", "folder", "shaken")
WINDOWS_A_VISIT, CROPS_A_WINDOW = 3, 2
CLIP_SCALES, PHOTO_SCALES, LARGE_SCALES = (380, 640), (400, 640), (640, 1100)  # long side a crop is taken at
LARGE = 0.3  # share of the photographs' crops at a large scale: softness at 1:1 is no blur
CAMERA_PX, STILL_PX, STILL_SHARE = 2.0, 0.5, 0.35


def view_of(exposure: Exposure, *, follows: bool, camera_moves: bool) -> View:
    """An exposure as a view. Where the camera follows, what sweeps over a place is the ground itself."""
    height, width = exposure.middle.shape[:2]
    full = lambda a: cv2.resize(np.asarray(a, np.float32), (width, height))  # noqa: E731
    doubled = np.stack([full(np.cos(2 * exposure.direction)), full(np.sin(2 * exposure.direction))], -1)
    extent = full(exposure.own if follows else exposure.swept)
    known = np.ones((height, width), np.float32)
    return View(exposure.light, to_light(exposure.middle), extent, doubled, known, camera_moves)


def sharp_view(rgb: np.ndarray, known: np.ndarray | None = None) -> View:
    """A picture in which nothing moved, as far as it is known."""
    light, nothing = to_light(rgb), np.zeros(rgb.shape[:2], np.float32)
    path = np.zeros((*rgb.shape[:2], 2), np.float32)
    return View(light, light, nothing, path, nothing + 1 if known is None else known, is_photo=known is None)


def shaken_view(rgb: np.ndarray, rng: Generator) -> View:
    """A photograph by a camera that moved: a melted ground must not mean that nothing did."""
    scale = min(1.0, LONG_SIDE_PX / max(rgb.shape[:2]))
    small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    light, motion = to_light(small), draw_motion(rng, Mixture())
    framed = cv2.copyMakeBorder(light, *((MARGIN_PX,) * 4), cv2.BORDER_REFLECT_101)
    moved = synthetic.expose(torch.from_numpy(framed).permute(2, 0, 1)[None], [motion])[0].permute(1, 2, 0)
    inner = (slice(MARGIN_PX, -MARGIN_PX),) * 2
    height, width, device = *framed.shape[:2], torch.device("cpu")
    extent = synthetic.extent_field(motion, height, width, device).numpy()[inner]
    x, y = synthetic.path_field(motion, height, width, device)[:2].numpy()[(slice(None), *inner)]
    angle = 2 * np.arctan2(y, x)
    path = np.stack([np.cos(angle), np.sin(angle)], -1).astype(np.float32)
    rest = np.ascontiguousarray(light)
    exposed = np.ascontiguousarray(moved.clamp(0, 1).numpy()[inner])
    return View(exposed, rest, extent.copy(), path, np.ones_like(extent), camera_moves=True)


def exposures_of(segment: Segment, rng: Generator, *, follows: bool) -> Iterator[Samples]:
    """Crops of a few windows of one clip, and of a frame where it is still."""
    for _ in range(WINDOWS_A_VISIT):
        part = follow(segment, rng) if follows else segment
        window = (0, len(part.flow)) if part and follows else draw_window(segment, rng)
        if part is None or window is None:
            return
        first, last = window
        turned = float(np.linalg.norm(part.camera[first:last, 2].sum(0)))
        moves = follows or (part.inliers[first:last].mean() > 0.6 and turned > CAMERA_PX)
        view = view_of(expose(part, first, last), follows=follows, camera_moves=bool(moves))
        for _ in range(CROPS_A_WINDOW + follows):
            yield cut(view, rng, CLIP_SCALES)
    still = None if follows else still_frame(segment, rng)
    if still is not None:
        yield cut(still, rng, CLIP_SCALES)


def still_frame(segment: Segment, rng: Generator) -> View | None:
    """A single frame: sharp where neither neighbour moves, unknown elsewhere."""
    k = int(rng.integers(1, len(segment.frames) - 1))
    speed = np.linalg.norm(segment.flow[k - 1 : k + 1].astype(np.float32), axis=-1).max(0)
    frame = segment.frames[k]
    near = cv2.dilate(cv2.resize(speed, frame.shape[1::-1]), np.ones((9, 9), np.uint8))
    still = (near < STILL_PX).astype(np.float32)
    return sharp_view(frame, still) if still.mean() >= STILL_SHARE else None


def clip_crops(files: list[Path], rng: Generator, *, follows: bool) -> Iterator[Samples]:
    """Without end, clip after clip in a new order each round."""
    while True:
        for path in rng.permutation(np.array(files, dtype=object)):
            yield from exposures_of(load_segment(path), rng, follows=follows)


def photo_crops(files: list[Path], rng: Generator, *, shaken: bool = False) -> Iterator[Samples]:
    """Without end, photograph after photograph in a new order each round."""
    while True:
        for path in rng.permutation(np.array(files, dtype=object)):
            if shaken:
                yield cut(shaken_view(read_rgb(path), rng), rng, PHOTO_SCALES)
                continue
            scales = LARGE_SCALES if rng.random() < LARGE else PHOTO_SCALES
            yield cut(sharp_view(read_rgb(path)), rng, scales)


def crops(kind: str, args: argparse.Namespace, rng: Generator) -> Iterator[Samples]:
    """What the command asks for."""
    if kind in ("exposures", "follow"):
        files = sources.segments(args.data, args.segments, args.split)
        return clip_crops(files, rng, follows=kind == "follow")
    if kind in ("sharp", "shaken"):
        return photo_crops(sources.negatives(args.data, args.split), rng, shaken=kind == "shaken")
    if kind == "photos":
        return photo_crops([args.data / name for name in split_names(args.data)[args.split]], rng)
    return photo_crops(sorted(args.photos.iterdir()), rng)


def fill(stored: StoredSet, made: Iterator[Samples], n: int) -> None:
    """Write crops behind those that are there already."""
    for index in range(stored.count, n):
        wait_while_paused()
        stored.write(index, next(made))


def main() -> None:
    """Command line; a set that was begun goes on, with other pictures than it would have had."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--n", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--split", choices=("train", "val"), default="train")
    parser.add_argument("--data", type=Path, default=shared_data())
    parser.add_argument("--segments", type=Path, default=WORK / "segments", help="made by footage.clips")
    parser.add_argument("--photos", type=Path, help="of `folder`: sharp photographs to cut from")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    about = {"kind": args.kind, "seed": args.seed, "split": args.split, "n": args.n, "size_px": SIZE_PX}
    is_new = not (args.folder / "about.json").exists()
    stored = (
        StoredSet.create(args.folder, n=args.n, size_px=SIZE_PX, about=about)
        if is_new
        else StoredSet(args.folder)
    )
    fill(stored, crops(args.kind, args, np.random.default_rng((args.seed, stored.count))), args.n)
    print(f"{stored.count} crops in {args.folder}")


if __name__ == "__main__":
    main()
