"""A plan is native code: which files may become one."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace

import pytest

from qc_plugin.errors import EngineError, TemporaryError
from qc_plugin.inference.tensorrt.plan_cache import PlanCache, default_folder
from tests.unit.inference.test_plans import KEY

PLAN = b"not really machine code" * 1000


@pytest.fixture
def cache(tmp_path):
    return PlanCache(tmp_path / "cache" / "plans")


@pytest.fixture
def path(cache):
    return cache.store(KEY, PLAN, seconds=2.5)


def discarded(cache, path, caplog, reason):
    """Loading gives nothing, says why, and leaves nothing to load next time."""
    assert cache.load(KEY) is None
    assert reason in caplog.text
    assert "build it again" in caplog.text
    assert not list(path.parent.glob("*.plan*"))
    return True


def test_what_was_stored_is_loaded(cache, path):
    assert cache.load(KEY) == PLAN
    assert path.name == KEY.file_name


def test_nothing_is_there_at_first_and_nothing_is_made_by_looking(cache):
    assert cache.load(KEY) is None
    assert cache.keys() == []
    assert not cache.folder.exists()


def test_folder_and_files_are_for_the_owner_alone(cache, path):
    assert cache.folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in cache.folder.iterdir()} == {0o600}


@pytest.mark.parametrize("place", [0, len(PLAN) // 2, len(PLAN) - 1])
def test_one_tampered_byte_is_noticed(cache, path, caplog, place):
    content = bytearray(PLAN)
    content[place] ^= 1
    path.write_bytes(content)
    assert discarded(cache, path, caplog, "its SHA-256 is not the one noted")


def test_a_truncated_plan_is_noticed(cache, path, caplog):
    path.write_bytes(PLAN[:-1])
    assert discarded(cache, path, caplog, "SHA-256")


@pytest.mark.parametrize("change", [{"target": "sm_89"}, {"version": "1.8"}, {"model_sha256": "c" * 64}])
def test_a_plan_of_another_gpu_package_or_model_under_this_name_is_noticed(cache, path, caplog, change):
    foreign = cache.store(replace(KEY, **change, engine="elsewhere"), PLAN)
    foreign.replace(path)
    foreign.with_name(foreign.name + ".json").replace(path.with_name(path.name + ".json"))
    assert discarded(cache, path, caplog, "it was built for something else")


@pytest.mark.parametrize("sidecar", [None, b"", b"[]", b"{}", b"\xff", b'{"schema": "qc.plan/0"}'])
def test_a_plan_that_nothing_vouches_for_is_not_loaded(cache, path, caplog, sidecar):
    beside = path.with_name(path.name + ".json")
    beside.unlink() if sidecar is None else beside.write_bytes(sidecar)
    assert discarded(cache, path, caplog, "discarded")


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_folder_others_can_write_to_is_emptied_and_closed(cache, path, caplog, mode):
    cache.folder.chmod(mode)
    assert discarded(cache, path, caplog, "others could write to its folder")
    assert cache.folder.stat().st_mode & 0o777 == 0o700
    cache.store(KEY, PLAN)
    assert cache.load(KEY) == PLAN


def test_a_folder_others_can_only_read_is_closed_and_kept(cache, path):
    cache.folder.chmod(0o755)
    assert cache.load(KEY) == PLAN
    assert cache.folder.stat().st_mode & 0o777 == 0o700


def test_a_plan_others_can_write_to_is_not_loaded(cache, path, caplog):
    path.chmod(0o666)
    assert discarded(cache, path, caplog, "others could have written it")


def test_a_link_is_not_followed(cache, path, tmp_path, caplog):
    elsewhere = tmp_path / "elsewhere"
    path.replace(elsewhere)
    path.symlink_to(elsewhere)
    assert cache.load(KEY) is None
    assert elsewhere.read_bytes() == PLAN, "what it pointed to is not ours to remove"


def test_a_linked_folder_is_refused(cache, path, tmp_path):
    (tmp_path / "link").symlink_to(cache.folder)
    with pytest.raises(EngineError, match="set QC_CACHE_DIR"):
        PlanCache(tmp_path / "link").load(KEY)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_somebody_elses_folder_is_refused(cache, path):
    os.chown(cache.folder, 12345, 12345)
    for attempt in (lambda: cache.load(KEY), lambda: cache.store(KEY, PLAN), cache.keys):
        with pytest.raises(EngineError, match=r"belongs to another user.*set QC_CACHE_DIR"):
            attempt()
    assert path.exists()


def test_a_pipe_in_place_of_a_plan_does_not_hang(cache, path, caplog):
    path.unlink()
    os.mkfifo(path, 0o600)
    assert cache.load(KEY) is None
    assert "not a regular file" in caplog.text


def test_the_plan_of_an_older_model_is_forgotten_when_the_new_one_comes(cache, path):
    other_gpu = cache.store(replace(KEY, target="sm_89"), PLAN)
    newer = replace(KEY, model_sha256="d" * 64)
    cache.store(newer, PLAN + b"!")
    assert not path.exists()
    assert other_gpu.exists()
    assert cache.load(newer) == PLAN + b"!"


def test_what_belongs_to_a_plan_goes_with_it(cache, path):
    cache.store(KEY, b"kernels", kind="jit-sm_86")
    assert cache.load(KEY, kind="jit-sm_86") == b"kernels"
    assert len(cache.keys()) == 1
    cache.discard(KEY, "a test")
    assert cache.load(KEY, kind="jit-sm_86") is None


def test_the_estimate_is_the_last_build_of_the_same_kind(cache, path):
    assert cache.seconds(replace(KEY, target="sm_120", profile="4k")) == 2.5
    assert cache.seconds(replace(KEY, precision="int8")) is None


def test_a_build_that_dies_leaves_nothing_that_could_be_loaded(cache, monkeypatch):
    def die(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", die)
    with pytest.raises(TemporaryError, match="the disk is full"):
        cache.store(KEY, PLAN)
    monkeypatch.undo()
    assert cache.load(KEY) is None
    assert [file.name for file in cache.folder.iterdir()] == ["lock"]


def test_builders_and_readers_at_once_never_mix_plan_and_sidecar(cache, caplog):
    def build(letter):
        for _ in range(20):
            cache.store(KEY, letter * 5000)

    threads = [threading.Thread(target=build, args=(letter,)) for letter in (b"a", b"b")]
    for thread in threads:
        thread.start()
    seen = {cache.load(KEY) for _ in range(100)}
    for thread in threads:
        thread.join()
    assert seen <= {None, b"a" * 5000, b"b" * 5000}
    assert "discarded" not in caplog.text


def test_the_sidecar_is_readable_for_people(cache, path):
    stated = json.loads(path.with_name(path.name + ".json").read_text())
    assert stated["key"]["target"] == "sm_86"
    assert stated["bytes"] == len(PLAN)


def test_where_plans_lie(monkeypatch, tmp_path):
    monkeypatch.setenv("QC_CACHE_DIR", str(tmp_path / "a"))
    assert default_folder() == tmp_path / "a" / "plans"
    monkeypatch.delenv("QC_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "b"))
    assert default_folder() == tmp_path / "b" / "qc-plugin" / "plans"
