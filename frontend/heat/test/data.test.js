import assert from "node:assert/strict";
import test from "node:test";
import { deflateSync } from "node:zlib";
import { amounts, bin, head, undiff, unpack } from "../src/data.js";

test("a code stands for three significant digits", () => {
  const of = amounts(2);
  assert.deepEqual([of[0], of[1], of[2], of[3], of[902]], [0, 50, 100, 101, 1000]);
});

test("differences along time come back, over several columns and past 16 bits", () => {
  const codes = Uint16Array.of(5, 900, 7, 0, 7, 65535);
  const planes = new Uint8Array(12);
  codes.forEach((value, k) => {
    const step = k < 2 ? value : value - codes[k - 2];
    planes[k] = step & 255;
    planes[6 + k] = step >> 8;
  });
  assert.deepEqual(undiff(planes, new Uint16Array(6), 3, 2), codes);
});

test("bins are half open", () => {
  assert.deepEqual([0, 1, 2, 3].map((place) => bin([1, 2, 3], place)), [-1, 0, 1, -1]);
});

test("a message is unpacked block by block, wherever it begins in memory", async () => {
  const stream = (values) => deflateSync(Buffer.from(values.buffer));
  const blocks = [stream(Float64Array.of(1.5, 2.5)), stream(Float32Array.of(3))];
  const info = {
    role: "heat",
    blocks: [
      { size: blocks[0].length, parts: [["edges", "f8", 16]] },
      { size: blocks[1].length, parts: [["close", "f4", 4]] },
    ],
  };
  const text = Buffer.from(JSON.stringify(info));
  const size = Buffer.alloc(4);
  size.writeUInt32LE(text.length);
  const bytes = new Uint8Array(Buffer.concat([Buffer.from([9]), size, text, ...blocks])).subarray(1);
  const [found, rest] = head(bytes);
  const out = await unpack(found, rest);
  assert.equal(out.role, "heat");
  assert.deepEqual([...out.edges, ...out.close], [1.5, 2.5, 3]);
});
