// One axis: a window of values laid over pixels, linear or logarithmic, with its ticks.
import { ticks } from "d3-array";
import { timeTicks as localTicks, utcTicks } from "d3-time";
import { tick, zoneName } from "./words.js";

export class Axis {
  constructor(full, log = false) {
    this.full = full;
    this.log = log;
    this.window = [...full];
    this.range = [0, 1];
  }

  place(value) {
    return this.log ? Math.log(value) : value;
  }

  value(place) {
    return this.log ? Math.exp(place) : place;
  }

  at(value) {
    const [from, to] = this.window.map((v) => this.place(v));
    const [start, end] = this.range;
    return start + ((this.place(value) - from) / (to - from)) * (end - start);
  }

  invert(pixel) {
    const [from, to] = this.window.map((v) => this.place(v));
    const [start, end] = this.range;
    return this.value(from + ((pixel - start) / (end - start)) * (to - from));
  }

  /** Show what lies between two values, no more than everything and no less than a small part of it. */
  show(from, to, least = 0.004) {
    const [first, last] = this.full.map((v) => this.place(v));
    let low = this.place(Math.min(from, to));
    const high = this.place(Math.max(from, to));
    const whole = last - first;
    if (!(high - low > 0)) return;
    const size = Math.min(whole, Math.max(high - low, least * whole));
    low = Math.min(Math.max((low + high) / 2 - size / 2, first), last - size);
    this.window = size === whole ? [...this.full] : [this.value(low), this.value(low + size)];
  }

  /** Zoom by a factor around a value; below 1 is closer. */
  zoom(by, around) {
    const at = this.place(around);
    const [from, to] = this.window.map((v) => this.place(v));
    this.show(this.value(at + (from - at) * by), this.value(at + (to - at) * by));
  }

  get middle() {
    const [from, to] = this.window.map((v) => this.place(v));
    return this.value((from + to) / 2);
  }

  get zoomed() {
    return this.window[0] !== this.full[0] || this.window[1] !== this.full[1];
  }
}

export function timeTicks(axis, most) {
  const [from, to] = axis.window;
  const ticks = zoneName() === "UTC" ? utcTicks : localTicks;
  const at = (count) => ticks(new Date(from), new Date(to), count);
  // At the very ends there is no room for a name.
  const inner = (dates) => dates.filter((date) => Math.abs((date - from) / (to - from) - 0.5) < 0.44);
  let found = at(most);
  if (inner(found).length < 2) {
    // From days the next step is weeks: of a fortnight on a phone one tick would be left.
    const more = inner(at(2 * most));
    const every = Math.ceil(more.length / most);
    found = more.filter((_, number) => number % every === 0);
  }
  return found.map((date) => [Number(date), tick(Number(date))]);
}

export function priceTicks(axis, most) {
  const at = ticks(...axis.window, most);
  const step = at.length > 1 ? at[1] - at[0] : 1;
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const format = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return at.map((value) => [value, value.toLocaleString("en-US", format)]);
}
