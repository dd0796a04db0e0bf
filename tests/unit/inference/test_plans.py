"""What a plan is for, and all that it depends on."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qc_plugin.inference.spec import SizeRule, load_spec
from qc_plugin.inference.tensorrt.plans import PROFILES, PlanKey, Shapes, plan_shapes
from tests.support.tiny_onnx import write_engine

KEY = PlanKey(
    engine="tiny",
    model_sha256="a" * 64,
    flavour="tensorrt_rtx",
    version="1.7.1",
    target="sm_86",
    profile="720p",
    shapes=Shapes((1, 3, 8, 8), (8, 3, 16, 16), (32, 3, 64, 64)),
    precision="f16",
    conversion=1,
)
CHANGES = {
    "engine": "other",
    "model_sha256": "b" * 64,
    "flavour": "tensorrt",
    "version": "1.7.2",
    "target": "NVIDIA RTX A6000",
    "profile": "4k",
    "shapes": Shapes((1, 3, 8, 8), (8, 3, 16, 16), (16, 3, 64, 64)),
    "precision": "int8",
    "conversion": 2,
}


@pytest.mark.parametrize("field", CHANGES)
def test_whatever_a_plan_depends_on_changes_its_name(field):
    other = replace(KEY, **{field: CHANGES[field]})
    assert other.file_name != KEY.file_name
    assert other.plain() != KEY.plain()


def test_every_field_of_the_key_is_covered_above():
    assert set(CHANGES) == set(KEY.plain())


def test_the_name_is_a_file_name_whatever_the_gpu_is_called():
    name = replace(KEY, target="../NVIDIA GeForce RTX 4090 (Laptop)/x").file_name
    assert "/" not in name
    assert not name.startswith(".")
    assert name.endswith(".plan")


def test_a_plan_replaces_its_older_self_and_nothing_else():
    for field in ("model_sha256", "version", "conversion", "shapes"):
        assert KEY.replaces(replace(KEY, **{field: CHANGES[field]}).plain()), field
    for field in ("engine", "flavour", "target", "profile", "precision"):
        assert not KEY.replaces(replace(KEY, **{field: CHANGES[field]}).plain()), field
    assert not KEY.replaces(KEY.plain())


@given(
    multiple=st.sampled_from([1, 8, 32, 64]),
    largest=st.integers(256, 8192),
    long_side=st.none() | st.integers(64, 256),
)
def test_every_profile_keeps_the_engines_size_rule(multiple, largest, long_side, tmp_path_factory):
    size = SizeRule(multiple=multiple, min=multiple, max=largest, long_side=long_side)
    spec = SPEC.model_copy(update={"size": size})
    for profile in PROFILES:
        shapes = plan_shapes(spec, profile)
        for shape in (shapes.least, shapes.typical, shapes.most):
            assert shape[1] == 3
            assert all(size.takes(side) for side in shape[2:])
        assert all(a <= b <= c for a, b, c in zip(shapes.least, shapes.typical, shapes.most, strict=True))


@pytest.fixture(autouse=True, scope="module")
def _spec(tmp_path_factory):
    global SPEC  # noqa: PLW0603 - hypothesis calls the test many times with one fixture
    SPEC = load_spec(write_engine(tmp_path_factory.mktemp("engine") / "tiny"))


def test_the_analysis_profile_takes_every_picture_at_analysis_scale():
    shapes = plan_shapes(SPEC, "analysis")
    assert shapes.holds((1, 3, 64, 40))
    assert shapes.holds((500, 3, 40, 64)), "larger batches are cut, not refused"
    assert not shapes.holds((1, 3, 72, 64))
    assert not shapes.holds((1, 3, 8, 64))


@pytest.mark.parametrize(
    ("profile", "height", "width"), [("720p", 720, 1280), ("1080p", 1088, 1920), ("4k", 2160, 3840)]
)
def test_a_profile_takes_its_picture_upright_and_lying(profile, height, width):
    for h, w in ((height, width), (width, height)):
        assert plan_shapes(SPEC, profile).holds((1, 3, h, w))
