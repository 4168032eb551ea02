"""The compare page in a real Chromium: maps side by side, their link, and a phone."""

from itertools import pairwise

import pytest
from browsing import settle
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]
MAPS = ".hl-stage[data-drawn]"


def test_maps_stand_side_by_side_stack_on_a_phone_and_the_view_is_in_the_link(
    server: str, page: Page
) -> None:
    page.goto(f"{server}/compare")
    settle(page)
    expect(page.locator(MAPS)).to_have_count(6)
    boxes = [item.bounding_box() for item in page.locator(MAPS).all()]
    assert boxes[0]["y"] == pytest.approx(boxes[1]["y"], abs=2), "the first two maps stand in one row"
    assert len({round(box["width"] / 4) for box in boxes}) == 1, "all maps are equally wide"
    page.set_viewport_size({"width": 390, "height": 844})
    settle(page)
    boxes = [item.bounding_box() for item in page.locator(MAPS).all()]
    assert all(below["y"] >= above["y"] + above["height"] - 2 for above, below in pairwise(boxes)), (
        "maps stack on a phone"
    )
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390, (
        "the page does not scroll sideways"
    )
    page.set_viewport_size({"width": 1280, "height": 900})
    page.get_by_text("Agreement", exact=True).first.click()
    settle(page)
    expect(page.locator(MAPS)).to_have_count(1)
    expect(page.locator("[data-testid='stVegaLiteChart'] .marks")).to_have_count(1)
    assert "view=agreement" in page.url
    assert page.locator("[data-testid='stException']").count() == 0
