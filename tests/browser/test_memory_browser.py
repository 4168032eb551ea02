"""Settings, saved views and own times in a browser; deleted on request; and no other host is asked."""

import re
from urllib.parse import urlsplit

import pytest
from browsing import DESK, settle
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser
CHART = "globalThis.heatlab.charts.get('heatmap')"


def drawn(page: Page) -> None:
    expect(page.locator(".hl-stage[data-drawn]").first).to_be_visible()
    settle(page)


def test_the_browser_keeps_settings_and_views_until_they_are_deleted_and_asks_no_other_host(
    server: str, browser: Browser
) -> None:
    context = browser.new_context(viewport=DESK, reduced_motion="reduce", timezone_id="Asia/Kolkata")
    page = context.new_page()
    page.set_default_timeout(90_000)
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.goto(f"{server}/explore?tf=4h&data=calm&level=20000")
    drawn(page)
    page.evaluate(f"() => {CHART}.setLook({{palette: 'cividis'}})")
    page.wait_for_function("() => location.search.includes('colours=cividis')")
    page.get_by_role("button", name="Views and settings").click()
    name = page.get_by_role("textbox", name="Save this view as")
    name.fill("My support")
    name.press("Enter")
    expect(page.get_by_role("button", name="My support")).to_be_visible()
    page.wait_for_function(
        "() => document.cookie.includes('heatlab-explore') && document.cookie.includes('cividis')"
    )
    cookie = page.evaluate("() => document.cookie")
    assert "level" not in cookie, "what is looked at is no setting"

    # A new session, without anything in the address.
    page.goto(f"{server}/explore")
    drawn(page)
    page.wait_for_function(
        "() => ['tf=4h', 'data=calm', 'colours=cividis'].every(one => location.search.includes(one))"
    )
    utc = page.evaluate(f"() => {CHART}.timeTicks.map(one => one[1]).join()")
    page.get_by_role("button", name="Views and settings").click()
    page.get_by_text(re.compile(r"My time \(Asia/")).click()
    page.wait_for_function(f"() => {CHART}.timeTicks.map(one => one[1]).join() !== '{utc}'")
    moved = page.evaluate(f"() => {CHART}.timeTicks.map(one => one[0] % 864e5)")
    # Half past five hours east: local midnights lie at 18:30 UTC.
    assert any(one == 18.5 * 3600e3 for one in moved), moved

    page.goto(f"{server}/risk")
    settle(page)
    page.get_by_role("button", name="Views and settings").click()
    page.get_by_role("button", name="My support").click()
    page.wait_for_function(
        "() => location.pathname.endsWith('/explore') && location.search.includes('level=20000')"
    )
    drawn(page)
    page.get_by_role("button", name="Views and settings").click()
    page.get_by_role("button", name="Delete my data").click()
    page.wait_for_function(
        "() => !document.cookie.includes('heatlab-') && !localStorage.getItem('heatlab-views')"
    )
    page.goto(f"{server}/explore")
    drawn(page)
    assert "tf=4h" not in page.url
    icon = page.locator("link[rel~='icon']").first.get_attribute("href") or ""
    assert not icon.startswith("http") or icon.startswith(server), icon
    assert hosts <= {urlsplit(server).netloc, ""}, hosts
    context.close()
