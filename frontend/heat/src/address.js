// The page's address follows the map without asking the server: Streamlit reads it again at its next run.
import { written } from "./look.js";

const CALM = 400;

export class Address {
  constructor(chart) {
    this.chart = chart;
    this.timer = 0;
  }

  /** Write soon; many changes in a row are written once. */
  follow() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.write(), CALM);
  }

  write() {
    const { chart } = this;
    if (!chart.heat?.address || !chart.root.isConnected) return;
    const { pathname, search, hash } = window.location;
    const next = written(search, chart.look, chart.view());
    if (next !== search) window.history.replaceState(window.history.state, "", pathname + next + hash);
  }

  stop() {
    clearTimeout(this.timer);
  }
}
