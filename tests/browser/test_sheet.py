"""The sheet in a real Chromium: no network, no errors, keys and buttons, phones, both colour schemes."""

from dataclasses import replace

import pytest

from qc_plugin.pages.sheet import SheetImages, wanted_images, write_sheet
from tests.support.browser import CONTRAST, emulate, find, focused, nameless, open_page, press, requested
from tests.support.fake_report import draw_pictures, draw_regions, fake_artwork, fake_error, fake_report

pytestmark = pytest.mark.browser
HOSTILE = '<img src=x onerror="document.title=1">"\'&{{ 7*7 }}</script><script>document.title=2</script>.mp4'


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sheets")
    video = fake_report()
    hostile = replace(fake_report(40), asset=replace(video.asset, path=f"/in/{HOSTILE}"))
    few = tuple(
        r
        if (r.rank.rank or 9) < 3
        else replace(r, rank=replace(r.rank, rank=None, rank_by_crop={}, crops=()))
        for r in video.frames
    )
    reports = {
        "few": replace(video, frames=few),
        "video": video,
        "artwork": fake_artwork(),
        "error": fake_error(),
        "hostile": hostile,
    }
    return {name: _sheet(report, folder / f"{name}.html") for name, report in reports.items()}


@pytest.fixture
def show(browser, pages):
    """Opens a page at a size; nothing of the page before is left."""

    def page(name, width=1280, height=900, scheme="light"):
        return open_page(browser, pages[name], width=width, height=height, scheme=scheme)

    return page


def _sheet(report, path):
    wanted = wanted_images(report)
    images = SheetImages(draw_pictures(wanted.frames), draw_regions(wanted.region_crops))
    return write_sheet(report, images, path)


