"""The heatmap on a page: three small mounts of a Streamlit component, and what comes back from them.

`code()` once a page (its message never changes, so it is sent once a session), `heatmap()` for each map.
Lines and boxes travel in a mount of their own beside the map's, because they change more often than its
cells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final, Literal

import pandas as pd
import streamlit as st
from streamlit.errors import StreamlitAPIException

from liqcore.charts import payload
from liqcore.charts.continued import go_on
from liqcore.charts.picture import Look, Picture, picture
from liqcore.heat.grid import HeatGrid
from liqcore.views import links

# A few lines instead of the bundle, so that a change of cells does not carry the code along.
_SHIM: Final = """
export default (component) => {
  const house = (globalThis.heatlab ??= { waiting: [] });
  if (house.mount) return house.mount(component);
  let leave;
  house.waiting.push(() => { leave = house.mount(component); });
  return () => leave?.();
};
"""
_SENT: Final = "-sent"
_HERE: Final = (
    "<div class='hl-here'>The map could not be drawn: its code did not load. Reload the page; if that does"
    " not help, this browser is older than 2023 or blocks scripts. The numbers below are complete without"
    " it.</div>"
)
_BUNDLE: Final = (files("liqcore.charts") / "assets" / "heat.js").read_text("utf-8")


def _component(name: str, inline: str, html: str | None = None) -> Any:
    """A mount: from its file where Heatlab is installed (see assets/pyproject.toml), else with its code
    inline."""
    try:
        return st.components.v2.component(f"heatlab.{name}", html=html, js="heat.js")
    except StreamlitAPIException:
        return st.components.v2.component(f"heatlab_{name}", html=html, js=inline)


_code = _component("code", _BUNDLE)
_map = _component("map", _SHIM, _HERE)
_part = _component("part", _SHIM)


@dataclass(frozen=True, eq=False)
class Drawn:
    """A map on the page, and what the reader did on it since the last run.

    `picked` is the cell clicked last (see `stories.picked_cell`); `asked` holds `what`, `price` and `time` in
    the run that one of the map's `actions` starts, else it is None.
    """

    picture: Picture
    picked: dict[str, Any] | None
    asked: dict[str, Any] | None


def code() -> None:
    """The map's code and colours; the shell calls it once a page."""
    _code(key="heatlab-code", data=payload.palettes())


def left() -> None:
    """Forget what was sent of maps that go on; the shell calls it when a visitor comes to another page."""
    for name in [str(name) for name in st.session_state if str(name).endswith(_SENT)]:
        del st.session_state[name]


def bar(target: str) -> None:
    """The controls of a map, standing here instead of above it: one row for all maps of its group."""
    _part(key=f"{target}-bar", data=payload.pack({"role": "bar", "target": target}))


def heatmap(
    grid: HeatGrid,
    candles: pd.DataFrame | None = None,
    *,
    key: str,
    note: str = "",
    look: Look | None = None,
    levels: pd.DataFrame | None = None,
    boxes: pd.DataFrame | None = None,
    marks: pd.DataFrame | None = None,
    series: Sequence[dict[str, Any]] = (),
    heading: str | None = None,
    caption: str | None = None,
    height: int | None = None,
    room: float = 0.0,
    controls: Literal["full", "legend", "none"] = "full",
    group: str | None = None,
    shared: bool = False,
    address: bool = False,
    replay: bool = False,
    what: bool = False,
    pick: bool = False,
    strips: bool = True,
    live: bool = False,
    actions: Sequence[tuple[str, str]] = (),
    lines: Sequence[tuple[str, str]] = (),
    on_picked: Callable[[], None] | None = None,
    on_asked: Callable[[dict[str, Any]], None] | None = None,
) -> Drawn:
    """Draw a map.

    Parameters
    ----------
    key : names the map; look and windows of equal keys outlive reruns and page changes.
    note : what the map is, from where and how complete; goes into its picture and its table.
    series : what is drawn below the map on its time (see `liqcore.views.explore.strips.series`).
    heading : the page's first heading, for those who hear it; `caption` stands visibly above a small map.
    height : in pixels; by default the map fills the window.
    room : empty space after the newest column, as a share of the time drawn, for the names of lines.
    controls : all of them, the legend only, or none, for small multiples.
    group : maps that share crosshair and look; with `shared` also their colours.
    address : the page's address follows this map.
    replay, what : offer the scrubber and the what-if line.
    pick : a clicked cell is kept, and reruns the page.
    strips : volume below and profile beside the map.
    live : the map goes on from run to run: only what came since it was sent is sent.
    actions, lines : (name, words) of what can be asked at a clicked price, and at the what-if line.
    on_picked : called before the run that a clicked cell starts.
    on_asked : called with what was asked before the run that it starts.
    """
    drawn = picture(grid, candles, levels=levels, boxes=boxes, marks=marks)
    options = {
        "note": note,
        "heading": heading,
        "caption": caption,
        "height": None if height is None else f"{height}px",
        "controls": controls,
        "group": group,
        "shared": shared,
        "address": address,
        "replay": replay,
        "room": room,
        "what": what,
        "strips": strips,
        "actions": list(actions),
        "lines": list(lines),
        "pick": pick or on_picked is not None,
    }
    kept = f"{key}-picked"

    def picked() -> None:
        st.session_state[kept] = st.session_state[key].picked
        if on_picked is not None:
            on_picked()

    def asked() -> None:
        if on_asked is not None and st.session_state[key].asked:
            on_asked(st.session_state[key].asked)

    options["local"] = links.clock().zone is not None
    told = {name: value for name, value in options.items() if value or name == "strips"}
    since = b""
    if live:
        sent, since = go_on(st.session_state.get(f"{key}{_SENT}"), drawn, key, look, told)
        st.session_state[f"{key}{_SENT}"] = sent
        message = sent.message
    else:
        message = drawn.payload(key, look, **told)
    with st.container(gap=None):
        state = _map(key=key, data=message, on_picked_change=picked, on_asked_change=asked)
        _part(key=f"{key}-layers", data=payload.layers(key, **drawn.layers, series=list(series)))
        if live:
            _part(key=f"{key}-columns", data=since or payload.pack({"role": "nothing"}))
    return Drawn(drawn, st.session_state.get(kept), state.asked)
