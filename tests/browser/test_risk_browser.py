"""The risk page in a real Chromium: results while typing, private money, phone width."""

import pytest
from browsing import settle
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_typing_shows_the_sentence_then_the_plan_and_the_account_stays_out_of_the_address(
    server: str, page: Page
) -> None:
    page.goto(f"{server}/risk")
    settle(page)
    stop = page.get_by_label("Stop, USD")
    stop.fill("35,000")
    expect(page.get_by_text("is above the entry").first).to_be_visible()
    stop.fill("27,500")
    expect(page.get_by_text("This plan passes.")).to_be_visible()
    page.get_by_label("Account, USD").fill("43,210")
    expect(page.get_by_text("of the account, and the stop fires before liquidation")).to_be_visible()
    settle(page)
    assert "stop=27" in page.url
    assert "43" not in page.url.split("?", 1)[1].replace("stop=27%2C500", "")
    assert page.locator("[data-testid='stException']").count() == 0


@pytest.mark.slow
def test_a_phone_has_no_sideways_scroll(server: str, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{server}/risk")
    settle(page)
    expect(page.get_by_text("This plan passes.")).to_be_visible()
    wide = page.evaluate(
        "() => { const main = document.querySelector('[data-testid=\"stMain\"]'); return main.scrollWidth -"
        " main.clientWidth; }"
    )
    assert wide <= 1
