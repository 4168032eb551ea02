"""Who wrote a file: one module a producer, asked in this order; the first that fits reads it.

A new producer is a module with `PRODUCERS`, a line here, and its own case in `tests/feeds/file_kinds.py`.
"""

from __future__ import annotations

from typing import Final

from liqcore.feeds.files.draft import Request
from liqcore.feeds.files.producers import (
    bars,
    binance,
    binance_vision,
    bitget,
    bitmex,
    bitstamp,
    bybit,
    ccxt_dump,
    coinalyze,
    coinglass,
    coinmarketcap,
    cryptodatadownload,
    cryptofeed,
    deribit,
    dukascopy,
    freqtrade,
    gate,
    heatlab,
    htx,
    hyperliquid,
    liqstream,
    metatrader,
    moondev,
    nautilus,
    okx,
    tardis,
    trades,
    tradingview,
    wide,
    yfinance,
)
from liqcore.feeds.files.producers.base import GENERIC, Producer
from liqcore.feeds.files.table import RawTable

__all__ = ["GENERIC", "PRODUCERS", "Producer", "refuse_trades"]

PRODUCERS: Final[tuple[Producer, ...]] = tuple(
    producer
    for module in (
        heatlab,
        hyperliquid,
        deribit,
        trades,
        liqstream,
        binance_vision,
        moondev,
        tardis,
        cryptofeed,
        ccxt_dump,
        nautilus,
        binance,
        bitget,
        bybit,
        okx,
        htx,
        gate,
        coinglass,
        coinalyze,
        freqtrade,
        cryptodatadownload,
        bitstamp,
        coinmarketcap,
        yfinance,
        bitmex,
        metatrader,
        dukascopy,
        wide,
        bars,
        tradingview,
    )
    for producer in module.PRODUCERS
)


def refuse_trades(raw: RawTable, request: Request) -> None:
    """Raise where the file holds trades, fills or an order book, whatever it was asked to be."""
    for producer in trades.PRODUCERS:
        if producer.fits(raw):
            producer.read(raw, request)
