"""Which maintenance brackets hold: a dated table, a venue's own of today, or a rate of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

from liqcore import wording
from liqcore.feeds.status import FeedError
from liqcore.feeds.venues.registry import VENUES
from liqcore.heat.tiers import TIERS
from liqcore.margins import TierTable
from liqcore.service.app import OFFLINE, offline
from liqcore.views import links, market as live_market, shell

if TYPE_CHECKING:
    from liqcore.risk.sizing import Contract

OWN: Final = "own"
# Venues that count the fee of closing as maintenance.
_CLOSING_FEE: Final = ("okx", "gate")


def choose(contract: Contract) -> TierTable | None:
    """The brackets of a contract, and a line on where they are from; None for a rate of one's own."""
    dated = {_name(table): table for table in TIERS if table.contract == contract}
    live = {
        venue.id: venue.name
        for venue in VENUES.values()
        if venue.tiers and venue.unified.endswith(":BTC") == (contract == "inverse")
    }
    names = {name: f"{table.venue} {table.symbol}, {table.as_of}" for name, table in dated.items()}
    names |= {name: f"{title}, read today" for name, title in live.items()} | {OWN: "Own rate"}
    chosen = links.select(
        "Maintenance brackets",
        names,
        "brackets",
        help=(
            "Dated tables have a public source. Those read today are asked of the venue, without a key. Or"
            " give the rate of your bracket yourself."
        ),
    )
    if chosen not in live:
        return dated.get(chosen)
    if offline():
        st.caption(
            f":orange[:material/wifi_off: {OFFLINE} is set, so {live[chosen]} is not asked.] Choose a dated"
            " table, or type the rate of your bracket."
        )
        return None
    try:
        table = _read(chosen)
    except FeedError as problem:
        st.caption(
            f":orange[:material/wifi_off: {wording.markdown(str(problem))}] Choose a dated table, or type the"
            " rate of your bracket."
        )
        return None
    st.caption(wording.markdown(told(table)))
    return table


def told(table: TierTable) -> str:
    """A table in a sentence: whose, of which day, and how its rates hold."""
    how = (
        "each rate holds for its part of the position"
        if table.kind == "marginal"
        else "the rate of the bracket holds for the whole position"
    )
    unit = "BTC" if table.contract == "inverse" or table.unit == "quantity" else "USD"
    first = wording.percent(table.rates[0], exact=True)
    end = wording.field(table.floors[1] if len(table.floors) > 1 else table.cap)
    return (
        f"{wording.count(len(table.rates), 'bracket')} of {table.venue} {table.symbol}, read on"
        f" {table.as_of}: {first} up to {end} {unit}; {how}."
    )


def counts_closing_fee() -> str:
    """The venue chosen, where it counts the fee of closing as maintenance; else nothing."""
    chosen = str(st.session_state.get("brackets", ""))
    return VENUES[chosen].name if chosen in _CLOSING_FEE else ""


def _name(table: TierTable) -> str:
    return f"{table.venue}-{table.symbol}-{table.as_of}".lower()


@st.cache_data(ttl="6h", max_entries=12, show_spinner="Asking the venue for its brackets")
def _read(venue: str) -> TierTable:
    from liqcore.feeds.venues.market import leverage_tiers

    return leverage_tiers(live_market.session(), venue, shell.now())
