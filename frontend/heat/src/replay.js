// Replay on the map: a scrubber that walks the columns. Nothing later than its moment is drawn or added up.
import { bin } from "./data.js";
import { button, icon, make } from "./dom.js";
import { moment, zoneName } from "./words.js";

const SPEEDS = [1, 2, 5, 10, 30, 60];

export class Replay {
  constructor(chart) {
    this.chart = chart;
    this.on = false;
    this.bar = make("div", { className: "hl-replay", hidden: true, role: "group" }, chart.root);
    this.bar.setAttribute("aria-label", "Replay");
    this.play = button("Play", "replay", () => this.toggle(), this.bar);
    this.range = make("input", { type: "range", min: 1, max: 2, step: 1 }, this.bar);
    this.range.setAttribute("aria-label", "Moment of the replay");
    this.range.addEventListener("input", () => this.put(Number(this.range.value)));
    // The page would scroll, and the map under replay out of view.
    this.range.addEventListener("keydown", (event) => {
      if (event.key === " ") this.toggle();
      if (event.key === "Escape") this.show(false);
      if (event.key === " " || event.key === "Escape") event.preventDefault();
    });
    this.said = make("output", {}, this.bar);
    this.speed = make("select", { onchange: () => this.run() }, this.bar);
    this.speed.setAttribute("aria-label", "Columns a second");
    for (const value of SPEEDS) make("option", { value, textContent: `${value}×` }, this.speed);
    this.speed.value = "5";
    button("End of the replay", "✕", () => this.show(false), this.bar);
  }

  get columns() {
    return this.chart.heat.time_edges.length - 1;
  }

  /** Begin at a moment; null shows everything. */
  set(at) {
    if (at === null) return this.on ? this.show(false) : this.limit();
    const column = bin(this.chart.heat.time_edges, at - 1);
    this.show(true, column < 0 ? this.columns : column + 1);
  }

  show(on, from = null) {
    const { chart } = this;
    this.on = on;
    this.bar.hidden = !on;
    chart.root.classList.toggle("replaying", on);
    if (!on) this.stop();
    this.limit();
    // Begins after a third of the map, so that there is a past to look at.
    this.put(on ? (from ?? Math.max(1, Math.round(this.columns / 3))) : this.columns);
    chart.toolbar.tell();
    if (on) this.range.focus({ preventScroll: true });
  }

  /** The number of columns may have grown. */
  limit() {
    this.range.max = this.columns;
    if (!this.on) Object.assign(this.chart, { seen: this.columns, until: Infinity });
  }

  /** Show the first columns only. */
  put(column) {
    const { chart } = this;
    const at = Math.min(Math.max(1, column), this.columns);
    chart.seen = this.on ? at : this.columns;
    chart.until = this.on ? chart.heat.time_edges[at] : Infinity;
    this.range.value = at;
    this.said.textContent = `${moment(chart.heat.time_edges[at])} ${zoneName()}`;
    this.range.setAttribute("aria-valuetext", this.said.textContent);
    chart.priced = null;
    chart.draw();
    chart.remember();
    if (this.on && at === this.columns) this.stop();
  }

  walk(by) {
    if (this.on) this.put(Number(this.range.value) + by);
  }

  toggle() {
    if (this.timer) this.stop();
    else {
      if (this.chart.seen >= this.columns) this.put(1);
      this.timer = 1;
      this.run();
    }
  }

  run() {
    if (!this.timer) return;
    clearInterval(this.timer);
    this.timer = setInterval(() => this.walk(1), 1000 / Number(this.speed.value));
    this.#face("Pause", "pause");
  }

  stop() {
    clearInterval(this.timer);
    this.timer = 0;
    this.#face("Play", "replay");
  }

  #face(name, shape) {
    icon(this.play, shape);
    this.play.setAttribute("aria-label", name);
    this.play.title = name;
  }
}
