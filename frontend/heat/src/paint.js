// The lower canvas: heat, gaps, grid, candles, what is noted on them, and the axes.
import { barsInView, closeAt } from "./bars.js";
import { box, font, inside, plate, point, across, Labels } from "./canvas.js";
import { stripes } from "./ink.js";
import { boxes, levels, marks } from "./notes.js";
import { raster } from "./raster.js";
import { rows } from "./rows.js";
import { profile, volume } from "./strips.js";
import { priceTicks, timeTicks } from "./axes.js";

export function base(chart) {
  const { pen, plot, ratio, ink } = chart;
  const most = chart.upright ? [plot.w / 90, plot.h / 45] : [plot.h / 45, plot.w / 80];
  chart.timeTicks = timeTicks(chart.time, Math.max(2, most[0]));
  chart.priceTicks = priceTicks(chart.price, Math.max(2, most[1]));
  chart.bars = barsInView(chart);
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.fillStyle = ink.ground;
  pen.fillRect(0, 0, chart.width, chart.height);
  heat(chart);
  const labels = new Labels(pen, chart);
  inside(pen, [plot.x, plot.y, plot.w, plot.h], () => {
    dots(chart);
    gaps(chart);
    grid(chart);
    if (chart.look.price === "candles") candles(chart);
    if (chart.look.price === "line") line(chart);
    now(chart);
    marks(chart, labels);
    if (chart.look.boxes) boxes(chart, labels);
    if (chart.look.lines) levels(chart, labels);
  });
  if (chart.strip.volume.size) volume(chart);
  if (chart.strip.profile.size) profile(chart);
  rows(chart);
  axes(chart);
}

function heat(chart) {
  const { pen, plot, ratio } = chart;
  const w = Math.round(plot.w * ratio);
  const h = Math.round(plot.h * ratio);
  if (chart.image?.width !== w || chart.image?.height !== h) {
    chart.image = pen.createImageData(w, h);
    chart.pixels = new Uint32Array(chart.image.data.buffer);
  }
  raster(chart.pixels, w, h, chart, ratio);
  pen.putImageData(chart.image, Math.round(plot.x * ratio), Math.round(plot.y * ratio));
}

/** Scattered events are drawn no smaller than three pixels, the brightest last. */
function dots(chart) {
  const { pen, heat: { time_edges: times, price_edges: prices } } = chart;
  if (!chart.dots) return;
  const bands = prices.length - 1;
  let colour = -1;
  for (const k of chart.dots) {
    const t = Math.floor(k / bands);
    const p = k % bands;
    if (t >= chart.seen) continue;
    const [x, y, w, h] = box(chart, times[t], times[t + 1], prices[p], prices[p + 1]);
    if (w >= 3 && h >= 3) continue;
    if (chart.index[k] !== colour) {
      colour = chart.index[k];
      pen.fillStyle = chart.css(colour);
    }
    const [W, H] = [Math.max(w, 3), Math.max(h, 3)];
    pen.fillRect(x + (w - W) / 2, y + (h - H) / 2, W, H);
  }
}

function gaps(chart) {
  chart.pen.fillStyle = stripes(chart.pen, chart.ink);
  for (const [from, to] of chart.heat.gaps) {
    if (from < chart.until) {
      chart.pen.fillRect(...box(chart, from, Math.min(to, chart.until), ...chart.price.window));
    }
  }
}

function grid(chart) {
  const { pen, ink } = chart;
  pen.strokeStyle = ink.rule;
  pen.lineWidth = 1;
  for (const [t] of chart.timeTicks) across(pen, chart, "time", t);
  for (const [p] of chart.priceTicks) across(pen, chart, "price", p);
}

