"""HTX: its own liquidation orders, counted in contracts, whose side is the order's, and its bars."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from liqcore.feeds.files.draft import Draft, Request
from liqcore.feeds.files.producers.base import Producer, asking, column, keys, read_as
from liqcore.feeds.files.table import RawTable


def _fits(raw: RawTable) -> bool:
    held = keys(raw)
    return (
        raw.headed
        and {"contractcode", "volume"} <= held
        and bool(held & {"bankruptprice", "direction"})
        and bool(held & {"liquidationtime", "createdat"})
    )


def _read(raw: RawTable, request: Request) -> Draft:
    chosen = {
        "time": column(raw, "liquidationtime", "createdat") or "",
        "symbol": column(raw, "contractcode") or "",
        "side": column(raw, "positionside", "side", "direction") or "",
        "price": column(raw, "bankruptprice", "price") or "",
        "quantity": column(raw, "volume") or "",
    }
    asked = asking(request, "htx", side_meaning="order", quantity_unit="contracts")
    out = read_as("liquidations", raw, asked, "HTX's own liquidation orders", chosen)
    # The USD beside it is of the whole order, and the size follows from the contracts.
    out.frame["price_kind"] = "bankruptcy"
    return out


def _is_bars(raw: RawTable) -> bool:
    held = keys(raw)
    return raw.headed and {"id", "open", "close", "low", "high", "amount", "vol", "count"} <= held


def _read_bars(raw: RawTable, request: Request) -> Draft:
    """Bars named by their second, whose `amount` is BTC on every market; `vol` is USD or contracts."""
    amount, vol = column(raw, "amount") or "", column(raw, "vol") or ""
    plain = replace(raw, frame=raw.frame.drop(columns=vol).rename(columns={amount: "amount BTC"}))
    chosen = {"time": column(raw, "id") or "", "volume": "amount BTC"}
    return read_as("candles", plain, request, "HTX klines", chosen)


PRODUCERS: Final = (Producer("liquidations", _fits, _read), Producer("candles", _is_bars, _read_bars))
