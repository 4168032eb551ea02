"""800 × 300 cells on the screen: our chart against one rectangle per cell, in one Chromium and one run."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import CHROMIUM, FLAGS, serving

APP = Path(__file__).parent / "apps" / "draw_app.py"
STEPS = 2
# Resolves with the milliseconds from the call to the last change of the picture that is followed by a
# second's calm.
WATCH = """
() => { const begin = performance.now(); window.redrawn = new Promise(resolve => {
  const small = new OffscreenCanvas(64, 64).getContext('2d', {willReadFrequently: true});
  let before = null, last = null;
  const look = () => {
    const canvas = document.querySelector('[data-testid="stVegaLiteChart"] canvas');
    if (canvas && canvas.width) {
      small.clearRect(0, 0, 64, 64); small.drawImage(canvas, 0, 0, 64, 64);
      const seen = small.getImageData(0, 0, 64, 64).data.join();
      if (before !== null && seen !== before) last = performance.now();
      before = seen;
    }
    if (last !== null && performance.now() - last > 1000) resolve(last - begin); else setTimeout(look, 60);
  }; look(); }); }
"""


@dataclass
class Drawn:
    """One way of drawing: bytes of the first picture, server and browser seconds of each redraw."""

    first_bytes: int = 0
    redraw_bytes: list[int] = field(default_factory=list)
    server: list[float] = field(default_factory=list)
    first_server: float = 0.0
    redraw: list[float] = field(default_factory=list)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def server_seconds(page: Page, step: int) -> float:
    text = page.get_by_text(f"step {step} took").inner_text(timeout=120_000)
    return float(re.search(r"took ([\d.]+) s", text)[1])


def measure(chromium: Browser, address: str, way: str) -> Drawn:
    page = chromium.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(60_000)
    received = [0]

    def count(frame: str | bytes) -> None:
        received[0] += len(frame)

    page.on("websocket", lambda socket: socket.on("framereceived", count))
    found = Drawn()
    page.goto(f"{address}/?way={way}")
    found.first_server = server_seconds(page, 0)
    page.wait_for_selector('[data-testid="stVegaLiteChart"] canvas')
    page.wait_for_timeout(8_000 if way == "rects" else 3_000)
    found.first_bytes, received[0] = received[0], 0
    for step in range(1, STEPS + 1):
        page.evaluate(WATCH)
        page.get_by_test_id("stNumberInputStepUp").click()
        found.redraw.append(page.evaluate("() => window.redrawn") / 1000)
        found.server.append(server_seconds(page, step))
        found.redraw_bytes.append(received[0])
        received[0] = 0
    page.context.close()
    return found


def test_drawing_is_five_times_faster_and_ten_times_smaller_than_rectangles(chromium: Browser) -> None:
    with serving(APP, PYTHONPATH=str(Path(__file__).parents[1])) as address:
        # The first visit of each pays for imports; only the later ones count.
        measure(chromium, address, "ours")
        rects, ours = measure(chromium, address, "rects"), measure(chromium, address, "ours")
    server = min(rects.server) / min(ours.server)
    size = rects.first_bytes / ours.first_bytes
    redraw = min(rects.redraw) / min(ours.redraw)
    print(
        f"\n800 × 300 cells, ours against one rectangle per cell: server {min(ours.server) * 1e3:.0f} ms"
        f" against {min(rects.server) * 1e3:.0f} ms ({server:.1f} times), {ours.first_bytes / 1e3:.0f} kB"
        f" against {rects.first_bytes / 1e3:.0f} kB ({size:.1f} times), redraw {min(ours.redraw):.2f} s"
        f" against {min(rects.redraw):.2f} s ({redraw:.1f} times)"
    )
    assert server >= 5
    assert size >= 10
    assert redraw >= 5
