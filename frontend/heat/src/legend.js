// The legend: the colours with their USD, and two handles. The left one hides small cells, the right one says
// from which amount on a cell has the strongest colour.
import { make } from "./dom.js";
import { usd } from "./words.js";

export class Legend {
  constructor(chart) {
    this.chart = chart;
    this.element = make("div", { className: "hl-legend", role: "group" });
    this.element.setAttribute("aria-label", "Legend, USD a cell");
    this.low = make("span", {}, this.element);
    this.track = make("div", { className: "hl-track" }, this.element);
    this.picture = make("canvas", { width: 255, height: 1 }, this.track);
    this.veil = make("span", { className: "hl-hidden" }, this.track);
    this.high = make("span", {}, this.element);
    this.handles = {
      hide: this.#handle("Hide cells under", (place) => this.#hide(place)),
      top: this.#handle("Strongest colour from", (place) => this.#top(place)),
    };
  }

  #handle(words, move) {
    const handle = make("div", { className: "hl-handle", tabIndex: 0, role: "slider", title: words }, this.track);
    handle.setAttribute("aria-label", words);
    handle.setAttribute("aria-valuemin", 0);
    handle.setAttribute("aria-valuemax", 100);
    handle.addEventListener("pointerdown", (event) => {
      handle.setPointerCapture(event.pointerId);
      this.grip = this.chart.scale; // what the places of this drag mean, whatever the scale becomes
      handle.focus({ preventScroll: true });
      event.preventDefault();
    });
    handle.addEventListener("pointermove", (event) => {
      if (!handle.hasPointerCapture(event.pointerId)) return;
      const { left, width } = this.track.getBoundingClientRect();
      move((event.clientX - left) / width);
    });
    handle.addEventListener("lostpointercapture", () => {
      this.grip = null;
      this.tell();
    });
    handle.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 }[event.key];
      const end = { Home: 0, End: 1 }[event.key];
      if (step === undefined && end === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      const now = Number(handle.getAttribute("aria-valuenow")) / 100;
      move(end ?? now + step / 100);
    });
    return handle;
  }

  /** The left handle at a place of the scale. */
  #hide(place) {
    const { chart } = this;
    const at = Math.min(1, chart.signed && this.grip ? 2 * place - 1 : place);
    chart.setLook({ hide: at > 0.001 ? chart.scale.at(at) : 0 });
  }

  /** The right handle: what lies at its place gets the strongest colour; at the left end the scale is free. */
  #top(place) {
    const { chart } = this;
    const scale = this.grip ?? chart.scale;
    if (place <= 0) chart.setLook({ domain: null });
    const high = scale.at(Math.min(1.5, Math.max(0.03, place)));
    if (place > 0 && high > scale.low) chart.setLook({ domain: [scale.low, high] });
  }

  tell() {
    const { chart, picture } = this;
    const pen = picture.getContext("2d");
    const image = pen.createImageData(255, 1);
    new Uint32Array(image.data.buffer).set(chart.palette.subarray(1));
    pen.putImageData(image, 0, 0);
    const [low, , high] = chart.scale.labels(chart.signed);
    this.low.textContent = low;
    this.high.textContent = high;
    const place = chart.look.hide > 0 ? chart.scale.place(chart.look.hide) : 0;
    const words = chart.look.hide ? usd(chart.look.hide) : "nothing hidden";
    this.#put(this.handles.hide, chart.signed ? 0.5 + place / 2 : place, place, words);
    this.veil.style.width = chart.signed ? "0" : `${100 * place}%`;
    const end = this.grip ? this.grip.place(chart.scale.high) : 1;
    this.#put(this.handles.top, end, 1, usd(chart.scale.high));
    this.handles.top.hidden = chart.scale.kind === "percentile";
  }

  #put(handle, at, value, words) {
    handle.style.left = `${100 * at}%`;
    handle.setAttribute("aria-valuenow", Math.round(100 * value));
    handle.setAttribute("aria-valuetext", words);
  }
}
