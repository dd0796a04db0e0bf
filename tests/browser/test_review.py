"""The review page in a real Chromium: keys decide, undo, filters, a saved file, and going on later."""

import json
import time
from dataclasses import replace

import cv2
import numpy as np
import pytest

from qc_plugin.pages.review import ReviewAsset, ReviewPictures, shared, write_review
from qc_plugin.workshop.decisions import read_decisions
from tests.support.browser import CONTRAST, emulate, find, nameless, open_page, press, requested
from tests.support.fake_report import STEP, draw_frame, draw_pictures, fake_error, fake_report, jpeg

pytestmark = pytest.mark.browser
HOSTILE = '<img src=x onerror="document.title=1">"\'&{{ 7*7 }}<!--<script>.mp4'
HOSTILE_ID = "</script><script>document.title=2</script>"


def _heat(_):
    picture = np.zeros((90, 160, 4), np.uint8)
    picture[30:60, 40:90] = (0, 80, 255, 200)
    return cv2.imencode(".png", picture)[1].tobytes()


def _asset(report, n=24):
    [rows] = shared([report], n)
    indices = tuple(row.score.frame_index for row in rows)
    flagged = [row.score.frame_index for row in rows if row.judgement.decision == "deblur"]
    repaired = {index: jpeg(draw_frame(0)) for index in flagged}
    heat = {index: _heat(index) for index in indices}
    return ReviewAsset(report, rows, ReviewPictures(draw_pictures(indices), heat, repaired))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("review")


@pytest.fixture(scope="module")
def pages(folder):
    talk = fake_report()
    other = replace(talk, asset=replace(talk.asset, id=HOSTILE_ID, path=f"/in/{HOSTILE}"))
    away = replace(talk, asset=replace(talk.asset, id="34" * 32, path="/in/away.mp4"))
    [rows] = shared([away], 3)
    missing = ReviewAsset(
        away, rows, ReviewPictures(why_not="away.mp4: the asset is not where it was checked")
    )
    one = write_review([_asset(talk)], folder / "one.html")
    error = ReviewAsset(fake_error(), (), ReviewPictures())
    many = write_review([_asset(talk, 8), _asset(other, 6), missing, error], folder / "many.html")
    return {"one": one, "many": many}


@pytest.fixture
def show(browser, pages):
    """Opens a page as one that nobody has decided on yet."""

    def page(name, **how):
        open_page(browser, pages[name], **how)
        browser.execute_script("onbeforeunload = null")
        browser.refresh()
        return browser

    yield page
    browser.execute_script("try { localStorage.clear() } catch {}")


def _records(browser):
    return json.loads(find(browser, "#data")[0].get_attribute("textContent"))["records"]


def _current(browser):
    return find(browser, ".item.current")[0].get_attribute("data-item")


def _done(browser):
    return find(browser, "#done")[0].text


def _shown(browser):
    script = "return [...document.querySelectorAll('#queue li:not([hidden])')].map((li) => li.dataset.item)"
    return browser.execute_script(script)


def _choose(browser, name, value):
    script = """const s = document.querySelector('#' + arguments[0]); s.value = arguments[1];
        s.dispatchEvent(new Event('change', { bubbles: true }))"""
    browser.execute_script(script, name, value)


def _save(browser, folder):
    """Press s as a person does; the lines of the file that the browser has written."""
    target = folder / "saved"
    target.mkdir(exist_ok=True)
    for old in target.iterdir():
        old.unlink()
    how = {"behavior": "allow", "downloadPath": str(target)}
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", how)
    press(browser, "s")
    file = target / "decisions.jsonl"
    until = time.monotonic() + 20
    while not file.exists():
        assert time.monotonic() < until, "nothing was saved"
        time.sleep(0.05)
    return file


def test_nothing_is_loaded_and_nothing_is_logged(browser, show):
    show("many")
    assert browser.get_log("browser") == []
    urls = requested(browser)
    assert {url.partition(":")[0] for url in urls} <= {"file", "data"}
    press(browser, "a", "h", "z", "o", "b", "u", "t")
    assert browser.get_log("browser") == []


def test_keys_decide_and_the_file_says_what_was_decided(browser, show, folder):
    show("one")
    order = []
    for key in "ardv":
        order.append(_current(browser))
        press(browser, key)
    assert _done(browser) == "4 of 24 decided"
    assert len(set(order)) == 4
    file = _save(browser, folder)
    lines = {
        line["frame_index"]: line for line in map(json.loads, file.read_text(encoding="utf-8").splitlines())
    }
    records = _records(browser)
    words = ["accept", "reject", "deblur", "review"]
    assert [lines[records[item]["frame_index"]]["decision"] for item in order] == words
    for item in order:
        line = lines[records[item]["frame_index"]]
        assert {**records[item], "decision": line["decision"]} == line
    decided, warnings = read_decisions(file)
    assert len(decided) == 4
    assert warnings == []


