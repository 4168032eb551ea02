// Every colour that is not a cell's. Three pairs that never share a hue: whose position (orange, blue), which
// way a candle went (filled light, filled dark, both outlined), and who took the volume (teal, plum).
export const INKS = {
  dark: {
    long: "#f2a24b", short: "#5fb0f0", up: "#ffffff", down: "#141a22", wick: "#f4f7fa", casing: "rgba(0,0,0,.55)",
    bought: "#3fae9b", sold: "#b784c9", now: "#ffe08a", onNow: "#14181f", quiet: "#a7b2bf",
    rule: "rgba(154,167,181,.14)", line: "#e6edf3", plate: "rgba(11,14,20,.8)", mark: "#7ee787",
    stripes: ["#1d232d", "#3a4352"], veil: "rgba(255,255,255,.13)",
  },
  light: {
    long: "#a8500a", short: "#1c5f9e", up: "#ffffff", down: "#2b3138", wick: "#1b1f24", casing: "rgba(255,255,255,.7)",
    bought: "#1f8a78", sold: "#8e4fa6", now: "#8a5a00", onNow: "#ffffff", quiet: "#57606a",
    rule: "rgba(60,70,80,.14)", line: "#1f2328", plate: "rgba(255,255,255,.86)", mark: "#1a7f37",
    stripes: ["#eceff2", "#c3cad2"], veil: "rgba(0,0,0,.12)",
  },
};

/** Red, green and blue of a CSS colour, 0 to 255. */
export function channels(css) {
  const text = css.trim();
  if (text.startsWith("#")) {
    const hex = text.length < 6 ? [...text.slice(1, 4)].map((c) => c + c).join("") : text.slice(1, 7);
    return [0, 2, 4].map((k) => parseInt(hex.slice(k, k + 2), 16));
  }
  return (text.match(/[\d.]+/g) ?? ["255", "255", "255"]).slice(0, 3).map(Number);
}

/** Relative luminance after WCAG 2. */
export function luminance(css) {
  const [r, g, b] = channels(css).map((c) => {
    const part = c / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

export function contrast(one, other) {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

/** Which ground a page has, and the inks that go with it. */
export function inks(ground) {
  const name = luminance(ground) > 0.4 ? "light" : "dark";
  return { name, ground, word: channels(ground).reduce((sum, c) => sum * 256 + Math.round(c), 0), ...INKS[name] };
}

const hatches = new Map();

/** Stripes for times nobody watched. */
export function stripes(pen, ink) {
  const kept = hatches.get(ink.name);
  if (kept) return kept;
  const tile = new OffscreenCanvas(8, 8);
  const brush = tile.getContext("2d");
  [brush.fillStyle, brush.strokeStyle] = ink.stripes;
  brush.fillRect(0, 0, 8, 8);
  brush.lineWidth = 1.5;
  brush.beginPath();
  for (const k of [-8, 0, 8]) {
    brush.moveTo(k, 8);
    brush.lineTo(k + 8, 0);
  }
  brush.stroke();
  const pattern = pen.createPattern(tile, "repeat");
  hatches.set(ink.name, pattern);
  return pattern;
}
