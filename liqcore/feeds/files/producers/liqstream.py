"""liq-stream: liquidations of several venues with the order's side, the position and the value in USD."""

from __future__ import annotations

from typing import Final

from liqcore.feeds.files.producers.base import by_header

PRODUCERS: Final = (
    by_header(
        "liq-stream liquidations",
        "liquidations",
        {"liqside", "exchange", "price", "notional"},
        chosen={"side": ("liqside",), "time": ("tsms", "tsiso"), "quantity": ("qty",)},
    ),
)
