// What is noted on the map: boxes around clusters, lines at levels, numbered marks.
import { across, box, font, point } from "./canvas.js";

const shows = (chart, side) => !side || chart.look.side === "both" || chart.look.side === "net" || chart.look.side === side;

// A frame stands outside of what it frames, and narrow ones keep names off what is in them.
const OUT = 3;
const NARROW = 60;

export function boxes(chart, labels) {
  const { pen, plot, ink } = chart;
  const named = [];
  for (const one of chart.layers.boxes ?? []) {
    if (!shows(chart, one.side) || one.time_from >= chart.until) continue;
    const colour = ink[one.side] ?? ink.line;
    const end = Math.min(one.time_to, chart.until);
    const [x, y, w, h] = box(chart, one.time_from, end, one.price_from, one.price_to);
    if (x > plot.x + plot.w || x + w < plot.x || y > plot.y + plot.h || y + h < plot.y) continue;
    for (const [width, stroke] of [[3.5, ink.casing], [1.5, colour]]) {
      pen.lineWidth = width;
      pen.strokeStyle = stroke;
      pen.strokeRect(x - OUT, y - OUT, w + 2 * OUT, h + 2 * OUT);
    }
    if (w < NARROW) labels.hold([x, y, w, h]);
    if (one.label) named.push([one.label, colour, x, y, h]);
  }
  // After all frames, or one would cross the name of another.
  for (const [label, colour, x, y, h] of named) {
    const tries = [0, h + 20, -18, h + 38, -36, h + 56];
    labels.put(label, Math.max(x, plot.x) + 2, y - 10 - OUT, { colour, tries });
  }
}

export function levels(chart, labels) {
  const { pen, plot, ink } = chart;
  const [low, high] = chart.price.window;
  const seen = (chart.layers.levels ?? []).filter((one) => one.price > low && one.price < high);
  pen.lineWidth = 1;
  for (const one of seen) {
    pen.strokeStyle = ink[one.role] ?? ink.line;
    pen.setLineDash(one.role ? [] : [2, 3]);
    across(pen, chart, "price", one.price);
  }
  pen.setLineDash([]);
  for (const one of seen) {
    const at = chart.price.at(one.price);
    const colour = ink[one.role] ?? ink.line;
    if (chart.upright) labels.put(one.label, plot.x + plot.w - 2, at, { colour, align: "right", tries: [0, -17, 17] });
    else labels.put(one.label.split(" ")[0], at, plot.y + 10, { colour, align: "center", tries: [0, 18, 36] });
  }
}

const DISC = 10;

/** Where the whole disc of a note at a place can be seen; none where the place is out of the plot. */
export function disc([x, y], plot) {
  if (x < plot.x || x > plot.x + plot.w || y < plot.y || y > plot.y + plot.h) return null;
  const within = (at, from, length) => Math.min(Math.max(at, from + DISC + 2), from + length - DISC - 2);
  return [within(x, plot.x, plot.w), within(y, plot.y, plot.h)];
}

/** Numbered notes: a disc each, with its text beside it where there is one. */
export function marks(chart, labels) {
  const { pen, ink } = chart;
  for (const one of chart.layers.marks ?? []) {
    if (one.time > chart.until) continue;
    const place = disc(point(chart, one.time, one.price), chart.plot);
    if (!place) continue;
    const [x, y] = place;
    pen.beginPath();
    pen.arc(x, y, DISC, 0, 7);
    pen.fillStyle = ink.now;
    pen.strokeStyle = ink.ground;
    pen.lineWidth = 2;
    pen.fill();
    pen.stroke();
    pen.fillStyle = ink.onNow;
    pen.font = font(chart, 12, "600");
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillText(String(one.number), x, y + 0.5);
    labels.hold([x - 11, y - 11, 22, 22]);
    if (one.label) {
      const left = x > chart.plot.x + chart.plot.w / 2;
      labels.put(one.label, left ? x - 14 : x + 14, y, { align: left ? "right" : "left" });
    }
  }
}
