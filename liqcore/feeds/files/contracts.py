"""How much one unit of a quantity is on each venue: a coin, a contract of coins, or a contract of dollars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from liqcore.feeds.files import symbols

# BTC that one unit of a contract settled in dollars is, and USD that one unit of a contract settled in BTC
# is (the venues' own contract specifications). Venues that are missing are not known.
LINEAR: Final = {
    "binance": 1.0, "bybit": 1.0, "bitget": 1.0, "hyperliquid": 1.0, "dydx": 1.0, "bitfinex": 1.0, "ftx": 1.0,
    "kraken": 1.0, "deribit": 1.0, "lighter": 1.0, "aster": 1.0, "okx": 0.01, "htx": 0.001, "gate": 0.0001,
    "kucoin": 0.001, "mexc": 0.0001, "bitmex": 1e-6,
}  # fmt: skip
INVERSE: Final = {
    "binance": 100.0,
    "binance-coin": 100.0, "bybit": 1.0, "okx": 100.0, "htx": 100.0, "bitmex": 1.0, "deribit": 1.0, "kraken": 1.0,  # noqa: E501
    "kucoin": 1.0, "gate": 1.0,
}  # fmt: skip
# Venues without contracts settled in BTC: what they price in USD is counted in coins all the same.
_ONLY_LINEAR: Final = ("hyperliquid", "dydx", "ftx", "lighter", "aster", "bitfinex")


@dataclass(frozen=True)
class Unit:
    """One unit of quantity: `size` BTC, or `size` USD where `dollars`."""

    size: float
    dollars: bool

    @property
    def words(self) -> str:
        if self.size == 1.0:
            return "USD" if self.dollars else "BTC"
        return f"{self.size:g}-USD contracts" if self.dollars else f"contracts of {self.size:g} BTC"


def unit(venue: str, symbol: str) -> Unit | None:
    """What a venue counts for a symbol; None where that is not known. `venue` is the house's name."""
    found = symbols.bitcoin(symbol)
    if found is None or (venue == "okx" and found.quote not in ("USDT", "USD")):
        return None
    if venue in _ONLY_LINEAR:
        return Unit(LINEAR[venue], False)
    if venue == "binance-coin":
        return Unit(INVERSE[venue], True)
    if not found.quote and venue in ("deribit", "bitmex") and symbol.strip().upper() not in ("BTC", "XBT"):
        return Unit(INVERSE[venue], True)
    if found.quote == "USD":
        inverse = found.inverse or venue != "kraken"
        if venue == "kraken" and not symbol.upper().startswith(("PI_", "FI_", "PF_")):
            return None
        sizes = INVERSE if inverse else LINEAR
        return Unit(sizes[venue], inverse) if venue in sizes else None
    if not found.quote:
        # A bare BTC leaves the contract open where a venue counts anything but coins.
        return Unit(1.0, False) if LINEAR.get(venue) == 1.0 and venue not in ("deribit", "kraken") else None
    return Unit(LINEAR[venue], False) if venue in LINEAR else None


def home(symbol: str) -> str:
    """The venue whose way of writing a symbol is its own, or `unknown`."""
    text = symbol.strip().upper()
    if text.endswith("-SWAP"):
        return "okx"
    if text.startswith(("PI_", "PF_", "FI_", "FF_")):
        return "kraken"
    if text.startswith("XBT") and text.endswith("M"):
        return "kucoin"
    if text.startswith("XBT") and text not in ("XBT", "XBT/USD"):
        return "bitmex"
    if text.startswith("BTCUSD_"):
        return "binance"
    return "deribit" if text == "BTC-PERPETUAL" else "unknown"
