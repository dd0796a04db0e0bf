"""Score on the frozen synthetic validation set by blur type and extent; choose the engine's thresholds."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engines.recipes.synthesis.compose import traits
from engines.recipes.synthesis.scene import Mixture, Scene
from engines.recipes.synthesis.sources import WORK, load_photos

from .data import StoredSet, scenes_of
from .losses import known_share
from .metrics import Curve, spearman
from .model import EXTENT_FULL_SCALE_PX, SIZE_MULTIPLE

if TYPE_CHECKING:
    from pathlib import Path

    from .predictor import Run

EXTENT_BINS_PX = (1.5, 4.0, 8.0, 16.0, 24.0, 75.0)
PLAINLY_SEEN, KEPT = 0.5, 0.95  # true evidence from which on a cell must pass the evidence floor


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Predictions and truth of one set, each (n, h, w) float32 at stride 4, and the scenes they show."""

    probability: np.ndarray
    intensity: np.ndarray
    evidence: np.ndarray
    mask: np.ndarray
    extent: np.ndarray
    known: np.ndarray  # true evidence, 0..1
    scenes: list[Scene]


def score_set(run: Run, folder: Path, pack: Path) -> Scored:
    """Run the network over a stored set whose sides are a multiple of 64."""
    stored = StoredSet(folder)
    about = stored.about
    if about["size_px"] % SIZE_MULTIPLE:
        message = f"samples of {about['size_px']} px cannot be scored: not a multiple of {SIZE_MULTIPLE}"
        raise ValueError(message)
    mix = Mixture(**{k: tuple(v) if isinstance(v, list) else v for k, v in about["mix"].items()})
    scenes = scenes_of(about["seed"], range(stored.count), mix, traits(load_photos(pack, about["split"])))
    rows = []
    for i in range(stored.count):
        batch = stored.read([i])
        maps = run(batch.image.numpy())
        truth = (batch.mask.numpy(), batch.extent.numpy(), known_share(batch.evidence).numpy())
        rows.append([m[0, 0] for m in (*maps, *truth)])
    planes = (np.stack(p) for p in zip(*rows, strict=True))
    return Scored(*planes, scenes)


def motions_of(scene: Scene) -> list[tuple[str, float]]:
    """Kind and extent of everything that moves in a scene."""
    whole = [(m.kind, m.extent_px) for m in (scene.background_motion, scene.frame_motion) if m]
    objects = [
        ("edge_ring" if layer.ring_px else layer.motion.kind, layer.motion.extent_px)
        for layer in scene.layers
        if layer.motion
    ]
    return whole + objects


def curve_of(scored: Scored, chosen: list[int], *, weighted: bool = False) -> Curve:
    """Pooled curve of some samples; cells half covered by blur count as blurred."""
    curve = Curve()
    weight = scored.known[chosen] if weighted else None
    curve.add(scored.probability[chosen], scored.mask[chosen] >= 0.5, weight)
    return curve


def choose_threshold(scored: Scored) -> float:
    """The mask threshold of highest IoU + mean IoU of both classes, pooled over the set, in steps of 0.01.

    IoU alone is flat over a wide range, and its highest point says little of false alarms. Every pixel counts
    alike, as in hand-made masks, which are whole objects with their flat parts.
    """
    curve = curve_of(scored, list(range(len(scored.scenes))))
    return max((k / 100 for k in range(5, 96)), key=lambda t: curve.at(t).iou + curve.at(t).mean_iou)


def choose_evidence_floor(scored: Scored) -> float:
    """The highest floor, in steps of 0.05, that keeps 19 of 20 cells where blur could plainly be seen."""
    seen = scored.evidence[scored.known > PLAINLY_SEEN]
    floors = [k / 20 for k in range(1, 20) if (seen >= k / 20).mean() >= KEPT]
    return max(floors, default=0.05)


def report_synthetic(
    run: Run, folder: Path, pack: Path, threshold: float | None, floor: float | None
) -> tuple[float, float]:
    """Print the table; the threshold and the evidence floor used, chosen here where none is given."""
    scored = score_set(run, folder, pack)
    used = choose_threshold(scored) if threshold is None else threshold
    everything = list(range(len(scored.scenes)))
    floor = choose_evidence_floor(scored) if floor is None else floor
    print(f"synthetic n {len(everything)}, threshold {used:.2f}, evidence floor {floor:.2f}")
    _line("all", curve_of(scored, everything), used)
    _line("all, weighted by evidence", curve_of(scored, everything, weighted=True), used)
    moving = [motions_of(s) for s in scored.scenes]
    for kind in ("straight", "curved", "walk", "zoom_rotation", "rolling", "edge_ring"):
        _line(
            kind,
            curve_of(scored, [i for i, m in enumerate(moving) if m and {k for k, _ in m} == {kind}]),
            used,
        )
    for low, high in [*itertools.pairwise(EXTENT_BINS_PX), (4.0, 24.0)]:
        chosen = [i for i, m in enumerate(moving) if m and all(low <= e < high for _, e in m)]
        _line(f"extent {low:g}-{high:g} px (n {len(chosen)})", curve_of(scored, chosen), used)
    seams = [i for i, m in enumerate(moving) if not m and scored.scenes[i].layers]
    bare = [i for i, m in enumerate(moving) if not m and not scored.scenes[i].layers]
    for name, chosen in (("pasted but sharp", seams), ("sharp or out of focus", bare)):
        plain = 100 * curve_of(scored, chosen).at(used).false_area
        weighted = 100 * curve_of(scored, chosen, weighted=True).at(used).false_area
        print(f"synthetic {name:28s} false area {plain:5.1f} %, by evidence {weighted:5.1f} %")
    print(f"synthetic intensity, 4-24 px, Spearman {intensity_rank(scored):.3f}")
    return used, floor


def intensity_rank(scored: Scored) -> float:
    """Rank correlation of predicted and true extent by cell, where the truth is 4-24 px and can be seen."""
    chosen = (scored.extent >= 4) & (scored.extent <= EXTENT_FULL_SCALE_PX) & (scored.known > 0.2)
    return spearman(scored.intensity[chosen][::7], scored.extent[chosen][::7])


def _line(name: str, curve: Curve, threshold: float) -> None:
    if not curve.positive.any():
        return  # no sample of this kind
    scores = curve.at(threshold)
    shares = {"IoU": scores.iou, "F1": scores.f1, "recall": scores.recall, "false area": scores.false_area}
    print(
        f"synthetic {name:28s}", *(f"{k} {100 * v:5.1f}" for k, v in shares.items()), f"AUC {curve.auc():.3f}"
    )


DEFAULT_SET, DEFAULT_PACK = WORK / "val", WORK / "pack"
