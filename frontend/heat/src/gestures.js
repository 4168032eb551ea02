// Wheel, drag and pinch through d3-zoom; crosshair, taps and keys by hand. d3-zoom knows one scale for both
// directions, so only the difference of its transform is read and laid onto each axis' own window.
import { pointer, select } from "d3-selection";
import { zoom, zoomIdentity } from "d3-zoom";

const HOLD = 250;
const CALM = 600;
const MAC = /Mac|iPhone|iPad/.test(globalThis.navigator?.platform ?? "");

export function gestures(chart) {
  const pane = chart.glass;
  const ending = new AbortController();
  const on = (target, name, run, more = {}) =>
    target.addEventListener(name, run, { signal: ending.signal, ...more });
  const zooming = new Zooming(chart, pane);
  const finger = { held: false, timer: 0 };

  on(pane, "dblclick", () => chart.reset());
  on(pane, "pointermove", (event) => {
    if (zooming.busy && event.pointerType === "mouse") chart.setCross(null);
    else if (event.pointerType !== "touch" || event.isPrimary) chart.crossAt(...pointer(event, pane));
  });
  on(pane, "pointerdown", (event) => {
    chart.active = true;
    chart.stage.focus({ preventScroll: true });
    if (event.pointerType !== "mouse") chart.crossAt(...pointer(event, pane));
  });
  on(pane, "pointerleave", (event) => {
    if (event.pointerType !== "mouse") return;
    chart.setCross(null);
    chart.active = false;
  });
  on(pane, "click", (event) => {
    chart.crossAt(...pointer(event, pane));
    chart.pick();
  });
  // A finger that rests first moves the crosshair anywhere; a quick swipe up or down scrolls the page.
  on(pane, "touchstart", (event) => {
    clearTimeout(finger.timer);
    finger.held = false;
    if (event.touches.length === 1) finger.timer = setTimeout(() => (finger.held = true), HOLD);
  }, { passive: true });
  on(pane, "touchmove", (event) => {
    if (!finger.held) clearTimeout(finger.timer);
    if (finger.held || event.touches.length > 1) event.preventDefault();
  }, { passive: false });
  on(pane, "touchend", () => {
    clearTimeout(finger.timer);
    finger.held = false;
  });
  on(pane, "contextmenu", (event) => event.pointerType === "touch" && event.preventDefault());
  on(chart.stage, "keydown", (event) => event.target === chart.stage && keys(chart, event));
  on(chart.stage, "blur", () => (chart.active = false));
  on(window, "resize", () => chart.resize());
  return () => {
    ending.abort();
    clearTimeout(finger.timer);
    zooming.stop();
  };
}

class Zooming {
  constructor(chart, pane) {
    Object.assign(this, { chart, pane, busy: false, before: zoomIdentity, zone: "plot", grip: null, passed: -CALM });
    this.behaviour = zoom()
      .clickDistance(4)
      .filter((event) => this.wanted(event))
      .wheelDelta(speed)
      .on("start", (event) => this.start(event))
      .on("zoom", (event) => this.zoom(event))
      .on("end", (event) => this.end(event));
    this.selection = select(pane).call(this.behaviour).on("dblclick.zoom", null);
  }

  stop() {
    this.selection.on(".zoom", null);
  }

  /** Which axis a place belongs to: past the plot's right or lower edge it is that axis alone. */
  zoneOf(event) {
    const [x, y] = pointer(event, this.pane);
    const { plot, upright } = this.chart;
    if (x > plot.w) return upright ? "price" : "time";
    if (y > plot.h) return upright ? "time" : "price";
    return "plot";
  }

  wanted(event) {
    const { chart } = this;
    if (!chart.plot) return false;
    if (event.type !== "wheel") return event.touches ? event.touches.length > 1 : !event.button && !event.ctrlKey;
    if (event.ctrlKey || event.metaKey || chart.active || chart.full) return true;
    // A page that scrolls under the pointer goes on scrolling when an axis arrives there.
    const scrolling = event.timeStamp - this.passed < CALM;
    if (!scrolling && this.onAxis(event)) return true;
    this.passed = event.timeStamp;
    if (!scrolling) chart.hint(`${MAC ? "⌘" : "Ctrl"} + scroll to zoom, or click the map first`);
    return false;
  }

