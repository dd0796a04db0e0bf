import errno
import os
import threading
from dataclasses import replace

import pytest

from qc_plugin.errors import TemporaryError, UsageError
from qc_plugin.report.read import read_meta, read_report
from qc_plugin.report.write import report_path, write_report
from tests.support.fake_report import PROVENANCE, fake_error, fake_report
from tests.support.plain import plain


def test_path_is_made_of_digests_only(tmp_path):
    video = report_path(tmp_path, fake_report(8))
    assert video.relative_to(tmp_path).as_posix() == f"schema=1/kind=video/ab/{'ab' * 8}-{'e4' * 4}.parquet"
    hostile = replace(fake_error(), asset=replace(fake_error().asset, id="../../etc/passwd\0"))
    path = report_path(tmp_path, hostile).relative_to(tmp_path)
    assert [len(part) for part in path.parts] == [8, 10, 2, 16 + 1 + 8 + 8]
    assert path != report_path(tmp_path, fake_error()).relative_to(tmp_path)


def test_two_writes_are_equal_bytes_and_leave_nothing_behind(tmp_path):
    first, second = (write_report(fake_report(40), tmp_path / name) for name in "ab")
    assert first.read_bytes() == second.read_bytes()
    assert {p for p in tmp_path.rglob("*") if p.is_file()} == {first, second}


def test_order_of_mappings_does_not_change_the_bytes(tmp_path):
    report = fake_report(40)
    turned = replace(report, funnel=dict(reversed(report.funnel.items())))
    assert (
        write_report(report, tmp_path / "a").read_bytes() == write_report(turned, tmp_path / "b").read_bytes()
    )


def test_seconds_spent_are_not_inside(tmp_path):
    report = fake_report(8)
    timed = replace(report, stage_seconds={"decode": 1.5})
    assert (
        write_report(report, tmp_path / "a").read_bytes() == write_report(timed, tmp_path / "b").read_bytes()
    )


def test_a_finished_report_stays(tmp_path):
    path = write_report(fake_report(8), tmp_path)
    before = path.stat().st_mtime_ns, path.read_bytes()
    assert write_report(fake_report(9), tmp_path) == path
    assert (path.stat().st_mtime_ns, path.read_bytes()) == before
    assert len(list(path.parent.iterdir())) == 1


def test_a_torn_file_and_an_error_are_replaced(tmp_path):
    good = fake_report(8)
    path = report_path(tmp_path, good)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PAR1 torn")
    write_report(replace(good, verdict="error", error="crashed; try again", exit_code=22), tmp_path)
    assert read_meta(path)["error"]["exit_code"] == 22
    write_report(good, tmp_path)
    assert read_meta(path)["verdict"] == "review"


def test_another_asset_at_the_same_path_is_refused(tmp_path):
    report = fake_report(8)
    write_report(report, tmp_path)
    other = replace(report, provenance=replace(PROVENANCE, judge_key="e4" * 4 + "00" * 28))
    with pytest.raises(UsageError, match="another asset or key"):
        write_report(other, tmp_path)


def test_without_hard_links_it_renames(tmp_path, monkeypatch):
    def no_links(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    path = write_report(fake_report(8), tmp_path)
    assert read_meta(path)["verdict"] == "review"
    assert len(list(path.parent.iterdir())) == 1


@pytest.mark.parametrize(("code", "error"), [(errno.ENOSPC, TemporaryError), (errno.EIO, TemporaryError)])
def test_a_write_that_fails_leaves_no_file(tmp_path, monkeypatch, code, error):
    def fail(_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(error, match="; "):
        write_report(fake_report(8), tmp_path)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_a_root_that_is_a_file_is_one_sentence(tmp_path):
    (tmp_path / "reports").write_text("not a folder")
    with pytest.raises(UsageError, match="writable folder"):
        write_report(fake_report(8), tmp_path / "reports")


def test_many_writers_leave_one_whole_report(tmp_path):
    report, start = fake_report(20), threading.Barrier(6)

    def write():
        start.wait()
        write_report(report, tmp_path)

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    path = report_path(tmp_path, report)
    assert list(path.parent.iterdir()) == [path]
    assert plain(read_report(path)) == plain(report)


def test_secrets_and_odd_bytes_do_not_get_in(tmp_path):
    error = fake_error()
    uri = "https://user:secret@store.example/in/a%20b.mp4?X-Signature=secret#secret"
    path = write_report(replace(error, asset=replace(error.asset, path=uri)), tmp_path / "a")
    assert b"secret" not in path.read_bytes()
    assert read_meta(path)["asset"]["uri"] == "https://store.example/in/a%20b.mp4"
    odd = os.fsdecode(b"/in/caf\xe9?.mp4")
    path = write_report(replace(error, asset=replace(error.asset, path=odd)), tmp_path / "b")
    assert read_meta(path)["asset"]["uri"] == r"/in/caf\udce9?.mp4"
