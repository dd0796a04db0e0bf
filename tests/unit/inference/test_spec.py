"""engine.yaml is read strictly, and what runs is what the contract's checksum names."""

from __future__ import annotations

import onnx
import pytest
import yaml
from onnx.external_data_helper import convert_model_to_external_data

from qc_plugin.errors import EngineError
from qc_plugin.inference import onnx_wire
from qc_plugin.inference.spec import SizeRule, list_engines, load_spec
from tests.support.tiny_onnx import MAPS, blur_maps, contract, small_network, write_engine


def edit(folder, change):
    """Rewrite engine.yaml through a function of its document."""
    path = folder / "engine.yaml"
    document = yaml.safe_load(path.read_text())
    change(document)
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return folder


def test_a_contract_is_read_and_its_file_is_whole(tmp_path):
    spec = load_spec(write_engine(tmp_path / "tiny"))
    spec.verify()
    assert (spec.name, spec.task, spec.schema_version) == ("tiny", "motion_blur", 1)
    assert [tensor.name for tensor in spec.outputs] == list(MAPS)
    assert spec.inputs[0].range == (0.0, 1.0)
    assert spec.folder == tmp_path / "tiny"
    assert spec.read_model() == (tmp_path / "tiny" / "model.onnx").read_bytes()


def test_a_path_given_as_text_is_a_folder(tmp_path):
    assert load_spec(str(write_engine(tmp_path / "tiny"))).name == "tiny"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(treshold=1), "treshold: unknown key"),
        (lambda d: d.update(decodr="x"), "did you mean 'decoder'"),
        (lambda d: d["model"].update(sha255="x"), "did you mean 'sha256'"),
        (lambda d: d["inputs"][0].update(color="RGB"), "did you mean 'colour'"),
        (lambda d: d["size"].update(longside=3), "did you mean 'long_side'"),
        (lambda d: d.pop("licence"), "licence: missing"),
        (lambda d: d.update(schema=2), "schema: "),
        (lambda d: d.update(task="paint"), "task: "),
        (lambda d: d.update(version="one"), "version: "),
        (lambda d: d["model"].update(file="../model.onnx"), "model.file: "),
        (lambda d: d["model"].update(file="/etc/passwd"), "model.file: "),
        (lambda d: d["model"].update(sha256="0" * 63), "model.sha256: "),
        (lambda d: d["inputs"][0].update(dtype="float31"), "inputs.0.dtype: "),
        (lambda d: d.update(inputs=[]), "inputs: "),
        (lambda d: d["size"].update(min=4096, max=64), "no multiple of"),
        (lambda d: d["size"].update(long_side=9000), "long_side 9000 does not fit"),
    ],
)
def test_a_wrong_contract_names_the_place(tmp_path, change, message):
    folder = edit(write_engine(tmp_path / "tiny"), change)
    with pytest.raises(EngineError, match=r"engine\.yaml") as caught:
        load_spec(folder)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x 1\nb: *x\n", "line 1, column 4: anchors and aliases"),
        ("a: 1\nb: 2\na: 3\n", "line 3, column 1: key 'a' appears twice"),
        ("a: {b: 1, b: 2}\n", "key 'b' appears twice"),
        ("1: x\n", "key '1' is not text"),
        ("a: !!python/object/apply:os.getcwd []\n", "line 1, column 4"),
        ("a: [1\n", "line 2"),
        ("", "valid dictionary"),
        ("- 1\n", "valid dictionary"),
    ],
)
def test_yaml_that_is_not_plain_data_is_refused(tmp_path, text, message):
    (tmp_path / "engine.yaml").write_text(text)
    with pytest.raises(EngineError) as caught:
        load_spec(tmp_path)
    assert message in str(caught.value)


def test_bytes_that_are_not_text_are_refused(tmp_path):
    (tmp_path / "engine.yaml").write_bytes(b"name: \xff\xfe")
    with pytest.raises(EngineError, match="not valid YAML"):
        load_spec(tmp_path)


def test_a_missing_engine_says_which_there_are(tmp_path):
    with pytest.raises(EngineError, match="did you mean 'motion_blur'"):
        load_spec("motion_blurr")
    with pytest.raises(EngineError, match="cannot be read"):
        load_spec(tmp_path / "nothing")


