// From codes to palette indices, all in the browser: side, scale, threshold and palette never ask the server.
import { amounts } from "./data.js";
import { usd } from "./words.js";

function round125(value, up) {
  const power = 10 ** Math.floor(Math.log10(value));
  const steps = [1, 2, 5, 10].map((factor) => factor * power);
  return up
    ? steps.find((step) => step >= value * (1 - 1e-9))
    : steps.findLast((step) => step <= value * (1 + 1e-9));
}

/** The codes of one map's cells, and what they look like. */
export class Cells {
  constructor(heat) {
    this.heat = heat;
    this.usd = amounts(heat.lowest);
  }

  /** Codes of a side, and for `net` the sign of each cell. */
  side(side) {
    const { long, short, lowest } = this.heat;
    if (side === "long") return [long, null];
    if (side === "short") return [short, null];
    const signed = side === "net";
    const out = new Uint16Array(long.length);
    const sign = signed ? new Int8Array(long.length).fill(1) : null;
    for (let k = 0; k < out.length; k++) {
      if (!short[k]) {
        out[k] = long[k];
      } else if (!long[k]) {
        out[k] = short[k];
        if (signed) sign[k] = -1;
      } else {
        const sum = signed ? this.usd[long[k]] - this.usd[short[k]] : this.usd[long[k]] + this.usd[short[k]];
        if (sum < 0) sign[k] = -1;
        out[k] = code(Math.abs(sum), lowest, this.usd[1]);
      }
    }
    return [out, sign];
  }

  /** How many cells hold each code. */
  counts(codes, into = new Float64Array(this.usd.length)) {
    for (let k = 0; k < codes.length; k++) into[codes[k]]++;
    into[0] = 0;
    return into;
  }

  /** Palette index 1 to 255 of each cell, 0 where nothing is drawn. */
  indices(codes, sign, scale, threshold, into) {
    const half = this.usd.length;
    const table = new Uint8Array(half * 2);
    for (let c = 1; c < half; c++) {
      if (this.usd[c] < threshold) continue;
      const place = scale.place(this.usd[c]);
      table[c] = 1 + Math.floor(254 * (sign ? 0.5 + place / 2 : place) + 0.5);
      table[half + c] = 1 + Math.floor(254 * (0.5 - place / 2) + 0.5);
    }
    const out = into?.length === codes.length ? into : new Uint8Array(codes.length);
    if (sign) for (let k = 0; k < out.length; k++) out[k] = table[codes[k] + (sign[k] < 0 ? half : 0)];
    else for (let k = 0; k < out.length; k++) out[k] = table[codes[k]];
    return out;
  }
}

function code(size, lowest, least) {
  if (size <= least) return size > 0 ? 1 : 0;
  const power = Math.floor(Math.log10(size));
  return Math.max(1, 900 * (power - lowest) + Math.round(size * 10 ** (2 - power)) - 98);
}

/** USD to a place from 0 to 1 on the palette, and back. */
export class Scale {
  /** `counts` of cells by code and the `usd` of each code; `domain` pins the ends in USD. */
  constructor(kind, counts, usdOf, domain = null) {
    this.kind = kind;
    this.usdOf = usdOf;
    this.pinned = Boolean(domain);
    this.total = counts.reduce((sum, count) => sum + count, 0);
    this.below = new Float64Array(counts.length + 1);
    for (let c = 0; c < counts.length; c++) this.below[c + 1] = this.below[c] + counts[c];
    [this.low, this.high] = domain ?? this.#ends();
    if (kind === "log") this.low = Math.max(this.low, this.high * 1e-9);
  }

  #ends() {
    if (!this.total) return this.kind === "log" ? [1e3, 1e6] : [0, 1e6];
    if (this.kind === "percentile") return [this.quantile(0), this.quantile(1)];
    const low = this.kind === "log" ? round125(this.quantile(0.05), false) : 0;
    const high = round125(this.quantile(0.995), true);
    return [low, high > low ? high : Math.max(low * 10, 1)];
  }

  /** USD below which a share of the filled cells lies, between neighbours in proportion. */
  quantile(share) {
    const rank = share * (this.total - 1);
    const from = this.#ranked(Math.floor(rank));
    return from + (rank % 1) * (this.#ranked(Math.ceil(rank)) - from);
  }

  /** USD of the cell with so many smaller ones. */
  #ranked(rank) {
    let low = 0;
    let high = this.below.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.below[middle] <= rank) low = middle;
      else high = middle;
    }
    return this.usdOf[low];
  }

  place(usd) {
    if (!(usd > 0)) return 0;
    let place;
    if (this.kind === "percentile") {
      const at = Math.min(this.usdOf.length - 1, nearest(this.usdOf, usd));
      place = (this.below[at] + this.below[at + 1]) / 2 / (this.total || 1);
    } else if (this.kind === "log") place = Math.log(usd / this.low) / Math.log(this.high / this.low);
    else place = (usd - this.low) / (this.high - this.low);
    return Math.min(1, Math.max(0, place));
  }

  /** USD at a place. */
  at(place) {
    if (this.kind === "percentile") return this.quantile(place);
    if (this.kind === "log") return this.low * (this.high / this.low) ** place;
    return this.low + place * (this.high - this.low);
  }

  /** What stands at the legend's ends and middle. */
  labels(signed) {
    if (signed) return [`${usd(this.high)} short`, "0", `${usd(this.high)} long`];
    const ends = this.kind === "percentile" ? ["", ""] : [this.low > 0 ? "≤ " : "", "≥ "];
    return [ends[0] + usd(this.low), usd(this.at(0.5)), ends[1] + usd(this.high)];
  }
}

function nearest(values, value) {
  let low = 1;
  let high = values.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < value * (1 - 1e-9)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** 255 colours in hexadecimal as the words of ImageData from index 1 on; index 0 is the ground. */
export function words(hex, ground) {
  const out = new Uint32Array(256);
  const word = (rgb) => (0xff000000 | ((rgb & 0xff) << 16) | (rgb & 0xff00) | (rgb >> 16)) >>> 0;
  out[0] = word(ground);
  for (let k = 0; k < 255; k++) out[k + 1] = word(parseInt(hex.slice(6 * k, 6 * k + 6), 16));
  return out;
}
