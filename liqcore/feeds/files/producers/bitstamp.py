"""Kaggle's minute bars of Bitstamp, in which minutes without a trade are empty or repeat the last price."""

from __future__ import annotations

from typing import Final

from liqcore.feeds.files.producers.base import by_header

PRODUCERS: Final = (
    by_header(
        "Kaggle's minute bars of Bitstamp",
        "candles",
        {"timestamp", "open", "high", "low", "close", "volumebtc", "volumecurrency"},
        venue="bitstamp",
    ),
)
