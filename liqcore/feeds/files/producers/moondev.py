"""Moon Dev's recorder of Binance's liquidation stream, as many copies of it write their CSV."""

from __future__ import annotations

from typing import Final

from liqcore.feeds.files.producers.base import by_header

PRODUCERS: Final = (
    by_header(
        "Moon Dev's recording of Binance liquidations",
        "liquidations",
        {"side", "averageprice", "orderfilledaccumulatedquantity"},
        chosen={
            "price": ("averageprice",),
            "quantity": ("orderfilledaccumulatedquantity",),
            "time": ("ordertradetime", "datetime"),
        },
        venue="binance",
        side_meaning="order",
        quantity_unit="BTC",
    ),
)
