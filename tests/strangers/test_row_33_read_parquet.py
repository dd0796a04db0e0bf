"""Row 33: readers of Parquet read the reports folder as it is."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from qc_plugin.report import layout
from tests.support.media import write_clip


@pytest.fixture
def reports(stranger, still, tmp_path):
    """Reports of a video and a picture, and all that commands put beside them."""
    clip = write_clip(tmp_path / "work/clip.mp4", seconds=0.4)
    done = stranger("scan", clip, still, "--shard", "0/2", "--reports", "R")
    assert done.returncode == 0, done.stderr
    done = stranger("scan", clip, still, "--shard", "1/2", "--reports", "R")
    assert done.returncode == 0, done.stderr
    event = {"schema": 1, "event": "artwork.submitted", "id": "1", "asset": {"uri": str(still)}}
    (tmp_path / "event.json").write_text(json.dumps(event), encoding="utf-8")
    assert stranger("hook", "--reports", "R", shell=f'"$@" < {tmp_path}/event.json').returncode == 0
    return tmp_path / "work/R"


def test_row_33_pandas_reads_the_folder_as_it_is(reports):
    table = pd.read_parquet(reports)
    assert set(table["kind"]) == {"video", "artwork"}
    assert len(table) >= 2
    beside = {path.name for path in reports.iterdir() if path.name != "schema=1"}
    assert {layout.LEDGER, layout.SHEETS, layout.STILLS, layout.MANIFESTS, layout.EVENTS} <= beside
    assert all(name.startswith("_") for name in beside)


def test_row_33_a_folder_of_an_earlier_version_is_taken_over(stranger, reports, still):
    for name in (layout.LEDGER, layout.SHEETS, layout.MANIFESTS, layout.EVENTS):
        (reports / name).rename(reports / name.removeprefix("_"))
    done = stranger("scan", still, "--reports", "R", "--since", "last")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr  # nothing is new
    assert {path.name for path in reports.iterdir() if path.name[0] != "_"} == {"schema=1"}
    assert pd.read_parquet(reports).shape[0] >= 2
