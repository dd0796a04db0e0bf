"""Sets of rendered samples made ahead, and batches with augmentation while training.

python -m engines.recipes.motion_blur.data .work/motion_blur/set1 --n 6000 --seed 1            # nice it
python -m engines.recipes.motion_blur.data .work/motion_blur/val --n 480 --seed 777 --split val

On a GPU run several of these at once with --device cuda and different seeds; each continues after a kill.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from engines.recipes.synthesis.compose import traits
from engines.recipes.synthesis.scene import NAMED, STAGES, Mixture, Scene, Traits, draw_scene
from engines.recipes.synthesis.sources import WORK, load_photos
from engines.recipes.training import parse_change, wait_while_paused

from .model import STRIDE
from .render import Samples, render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

EXTENT_STEPS_PX = 3  # extents are kept as uint8 thirds of a pixel, up to 85 px
SIZE_PX = 320
RENDER_BATCH = {"cpu": 8, "cuda": 64}


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """image (B, 3, S, S) in [0, 1]; (B, 1, S/4, S/4): mask, extent (px), evidence; path (B, 2, S/4, S/4).

    All float32; evidence and path as in `labels`.
    """

    image: Tensor
    mask: Tensor
    extent: Tensor
    evidence: Tensor
    path: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device, image in channels-last."""
        maps = (t.to(device, non_blocking=True) for t in (self.mask, self.extent, self.evidence, self.path))
        image = self.image.to(device, non_blocking=True, memory_format=torch.channels_last)
        return Batch(image, *maps)


_PLANES = {"image": 3, "mask": 1, "extent": 1, "evidence": 1, "path": 2}
TURNED = 0.3  # share of samples that may stand on their head: skies are above, but phones lie
PATH_ZERO, PATH_STEPS = 128, 127  # path codes are kept as uint8


class StoredSet:
    """A folder of memory-mapped arrays; `count` of them are finished."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r+") for name in _PLANES}
        self.about = json.loads((folder / "about.json").read_text())

    @classmethod
    def create(cls, folder: Path, *, n: int, size_px: int, about: dict[str, object]) -> StoredSet:
        """Empty arrays for n samples."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, channels in _PLANES.items():
            side = size_px if name == "image" else size_px // STRIDE
            array = np.lib.format.open_memmap(
                folder / f"{name}.npy", "w+", np.uint8, (n, channels, side, side)
            )
            array.flush()
        (folder / "about.json").write_text(json.dumps(about))
        (folder / "count").write_text("0")
        return cls(folder)

    @property
    def count(self) -> int:
        """Samples finished so far; grows while another process writes."""
        return int((self.folder / "count").read_text())

    def write(self, start: int, samples: Samples) -> None:
        """Store samples from index `start` on, then count them."""
        end = start + len(samples.image)
        bytes_of = {
            "image": samples.image,
            "mask": samples.mask * 255,
            "extent": (samples.extent * EXTENT_STEPS_PX).clamp(0, 255),
            "evidence": samples.evidence * 255,
            "path": samples.path * PATH_STEPS + PATH_ZERO,
        }
        for name, values in bytes_of.items():
            self.arrays[name][start:end] = (
                values.round().to(torch.uint8).cpu().numpy()
                if values.is_floating_point()
                else values.cpu().numpy()
            )
        partial = self.folder / "count.partial"  # renamed into place: a reader never sees half a number
        partial.write_text(str(end))
        partial.replace(self.folder / "count")

    def read_bytes(self, index: Sequence[int]) -> Batch:
        """Samples as stored, uint8: a quarter of what floats would cost to move."""
        return Batch(*(torch.from_numpy(np.stack([self.arrays[name][i] for i in index])) for name in _PLANES))

    def read(self, index: Sequence[int]) -> Batch:
        """Samples as floats, not augmented."""
        return to_float(self.read_bytes(index))


def to_float(stored: Batch) -> Batch:
    """Bytes -> units: image, mask and evidence in [0, 1], extent in pixels."""
    return Batch(
        stored.image.float() / 255,
        stored.mask.float() / 255,
        stored.extent.float() / EXTENT_STEPS_PX,
        stored.evidence.float() / 255,
        (stored.path.float() - PATH_ZERO) / PATH_STEPS,
    )


def make_set(  # noqa: PLR0913 - one line of the command each
    folder: Path,
    pack: Path,
    *,
    n: int,
    seed: int,
    split: str,
    mix: Mixture,
    device: str = "cpu",
    size_px: int = SIZE_PX,
) -> StoredSet:
    """Render n samples into `folder`, going on where an earlier run stopped."""
    photos = load_photos(pack, split, device=device)
    about = {"seed": seed, "split": split, "n": n, "size_px": size_px, "mix": dataclasses.asdict(mix)}
    known = json.loads(json.dumps(about))
    if (folder / "about.json").exists():
        stored = StoredSet(folder)
        if stored.about != known:
            message = f"{folder} holds another set: {stored.about}, wanted {known}"
            raise ValueError(message)
    else:
        stored = StoredSet.create(folder, n=n, size_px=size_px, about=about)
    step, began, first = RENDER_BATCH[torch.device(device).type], time.monotonic(), stored.count
    for start in range(first, n, step):
        wait_while_paused()
        scenes = scenes_of(seed, range(start, min(n, start + step)), mix, traits(photos))
        stored.write(start, render(scenes, photos, size_px=size_px))
        if (start - first) % (step * 25) == 0:
            rate = (start + len(scenes) - first) / (time.monotonic() - began)
            print(f"{start + len(scenes)}/{n} {rate:.1f} samples/s", flush=True)
    return stored


