// Candles and sums by price of what is in view.
import { bin } from "./data.js";

/** Candles of the window, joined exactly until each has three pixels; none later than what has been replayed. */
export function barsInView({ heat, time, until }) {
  const step = heat.candle_step;
  if (!step) return [];
  const [from, to] = time.window;
  const room = Math.abs(time.range[1] - time.range[0]);
  const by = Math.max(1, Math.ceil((3 * (to - from)) / step / room));
  const first = Math.max(0, Math.floor((from - heat.candle_origin) / step / by) * by);
  const out = [];
  for (let k = first; k < heat.close.length; k += by) {
    const at = heat.candle_origin + k * step;
    if (at > to || at >= until) break;
    const last = Math.min(k + by, heat.close.length, Math.ceil((until - heat.candle_origin) / step));
    const one = joined(heat, k, last);
    if (one) out.push({ ...one, t: at, size: by * step });
  }
  return out;
}

/** First open, highest high, lowest low, last close; volumes added. What takers bought is NaN where no venue
 * told it of a bar that was traded in. */
function joined(heat, from, to) {
  const one = { o: NaN, h: -Infinity, l: Infinity, c: NaN, v: 0, b: 0 };
  for (let j = from; j < to; j++) {
    if (!(heat.close[j] > 0)) continue;
    if (!(one.o > 0)) one.o = heat.open[j];
    one.h = Math.max(one.h, heat.high[j]);
    one.l = Math.min(one.l, heat.low[j]);
    one.c = heat.close[j];
    const volume = heat.volume[j] || 0;
    one.v += volume;
    if (volume > 0) one.b += volume * heat.bought[j];
  }
  return one.c > 0 ? one : null;
}

/** Close of the last candle that began before a moment; null without candles. */
export function closeAt(heat, moment) {
  const last = Math.min(heat.close.length, Math.ceil((moment - heat.candle_origin) / heat.candle_step)) - 1;
  for (let k = last; k >= 0; k--) if (heat.close[k] > 0) return heat.close[k];
  return null;
}

/** The columns in view, [first, last]; for states only the last one counts. */
export function columnsInView({ heat, time, seen }) {
  const n = Math.min(seen, heat.time_edges.length - 1);
  const from = Math.max(0, bin(heat.time_edges, time.window[0]));
  const end = bin(heat.time_edges, time.window[1] - 1e-3);
  const to = Math.min(n - 1, end < 0 ? n - 1 : end);
  return [heat.stock ? to : Math.min(from, to), to];
}

/** USD by price and side: events of the window added up, or the state at its end. */
export function byPrice(chart) {
  const { heat, cells } = chart;
  const [from, to] = columnsInView(chart);
  const name = `${heat.id} ${heat.shape} ${from} ${to}`;
  if (chart.priced?.name === name) return chart.priced;
  const bands = heat.price_edges.length - 1;
  const long = new Float64Array(bands);
  const short = new Float64Array(bands);
  for (let t = Math.max(from, 0); t <= to; t++) {
    for (let p = 0, k = t * bands; p < bands; p++, k++) {
      long[p] += cells.usd[heat.long[k]];
      short[p] += cells.usd[heat.short[k]];
    }
  }
  chart.priced = { name, long, short, end: heat.time_edges[to + 1] };
  return chart.priced;
}

/** USD of one side between two prices; a band that is cut counts by the part that lies between. */
export function between(edges, values, low, high) {
  let sum = 0;
  for (let p = 0; p < values.length; p++) {
    const part = Math.min(high, edges[p + 1]) - Math.max(low, edges[p]);
    if (part > 0) sum += values[p] * (part / (edges[p + 1] - edges[p]));
  }
  return sum;
}
