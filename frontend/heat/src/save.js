// The map as a picture that explains itself: title, legend, caveat and the link that leads back to it.
import { plate } from "./canvas.js";
import { make } from "./dom.js";

const HEAD = 54;
const FOOT = 62;

/** Words broken into lines that fit. */
function wrapped(pen, text, width) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = lines.at(-1) ? `${lines.at(-1)} ${word}` : word;
    if (pen.measureText(longer).width > width && lines.at(-1)) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}

export async function picture(chart) {
  chart.address.write();
  chart.paint();
  const { ratio, width, height, ink, heat } = chart;
  const out = new OffscreenCanvas(Math.round(width * ratio), Math.round((height + HEAD + FOOT) * ratio));
  const pen = out.getContext("2d");
  pen.fillStyle = ink.ground;
  pen.fillRect(0, 0, out.width, out.height);
  pen.drawImage(chart.pen.canvas, 0, HEAD * ratio);
  pen.drawImage(chart.glass, 0, HEAD * ratio);
  pen.scale(ratio, ratio);
  handles(pen, chart);
  pen.textBaseline = "middle";
  pen.fillStyle = ink.text;
  pen.font = `600 14px ${ink.font}`;
  pen.fillText(heat.title ?? heat.alt ?? "", 6, 14, width - 12);
  legend(pen, chart);
  key(pen, chart);
  pen.font = `11px ${ink.font}`;
  wrapped(pen, heat.note ?? "", width - 12).slice(0, 2).forEach((line, k) => pen.fillText(line, 6, HEAD + height + 28 + 14 * k));
  pen.fillText(heat.address ? window.location.href : window.location.origin, 6, HEAD + height + 56, width - 12);
  return out.convertToBlob({ type: "image/png" });
}

/** What lines that can be dragged say: on the page they are elements over the canvas. */
function handles(pen, chart) {
  const { plot, ink, upright } = chart;
  for (const handle of chart.whatIf.handles.values()) {
    if (handle.hidden) continue;
    const at = chart.price.at(Number(handle.dataset.price));
    const look = { colour: ink.ground, ground: ink.mark, align: upright ? "right" : "center", bounds: [0, plot.w] };
    plate(pen, chart, handle.textContent, upright ? plot.w : at, HEAD + (upright ? at : plot.h - 12), look);
  }
  pen.textAlign = "left";
}

function legend(pen, { scale, hex, signed, ink, look, heat }) {
  const [low, middle, high] = scale.labels(signed);
  const [x, y, w] = [6, 30, 220];
  for (let k = 0; k < 255; k++) {
    pen.fillStyle = `#${hex.slice(6 * k, 6 * k + 6)}`;
    pen.fillRect(x + (k * w) / 255, y, w / 255 + 0.5, 9);
  }
  pen.fillStyle = ink.text;
  pen.font = `11px ${ink.font}`;
  pen.fillText(low, x, y + 17);
  pen.textAlign = "center";
  pen.fillText(middle, x + w / 2, y + 17);
  pen.textAlign = "right";
  pen.fillText(high, x + w, y + 17);
  pen.textAlign = "left";
  const hidden = look.hide > 0 ? `, smaller cells hidden` : "";
  pen.fillText(`${heat.unit ?? "USD a cell"}, ${scale.kind} scale${hidden}`, x + w + 12, y + 5);
}

function key(pen, { keyItems, height, ink, width }) {
  let x = 6;
  const y = HEAD + height + 12;
  pen.font = `11px ${ink.font}`;
  for (const [words, colour, edge] of keyItems ?? []) {
    const wide = pen.measureText(words).width + 28;
    if (x + wide > width) break;
    pen.fillStyle = colour;
    pen.fillRect(x, y - 5, 10, 10);
    pen.strokeStyle = edge ?? colour;
    pen.strokeRect(x + 0.5, y - 4.5, 9, 9);
    pen.fillStyle = ink.text;
    pen.fillText(words, x + 14, y);
    x += wide;
  }
}

export async function save(chart) {
  const url = URL.createObjectURL(await picture(chart));
  make("a", { href: url, download: `heatlab-${chart.heat.kind}-${chart.key}.png` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
