"""A first visit on a phone: the menu gets out of the way, and two taps lead to the first question."""

import re

import pytest
from browsing import PHONE, settle
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser


def test_on_a_phone_the_menu_closes_after_a_choice_and_two_taps_lead_to_the_first_question(
    server: str, browser: Browser
) -> None:
    context = browser.new_context(**PHONE)
    page = context.new_page()
    page.set_default_timeout(90_000)
    page.goto(server)
    settle(page)
    page.get_by_test_id("stExpandSidebarButton").tap()
    menu = page.get_by_test_id("stSidebar")
    expect(menu).to_be_in_viewport()
    menu.get_by_role("link", name="Sources").tap()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("ource"))
    expect(menu).not_to_be_in_viewport()
    page.goto(server)
    settle(page)
    page.get_by_role("button", name="Learn it in three minutes").tap()
    expect(page.get_by_role("heading", level=1)).to_have_text("Touch a strong band")
    page.get_by_role("button", name="Answer your first question").tap()
    expect(page.get_by_role("radiogroup", name="Your answer")).to_be_visible()
    context.close()


def test_the_tour_is_done_with_a_finger_on_the_map(server: str, browser: Browser) -> None:
    context = browser.new_context(**PHONE)
    page = context.new_page()
    page.set_default_timeout(90_000)
    page.goto(f"{server}/?tour=1")
    stage = page.locator(".hl-stage[data-drawn]").first
    expect(stage).to_be_visible()
    settle(page)
    where = stage.bounding_box()
    assert where is not None
    page.touchscreen.tap(where["x"] + 0.4 * where["width"], where["y"] + 0.2 * where["height"])
    told = page.get_by_test_id("stAlertContainer")
    expect(told).to_contain_text("the model saw")
    page.get_by_role("button", name="Next").tap()
    handle = page.get_by_role("slider", name="Drag the price")
    expect(handle).to_be_visible()
    handle.scroll_into_view_if_needed()
    held = handle.bounding_box()
    assert held is not None
    page.mouse.move(held["x"] + 8, held["y"] + 8)
    page.mouse.down()
    page.mouse.move(held["x"] + 8, held["y"] - 60, steps=5)
    page.mouse.up()
    expect(told).to_contain_text("of shorts would be liquidated on the way")
    page.get_by_role("button", name="Next").tap()
    page.get_by_role("radio", name="Birch").tap()
    expect(told).to_contain_text("Birch alone holds")
    context.close()


def test_the_menu_of_a_narrow_window_closes_after_a_choice(server: str, page: Page) -> None:
    page.set_viewport_size({"width": 640, "height": 900})
    page.goto(f"{server}/risk?data=calm")
    settle(page)
    page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_test_id("stSidebarNavLink").filter(has_text="Sources").click()
    page.wait_for_url("**/sources*")
    settle(page)
    page.wait_for_function(
        "() => document.querySelector('[data-testid=stSidebar]').getBoundingClientRect().right < 40"
    )
