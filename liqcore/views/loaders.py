"""Cached access to samples and heatmaps, and the files a visitor has brought."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import ref

import pandas as pd
import streamlit as st

from liqcore import wording
from liqcore.feeds.history.presets import NAMED_DAYS, PRESETS, preset_for
from liqcore.heat.grid import GridError, HeatGrid
from liqcore.service import dataset
from liqcore.service.app import FIRST
from liqcore.service.dataset import Dataset, ViewSettings
from liqcore.service.shared import Shared
from liqcore.tables import TableError
from liqcore.views import links, market as live_market, owner
from liqcore.views.for_all import for_all

if TYPE_CHECKING:
    from liqcore.service.real import Look

T = TypeVar("T")
SAMPLES: Final = {"violent": "Violent sample", "calm": "Calm sample"}
# As narrow as the longest of them allows: with every other control they fill a row of 1,120 pixels.
_MARKET_WIDTH: Final = 138
NOW: Final = "now"
DAYS: Final = "days"
OWN: Final = "files"
WINDOWS: Final = {name: one.title for name, one in PRESETS.items()}
STORE: Final = "store"
# How the key of a market begins that a collector holds.
_COLLECTED: Final = "live:"
# A page that draws no map of its own window works on so much; and seconds it waits for the market.
_PLAIN_WINDOW: Final = "14d"
_PATIENCE: Final = 2.5
# A day has no other map to show meanwhile: its page is there sooner, and says how far the fetch is.
_DAY_PATIENCE: Final = 1.2
# A day's map takes 0.2 MB, the largest 20; as much again is kept beside each for drawing.
_MOST_BYTES: Final = 96_000_000
# What tables, windows and grids may say is wrong.
DATA_PROBLEMS: Final = (dataset.DataError, GridError, TableError)


@st.cache_resource(max_entries=len(SAMPLES), show_spinner="Opening the sample market")
def sample(name: str) -> Dataset:
    """A bundled sample market. The tables are shared by all visitors and must not be changed."""
    return dataset.of_sample(name)


@st.cache_resource(show_spinner=False)
def _grids() -> Shared[HeatGrid]:
    """One grid for all who ask the same: copying it for every run would cost more than all the rest of a
    click."""
    return Shared(_MOST_BYTES, lambda grid: 2 * (grid.long.nbytes + grid.short.nbytes))


def heatmap(data: Dataset, settings: ViewSettings) -> HeatGrid:
    """The HeatGrid that the settings ask for, computed once for equal questions."""
    return _grids().get(dataset.view_key(data, settings), lambda: _heatmap(data, settings))


def _heatmap(data: Dataset, settings: ViewSettings) -> HeatGrid:
    walk = dataset.walked(data, settings)
    if walk is None:
        grid = dataset.heatmap(data, settings)
    else:
        grid = dataset.columns_of(heatmap(data, walk), data, settings)
    for values in (grid.long, grid.short, grid.time_edges, grid.price_edges):
        values.flags.writeable = False
    return grid


@for_all(64, 7_200)
def _price_bars(_data: Dataset, _settings: ViewSettings, key: str) -> pd.DataFrame | None:
    return dataset.price_bars(_data, _settings)


def price_bars(data: Dataset, settings: ViewSettings) -> pd.DataFrame | None:
    """Candles for the chart, or None where there are none."""
    asked = settings.layer, settings.timeframe, settings.hours, settings.until, settings.venues
    return _price_bars(data, settings, f"{dataset.prices_key(data)}|{asked}")


@for_all(128, 7_200)
def _once(_make: Callable[[], Any], what: str, key: str) -> Any:
    return _make()


def once(make: Callable[[], T], what: str, key: str) -> T:
    """What `make` finds out, which depends on `what` and `key` alone and is never changed: found out once for
    all who ask the same."""
    found: T = _once(make, what, key)
    return found


def pick(undated: bool = False) -> Dataset | None:
    """The market to look at, with its window where it has one. None while there are no files yet.

    `undated` is for those who must not know the day: of the named days a number draws one.
    """
    name, place = market(), st.container()
    if undated and name == DAYS:
        return named_day(links.asked_number("seed", 2))
    data = opened(name, _PLAIN_WINDOW)
    if data is not None and data.window:
        with place:
            links.choice("Window", WINDOWS, _PLAIN_WINDOW, "span", label_visibility="collapsed")
    return data


def market() -> str:
    """Which market is asked for: its name in the address."""
    return links.select(
        "Market",
        {NOW: "BTC now", **SAMPLES, DAYS: "Named days", STORE: "Collected live", OWN: "Your files"},
        "data",
        width=_MARKET_WIDTH,
        label_visibility="collapsed",
        help=(
            "BTC now is the real market, from the venues' public data. The sample market is synthetic: it is"
            " there so that you can learn without a network. Named days are days that traders remember."
            " Collected live is what this app has heard from venues in the last day. Your files stay in this"
            " session."
        ),
    )


def opened(name: str, window: str = FIRST, place: Any = None) -> Dataset | None:
    """The data of a market; None, and a sentence or a place for files, while there is none.

    `window` is the span of the market of now where the address names none, `place` where a line about it or a
    choice of days stands.
    """
    with place or nullcontext():
        if name == NOW:
            return now(links.asked("span", WINDOWS, window))
        if name == DAYS:
            return named_day()
    if name == STORE:
        return _collected()
    if name != OWN:
        return sample(name)
    # Reading files is code that the sample and the market of now do without.
    from liqcore.service import together
    from liqcore.views import uploads

    held = uploads.brought(place)
    if not held:
        return None
    return together.combine([contents for _, contents in held], [name for name, _ in held], uploads.mark())


def bring(words: str) -> None:
    """Which files a page needs, where one's own are looked at and there are none yet. Any other market that
    holds nothing has said why."""
    if st.session_state.get("data") == OWN:
        st.info(words, icon=":material/upload_file:")


def held(data: Dataset) -> Callable[[], Dataset | None]:
    """A way back to a market, for a session that comes back to it later.

    A market that goes on is another one every minute: each visitor would hold on to the minute that he saw
    last, after everybody else has gone on. Where nobody holds that any more, it is the market as it is now.
    """
    window, collected = data.window, data.key.startswith(_COLLECTED)
    if not window and not collected:
        return lambda: data
    seen = ref(data)

    def back() -> Dataset | None:
        return seen() or (live_market.app().real.look(window).data if window else _store())

    return back


def real(hours: float) -> Dataset | None:
    """The real market of the shortest span that covers so many hours; None, without a word, while there is
    none."""
    return _look(preset_for(hours).name, _PATIENCE).data


def _look(name: str, patience: float) -> Look:
    """What there is of a market; where it is on its way, after so many seconds at most, which are told."""
    held = live_market.app().real
    look = held.look(name)
    if not look.busy:
        return look
    with st.spinner("Asking the venues for the market"):
        return held.look(name, patience)


def now(window: str) -> Dataset:
    """The real market of a span up to now; while there is none, the sample and one line that says so."""
    look = _look(window, _PATIENCE)
    _under_way(window, look)
    if look.away:
        st.caption(f":material/wifi_off: {wording.markdown(look.away)}")
    if look.data is not None:
        return look.data
    if not look.busy:
        st.caption("Below is the sample market, which is synthetic, because no real map was fetched before.")
    return sample("violent")


def named_day(hidden: int | None = None) -> Dataset | None:
    """A day that traders remember, fetched when it is asked for and kept; None, and why, while there is none.

    With `hidden`, a number, it is one that the number draws, and nothing says which.
    """
    if hidden is not None:
        date = list(NAMED_DAYS)[hidden % len(NAMED_DAYS)]
    else:
        days = {name: day.title for name, day in NAMED_DAYS.items()}
        row = st.container(horizontal=True, vertical_alignment="center", gap="xsmall")
        with row:
            date = links.select("Day", days, "day", "2024-08-05", width=230, label_visibility="collapsed")
        with row.popover("Why these days", icon=":material/history_edu:"):
            st.table(
                pd.DataFrame(
                    [
                        {"Day": day.date, "Called": day.name, "Why it matters": day.why}
                        for day in NAMED_DAYS.values()
                    ]
                ).set_index("Day")
            )
    data = day(date)
    return data if data is None or hidden is None else replace(data, label="A named day")


def day(date: str) -> Dataset | None:
    """A named day by its date, fetched once and kept; None, and why, while there is none."""
    look = _look(date, _DAY_PATIENCE)
    _under_way(date, look)
    if look.data is None:
        why = look.away or "It is on its way from the public archive."
        st.info(
            f"{wording.markdown(why)} This day is fetched from the public archive once and then kept; without"
            " a network, choose a sample market.",
            icon=":material/wifi_off:",
        )
    return look.data


def _under_way(name: str, look: Look) -> None:
    """How far a first fetch is, with a way to end it; the page is drawn again when it is over."""
    if look.busy and not look.fresh:
        st.fragment(_progress, run_every=0.7, key=f"fetching-{name}")(name)


def _progress(name: str) -> None:
    held = live_market.app().real
    look = held.look(name)
    if not look.busy:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(look.share, f"Fetching the market: {look.words}, {wording.percent(look.share, digits=0)}")
        # The fetch is everybody's who looks at this market.
        if owner.here():
            st.button(
                "Stop", key=f"stop-{name}", help="What came is kept.", on_click=held.cancel, args=(name,)
            )


def _store() -> Dataset | None:
    return live_market.dataset(live_market.collector(), "Live", False, "live")


def _collected() -> Dataset | None:
    """What the live collector holds, read anew every minute; None and a sentence while it holds nothing."""
    found = _store()
    if found is None:
        st.warning(
            "Nothing has been collected yet. The Live page says which sources answer; without a network, the"
            " sample market is here.",
            icon=":material/wifi_off:",
        )
    return found
