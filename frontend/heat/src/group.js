// Maps of one page that share a crosshair, a look and, where asked, one colour scale.
const groups = new Map();

export class Group {
  /** The group of a name, with the chart in it. */
  static join(name, chart) {
    const group = groups.get(name) ?? new Group();
    groups.set(name, group);
    if (!group.charts.has(chart)) {
      const other = [...group.charts].find((one) => one.heat);
      if (other) chart.look = { ...chart.look, ...other.look };
      group.charts.add(chart);
    }
    group.refit();
    return group;
  }

  charts = new Set();

  leave(chart) {
    this.charts.delete(chart);
  }

  cross(from, cross) {
    for (const one of this.charts) if (one !== from && one.heat) one.setCross(cross && { ...cross, zone: "plot" }, true);
  }

  look(from, change) {
    for (const one of this.charts) if (one !== from && one.heat) one.setLook(change, true);
    if ("side" in change || "scale" in change || "domain" in change) this.refit();
  }

  /** How many cells of all maps hold each code of one map; codes of another decade are moved to its own. */
  counts(chart) {
    const out = new Float64Array(chart.cells.usd.length);
    for (const one of this.charts) {
      if (!one.heat?.shared || !one.codes) continue;
      const shift = 900 * (one.heat.lowest - chart.heat.lowest);
      const codes = one === chart ? chart.codes : one.cells.side(one.look.side)[0];
      const counts = one.cells.counts(codes);
      for (let c = 1; c < counts.length; c++) {
        if (counts[c]) out[Math.min(out.length - 1, Math.max(1, c + shift))] += counts[c];
      }
    }
    return out;
  }

  /** The scale of the others changes when a map joins or all change side. */
  refit() {
    cancelAnimationFrame(this.wanted);
    this.wanted = requestAnimationFrame(() => {
      for (const one of this.charts) {
        if (!one.heat?.shared || !one.plot) continue;
        one.recolour(true);
        one.draw();
      }
    });
  }
}
