"""Aster: speaks as Binance does, on a socket of its own; a snapshot a second, no history."""

from __future__ import annotations

from typing import Final

from liqcore.feeds.venues import binance
from liqcore.feeds.venues.series import candles, funding
from liqcore.feeds.venues.venue import Venue

_LINEAR: Final = ("BTCUSDT",)

VENUES: Final = (
    Venue(
        id="aster",
        name="Aster",
        ccxt="aster",
        hosts=("asterdex",),
        side="order",
        price_kind="fill",
        completeness="sampled",
        completeness_words=binance.SAMPLED.format(name="Aster"),
        linear=_LINEAR,
        parse=binance.parse,
        refusal=binance.refusal,
        lines=(binance.line("wss://fstream.asterdex.com/ws", _LINEAR),),
        meaning=binance.meaning,
        candles=candles(1500),
        funding=funding(1000),
    ),
)
