"""Scores and rule sets made in a line, for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qc_plugin.rulesets.ruleset import RuleSet, load_rules
from qc_plugin.types import BlurMap, FrameScore, Region, RegionScore

if TYPE_CHECKING:
    from pathlib import Path

SIZE_PX = (1920, 1080)
HEAD = "schema: 1\nid: house\ntitle: House rules\n"


def region(kind="face", n=1, box=(0.0, 0.0, 300.0, 400.0), confidence=0.9, skipped=None, **measures):
    x0, y0, x1, y1 = box
    geometry = {
        "height": (y1 - y0) / SIZE_PX[1],
        "area_fraction": (x1 - x0) * (y1 - y0) / (SIZE_PX[0] * SIZE_PX[1]),
        "confidence": confidence,
    }
    return RegionScore(
        n=n, region=Region(0, kind, box, confidence), measures=geometry | measures, skipped=skipped or {}
    )


def frame(index=0, *, pts_s=None, shot=0, phash=0, regions=(), pts=1, blur=None, skipped=None, **measures):
    return FrameScore(
        frame_index=index,
        pts=pts,
        time_base=(1, 1000),
        pts_s=float(index) if pts_s is None else pts_s,
        duration_s=0.04,
        shot=shot,
        phash=phash,
        measures=measures,
        skipped=skipped or {},
        regions=tuple(regions),
        blur=blur,
    )


def blur_map(probability, *, intensity=0.5, evidence=1.0, scale_xy=(1.0, 1.0), **more) -> BlurMap:
    probability = np.asarray(probability, np.float32)

    def full(value):
        return np.broadcast_to(np.asarray(value, np.float32), probability.shape).copy()

    return BlurMap(0, probability, full(intensity), full(evidence), scale_xy=scale_xy, **more)


def rules_of(tmp_path: Path, body: str, name: str = "house") -> RuleSet:
    path = tmp_path / f"{name}.yaml"
    path.write_text(HEAD + body, encoding="utf-8")
    return load_rules(path)
