"""Importing detectors of others: real pip on a folder of wheels, and nothing left behind when it fails.

That the true wheel is taken and its networks run is seen in tests/conformance/test_region_decoders.py.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import zipfile

import pytest

from qc_plugin.cli.main import _run
from qc_plugin.errors import EngineError, UsageError
from qc_plugin.inference import importable
from qc_plugin.inference.engine_import import import_mediapipe, import_yunet
from qc_plugin.inference.spec import list_user_engines, load_spec, user_engines_folder


@pytest.fixture(autouse=True)
def engines(tmp_path, monkeypatch):
    """An empty engine folder, and a pip that knows one folder of wheels and no index."""
    folder = tmp_path / "engines"
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    monkeypatch.setenv("QC_ENGINES_DIR", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    return folder


def write_wheel(folder, members):
    """A wheel that pip takes for mediapipe, on any Python."""
    path = folder / "mediapipe-0.10.21-py3-none-any.whl"
    info = "mediapipe-0.10.21.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: mediapipe\nVersion: 0.10.21\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def pin(monkeypatch, wheel):
    monkeypatch.setattr(importable, "WHEELS", {wheel.name: hashlib.sha256(wheel.read_bytes()).hexdigest()})


def left_behind(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_wheel_that_is_not_the_pinned_one_is_refused_and_nothing_stays(tmp_path, engines):
    write_wheel(tmp_path / "wheels", {"anything": b"else"})
    with pytest.raises(
        EngineError, match=r"expected SHA-256 one of the 8 wheels of mediapipe==0\.10\.21, got"
    ):
        import_mediapipe()
    assert left_behind(engines) == []


def test_without_a_wheel_the_message_says_what_pip_said_and_what_to_do(engines):
    with pytest.raises(
        EngineError, match=r"No matching distribution found for mediapipe==0\.10\.21.*FILE"
    ) as told:
        import_mediapipe()
    assert "\n" not in str(told.value)
    assert left_behind(engines) == []


def test_without_pip_the_message_says_how_to_get_it(engines, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "pip" else find(name, *a)
    )
    with pytest.raises(EngineError, match="ensurepip"):
        import_mediapipe()
    assert left_behind(engines) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("QC_ENGINES_DIR", str(tmp_path / "file" / "engines"))
    with pytest.raises(UsageError, match=r"file: cannot write engines .*QC_ENGINES_DIR"):
        import_mediapipe()


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({importable.WHEEL_LICENCE: b"x"}, "cannot be read as a wheel"),
        (
            {importable.WHEEL_LICENCE: b"x"}
            | {e.source: b"\0\0\0\0TFL3" for e in importable.MEDIAPIPE.values()},
            "expected SHA-256",
        ),
    ],
)
def test_a_wheel_with_other_networks_leaves_nothing(tmp_path, engines, monkeypatch, members, words):
    wheel = write_wheel(tmp_path, members)
    pin(monkeypatch, wheel)
    with pytest.raises(EngineError, match=words):
        import_mediapipe(wheel)
    assert left_behind(engines) == []


def test_networks_come_with_licence_and_origin_and_replace_older_ones(tmp_path, engines, monkeypatch):
    content = b"\0\0\0\0TFL3 a small network"
    digest = hashlib.sha256(content).hexdigest()
    small = {
        name: importable.Importable(**{f: getattr(e, f) for f in e.__slots__} | {"sha256": digest})
        for name, e in importable.MEDIAPIPE.items()
    }
    monkeypatch.setattr(importable, "MEDIAPIPE", small)
    members = {engine.source: content for engine in small.values()}
    wheel = write_wheel(tmp_path / "wheels", {importable.WHEEL_LICENCE: b"Apache"} | members)
    pin(monkeypatch, wheel)
    (engines / "mediapipe_palm").mkdir(parents=True)
    (engines / "mediapipe_palm" / "old").write_text("")
    assert import_mediapipe() == list(small)  # by pip
    assert left_behind(engines) == sorted(small)
    for name in small:
        load_spec(name).verify()
        assert (engines / name / "LICENSE").read_bytes() == b"Apache"
        assert wheel.name in (engines / name / "NOTICE").read_text()
    assert not (engines / "mediapipe_palm" / "old").exists()
    assert list_user_engines() == sorted(small)
    assert user_engines_folder() == engines


def test_a_file_that_is_no_known_yunet_is_refused(tmp_path, engines):
    file = tmp_path / "some.onnx"
    file.write_bytes(b"some network")
    with pytest.raises(EngineError, match=r"is no YuNet file known here.*decoder: yunet"):
        import_yunet(file)
    with pytest.raises(EngineError, match="cannot be read"):
        import_yunet(tmp_path / "none.onnx")
    assert left_behind(engines) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["yunet"], "needs a file"),
        (["mediapip"], "choose mediapipe or yunet"),
        (["mediapipe", "no.whl"], "no.whl"),
    ],
)
def test_the_command_ends_with_2_and_one_sentence(words, said, capsys, engines, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["qc-plugin", "engines", "import", *words])
    assert _run() == 2
    assert said in capsys.readouterr().err
    assert left_behind(engines) == []
