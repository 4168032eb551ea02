import assert from "node:assert/strict";
import test from "node:test";
import { disc } from "../src/notes.js";

const plot = { x: 10, y: 0, w: 300, h: 200 };

test("the disc of a note at the edge is seen whole, and one elsewhere stands where it points", () => {
  assert.deepEqual(disc([100, 50], plot), [100, 50]);
  assert.deepEqual(disc([10, 200], plot), [22, 188]);
  assert.deepEqual(disc([310, 0], plot), [298, 12]);
});

test("what has left the plot is not pulled back to its edge", () => {
  for (const out of [[9, 50], [311, 50], [100, -1], [100, 201]]) assert.equal(disc(out, plot), null);
});
