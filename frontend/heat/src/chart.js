// One heatmap in one element: its cells, its look, its windows. Painting and gestures live beside it.
import { Address } from "./address.js";
import { Axis } from "./axes.js";
import { Cells, Scale, words as colourWords } from "./colour.js";
import { append } from "./columns.js";
import { hover, pick, placeAt, step } from "./cross.js";
import { undiff } from "./data.js";
import { make } from "./dom.js";
import { gestures } from "./gestures.js";
import { Group } from "./group.js";
import { inks } from "./ink.js";
import { layout } from "./layout.js";
import { LOOK, read } from "./look.js";
import { overlay } from "./overlay.js";
import { base } from "./paint.js";
import { Replay } from "./replay.js";
import { STYLE } from "./style.js";
import { tableButton } from "./table.js";
import { Toolbar } from "./toolbar.js";
import { WhatIf } from "./whatif.js";
import * as words from "./words.js";

export const charts = new Map(); // by key, for lines and live columns that another mount sends
const memory = new Map(); // look and view by key: they outlive reruns and page changes
const DOTS = 20_000;
const ends = (edges) => [edges[0], edges[edges.length - 1]];

export class Chart {
  constructor(parent) {
    this.send = () => {};
    this.layers = {};
    this.ratio = 1;
    this.seen = Infinity;
    this.until = Infinity;
    this.stats = { base: 0, over: 0, ms: 0, recolour: 0 };
    this.root = make("div", { className: "hl" }, parent);
    make("style", { textContent: STYLE }, this.root);
    this.heading = make("h1", { hidden: true }, this.root);
    this.title = make("div", { className: "hl-title" }, this.root);
    this.toolbar = new Toolbar(this);
    this.stage = make("div", { className: "hl-stage", tabIndex: 0, role: "application" }, this.root);
    this.stage.setAttribute("aria-roledescription", "heatmap");
    tableButton(this); // one Tab behind the map
    this.pen = make("canvas", {}, this.stage).getContext("2d", { alpha: false });
    this.glass = make("canvas", { className: "hl-over" }, this.stage);
    this.over = this.glass.getContext("2d");
    this.reading = make("div", { className: "hl-read", ariaHidden: "true" }, this.stage);
    this.pill = make("div", { className: "hl-hint" }, this.stage);
    this.actions = make("div", { className: "hl-act", hidden: true }, this.stage);
    this.live = make("div", { className: "hl-quiet", ariaLive: "polite" }, this.root);
    this.replay = new Replay(this);
    this.key = null;
    this.whatIf = new WhatIf(this);
    this.legend = make("div", { className: "hl-key", ariaHidden: "true" }, this.root);
    this.address = new Address(this);
    this.stop = gestures(this);
    this.watch = new ResizeObserver(() => this.resize());
    this.watch.observe(this.stage);
    // What stands above may grow after the map has been placed.
    const page = this.root.getRootNode().host?.closest("[data-testid=stMainBlockContainer]");
    if (page) this.watch.observe(page);
  }

  /** New cells. Look, windows, crosshair and what-if stay where the reader put them. */
  setHeat(heat, palettes) {
    const before = this.heat;
    const same = before?.key === heat.key;
    for (const side of ["long", "short"]) {
      if (heat[side].BYTES_PER_ELEMENT === 1) {
        heat[side] = undiff(heat[side], new Uint16Array(heat[side].length / 2), ...heat.shape);
      }
    }
    const kept = memory.get(heat.key);
    const asked = same || !heat.address ? { look: {}, view: {} } : read(window.location.search);
    if (!same) this.look = { ...LOOK, ...heat.look, ...kept?.look, ...asked.look };
    const view = same ? this.view() : { ...kept?.view, ...asked.view };
    this.heat = heat;
    this.palettes = palettes;
    this.layers = heat.layers ?? kept?.layers ?? this.layers;
    this.cells = new Cells(heat);
    if (heat.picked !== undefined) this.picked = heat.picked;
    if (this.key !== heat.key) {
      this.leave();
      this.key = heat.key;
      charts.set(this.key, this);
    }
    this.group = heat.group ? Group.join(heat.group, this) : null;
    this.#windows(view, same ? this.time.full : null);
    this.#texts();
    this.whatIf.goes(view.goes ?? null);
    this.replay.set(view.at ?? null);
    this.toolbar.build();
    this.recolour(true);
    this.resize();
    this.theme();
  }

