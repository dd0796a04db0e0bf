"""What goes into the wheel, and nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return zipfile.ZipFile(next(out.glob("*.whl"))).namelist()


def test_ships_manifest_rules_engines_and_samples(names):
    wanted = [
        "qc_plugin/_bundled/plugin.yaml",
        "qc_plugin/_bundled/rules/default.yaml",
        "qc_plugin/_bundled/engines/motion_blur/engine.yaml",
        "qc_plugin/_bundled/engines/motion_blur/model.onnx",
        "qc_plugin/_bundled/engines/regions/engine.yaml",
        "qc_plugin/_bundled/engines/regions/model.onnx",
        "qc_plugin/samples/cups.mp4",
        "qc_plugin/pages/templates/sheet.html.j2",
    ]
    assert [name for name in wanted if name not in names] == []


def test_nothing_outside_the_package_and_no_recipes(names):
    strangers = [n for n in names if not n.startswith(("qc_plugin/", "qc_plugin-"))]
    assert strangers == []
    assert [
        n for n in names if "recipes" in n or ".cache" in n or n.endswith((".pt", ".engine", ".plan"))
    ] == []


def test_bundled_folders_hold_no_python(names):
    assert [n for n in names if n.startswith("qc_plugin/_bundled/") and n.endswith(".py")] == []
