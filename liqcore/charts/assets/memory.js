/* What this browser keeps of Heatlab: the settings of each page in a cookie of its own, which the server reads when
   a page is opened, and saved views in the browser's storage. Nothing else is kept, and nothing goes elsewhere. */
const VIEWS = "heatlab-views";
const YEAR = 31536000;
const CALM = 700;
const NARROW = 768;
const here = () => location.pathname.split("/").filter(Boolean).at(-1) ?? "start";
// One for all mounts of this window: each of them may load this file anew.
const house = (globalThis.heatlabMemory ??= { names: [], done: 0, timer: 0, heard: false });

function cookie(page, text) {
  const rest = `; path=/; samesite=lax; max-age=${text ? YEAR : 0}`;
  document.cookie = `heatlab-${page}=${encodeURIComponent(text)}${rest}`;
}

/** Keep the settings that the address says; not while the server is still writing it. */
function keep() {
  const app = document.querySelector("[data-testid='stApp']");
  if (!house.names.length || app?.dataset.testScriptState !== "notRunning") return later();
  const out = new URLSearchParams();
  for (const [name, value] of new URLSearchParams(location.search)) if (house.names.includes(name)) out.append(name, value);
  return cookie(here(), out.toString().slice(0, 600));
}

function later() {
  clearTimeout(house.timer);
  house.timer = setTimeout(keep, CALM);
}

function views() {
  try {
    const held = JSON.parse(localStorage.getItem(VIEWS) ?? "[]");
    return Array.isArray(held) ? held : [];
  } catch {
    return [];
  }
}

/** Do once what the server asks for: save the view of the address, drop one, or forget everything. */
function act({ id, what, name }) {
  const rest = views().filter((one) => one.name !== name);
  if (what === "save") rest.push({ name, page: here(), query: location.search.slice(1, 2000) });
  if (what === "forget") {
    for (const pair of document.cookie.split("; ")) {
      const key = pair.split("=")[0];
      if (key.startsWith("heatlab-")) cookie(key.slice(8), "");
    }
    for (const key of Object.keys(localStorage)) if (key.startsWith("heatlab")) localStorage.removeItem(key);
  } else localStorage.setItem(VIEWS, JSON.stringify(rest));
  house.done = id;
}

/** In a narrow window the menu covers the page it leads to. Streamlit closes it where the browser calls itself a
    phone's; here it closes after a choice in other narrow windows, too. */
function chosen(event) {
  const menu = event.target.closest?.("[data-testid='stSidebar']");
  if (!menu || window.innerWidth > NARROW || !event.target.closest("[data-testid='stSidebarNavLink']")) return;
  setTimeout(() => {
    if (menu.getAttribute("aria-expanded") === "false" || menu.getBoundingClientRect().right < 40) return;
    menu.querySelector("[data-testid='stSidebarCollapseButton'] button")?.click();
  }, CALM);
}

if (!house.heard) {
  house.heard = true;
  document.addEventListener("click", chosen);
  for (const event of ["pointerup", "keyup", "visibilitychange"]) document.addEventListener(event, later);
}

export default function ({ data, setStateValue }) {
  house.names = data.names;
  const asked = data.ask.id > house.done;
  if (asked) act(data.ask);
  const held = views();
  if (asked || (!data.known && held.length)) setStateValue("views", held);
  later();
}
