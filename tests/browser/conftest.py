"""A real Chromium and a real server for what only a browser shows."""

from collections.abc import Callable, Iterator

import pytest
from browsing import CHROMIUM, DESK, FLAGS, serving
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture
def fresh_server() -> Callable[..., object]:
    """A function that starts a server nobody has visited yet."""
    return serving


@pytest.fixture(scope="session")
def desk(browser: Browser) -> Iterator[BrowserContext]:
    """One visitor's browser, which keeps the app's scripts between tests; software rendering is spared the animations."""
    context = browser.new_context(viewport=DESK, accept_downloads=True, reduced_motion="reduce")
    yield context
    context.close()


@pytest.fixture
def page(desk: BrowserContext) -> Iterator[Page]:
    page = desk.new_page()
    page.set_viewport_size(DESK)
    page.set_default_timeout(90_000)
    yield page
    page.close()
    desk.clear_cookies()
