"""The values that flow between stages: frozen, and checked for shape and dtype when made.

Conventions: time is seconds from pts, never index / fps. Boxes are `(x0, y0, x1, y1)` in pixels of the
upright, square-pixel frame, half-open. Images are HWC uint8 sRGB. Probabilities keep their name.
"""

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
