"""`qc-plugin engines build` as users run it. Compiling needs no GPU."""

import json
import os

import pytest

from qc_plugin.inference import tensorrt_flavours
from tests.support.tiny_onnx import small_network, write_engine

reason = tensorrt_flavours.flavour_missing("tensorrt_rtx")
pytestmark = pytest.mark.skipif(reason is not None, reason=reason or "")


@pytest.fixture
def build(qc, tmp_path):
    folder = write_engine(tmp_path / "tiny", small_network())
    env = os.environ | {"QC_CACHE_DIR": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1", "COLUMNS": "200"}

    def run(*args):
        return qc("engines", "build", str(folder), *args, env=env)

    return run


def sidecars(tmp_path):
    return [
        json.loads(path.read_text()) for path in sorted((tmp_path / "cache" / "plans").glob("*.plan.json"))
    ]


def test_plans_for_two_targets_are_built_once(build, tmp_path):
    done = build("--target", "sm_86,sm_89", "--flavour", "tensorrt_rtx")
    assert done.returncode == 0, done.stderr
    assert "building 2 plans with tensorrt_rtx, about 6 s" in done.stdout
    assert {stated["key"]["target"] for stated in sidecars(tmp_path)} == {"sm_86", "sm_89"}
    assert {stated["key"]["precision"] for stated in sidecars(tmp_path)} == {"f16"}
    again = build("--target", "sm_86,sm_89", "--flavour", "tensorrt_rtx")
    assert again.returncode == 0
    assert "2 of 2 plans are there already" in again.stdout


def test_a_tampered_plan_is_told_and_built_again(build, tmp_path):
    build("--target", "portable", "--precision", "fp32")
    (plan,) = (tmp_path / "cache" / "plans").glob("*.plan")
    content = bytearray(plan.read_bytes())
    content[len(content) // 2] ^= 1
    plan.write_bytes(content)
    done = build("--target", "portable", "--precision", "fp32")
    assert done.returncode == 0
    assert "discarded: its SHA-256 is not the one noted" in done.stderr
    assert "building 1 plans" in done.stdout
    assert plan.read_bytes() != bytes(content)


def test_int8_is_calibrated_on_the_sample(build, tmp_path):
    done = build("--target", "portable", "--precision", "int8")
    assert done.returncode == 0, done.stderr
    assert "calibrating tiny on" in done.stderr
    assert [stated["key"]["precision"] for stated in sidecars(tmp_path)] == ["int8"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--target", "sm_90"), "choose from portable, sm_75"),
        (("--target", ""), "choose from portable"),
        (("--profile", "8k"), "choose from analysis, 720p"),
        (("--precision", "bf16"), "choose fp16, int8 or fp32"),
        (("--flavour", "onnx"), "choose auto, tensorrt or tensorrt_rtx"),
        (("--precision", "int8", "--pictures", "tiny"), "no picture or clip could be read"),
    ],
)
def test_what_cannot_be_had_is_told_with_what_can(build, args, message):
    done = build(*args)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
