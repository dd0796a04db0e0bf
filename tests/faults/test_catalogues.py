"""Catalogues as they really are, by the command line: closed folders, links, leftovers, copies.

Rows are those of situations that users told similar tools of. Pictures are stubs: what is found is tested.
"""

import json
import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq
import pytest

from qc_plugin.batch import run
from qc_plugin.batch.ledger import Ledger
from qc_plugin.host.event import Event
from qc_plugin.host.event_handler import EventHandler
from qc_plugin.report.read import read_meta
from tests.faults import stub_worker
from tests.faults.stub_worker import asset

cli = import_module("qc_plugin.cli.main")  # the package has a function of that name
TREE = Path(__file__).parents[1] / "data/plex_tree.txt"


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def lines(self):
        return [json.loads(line) for line in self.out.splitlines()]

    def rows(self, schema="qc.outcome/1"):
        return [line for line in self.lines if line["schema"] == schema]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "run_isolated", stub_worker.in_process)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def qc(here, monkeypatch, capsys):
    """A command in the folder of the test; gives its exit code and what it said."""

    def command(*words):
        monkeypatch.setattr(sys, "argv", ["qc-plugin", *map(str, words)])
        capsys.readouterr()
        code = cli._run()
        return Done(code, *capsys.readouterr())

    return command


@pytest.fixture
def scan(qc):
    return lambda *words: qc("scan", *words, "--reports", "R", "--no-sheet", "--rules", "artwork")


@contextmanager
def as_ourselves():
    user = os.geteuid()
    os.seteuid(os.getuid())
    yield
    os.seteuid(user)


@pytest.fixture
def stranger(scan, here, monkeypatch):
    """A folder where this process is nobody in particular: root may read everything."""
    scan(asset(here / "first.png"))  # loads what a stranger may not read where Python belongs to root
    folder = Path(tempfile.mkdtemp(prefix="qc-stranger-"))
    user = 23456 if os.geteuid() == 0 else os.geteuid()
    try:
        os.chown(folder, user, -1)
        for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
            monkeypatch.setenv(name, str(folder))
        os.seteuid(user)
        yield folder
    finally:
        os.seteuid(os.getuid())
        for place, folders, _ in os.walk(folder, topdown=True):
            for name in folders:
                (Path(place) / name).chmod(0o700)
        shutil.rmtree(folder)


def names(done):
    return sorted(Path(row["path"]).name for row in done.rows())


def test_row_04_a_closed_folder_is_named_and_the_rest_goes_on(stranger, scan, monkeypatch):
    monkeypatch.chdir(stranger)
    asset(stranger / "lib/a.png")
    asset(stranger / "lib/secret/b.png")
    asset(stranger / "lib/z.png")
    (stranger / "lib/secret").chmod(0)
    done = scan("lib", "--json")
    assert (done.code, names(done)) == (20, ["a.png", "z.png"])
    (skipped,) = done.rows("qc.skipped/1")
    assert skipped["path"] == str(stranger / "lib/secret")
    assert "Permission denied" in skipped["sentence"]
    plain = scan("lib", "--dry-run")
    assert f"{stranger}/lib/secret: cannot be read (Permission denied)" in plain.err
    assert "Traceback" not in done.err + plain.err


def test_row_04_what_a_closed_folder_holds_is_not_forgotten(stranger, scan, qc, monkeypatch):
    monkeypatch.chdir(stranger)
    asset(stranger / "lib/secret/b.png")
    asset(stranger / "lib/a.png")
    assert scan("lib").code == 0
    (stranger / "lib/secret").chmod(0)
    assert scan("lib").code == 20
    assert qc("status", "--reports", "R", "--json").lines[0]["counts"][0]["assets"] == 2
    (stranger / "lib/secret").chmod(0o700)
    assert scan("lib", "--json").code == 0
    assert scan("lib", "--ignore", "secret/", "--json").code == 0


def test_row_04_folders_that_cannot_be_listed_for_other_reasons(here, scan):
    asset(here / "lib/a.png")
    (here / "lib/long").mkdir()
    descriptor = os.open(here / "lib/long", os.O_RDONLY)
    for _ in range(20):  # longer than a path may be
        os.mkdir("d" * 250, dir_fd=descriptor)
        below = os.open("d" * 250, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)
    done = scan("lib", "--json")
    assert (done.code, names(done)) == (20, ["a.png"])
    (skipped,) = done.rows("qc.skipped/1")
    assert "File name too long" in skipped["sentence"]


