"""The house rules that imports must obey."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from qc_plugin.batch import run
from qc_plugin.config import RunConfig
from tests.faults.stub_worker import asset, in_process

ROOT = Path(__file__).resolve().parents[2]
REPORTING = ("openvino", "openvino_telemetry", "onnxruntime")
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


def test_c20_opencv_reads_no_file_and_decodes_only_what_we_encoded():
    """The import contract cannot tell OpenCV's decoders from its arithmetic."""
    ours = {
        "qc_plugin/stages/pictures.py": ["imdecode"],  # the spool's own JPEG
        "qc_plugin/pages/sheet_cards.py": ["imdecode"],  # crops made for this very sheet
        "qc_plugin/pages/sheet_images.py": ["imdecode"],  # the same, to make them smaller
    }
    readers = {"imread", "imreadmulti", "imdecode", "imdecodemulti", "VideoCapture"}
    found = {}
    for path in sorted((ROOT / "qc_plugin").rglob("*.py")):
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        used = [n.attr for n in nodes if isinstance(n, ast.Attribute) and n.attr in readers]
        if used:
            found[str(path.relative_to(ROOT))] = used
    assert found == ours


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


@pytest.mark.parametrize(
    "command", [["--help"], ["--version"], ["scan", "--help"], ["config", "show"], ["rules", "list"]]
)
def test_a_command_that_only_talks_loads_nothing_heavy(command, tmp_path):
    _without(NOT_TO_TALK, command, tmp_path)


def test_a_rescan_of_finished_assets_loads_nothing_heavy(tmp_path):
    """Workers, reports and stores are for what is to be done; a night in which nothing came asks for none."""
    for n in range(3):
        asset(tmp_path / f"in/{n}.png")
    config = RunConfig(reports=tmp_path / "out", sheet=False, stills=False, rules="artwork")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "run_isolated", in_process)
        assert run.scan([tmp_path / "in"], config).verdicts.total() == 3
    command = ["scan", "in", "--reports", "out", "--rules", "artwork", "--no-sheet"]
    told = _without((*NOT_TO_TALK, "multiprocessing"), command, tmp_path)
    assert "3 were done already" in told.stderr
    assert [json.loads(line)["reused"] for line in told.stdout.splitlines()] == [True] * 3


def _without(modules, command, folder):
    """Run the command in `folder`; none of `modules` may be loaded by it."""
    code = (
        "import sys\n"
        f"sys.argv = ['qc-plugin', *{command!r}]\n"
        "from qc_plugin.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        f"loaded = [name for name in {modules!r} if name in sys.modules]\n"
        "assert not loaded, loaded\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result


def test_runtimes_that_report_their_use_are_imported_by_one_module():
    """`inference.runtimes` keeps their telemetry out; recipes and tests run at people's too."""
    folders = ("qc_plugin", "engines", "bench", "examples", "tests")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    assert len(files) > 300
    found = [f"{path.relative_to(ROOT)}: {name}" for path in files for name in _reporting_imports(path)]
    assert found == []


def test_home_working_folder_and_variables_are_asked_for_in_one_place():
    """Asked for elsewhere they end in a traceback for users without a home, or in a folder that is gone."""
    doors = {"places.py", "environment.py", "runtimes.py"}  # the last sets a variable
    sandbox = {"isolation/decoding.py", "isolation/server.py"}  # whose folder we made
    asks = re.compile(r"Path\.(home|cwd)\(|getcwd\(|expanduser|os\.environ\b(?!\.setdefault)")
    package = ROOT / "qc_plugin"
    files = [f for f in package.rglob("*.py") if f.name not in doors]
    found = {f.relative_to(package).as_posix() for f in files if asks.search(f.read_text(encoding="utf-8"))}
    assert found == sandbox


def _reporting_imports(path):
    """Names of such runtimes in import statements, and where a test asks pytest to import one."""
    text = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)) if any(name in text for name in REPORTING) else ():
        match node:
            case ast.Import():
                names = [alias.name for alias in node.names]
            case ast.ImportFrom(level=0):
                names = [node.module]
            case ast.Call(func=ast.Attribute(attr="importorskip"), args=[ast.Constant(value=str(name)), *_]):
                names = [name]
            case _:
                names = []
        yield from (name for name in names if name.split(".")[0] in REPORTING)
