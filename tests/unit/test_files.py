"""One writer for all files: whole or not at all, safe from the sweeps of others, with a sentence."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from qc_plugin import files
from qc_plugin.errors import TemporaryError, UsageError

WRITER = """
import sys, time
from pathlib import Path
from qc_plugin import files

folder, name, ends = Path(sys.argv[1]), sys.argv[2], time.monotonic() + float(sys.argv[3])
n = 0
while time.monotonic() < ends:
    for _ in range(20):
        files.write_whole(folder / f"{name}.txt", [f"{n}\\n".encode()] * 500)
        assert files.write_first(folder / f"{name}-{n}.txt", str(n))
        with files.scratch(folder, str(n)) as copy:
            time.sleep(0.0005)
            assert copy.read_text() == str(n), "another process took it away"
        n += 1
print(n)
"""
SWEEPER = """
import sys, time
from pathlib import Path
from qc_plugin import files

ends = time.monotonic() + float(sys.argv[2])
n = sum(files.sweep(Path(sys.argv[1])) for _ in iter(lambda: time.monotonic() < ends, False))
print(n)
"""


def start(code, *args):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_processes_write_while_a_third_sweeps(tmp_path):
    for n in range(5):
        (tmp_path / f".tmp-left-{n}").write_text("half")
    seconds = 2.0
    processes = [start(WRITER, tmp_path, name, seconds) for name in ("a", "b")]
    processes.append(start(SWEEPER, tmp_path, seconds))
    said = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], said
    n_a, n_b, n_swept = (int(out) for out, _ in said)
    assert min(n_a, n_b) >= 20
    assert n_swept >= 5
    assert not list(tmp_path.glob(".tmp-*"))
    assert len(list(tmp_path.glob("[ab]-*.txt"))) == n_a + n_b
    for name, n in (("a", n_a), ("b", n_b)):
        assert (tmp_path / f"{name}.txt").read_text() == f"{n - 1}\n" * 500


def test_what_a_killed_writer_left_is_swept_and_the_old_file_stays(tmp_path):
    (tmp_path / "x").write_text("old")
    code = (
        "import os, pathlib, sys; from qc_plugin import files\n"
        "with files.whole(pathlib.Path(sys.argv[1])) as file:\n"
        "    file.write(b'half'); file.flush(); print('now', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, tmp_path / "x"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        writer.stdout.readline()
        assert files.sweep(tmp_path) == 0  # it lives
        writer.kill()
    assert files.sweep(tmp_path) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x").read_text() == "old"


def _half_a_file():
    raise ZeroDivisionError


def test_nothing_is_left_and_nothing_replaced_on_an_error(tmp_path):
    (tmp_path / "x").write_text("old")
    with pytest.raises(ZeroDivisionError), files.whole(tmp_path / "x") as file:
        file.write(_half_a_file())
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x").read_text() == "old"


def test_the_first_writer_wins(tmp_path, monkeypatch):
    path = tmp_path / "new" / "x"
    assert files.write_first(path, "one")
    assert not files.write_first(path, "two")

    def no_links(*_args):
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", no_links)
    assert not files.write_first(path, "three")
    assert path.read_text() == "one"
    assert files.write_first(tmp_path / "y", "four")
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["x", "y"]


def test_text_that_has_no_utf8_form_is_shown(tmp_path):
    files.write_whole(tmp_path / "x", "a\udcffb")
    assert (tmp_path / "x").read_text() == "a\\udcffb"


def test_modes(tmp_path):
    umask = os.umask(0o022)
    try:
        files.write_whole(tmp_path / "open", "x")
        files.write_whole(tmp_path / "own", "x", mode=0o600)
    finally:
        os.umask(umask)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("open", "own")] == [0o644, 0o600]


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    files.write_whole(tmp_path / "pipe", "hello")
    assert os.read(reader, 100) == b"hello"
    assert (tmp_path / "pipe").is_fifo()


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"file: cannot write the sheet \(.*\); choose a writable folder$"):
        files.write_whole(tmp_path / "file" / "a" / "b", "x", what="the sheet")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_for_later(tmp_path):
    (tmp_path / "full").symlink_to("/dev/full")
    with pytest.raises(TemporaryError, match=r"full: the disk is full; free some space and run again$"):
        files.write_whole(tmp_path / "full", "x")


def test_a_fault_that_may_pass_is_for_later(tmp_path, monkeypatch):
    def failing(_descriptor):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(TemporaryError, match=r"cannot write the report now \(.*\); run again$"):
        files.write_whole(tmp_path / "x", "x", what="the report", durable=True)
    assert not list(tmp_path.iterdir())


def test_what_the_block_raises_stays_as_it_is(tmp_path):
    with pytest.raises(FileNotFoundError), files.scratch(tmp_path, "x") as copy:
        copy.with_name("other").read_text()
    with pytest.raises(FileNotFoundError), files.temporary_folder("qc-test-") as folder:
        (folder / "other").read_text()
    assert not folder.exists()
