"""Three minutes on the map: touch a band, drag the price through it, look at another venue."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd
import streamlit as st

from liqcore import wording
from liqcore.charts.picture import Look
from liqcore.heat.grid import HeatGrid
from liqcore.service.dataset import Dataset, ViewSettings
from liqcore.views import explain, heat, links, loaders, shell

_STEP: Final = "tour"
# The scenario that the tour leads to: the first thing to get right, and the soonest read.
FIRST: Final = "long-or-short"
_MOVE, _VENUE = "tourprice", "tourvenue"
_MOST: Final = 6.0
_NOTCH: Final = 0.25
_SETTINGS: Final = ViewSettings(layer="modelled", timeframe="1h", hours=72.0, bins=80, reach=_MOST / 100)
_TITLES: Final = ("Touch a strong band", "Drag the price", "Look at another venue")
_TASKS: Final = (
    "A *band* is a row of strong cells; one cell is an hour wide and one *price bin* ({bin}) high. Colour"
    " says how many dollars would be closed by force there. It is *modelled*, an estimate: no venue publishes"
    " this.",
    "Take hold of the green line on the map, or use the slider, and go through the band: whose positions"
    " would be closed on the way?",
    "A *venue* is one exchange. Those of this made-up market are named after trees, so that nobody takes"
    " Alder or Birch for a real one. Does the band stand on one of them, or on all?",
)


def step() -> int | None:
    """The step of the tour in the address; None where the page is not on tour."""
    told = str(st.query_params.get(_STEP, ""))
    return int(told) if told in ("1", "2", "3") else None


def begin() -> None:
    """A button's answer: the first step."""
    _to(1)


def _to(number: int) -> None:
    st.query_params[_STEP] = str(number)


def tour(number: int) -> None:
    """One step: what to do, what was found, and the map it is done on."""
    st.title(_TITLES[number - 1])
    data = loaders.sample("violent")
    whole, bars = loaders.heatmap(data, _SETTINGS), loaders.price_bars(data, _SETTINGS)
    last = explain.last_close(whole, bars)
    if bars is None or last is None:
        st.error("The sample market has no candles. Run `make samples` to build it again.")
        return
    width = wording.price(whole.price_edges[1] - whole.price_edges[0])
    st.markdown(wording.markdown(_TASKS[number - 1].format(bin=width)))
    grid = _of_venue(data) if number == 3 else whole
    drawn = heat.heatmap(
        grid,
        bars,
        key="tour",
        note=explain.provenance_line(grid, synthetic=True, now=shell.now()),
        look=Look(profile=False, volume=False),
        height=340,
        levels=_line(last) if number == 2 else None,
        controls="legend",
        pick=number == 1,
        on_asked=lambda asked: _dragged(asked, last),
    )
    sentence = (_touched(drawn.picked, grid), _moved(grid, bars, last), _compared(whole, grid))[number - 1]
    if sentence is not None:
        st.success(wording.markdown(sentence), icon=":material/check_circle:")
    _buttons(number, sentence is not None)
    st.caption(wording.markdown(explain.provenance_line(grid, synthetic=True, now=shell.now())))


def _buttons(number: int, done: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{number} of 3", width="content")
        if number > 1:
            st.button("Back", icon=":material/arrow_back:", key="tourback", on_click=_to, args=(number - 1,))
        if number < 3:
            st.button(
                "Next",
                icon=":material/arrow_forward:",
                icon_position="right",
                key="tournext",
                type="primary" if done else "secondary",
                on_click=_to,
                args=(number + 1,),
            )
        if st.button(
            "Answer your first question",
            icon=":material/school:",
            key="question",
            type="primary" if number == 3 else "tertiary",
        ):
            st.switch_page(shell.path("walkthrough"), query_params={"scenario": FIRST})


def _touched(found: Any, grid: HeatGrid) -> str | None:
    # Stories bring SciPy along, which the page that opens first does without until somebody touches the map.
    from liqcore.views.explore.stories import picked_cell

    cell = picked_cell(found, grid)
    if cell is None:
        return None
    where, turn, trade = ("below", "falls", "sale") if cell.side == "long" else ("above", "rises", "purchase")
    return (
        f"On {wording.when(cell.start)} the model saw {wording.usd(cell.usd)} of {cell.side}s from"
        f" {wording.price(cell.low)} to {wording.price(cell.high)}, {where} the price of that hour. If price"
        f" {turn} there they are closed by force, and each closing is a {trade}. Whether price goes there,"
        " the map does not say."
    )


def _line(last: float) -> pd.DataFrame:
    """The line to drag, where the slider has it."""
    move = float(st.slider("Price moves by", -_MOST, _MOST, 0.0, _NOTCH, format="%+.2f %%", key=_MOVE))
    return pd.DataFrame(
        [("price", last * (1 + move / 100), "Drag the price")], columns=["drag", "price", "label"]
    )


def _dragged(asked: dict[str, Any], last: float) -> None:
    """Before the run that a dragged line starts: the slider goes where the line was let go."""
    if asked.get("what") == "price":
        move = round(100 * (float(asked["price"]) / last - 1) / _NOTCH) * _NOTCH
        st.session_state[_MOVE] = min(max(move, -_MOST), _MOST)


def _moved(grid: HeatGrid, bars: pd.DataFrame, last: float) -> str | None:
    move = float(st.session_state.get(_MOVE) or 0.0)
    return None if move == 0 else explain.what_if(grid, bars, last * (1 + move / 100))


def _of_venue(data: Dataset) -> HeatGrid:
    names = {"all": "All five", **{name: name for name in data.venues}}
    venue = links.choice("Venue", names, "all", _VENUE, label_visibility="collapsed")
    chosen = () if venue == "all" else (venue,)
    return loaders.heatmap(data, ViewSettings(**{**vars(_SETTINGS), "venues": chosen}))


def _compared(whole: HeatGrid, grid: HeatGrid) -> str | None:
    if grid is whole:
        return None
    places = []
    for one in (grid, whole):
        stands = one.total[-1]
        places.append((int(stands.argmax()), float(stands.max()), float(stands.sum())))
    (here, usd, part), (there, _, everything) = places
    edges = whole.price_edges
    same = "the same place as" if abs(here - there) <= 1 else "another place than"
    return (
        f"{wording.venue(grid.provenance.venue_names[0])} alone holds {wording.share(part, everything)} of"
        f" what stands open here. Its strongest bin, {wording.usd(usd)} from {wording.price(edges[here])} to"
        f" {wording.price(edges[here + 1])}, is {same} that of all five. A band on one venue only can be one"
        " trader; on many it is less likely. Colours are relative to each map, so compare the amounts."
    )
