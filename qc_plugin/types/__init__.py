"""The values that flow between stages: frozen, and checked for shape and dtype when made.

Conventions: time is seconds from pts, never index / fps. Boxes are `(x0, y0, x1, y1)` in pixels of the
upright, square-pixel frame, half-open. Images are HWC uint8 sRGB. Probabilities keep their name.

A value is made when it is first asked for: a rescan of finished assets asks for the words alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from qc_plugin.types.words import (
    DECISION_ORDER,
    OUTCOME_ORDER,
    AssetKind,
    Box,
    Decision,
    Outcome,
    RegionKind,
    Severity,
    Verdict,
)

if TYPE_CHECKING:
    from qc_plugin.types.frames import (
        Asset,
        BlurMap,
        DecodeStats,
        Frame,
        FrameScore,
        MediaInfo,
        Preview,
        Region,
        RegionScore,
        Rle,
    )
    from qc_plugin.types.verdicts import (
        AssetReport,
        Bands,
        Coverage,
        Crop,
        EngineUse,
        Finding,
        FrameJudgement,
        FrameRank,
        FrameRow,
        Provenance,
        Repair,
    )

__all__ = [
    "DECISION_ORDER",
    "OUTCOME_ORDER",
    "Asset",
    "AssetKind",
    "AssetReport",
    "Bands",
    "BlurMap",
    "Box",
    "Coverage",
    "Crop",
    "Decision",
    "DecodeStats",
    "EngineUse",
    "Finding",
    "Frame",
    "FrameJudgement",
    "FrameRank",
    "FrameRow",
    "FrameScore",
    "MediaInfo",
    "Outcome",
    "Preview",
    "Provenance",
    "Region",
    "RegionKind",
    "RegionScore",
    "Repair",
    "Rle",
    "Severity",
    "Verdict",
]

_FRAMES = "qc_plugin.types.frames"
_VERDICTS = "qc_plugin.types.verdicts"
_HOME = {
    "Asset": _FRAMES,
    "BlurMap": _FRAMES,
    "DecodeStats": _FRAMES,
    "Frame": _FRAMES,
    "FrameScore": _FRAMES,
    "MediaInfo": _FRAMES,
    "Preview": _FRAMES,
    "Region": _FRAMES,
    "RegionScore": _FRAMES,
    "Rle": _FRAMES,
    "AssetReport": _VERDICTS,
    "Bands": _VERDICTS,
    "Coverage": _VERDICTS,
    "Crop": _VERDICTS,
    "EngineUse": _VERDICTS,
    "Finding": _VERDICTS,
    "FrameJudgement": _VERDICTS,
    "FrameRank": _VERDICTS,
    "FrameRow": _VERDICTS,
    "Provenance": _VERDICTS,
    "Repair": _VERDICTS,
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'qc_plugin.types' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
