"""Decoding behind a wall: the same frames, and nothing that a decoder does reaches us."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qc_plugin.decode import DEFAULT_LIMITS
from qc_plugin.errors import ConfigError, LimitExceeded, TemporaryError, UnsupportedAsset
from qc_plugin.isolation.launch import POOL, Sandbox
from qc_plugin.isolation.looks import Wanted, open_source
from qc_plugin.isolation.media import kind_of, media_of, pictures_of
from qc_plugin.isolation.opening import file_state
from qc_plugin.isolation.samples import open_samples
from qc_plugin.types import Asset
from tests.support.media import write_clip, write_still

needs_bubblewrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = write_clip(tmp_path_factory.mktemp("clip") / "kick.mp4", seconds=0.5)
    return Asset(id="x", path=str(path), kind="video")


def looks(asset, **kwargs):
    with open_samples(asset, sandbox="off", **kwargs) as samples:
        return list(samples.looks()), samples.stats


def test_frames_are_those_of_decoding_in_process(clip):
    got, stats = looks(clip)
    with open_source(clip.path, "video", Wanted(), reader="pyav", limits=DEFAULT_LIMITS) as source:
        there = list(source.looks())
        assert stats == source.stats
    assert [look.preview.index for look in got] == [look.preview.index for look in there]
    for ours, theirs in zip(got, there, strict=True):
        for part in ("luma", "chroma", "rows"):
            assert np.array_equal(getattr(ours.preview, part), getattr(theirs.preview, part))
        assert (ours.frame is None) == (theirs.frame is None)
        if ours.frame is not None:
            assert np.array_equal(ours.frame.rgb, theirs.frame.rgb)
            assert (ours.frame.pts, ours.frame.time_base) == (theirs.frame.pts, theirs.frame.time_base)


def test_c20_kind_size_and_pictures_of_a_file(clip, tmp_path):
    still = write_still(tmp_path / "poster.png")
    assert (kind_of(clip.path), kind_of(still)) == ("video", "artwork")
    kind, media = media_of(still)
    assert (kind, media.width_px, media.container) == ("artwork", 480, "png")
    kind, media = media_of(clip.path)
    with open_source(clip.path, "video", Wanted(), reader="pyav", limits=DEFAULT_LIMITS) as source:
        assert (kind, media) == ("video", source.info)
    assert [frame.rgb.shape[1] for frame in pictures_of(still, most=5)] == [480]
    assert [frame.index for frame in pictures_of(clip.path, sample="all", most=3)] == [0, 8]
    with pytest.raises(LimitExceeded):
        media_of(still, limits=replace(DEFAULT_LIMITS, max_side=100))


def test_artwork_is_one_look(tmp_path):
    path = write_still(tmp_path / "poster.png")
    (look,), stats = looks(Asset(id="x", path=str(path), kind="artwork"))
    assert look.frame.rgb.shape[1] == 480
    assert stats.n_decoded == 1


def test_frames_by_number_and_an_early_end(clip):
    got, _ = looks(clip, wanted=Wanted(indices=(2,)))
    assert [look.preview.index for look in got if look.frame is not None] == [2]
    assert [look.preview.index for look in got] == [1, 2, 3]  # what is beside it tells its motion
    with open_samples(clip, sandbox="off") as samples:
        next(samples.looks())
        assert samples.stats.n_decoded == 1
    assert looks(clip)[1].n_decoded > 2  # the sandbox serves again


def test_errors_come_through_with_the_name_of_the_asset(tmp_path):
    path = tmp_path / "broken name.mp4"
    path.write_bytes(b"\0\0\0\x18ftypisom" + os.urandom(2000))
    with pytest.raises(UnsupportedAsset, match=r"^broken name\.mp4 .*moov"):
        looks(Asset(id="x", path=str(path), kind="video"))
    still = write_still(tmp_path / "big.png")
    with pytest.raises(LimitExceeded, match=r"^big\.png"):
        looks(Asset(id="x", path=str(still), kind="artwork"), limits=replace(DEFAULT_LIMITS, max_pixels=9))


def test_what_is_decoded_is_what_was_hashed(clip, tmp_path):
    path = tmp_path / "a.mp4"
    shutil.copy(clip.path, path)
    asset = replace(clip, path=str(path), state=file_state(path.stat()))
    looks(asset)
    other = tmp_path / "b.mp4"
    shutil.copy(clip.path, other)
    other.replace(path)
    with pytest.raises(TemporaryError, match="changed"):
        looks(asset)
    asset = replace(asset, state=file_state(path.stat()))
    with pytest.raises(TemporaryError, match="changed"):
        _append_meanwhile(asset, path)


@needs_bubblewrap
def test_bubblewrap_is_used_and_named(clip):
    with open_samples(clip, sandbox="required") as samples:
        assert "bubblewrap" in samples.posture
        assert "no network" in samples.posture
        assert sum(look.frame is not None for look in samples.looks()) >= 1


def test_without_bubblewrap_required_refuses_and_preferred_goes_on(clip, monkeypatch):
    POOL.close()
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(ConfigError, match="install bubblewrap"), open_samples(clip, sandbox="required"):
        pass
    with open_samples(clip, sandbox="preferred") as samples:
        assert "bubblewrap" not in samples.posture
    POOL.close()


def test_bubblewrap_that_does_not_start(clip, monkeypatch):
    POOL.close()
    monkeypatch.setattr(shutil, "which", lambda _name: "/bin/false")
    monkeypatch.setattr(POOL, "_no_bubblewrap", "")
    with pytest.raises(ConfigError, match="does not start"), open_samples(clip, sandbox="required"):
        pass
    POOL.close()


def test_a_sandbox_ends_with_its_owner():
    sandbox = Sandbox(bubblewrap=None)
    assert sandbox.ready()
    sandbox._socket.close()
    assert sandbox._process.wait(10) == 0
    assert not Path(sandbox._scratch).exists()


def _append_meanwhile(asset, path):
    with open_samples(asset, sandbox="off") as samples:
        list(samples.looks())
        with path.open("ab") as file:
            file.write(b"more")
