// The cells in words, largest first: one Tab behind the map.
import { button, make } from "./dom.js";
import { moment, usd, zoneName } from "./words.js";

const MOST = 100;
const NAME = "The same cells as a table";

/** Rows of what is drawn: for states as they stand at the end, for events every cell. */
export function rows(chart) {
  const { heat, cells, look, seen } = chart;
  const [columns, bands] = heat.shape;
  const last = Math.min(columns, seen) - 1;
  const found = [];
  for (const side of ["long", "short"]) {
    if (look.side !== side && (look.side === "long" || look.side === "short")) continue;
    for (let k = heat.stock ? last * bands : 0; k < (last + 1) * bands; k++) {
      const value = cells.usd[heat[side][k]];
      if (value > 0 && value >= look.hide) found.push([value, side, k]);
    }
  }
  found.sort((a, b) => b[0] - a[0]);
  return found.slice(0, MOST).map(([value, side, k]) => {
    const [t, p] = [Math.floor(k / bands), k % bands];
    let first = t;
    if (heat.stock) while (first > 0 && heat[side][(first - 1) * bands + p]) first--;
    const since = heat.stock && !first ? "before this map" : moment(heat.time_edges[first]);
    const band = `${chart.money(heat.price_edges[p])} to ${chart.money(heat.price_edges[p + 1])}`;
    return [band, side, usd(value), since, moment(heat.time_edges[t + 1])];
  });
}

export function tableButton(chart) {
  const opener = button(NAME, NAME, () => open(chart, opener), chart.stage, { className: "hl-skip" });
}

function open(chart, opener) {
  const box = make("dialog", {}, chart.root);
  box.setAttribute("aria-label", NAME);
  make("strong", { textContent: chart.heat.title ?? NAME }, box);
  const scroll = make("div", { className: "hl-scroll", tabIndex: 0, role: "region" }, box);
  scroll.setAttribute("aria-label", NAME);
  const table = make("table", {}, scroll);
  const names = ["Price band", "Side", "USD", `${chart.heat.stock ? "Since" : "From"} (${zoneName()})`, `To (${zoneName()})`];
  const top = make("tr", {}, make("thead", {}, table));
  names.forEach((name, k) => make("th", { textContent: name, scope: "col", className: k === 2 ? "n" : "" }, top));
  const body = make("tbody", {}, table);
  const found = rows(chart);
  for (const row of found) {
    const line = make("tr", {}, body);
    row.forEach((text, k) => make("td", { textContent: text, className: k === 2 ? "n" : "" }, line));
  }
  const more = found.length === MOST ? `The ${MOST} largest cells. ` : "";
  make("p", { textContent: `${more}${chart.heat.note ?? ""}` }, box);
  button("Close", "Close", () => box.close(), box);
  box.addEventListener("close", () => {
    box.remove();
    opener.focus();
  });
  box.showModal();
}
