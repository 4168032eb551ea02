"""Dated maintenance brackets for BTC contracts.

Only complete tables with a source are here, newest first; those of other venues, and of today, are read from
the venue (`liqcore.feeds.venues.market.leverage_tiers`). A table is right for its day only.
"""

from __future__ import annotations

from typing import Final

from liqcore.margins import MarginError, TierTable

UNDATED: Final = "undated"
_FREQTRADE: Final = "freqtrade/exchange/binance_leverage_tiers.json, a public copy of Binance's brackets"

_SITE: Final = "the brackets Binance's own pages read, in a public copy"

TIERS: Final = (
    TierTable(
        venue="Binance",
        symbol="BTCUSDT",
        as_of="2026-09-16",
        source=_SITE,
        floors=(0, 300e3, 800e3, 3e6, 12e6, 70e6, 100e6, 230e6, 480e6, 600e6, 800e6, 1.2e9),
        cap=1.8e9,
        rates=(0.004, 0.005, 0.0065, 0.01, 0.02, 0.025, 0.05, 0.10, 0.125, 0.15, 0.25, 0.50),
        max_leverage=(150, 100, 75, 50, 25, 20, 10, 5, 4, 3, 2, 1),
    ),
    TierTable(
        venue="Binance",
        symbol="BTCUSD_PERP",
        as_of="2026-05-11",
        source=_SITE,
        floors=(0, 5, 10, 25, 150, 400, 950, 1200, 1600, 2400),
        cap=3500,
        rates=(0.004, 0.005, 0.01, 0.025, 0.05, 0.10, 0.125, 0.15, 0.25, 0.50),
        max_leverage=(125, 100, 50, 20, 10, 5, 4, 3, 2, 1),
        contract="inverse",
    ),
    TierTable(
        venue="Deribit",
        symbol="BTC_USDC-PERPETUAL",
        as_of=UNDATED,
        source="support.deribit.com, article 25944738177565: 1 % + 0.005 % for each BTC of the position",
        floors=(0,),
        cap=float("inf"),
        rates=(0.01,),
        max_leverage=(50,),
        growth=0.00005,
    ),
    TierTable(
        venue="Binance",
        symbol="BTCUSDT",
        as_of="2024-10-01",
        source=_FREQTRADE,
        floors=(0, 50e3, 600e3, 3e6, 12e6, 70e6, 100e6, 230e6, 480e6, 600e6, 800e6, 1.2e9),
        cap=1.8e9,
        rates=(0.004, 0.005, 0.0065, 0.01, 0.02, 0.025, 0.05, 0.10, 0.125, 0.15, 0.25, 0.50),
        max_leverage=(125, 100, 75, 50, 25, 20, 10, 5, 4, 3, 2, 1),
    ),
    TierTable(
        venue="Binance",
        symbol="BTCUSDT",
        as_of="2021-03-18",
        source="Binance announcement 86cf9aa472574b8cb2e05bb751c2a9a6",
        floors=(0, 50e3, 250e3, 1e6, 10e6, 20e6, 50e6, 100e6, 200e6, 300e6),
        cap=500e6,
        rates=(0.004, 0.005, 0.01, 0.025, 0.05, 0.10, 0.125, 0.15, 0.25, 0.50),
        max_leverage=(125, 100, 50, 20, 10, 5, 4, 3, 2, 1),
    ),
    TierTable(
        venue="Binance",
        symbol="BTCUSDC",
        as_of="2024-10-01",
        source=_FREQTRADE,
        floors=(0, 50e3, 500e3, 10e6, 80e6, 150e6, 300e6, 450e6, 600e6, 800e6),
        cap=1e9,
        rates=(0.004, 0.005, 0.01, 0.025, 0.05, 0.10, 0.125, 0.15, 0.25, 0.50),
        max_leverage=(125, 100, 50, 20, 10, 5, 4, 3, 2, 1),
    ),
)


def tier_table(venue: str, symbol: str = "BTCUSDT", day: str | None = None) -> TierTable:
    """The newest table of a venue's contract, or the newest that was out on a day (ISO, `2022-05-31`).

    Raises MarginError that names what there is.
    """
    found = [
        table
        for table in TIERS
        if table.venue.lower() == venue.lower()
        and table.symbol == symbol.upper()
        and (day is None or table.as_of <= day)  # what is undated is nobody's of a day
    ]
    if not found:
        known = ", ".join(f"{table.venue} {table.symbol} of {table.as_of}" for table in TIERS)
        asked = f"{venue} {symbol}" + (f" of {day} or before" if day else "")
        raise MarginError(
            f"There is no bracket table for {asked}. Known: {known}. Give the maintenance margin rate"
            " yourself."
        )
    return max(found, key=lambda table: table.as_of)
