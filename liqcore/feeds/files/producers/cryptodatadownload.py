"""CryptoDataDownload: candles with the volume in BTC and in USD, newest first."""

from __future__ import annotations

from typing import Final

from liqcore.feeds.files.producers.base import by_header

_PRICES: Final = {"symbol", "open", "high", "low", "close", "date"}
PRODUCERS: Final = tuple(
    by_header("CryptoDataDownload candles", "candles", _PRICES | {"volumebtc", f"volume{money}"})
    for money in ("usdt", "usd", "usdc", "busd")
)
