"""Measure a deblurrer on pairs from photos it was not trained on; print the table, write a figure and JSON.

python -m engines.recipes.deblur.evaluate .work/deblur/both/last.pt --set .work/deblur/val --out OUT

Inside the blur and outside it apart, by blur extent; beside what the true kernel, the true path, no path, and
the dense twin (all cells kept) give. Everything goes through 8-bit pixels, as the stage does.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch import Tensor

from engines.recipes.synthesis.compose import traits
from engines.recipes.synthesis.kernels import Motion, motion_kernel
from engines.recipes.synthesis.sources import WORK as BLUR_WORK
from engines.recipes.synthesis.sources import load_photos

from .classic import richardson_lucy, wiener
from .data import PairSet, scenes_of
from .losses import cells_moved, evidence
from .model import grow, macs
from .paths import CELL, decode_path, encode_path, endpoint_error, reblur
from .train import load_network

if TYPE_CHECKING:
    from engines.recipes.synthesis.scene import Scene

    from .data import Pairs
    from .model import Analysis, Deblurrer

BINS = ((3, 6), (6, 12), (12, 24))
THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6)
KNOWN = 0.5  # evidence from which on a cell counts as one that can be judged
FEWEST_PX = 300  # a picture with less of an extent does not count in that bin
Rows = dict[str, list[float]]


class Judge:
    """Collects numbers picture by picture."""

    def __init__(self, network: Deblurrer, threshold: float) -> None:
        self.network, self.threshold = network, threshold
        self.rows: Rows = defaultdict(list)

    @torch.no_grad()
    def look(self, pairs: Pairs, kernel: np.ndarray | None) -> Tensor:
        """One pair; gives the restored picture."""
        analysis = self.network.analyser(pairs.moved)
        found = (torch.sigmoid(analysis.mask) > self.threshold).float()
        self._analysis(pairs, analysis)
        kept, moved = grow(found), cells_moved(pairs)
        share = float(kept.mean())
        cost = macs(1024, 1024, share)
        self.rows["kept"].append(share)
        self.rows["macs_pruned_to_dense"].append(cost["pruned"] / cost["dense"])
        run = self.network.restorer
        code, true = analysis.code, encode_path(pairs.path)
        own = run(pairs.moved, code, kept)
        made = {
            "own": own.picture,
            "dense": run(pairs.moved, code, torch.ones_like(kept)).picture,
            "true_path": run(pairs.moved, true, grow(moved)).picture,
            "true_length": run(pairs.moved, with_length(code, true), grow(moved)).picture,
            "no_path": run(pairs.moved, torch.zeros_like(code), kept).picture,
        }
        if kernel is not None:
            array = pairs.moved[0].numpy().astype(np.float64)
            for name, method in (("wiener", wiener), ("richardson_lucy", richardson_lucy)):
                made[name] = torch.from_numpy(method(array, kernel))[None].float()
        self._gains(pairs, {name: (p.clamp(0, 1) * 255).round() / 255 for name, p in made.items()})
        restored = (own.picture.clamp(0, 1) * 255).round() / 255
        outside = torch.nn.functional.interpolate(1 - kept, scale_factor=float(CELL), mode="nearest")
        self.rows["outside_change"].append(float(((restored - pairs.moved).abs() * outside).max()))
        self._reblur(pairs, restored, analysis)
        if moved.sum():
            seen = (torch.stack(own.attention).mean(0) > 0.5) & (kept > 0)
            self.rows["attention_iou_at_4"].append(_iou(seen, moved > 0))
        return restored

    def _analysis(self, pairs: Pairs, analysis: Analysis) -> None:
        moved, probability = cells_moved(pairs) > 0, torch.sigmoid(analysis.mask)
        known = evidence(pairs) > KNOWN
        for threshold in THRESHOLDS:
            found = probability > threshold
            for name, mask in (("hit", found & moved), ("any", found | moved)):
                self.rows[f"mask_{name}_{threshold}"].append(float(mask.sum()))
                self.rows[f"mask_known_{name}_{threshold}"].append(float((mask & known).sum()))
        self.rows["mask_true"].append(float(moved.sum()))
        self.rows["mask_known_true"].append(float((moved & known).sum()))
        if moved.sum() < FEWEST_PX / CELL**2:
            return
        error = endpoint_error(decode_path(analysis.code), pairs.path)
        zero = endpoint_error(torch.zeros_like(pairs.path), pairs.path)
        self.rows["endpoint_error_px"].append(float(error[moved[:, 0]].mean()))
        self.rows["endpoint_error_of_zero_px"].append(float(zero[moved[:, 0]].mean()))
        seen = (known & moved)[:, 0]
        if bool(seen.any()):
            cosine = torch.cosine_similarity(analysis.code[:, :2], encode_path(pairs.path)[:, :2], dim=1)
            angle = torch.rad2deg(cosine[seen].clamp(-1, 1).acos()) / 2
            self.rows["direction_error_median_degrees"].append(float(angle.median()))
        near = analysis.attention[1]
        pooled = torch.nn.functional.max_pool2d(moved.float(), 2)[..., : near.shape[-2], : near.shape[-1]]
        self.rows["attention_iou_at_8"].append(_iou(near > 0.5, pooled > 0))

    def _gains(self, pairs: Pairs, made: dict[str, Tensor]) -> None:
        before = (pairs.moved - pairs.still).square().mean(1, keepdim=True)
        for low, high in BINS:
            inside = (pairs.extent >= low) & (pairs.extent < high)
            if int(inside.sum()) < FEWEST_PX or float(before[inside].mean()) < 1e-6:
                continue
            self.rows[f"psnr_in {low}-{high}"].append(_psnr(float(before[inside].mean())))
            for name, picture in made.items():
                after = float((picture - pairs.still).square().mean(1, keepdim=True)[inside].mean())
                gain = _psnr(after) - _psnr(float(before[inside].mean()))
                self.rows[f"gain {name} {low}-{high}"].append(gain)
            mask = inside[0, 0].numpy()
            ssim = [_ssim(p, pairs.still, mask) for p in (made["own"], pairs.moved)]
            self.rows[f"ssim_gain own {low}-{high}"].append(ssim[0] - ssim[1])

    def _reblur(self, pairs: Pairs, restored: Tensor, analysis: Analysis) -> None:
        inside = pairs.blurred.bool().expand(-1, 3, -1, -1)
        if int(inside.sum()) > 3 * FEWEST_PX:
            again = reblur(restored, decode_path(analysis.code))
            self.rows["reblur_db"].append(_psnr(float((again - pairs.moved).square()[inside].mean())))

    def table(self) -> dict[str, float]:
        """Means over pictures; mask numbers over all cells."""
        out = {}
        for name, values in sorted(self.rows.items()):
            if name.startswith("mask_"):
                continue
            out[name] = round(float(np.mean(values)), 4)
            if name.startswith("gain "):
                out[f"{name} n"] = len(values)
        for prefix, where in (("mask", ""), ("mask_known", " where known")):
            true = sum(self.rows[f"{prefix}_true"])
            for threshold in THRESHOLDS:
                hit, either = (sum(self.rows[f"{prefix}_{k}_{threshold}"]) for k in ("hit", "any"))
                out[f"mask recall{where} at {threshold}"] = round(hit / true, 4)
                out[f"mask IoU{where} at {threshold}"] = round(hit / either, 4)
        return out


def with_length(code: Tensor, true: Tensor) -> Tensor:
    """The directions of `code`, everything else as it truly is."""
    return torch.cat([torch.nn.functional.normalize(code[:, :2]), true[:, 2:]], 1)


def _psnr(error: float) -> float:
    return float(-10 * np.log10(max(error, 1e-9)))


def _iou(found: Tensor, true: Tensor) -> float:
    return float((found & true).sum() / (found | true).sum().clamp_min(1))


def _ssim(picture: Tensor, still: Tensor, mask: np.ndarray) -> float:
    """SSIM of luma, Gaussian window of 1.5 px, mean over the mask."""
    a, b = (p[0].mean(0).numpy().astype(np.float64) for p in (picture, still))

    def smooth(plane: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(plane, (11, 11), 1.5)

    mean_a, mean_b = smooth(a), smooth(b)
    spread_a, spread_b = smooth(a * a) - mean_a**2, smooth(b * b) - mean_b**2
    both = smooth(a * b) - mean_a * mean_b
    ratio = (2 * mean_a * mean_b + 1e-4) * (2 * both + 9e-4)
    ratio /= (mean_a**2 + mean_b**2 + 1e-4) * (spread_a + spread_b + 9e-4)
    return float(ratio[mask].mean())


def only_kernel(scene: Scene) -> np.ndarray | None:
    """The kernel of a scene in which one thing moves, and all its pixels alike."""
    found: list[Motion] = [layer.motion for layer in scene.layers if layer.motion]
    found += [m for m in (scene.background_motion, scene.frame_motion) if m]
    return motion_kernel(found[0]) if len(found) == 1 and found[0].is_translation else None


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument(
        "--analyser", type=Path, help="checkpoint of the analyser, where it was trained alone"
    )
    parser.add_argument("--set", type=Path, required=True, dest="stored")
    parser.add_argument("--pack", type=Path, default=BLUR_WORK / "pack")
    parser.add_argument("--threshold", type=float, default=0.4)
    parser.add_argument("--n", type=int, default=240)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    stored = PairSet(args.stored)
    about = traits(load_photos(args.pack, stored.about["split"]))
    judge = Judge(load_network(args.weights, args.analyser), args.threshold)
    args.out.mkdir(parents=True, exist_ok=True)
    shown = []
    for index in np.linspace(0, stored.count - 1, min(args.n, stored.count)).round().astype(int).tolist():
        pairs = stored.read([index])
        scene = scenes_of(stored.about["seed"], range(index, index + 1), about)[0]
        restored = judge.look(pairs, only_kernel(scene))
        if len(shown) < 16 and float(pairs.blurred.mean()) > 0.1:
            row = torch.cat([pairs.moved, restored, pairs.still], 3)[0]
            shown.append((row * 255).round().byte().permute(1, 2, 0).numpy())
    table = judge.table()
    (args.out / "table.json").write_text(json.dumps(table, indent=1))
    cv2.imwrite(str(args.out / "pictures.png"), np.vstack(shown)[..., ::-1])
    for name, value in table.items():
        print(f"{name:34} {value:g}")


if __name__ == "__main__":
    main()