def test_the_values_saved_are_those_of_the_report(browser, show, folder):
    show("one")
    press(browser, *("a" * 24))
    rows = {row.score.frame_index: row for row in fake_report().frames}
    for text in _save(browser, folder).read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        findings = rows[line["frame_index"]].judgement.findings
        assert [(r["rule"], r["value"], r["limit"]) for r in line["rules"]] == [
            (f.rule_id, f.value, f.limit) for f in findings
        ]
    assert _done(browser) == "24 of 24 decided"


def test_undo_brings_back_what_was_there(browser, show):
    show("one")
    first = _current(browser)
    press(browser, "r", "a", "u", "u")
    assert _done(browser) == "0 of 24 decided"
    assert _current(browser) == first
    press(browser, "a")
    browser.execute_script("document.querySelector(`[data-go='${arguments[0]}']`).click()", first)
    press(browser, "r")
    press(browser, "u")
    assert "Accept" in find(browser, f"[data-go='{first}'] .thumb-mine")[0].text
    press(browser, "u", "u")
    assert find(browser, "[data-act=undo]")[0].get_attribute("disabled")


def test_queue_begins_with_the_closest_call_and_sorts_otherwise(browser, show):
    show("one")
    closeness = browser.execute_script(
        "return [...document.querySelectorAll('#queue li')].map((li) => Number(li.dataset.close))"
    )
    assert closeness == sorted(closeness)
    _choose(browser, "sort", "time")
    records = _records(browser)
    times = [records[item]["pts_s"] for item in _shown(browser)]
    assert times == sorted(times)
    _choose(browser, "sort", "worst")
    order = ["accept", "deblur", "review", "reject"]
    worst = [-order.index(records[item]["suggested"]) for item in _shown(browser)]
    assert worst == sorted(worst)


def test_filters_by_reason_asset_and_state(browser, show):
    show("many")
    records = _records(browser)
    _choose(browser, "reason", "hand-motion-blur")
    hands = _shown(browser)
    assert 0 < len(hands) < len(records)
    for item in hands:
        outcome = {r["rule"]: r["outcome"] for r in records[item]["rules"]}
        assert outcome["hand-motion-blur"] == "fail"
    _choose(browser, "asset", "1")
    assert {records[item]["asset_id"] for item in _shown(browser)} <= {HOSTILE_ID}
    press(browser, "a")
    _choose(browser, "state", "differs")
    assert len(_shown(browser)) == 1
    _choose(browser, "state", "reject")
    assert _shown(browser) == []
    assert find(browser, "#nothing")[0].is_displayed()
    find(browser, "#nothing button")[0].click()
    assert len(_shown(browser)) == len(records)


def test_pictures_switch_outline_heat_before_and_after(browser, show):
    show("one")
    records = _records(browser)
    item = next(key for key in _shown(browser) if records[key]["suggested"] == "deblur")
    browser.execute_script("document.querySelector(`[data-go='${arguments[0]}']`).click()", item)
    here = f"#item-{item} "
    heat, after = find(browser, here + ".heat")[0], find(browser, here + ".after")[0]
    assert not heat.is_displayed()
    assert not after.is_displayed()
    press(browser, "h")
    assert heat.is_displayed()
    press(browser, "b")
    assert after.is_displayed()
    assert not heat.is_displayed()  # it speaks of the frame before
    assert find(browser, "[data-act=heat]")[0].get_attribute("aria-pressed") == "true"
    assert find(browser, here + ".side")[0].text == "After"
    find(browser, "[data-act=after]")[0].click()
    assert find(browser, here + ".side")[0].text == "Before"
    seen = f"return document.querySelector('{here}.frame').getAttribute('viewBox')"
    whole = browser.execute_script(seen)
    press(browser, "z")
    assert browser.execute_script(seen) != whole
    press(browser, "z")
    assert browser.execute_script(seen) == whole
    button = find(browser, "[data-act=outline]")[0]
    assert not button.is_enabled()  # nothing is blurred on this frame
    browser.execute_script("""const item = document.querySelector('.item:has(.outline)').dataset.item;
        document.querySelector(`[data-go='${item}']`).click()""")
    outline = find(browser, ".item.current .outline")[0]
    press(browser, "b")
    press(browser, "o")
    assert button.get_attribute("aria-pressed") == "false"
    assert not outline.is_displayed()
    button.click()
    assert outline.is_displayed()


def test_decisions_outlive_a_reload_and_can_be_opened_again(browser, show, folder, pages):
    show("one")
    press(browser, "a", "r", "d")
    file = _save(browser, folder)
    browser.refresh()
    assert _done(browser) == "3 of 24 decided"
    assert "3 decisions from before" in find(browser, "#toast")[0].text
    show("one")
    assert _done(browser) == "0 of 24 decided"
    lines = [json.loads(text) for text in file.read_text(encoding="utf-8").splitlines()]
    foreign = {**lines[0], "asset_id": "99" * 32}
    (folder / "mine.jsonl").write_text(
        "".join(json.dumps(x) + "\n" for x in (*lines, foreign)), encoding="utf-8"
    )
    _open(browser, folder / "mine.jsonl")
    assert _wait_for(browser, "3 decisions opened; 1 are about frames that are not on this page")
    assert _done(browser) == "3 of 24 decided"


