"""The lesson's picture never hides the candle that a step asks to look at: neither cells, frame, lines nor
names lie on it."""

import re

import pytest
from browsing import settle
from playwright.sync_api import Page, expect

from liqcore.feeds import scenario_files as scenarios

pytestmark = pytest.mark.browser
# Steps that ask for a candle by name, of every scenario that has one.
NAMED = [
    (name, number)
    for name in scenarios.names()
    for number, step in enumerate(scenarios.read_settings(name)["steps"], 1)
    if re.search(r"\b(last( two| three)?|tall|falling) candles?\b", step["look"])
]
# Of the newest candle's body, the share of pixels that have its colour, or that of a line's thin dash on it.
SEEN = """() => {
  const chart = globalThis.heatlab.charts.get("walk");
  const bar = chart.bars.at(-1);
  const { ratio, pen } = chart;
  const at = (value) => Math.round(value * ratio);
  const [left, right] = [0.2, 0.8].map((part) => at(chart.time.at(bar.t + part * bar.size)));
  const [top, bottom] = [Math.max(bar.o, bar.c), Math.min(bar.o, bar.c)].map((p) => at(chart.price.at(p)));
  const [w, h] = [Math.max(right - left - 1, 1), Math.max(bottom - top - 2, 1)];
  const found = pen.getImageData(left + 1, top + 1, w, h).data;
  const probe = new OffscreenCanvas(1, 1).getContext("2d");
  probe.fillStyle = bar.c >= bar.o ? chart.ink.up : chart.ink.down;
  probe.fillRect(0, 0, 1, 1);
  const [r, g, b] = probe.getImageData(0, 0, 1, 1).data;
  let same = 0;
  for (let k = 0; k < found.length; k += 4) {
    same += Math.abs(found[k] - r) + Math.abs(found[k + 1] - g) + Math.abs(found[k + 2] - b) < 24;
  }
  return { share: same / (w * h), wide: right - left, tall: bottom - top };
}"""


def test_the_named_candle_is_seen_in_every_step_that_asks_for_one(server: str, page: Page) -> None:
    assert len(NAMED) >= 8
    hidden = {}
    for name, number in NAMED:
        page.goto(f"{server}/walkthrough?scenario={name}&step={number}&quiz=7")
        expect(page.locator(".hl-stage[data-drawn]").first).to_be_visible()
        settle(page)
        found = page.evaluate(SEEN)
        assert found["wide"] >= 3, (name, number, found)
        # A body of a few pixels is crossed by the line of the last price, which is its own close.
        if found["share"] < (0.75 if found["tall"] > 8 else 0.3):
            hidden[name, number] = found
    assert not hidden