@pytest.mark.parametrize("name", ["video", "artwork", "error", "hostile"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_loaded_and_nothing_is_logged(show, name, scheme):
    browser = show(name, scheme=scheme)
    assert browser.get_log("browser") == []
    urls = requested(browser)
    assert {url.partition(":")[0] for url in urls} <= {"file", "data"}
    assert sum(url.startswith("file:") for url in urls) == 1


def test_the_policy_stops_what_is_not_ours(show):
    browser = show("video")
    script = "const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
    browser.execute_script(
        script + "document.body.append(s); const i = new Image(); i.src = 'https://example.invalid/x.png';"
    )
    assert browser.execute_script("return window.ran === undefined")
    assert any("Content Security Policy" in entry["message"] for entry in browser.get_log("browser"))


def test_a_hostile_name_is_text(show):
    browser = show("hostile")
    assert browser.title == f"Review: {HOSTILE.rpartition('/')[2]}"
    assert find(browser, "h1")[0].text == HOSTILE.rpartition("/")[2]
    assert find(browser, "img[src='x']") == []


def test_tabs_switch_crops(show):
    browser = show("video")
    shown = [panel.get_attribute("id") for panel in find(browser, ".panel") if panel.is_displayed()]
    assert shown == ["panel-full"]
    find(browser, "#tab-2x3")[0].click()
    assert [p.get_attribute("id") for p in find(browser, ".panel") if p.is_displayed()] == ["panel-2x3"]
    picture = find(browser, "#panel-2x3 .pick .picture")[0]
    assert picture.size["height"] / picture.size["width"] == pytest.approx(1.5, rel=0.02)
    from selenium.webdriver import Keys

    press(browser, Keys.HOME)
    assert focused(browser) == "tab-full"
    assert find(browser, "#panel-full")[0].is_displayed()


def test_outlines_toggle_by_key_and_button(show):
    browser = show("video")
    outline = next(o for o in find(browser, ".card .outline") if o.rect["width"] > 0)
    assert outline.is_displayed()
    press(browser, "o")
    assert not outline.is_displayed()
    button = find(browser, ".topbar [data-act=outline]")[0]
    assert button.get_attribute("aria-pressed") == "false"
    button.click()
    assert outline.is_displayed()


def test_the_outline_lies_on_the_moving_hand(show):
    browser = show("video")
    card = next(c for c in find(browser, "[data-card]") if "hand 1" in c.text)
    inside = """
        const box = arguments[0].querySelector('.region-line').getBoundingClientRect();
        const mark = arguments[0].querySelector('.outline').getBoundingClientRect();
        const both = Math.max(0, Math.min(box.right, mark.right) - Math.max(box.left, mark.left))
                   * Math.max(0, Math.min(box.bottom, mark.bottom) - Math.max(box.top, mark.top));
        return both / (mark.width * mark.height);"""
    assert browser.execute_script(inside, card) > 0.9


def test_keys_walk_through_the_cards(show):
    from selenium.webdriver import Keys

    browser = show("video")
    walked = []
    for key in ("j", "j", Keys.ARROW_DOWN, "k", Keys.ARROW_UP):
        press(browser, key)
        walked.append(focused(browser))
    assert walked == ["card-1", "card-2", "card-3", "card-2", "card-1"]
    press(browser, Keys.ENTER)
    viewer = find(browser, "#viewer")[0]
    assert viewer.is_displayed()
    first = find(browser, ".viewer-title")[0].text
    press(browser, Keys.ARROW_RIGHT)
    assert find(browser, ".viewer-title")[0].text != first
    press(browser, Keys.ESCAPE)
    assert not viewer.is_displayed()
    press(browser, "?")
    assert find(browser, "#help")[0].is_displayed()


def test_the_timeline_speaks_to_the_keyboard(show):
    from selenium.webdriver import Keys

    browser = show("video")
    chart = find(browser, ".timeline-chart")[0]
    browser.execute_script("arguments[0].focus()", chart)
    press(browser, Keys.END, Keys.ARROW_LEFT)
    assert chart.get_attribute("aria-valuenow") == "118"
    assert "frame 1416" in chart.get_attribute("aria-valuetext")
    assert "frame 1416" in find(browser, ".tip")[0].text


def test_a_nearest_better_frame_can_be_followed(show):
    browser = show("video")
    link = find(browser, "a.better[href^='#pick-full-']")[0]
    find(browser, "#tab-1x1")[0].click()
    browser.execute_script("arguments[0].click()", link)
    frame = link.get_attribute("data-goto")
    assert browser.switch_to.active_element.get_attribute("data-frame") == frame
    assert find(browser, "#panel-full")[0].is_displayed()


def test_dark_mode_follows_the_system_and_the_button(show):
    paper = "return getComputedStyle(document.body).backgroundColor"
    light = show("video").execute_script(paper)
    browser = show("video", scheme="dark")
    dark = browser.execute_script(paper)
    assert light != dark
    find(browser, ".topbar [data-act=theme]")[0].click()
    assert browser.execute_script(paper) == light


@pytest.mark.parametrize(
    ("name", "width"),
    [("video", 390), ("video", 768), ("video", 1280), ("artwork", 390), ("error", 390), ("hostile", 320)],
)
def test_no_page_scrolls_sideways(show, name, width):
    browser = show(name, width=width)
    for tab in [None, *find(browser, "[role=tab]")]:
        if tab is not None:
            tab.click()
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(
    ("name", "width", "least"),
    [
        ("video", 390, 340),
        ("few", 390, 340),
        ("artwork", 390, 340),
        ("video", 800, 480),
        ("few", 800, 340),
        ("artwork", 800, 440),
        ("few", 1280, 560),
    ],
)
def test_the_best_frame_has_room(show, name, width, least):
    browser = show(name, width=width)
    assert find(browser, "#panel-full .pick .pick-picture")[0].size["width"] > least


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["video", "error"])
def test_text_has_contrast(show, name, scheme):
    """WCAG AA, 4.5 : 1, of every visible text on plain colour."""
    browser = show(name, scheme=scheme)
    assert browser.execute_script(CONTRAST) == []


def test_everything_has_a_name(show):
    browser = show("video")
    assert nameless(browser) == []


def test_paper_is_light_without_tools_and_with_its_provenance(show):
    browser = show("video", scheme="dark")
    emulate(browser, scheme="dark", media="print")
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    try:
        assert not find(browser, ".topbar")[0].is_displayed()
        assert find(browser, ".facts-long")[0].is_displayed()
        paper = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert paper == "rgb(255, 255, 255)"
    finally:
        emulate(browser)
