import assert from "node:assert/strict";
import test from "node:test";
import { place, told, valueAt } from "../src/rows.js";

const row = { at: [0, 60, 120, 300], step: 60, values: [1, null, 3, 4], unit: "BTC" };

test("the value at a time is the last one before it, and none long after it", () => {
  assert.deepEqual([-1, 0, 59, 60, 299, 300].map((time) => place(row.at, time)), [-1, 0, 0, 1, 2, 3]);
  assert.deepEqual([-1, 0, 60, 150].map((time) => valueAt(row, time)), [null, 1, null, 3]);
  assert.equal(valueAt(row, 299), 3);
  assert.equal(valueAt(row, 300 + 3 * 60), null);
  assert.equal(valueAt(row, 150, 100), null, "not replayed yet");
});

test("values are told with their unit and sign", () => {
  assert.equal(told({ unit: "%" }, 0.0101), "+0.01 %");
  assert.equal(told({ unit: "%" }, -0.0254), "−0.025 %");
  assert.equal(told({ unit: "%" }, 0), "0 %");
  assert.equal(told({ unit: "BTC" }, -1234), "−1.23k BTC");
  assert.equal(told({ unit: "" }, 55.4), "55");
  assert.equal(told({ unit: "BTC" }, null), "not known");
});
