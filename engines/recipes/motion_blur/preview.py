"""Contact sheet of training pictures with their labels. Look at it before every long run.

python -m engines.recipes.motion_blur.preview --n 24 --seed 1 --out .work/motion_blur/preview.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from engines.recipes.synthesis.compose import traits
from engines.recipes.synthesis.scene import EASY, Mixture, Scene, draw_scene
from engines.recipes.synthesis.sources import WORK, load_photos

from .model import EXTENT_FULL_SCALE_PX, STRIDE
from .render import Samples, render


def caption(scene: Scene) -> str:
    """The scene in a few words."""
    words = [scene.mode]
    moving = [scene.background_motion, scene.frame_motion, *(layer.motion for layer in scene.layers)]
    words += [f"{m.kind[:6]}{m.extent_px:.0f}" for m in moving if m]
    words += [
        f"[{layer.cutout.kind.replace('own_', '')} {layer.coverage}{' ring' if layer.ring_px else ''}]"
        for layer in scene.layers
    ]
    lenses = [scene.background_defocus if scene.layers else None, scene.frame_defocus]
    words += [f"f{d.radius_px:.0f}" for d in lenses if d]
    return " ".join(words)


def sheet(samples: Samples, captions: list[str], *, n_columns: int = 3) -> np.ndarray:
    """Image, mask, extent and evidence of every sample: (H, W, 3) uint8 BGR."""
    panels = []
    for i, text in enumerate(captions):
        rgb = samples.image[i].permute(1, 2, 0).cpu().numpy()
        planes = (samples.mask[i, 0], samples.extent[i, 0] / EXTENT_FULL_SCALE_PX, samples.evidence[i, 0])
        cells = np.vstack([np.clip(p.cpu().numpy(), 0, 1) for p in planes])
        strip = cv2.resize(
            (cells * 255).astype(np.uint8), (rgb.shape[1] // 3, rgb.shape[0]), interpolation=cv2.INTER_AREA
        )
        panel = np.hstack([cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), cv2.cvtColor(strip, cv2.COLOR_GRAY2BGR)])
        panel = np.pad(panel, ((0, 18), (0, 4), (0, 0)))
        panels.append(
            cv2.putText(panel, text[:70], (2, panel.shape[0] - 5), 0, 0.38, (0, 255, 255), 1, cv2.LINE_AA)
        )
    panels += [np.zeros_like(panels[0])] * (-len(panels) % n_columns)
    return np.vstack([np.hstack(panels[i : i + n_columns]) for i in range(0, len(panels), n_columns)])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pack", type=Path, default=WORK / "pack")
    parser.add_argument("--split", choices=("train", "val"), default="train")
    parser.add_argument("--n", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--size", type=int, default=320, help=f"px, a multiple of 16 (labels at stride {STRIDE})"
    )
    parser.add_argument("--easy", action="store_true", help="the first stage of the curriculum")
    parser.add_argument("--out", type=Path, default=WORK / "preview.png")
    args = parser.parse_args()
    photos = load_photos(args.pack, args.split, limit=300)
    mix, about = EASY if args.easy else Mixture(), traits(photos)
    scenes = [draw_scene((args.seed, i), mix, about) for i in range(args.n)]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(args.out), sheet(render(scenes, photos, size_px=args.size), [caption(s) for s in scenes]))


if __name__ == "__main__":
    main()
