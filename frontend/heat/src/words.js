// Amounts, prices and moments as the rest of the house writes them.
import { timeFormat, utcFormat } from "d3-time-format";

// Times are written in UTC, or in the zone of this browser where its reader asks for that. Data are UTC always.
const inZone = (format) => ({
  day: format("%b %d"), clock: format("%H:%M"), second: format("%H:%M:%S"),
});
const utc = { ...inZone(utcFormat), name: "UTC" };
let zone = utc;

export function speak(local) {
  zone = local ? { ...inZone(timeFormat), name: "your time" } : utc;
}

export const zoneName = () => zone.name;
export const moment = (ms) => `${zone.day(new Date(ms))}, ${zone.clock(new Date(ms))}`;
export const minute = (ms) => zone.clock(new Date(ms));
export const tick = (ms) => {
  const at = new Date(ms);
  const clock = zone.clock(at);
  return ms % 6e4 ? zone.second(at) : clock === "00:00" ? zone.day(at) : clock;
};

const UNITS = [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]];

/** Three digits with a letter: 850, 12.3k, 1.25M, 20.0M. */
export function short(value) {
  const kept = value < 100 ? Math.round(value * 100) / 100 : Number(value.toPrecision(3));
  const [unit, letter] = UNITS.find(([size]) => kept >= size) ?? [1, ""];
  const scaled = kept / unit;
  if (!letter) return scaled.toFixed(Number.isInteger(scaled) ? 0 : 2);
  return `${scaled.toFixed(Math.max(0, 2 - Math.floor(Math.log10(scaled))))}${letter}`;
}

export function usd(value) {
  const text = short(Math.abs(value));
  return `${value < 0 && Number(text) !== 0 ? "−" : ""}$${text}`;
}

export function price(value, digits = 0) {
  return `$${value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
}

/** A change: +3.7 %, −0.42 %, +12 %. */
export function percent(share) {
  const size = 100 * Math.abs(share);
  const text = size >= 9.95 ? size.toFixed(0) : String(Number(size.toPrecision(2)));
  return `${Number(text) === 0 ? "" : share < 0 ? "−" : "+"}${text} %`;
}

/** USD from $5k, 5,000, 2.5M; null where it is no amount. */
export function amount(text) {
  const found = /^\s*\$?\s*([\d,]*\.?\d+)\s*([kmb]?)\s*$/i.exec(text ?? "");
  if (!found) return null;
  return Number(found[1].replaceAll(",", "")) * { "": 1, k: 1e3, m: 1e6, b: 1e9 }[found[2].toLowerCase()];
}

/** How long: 45 min, 6 h, 2 d 4 h. */
export function span(ms) {
  const minutes = Math.round(ms / 6e4);
  const days = Math.floor(minutes / 1440);
  const hours = Math.floor((minutes % 1440) / 60);
  if (days) return hours ? `${days} d ${hours} h` : `${days} d`;
  return hours ? `${hours} h` : `${minutes} min`;
}
