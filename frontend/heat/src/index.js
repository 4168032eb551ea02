// The default export that Streamlit calls at every change of data or theme. One element, one Chart.
import { keepViews } from "./back.js";
import { Chart, charts } from "./chart.js";
import { head, unpack } from "./data.js";
import { speak } from "./words.js";

const mounted = new WeakMap();
const waiting = new Map(); // lines or columns that came before their map
let palettes = null;
const early = []; // maps that came before the palettes

function whenThere(target, run) {
  const chart = charts.get(target);
  if (chart?.heat) run(chart);
  else waiting.set(target, [...(waiting.get(target) ?? []), run]);
}

function takePalettes(info) {
  palettes = info.palettes;
  for (const run of early.splice(0)) run();
}

async function takeHeat(one, info, packed) {
  const turn = ++one.turn;
  const { chart } = one;
  speak(info.local);
  if (one.id === info.id && one.key === info.key) {
    // The same cells: only words, options or the theme changed.
    const { shape, gaps, blocks, ...rest } = info; // columns may have been appended since
    Object.assign(chart.heat, rest);
    chart.toolbar.build();
    chart.theme();
    return;
  }
  const heat = await unpack(info, packed);
  if (!palettes) await new Promise((resolve) => early.push(resolve));
  if (turn !== one.turn) return; // a later message overtook this one
  Object.assign(one, { id: info.id, key: info.key });
  chart.setHeat(heat, palettes);
  for (const run of waiting.get(chart.key) ?? []) run(chart);
  waiting.delete(chart.key);
}

export function mount(component) {
  const { data, parentElement, setTriggerValue } = component;
  if (!data?.length) return undefined;
  const [info, packed] = head(data);
  if (info.role === "palettes") takePalettes(info);
  if (info.role === "layers") whenThere(info.target, (chart) => chart.setLayers(info.layers));
  if (info.role === "bar") {
    const place = parentElement.querySelector(".hl-here") ?? parentElement;
    whenThere(info.target, (chart) => chart.toolbar.moveTo(place));
  }
  if (info.role === "columns") {
    unpack(info, packed).then((part) =>
      whenThere(info.target, (chart) => {
        if (chart.heat.id === info.base && chart.heat.sent !== info.id) chart.addColumns(part);
      }),
    );
  }
  if (info.role !== "heat") return undefined;
  let one = mounted.get(parentElement);
  if (!one) {
    const place = parentElement.querySelector(".hl-here") ?? parentElement;
    place.replaceChildren();
    one = { chart: new Chart(place), turn: 0, id: null, key: null };
    mounted.set(parentElement, one);
  }
  one.chart.send = setTriggerValue;
  takeHeat(one, info, packed);
  const { turn } = one;
  // Streamlit also calls the cleanup of a run that a later one overtook: only a map that has left the page, and
  // that no later run has touched, is taken down.
  return () =>
    setTimeout(() => {
      if (turn !== one.turn || one.chart.root.isConnected) return;
      one.chart.destroy();
      mounted.delete(parentElement);
    });
}

// Inline, the code travels once, in a mount of its own, and the maps' own mounts hold a few lines that wait for it.
// From its file every mount loads it, each from another address: the first of them serves all.
export default function start(component) {
  const house = (globalThis.heatlab ??= { waiting: [] });
  if (!house.mount) {
    Object.assign(house, { mount, charts });
    keepViews(window);
  }
  house.waiting.splice(0).forEach((run) => run());
  return house.mount(component);
}