def _open(browser, file):
    chooser = find(browser, "#file")[0]
    browser.execute_script("arguments[0].hidden = false", chooser)
    chooser.send_keys(str(file))


def _wait_for(browser, words):
    until = time.monotonic() + 10
    while words not in find(browser, "#toast")[0].text:
        assert time.monotonic() < until, find(browser, "#toast")[0].text
        time.sleep(0.05)
    return True


def test_a_file_that_is_none_of_ours_changes_nothing(browser, show, folder):
    show("one")
    press(browser, "a")
    (folder / "other.jsonl").write_text('{"schema": "else"}\n', encoding="utf-8")
    _open(browser, folder / "other.jsonl")
    assert _wait_for(
        browser, "other.jsonl was not opened: not a line of qc.decisions/1. Nothing has changed."
    )
    assert _done(browser) == "1 of 24 decided"


def test_a_hostile_name_is_text(browser, show):
    show("many")
    assert browser.title == "Review: 4 assets"
    assert HOSTILE in [option.text.rsplit(" (", 1)[0] for option in find(browser, "#asset option")]
    assert find(browser, "img[src='x']") == []


def test_it_works_where_nothing_can_be_kept(browser, pages):
    """As in the window of a mail program: a sandboxed frame without an origin of its own."""
    host = pages["one"].with_name("mail.html")
    host.write_text(
        f"<iframe sandbox='allow-scripts' src='{pages['one'].name}' width=1200 height=800></iframe>",
        encoding="utf-8",
    )
    open_page(browser, host)
    browser.switch_to.frame(0)
    find(browser, "[data-decide=accept]")[0].click()
    press(browser, "r")
    assert _done(browser) == "2 of 24 decided"
    find(browser, "[data-act=save]")[0].click()
    lines = find(browser, "#lines")[0].get_attribute("value")
    assert [json.loads(text)["decision"] for text in sorted(lines.splitlines())]
    assert len(lines.splitlines()) == 2
    browser.switch_to.default_content()


def test_a_frame_without_a_picture_says_why_and_can_be_decided(browser, show):
    show("many")
    _choose(browser, "asset", "2")
    assert "away.mp4: the asset is not where it was checked" in find(browser, ".item.current")[0].text
    press(browser, "r")
    assert _done(browser).startswith("1 of ")


def test_an_asset_in_error_is_named(browser, show):
    show("many")
    assert "1 asset could not be checked" in find(browser, ".errors summary")[0].text
    find(browser, ".errors summary")[0].click()
    assert "no video stream was found" in find(browser, ".errors")[0].text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_also_when_decided(browser, show, scheme):
    show("many", scheme=scheme)
    press(browser, "a", "r", "d", "v")
    assert browser.execute_script(CONTRAST) == []


def test_pictures_buttons_and_lists_have_names(browser, show):
    show("many")
    assert nameless(browser) == []
    alt = find(browser, ".item.current .frame")[0].get_attribute("aria-label")
    assert ", frame " in alt
    assert "blurred" in alt


def test_a_decision_is_never_colour_alone(browser, show):
    show("one")
    press(browser, "a", "r")
    marks = [mark for mark in find(browser, ".thumb-mine") if mark.text]
    assert sorted(mark.text for mark in marks) == ["Accept", "Reject"]
    shapes = {use.get_attribute("href") for mark in marks for use in find(mark, "use")}
    assert shapes == {"#i-accept", "#i-reject"}


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_no_page_scrolls_sideways(browser, show, width):
    show("many", width=width)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


def test_paper_shows_every_frame_with_both_decisions(browser, show):
    show("one", scheme="dark")
    press(browser, "a")
    emulate(browser, scheme="dark", media="print")
    try:
        assert not find(browser, ".topbar")[0].is_displayed()
        assert not find(browser, ".decide")[0].is_displayed()
        assert sum(item.is_displayed() for item in find(browser, ".item")) == 24
        text = find(browser, "#items")[0].text
        assert text.count("The rules say") == 24
        open_words = "getComputedStyle(document.querySelector('.yours-badge:empty'), '::after').content"
        assert browser.execute_script(f"return {open_words}") == '"not decided"'
        assert (
            browser.execute_script("return getComputedStyle(document.body).backgroundColor")
            == "rgb(255, 255, 255)"
        )
    finally:
        emulate(browser)


def test_frames_shown_are_frames_of_the_report(browser, show):
    show("one")
    assert all(record["frame_index"] % STEP == 0 for record in _records(browser).values())