def scenes_of(seed: int, index: range, mix: Mixture, about: Traits) -> list[Scene]:
    """The scenes of a set's samples: a set can be described again from its seed."""
    return [draw_scene((seed, i), mix, about) for i in index]


class Sampler:
    """Batches of several families of sets, drawn from (seed, rank, step) alone: a resumed run repeats itself.

    Each family has its share of a batch; in one family larger sets are drawn more often. Sets that still
    grow are read as far as they are.
    """

    def __init__(
        self, families: Sequence[tuple[Sequence[StoredSet], float]], *, batch: int, seed: int, rank: int = 0
    ) -> None:
        self.families, self.batch, self.seed, self.rank = families, batch, seed, rank

    def draw(self, step: int, device: str = "cpu") -> Batch:
        """The augmented batch of one step, made on `device`."""
        rng = np.random.default_rng((self.seed, self.rank, step))
        shares = np.array([share for _, share in self.families])
        parts: list[Batch] = []
        for (sets, _), wanted in zip(
            self.families, rng.multinomial(self.batch, shares / shares.sum()), strict=True
        ):
            parts += self._of_family(sets, int(wanted), rng)
        names = [f.name for f in dataclasses.fields(Batch)]
        stored = Batch(*(torch.cat([getattr(p, name) for p in parts]) for name in names))
        return augment(to_float(stored.to(torch.device(device))), rng)

    @staticmethod
    def _of_family(sets: Sequence[StoredSet], wanted: int, rng: np.random.Generator) -> list[Batch]:
        counts = np.array([s.count for s in sets], float)
        if not counts.sum():
            message = f"no finished samples in {[str(s.folder) for s in sets]}"
            raise ValueError(message)
        return [
            stored.read_bytes(rng.integers(stored.count, size=n).tolist())
            for stored, n in zip(sets, rng.multinomial(wanted, counts / counts.sum()), strict=True)
            if n
        ]


def prefetch(draw: Callable[[int], Batch], first: int, last: int, *, n_ahead: int) -> Iterator[Batch]:
    """draw(first) ... draw(last - 1) in order, `n_ahead` of them under way in threads."""
    with ThreadPoolExecutor(max_workers=max(1, n_ahead)) as pool:
        waiting = deque(pool.submit(draw, step) for step in range(first, min(last, first + n_ahead)))
        for step in range(first, last):
            batch = waiting.popleft().result() if waiting else draw(step)
            if step + n_ahead < last and n_ahead:
                waiting.append(pool.submit(draw, step + n_ahead))
            yield batch


def augment(batch: Batch, rng: np.random.Generator) -> Batch:
    """Mirrors and some quarter turns (they turn the motion with the picture), tone, tint and saturation."""
    n = len(batch.image)
    turns = rng.integers(4, size=n) * (rng.random(n) < TURNED)
    mirrored = rng.random(n) < 0.5
    planes = [getattr(batch, f.name).clone() for f in dataclasses.fields(Batch)]
    for turn in range(4):
        for mirror in (False, True):
            chosen = torch.from_numpy(np.flatnonzero((turns == turn) & (mirrored == mirror))).to(
                batch.image.device
            )
            if (turn or mirror) and len(chosen):
                for plane in planes:
                    turned = torch.rot90(plane[chosen], turn, (2, 3))
                    plane[chosen] = turned.flip(3) if mirror else turned
                planes[-1][chosen] *= _path_signs(turn, mirror=mirror, device=batch.image.device)
    image, *maps = planes
    return Batch(_recolour(image, rng), *maps)


def _path_signs(turn: int, *, mirror: bool, device: torch.device) -> Tensor:
    """At the doubled angle a quarter turn is a half turn, and a mirror negates the sine."""
    sign = (-1.0) ** turn
    return torch.tensor([sign, -sign if mirror else sign], device=device)[None, :, None, None]


def _recolour(image: Tensor, rng: np.random.Generator) -> Tensor:
    n = len(image)

    def draw(low: float, high: float, channels: int = 1) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, (n, channels, 1, 1)).astype(np.float32)).to(
            image.device
        )

    out = image.clamp_min(1e-4) ** draw(0.75, 1.35) * draw(0.8, 1.2) * draw(0.92, 1.08, 3)
    grey = out.mean(1, keepdim=True)
    return (grey + (out - grey) * draw(0, 1.4)).clamp(0, 1)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pack", type=Path, default=WORK / "pack")
    parser.add_argument("--n", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--split", choices=("train", "val"), default="train")
    parser.add_argument(
        "--stage", type=int, choices=(1, 2, 3), default=3, help="of the curriculum; 1 is easy"
    )
    parser.add_argument("--named", choices=NAMED, help="a mixture of its own instead of a stage")
    parser.add_argument(
        "--mix", action="append", type=parse_change, default=[], help="ablation: sharpening=0, mask_centric=1"
    )
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    mix = dataclasses.replace(NAMED[args.named] if args.named else STAGES[args.stage - 1], **dict(args.mix))
    made = make_set(
        args.folder, args.pack, n=args.n, seed=args.seed, split=args.split, mix=mix, device=args.device
    )
    print(f"{made.count} samples in {args.folder}")


if __name__ == "__main__":
    main()
