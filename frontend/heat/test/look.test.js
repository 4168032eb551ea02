import assert from "node:assert/strict";
import test from "node:test";
import { LOOK, read, written } from "../src/look.js";
import { amount, percent, price, usd } from "../src/words.js";

test("what is written can be read again, and the rest of the address stays", () => {
  const look = {
    ...LOOK, side: "net", scale: "log", palette: "cividis", hide: 5000, domain: [1000, 2e6], price: "line",
    volume: false, boxes: false, upright: false, log: true,
  };
  const view = { time: [17e11, 17e11 + 36e5].map((ms) => ms - (ms % 6e4)), price: [24000.5, 31000], goes: 27000 };
  const search = written("?tf=1h&span=7+d&side=Longs", look, view);
  const kept = new URLSearchParams(search);
  assert.equal(kept.get("tf"), "1h");
  assert.equal(kept.get("span"), "7 d");
  const found = read(search);
  assert.deepEqual({ ...LOOK, ...found.look }, look);
  assert.deepEqual(found.view, view);
});

test("a plain look leaves the address as it is", () => {
  assert.equal(written("?tf=1h", LOOK, {}), "?tf=1h");
  assert.equal(written("", LOOK, {}), "");
});

test("older links and typing by hand are understood", () => {
  const { look } = read("?side=Longs&scale=Percentile&min=$100k&pin=true&legend=$1k&legend=$5.00M&axes=Price+%E2%86%92&profile=false");
  assert.deepEqual(look, {
    side: "long", scale: "percentile", hide: 1e5, domain: [1000, 5e6], upright: false, profile: false,
  });
  assert.deepEqual(read("?side=up&scale=&min=lots&t=x~y&p=9~3&legend=5~1&goes=-3"), { look: {}, view: {} });
});

test("amounts, prices and changes read like the rest of the house", () => {
  const found = [0, 0.4, 25, 850, 12345, 309000, 1.25e6, 2e9, -2500].map(usd);
  assert.deepEqual(found, ["$0", "$0.40", "$25", "$850", "$12.3k", "$309k", "$1.25M", "$2.00B", "−$2.50k"]);
  assert.deepEqual([0.0373, -0.0042, 0.12, 0].map(percent), ["+3.7 %", "−0.42 %", "+12 %", "0 %"]);
  assert.equal(price(27999.4), "$27,999");
  assert.deepEqual(["$5k", "2,500", "1.5 M", "", "x"].map(amount), [5000, 2500, 1.5e6, null, null]);
});
