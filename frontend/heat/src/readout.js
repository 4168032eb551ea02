// What stands at the crosshair, in at most four lines.
import { between, byPrice } from "./bars.js";
import { bin } from "./data.js";
import { shown, told, valueAt } from "./rows.js";
import { zoneName, minute, moment, percent, price as priceWords, short, span, usd } from "./words.js";

const NONE = { realised: "no liquidation recorded", modelled: "no level estimated", measured: "no position found" };
const VERB = { realised: "liquidated", modelled: "would be closed, estimated", measured: "would be closed, measured" };

export function readout(chart, cross) {
  if (cross.zone === "profile") return besideLines(chart, cross.price);
  if (cross.zone === "rows") return rowLines(chart, cross.time);
  if (cross.zone === "volume") return belowLines(chart, cross.time);
  const { heat } = chart;
  const column = bin(heat.time_edges, cross.time);
  const band = bin(heat.price_edges, cross.price);
  if (column < 0 || band < 0) return [`${moment(cross.time)} ${zoneName()}`, chart.money(cross.price)];
  const [from, to] = [heat.time_edges[column], heat.time_edges[column + 1]];
  const when = heat.stock
    ? `${moment(cross.time)} ${zoneName()}`
    : `${moment(from)} to ${minute(to)} ${zoneName()}`;
  return [when, bandWords(chart, band), amounts(chart, column, band, cross), distance(chart, cross.price)];
}

function bandWords(chart, band) {
  const [low, high] = chart.heat.price_edges.subarray(band, band + 2);
  return `${chart.money(low)} to ${chart.money(high)}`;
}

function amounts(chart, column, band, { time }) {
  const { heat } = chart;
  if (column >= chart.seen) return "not replayed yet";
  if (heat.gaps.some(([from, to]) => time >= from && time < to)) return "no data for this time";
  const [long, short] = ["long", "short"].map((side) => chart.usd(side, column, band));
  const parts = sides(long, short);
  if (!parts) return NONE[heat.kind];
  const hidden = Math.max(long, short, long + short) < chart.look.hide ? " (hidden)" : "";
  return `${parts} ${VERB[heat.kind]}${since(chart, column, band, long, short)}${hidden}`;
}

function sides(long, short) {
  return [long && `longs ${usd(long)}`, short && `shorts ${usd(short)}`].filter(Boolean).join(" · ").replace(/^./, (c) =>
    c.toUpperCase(),
  );
}

/** Since when a level stands; the first column only says that it is older than the map. */
function since({ heat }, column, band, long, short) {
  if (!heat.stock) return "";
  const side = heat[long >= short ? "long" : "short"];
  const bands = heat.shape[1];
  let first = column;
  while (first > 0 && side[(first - 1) * bands + band]) first--;
  return first ? `, since ${moment(heat.time_edges[first])}` : ", since before this map";
}

function distance(chart, at) {
  if (!chart.last) return "";
  const away = at / chart.last - 1;
  const word = chart.replay.on ? "price then" : (chart.heat.price_word ?? "last price");
  if (Math.abs(away) < 5e-5) return `at the ${word}`;
  return `${percent(away)} from the ${word} ${chart.money(chart.last)}`;
}

function besideLines(chart, at) {
  const { heat } = chart;
  const band = bin(heat.price_edges, at);
  if (band < 0) return [chart.money(at)];
  const sums = byPrice(chart);
  const when = heat.stock ? `As it stood at ${moment(sums.end)} ${zoneName()}` : "All of the time in view";
  const lines = [when, bandWords(chart, band), sides(sums.long[band], sums.short[band]) || NONE[heat.kind]];
  if (heat.stock && chart.last) {
    const side = at < chart.last ? "long" : "short";
    const [low, high] = at < chart.last ? [at, chart.last] : [chart.last, at];
    lines.push(`${usd(between(heat.price_edges, sums[side], low, high))} of ${side}s from ${chart.money(chart.last)} to here`);
  } else lines.push(distance(chart, at));
  return lines;
}

function belowLines(chart, time) {
  const bar = chart.bars.find((one) => time >= one.t && time < one.t + one.size);
  if (!bar) return [`${moment(time)} ${zoneName()}`, "no candle here"];
  const w = (value) => priceWords(value, chart.digits);
  return [
    `${moment(bar.t)} ${zoneName()}, ${span(bar.size)}`,
    `Open ${w(bar.o)} · high ${w(bar.h)}`,
    `Low ${w(bar.l)} · close ${w(bar.c)}`,
    `${short(bar.v)} BTC${bar.v && bar.b ? `, ${Math.round((100 * bar.b) / bar.v)} % bought by takers` : ""}`,
  ];
}

function rowLines(chart, time) {
  return [`${moment(time)} ${zoneName()}`, ...shown(chart).map((row) => `${row.name} ${told(row, valueAt(row, time, chart.until))}`)];
}