def test_an_altered_file_is_refused_with_expected_and_got(tmp_path):
    folder = write_engine(tmp_path / "tiny")
    path = folder / "model.onnx"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(EngineError, match=r"expected SHA-256 [0-9a-f]{64}, got [0-9a-f]{64}; reinstall"):
        load_spec(folder).verify()
    path.write_bytes(whole[:-1])
    with pytest.raises(EngineError, match=f"expected {len(whole)} bytes, got {len(whole) - 1}; reinstall"):
        load_spec(folder).verify()
    path.unlink()
    with pytest.raises(EngineError, match=r"model\.onnx: cannot be read"):
        load_spec(folder).verify()


def test_verify_looks_at_every_variant(tmp_path):
    folder = write_engine(tmp_path / "tiny")
    stated = contract(b"int8")["model"] | {"precision": "int8", "file": "model.int8.onnx"}
    edit(folder, lambda d: d.update(variants=[stated]))
    spec = load_spec(folder)
    assert spec.has_variant("int8")
    assert spec.model_file("int8").file == "model.int8.onnx"
    assert spec.model_file("f32").file == "model.onnx"
    spec.read_model("f32")
    with pytest.raises(EngineError, match=r"model\.int8\.onnx: cannot be read"):
        spec.verify()


@pytest.mark.parametrize("kind", ["initializer", "constant node"])
def test_weights_outside_the_file_are_refused(tmp_path, kind):
    model = blur_maps()
    if kind == "initializer":
        convert_model_to_external_data(model, location="../secret.bin", size_threshold=0)
        for tensor in model.graph.initializer:
            tensor.ClearField("raw_data")
    else:
        held = model.graph.initializer.pop(0)
        tensor = onnx.TensorProto(name=held.name, dims=held.dims, data_type=held.data_type)
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="../secret.bin")
        model.graph.node.insert(0, onnx.helper.make_node("Constant", [], [held.name], value=tensor))
    with pytest.raises(EngineError, match=r"outside itself, in '../secret\.bin'.*export it again"):
        load_spec(write_engine(tmp_path / "tiny", model)).verify()


@pytest.mark.parametrize(
    "content", [b"", b"not a model at all, only text", b"\x08\x09\x3a\x7f", b"\xff" * 64]
)
def test_bytes_that_are_no_model_are_refused(tmp_path, content):
    folder = write_engine(tmp_path / "tiny")
    (folder / "model.onnx").write_bytes(content)
    stated = contract(content)["model"] | {"bytes": max(len(content), 1)}
    edit(folder, lambda d: d.update(model=stated))
    with pytest.raises(EngineError, match=r"model\.onnx"):
        load_spec(folder).verify()


def test_whole_models_hold_no_outside_data():
    assert onnx_wire.external_data(small_network().SerializeToString()) is None


def test_a_cut_model_is_an_error_not_a_pass():
    content = small_network().SerializeToString()
    with pytest.raises(ValueError, match=r"longer than the file|no graph"):
        onnx_wire.external_data(content[: len(content) // 2])


@pytest.mark.parametrize(("side", "padded"), [(1, 64), (64, 64), (65, 128), (640, 640), (360, 384)])
def test_the_size_rule_rounds_up(side, padded):
    rule = SizeRule(multiple=64, min=64, max=4096)
    assert rule.padded(side) == padded
    assert rule.takes(padded)
    assert not rule.takes(padded + 1)


def test_every_shipped_engine_is_whole():
    names = list_engines()
    assert "motion_blur" in names
    for name in names:
        spec = load_spec(name)
        spec.verify()
        assert spec.name == name
        content = onnx.load_from_string(spec.read_model())
        assert {i.name for i in content.graph.input} == {t.name for t in spec.inputs}
        assert {o.name for o in content.graph.output} >= {t.name for t in spec.outputs}
        assert spec.model.opset in (None, content.opset_import[0].version)


def test_a_contract_is_read_once_as_long_as_its_file_is_the_same(tmp_path):
    folder = write_engine(tmp_path / "tiny")
    spec = load_spec(folder)
    assert load_spec(str(folder)) is spec
    edit(folder, lambda d: d.update(version="9.9.9-other"))
    changed = load_spec(folder)
    assert changed.version == "9.9.9-other"
    assert changed.digest != spec.digest
    (folder / "engine.yaml").unlink()
    with pytest.raises(EngineError, match="cannot be read"):
        load_spec(folder)
