"""Hyperliquid: no liquidations of the whole venue; candles, open interest of now and funding."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pandas as pd

from liqcore.feeds.venues.series import candles, funding, interest
from liqcore.feeds.venues.venue import Series, Venue

if TYPE_CHECKING:
    from liqcore.feeds.rest.session import FeedSession


def _interest(session: FeedSession, venue: Venue, timeframe: str, first: int, last: int) -> pd.DataFrame:
    address, question = "https://api.hyperliquid.xyz/info", {"type": "metaAndAssetCtxs"}
    names, states = session.fetch(address, body=question).data
    place = [one["name"] for one in names["universe"]].index(venue.linear[0])
    return interest(venue, [int(session.clock() * 1_000)], [states[place]["openInterest"]])


VENUES: Final = (
    Venue(
        id="hyperliquid",
        name="Hyperliquid",
        ccxt="hyperliquid",
        hosts=("hyperliquid",),
        side="none",
        price_kind="unknown",
        completeness="unknown",
        completeness_words=(
            "Hyperliquid publishes no liquidations of the whole venue; only its candles, open interest and"
            " funding are used."
        ),
        linear=("BTC",),
        unified="BTC/USDC:USDC",
        reference=4,
        candles=replace(candles(5000), in_all=5000),
        open_interest=Series(_interest, 1, reach=0.0),
        funding=funding(500, every=1),
    ),
)
