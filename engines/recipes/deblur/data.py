"""Pairs of pictures, moved and at rest, rendered ahead, and crops of them while training.

python -m engines.recipes.deblur.data .work/deblur/set1 --n 3000 --seed 11            # nice it
python -m engines.recipes.deblur.data .work/deblur/easy1 --n 3000 --seed 21 --easy
python -m engines.recipes.deblur.data .work/deblur/val --n 240 --seed 888 --split val

Scenes, objects and cameras are those of the motion_blur recipe. The target is the same exposure without the
motion: the same lens, tone curve and noise, before compression.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engines.recipes.synthesis.camera import file, photograph
from engines.recipes.synthesis.compose import MARGIN_PX, Canvas, compose, traits
from engines.recipes.synthesis.scene import Mixture, ObjectLayer, Scene, Traits, draw_scene, log_uniform
from engines.recipes.synthesis.sources import WORK as BLUR_WORK
from engines.recipes.synthesis.sources import load_photos
from engines.recipes.training import wait_while_paused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engines.recipes.synthesis.kernels import Motion
    from engines.recipes.synthesis.sources import Photo

WORK = BLUR_WORK.parent / "deblur"
CELL = 4
SIZE_PX = 192
MIN_EXTENT_PX, MAX_EXTENT_PX = 2.5, 26.0
BLURRED_PX = 1.5  # the extent from which on a pixel is called blurred, as in the segmenter's labels
EXTENT_STEPS, PATH_STEPS = 8, 2  # stored in eighths and halves of a pixel
MIX = Mixture(
    stage=3, modes=(0.68, 0.08, 0.06, 0.10, 0.08), coverage=(0.06, 0.70, 0.24), mask_centric=0.7,
    background_defocus=0.35, object_defocus=0.08, frame_softness=0.2, sharpening=0.3, degraded=0.25,
)  # fmt: skip
EASY = replace(
    MIX, modes=(0.45, 0.15, 0.05, 0.30, 0.05), coverage=(0.0, 0.9, 0.1), background_defocus=0.1,
    object_defocus=0.0, frame_softness=0.0, degraded=0.1,
)  # fmt: skip
_PLANES = {"moved": (3, 1, np.uint8), "still": (3, 1, np.uint8), "extent": (1, 1, np.uint8),
           "path": (4, CELL, np.int8)}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """moved, still (B, 3, S, S) float32 in [0, 1]; extent (B, 1, S, S) px; path (B, 4, S/4, S/4) px.

    `path`: chord x, y and sagitta x, y of where each cell's light came from, 0 where nothing moved.
    """

    moved: Tensor
    still: Tensor
    extent: Tensor
    path: Tensor

    @property
    def blurred(self) -> Tensor:
        """(B, 1, S, S) float32: 1 where the picture moved."""
        return (self.extent >= BLURRED_PX).float()

    def map(self, change: object) -> Pairs:
        """The same function on every plane."""
        return Pairs(*(change(getattr(self, f.name)) for f in dataclasses.fields(self)))


def scenes_of(seed: int, index: range, about: Traits, mix: Mixture = MIX) -> list[Scene]:
    """The scenes of a set, extents spread evenly over the octaves that repair is meant for."""
    return [_within_reach(draw_scene((seed, i), mix, about), seed, i) for i in index]


def _within_reach(scene: Scene, seed: int, index: int) -> Scene:
    rng = np.random.default_rng((seed, index, 1))

    def shorten(motion: Motion | None) -> Motion | None:
        return motion and replace(motion, extent_px=log_uniform(rng, MIN_EXTENT_PX, MAX_EXTENT_PX))

    def layer(one: ObjectLayer) -> ObjectLayer:
        return replace(one, motion=shorten(one.motion), ring_px=0.0)

    return replace(
        scene,
        layers=tuple(layer(one) for one in scene.layers),
        background_motion=shorten(scene.background_motion),
        frame_motion=shorten(scene.frame_motion),
        camera=replace(scene.camera, jpeg_quality=max(scene.camera.jpeg_quality, 75)),
    )


def render_pairs(scenes: Sequence[Scene], photos: Sequence[Photo], *, size_px: int = SIZE_PX) -> Pairs:
    """What the camera gives of each scene, with and without its motion."""
    canvas = compose(scenes, photos, side=size_px + 2 * MARGIN_PX)
    canvas = Canvas(
        *(getattr(canvas, f.name)[..., _inner(size_px), _inner(size_px)] for f in _fields(canvas))
    )
    moved, still = [], []
    for i, scene in enumerate(scenes):
        for pictures, made in ((canvas.exposed, moved), (canvas.still, still)):
            generator = torch.Generator(device=pictures.device).manual_seed(scene.seed)
            made.append(photograph(pictures[i], scene.camera, generator))
    filed = file(torch.stack(moved), [s.camera for s in scenes])
    return Pairs(filed / 255, torch.stack(still).round() / 255, canvas.extent, _path_of_cells(canvas))


def _inner(size_px: int) -> slice:
    return slice(MARGIN_PX, MARGIN_PX + size_px)


def _fields(canvas: Canvas) -> tuple[dataclasses.Field[object], ...]:
    return dataclasses.fields(canvas)


def _path_of_cells(canvas: Canvas) -> Tensor:
    """Mean path of the pixels of each cell that moved."""
    moved = (canvas.extent >= BLURRED_PX).float()
    share = F.avg_pool2d(moved, CELL)
    return F.avg_pool2d(canvas.path * moved, CELL) / share.clamp_min(1e-6)


class PairSet:
    """A folder of memory-mapped arrays; `count` of them are finished."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r+") for name in _PLANES}
        self.about = json.loads((folder / "about.json").read_text())

    @classmethod
    def create(cls, folder: Path, *, n: int, about: dict[str, object]) -> PairSet:
        """Empty arrays for n pairs."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, (channels, cell, dtype) in _PLANES.items():
            shape = (n, channels, SIZE_PX // cell, SIZE_PX // cell)
            np.lib.format.open_memmap(folder / f"{name}.npy", "w+", dtype, shape).flush()
        (folder / "count").write_text("0")
        (folder / "about.json").write_text(json.dumps(about))
        return cls(folder)

    @property
    def count(self) -> int:
        """Pairs finished so far; grows while another process writes."""
        return int((self.folder / "count").read_text())

    def write(self, start: int, pairs: Pairs) -> None:
        """Store pairs from index `start` on, then count them."""
        scaled = {
            "moved": pairs.moved * 255,
            "still": pairs.still * 255,
            "extent": (pairs.extent * EXTENT_STEPS).clamp(0, 255),
            "path": (pairs.path * PATH_STEPS).clamp(-127, 127),
        }
        end = start + len(pairs.moved)
        for name, values in scaled.items():
            self.arrays[name][start:end] = values.round().cpu().numpy().astype(_PLANES[name][2])
        partial = self.folder / "count.partial"
        partial.write_text(str(end))
        partial.replace(self.folder / "count")

    def read(self, index: Sequence[int]) -> Pairs:
        """Pairs as floats, whole."""
        moved, still, extent, path = (
            torch.from_numpy(np.stack([self.arrays[name][i] for i in index])).float() for name in _PLANES
        )
        return Pairs(moved / 255, still / 255, extent / EXTENT_STEPS, path / PATH_STEPS)


class Crops:
    """Batches drawn from (seed, step) alone: a resumed run repeats itself."""

    def __init__(
        self, sets: Sequence[PairSet], *, batch: int, side_px: int, seed: int, centred: float = 0.75
    ) -> None:
        self.sets, self.batch, self.side, self.seed, self.centred = sets, batch, side_px, seed, centred

    def draw(self, step: int) -> Pairs:
        """Crops of one step, on the cell grid, turned, mirrored and recoloured."""
        rng = np.random.default_rng((self.seed, step))
        counts = np.array([s.count for s in self.sets])
        parts = []
        for pick in rng.integers(int(counts.sum()), size=self.batch):
            which = int(np.searchsorted(counts.cumsum(), pick, side="right"))
            index = int(pick - counts[:which].sum())
            parts.append(_turn(self._crop(self.sets[which], index, rng), rng))
        joined = Pairs(*(torch.cat([getattr(p, f.name) for p in parts]) for f in dataclasses.fields(Pairs)))
        return _recolour(joined, rng)

    def _crop(self, stored: PairSet, index: int, rng: np.random.Generator) -> Pairs:
        """A window of one pair; usually around a place that the motion changed, the more the likelier."""
        spare = (SIZE_PX - self.side) // CELL
        corner = rng.integers(spare + 1, size=2)
        pair = stored.read([index])
        changed = F.avg_pool2d(((pair.moved - pair.still).abs() * pair.blurred).mean(1), CELL)[0].numpy()
        if changed.sum() > 0 and rng.random() < self.centred:
            place = int(np.searchsorted(np.cumsum(changed), rng.random() * changed.sum()))
            centre = np.array(divmod(min(place, changed.size - 1), changed.shape[1]))
            corner = np.clip(centre - self.side // CELL // 2, 0, spare)
        y, x = (corner * CELL).tolist()

        def cut(plane: Tensor) -> Tensor:
            cell = SIZE_PX // plane.shape[-1]
            return plane[..., y // cell : (y + self.side) // cell, x // cell : (x + self.side) // cell]

        return pair.map(cut)


def _turn(pair: Pairs, rng: np.random.Generator) -> Pairs:
    """Quarter turns and mirrors; the path turns with the picture (x right, y down)."""
    turns, mirrored = int(rng.integers(4)), bool(rng.random() < 0.5)
    out = pair.map(lambda plane: torch.rot90(plane, turns, (2, 3)))
    path = out.path
    for _ in range(turns):  # rot90 turns the picture counter-clockwise: (x, y) -> (y, -x)
        path = torch.stack([path[:, 1], -path[:, 0], path[:, 3], -path[:, 2]], 1)
    out = replace(out, path=path)
    if not mirrored:
        return out
    flipped = out.map(lambda plane: plane.flip(3))
    sign = torch.tensor([-1.0, 1.0, -1.0, 1.0])[None, :, None, None]
    return replace(flipped, path=flipped.path * sign)


def _recolour(pairs: Pairs, rng: np.random.Generator) -> Pairs:
    """Brightness, tint and saturation, the same for both pictures of a pair."""
    n = len(pairs.moved)

    def drawn(low: float, high: float, channels: int = 1) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, (n, channels, 1, 1)).astype(np.float32))

    gain, keep = drawn(0.85, 1.1) * drawn(0.94, 1.06, 3), drawn(0.2, 1.2)

    def recolour(picture: Tensor) -> Tensor:
        out = picture * gain
        grey = out.mean(1, keepdim=True)
        return (grey + (out - grey) * keep).clamp(0, 1)

    return replace(pairs, moved=recolour(pairs.moved), still=recolour(pairs.still))


def make_set(
    folder: Path, pack: Path, *, n: int, seed: int, split: str, device: str = "cpu", mix: Mixture = MIX
) -> PairSet:
    """Render n pairs into `folder`, going on where an earlier run stopped."""
    photos = load_photos(pack, split, device=device)
    about = {"seed": seed, "split": split, "n": n, "size_px": SIZE_PX, "mix": dataclasses.asdict(mix)}
    known = json.loads(json.dumps(about))
    if (folder / "about.json").exists():
        stored = PairSet(folder)
        if stored.about != known:
            raise ValueError(f"{folder} holds another set: {stored.about}, wanted {known}")
    else:
        stored = PairSet.create(folder, n=n, about=about)
    step, began, first = 8 if device == "cpu" else 64, time.monotonic(), stored.count
    for start in range(first, n, step):
        wait_while_paused()
        scenes = scenes_of(seed, range(start, min(n, start + step)), traits(photos), mix)
        stored.write(start, render_pairs(scenes, photos))
        if (start - first) % (step * 20) == 0:
            rate = (start + len(scenes) - first) / (time.monotonic() - began)
            print(f"{start + len(scenes)}/{n} {rate:.1f} pairs/s", flush=True)
    return stored


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pack", type=Path, default=BLUR_WORK / "pack")
    parser.add_argument("--n", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--split", choices=("train", "val"), default="train")
    parser.add_argument("--easy", action="store_true", help="hardly any noise or defocus: learned first")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    args.mix = EASY if args.easy else MIX
    del args.easy
    made = make_set(**vars(args))
    print(f"{made.count} pairs in {args.folder}")


if __name__ == "__main__":
    main()
