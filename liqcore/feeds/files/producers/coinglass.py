"""CoinGlass: liquidation orders, whose side its own pages explain in two ways, and totals an interval."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from liqcore.feeds.files import columns as cells, labels
from liqcore.feeds.files.draft import Draft, Request
from liqcore.feeds.files.producers.base import Producer, by_header, column, keys, read_as
from liqcore.feeds.files.table import RawTable


def _is_orders(raw: RawTable) -> bool:
    return (
        raw.headed
        and {"exchangename", "price", "side"} <= keys(raw)
        and bool(keys(raw) & {"usdvalue", "volusd"})
    )


def _read_orders(raw: RawTable, request: Request) -> Draft:
    side = column(raw, "side") or ""
    words = raw.frame[side].astype(str).str.strip().str.replace(r"\.0$", "", regex=True)
    frame = raw.frame.assign(**{side: words.replace({"1": "buy", "2": "sell"}).astype("category")})
    told = set(labels.side_words(frame[side]).unique()) <= {"long", "short"}
    named = replace(raw, frame=frame)
    chosen = {"notional": column(raw, "usdvalue", "volusd") or "", "side": side}
    if not told and "side_meaning" not in request.mapping:
        raise cells.need(
            raw,
            "liquidations",
            cells.find_columns(named, "liquidations", chosen),
            ("side_meaning",),
            "CoinGlass explains its side 1 and 2 in two ways: as buy and sell orders, and as liquidated longs"
            " and shorts. Choose the side of the order, or of the position.",
        )
    return read_as("liquidations", named, request, "CoinGlass liquidation orders", chosen)


PRODUCERS: Final = (
    Producer("liquidations", _is_orders, _read_orders),
    by_header(
        "CoinGlass liquidation totals",
        "liquidations",
        {"aggregatedlongliquidationusd", "aggregatedshortliquidationusd"},
    ),
)
