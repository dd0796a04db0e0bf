"""The house rules that imports must obey."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = (
    "torch",
    "tensorrt",
    "tensorrt_rtx",
    "pycuda",
    "ray",
    "pandas",
    "pyarrow",
    "s3fs",
    "openvino",
    "onnxruntime",
    "av",
    "cv2",
)


def test_import_contracts():
    script = Path(sys.executable).parent / "lint-imports"
    result = subprocess.run([script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_importing_the_package_loads_nothing_heavy():
    code = (
        "import sys\n"
        f"for name in {HEAVY!r}: sys.modules[name] = None\n"
        "import qc_plugin\n"
        "print(qc_plugin.__version__)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def test_optional_runtimes_are_not_needed_by_any_module():
    blocked = ("torch", "tensorrt", "tensorrt_rtx", "pycuda", "ray", "s3fs", "decord", "onnxruntime", "onnx")
    code = (
        "import importlib, pkgutil, sys\n"
        f"for name in {blocked!r}: sys.modules[name] = None\n"
        "import qc_plugin\n"
        "for m in pkgutil.walk_packages(qc_plugin.__path__, 'qc_plugin.'):\n"
        "    if m.name != 'qc_plugin.__main__': importlib.import_module(m.name)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


# What a command that only talks needs none of: together they were two thirds of its time.
NOT_TO_TALK = (
    *HEAVY,
    "numpy",
    "PIL",
    "multiprocessing.pool",
    "multiprocessing.connection",
    "boto3",
    "jinja2",
)


@pytest.mark.parametrize("command", [["--help"], ["--version"], ["scan", "--help"], ["config", "show"]])
def test_a_command_that_only_talks_loads_nothing_heavy(command, tmp_path):
    code = (
        "import sys\n"
        f"sys.argv = ['qc-plugin', *{command!r}]\n"
        "from qc_plugin.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        f"loaded = [name for name in {NOT_TO_TALK!r} if name in sys.modules]\n"
        "assert not loaded, loaded\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
