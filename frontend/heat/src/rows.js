// Below the map and on its time: small series like funding or open interest, a row each.
import { font, inside, plate } from "./canvas.js";
import { short } from "./words.js";

export const ROW = 84;
const GAP = 10;

/** The series that are drawn: where price runs to the right, time runs down, and there is no room below it. */
export const shown = (chart) => (chart.look.upright ? chart.layers.series ?? [] : []);

/** Index of the last value at or before a time; −1 before the first. */
export function place(at, time) {
  let [low, high] = [0, at.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (at[middle] <= time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The value that stands at a time, null where there is none. */
export function valueAt(row, time, until = Infinity) {
  const k = place(row.at, time);
  if (k < 0 || row.at[k] > until || time >= row.at[k] + 3 * row.step) return null;
  return row.values[k];
}

export function told({ unit }, value) {
  if (value === null || value === undefined) return "not known";
  const sign = value < 0 ? "−" : "";
  const size = Math.abs(value);
  if (unit === "%") return `${sign || (size ? "+" : "")}${Number(size.toPrecision(2))} %`;
  return `${sign}${unit ? `${short(size)} ${unit}` : Math.round(size)}`;
}

/** What is in the time window, and the range that its values need. */
function seen(chart, row) {
  const [from, to] = chart.time.window;
  const last = place(row.at, Math.min(to, chart.until));
  const first = Math.max(0, place(row.at, from));
  let [low, high] = row.domain ?? [Infinity, -Infinity];
  if (!row.domain) {
    for (let k = first; k <= last; k++) {
      const value = row.values[k];
      if (value === null) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    if (row.zero) [low, high] = [Math.min(low, 0), Math.max(high, 0)];
    if (low === high) [low, high] = [low - 1, high + 1];
  }
  return { first, last, low, high };
}

export function rows(chart) {
  shown(chart).forEach((row, k) => {
    const room = [chart.plot.x, chart.rowsY + k * ROW + GAP, chart.plot.w, ROW - GAP];
    const part = seen(chart, row);
    const [x, y, w, h] = room;
    part.y = (value) => y + 18 + (h - 22) * (1 - (value - part.low) / (part.high - part.low));
    Object.assign(row, { y: part.y });
    const { pen, ink } = chart;
    pen.strokeStyle = ink.rule;
    pen.lineWidth = 1;
    pen.strokeRect(x + 0.5, y + 0.5, w - 1, h - 1);
    if (part.last < part.first || !Number.isFinite(part.low)) row.y = null;
    else inside(pen, room, () => drawn(chart, row, part, room));
    pen.font = font(chart, 10.5);
    pen.textAlign = "left";
    pen.textBaseline = "top";
    pen.fillStyle = ink.quiet;
    pen.fillText(row.title, x + 5, y + 4);
    if (!row.y) return;
    pen.textBaseline = "middle";
    pen.fillStyle = ink.text;
    for (const value of row.domain ? row.guides : [part.low, part.high]) pen.fillText(told(row, value), chart.axisX + 6, part.y(value));
  });
}

function drawn(chart, row, part, [x, , w]) {
  const { pen, ink, time } = chart;
  pen.strokeStyle = ink.rule;
  for (const guide of row.guides) {
    const at = Math.round(part.y(guide)) + 0.5;
    pen.beginPath();
    pen.moveTo(x, at);
    pen.lineTo(x + w, at);
    pen.stroke();
  }
  if (row.kind === "bars") {
    for (let k = part.first; k <= part.last; k++) {
      const value = row.values[k];
      if (value === null) continue;
      const [a, b] = [time.at(row.at[k]), time.at(row.at[k] + row.step)];
      const [zero, end] = [part.y(0), part.y(value)];
      pen.fillStyle = ink[row.inks[value < 0 ? 1 : 0]];
      pen.fillRect(a, Math.min(zero, end), Math.max(1, b - a - 0.5), Math.max(1, Math.abs(end - zero)));
    }
  } else trace(chart, row, row.values, part, part.y);
  if (row.sum) {
    // A scale of its own: only the shape of what adds up is drawn.
    const some = row.sum.slice(part.first, part.last + 1).filter((value) => value !== null);
    const [low, high] = [Math.min(...some), Math.max(...some)];
    const at = (value) => part.y(part.low + ((part.high - part.low) * (value - low)) / (high - low || 1));
    trace(chart, row, row.sum, part, at);
  }
}

function trace({ pen, ink, time }, row, values, part, y) {
  const path = new Path2D();
  let before = null;
  for (let k = part.first; k <= part.last; k++) {
    if (values[k] === null) {
      before = null;
      continue;
    }
    const [a, b] = [time.at(row.at[k]), y(values[k])];
    if (before === null) path.moveTo(a, b);
    else if (row.kind === "step") path.lineTo(a, before);
    path.lineTo(a, b);
    before = b;
  }
  for (const [width, colour] of [[3, ink.ground], [1.5, ink.line]]) {
    pen.lineWidth = width;
    pen.strokeStyle = colour;
    pen.stroke(path);
  }
}

/** The values under the crosshair, on the price axis' side. */
export function tags(pen, chart, time) {
  for (const row of shown(chart)) {
    const value = valueAt(row, time, chart.until);
    if (value === null || !row.y) continue;
    plate(pen, chart, told(row, value), chart.axisX + 2, row.y(value), { colour: chart.ink.ground, ground: chart.ink.text });
  }
}
