import assert from "node:assert/strict";
import test from "node:test";
import { Axis, priceTicks, timeTicks } from "../src/axes.js";
import { between, byPrice, barsInView } from "../src/bars.js";
import { raster } from "../src/raster.js";

const axis = (full, range, log = false) => Object.assign(new Axis(full, log), { range });

test("an axis shows no more than all of it and keeps its size at the rim", () => {
  const one = axis([0, 100], [0, 10]);
  one.show(-50, 20);
  assert.deepEqual(one.window, [0, 70]);
  one.show(-500, 500);
  assert.deepEqual(one.window, [0, 100]);
  assert.equal(one.zoomed, false);
  one.show(50, 50.01);
  assert.ok(Math.abs(one.window[1] - one.window[0] - 0.4) < 1e-9);
});

test("a logarithmic axis has its middle at the root", () => {
  const one = axis([1, 100], [0, 10], true);
  assert.ok(Math.abs(one.at(10) - 5) < 1e-9);
  assert.ok(Math.abs(one.invert(5) - 10) < 1e-9);
  one.zoom(0.5, 10);
  assert.ok(Math.abs(one.window[0] * one.window[1] - 100) < 1e-6);
});

test("ticks say what distinguishes them", () => {
  assert.equal(priceTicks(axis([1, 2], [0, 1]), 4)[1][1], "1.2");
  const [first] = timeTicks(axis([Date.UTC(2026, 3, 15), Date.UTC(2026, 3, 16)], [0, 1]), 4);
  assert.equal(first[1], "Apr 15");
});

test("a fortnight on a phone has two ticks at least, and no more than there is room for", () => {
  const fortnight = axis([Date.UTC(2026, 2, 1), Date.UTC(2026, 2, 15)], [0, 300]);
  for (const most of [2, 3, 3.4, 4.5]) {
    const [from, to] = fortnight.window;
    const found = timeTicks(fortnight, most).filter(([at]) => at > from && at < to);
    // 80 pixels are counted for each; a day's name takes 40.
    assert.ok(found.length >= 2 && found.length * 45 <= most * 80, `${found.length} of ${most}`);
    assert.ok(found.every(([, label]) => /^[A-Z][a-z]{2} \d\d$/.test(label)));
  }
});

const map = (index, times, prices, [w, h]) => ({
  index: Uint8Array.from(index),
  palette: Uint32Array.from({ length: 256 }, (_, k) => k),
  plot: { x: 0, y: 0 },
  heat: { time_edges: Float64Array.from(times), price_edges: Float64Array.from(prices) },
  time: axis([times[0], times.at(-1)], [0, w]),
  price: axis([prices[0], prices.at(-1)], [h, 0]),
  upright: true,
  signed: false,
  seen: times.length - 1,
});

test("every pixel takes its cell, whatever the widths", () => {
  // Columns of one and three hours, two bands; price runs up, so the upper band is the first row.
  const out = new Uint32Array(8);
  raster(out, 4, 2, map([1, 2, 3, 4], [0, 1, 4], [10, 20, 30], [4, 2]), 1);
  assert.deepEqual([...out], [2, 4, 4, 4, 1, 3, 3, 3]);
});

test("the strongest of several cells under a pixel is shown, for net the farthest from balance", () => {
  const chart = map([9, 200, 130, 3], [0, 1, 2], [10, 20, 30], [1, 1]);
  const out = new Uint32Array(1);
  raster(out, 1, 1, chart, 1);
  assert.equal(out[0], 200);
  raster(out, 1, 1, { ...chart, signed: true }, 1);
  assert.equal(out[0], 3);
});

test("nothing that has not been replayed is painted", () => {
  const out = new Uint32Array(4);
  raster(out, 4, 1, { ...map([7, 8], [0, 1, 2], [10, 20], [4, 1]), seen: 1 }, 1);
  assert.deepEqual([...out], [7, 7, 0, 0]);
});

const candles = {
  id: "a", shape: [4, 2], stock: true, candle_origin: 0, candle_step: 1,
  open: [1, 2, 3, 4], high: [5, 3, 4, 9], low: [1, 0.5, 3, 4], close: [2, 3, 4, 5], volume: [1, 1, 2, 2], bought: [1, 0, 1, 0],
  time_edges: Float64Array.of(0, 1, 2, 3, 4), price_edges: Float64Array.of(10, 20, 30),
  long: Uint16Array.of(1, 0, 2, 0, 3, 0, 4, 0), short: new Uint16Array(8),
};

test("candles are joined exactly, and only what has been replayed", () => {
  const time = axis([0, 4], [0, 6]);
  const [first] = barsInView({ heat: candles, time, until: Infinity });
  assert.deepEqual(first, { o: 1, h: 5, l: 0.5, c: 3, v: 2, b: 1, t: 0, size: 2 });
  const kept = barsInView({ heat: candles, time, until: 3 });
  assert.deepEqual(kept.at(-1), { o: 3, h: 4, l: 3, c: 4, v: 2, b: 2, t: 2, size: 2 });
});

test("what no venue told of the sides of a volume is unknown, and a bar without trades says nothing", () => {
  const bars = barsInView({ heat: { ...candles, bought: [NaN, 0.5, 1, NaN], volume: [2, 2, 2, 0] }, time: axis([0, 4], [0, 40]), until: Infinity });
  assert.deepEqual(bars.map((bar) => bar.b), [NaN, 1, 2, 0]);
  const [joined] = barsInView({ heat: { ...candles, bought: [NaN, 0.5, 1, 1] }, time: axis([0, 4], [0, 6]), until: Infinity });
  assert.ok(Number.isNaN(joined.b));
});

test("a state is read at the end of what is in view, events are added up", () => {
  const cells = { usd: [0, 10, 20, 30, 40] };
  const chart = { heat: candles, cells, time: axis([0, 4], [0, 4]), seen: 4 };
  assert.equal(byPrice(chart).long[0], 40);
  assert.equal(byPrice({ ...chart, priced: null, seen: 2 }).long[0], 20);
  assert.equal(byPrice({ ...chart, priced: null, heat: { ...candles, stock: false } }).long[0], 100);
  assert.equal(between([10, 20, 30], [100, 40], 15, 25), 70);
});
