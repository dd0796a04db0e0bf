"""Batch quality control for media assets: motion blur per pixel, rules over regions, ranked frames.

    import qc_plugin
    outcome = qc_plugin.check_asset("clip.mp4")            # report, verdict, findings
    blur = qc_plugin.BlurSegmenter.load()(rgb_uint8_hwc)   # -> BlurMap at the picture's size
    regions = qc_plugin.RegionDetector.load()(rgb_uint8_hwc)
    patch = qc_plugin.LocalDeblurrer.load()(rgb_uint8_hwc)  # -> DeblurPatch: the rest untouched
    frames = qc_plugin.report.read_frames("qc-reports")     # -> pandas.DataFrame, a row per scored frame

Importing this package loads no runtime; each name brings what it needs when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qc_plugin.batch.api import check_asset, scan
    from qc_plugin.stages.deblur import DeblurPatch, LocalDeblurrer
    from qc_plugin.stages.regions import RegionDetector
    from qc_plugin.stages.segment import BlurSegmenter
    from qc_plugin.types import AssetReport, BlurMap, Region

__version__ = "0.1.0"
__all__ = [
    "AssetReport",
    "BlurMap",
    "BlurSegmenter",
    "DeblurPatch",
    "LocalDeblurrer",
    "Region",
    "RegionDetector",
    "__version__",
    "check_asset",
    "scan",
]

_HOME = {
    "check_asset": "qc_plugin.batch.api",
    "scan": "qc_plugin.batch.api",
    "BlurSegmenter": "qc_plugin.stages.segment",
    "RegionDetector": "qc_plugin.stages.regions",
    "LocalDeblurrer": "qc_plugin.stages.deblur",
    "DeblurPatch": "qc_plugin.stages.deblur",
    "AssetReport": "qc_plugin.types",
    "BlurMap": "qc_plugin.types",
    "Region": "qc_plugin.types",
}


def __getattr__(name: str) -> Any:
    if name == "report":
        return import_module("qc_plugin.report")
    if name not in _HOME:
        raise AttributeError(f"module 'qc_plugin' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
