import subprocess
import sys
from dataclasses import replace

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import qc_plugin
from qc_plugin.errors import UsageError
from qc_plugin.report.meta import frames_of
from qc_plugin.report.read import read_frames, read_meta, read_report
from qc_plugin.report.write import write_report
from tests.support.fake_report import fake_artwork, fake_error, fake_report
from tests.support.plain import plain


@pytest.mark.parametrize("make", [fake_report, fake_artwork, fake_error])
def test_what_was_written_comes_back(tmp_path, make):
    report = make()
    assert plain(read_report(write_report(report, tmp_path))) == plain(report)


def test_meta_answers_without_rows(tmp_path):
    meta = read_meta(write_report(fake_report(), tmp_path))
    assert meta["schema"] == "qc.frames/1"
    assert meta["asset"]["media"]["width_px"] == 1280
    assert sum(meta["decisions"].values()) == 113  # those that were judged; seven were left out
    assert sum(frames_of(meta).values()) == 120
    before = meta["decisions"] | {"accept": meta["decisions"]["accept"] + 7}  # as reports said it once
    assert frames_of(meta | {"decisions": before}) == frames_of(meta)
    assert meta["flags"] == {"incomplete": False, "degraded": True, "repaired": False}
    assert meta["error"] is None
    error = read_meta(write_report(fake_error(), tmp_path))["error"]
    assert error["class"] == "UnsupportedAsset"
    assert error["exit_code"] == 20
    assert "video stream" in error["text"]


def test_one_file_as_a_data_frame(tmp_path):
    report = fake_report()
    frames = read_frames(write_report(report, tmp_path))
    assert len(frames) == 120
    assert frames["rank"].dtype == pd.Int32Dtype()
    ranked = frames[frames["rank"].notna()].sort_values("rank")
    assert ranked["rank"].tolist() == list(range(1, 13))
    row = report.frames[20]
    assert frames.loc[20, "blur_coverage"] == row.score.measures["blur_coverage"]
    assert frames.loc[20, "regions"][1]["skipped"] == {"sharpness": "too flat to tell"}
    assert frames.loc[0, "phash"] == row.score.phash - 20 * 0x9E3779B97F4A7C15 & 0xFFFF_FFFF_FFFF_FFFF


def test_a_folder_is_all_its_reports(tmp_path):
    for report in (fake_report(), fake_artwork(), fake_error()):
        write_report(report, tmp_path)
    (tmp_path / "schema=1" / ".tmp-left-by-a-kill.parquet").write_bytes(b"half")
    frames = read_frames(tmp_path)
    assert frames["asset_uri"].astype(str).value_counts().to_dict() == {
        "/assets/talk with hands.mp4": 120,
        "/assets/poster.png": 1,
    }


def test_an_empty_folder_and_a_missing_file_are_named(tmp_path):
    with pytest.raises(UsageError, match="no report"):
        read_frames(tmp_path)
    for read in (read_frames, read_meta, read_report):
        with pytest.raises(UsageError, match="no such report"):
            read(tmp_path / "none.parquet")
    with pytest.raises(UsageError, match="is a folder"):
        read_report(tmp_path)


@pytest.mark.parametrize("size", [0, 4, 100, -1, -400, -8000])
def test_a_cut_file_is_one_sentence(tmp_path, size):
    path = write_report(fake_report(30), tmp_path)
    path.write_bytes(path.read_bytes()[:size])
    for read in (read_frames, read_meta, read_report):
        with pytest.raises(UsageError, match="damaged or not"):
            read(path)


def test_nobody_is_told_to_delete_what_is_no_report(tmp_path):
    asset = tmp_path / "film.mp4"
    asset.write_bytes(b"ftyp" * 100)
    with pytest.raises(UsageError, match="is not a qc-plugin report; name a") as caught:
        read_report(asset)
    assert "delete it" not in str(caught.value)


def test_flipped_bytes_never_escape_as_another_error(tmp_path):
    good = write_report(fake_report(12), tmp_path).read_bytes()
    path = tmp_path / "flipped.parquet"
    refused = 0
    for position in range(7, len(good), len(good) // 60):
        path.write_bytes(good[:position] + bytes([good[position] ^ 0xFF]) + good[position + 1 :])
        try:
            read_report(path)
        except UsageError:
            refused += 1
    assert refused > 10


def test_foreign_and_newer_files_are_refused_with_their_reason(tmp_path):
    foreign = tmp_path / "foreign.parquet"
    pq.write_table(pa.table({"a": [1]}), foreign)
    with pytest.raises(UsageError, match="not a report of qc-plugin"):
        read_frames(foreign)
    path = write_report(fake_report(8), tmp_path)
    _rewrite(path, {b"qc.schema": b'"qc.frames/2"'})
    for read in (read_frames, read_meta, read_report):
        with pytest.raises(UsageError, match=r"newer qc-plugin .*qc\.frames/2.*upgrade"):
            read(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [(b"qc.asset", b"{"), (b"qc.asset", b"[]"), (b"qc.provenance", b"{}"), (b"qc.flags", b"\xff")],
)
def test_broken_metadata_is_one_sentence(tmp_path, key, value):
    path = write_report(fake_report(8), tmp_path)
    _rewrite(path, {key: value})
    with pytest.raises(UsageError, match="damaged or not"):
        read_report(path)


def test_columns_and_keys_of_a_later_version_are_ignored(tmp_path):
    report = fake_report(8)
    path = write_report(report, tmp_path)
    table = pq.read_table(path).append_column("later", pa.array([1] * 8))
    media = b'"bit_depth": 8'
    assert media in table.schema.metadata[b"qc.asset"]
    changed = {
        b"qc.later": b"1",
        b"qc.asset": table.schema.metadata[b"qc.asset"].replace(media, media + b', "x": 1'),
    }
    pq.write_table(table.replace_schema_metadata(table.schema.metadata | changed), path)
    assert plain(read_report(path)) == plain(report)


def test_a_finding_without_value_survives(tmp_path):
    report = fake_report(8)
    finding = replace(
        report.frames[7].judgement.findings[0], value=None, limit=None, bands=None, region_n=None
    )
    report = replace(report, findings=(finding,))
    assert read_report(write_report(report, tmp_path)).findings == (finding,)


def _rewrite(path, changed):
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata(table.schema.metadata | changed), path)


def test_readers_are_reached_as_the_readme_says(tmp_path):
    """In a process of its own: here other tests have imported the module long ago."""
    write_report(fake_report(), tmp_path)
    program = "import sys, qc_plugin; print(len(qc_plugin.report.read_frames(sys.argv[1])))"
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=True
    )
    assert done.stdout == "120\n"
    with pytest.raises(AttributeError, match=r"qc_plugin\.report' has no attribute 'read_frame'"):
        qc_plugin.report.read_frame  # noqa: B018
