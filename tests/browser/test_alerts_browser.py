"""The alerts page in a real Chromium: a signal from outside becomes an alert in title, navigation and
inbox."""

import json
import urllib.request

import pytest
from browsing import ROOT, serving, settle
from playwright.sync_api import Page, expect

from liqcore.alerts import rule_text
from liqcore.alerts.rules import Condition, Group, Rule

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SECRET = "a-secret-of-some-length"


def test_a_message_from_tradingview_reaches_the_open_page(page: Page) -> None:
    other, cross = Condition("recapture", 28_000.0), Condition("external", name="my cross", on="event")
    word = rule_text.rules_to_link(
        [Rule("Sentence", Group("all", (other,))), Rule("Cross", Group("all", (cross,)))]
    )
    with serving(ROOT / "server.py", HEATLAB_WEBHOOK_SECRET=SECRET) as address:
        page.set_viewport_size({"width": 390, "height": 844})
        page.goto(f"{address}/alerts?rules={word}&pane=rules")
        settle(page)
        expect(page.get_by_text("Rules (1)")).to_be_visible()
        expect(page.get_by_text("When the external signal my cross arrives")).to_be_visible()
        body = json.dumps({"secret": SECRET, "name": "my cross", "side": "long", "price": 28_500}).encode()
        request = urllib.request.Request(
            f"{address}/api/tradingview", body, {"Content-Type": "application/json"}
        )
        assert urllib.request.urlopen(request, timeout=30).status == 200
        expect(page.get_by_text("Inbox (1)")).to_be_visible()
        expect(page).to_have_title("(1) Alerts · Heatlab")
        page.get_by_text("Inbox (1)").click()
        expect(page.get_by_text("The external signal my cross arrived.").last).to_be_visible()
        expect(page.get_by_text("Against it")).to_be_visible()
        page.get_by_role("button", name="Acknowledge", exact=True).last.click()
        expect(page).to_have_title("Alerts · Heatlab")
        assert SECRET not in page.url
        wide = page.evaluate(
            "() => { const main = document.querySelector('[data-testid=\"stMain\"]'); return main.scrollWidth"
            " - main.clientWidth; }"
        )
        assert wide <= 1
        assert page.locator("[data-testid='stException']").count() == 0
