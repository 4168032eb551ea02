// The row above the map: side, legend, look, tools; and the line below it that names the colours.
import { button, make } from "./dom.js";
import { PALETTES, PRICES, SCALES, SIDES } from "./look.js";
import { Legend } from "./legend.js";
import { save } from "./save.js";
import { STYLE } from "./style.js";
import { usd } from "./words.js";

export class Toolbar {
  constructor(chart) {
    this.chart = chart;
    this.bar = make("div", { className: "hl-bar", role: "group" }, chart.root);
    this.bar.setAttribute("aria-label", "How the map is drawn");
    this.scale = new Legend(chart);
  }

  /** Stand in another element, above all maps of a group. */
  moveTo(place) {
    if (place.contains(this.bar)) return;
    const box = make("div", { className: "hl" });
    make("style", { textContent: STYLE }, box);
    box.append(this.bar);
    place.replaceChildren(box);
  }

  /** Make the controls once a map; `tell` only updates what they show. */
  build() {
    const { chart, bar } = this;
    const { controls = true, replay = false, what = false } = chart.heat;
    const name = JSON.stringify([chart.key, controls, replay, what, chart.heat.kind]);
    if (this.made === name) return this.tell();
    this.made = name;
    bar.replaceChildren();
    // Small multiples keep the legend of their first map only.
    bar.hidden = controls === "none";
    if (controls === "none") return undefined;
    if (controls !== "legend") this.#sides();
    bar.append(this.scale.element);
    const end = make("div", { className: "hl-group hl-end", role: "group" }, bar);
    end.setAttribute("aria-label", "Tools");
    if (controls !== "legend") this.#menu(end);
    if (what) this.what = button("What if price goes there", "what", () => chart.whatIf.toggle(), end);
    if (replay) this.again = button("Replay", "replay", () => chart.replay.show(!chart.replay.on), end);
    if (controls !== "legend") {
      button("Show everything", "all", () => chart.reset(), end);
      button("Save as PNG", "save", () => save(chart), end);
      button("Full screen", "full", () => chart.fullscreen(), end);
    }
    return this.tell();
  }

  #sides() {
    const group = make("div", { className: "hl-group", role: "group" }, this.bar);
    group.setAttribute("aria-label", "Side");
    this.sides = Object.entries(SIDES).map(([side, word]) => [
      side,
      button(word, word, () => this.chart.setLook({ side }), group),
    ]);
  }

  #menu(parent) {
    const { chart } = this;
    const fold = make("details", {}, parent);
    make("summary", { textContent: "Look", title: "Colours, scale, axes and layers" }, fold);
    const menu = make("div", { className: "hl-menu" }, fold);
    const row = (words) => {
      const label = make("label", {}, menu);
      make("span", { textContent: words }, label);
      return label;
    };
    this.fields = {};
    const choose = (key, words, options) => {
      const field = make("select", { onchange: () => chart.setLook({ [key]: field.value }) }, row(words));
      for (const [value, word] of Object.entries(options)) make("option", { value, textContent: word }, field);
      field.setAttribute("aria-label", words);
      this.fields[key] = () => (field.value = chart.look[key]);
    };
    const toggle = (words, get, set) => {
      const field = make("input", { type: "checkbox", onchange: () => chart.setLook(set(field.checked)) }, row(words));
      this.fields[words] = () => (field.checked = get());
    };
    choose("palette", "Colours", PALETTES);
    choose("scale", "Scale", SCALES);
    toggle("Keep the legend as it is", () => Boolean(chart.look.domain), (on) => ({
      domain: on ? [chart.scale.low, chart.scale.high] : null,
    }));
    choose("price", "Price", PRICES);
    for (const [key, words] of [["volume", "Volume"], ["profile", "Profile by price"], ["boxes", "Clusters"], ["lines", "Levels"]]) {
      toggle(words, () => chart.look[key], (on) => ({ [key]: on }));
    }
    toggle("Price to the right", () => !chart.look.upright, (on) => ({ upright: !on }));
    toggle("Logarithmic price", () => chart.look.log, (on) => ({ log: on }));
    fold.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      fold.open = false;
      fold.firstChild.focus();
    });
    document.addEventListener("pointerdown", (event) => {
      if (fold.open && !event.composedPath().includes(fold)) fold.open = false;
    });
  }

  /** Show the present look in the controls. */
  tell() {
    const { chart } = this;
    for (const [side, element] of this.sides ?? []) element.setAttribute("aria-pressed", chart.look.side === side);
    for (const show of Object.values(this.fields ?? {})) show();
    this.what?.setAttribute("aria-pressed", Boolean(chart.whatIf?.target));
    this.again?.setAttribute("aria-pressed", Boolean(chart.replay?.on));
    if (chart.ink) this.key();
  }

  legend() {
    this.scale.tell();
  }

  /** What can be done with the clicked price, or with the what-if line's. */
  offer({ time, price }, line = false) {
    const { chart } = this;
    const { actions } = chart;
    actions.replaceChildren();
    for (const [what, words] of (line ? chart.heat.lines : chart.heat.actions) ?? []) {
      button(words, words, () => {
        actions.hidden = true;
        chart.send("asked", { what, price, time });
      }, actions);
    }
    if (chart.heat.what && !line) {
      button("What if price goes here", "What if price goes here", () => {
        actions.hidden = true;
        chart.whatIf.goes(price);
      }, actions);
    }
    actions.hidden = !actions.childElementCount;
  }

  /** The line that names the colours. */
  key() {
    const { chart } = this;
    const { ink, look, heat } = chart;
    if (!heat) return;
    const strips = heat.strips !== false;
    const candles = heat.candle_step > 0 && look.price === "candles";
    const traded = strips && look.volume && heat.candle_step > 0;
    const told = traded && heat.bought.some((share) => share >= 0);
    const items = [
      strips && look.profile && look.side !== "short" && ["longs", ink.long],
      strips && look.profile && look.side !== "long" && ["shorts", ink.short],
      candles && ["price rose", ink.up, ink.wick],
      candles && ["price fell", ink.down, ink.wick],
      told && ["bought by takers", ink.bought],
      told && ["sold by takers", ink.sold],
      traded && !told && ["volume, side not told", ink.quiet],
      heat.gaps.length > 0 && ["no data", ink.stripes[1]],
      [look.hide > 0 ? `below ${usd(look.hide)}` : heat.empty ?? "little or none", ink.ground, ink.quiet],
    ].filter(Boolean);
    chart.keyItems = items;
    chart.legend.hidden = heat.controls === "none";
    chart.legend.replaceChildren();
    for (const [words, colour, edge] of items) {
      const item = make("span", {}, chart.legend);
      make("i", { style: `background:${colour};border:1px solid ${edge ?? colour}` }, item);
      item.append(words);
    }
  }
}
