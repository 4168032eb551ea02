import assert from "node:assert/strict";
import test from "node:test";
import { Cells, Scale, words } from "../src/colour.js";
import { contrast, INKS, inks, luminance } from "../src/ink.js";

const cells = (long, short) => new Cells({ long: Uint16Array.from(long), short: Uint16Array.from(short), lowest: 2 });
const usd = (of, codes) => [...codes].map((code) => of.usd[code]);

test("both sides add up, net keeps its sign", () => {
  const of = cells([0, 902, 2, 902, 2], [2, 0, 902, 902, 2]);
  assert.deepEqual(usd(of, of.side("both")[0]), [100, 1000, 1100, 2000, 200]);
  const [net, sign] = of.side("net");
  assert.deepEqual(usd(of, net).map((size, k) => size * sign[k] || 0), [-100, 1000, -900, 0, 0]);
});

test("a threshold leaves cells dark and the strongest takes the last colour", () => {
  const of = cells([2, 902, 1802], [0, 0, 0]);
  const [codes] = of.side("long");
  const scale = new Scale("log", of.counts(codes), of.usd, [100, 10000]);
  assert.deepEqual([...of.indices(codes, null, scale, 500)], [0, 128, 255]);
});

test("a place on the scale and its USD belong together, for every kind of scale", () => {
  const of = cells([2, 300, 902, 1500, 1802], [0, 0, 0, 0, 0]);
  const [codes] = of.side("long");
  for (const kind of ["log", "linear"]) {
    const scale = new Scale(kind, of.counts(codes), of.usd);
    for (const place of [0.1, 0.5, 0.9]) assert.ok(Math.abs(scale.place(scale.at(place)) - place) < 1e-9, kind);
  }
  const ranked = new Scale("percentile", of.counts(codes), of.usd);
  assert.deepEqual([100, 1000, 10000].map((size) => ranked.place(size)), [0.1, 0.5, 0.9]);
});

test("an empty map has a scale, and one amount alone does not divide by nothing", () => {
  for (const long of [[0, 0], [902, 902]]) {
    const of = cells(long, [0, 0]);
    for (const kind of ["log", "linear", "percentile"]) {
      const [codes] = of.side("both");
      const scale = new Scale(kind, of.counts(codes), of.usd);
      const found = [...of.indices(codes, null, scale, 0)];
      assert.ok(found.every((index) => index >= 0 && index <= 255), kind);
      assert.equal(found[0] > 0, long[0] > 0);
    }
  }
});

test("colours are words of an image, the ground first", () => {
  const found = words("010203".repeat(255), 0x0a0b0c);
  assert.equal(found[0], 0xff0c0b0a);
  assert.equal(found[255], 0xff030201);
});

test("texts on the map can be read on both grounds", () => {
  for (const [name, ground] of [["dark", "#171615"], ["light", "#ffffff"]]) {
    const ink = inks(ground);
    assert.equal(ink.name, name);
    for (const kind of ["long", "short", "quiet", "line", "now"]) {
      assert.ok(contrast(ink[kind], ground) >= 4.5, `${name} ${kind} ${contrast(ink[kind], ground)}`);
    }
    assert.ok(contrast(ink.onNow, ink.now) >= 4.5, name);
    for (const kind of ["bought", "sold", "mark"]) assert.ok(contrast(ink[kind], ground) >= 3, `${name} ${kind}`);
    // Rising and falling bodies differ by lightness alone, so that every eye tells them apart.
    assert.ok(Math.abs(luminance(INKS[name].up) - luminance(INKS[name].down)) > 0.7, name);
  }
});
