"""A real Chromium and a real server for what only a browser shows."""

from collections.abc import Callable, Iterator

import pytest
from browsing import DESK, serving
from playwright.sync_api import Browser, Page


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture
def fresh_server() -> Callable[..., object]:
    """A function that starts a server nobody has visited yet."""
    return serving


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    # Software rendering is spared the animations.
    context = browser.new_context(viewport=DESK, accept_downloads=True, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(90_000)
    yield page
    context.close()
