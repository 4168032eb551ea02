// How a map looks: defaults, the words for them, and their spelling in the page's address.
import { amount } from "./words.js";

export const LOOK = {
  side: "both", scale: "auto", palette: "inferno", hide: 0, domain: null, price: "candles",
  volume: true, profile: true, boxes: true, lines: true, upright: true, log: false,
};
export const SIDES = { both: "Both", long: "Longs", short: "Shorts", net: "Net" };
export const SCALES = { auto: "Auto", log: "Logarithmic", linear: "Linear", percentile: "Percentile" };
export const PALETTES = { inferno: "Inferno", viridis: "Viridis", cividis: "Cividis" };
export const PRICES = { candles: "Candles", line: "Line", none: "No price" };

// Names in the address; older links spelled some values as the words on the screen.
const CHOICES = {
  side: ["side", Object.keys(SIDES), { longs: "long", shorts: "short" }],
  scale: ["scale", Object.keys(SCALES), { logarithmic: "log" }],
  palette: ["colours", Object.keys(PALETTES), {}],
  price: ["price", Object.keys(PRICES), {}],
};
const SWITCHES = { volume: "volume", profile: "profile", boxes: "boxes", lines: "lines", log: "logaxis" };
const NAMES = ["side", "scale", "colours", "price", "min", "pin", "legend", "axes", "t", "p", "at", "goes"];
export const OURS = new Set([...NAMES, ...Object.values(SWITCHES)]);

const minutes = (ms) => new Date(ms).toISOString().slice(0, 16);
const moment = (text) => {
  const ms = Date.parse(`${text}Z`);
  return Number.isNaN(ms) ? null : ms;
};

/** Look and view that an address asks for; what it does not name, or names wrongly, is left out. */
export function read(search) {
  const asked = new URLSearchParams(search);
  const look = {};
  const view = {};
  for (const [key, [name, options, older]] of Object.entries(CHOICES)) {
    const text = asked.get(name)?.toLowerCase();
    const value = older[text] ?? text;
    if (options.includes(value)) look[key] = value;
  }
  for (const [key, name] of Object.entries(SWITCHES)) {
    if (asked.has(name)) look[key] = !/^(0|false|off|no)$/i.test(asked.get(name));
  }
  const hide = amount(asked.get("min"));
  if (hide > 0) look.hide = hide;
  const ends = asked.getAll("legend").flatMap((text) => text.split("~")).map(amount);
  const pinned = !/^(0|false)$/i.test(asked.get("pin") ?? "");
  if (pinned && ends.length === 2 && ends[0] !== null && ends[1] > ends[0]) look.domain = ends;
  if (asked.has("axes")) look.upright = !/price/i.test(asked.get("axes"));
  const pair = (name, of) => {
    const found = asked.get(name)?.split("~").map(of);
    return found?.length === 2 && found.every(Number.isFinite) && found[0] < found[1] ? found : null;
  };
  if (pair("t", moment)) view.time = pair("t", moment);
  if (pair("p", amount)) view.price = pair("p", amount);
  if (asked.has("at") && moment(asked.get("at")) !== null) view.at = moment(asked.get("at"));
  if (amount(asked.get("goes")) > 0) view.goes = amount(asked.get("goes"));
  return { look, view };
}

/** The address with the look and view written into it; what equals the default is left out. */
export function written(search, look, view) {
  const out = new URLSearchParams(search);
  for (const name of OURS) out.delete(name);
  for (const [key, [name]] of Object.entries(CHOICES)) if (look[key] !== LOOK[key]) out.set(name, look[key]);
  for (const [key, name] of Object.entries(SWITCHES)) {
    if (look[key] !== LOOK[key]) out.set(name, look[key] ? "1" : "0");
  }
  if (look.hide > 0) out.set("min", Number(look.hide.toPrecision(3)));
  if (look.domain) out.set("legend", look.domain.map((end) => Number(end.toPrecision(3))).join("~"));
  if (!look.upright) out.set("axes", "price-right");
  if (view.time) out.set("t", view.time.map(minutes).join("~"));
  if (view.price) out.set("p", view.price.map((end) => Number(end.toPrecision(6))).join("~"));
  if (view.at) out.set("at", minutes(view.at));
  if (view.goes) out.set("goes", Number(view.goes.toPrecision(6)));
  const text = out.toString().replaceAll("%3A", ":").replaceAll("%7E", "~");
  return text ? `?${text}` : "";
}