@pytest.fixture
def deep(here):
    """A folder nested deeper than calls may be; gone afterwards, because others cannot delete it."""
    folders = [here / "lib"]
    for _ in range(1200):
        folders.append(Path(f"{folders[-1]}/n"))
    try:
        for folder in folders:
            folder.mkdir()
        yield folders[-1]
    finally:
        for folder in reversed(folders):
            for entry in list(os.scandir(folder)):
                Path(entry.path).unlink()
            folder.rmdir()


def test_row_04_folders_nested_deeper_than_calls_may_be(deep, scan):
    asset(deep / "b.png")
    done = scan("lib", "--json")
    assert (done.code, names(done)) == (0, ["b.png"])


@pytest.mark.parametrize("gone", ["lib/b", "lib/b/c.png"])
def test_row_04_folders_and_files_that_vanish_meanwhile(here, scan, monkeypatch, gone):
    """What is listed goes away before it is looked at."""
    for name in ("a.png", "b/c.png", "d.png"):
        asset(here / "lib" / name)
    real = os.scandir

    def then_remove(path):
        listed = list(real(path))
        if Path(path).name == Path(gone).parent.name:
            monkeypatch.setattr(os, "scandir", real)
            shutil.rmtree(gone) if gone == "lib/b" else Path(gone).unlink()
        return _Listing(listed)

    class _Listing(list):
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(os, "scandir", then_remove)
    done = scan("lib", "--json")
    assert done.code == 20
    assert {"a.png", "d.png"} <= set(names(done))
    assert len(done.rows()) + len(done.rows("qc.skipped/1")) == 3


def test_row_04_names_that_are_no_text(here, scan):
    folder = here / os.fsdecode(b"lib/\xff")
    folder.mkdir(parents=True)
    (folder / os.fsdecode(b"bad\xfe.png")).write_bytes(b"no picture")
    (folder / os.fsdecode(b"link\xfd")).symlink_to(here)
    done = scan("lib", "--json")
    assert done.code == 20
    assert [len(done.rows()), len(done.rows("qc.skipped/1"))] == [1, 1]
    assert scan("lib").code == 20


def test_row_20_linked_folders(here, scan):
    asset(here / "real/movies/m.png")
    asset(here / "lib/a/x.png")
    asset(here / "lib/.pool/y.png")
    (here / "lib/movies").symlink_to(here / "real/movies")
    (here / "lib/again").symlink_to(here / "lib/a")
    (here / "lib/a/loop").symlink_to(here / "lib")
    (here / "lib/pool").symlink_to(here / "lib/.pool")
    (here / "lib/pool-2").symlink_to(here / "lib/.pool")
    (here / "lib/.pool/deeper").symlink_to(here / "lib/.pool")
    (here / "lib/round").symlink_to(here / "lib/round")
    (here / "lib/lost.png").symlink_to(here / "lib/nothing.png")
    done = scan("lib", "--json")
    assert (done.code, names(done)) == (20, ["x.png", "y.png"])
    said = {Path(row["path"]).name: row["sentence"] for row in done.rows("qc.skipped/1")}
    assert sorted(said) == ["lost.png", "movies", "round"]
    assert f"is a link that leads out of {here}/lib: name its target too" in said["movies"]
    assert "link to nothing" in said["lost.png"]
    plain = scan("lib", "--dry-run")
    assert "not searched: 3 links that are not followed" in plain.err
    assert f"{here}/lib/movies: is a link that leads out" in plain.err
    assert "4 links to folders that are scanned anyway" in plain.err
    both = scan("lib", "real/movies", "--ignore", "round,lost.png", "--json")
    assert (both.code, names(both)) == (0, ["m.png", "x.png", "y.png"])


def test_row_20_a_root_named_twice_is_scanned_once(here, scan):
    asset(here / "lib/a.png")
    (here / "same").symlink_to(here / "lib")
    assert names(scan("lib", here / "lib", "./same", "lib/../lib/a.png", "--json")) == ["a.png"]


