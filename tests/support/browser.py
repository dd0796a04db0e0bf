"""A headless Chromium: how it is started, and what tests do with it."""

import json
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
DRIVER = shutil.which("chromedriver")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
]
CONTRAST = (Path(__file__).parents[1] / "browser" / "contrast.js").read_text(encoding="utf-8")


@contextmanager
def chromium():
    """A driver; skips the test where no browser is installed."""
    if not (CHROMIUM and DRIVER):
        pytest.skip("needs a Chromium and its chromedriver on PATH")
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
        yield driver
        driver.quit()


def open_page(browser, path, *, width=1280, height=900, scheme="light", media=""):
    """The file at a size; nothing of the page before is left."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    emulate(browser, scheme=scheme, media=media)
    browser.get_log("browser")
    browser.get_log("performance")
    browser.get(path.as_uri())
    browser.execute_script(
        "try { localStorage.clear() } catch {} delete document.documentElement.dataset.theme"
    )
    return browser


def emulate(browser, *, scheme="light", media=""):
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})


def find(browser, selector):
    return browser.find_elements("css selector", selector)


def press(browser, *keys):
    from selenium.webdriver import ActionChains

    ActionChains(browser).send_keys(*keys).perform()


def focused(browser):
    return browser.switch_to.active_element.get_attribute("id")


def requested(browser):
    """Addresses the page asked for since it was opened."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return {m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"}


def nameless(browser):
    """Visible buttons, links and pictures that a screen reader has no word for."""
    shown = """return [...document.querySelectorAll('button, a, select, [role=img], img, [role=slider]')]
        .filter((e) => e.checkVisibility() && !e.closest('[aria-hidden=true]'))"""
    elements = browser.execute_script(shown)
    assert elements
    return [e.get_attribute("outerHTML")[:200] for e in elements if not e.accessible_name.strip()]
