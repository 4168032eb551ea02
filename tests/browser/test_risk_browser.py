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
    stop.fill("25,350")
    expect(page.get_by_text("This plan passes.")).to_be_visible()
    page.get_by_label("Account, USD").fill("43,210")
    expect(page.get_by_text("of the account, and the stop fires before liquidation")).to_be_visible()
    settle(page)
    assert "stop=25" in page.url
    assert "43" not in page.url.split("?", 1)[1].replace("stop=25%2C350", "")
    assert page.locator("[data-testid='stException']").count() == 0


@pytest.mark.slow
def test_a_phone_has_no_sideways_scroll(server: str, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{server}/risk")
    settle(page)
    expect(page.get_by_text("This plan passes.")).to_be_visible()
    answer = page.get_by_text("This plan passes.").bounding_box()
    form = page.get_by_role("textbox", name="Entry, USD").bounding_box()
    assert answer is not None
    assert form is not None
    assert answer["y"] < min(form["y"], 500), "the answer comes before the form, in the first screen"
    wide = page.evaluate(
        "() => { const main = document.querySelector('[data-testid=\"stMain\"]'); return main.scrollWidth -"
        " main.clientWidth; }"
    )
    assert wide <= 1


def test_the_link_below_a_map_brings_level_lines_and_market_and_one_back_returns_to_the_map(
    server: str, page: Page
) -> None:
    page.goto(f"{server}/explore?data=calm&level=25%2C328&mylevels=25%2C900")
    settle(page)
    link = page.get_by_role("link", name="Size a position at $25,328")
    link.scroll_into_view_if_needed()
    link.click()
    page.wait_for_url("**/risk?*")
    settle(page)
    expect(page.get_by_role("textbox", name="Entry, USD")).to_have_value("25,328")
    stop = float(page.get_by_role("textbox", name="Stop, USD").input_value().replace(",", ""))
    assert 0 < abs(stop - 25_328) < 2_000, "the stop belongs to the level, not to the sample's last price"
    assert "lines=25" in page.url
    assert "data=calm" in page.url
    assert page.locator("[data-testid='stException']").count() == 0
    page.go_back()
    page.wait_for_url("**/explore?*")
    settle(page)
    assert "data=calm" in page.url
    assert "level=25" in page.url
    assert "mylevels=25" in page.url
    expect(page.get_by_role("textbox", name="Level, USD")).to_have_value("25,328")
    page.go_forward()
    page.wait_for_url("**/risk?*")
    settle(page)
    expect(page.get_by_role("textbox", name="Entry, USD")).to_have_value("25,328")