  onAxis(event) {
    const [x, y] = pointer(event, this.pane);
    return x > this.chart.axisX || (y > this.chart.axisY && y < this.chart.rowsY);
  }

  start(event) {
    this.before = event.transform;
    if (!event.sourceEvent) return; // our own return to the identity
    this.busy = true;
    const { type, touches } = event.sourceEvent;
    this.zone = touches ? "plot" : this.zoneOf(event.sourceEvent);
    const stretches = this.zone !== "plot" && type !== "wheel";
    this.grip = stretches
      ? { from: pointer(event.sourceEvent, this.pane), window: [...this.chart[this.zone].window] }
      : null;
  }

  zoom(event) {
    const now = event.transform;
    const { chart, before } = this;
    if (event.sourceEvent) {
      if (this.grip) this.stretch(event.sourceEvent);
      else {
        for (const name of this.zone === "plot" ? ["time", "price"] : [this.zone]) {
          const axis = chart[name];
          const shift = (name === "time") === chart.upright ? "x" : "y";
          const was = (at) => before.k * ((at - now[shift]) / now.k) + before[shift];
          axis.show(axis.invert(was(axis.range[0])), axis.invert(was(axis.range[1])));
        }
      }
      chart.moved();
    }
    this.before = now;
  }

  end(event) {
    this.busy = false;
    this.grip = null;
    const { k, x, y } = event.transform;
    if (event.sourceEvent && (k !== 1 || x || y)) this.selection.call(this.behaviour.transform, zoomIdentity);
  }

  /** Dragging along an axis stretches it about the middle of its window. */
  stretch(event) {
    const axis = this.chart[this.zone];
    const [x, y] = pointer(event, this.pane);
    const along = (this.zone === "time") === this.chart.upright;
    const moved = along ? this.grip.from[0] - x : y - this.grip.from[1];
    axis.window = [...this.grip.window];
    axis.zoom(Math.exp(moved / 200), axis.middle);
  }
}

/** Wheels tell lines, pages or pixels; a trackpad's pinch arrives as small steps with Ctrl. */
function speed(event) {
  const unit = event.deltaMode === 1 ? 0.05 : event.deltaMode ? 1 : 0.002;
  const pinch = event.ctrlKey && !event.deltaMode && Math.abs(event.deltaY) < 50;
  return -event.deltaY * unit * (pinch ? 8 : 1);
}

function keys(chart, event) {
  if (event.ctrlKey || event.metaKey || event.altKey || !chart.heat) return;
  const far = event.shiftKey ? 10 : 1;
  const [across, along] = chart.upright ? ["time", "price"] : ["price", "time"];
  const run = {
    ArrowLeft: () => chart.step(across, -far),
    ArrowRight: () => chart.step(across, far),
    ArrowUp: () => chart.step(along, far),
    ArrowDown: () => chart.step(along, -far),
    "+": () => chart.zoomBy(0.7),
    "=": () => chart.zoomBy(0.7),
    "-": () => chart.zoomBy(1 / 0.7),
    _: () => chart.zoomBy(1 / 0.7),
    0: () => chart.reset(),
    Home: () => chart.reset(),
    Enter: () => chart.pick(),
    " ": () => (chart.replay.on ? chart.replay.toggle() : chart.pick()),
    "[": () => chart.replay.walk(-far),
    "]": () => chart.replay.walk(far),
    Escape: () => escape(chart),
    f: () => chart.fullscreen(),
    r: () => chart.replay.show(!chart.replay.on),
    w: () => chart.whatIf.toggle(),
  }[event.key];
  if (!run) return;
  run();
  event.preventDefault();
}

function escape(chart) {
  chart.setCross(null);
  chart.active = false;
  chart.actions.hidden = true;
  chart.root.classList.remove("full");
  if (chart.root.matches(":fullscreen")) document.exitFullscreen();
}
