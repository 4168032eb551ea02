import assert from "node:assert/strict";
import test from "node:test";
import { keepViews } from "../src/back.js";

function browser(address) {
  const entries = [address];
  const heard = {};
  const location = new Proxy({}, { get: (_, name) => new URL(entries.at(-1))[name] });
  const full = (url) => new URL(url, entries.at(-1)).href;
  const history = {
    pushState: (_state, _unused, url) => entries.push(full(url)),
    replaceState: (_state, _unused, url) => entries.splice(-1, 1, full(url)),
  };
  const window = { history, location, addEventListener: (kind, run) => (heard[kind] = run) };
  keepViews(window);
  return { history, entries: () => entries.map((one) => one.replace("http://h", "")), touch: (kind) => heard[kind]() };
}

test("the half-emptied entry of the page one leaves is written over", () => {
  const { history, entries } = browser("http://h/explore?data=calm&level=25328");
  history.pushState({}, "", "/explore?entry=1&data=calm");
  history.pushState({}, "", "/risk?entry=1&data=calm");
  assert.deepEqual(entries(), ["/explore?data=calm&level=25328", "/risk?entry=1&data=calm"]);
});

test("a step of one's own on a page stays, also where the next page has the same query", () => {
  const { history, entries, touch } = browser("http://h/explore");
  history.pushState({}, "", "/explore?data=calm");
  touch("pointerdown");
  history.pushState({}, "", "/risk?data=calm");
  assert.deepEqual(entries(), ["/explore", "/explore?data=calm", "/risk?data=calm"]);
});

test("steps on one page, and pages after pages, are entries as ever", () => {
  const { history, entries } = browser("http://h/explore");
  for (const url of ["/explore?tf=1h", "/explore?tf=4h", "/risk?entry=1", "/alerts?entry=1"]) {
    history.pushState({}, "", url);
  }
  assert.equal(entries().length, 5);
});
