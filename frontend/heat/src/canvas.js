// Places and texts on a canvas, in CSS pixels.
export const SIZE = 11;

export function font(chart, size = SIZE, weight = "") {
  return `${weight} ${size}px ${chart.ink.font}`;
}

/** A rectangle from time × price, whichever way the axes run. */
export function box({ time, price, upright }, t0, t1, p0, p1) {
  const [a, b, c, d] = [time.at(t0), time.at(t1), price.at(p0), price.at(p1)];
  const [x0, x1, y0, y1] = upright ? [a, b, c, d] : [c, d, a, b];
  return [Math.min(x0, x1), Math.min(y0, y1), Math.abs(x1 - x0), Math.abs(y1 - y0)];
}

export function point({ time, price, upright }, t, p) {
  return upright ? [time.at(t), price.at(p)] : [price.at(p), time.at(t)];
}

/** A line across the plot at a price or a moment. */
export function across(pen, chart, which, value) {
  const { plot } = chart;
  const at = Math.round(chart[which].at(value)) + 0.5;
  pen.beginPath();
  if ((which === "price") === chart.upright) {
    pen.moveTo(plot.x, at);
    pen.lineTo(plot.x + plot.w, at);
  } else {
    pen.moveTo(at, plot.y);
    pen.lineTo(at, plot.y + plot.h);
  }
  pen.stroke();
}

/** Run with drawing held inside a rectangle. */
export function inside(pen, [x, y, w, h], run) {
  pen.save();
  pen.beginPath();
  pen.rect(x, y, w, h);
  pen.clip();
  run();
  pen.restore();
}

/** A text on a plate, kept between two bounds; returns its rectangle. */
export function plate(pen, chart, words, x, y, { colour, ground, align = "left", bounds }) {
  pen.font = font(chart);
  pen.textBaseline = "middle";
  pen.textAlign = "left";
  const w = pen.measureText(words).width + 8;
  const [low, high] = bounds ?? [0, chart.width];
  const begin = align === "right" ? x - w : align === "center" ? x - w / 2 : x;
  const left = Math.max(low, Math.min(begin, high - w));
  pen.fillStyle = ground ?? chart.ink.plate;
  pen.beginPath();
  pen.roundRect(left, y - 8.5, w, 17, 3);
  pen.fill();
  pen.fillStyle = colour ?? chart.ink.line;
  pen.fillText(words, left + 4, y + 0.5);
  return [left, y - 8.5, w, 17];
}

/** Texts that never run into one another: one that finds no room near its place is left out. */
export class Labels {
  constructor(pen, chart) {
    Object.assign(this, { pen, chart, taken: [] });
  }

  /** Keep a rectangle free. */
  hold(rectangle) {
    this.taken.push(rectangle);
  }

  put(words, x, y, { align = "left", colour, tries = [0, -18, 18, -36, 36] } = {}) {
    const { pen, chart } = this;
    const { plot } = chart;
    pen.font = font(chart);
    const w = pen.measureText(words).width + 8;
    if (w > plot.w) return false;
    const begin = align === "right" ? x - w : align === "center" ? x - w / 2 : x;
    const left = Math.max(plot.x + 1, Math.min(begin, plot.x + plot.w - w - 1));
    for (const by of tries) {
      const top = Math.max(plot.y + 1, Math.min(y + by - 8.5, plot.y + plot.h - 18));
      const free = this.taken.every(
        ([a, b, c, d]) => left >= a + c || left + w <= a || top >= b + d || top + 17 <= b,
      );
      if (!free) continue;
      this.taken.push(plate(pen, chart, words, left, top + 8.5, { colour }));
      return true;
    }
    return false;
  }
}
