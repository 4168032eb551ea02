// The crosshair: where it is, what it says, how keys move it, and what a click on its cell tells.
import { bin } from "./data.js";
import { overlay } from "./overlay.js";
import { readout } from "./readout.js";

/** Time and price under a point, and which part of the chart it is in; null on the axes. */
export function placeAt(chart, x, y) {
  const { plot, upright } = chart;
  if (!chart.heat || x < 0 || y < 0 || x >= chart.axisX) return null;
  const lower = y >= chart.rowsY;
  if ((y >= chart.axisY && !lower) || (x >= plot.w && y >= plot.h)) return null;
  const [along, up] = upright ? [x, y] : [y, x];
  const beside = upright ? "profile" : "volume";
  const below = upright ? "volume" : "profile";
  const zone = lower ? "rows" : x >= plot.w ? beside : y >= plot.h ? below : "plot";
  return { time: chart.time.invert(along), price: chart.price.invert(up), zone };
}

/** Draw the crosshair and its words at the next frame. */
export function hover(chart) {
  if (chart.hovering || !chart.plot) return;
  chart.hovering = requestAnimationFrame(() => {
    chart.hovering = 0;
    overlay(chart);
    const lines = chart.cross ? readout(chart, chart.cross) : [];
    chart.reading.textContent = (chart.told ? lines.slice(2, 3) : lines).join("\n");
    chart.stats.over++;
    chart.stats.told = performance.now();
  });
}

/** Move the crosshair by cells. */
export function step(chart, name, by) {
  const edges = chart.heat[`${name}_edges`];
  const axis = chart[name];
  const from = chart.cross ?? { time: chart.time.middle, price: chart.price.middle };
  const at = Math.min(edges.length - 2, Math.max(0, bin(edges, from[name]) + by));
  const value = (edges[at] + edges[at + 1]) / 2;
  if (value < axis.window[0] || value > axis.window[1]) {
    const shift = value - from[name];
    axis.show(axis.window[0] + shift, axis.window[1] + shift);
    chart.moved();
  }
  chart.setCross({ ...from, [name]: value, zone: "plot" });
  clearTimeout(chart.telling);
  chart.telling = setTimeout(() => {
    if (chart.cross) chart.live.textContent = readout(chart, chart.cross).join(". ");
  }, 200);
}

/** Choose the cell under the crosshair: it is marked, and Python is told. */
export function pick(chart) {
  const { heat, cross } = chart;
  const column = cross ? bin(heat.time_edges, cross.time) : -1;
  const band = cross ? bin(heat.price_edges, cross.price) : -1;
  if (column < 0 || band < 0 || cross.zone === "volume" || cross.zone === "rows") return;
  chart.picked = { time: cross.time, price: cross.price };
  overlay(chart);
  chart.toolbar.offer(cross);
  if (!heat.pick) return;
  const [long, short] = ["long", "short"].map((name) => chart.usd(name, column, band));
  const { side } = chart.look;
  const asked = side === "long" || side === "short" ? side : long >= short ? "long" : "short";
  chart.send("picked", {
    side: asked, usd: asked === "long" ? long : short, long, short,
    time: cross.time, price: cross.price, column, band,
    time_from: heat.time_edges[column], time_to: heat.time_edges[column + 1],
    price_from: heat.price_edges[band], price_to: heat.price_edges[band + 1],
  });
}
