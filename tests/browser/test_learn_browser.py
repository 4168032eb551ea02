"""A scenario by keyboard alone, learning on a phone, and what a browser receives of a hidden future."""

import re
import struct

import pytest
from browsing import settle
from playwright.sync_api import Browser, Page, expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from liqcore.feeds import scenario_files as scenarios
from liqcore.market.candles import resample
from liqcore.views import loaders
from liqcore.views.practice import table as practice_table
from tests.maps import unwrapped

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def opened(frame: bytes) -> bytes:
    """A message of the server; of a map's, what is packed in it."""
    message = ForwardMsg()
    message.ParseFromString(frame)
    packed = message.delta.new_element.bidi_component.bytes
    return b"".join(unwrapped(packed)) if packed else frame


def sideways(page: Page) -> int:
    return int(
        page.evaluate(
            "() => { const main = document.querySelector('[data-testid=\"stMain\"]'); return main.scrollWidth"
            " - main.clientWidth }"
        )
    )


def test_a_scenario_is_walked_by_keyboard_alone(server: str, page: Page) -> None:
    name = scenarios.names()[8]
    settings = scenarios.read_settings(name)
    page.goto(f"{server}/walkthrough?scenario={settings['title'].replace(' ', '+')}&step=1")
    settle(page)
    term = page.locator("[data-testid='stMarkdown'] a[href='#glossary']").first
    assert len(term.get_attribute("title") or "") > 20, "a term says what it means"
    # Tab leads to the answers, Space chooses one.
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.type === 'radio'"):
            break
    page.keyboard.press("Space")
    feedback = page.locator("[data-testid='stAlertContainer']")
    expect(feedback).to_have_count(2)
    page.keyboard.press("Escape")
    page.evaluate("() => document.activeElement.blur()")
    for number in range(2, len(settings["steps"]) + 1):
        page.keyboard.press("n")
        expect(page.get_by_role("heading", name=re.compile(f"^{number}\\. "))).to_be_visible()
    assert f"step={len(settings['steps'])}" in page.url, "progress is in the address"
    page.keyboard.press("n")
    expect(page.get_by_text("How it ended")).to_be_visible()
    expect(page.get_by_text(re.compile("You answered 1 of"))).to_be_visible()
    page.keyboard.press("b")
    expect(page.get_by_role("heading", name=re.compile(f"^{len(settings['steps'])}\\. "))).to_be_visible()


def test_ten_rounds_are_played_by_keyboard_alone_and_end_in_a_card(server: str, page: Page) -> None:
    page.goto(f"{server}/practice?seed=4")
    settle(page)
    for number in range(1, 11):
        expect(page.get_by_role("button", name="Write it down")).to_be_visible()
        page.keyboard.press("w")
        expect(page.get_by_text(re.compile(r"^2\. Written down"))).to_be_visible()
        # A key does nothing while its button is off, and the words may come before it is on.
        expect(page.get_by_role("button", name="Show the rest")).to_be_enabled()
        page.keyboard.press("e")
        expect(page.get_by_text(re.compile(f"^.*{number} of 10 rounds played"))).to_be_visible()
        onward = page.get_by_role("button", name="Next test" if number == 10 else "Next round")
        expect(onward).to_be_visible()
        if number < 10:
            page.keyboard.press("d")
            page.wait_for_function(f"() => location.search.includes('round={number + 1}')")
    page.get_by_text("A card to pass on").click()
    expect(page.get_by_role("button", name="Save the picture")).to_be_visible()
    expect(page.locator("[data-testid='stCode']")).to_contain_text("data=violent&seed=4")
    page.keyboard.press("d")
    expect(page.get_by_role("button", name="Write it down")).to_be_visible()
    page.wait_for_function("() => !location.search.includes('seed=4')")


def test_a_browser_receives_nothing_of_the_hidden_future_and_a_phone_scrolls_one_way(
    server: str, browser: Browser
) -> None:
    table = practice_table.lay(loaders.sample("violent"), 2, "15m", 24, "modelled")
    names = ["open", "high", "low", "close"]
    past = set(table.game.known(0).candles[names].to_numpy().ravel().tolist())
    later = table.game.future(0)
    minutes, bars = later.iloc[::10], resample(later, "15m", source="1m")
    future = {price for frame in (minutes, bars) for price in frame[names].to_numpy().ravel().tolist()} - past
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.set_default_timeout(90_000)
    received: list[bytes] = []
    page.on(
        "websocket",
        lambda socket: socket.on(
            "framereceived",
            lambda frame: received.append(opened(frame) if isinstance(frame, bytes) else frame.encode()),
        ),
    )
    page.goto(f"{server}/practice")
    settle(page)
    expect(page.locator(".hl-stage[data-drawn]").first).to_be_visible()
    assert sideways(page) <= 1

    def leaked() -> set[float]:
        everything = b"".join(received)
        return {
            price
            for price in future
            if struct.pack("<d", price) in everything or f"{price:,.2f}".encode() in everything
        }

    assert sum(map(len, received)) > 20_000
    assert leaked() == set()
    page.get_by_role("button", name="Write it down").click()
    settle(page)
    assert leaked() == set()
    page.get_by_role("button", name="Show the rest").click()
    expect(page.get_by_text("How you did", exact=True)).to_be_visible()
    settle(page)
    assert len(leaked()) > 10, "this search finds prices once they are shown"
    assert sideways(page) <= 1
    page.goto(f"{server}/walkthrough?step=7")
    settle(page)
    assert sideways(page) <= 1
    context.close()
