// Where everything stands: the plot, its strips, its axes, and the rows below.
import { ROW, shown } from "./rows.js";

const FOOT = 22;

export function layout(chart) {
  const { stage, look } = chart;
  const below = shown(chart).length * ROW;
  // The rows come on top of the map's own height, so that it stays whole on the first screen.
  chart.root.style.setProperty("--hl-rows", `${below}px`);
  const { clientWidth: W, clientHeight: H } = stage;
  if (!W || !H) return;
  fill(chart);
  chart.ratio = Math.min(window.devicePixelRatio || 1, 3);
  Object.assign(chart, { width: W, height: H, upright: look.upright });
  for (const canvas of [chart.pen.canvas, chart.glass]) {
    const size = [Math.round(W * chart.ratio), Math.round(H * chart.ratio)];
    if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
  }
  place(chart, W, H - below);
  chart.draw();
}

function place(chart, W, H) {
  const { look, heat, upright, ratio } = chart;
  const narrow = W < 560;
  const axis = upright ? (narrow ? 50 : 60) : 52;
  const room = { across: narrow ? 44 : Math.min(150, Math.max(80, W * 0.09)), under: narrow ? 34 : 54 };
  const [beside, below] = upright ? ["profile", "volume"] : ["volume", "profile"];
  const has = { volume: look.volume && heat.candle_step > 0, profile: look.profile };
  const right = has[beside] && heat.strips !== false ? room.across : 0;
  const under = has[below] && heat.strips !== false ? room.under : 0;
  // Whole device pixels, so that the picture of the heat is never resampled.
  const snap = (value) => Math.round(value * ratio) / ratio;
  const plot = { x: 0, y: 0, w: snap(W - axis - right), h: snap(H - under - FOOT) };
  chart.plot = plot;
  chart.strip = {
    [beside]: { at: plot.w, size: right },
    [below]: { at: plot.h + 2, size: Math.max(0, under - 2) },
  };
  [chart.axisX, chart.axisY, chart.rowsY] = [plot.w + right, plot.h + under, H];
  const [horizontal, vertical] = [[0, plot.w], [plot.h, 0]];
  [chart.time.range, chart.price.range] = upright ? [horizontal, vertical] : [vertical, horizontal];
  chart.root.style.setProperty("--hl-right", `${axis + right + 6}px`);
  chart.root.style.setProperty("--hl-below", `${chart.height - H + under + FOOT + 6}px`);
}

/** A map without a height of its own fills the window from where it stands. */
function fill(chart) {
  if (chart.heat.height || chart.full) return;
  const scroller = chart.root.getRootNode().host?.closest("[data-testid=stMain]");
  const top = chart.stage.getBoundingClientRect().top + (scroller?.scrollTop ?? 0);
  chart.root.style.setProperty("--hl-above", `${Math.round(Math.min(top, window.innerHeight * 0.5))}px`);
}
