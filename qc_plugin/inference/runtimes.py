"""The one place that imports OpenVINO and onnxruntime: without their telemetry, whatever process it is.

Both report their use to their makers from the moment they are imported, and write an id to HOME for it:
OpenVINO to ~/intel/, newer releases of onnxruntime, on Linux too, to ~/.cache/Microsoft/. What keeps them
from it has to come before the import, and must not hang on a variable or a consent file that a user sets.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any


def openvino() -> Any:
    """The module `openvino`. Raises ImportError where it is not installed.

    Its `__init__` runs `openvino.tools.ovc`, which takes a stand-in of its own that does nothing wherever the
    package `openvino_telemetry` cannot be imported: so it cannot be, for good, because converting a model
    asks for it again. A process that had loaded it before it came to us keeps it: that was its own wish.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None: cannot be imported
    return importlib.import_module("openvino")


def onnxruntime(module: str = "onnxruntime") -> Any:
    """The module `onnxruntime`, or one of its parts. Raises ImportError where it is not installed.

    It looks at the variable once, while it is imported; switching its events off later leaves the files.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    return importlib.import_module(module)