def test_row_22_leftovers_of_media_servers_and_nas(here, scan):
    for name in TREE.read_text().split("\n"):
        if name:
            (here / "lib" / name).parent.mkdir(parents=True, exist_ok=True)
            (here / "lib" / name).write_bytes(b"no picture")
    for name in ("Movie (2020).mp4", "poster.jpg", "placeholder.mp4"):
        asset(here / "lib/Movie (2020)" / name)
    done = scan("lib", "--json")
    assert (done.code, names(done)) == (0, ["Movie (2020).mp4", "placeholder.mp4", "poster.jpg"])
    assert not done.rows("qc.skipped/1")
    plan = scan("lib", "--dry-run", "--json").lines[0]
    assert plan["left_out"] == {"hidden": 4, "no_media": 16, "system": 2, "unfinished": 2}
    assert plan["ignored"] == 24
    assert "left out by name: 2 unfinished downloads" in scan("lib").err


LEFT_OUT = {
    "no_media": "a.nfo a.NFO a.sub a.r00 a.part01.rar a.z01 a.mkv.001 a.lrc V.IFO a.bif Thumbs.db a.m3u8",
    "segments": "seg-1.m4s a.M4S v.cmfv",
    "unfinished": "a.mkv.part a.mkv.!qB a.crdownload a.mp4.part-Frag12 a.partial~ a.!sync a.tmp a.ytdl",
    "system": "~$a.mp4 a.mp4@SynoEAStream",
    "hidden": "._a.mp4 .DS_Store",
}
MEDIA = ["a.mp4", "a.264", "a.001.mp4", "a.dat", "a.tbn", "Part.mp4", "a", "a.mkv.264", "part"]
FOLDERS = (
    "@eaDir #recycle @Recycle $RECYCLE.BIN lost+found .Trash-1000 System\xa0Volume\xa0Information a.trickplay"
)


def test_row_22_every_leftover_by_its_name_wherever_it_lies(here, scan):
    for text in LEFT_OUT.values():
        for name in text.split():
            (here / "lib" / name).parent.mkdir(exist_ok=True)
            (here / "lib" / name).touch()
    for name in FOLDERS.split(" "):
        asset(here / "lib" / name.replace("\xa0", " ") / "x.png")
    for name in MEDIA:
        asset(here / "lib" / name)
    asset(here / "lib/half.mp4")
    (here / "lib/half.mp4.aria2").touch()
    assert names(scan("lib", "--json")) == sorted(MEDIA)
    plan = scan("lib", "--dry-run", "--json").lines[0]["left_out"]
    expected = {reason: len(text.split()) for reason, text in LEFT_OUT.items()}
    expected["system"] += 7
    expected["hidden"] += 1
    expected["unfinished"] += 2
    assert plan == expected


def test_row_22_globs_of_ones_own(here, scan, monkeypatch):
    for name in ("a.png", "a-trailer.png", "Extras/e.png", "raw/r.png", "raw/deep/s.mov", "Extras.png"):
        asset(here / "lib" / name)
    assert names(scan("lib", "--ignore", "*-TRAILER.*, extras/,raw/*.mov", "--json")) == [
        "Extras.png",
        "a.png",
        "r.png",
    ]
    (here / "qc-plugin.toml").write_text('ignore = ["raw", "*.mov"]')
    assert scan("lib", "--dry-run", "--json").lines[0]["left_out"] == {"ignore": 1}
    monkeypatch.setenv("QC_IGNORE", "a*")
    assert scan("lib", "--dry-run", "--json").lines[0]["left_out"] == {"ignore": 2}


def test_row_22_a_file_that_still_grows_is_for_later(here, scan, monkeypatch):
    """A download under its final name: cut off when it is looked at, and longer a moment later."""
    half = here / "lib/film.png"
    half.parent.mkdir()
    half.write_bytes(b"")
    in_process = stub_worker.in_process

    def grow(items, config, **kwargs):
        for item, outcome in in_process(items, config, **kwargs):
            with half.open("ab") as file:
                file.write(b"more")
            yield item, outcome

    monkeypatch.setattr(run, "run_isolated", grow)
    done = scan("lib", "--json")
    assert (done.code, done.rows()[0]["retryable"]) == (75, True)
    monkeypatch.setattr(run, "run_isolated", in_process)
    asset(half)
    assert scan("lib", "--json").code == 0