  /** Lay the axes over the new cells; `before` is the whole of time that was shown. */
  #windows(view, before) {
    const { heat } = this;
    const [from, to] = ends(heat.time_edges);
    // Empty room after the newest column, where names of lines stand beside the candles instead of on them.
    this.time = new Axis([from, to + (heat.room ?? 0) * (to - from)]);
    this.price = new Axis(ends(heat.price_edges), this.look.log);
    const [first, last] = this.time.full;
    const [was, wasEnd] = before ?? [first, last];
    // A window that rolled on takes the view with it; one of another length shows all of itself.
    const alike = Math.abs(last - first - (wasEnd - was)) < 0.1 * (wasEnd - was);
    const shift = last - wasEnd;
    if (view.time && alike) this.time.show(view.time[0] + shift, view.time[1] + shift);
    const inside = view.price && view.price[0] < this.price.full[1] && view.price[1] > this.price.full[0];
    if (inside) this.price.show(...view.price);
  }

  #texts() {
    const { heat } = this;
    const width = Math.min(...heat.price_edges.slice(1).map((edge, k) => edge - heat.price_edges[k]));
    this.digits = width >= 2 ? 0 : width >= 0.2 ? 1 : 2;
    this.heading.textContent = heat.heading ?? "";
    this.heading.hidden = !heat.heading;
    this.title.textContent = heat.caption ?? "";
    this.root.style.setProperty("--hl-height", heat.height ?? "");
    const keys = "Arrow keys move the crosshair, plus and minus zoom, 0 shows everything, Enter picks the cell.";
    this.stage.setAttribute("aria-label", `${heat.alt ?? "Heatmap"} ${keys}`);
  }

  /** Columns appended or replaced from `first` on. */
  addColumns(part) {
    append(this, part);
    this.#texts();
    this.priced = null;
    this.replay.limit();
    this.recolour(true);
    this.draw();
    this.hover();
  }

  setLayers(layers) {
    this.layers = { ...this.layers, ...layers };
    this.whatIf.lines();
    this.resize();
    this.remember();
    this.draw();
  }

  /** Change the look; maps of one group change together. */
  setLook(change, told = false) {
    Object.assign(this.look, change);
    this.price.log = this.look.log;
    if ("upright" in change || "volume" in change || "profile" in change) this.resize();
    this.recolour("side" in change || "scale" in change || "domain" in change);
    this.toolbar.tell();
    this.draw();
    this.remember();
    if (!told) this.group?.look(this, change);
  }

  get scaleKind() {
    return this.look.scale === "auto" ? (this.heat.stock ? "linear" : "log") : this.look.scale;
  }

  /** Palette indices of all cells; `anew` when side, scale or cells changed. */
  recolour(anew) {
    const begin = performance.now();
    const { side, hide, palette, domain } = this.look;
    if (anew || !this.codes) {
      [this.codes, this.sign] = this.cells.side(side);
      const counts = this.heat.shared && this.group ? this.group.counts(this) : this.cells.counts(this.codes);
      this.scale = new Scale(this.scaleKind, counts, this.cells.usd, domain ?? this.heat.domain ?? null);
    }
    this.signed = side === "net";
    this.index = this.cells.indices(this.codes, this.sign, this.scale, hide, this.index);
    const ink = (this.ink ??= this.#ink());
    const name = this.signed ? "net" : palette;
    this.hex = this.palettes[ink.name][name];
    this.palette = colourWords(this.hex, ink.word);
    this.dots = this.#scattered();
    this.toolbar.legend();
    this.stats.recolour = performance.now() - begin;
  }

  /** Filled cells of a map of events, when they are few. */
  #scattered() {
    if (this.heat.stock) return null;
    const found = [];
    for (let k = 0; k < this.index.length; k++) {
      if (!this.index[k]) continue;
      if (found.length === DOTS) return null;
      found.push(k);
    }
    return found.sort((a, b) => this.index[a] - this.index[b]);
  }

  css(index) {
    return `#${this.hex.slice(6 * (index - 1), 6 * index)}`;
  }

  resize() {
    if (this.heat) layout(this);
  }

  #ink() {
    const style = getComputedStyle(this.stage);
    const of = (name, other) => style.getPropertyValue(name).trim() || other;
    return {
      ...inks(of("--st-background-color", "#ffffff")),
      text: of("--st-text-color", "#333333"),
      font: of("--st-font", "sans-serif"),
    };
  }

  /** The page's colours may have changed. */
  theme() {
    this.ink = this.#ink();
    for (const name of ["plate", "line", "mark"]) this.root.style.setProperty(`--hl-${name}`, this.ink[name]);
    this.toolbar.key();
    this.recolour(false);
    this.draw();
  }

  draw() {
    if (!this.wanted && this.plot) this.wanted = requestAnimationFrame(() => this.paint());
  }

  paint() {
    cancelAnimationFrame(this.wanted);
    this.wanted = 0;
    const begin = performance.now();
    base(this);
    this.whatIf.place();
    overlay(this);
    this.stats.base++;
    this.stats.ms = performance.now() - begin;
    this.stage.dataset.drawn = this.stats.base;
  }

  /** The windows changed. */
  moved() {
    this.draw();
    this.remember();
  }

  /** Windows that differ from everything, the replay's moment and the what-if's price. */
  view() {
    const out = {};
    if (this.time?.zoomed) out.time = [...this.time.window];
    if (this.price?.zoomed) out.price = [...this.price.window];
    if (this.replay.on) out.at = this.until;
    if (this.whatIf.target) out.goes = this.whatIf.target;
    return out;
  }

  remember() {
    memory.set(this.key, { look: this.look, view: this.view(), layers: this.layers });
    this.address.follow();
  }

  reset() {
    this.time.window = [...this.time.full];
    this.price.window = [...this.price.full];
    this.moved();
  }

  zoomBy(factor) {
    this.time.zoom(factor, this.cross?.time ?? this.time.middle);
    this.price.zoom(factor, this.cross?.price ?? this.price.middle);
    this.moved();
  }

  placeAt(x, y) {
    return placeAt(this, x, y);
  }

  crossAt(x, y) {
    this.reading.classList.toggle("right", x < Math.min(340, this.plot.w / 2) && y < 110);
    this.setCross(this.placeAt(x, y));
  }

  setCross(cross, told = false) {
    this.cross = cross;
    this.told = told;
    if (!told) this.group?.cross(this, cross);
    this.hover();
  }

  hover() {
    hover(this);
  }

  step(name, by) {
    step(this, name, by);
  }

  pick() {
    pick(this);
  }

  usd(side, column, band) {
    return this.cells.usd[this.heat[side][column * this.heat.shape[1] + band]];
  }

  money(price) {
    return words.price(price, this.digits);
  }

  hint(text) {
    this.pill.textContent = text;
    this.pill.classList.add("on");
    clearTimeout(this.hinting);
    this.hinting = setTimeout(() => this.pill.classList.remove("on"), 1400);
  }

  get full() {
    return this.root.classList.contains("full") || this.root.matches(":fullscreen");
  }

  fullscreen() {
    if (this.root.matches(":fullscreen")) document.exitFullscreen();
    else if (this.root.requestFullscreen) this.root.requestFullscreen().catch(() => this.root.classList.add("full"));
    else this.root.classList.toggle("full");
  }

  leave() {
    this.group?.leave(this);
    if (charts.get(this.key) === this) charts.delete(this.key);
  }

  destroy() {
    this.stop();
    this.address.stop();
    this.replay.stop();
    this.watch.disconnect();
    cancelAnimationFrame(this.wanted);
    cancelAnimationFrame(this.hovering);
    this.leave();
    this.root.remove();
  }
}
