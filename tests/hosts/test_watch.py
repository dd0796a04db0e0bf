"""The watch folder with real files that arrive while it looks."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from qc_plugin.errors import UsageError
from qc_plugin.host.watch import WatchSettings, watch


class Looks(threading.Event):
    """Stands between two looks: does the next step instead of waiting, and stops when there is none left."""

    def __init__(self, *steps):
        super().__init__()
        self.steps = list(steps)

    def wait(self, timeout=None):
        if self.steps:
            self.steps.pop(0)()
        else:
            self.set()
        return self.is_set()


def look(desk, folder, *steps, **settings):
    """Results of a watch during which `steps` happen, one after each look."""
    results = []
    watch(desk, WatchSettings(folder=folder, **settings), tell=results.append, stop=Looks(*steps))
    return results


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "in"
    path.mkdir()
    return path


def nothing():
    pass


def test_a_file_is_taken_when_two_looks_agree(desk, folder, still):
    target, data = folder / "poster.png", still.read_bytes()
    taken_at = []

    def append(part):
        def step():
            with target.open("ab") as file:
                file.write(part)
            taken_at.append(len(results))

        return step

    results = []
    half = len(data) // 2
    steps = Looks(append(data[:half]), append(data[half:-1]), append(data[-1:]), nothing, nothing, nothing)
    watch(desk, WatchSettings(folder=folder), tell=results.append, stop=steps)
    assert taken_at == [0, 0, 0]
    assert [r.error for r in results] == [None]
    assert results[0].verdict in ("accept", "review", "reject")


def test_a_file_that_only_keeps_its_size_is_not_finished(desk, folder, still):
    """Uploaders that reserve space first: the size stays, the time moves."""
    target = folder / "poster.png"
    data = still.read_bytes()
    target.write_bytes(bytes(len(data)))
    clock = iter(range(1_000, 2_000))

    def touch():
        os.utime(target, ns=(0, next(clock) * 10**9))

    def finish():
        target.write_bytes(data)

    results = look(desk, folder, touch, touch, touch, finish, nothing, nothing)
    assert [r.error for r in results] == [None]


@pytest.mark.parametrize("name", ["a.png.part", "a.tmp", ".a.png", "a.crdownload", "notes.txt"])
def test_unfinished_and_foreign_names_are_left_alone(desk, folder, still, name):
    (folder / name).write_bytes(still.read_bytes())
    assert look(desk, folder, nothing, nothing, nothing) == []


def test_a_rename_into_place_is_one_asset(desk, folder, still):
    part = folder / "a.png.part"
    part.write_bytes(still.read_bytes())
    results = look(desk, folder, nothing, lambda: part.rename(folder / "a.png"), nothing, nothing, nothing)
    assert [r.asset.uri for r in results] == [str(folder / "a.png")]


def test_a_sidecar_says_when(desk, folder, still):
    (folder / "a.png").write_bytes(still.read_bytes())
    assert look(desk, folder, nothing, nothing, sidecar=".done") == []
    (folder / "a.png.done").touch()
    assert len(look(desk, folder, nothing, nothing, sidecar=".done")) == 1


def test_a_restart_does_no_work_and_a_replaced_file_does(desk, folder, still, tmp_path):
    target = folder / "a.png"
    target.write_bytes(still.read_bytes())
    first = look(desk, folder, nothing, nothing)
    again = look(desk, folder, nothing, nothing)
    assert [r.replayed for r in first + again] == [False, True]
    replaced = look(desk, folder, nothing, lambda: target.write_bytes(b"other"), nothing, nothing)
    assert [(r.replayed, r.verdict) for r in replaced][-1] == (False, "error")
    assert len(list(tmp_path.rglob("*.parquet"))) == 2


def test_a_folder_that_is_not_there(desk, tmp_path):
    with pytest.raises(UsageError, match="no such folder"):
        watch(desk, WatchSettings(folder=tmp_path / "no"), tell=print, stop=threading.Event())


def test_the_command_watches_until_it_is_asked_to_stop(folder, still, tmp_path):
    command = [sys.executable, "-m", "qc_plugin", "watch", str(folder), "--reports", "out", "--poll-s", "0.1"]
    pipe = subprocess.PIPE
    host = subprocess.Popen(command, cwd=tmp_path, stdout=pipe, stderr=pipe, text=True)
    (folder / "a.png").write_bytes(still.read_bytes())
    result = json.loads(host.stdout.readline())
    assert (tmp_path / result["report"]).is_file()
    (folder / "bad.mp4").write_bytes(b"no video")
    assert json.loads(host.stdout.readline())["error"]["exit_code"] == 20
    host.send_signal(signal.SIGTERM)
    assert host.wait(timeout=30) == 0
    assert "Traceback" not in host.stderr.read()
    host.stdout.close()
    host.stderr.close()


def test_row_04_a_folder_that_cannot_be_listed_or_is_away_does_not_end_the_watch(
    desk, folder, still, monkeypatch, caplog
):
    """A listing that fails in a folder below, then the share itself away for a look, then back."""
    (folder / "closed").mkdir()
    (folder / "a.png").write_bytes(still.read_bytes())
    away, real = folder.with_name("away"), os.scandir

    def closed(path="."):
        if str(path).endswith("closed"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", closed)
    results = look(
        desk,
        folder,
        nothing,
        nothing,
        lambda: folder.rename(away),
        nothing,
        lambda: away.rename(folder),
        nothing,
        nothing,
        ignore=("*.mov",),
    )
    assert [(r.asset.uri, r.replayed) for r in results] == [(str(folder / "a.png"), False)]
    told = [record.message for record in caplog.records if record.name.endswith("watch")]
    assert sum("closed: cannot be read (Permission denied)" in text for text in told) == 2
    assert sum("no such file or folder" in text for text in told) == 1


def test_reports_in_the_folder_are_no_arrivals(desk, folder, still):
    (folder / "a.png").write_bytes(still.read_bytes())
    (folder / "qc/_stills").mkdir(parents=True)
    (folder / "qc/_stills/b.png").write_bytes(still.read_bytes())
    results = look(desk, folder, nothing, nothing, but=(folder / "qc",))
    assert [r.asset.uri for r in results] == [str(folder / "a.png")]
