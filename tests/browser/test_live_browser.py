"""The live page in a real Chromium: honest without a network, moving on a replay, and fit for a phone."""

import math
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from browsing import serving, settle
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def wide(page: Page) -> int:
    return page.evaluate(
        "() => { const main = document.querySelector('[data-testid=\"stMain\"]'); return main.scrollWidth -"
        " main.clientWidth; }"
    )


def test_without_a_network_it_says_so_and_a_replay_moves_without_flicker(page: Page, tmp_path: Path) -> None:
    with serving(HEATLAB_LOOPBACK="127.0.0.1:9", HEATLAB_FOLDER=str(tmp_path)) as address:
        page.set_viewport_size({"width": 390, "height": 844})
        page.goto(f"{address}/live")
        expect(page.get_by_text("No venue can be heard from here")).to_be_visible()
        assert wide(page) <= 1
        page.set_viewport_size({"width": 1280, "height": 900})
        page.get_by_text("Replay", exact=True).first.click()
        expect(page.get_by_text("replay of a synthetic market, 60×")).to_be_visible()
        canvas = page.locator(".hl-stage[data-drawn]").first
        expect(canvas).to_be_visible()
        clock = page.get_by_text("replay of a synthetic market").inner_text()
        # Watched at every frame while it redraws: the picture is never gone.
        page.evaluate(
            """() => { window.seen = [0, 0]; const look = () => {
            const map = globalThis.heatlab.charts.get('live-map');
            window.seen[map?.root.isConnected && map.pen.canvas.width > 100 ? 0 : 1] += 1; requestAnimationFrame(look); }; look(); }"""  # noqa: E501
        )
        expect(page.get_by_text(clock)).to_have_count(0)
        page.wait_for_timeout(6_000)
        there, gone = page.evaluate("() => window.seen")
        assert there > 20
        assert gone == 0
        assert page.locator("[data-testid='stException']").count() == 0


def test_live_events_fill_the_page(page: Page, tmp_path: Path) -> None:
    player = subprocess.Popen(
        [sys.executable, "-m", "tests.loopback.server", "--live", "--rate", "8"],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert player.stdout is not None
        name, _, where = player.stdout.readline().strip().partition("=")
        assert name == "HEATLAB_LOOPBACK"
        with serving(HEATLAB_LOOPBACK=where, HEATLAB_FOLDER=str(tmp_path)) as address:
            begun = time.monotonic()
            realised = f"{address}/live?livetf=1m&livespan=1+h&livekind=realised"
            page.goto(realised)
            expect(page.get_by_text("Bybit: live")).to_be_visible()
            expect(page.locator(".hl-stage[data-drawn]").first).to_be_visible()
            assert time.monotonic() - begun < 60
            for venue in (
                "Binance",
                "OKX",
                "Gate",
                "Bitget",
                "HTX",
                "Bitfinex",
                "Deribit",
                "Kraken Futures",
                "dYdX",
            ):
                expect(page.get_by_text(f"{venue}: live")).to_be_visible()
            assert page.locator("[data-testid='stException']").count() == 0
            # The real market has more windows to choose from than the sample, and Live more controls.
            for path in ("explore?layer=modelled", "explore?layer=measured", "live?livekind=measured"):
                page.goto(f"{address}/{path}")
                kinds = page.get_by_role("radio", name="Measured")
                expect(kinds).to_be_visible()
                settle(page)
                settings = page.get_by_role("button", name="Settings").first
                rows = [one.bounding_box() or {"y": math.inf} for one in (kinds, settings)]
                assert abs(rows[0]["y"] - rows[1]["y"]) < 20, path
            page.goto(realised)
            expect(page.get_by_text("Bybit: live")).to_be_visible()
            # A stand-in that stops takes no page with it.
            player.send_signal(signal.SIGKILL)
            expect(page.get_by_text("Bybit: error").or_(page.get_by_text("Bybit: partial"))).to_be_visible()
            expect(page.locator(".hl-stage[data-drawn]").first).to_be_visible()
    finally:
        player.kill()
        player.wait()
