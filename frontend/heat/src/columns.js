// What came since a map was sent: columns and candles, appended or replaced.
import { undiff } from "./data.js";

/** Columns from `first` on; a view of the newest column keeps showing it. */
export function append(chart, part) {
  const { heat, time } = chart;
  const bands = heat.shape[1];
  const total = part.first + part.shape[0];
  for (const side of ["long", "short"]) {
    const out = new Uint16Array(total * bands);
    out.set(heat[side].subarray(0, part.first * bands));
    undiff(part[side], out.subarray(part.first * bands), part.shape[0], bands);
    heat[side] = out;
  }
  const edges = new Float64Array(total + 1);
  edges.set(heat.time_edges.subarray(0, part.first));
  edges.set(part.time_edges, part.first);
  Object.assign(heat, { time_edges: edges, shape: [total, bands], gaps: part.gaps, sent: part.id });
  for (const name of ["alt", "title", "note"]) if (name in part) heat[name] = part[name];
  candles(heat, part);
  const whole = !time.zoomed;
  const follows = time.window[1] === time.full[1];
  const grown = edges[total] - time.full[1];
  const [from, to] = time.window;
  time.full = [part.begins ?? edges[0], edges[total]];
  if (whole) time.window = [...time.full];
  else time.show(from + (follows ? grown : 0), to + (follows ? grown : 0));
}

function candles(heat, part) {
  const at = part.candle_at;
  if (at === undefined || !part.close?.length) return;
  for (const name of ["open", "high", "low", "close", "volume", "bought"]) {
    const out = new Float32Array(at + part.close.length);
    out.set(heat[name].subarray(0, at));
    out.set(part[name], at);
    heat[name] = out;
  }
}
