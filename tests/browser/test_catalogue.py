"""The catalogue page in a real Chromium, made by the command from stored reports."""

import os
from dataclasses import replace

import pytest

from qc_plugin.asset.judged_again import judge_again
from qc_plugin.report.write import write_report
from qc_plugin.rulesets.ruleset import load_rules
from qc_plugin.workshop.catalogue import make_catalogue
from tests.support.browser import CONTRAST, emulate, find, nameless, open_page, requested
from tests.support.fake_report import fake_artwork, fake_error, fake_report
from tests.unit.batch.conftest import measured

pytestmark = pytest.mark.browser
HOSTILE = '<img src=x onerror="document.title=1">\'&{{ 7*7 }}</script>.mov'
JUNE, JULY = 1_750_000_000, 1_752_600_000  # 2025-06-15 and 2025-07-15


def _soft(report):
    """The same with faces that are not sharp, so that nothing contradicts their blur."""
    rows = []
    for row in report.frames:
        regions = tuple(replace(r, measures={**r.measures, "sharpness": 0.1}) for r in row.score.regions)
        rows.append(replace(row, score=replace(row.score, regions=regions)))
    return replace(report, frames=tuple(rows))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    root = tmp_path_factory.mktemp("catalogue") / "reports"
    talks = [_soft(measured(fake_report(n, name))) for n, name in ((60, "bad talk.mov"), (30, HOSTILE))]
    for number, report in enumerate([*talks, measured(fake_artwork()), fake_error()]):
        named = replace(report, asset=replace(report.asset, id=f"{number:02d}" * 32))
        path = write_report(judge_again(named, load_rules("strict")), root)
        os.utime(path, (JUNE if number else JULY,) * 2)
        if number < 2:
            (root / "_sheets").mkdir(exist_ok=True)
            (root / "_sheets" / f"{path.stem}.html").write_text("<title>the sheet</title>", encoding="utf-8")
    (root / "torn.parquet").write_bytes(b"PAR1 torn")
    return make_catalogue(root, root.parent / "catalogue.html").page


def test_it_says_how_many_which_and_why(browser, page):
    open_page(browser, page)
    assert find(browser, "h1")[0].text == "4 assets in reports"
    tally = {box.text.split("\n")[0]: int(box.text.split("\n")[1]) for box in find(browser, ".tally li")}
    assert tally["Could not be checked"] == 1
    assert sum(tally.values()) == 4
    assert "Face motion blur" in find(browser, "#reasons")[0].text
    rows = find(browser, "#worst tbody tr")
    assert "bad talk.mov" in rows[0].text
    assert "of 60 frames" in rows[0].text
    assert "no video stream was found" in find(browser, "#errors")[0].text
    assert "torn.parquet" in find(browser, "#errors")[0].text


def test_months_are_in_order_and_add_up(browser, page):
    open_page(browser, page)
    rows = [row.text.split("\n") for row in find(browser, "#time tbody tr")]
    assert [row[0] for row in rows] == ["2025-06", "2025-07"]
    assert [int(row[-1]) for row in rows] == [3, 1]


def test_links_lead_to_the_sheets(browser, page):
    open_page(browser, page)
    find(browser, "#worst a")[0].click()
    assert browser.title == "the sheet"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_complete_in_itself(browser, page, scheme):
    open_page(browser, page, scheme=scheme)
    assert browser.get_log("browser") == []
    assert [url for url in requested(browser) if not url.startswith("data:")] == [page.as_uri()]
    assert browser.execute_script(CONTRAST) == []
    assert nameless(browser) == []
    assert find(browser, "img[src='x']") == []


def test_colour_is_never_alone(browser, page):
    open_page(browser, page)
    alt = find(browser, ".stack")[0].get_attribute("aria-label")
    assert alt.startswith("Share of verdicts: accept ")
    assert "error 25" in alt
    for part in find(browser, ".month-text > span, .tally-word"):
        assert part.text.strip()
        assert find(part, "svg.icon")


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_it_never_scrolls_sideways(browser, page, width):
    open_page(browser, page, width=width)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


def test_paper_is_light(browser, page):
    open_page(browser, page, scheme="dark")
    emulate(browser, scheme="dark", media="print")
    try:
        paper = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert paper == "rgb(255, 255, 255)"
        assert not find(browser, ".topbar")[0].is_displayed()
    finally:
        emulate(browser)
