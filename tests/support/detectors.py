"""Engines of others for tests: imported once a test run, by the command's own code, or a reason to skip."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from qc_plugin.errors import EngineError
from qc_plugin.inference.engine_import import import_mediapipe, import_yunet
from qc_plugin.inference.spec import load_spec

SHARED = Path(os.environ.get("QC_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
YUNET = SHARED / "weights" / "yunet_n_dynamic.onnx"


def imported(name: str, tmp_path_factory) -> Path:
    """Folder of an imported engine. All workers of a run share one; skips where it cannot be had."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "imported-engines"
    folder.mkdir(exist_ok=True)
    kind = name.split("_", maxsplit=1)[0]
    failed = folder / f"no-{kind}.txt"
    with (folder / f".lock-{kind}").open("w") as lock, pytest.MonkeyPatch.context() as patch:
        fcntl.flock(lock, fcntl.LOCK_EX)
        patch.setenv("QC_ENGINES_DIR", str(folder))
        patch.setenv("PIP_RETRIES", "1")  # a machine without network is told so soon
        patch.setenv("PIP_DEFAULT_TIMEOUT", "20")
        if not (folder / name).is_dir() and not failed.exists():
            try:
                _bring(kind)
            except EngineError as error:
                failed.write_text(str(error))
    if failed.exists():
        pytest.skip(f"{name} cannot be had here: {failed.read_text()}")
    load_spec(folder / name).verify()
    return folder / name


def _bring(kind: str) -> None:
    if kind == "mediapipe":
        import_mediapipe()
    elif YUNET.exists():
        import_yunet(YUNET)
    else:
        raise EngineError("no shared data: set QC_SHARED_DATA")
