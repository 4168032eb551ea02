// A price line to drag: what would be closed on the way from the last price to it shades and is added up beside
// it. Lines of a plan (entry, stop, target) are dragged the same way and told to Python when let go.
import { between, byPrice } from "./bars.js";
import { button } from "./dom.js";
import { percent, usd } from "./words.js";

const STEP = 0.0025;

export class WhatIf {
  constructor(chart) {
    this.chart = chart;
    this.target = null;
    this.handles = new Map();
  }

  toggle() {
    const { chart } = this;
    if (this.target) return this.goes(null);
    const [low, high] = chart.price.window;
    return this.goes(Math.min(Math.max((chart.last ?? chart.price.middle) * 0.97, low * 1.002), high * 0.998));
  }

  /** Put the line at a price, or take it off. */
  goes(price) {
    this.target = price;
    if (price) {
      const handle = this.#handle("what if", "What-if price", (at) => this.goes(at), (at) => {
        this.chart.remember();
        this.chart.toolbar.offer({ price: at }, true);
      });
      if (!this.held) handle.dataset.price = price;
    } else this.#drop("what if");
    this.chart.toolbar.tell();
    this.chart.hover();
    this.place();
    if (!this.held && this.chart.key) this.chart.remember();
  }

  /** Handles of the plan's lines that may be dragged. */
  lines() {
    const wanted = (this.chart.layers.levels ?? []).filter((one) => one.drag);
    for (const name of this.handles.keys()) {
      if (name !== "what if" && !wanted.some((one) => one.drag === name)) this.#drop(name);
    }
    for (const one of wanted) {
      const move = (at) => {
        one.price = at;
        this.chart.draw();
        this.place();
      };
      this.#handle(one.drag, one.label, move, (at) => this.chart.send("asked", { what: one.drag, price: at }));
    }
  }

  /** Sums on the way from the last price to the line, by the side that would be closed. */
  sums() {
    const { chart } = this;
    const from = chart.last ?? chart.price.middle;
    const sums = byPrice(chart);
    const edges = chart.heat.price_edges;
    const [low, high] = [Math.min(from, this.target), Math.max(from, this.target)];
    const { stock } = chart.heat;
    return {
      from,
      long: stock && this.target > from ? 0 : between(edges, sums.long, low, high),
      short: stock && this.target < from ? 0 : between(edges, sums.short, low, high),
    };
  }

  words() {
    const { chart } = this;
    const { from, long, short } = this.sums();
    const parts = [long && `${usd(long)} longs`, short && `${usd(short)} shorts`].filter(Boolean);
    const what = parts.join(", ") || "nothing";
    const verb = chart.heat.stock ? "to be closed on the way" : "liquidated between, in view";
    return `${chart.money(this.target)} (${percent(this.target / from - 1)}): ${what} ${verb}`;
  }

  draw(pen) {
    const { chart, target } = this;
    if (!target) return;
    const { ink, plot } = chart;
    const a = chart.price.at(chart.last ?? chart.price.middle);
    const b = chart.price.at(target);
    pen.fillStyle = ink.veil;
    const [low, size] = [Math.min(a, b), Math.abs(b - a)];
    if (chart.upright) pen.fillRect(plot.x, low, plot.w, size);
    else pen.fillRect(low, plot.y, size, plot.h);
    for (const [width, colour] of [[4, ink.casing], [2, ink.mark]]) {
      pen.lineWidth = width;
      pen.strokeStyle = colour;
      pen.beginPath();
      if (chart.upright) {
        pen.moveTo(plot.x, b);
        pen.lineTo(plot.x + plot.w, b);
      } else {
        pen.moveTo(b, plot.y);
        pen.lineTo(b, plot.y + plot.h);
      }
      pen.stroke();
    }
  }

  /** Handles where their lines are. */
  place() {
    const { chart } = this;
    if (!chart.plot) return;
    for (const [name, handle] of this.handles) {
      const line = name === "what if" ? this.target : chart.layers.levels?.find((one) => one.drag === name)?.price;
      const at = chart.price.at(line);
      const [low, high] = [...chart.price.range].sort((p, q) => p - q);
      handle.hidden = !(at >= low && at <= high);
      handle.classList.toggle("along", !chart.upright);
      handle.style.top = chart.upright ? `${at}px` : "";
      handle.style.left = chart.upright ? "" : `${at}px`;
      handle.style.right = chart.upright ? `${chart.width - chart.plot.w}px` : "";
      handle.dataset.price = line;
      const words = name === "what if" ? this.words() : handle.dataset.words;
      handle.textContent = words;
      handle.setAttribute("aria-valuenow", Math.round(line));
      handle.setAttribute("aria-valuetext", words);
    }
  }

  #drop(name) {
    this.handles.get(name)?.remove();
    this.handles.delete(name);
  }

  #handle(name, words, move, done) {
    const kept = this.handles.get(name);
    if (kept) return kept;
    const { chart } = this;
    const handle = button(words, words, () => {}, chart.stage, { className: "hl-line" });
    handle.dataset.words = words;
    handle.setAttribute("role", "slider");
    this.handles.set(name, handle);
    const within = (price) => Math.min(Math.max(price, chart.price.full[0]), chart.price.full[1]);
    handle.addEventListener("pointerdown", (event) => {
      handle.setPointerCapture(event.pointerId);
      this.held = true;
      event.stopPropagation();
    });
    handle.addEventListener("pointermove", (event) => {
      if (!handle.hasPointerCapture(event.pointerId)) return;
      const { left, top } = chart.stage.getBoundingClientRect();
      move(within(chart.price.invert(chart.upright ? event.clientY - top : event.clientX - left)));
    });
    handle.addEventListener("lostpointercapture", () => {
      this.held = false;
      done(Number(handle.dataset.price));
    });
    handle.addEventListener("keydown", (event) => {
      const by = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10 }[event.key];
      if (by) {
        event.preventDefault();
        move(within(Number(handle.dataset.price) * (1 + by * STEP)));
        clearTimeout(this.settling);
        this.settling = setTimeout(() => done(Number(handle.dataset.price)), 500);
      } else if (event.key === "Escape" && name === "what if") this.goes(null);
      event.stopPropagation();
    });
    return handle;
  }
}
