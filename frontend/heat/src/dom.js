/** An element with properties and attributes, added to a parent. */
export function make(name, parts = {}, parent = null) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(parts)) {
    if (key in element && key !== "style") element[key] = value;
    else element.setAttribute(key, value);
  }
  parent?.append(element);
  return element;
}

const ICONS = {
  turn: "M3 13V4m0 0L1 6m2-2 2 2M3 13h9m0 0-2-2m2 2-2 2",
  all: "M3 8a5 5 0 1 0 2-4M5 1v3h3",
  save: "M8 2v8m0 0L5 7m3 3 3-3M2 13h12",
  full: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4",
  replay: "M5 3v10l8-5z",
  pause: "M5 3v10M11 3v10",
  what: "M2 8h12M8 3v10m0-10L6 5m2-2 2 2m-2 8-2-2m2 2 2-2",
  look: "M2 4h7m4 0h1M2 8h2m4 0h6M2 12h6m4 0h2M11 2.5v3M6 6.5v3M10 10.5v3",
};

/** A button with an icon of ours or with words; its name is read and shown on hover. */
export function button(name, face, press, parent, more = {}) {
  const element = make("button", { type: "button", title: name, onclick: press, ...more }, parent);
  face in ICONS ? icon(element, face) : (element.textContent = face);
  element.dataset.name = name;
  element.setAttribute("aria-label", name);
  return element;
}

export function icon(element, name) {
  const shape = `<path d="${ICONS[name]}" fill="none" stroke="currentColor" stroke-width="1.6"/>`;
  element.innerHTML = `<svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">${shape}</svg>`;
}
