"""What a click on Explore costs the server: CPU of all threads of its process around clicks in Chromium.

A warm click goes back to a map that was made before, a cold one asks for a timeframe nobody asked for yet.
Beside them, in the same run, a page with one control and a line of text: what no page can go below.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.browsing import CHROMIUM, FLAGS, serving, settle

BARE = Path(__file__).parent / "apps" / "bare_app.py"
WARM_CLICKS = 12


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Server:
    """CPU milliseconds that the newest server of this process spends on what is done to it."""

    def __init__(self) -> None:
        self.process = max(psutil.Process().children(), key=lambda one: one.create_time())

    def spent(self, acts: Sequence[Callable[[], None]]) -> float:
        before = self._cpu()
        for act in acts:
            act()
        # Until nothing more is computed: threads may go on after the page looks ready.
        last, calm = self._cpu(), 0
        while calm < 4:
            time.sleep(0.1)
            now = self._cpu()
            calm, last = (calm + 1 if now - last < 0.004 else 0), now
        return 1e3 * (last - before)

    def _cpu(self) -> float:
        times = self.process.cpu_times()
        return times.user + times.system


def _choose(page: Page, label: str) -> None:
    """One choice in a segmented control."""
    page.get_by_role("radio", name=label, exact=True).click()
    settle(page)


def _timeframe(page: Page, label: str) -> None:
    page.get_by_role("combobox", name="Timeframe").click()
    page.get_by_role("option", name=label, exact=True).click()
    settle(page)


def test_a_click_on_explore_costs_the_server_little_more_than_any_click(benchmark, chromium):
    told: dict[str, float] = {}
    for name, app in (("bare", [BARE]), ("warm", [])):
        with serving(*app) as address:
            server = Server()
            page = chromium.new_context(viewport={"width": 1440, "height": 900}).new_page()
            page.set_default_timeout(90_000)
            page.goto(address if app else f"{address}/explore?data=violent")
            settle(page)
            page.wait_for_timeout(3_000)
            labels = ("one", "two") if app else ("Realised", "Modelled")
            for label in labels:
                _choose(page, label)
            # The process tells its time in steps of 10 ms, so many clicks are measured as one.
            acts = [partial(_choose, page, label) for label in labels * WARM_CLICKS]
            told[f"{name}_ms"] = server.spent(acts) / len(acts)
            if not app:
                acts = [partial(_timeframe, page, label) for label in ("30m", "1h", "2h", "4h", "12h")]
                told["cold_ms"] = server.spent(acts) / len(acts)
                told["rss_mb"] = server.process.memory_info().rss / 1e6
            page.context.close()
    benchmark.extra_info.update(told)
    benchmark.pedantic(lambda: None, rounds=1)
    print({name: round(value, 1) for name, value in told.items()})
    assert told["warm_ms"] < 8 * told["bare_ms"]
    assert told["cold_ms"] < 4 * told["warm_ms"]
