"""`qc-plugin engines build` as users run it. Compiling needs no GPU."""

import json
import os

import pytest

from qc_plugin.cli.engines import build
from qc_plugin.errors import UsageError
from qc_plugin.inference.tensorrt import flavours
from tests.support.tiny_onnx import small_network, write_engine

reason = flavours.flavour_missing("tensorrt_rtx")
pytestmark = pytest.mark.skipif(reason is not None, reason=reason or "")
RTX = "tensorrt_rtx"


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    monkeypatch.setenv("QC_CACHE_DIR", str(tmp_path / "cache"))
    return str(write_engine(tmp_path / "tiny", small_network()))


def sidecars(tmp_path):
    return [json.loads(path.read_text()) for path in sorted((tmp_path / "cache/plans").glob("*.plan.json"))]


def test_the_command_builds_a_plan_for_every_target(qc, tiny, tmp_path):
    env = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    done = qc("engines", "build", tiny, "--target", "sm_86,sm_89", "--flavour", RTX, env=env)
    assert done.returncode == 0, done.stderr
    assert "building 2 plans with tensorrt_rtx, about 6 s" in done.stdout
    assert {stated["key"]["target"] for stated in sidecars(tmp_path)} == {"sm_86", "sm_89"}
    assert {stated["key"]["precision"] for stated in sidecars(tmp_path)} == {"f16"}
    assert done.stderr == ""


def test_what_is_there_is_not_built_again_and_what_was_tampered_with_is(tiny, tmp_path, capsys, caplog):
    how = {"target": "portable", "precision": "fp32", "flavour": RTX}
    assert build([tiny], **how) == 0
    assert build([tiny], **how) == 0
    assert "1 of 1 plans are there already" in capsys.readouterr().out
    (plan,) = (tmp_path / "cache/plans").glob("*.plan")
    content = bytearray(plan.read_bytes())
    content[len(content) // 2] ^= 1
    plan.write_bytes(content)
    assert build([tiny], **how) == 0
    assert "discarded: its SHA-256 is not the one noted" in caplog.text
    assert "building 1 plans" in capsys.readouterr().out
    assert plan.read_bytes() != bytes(content)


def test_a_new_model_replaces_the_plan_of_the_old_one(tiny, tmp_path):
    build([tiny], target="portable", flavour=RTX)
    write_engine(tmp_path / "tiny", small_network(seed=5))
    build([tiny], target="portable", flavour=RTX)
    assert len(sidecars(tmp_path)) == 1


def test_int8_is_calibrated_on_the_sample(tiny, tmp_path, capsys):
    assert build([tiny], target="portable", precision="int8", flavour=RTX) == 0
    assert "calibrating tiny on" in capsys.readouterr().err
    assert [stated["key"]["precision"] for stated in sidecars(tmp_path)] == ["int8"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "sm_90"}, "choose from portable, sm_75"),
        ({"target": ""}, "choose from portable"),
        ({"profile": "8k"}, "choose from analysis, 720p"),
        ({"precision": "bf16"}, "choose fp16, int8 or fp32"),
        ({"flavour": "onnx"}, "choose auto, tensorrt or tensorrt_rtx"),
    ],
)
def test_what_cannot_be_had_is_told_with_what_can(tiny, options, message):
    with pytest.raises(UsageError, match=message):
        build([tiny], **({"flavour": RTX} | options))


def test_pictures_that_are_none_are_refused(tiny, tmp_path):
    with pytest.raises(UsageError, match="no picture or clip could be read"):
        build([tiny], precision="int8", pictures=tmp_path / "tiny", flavour=RTX)
