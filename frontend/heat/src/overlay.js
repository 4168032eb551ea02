// The upper canvas, drawn anew at every move: the crosshair, the cell it points at, what was clicked, the what-if.
import { box, inside, point } from "./canvas.js";
import { bin } from "./data.js";
import { tag } from "./paint.js";
import { tags } from "./rows.js";
import { moment } from "./words.js";

export function overlay(chart) {
  const { over: pen, plot, ratio, cross, ink } = chart;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, chart.width, chart.height);
  inside(pen, [plot.x, plot.y, plot.w, plot.h], () => {
    chart.whatIf?.draw(pen);
    if (chart.picked) cell(pen, chart, chart.picked, ink.mark, 2);
    if (cross && cross.zone === "plot") cell(pen, chart, cross, ink.line, 1);
  });
  if (!cross) return;
  const [x, y] = point(chart, cross.time, cross.price).map((at) => Math.round(at) + 0.5);
  pen.lineWidth = 1;
  pen.setLineDash([3, 3]);
  for (const [colour, shift] of [[ink.casing, 1], [ink.line, 0]]) {
    pen.strokeStyle = colour;
    pen.beginPath();
    if (x > plot.x && x < plot.x + plot.w) {
      pen.moveTo(x + shift, plot.y);
      pen.lineTo(x + shift, chart.axisY);
      pen.moveTo(x + shift, chart.rowsY);
      pen.lineTo(x + shift, chart.height);
    }
    if (y > plot.y && y < plot.y + plot.h) {
      pen.moveTo(plot.x, y + shift);
      pen.lineTo(chart.axisX, y + shift);
    }
    pen.stroke();
  }
  pen.setLineDash([]);
  tags(pen, chart, cross.time);
  if (cross.zone !== "rows") tag(pen, chart, "price", cross.price, chart.money(cross.price), ink.ground, ink.text);
  tag(pen, chart, "time", cross.time, moment(cross.time), ink.ground, ink.text);
}

function cell(pen, chart, at, colour, width) {
  const { time_edges: times, price_edges: prices } = chart.heat;
  const t = bin(times, at.time);
  const p = bin(prices, at.price);
  if (t < 0 || p < 0) return;
  const [x, y, w, h] = box(chart, times[t], times[t + 1], prices[p], prices[p + 1]);
  const [W, H] = [Math.max(w, 6), Math.max(h, 6)];
  for (const [wide, stroke] of [[width + 2, chart.ink.casing], [width, colour]]) {
    pen.strokeStyle = stroke;
    pen.lineWidth = wide;
    pen.strokeRect(x + (w - W) / 2, y + (h - H) / 2, W, H);
  }
}
