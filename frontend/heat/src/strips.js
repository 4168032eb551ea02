// Beside and below the heat: traded volume, and USD by price with what adds up from the last price.
import { between, byPrice } from "./bars.js";
import { font, inside } from "./canvas.js";
import { short, usd } from "./words.js";

/** Rectangle of a strip. */
function room(chart, name) {
  const { plot } = chart;
  const { at, size } = chart.strip[name];
  const beside = (name === "profile") === chart.upright;
  return beside ? [at, plot.y, size, plot.h] : [plot.x, at, plot.w, size];
}

function caption(chart, name, words) {
  const { pen, ink } = chart;
  const [x, y, w] = room(chart, name);
  pen.font = font(chart, 10.5);
  pen.textBaseline = "top";
  pen.textAlign = "left";
  const lines = Array.isArray(words) ? words : [words];
  const wide = Math.max(...lines.map((line) => pen.measureText(line).width));
  if (wide > w - 4) return;
  pen.fillStyle = ink.plate;
  pen.fillRect(x + 2, y + 1, wide + 6, 13 * lines.length + 2);
  pen.fillStyle = ink.quiet;
  lines.forEach((line, k) => pen.fillText(line, x + 5, y + 3 + 13 * k));
}

export function volume(chart) {
  const { pen, ink } = chart;
  const top = Math.max(...chart.bars.map((bar) => bar.v), 0);
  if (!(top > 0)) return;
  const { at, size } = chart.strip.volume;
  inside(pen, room(chart, "volume"), () => {
    for (const bar of chart.bars) {
      const a = chart.time.at(bar.t + 0.1 * bar.size);
      const b = chart.time.at(bar.t + 0.9 * bar.size);
      const whole = (bar.v / top) * (size - 4);
      const bought = whole * (bar.v ? bar.b / bar.v : 0.5);
      const put = (from, length, colour) => {
        pen.fillStyle = colour;
        const [begin, wide] = [Math.min(a, b), Math.max(1, Math.abs(b - a))];
        if (chart.upright) pen.fillRect(begin, at + size - from - length, wide, length);
        else pen.fillRect(at + from, begin, length, wide);
      };
      if (Number.isNaN(bought)) put(0, whole, ink.quiet);
      else {
        put(0, bought, ink.bought);
        put(bought, whole - bought, ink.sold);
      }
    }
    caption(chart, "volume", `Volume, up to ${short(top)} BTC a bar`);
  });
}

export function profile(chart) {
  const { pen, heat, look } = chart;
  const sums = byPrice(chart);
  const sides = {
    long: look.side === "short" ? null : sums.long,
    short: look.side === "long" ? null : sums.short,
  };
  const [low, high] = chart.price.window;
  const shown = [];
  let top = 0;
  for (let p = 0; p < sums.long.length; p++) {
    if (heat.price_edges[p + 1] <= low || heat.price_edges[p] >= high) continue;
    shown.push(p);
    const [l, s] = [sides.long?.[p] ?? 0, sides.short?.[p] ?? 0];
    top = Math.max(top, look.side === "net" ? Math.abs(l - s) : l + s);
  }
  if (!(top > 0)) return;
  inside(pen, room(chart, "profile"), () => {
    for (const p of shown) band(chart, p, sides.long?.[p] ?? 0, sides.short?.[p] ?? 0, top);
    const reach = heat.stock && look.side !== "net" ? curves(chart, sums) : 0;
    const words = [`${look.side === "net" ? "±" : "up to "}${usd(top)} a band`];
    if (reach > 0) words.push(`lines: ${usd(reach)} from price`);
    caption(chart, "profile", words);
  });
}

/** One band's bar: longs then shorts, or for net their difference to either side of the middle. */
function band(chart, p, long, short, top) {
  const { pen, ink, heat, upright, strip: { profile: strip } } = chart;
  const a = chart.price.at(heat.price_edges[p]);
  const b = chart.price.at(heat.price_edges[p + 1]);
  const thick = Math.max(1, Math.abs(b - a) - 0.25);
  const from = Math.min(a, b);
  const all = strip.size - 6;
  const put = (begin, length, colour) => {
    pen.fillStyle = colour;
    if (upright) pen.fillRect(strip.at + 3 + begin, from, length, thick);
    else pen.fillRect(from, strip.at + strip.size - 3 - begin - length, thick, length);
  };
  if (chart.look.side === "net") {
    const size = (Math.abs(long - short) / top) * (all / 2);
    put(long > short ? all / 2 : all / 2 - size, size, long > short ? ink.long : ink.short);
    return;
  }
  const l = (long / top) * all;
  put(0, l, ink.long);
  put(l, (short / top) * all, ink.short);
}

/** What would be closed on the way from the last price: longs below it, shorts above it. */
function curves(chart, sums) {
  const { pen, ink, heat, price, upright, strip: { profile: strip } } = chart;
  if (!chart.last) return 0;
  const edges = heat.price_edges;
  const way = (side, to) => {
    const [low, high] = side === "long" ? [to, chart.last] : [chart.last, to];
    return high > low ? between(edges, sums[side], low, high) : 0;
  };
  const [low, high] = price.window;
  const ends = { long: low, short: high };
  const reach = Math.max(...["long", "short"].map((side) => way(side, ends[side])));
  if (!(reach > 0)) return 0;
  for (const side of ["long", "short"]) {
    if (chart.look.side !== "both" && chart.look.side !== side) continue;
    const [from, to] = side === "long" ? [Math.min(chart.last, high), low] : [Math.max(chart.last, low), high];
    const path = new Path2D();
    for (let k = 0; k <= 120; k++) {
      const at = price.value(price.place(from) + ((price.place(to) - price.place(from)) * k) / 120);
      const length = (way(side, at) / reach) * (strip.size - 8);
      if (upright) path.lineTo(strip.at + 3 + length, price.at(at));
      else path.lineTo(price.at(at), strip.at + strip.size - 3 - length);
    }
    for (const [width, colour] of [[3.5, ink.ground], [1.5, ink[side]]]) {
      pen.lineWidth = width;
      pen.strokeStyle = colour;
      pen.stroke(path);
    }
  }
  return reach;
}