/** A light body rose, a dark one fell; a casing keeps both apart from any heat. */
function candles(chart) {
  const { pen, ink } = chart;
  for (const [rose, body] of [[true, ink.up], [false, ink.down]]) {
    const bodies = new Path2D();
    const wicks = new Path2D();
    for (const bar of chart.bars) {
      if (bar.c >= bar.o !== rose) continue;
      const [x0, y0] = point(chart, bar.t + bar.size / 2, bar.l);
      const [x1, y1] = point(chart, bar.t + bar.size / 2, bar.h);
      wicks.moveTo(x0, y0);
      wicks.lineTo(x1, y1);
      const [x, y, w, h] = box(chart, bar.t + 0.15 * bar.size, bar.t + 0.85 * bar.size, bar.o, bar.c);
      bodies.rect(x, y, Math.max(w, 1), Math.max(h, 1));
    }
    pen.lineWidth = 3;
    pen.strokeStyle = ink.casing;
    pen.stroke(wicks);
    pen.stroke(bodies);
    pen.lineWidth = 1;
    pen.strokeStyle = ink.wick;
    pen.stroke(wicks);
    pen.fillStyle = body;
    pen.fill(bodies);
    pen.stroke(bodies);
  }
}

function line(chart) {
  const { pen, ink } = chart;
  const path = new Path2D();
  for (const bar of chart.bars) path.lineTo(...point(chart, bar.t + bar.size / 2, bar.c));
  for (const [width, colour] of [[4, ink.casing], [1.5, ink.wick]]) {
    pen.lineWidth = width;
    pen.strokeStyle = colour;
    pen.stroke(path);
  }
}

function now(chart) {
  const { pen, ink } = chart;
  chart.last = chart.heat.candle_step ? closeAt(chart.heat, Math.min(chart.until, chart.time.full[1])) : null;
  if (!chart.last) return;
  pen.strokeStyle = ink.now;
  pen.lineWidth = 1;
  pen.setLineDash([5, 4]);
  across(pen, chart, "price", chart.last);
  pen.setLineDash([]);
}

function axes(chart) {
  const { pen, ink, plot } = chart;
  pen.font = font(chart);
  pen.fillStyle = ink.text;
  pen.textBaseline = "middle";
  const [below, beside] = chart.upright ? ["time", "price"] : ["price", "time"];
  // Half a name behind the plate of the last price would read as another price.
  const plated = chart.last ? chart.price.at(chart.last) : NaN;
  const behind = (axis, at, room) => axis === "price" && Math.abs(at - plated) < room;
  pen.textAlign = "center";
  for (const [value, words] of chart[`${below}Ticks`]) {
    const x = chart[below].at(value);
    const half = pen.measureText(words).width / 2;
    if (behind(below, x, 2 * half + 8)) continue;
    if (x - half > plot.x && x + half < plot.x + plot.w) pen.fillText(words, x, chart.axisY + 11);
  }
  pen.textAlign = "left";
  for (const [value, words] of chart[`${beside}Ticks`]) {
    const y = chart[beside].at(value);
    if (behind(beside, y, 14)) continue;
    if (y > plot.y + 6 && y < plot.y + plot.h - 6) pen.fillText(words, chart.axisX + 6, y);
  }
  pen.strokeStyle = ink.rule;
  pen.strokeRect(plot.x + 0.5, plot.y + 0.5, plot.w - 1, plot.h - 1);
  if (chart.last) tag(pen, chart, "price", chart.last, chart.money(chart.last), ink.onNow, ink.now);
}

/** A value on its axis: the last price, or where the crosshair is. */
export function tag(pen, chart, which, value, words, colour, ground) {
  const axis = chart[which];
  const at = axis.at(value);
  const [low, high] = [...axis.range].sort((a, b) => a - b);
  if (at < low || at > high) return;
  if ((which === "price") === chart.upright) {
    const y = Math.min(Math.max(at, low + 9), high - 9);
    plate(pen, chart, words, chart.axisX + 2, y, { colour, ground });
  } else {
    plate(pen, chart, words, at, chart.axisY + 11, { colour, ground, align: "center", bounds: [low, high] });
  }
}
