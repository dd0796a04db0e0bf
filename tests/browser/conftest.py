"""One browser for all pages."""

import pytest

from tests.support.browser import chromium


@pytest.fixture(scope="session")
def browser():
    with chromium() as driver:
        yield driver
