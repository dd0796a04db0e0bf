"""Many reports as one dataset a month; written once, and again only when a report was added."""

from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from qc_plugin.errors import UsageError
from qc_plugin.report.compact import compact
from qc_plugin.report.write import write_report
from tests.support.fake_report import fake_error, fake_report


def named(name):
    report = fake_report(12)
    return replace(report, asset=replace(report.asset, id=name))


def test_frames_and_assets_of_a_month(tmp_path):
    root, out = tmp_path / "reports", tmp_path / "dataset"
    with pytest.raises(UsageError, match="holds no report"):
        compact(root, out)
    for report in (named("a"), named("b"), fake_error()):
        write_report(report, root)
    (month,) = compact(root, out)
    assert (month.n_reports, month.written) == (3, True)
    frames = pq.read_table(next((out / "frames").rglob("*.parquet")), partitioning=None)
    assert frames.num_rows == month.n_frames == 2 * len(fake_report(12).frames)
    assets = pq.read_table(next((out / "assets").rglob("*.parquet")), partitioning=None).to_pylist()
    assert {asset["asset_id"] for asset in assets} >= {"a", "b"}
    assert not compact(root, out)[0].written
    write_report(named("c"), root)
    (again,) = compact(root, out)
    assert again.written
    assert len(list((out / "frames").rglob("*.parquet"))) == 1
