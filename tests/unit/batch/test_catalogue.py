"""What the catalogue page is made of: the newest report of each asset, read from metadata."""

import os
import re

import pytest

from qc_plugin.config import RunConfig
from qc_plugin.errors import UsageError
from qc_plugin.report.read import read_meta
from qc_plugin.workshop.catalogue import make_catalogue
from qc_plugin.workshop.rejudge import rejudge


def _words(page):
    text = re.sub(r"<(script|style).*?</\1>", " ", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def test_it_counts_what_the_reports_say(reports, tmp_path):
    made = make_catalogue(reports, tmp_path / "catalogue.html")
    verdicts = [read_meta(path)["verdict"] for path in reports.rglob("*.parquet")]
    words = _words(made.page)
    assert (made.n_assets, made.n_unreadable) == (4, 0)
    for word, verdict in (("Accept", "accept"), ("Review", "review"), ("Reject", "reject")):
        assert f"{word} {verdicts.count(verdict)} " in words


def test_of_each_asset_the_newest_report_counts(reports, tmp_path):
    rejudge([reports], RunConfig(), rules=["strict"])
    for path in reports.rglob("*.parquet"):
        if read_meta(path)["rules"]["id"] == "default":
            os.utime(path, (1_500_000_000,) * 2)
    made = make_catalogue(reports, tmp_path / "catalogue.html")
    words = _words(made.page)
    assert made.n_assets == 4
    assert "4 older reports of the same assets are left out" in words
    assert "2017-07" not in words


def test_a_torn_report_is_named_and_stops_nothing(reports, tmp_path):
    (reports / "torn.parquet").write_bytes(b"PAR1 torn")
    made = make_catalogue(reports, tmp_path / "catalogue.html")
    assert (made.n_assets, made.n_unreadable) == (4, 1)
    assert "torn.parquet" in _words(made.page)


def test_links_are_relative_to_the_page_and_only_to_sheets_that_exist(reports, tmp_path):
    stem = next(reports.rglob("ab/*.parquet")).stem
    (reports / "_sheets").mkdir()
    (reports / "_sheets" / f"{stem}.html").write_text("sheet")
    made = make_catalogue(reports, tmp_path / "pages" / "catalogue.html")
    links = re.findall(r'href="([^"#]+\.html)"', made.page.read_text(encoding="utf-8"))
    assert set(links) <= {f"../reports/_sheets/{stem}.html"}


def test_no_folder_no_reports_no_page(tmp_path):
    with pytest.raises(UsageError, match="is not a folder"):
        make_catalogue(tmp_path / "absent", tmp_path / "catalogue.html")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no report"):
        make_catalogue(tmp_path / "empty", tmp_path / "catalogue.html")
    assert not (tmp_path / "catalogue.html").exists()
