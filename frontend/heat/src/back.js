// Back returns to the view one left, whole.
//
// On the way to another page, Streamlit first takes the fields of the old page out of the address, and makes that an
// entry of the history: the old page without its level and lines, which is where Back would lead. Such an entry is
// told by what follows it: another page with the same query, without a click or key between. It is written over.

/** Whether the entry at `here`, made without anything touched since, is only half of the way to `to`. */
export function halfway(made, here, to) {
  return made === here.href && to.pathname !== here.pathname && to.search === here.search;
}

export function keepViews(window) {
  const { history, location } = window;
  const push = history.pushState.bind(history);
  const replace = history.replaceState.bind(history);
  let made = null;
  history.pushState = (state, unused, url) => {
    const to = new URL(url ?? location.href, location.href);
    const samePage = to.pathname === location.pathname;
    (halfway(made, location, to) ? replace : push)(state, unused, url);
    made = samePage ? location.href : null;
  };
  const touched = () => {
    made = null;
  };
  for (const kind of ["pointerdown", "keydown", "popstate"]) window.addEventListener(kind, touched, true);
}