def test_row_23_a_missing_root_is_a_sentence_and_no_asset(here, scan, qc):
    asset(here / "lib/a.png")
    for words in (["nas/notmounted"], ["lib", "nas/notmounted"], ["lib/typo.mp4"], ["lib/a.png/b"]):
        for more in ([], ["--dry-run"]):
            done = scan(*words, *more)
            assert (done.code, done.out) == (2, "")
            assert f"{words[-1]}: " in done.err
            assert len(done.err.splitlines()) == 1
    assert not (here / "R").exists()
    assert qc("check", "nosuch.mp4").code == 2


def test_row_23_an_empty_root_is_loud_and_forgets_nothing(here, scan, qc):
    asset(here / "mnt/show/a.png")
    asset(here / "other/b.png")
    (here / "new").mkdir()
    assert scan("mnt", "other", "new").code == 0
    (here / "mnt").rename(here / "away")
    (here / "mnt/lost+found").mkdir(parents=True)
    done = scan("mnt", "other", "--since", "last", "--json")
    assert done.code == 75
    (row,) = done.rows("qc.skipped/1")
    assert (row["path"], row["kind"]) == (f"{here}/mnt", "empty")
    assert "the catalogue is empty; is it mounted?" in row["sentence"]
    assert "the catalogue is empty" in scan("mnt", "--dry-run").err
    assert qc("status", "--reports", "R", "--json").lines[0]["counts"][0]["assets"] == 2
    assert len(list((here / "R").rglob("*.parquet"))) == 2
    allowed = scan("mnt", "other", "--allow-empty")
    assert (allowed.code, "1 asset of the last scan not there any more" in allowed.err) == (0, True)
    assert qc("status", "--reports", "R", "--json").lines[0]["counts"][0]["assets"] == 1
    assert len(list((here / "R").rglob("*.parquet"))) == 2
    assert scan("new").code == 0


def test_row_25_deleted_files_leave_the_ledger_at_the_next_scan(here, scan, qc):
    for name in ("a/one.png", "b/two.png", "b/three.png"):
        asset(here / "dup" / name)
    asset(here / "dup-2/x.png")
    scan("dup", "dup-2")
    (here / "dup/a/one.png").unlink()
    assert scan("dup/a").code == 75  # the folder that was scanned has nothing any more
    assert "1 asset of the last scan not there any more" in scan("dup").err
    with Ledger(here / "R/_ledger.sqlite") as ledger:
        known = [Path(entry.path).name for entry in ledger.entries()]
    assert known == ["x.png", "three.png", "two.png"]
    assert qc("status", "--reports", "R", "--json").lines[0]["counts"][0]["assets"] == 3


def places(folder):
    """What the dataset says of where each asset is: {name first given: (others, still there)}."""
    rows = pq.read_table(next(folder.glob("assets/*/*.parquet")), partitioning=None).to_pylist()
    return {row["uri"]: (row["also_at"], row["present"]) for row in rows}


def test_row_25_every_path_of_a_content_is_in_the_dataset_and_deleted_ones_leave_it(here, scan, qc):
    one, two, other = (here / name for name in ("dup/a/one.png", "dup/b/two.png", "dup/other.png"))
    asset(other)
    asset(one)
    two.parent.mkdir()
    shutil.copy(one, two)
    (here / "elsewhere").mkdir()
    shutil.copy(one, here / "elsewhere/three.png")
    assert scan("dup").code == 0
    assert scan("elsewhere").code == 0
    assert qc("compact", "--reports", "R", "--out", "D").code == 0
    also = [str(two), str(here / "elsewhere/three.png")]
    assert places(here / "D") == {str(one): (also, True), str(other): ([], True)}
    assert "as it was" in qc("compact", "--reports", "R", "--out", "D").out
    one.unlink()
    other.unlink()
    assert scan("dup").code == 0
    assert qc("status", "--reports", "R", "--json").lines[0]["counts"] == [
        {"verdict": "accept", "exit_code": 0, "assets": 2}
    ]
    assert "written" in qc("compact", "--reports", "R", "--out", "D").out
    assert places(here / "D") == {str(two): ([also[1]], True), str(other): ([], False)}


def test_row_25_without_the_ledger_the_place_of_the_report_stands(here, scan, qc):
    asset(here / "in/a.png")
    scan("in", "--ledger", here / "far.sqlite")
    qc("compact", "--reports", "R", "--out", "D")
    assert places(here / "D") == {str(here / "in/a.png"): ([], None)}
    qc("compact", "--reports", "R", "--out", "D", "--ledger", here / "far.sqlite")
    assert places(here / "D") == {str(here / "in/a.png"): ([], True)}


def test_row_26_reports_of_two_folders_name_two_files(here, qc, monkeypatch):
    for folder in ("one", "two"):
        asset(here / folder / "cat/a.png", text=folder)
        monkeypatch.chdir(here / folder)
        words = "--reports", here / "R", "--no-sheet", "--rules", "artwork", "--json"
        assert qc("scan", "cat", *words).code == 0
        assert qc("scan", "../one/cat/a.png", *words).rows()[0]["reused"]
    uris = {read_meta(path)["asset"]["uri"] for path in (here / "R").rglob("*.parquet")}
    assert uris == {f"{here}/one/cat/a.png", f"{here}/two/cat/a.png"}


def test_row_04_by_the_door_of_a_host(stranger, scan, monkeypatch, capsys):
    """The nightly scan as a task of an event, and the ledger that a rebuild makes."""
    monkeypatch.chdir(stranger)
    asset(stranger / "lib/a.png")
    asset(stranger / "lib/secret/b.png")
    (stranger / "lib/secret").chmod(0)
    event = {"schema": 1, "event": "task.run", "id": "t", "task": "nightly-scan", "paths": ["lib"]}
    desk = EventHandler({"reports": stranger / "R", "rules": "artwork", "sheet": False, "stills": False})
    answer = desk.answer(Event.model_validate(event))
    assert (answer.verdict, answer.task.exit_code, answer.task.assets) == ("review", 20, 1)
    assert answer.task.skipped == 1
    gone = desk.answer(Event.model_validate(event | {"paths": ["no/such"], "id": "u"}))
    assert (gone.error.exit_code, gone.error.text.split(":")[0]) == (2, "no/such")


READERS = {
    "status": ("status", "--reports", "R"),
    "compact": ("compact", "--reports", "R", "--out", "D"),
    "rejudge": ("rejudge", "R", "--rules", "default"),
    "review": ("review", "R", "--out", "p.html"),
    "explain": ("explain", "R/schema=1/kind=artwork/x.parquet", "--frame", "0"),
    "dry run": ("scan", "lib", "--reports", "R", "--dry-run"),
    "scan": ("scan", "lib", "--reports", "R", "--no-sheet", "--rules", "artwork"),
    "rebuild": ("ledger", "rebuild", "--reports", "R"),
}


@pytest.mark.parametrize("where", ["R", "R/schema=1/kind=artwork", "R/schema=1/kind=artwork/*/*.parquet"])
def test_row_04_closed_reports_are_named_and_never_passed_over(stranger, scan, qc, monkeypatch, where):
    """What is joined or judged without them would look whole; nobody is told to delete them."""
    with as_ourselves():
        scan("first.png")
        for words in READERS.values():
            qc(*words)  # loads what a stranger may not read where Python belongs to root
    monkeypatch.chdir(stranger)
    asset(stranger / "lib/a.png")
    assert scan("lib").code == 0
    (closed,) = stranger.glob(where)
    closed.chmod(0)
    believes_the_ledger = {"status"} if where != "R" else set()
    sees_the_name = {"dry run", "scan", "explain"} if closed.is_file() else set()
    try:
        done = {name: qc(*words) for name, words in READERS.items()}
    finally:
        closed.chmod(0o700)
    rebuilt = done.pop("rebuild")
    for name, each in done.items():
        if name not in believes_the_ledger | sees_the_name:
            assert (name, each.code) == (name, 2)
            assert "Permission denied" in each.err or "cannot write the ledger" in each.err
            assert "delete" not in each.err
    assert "Permission denied" in rebuilt.out or (where == "R" and rebuilt.code == 2)
