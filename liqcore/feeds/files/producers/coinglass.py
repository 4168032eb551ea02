"""CoinGlass: liquidation orders, whose side its own pages explain in two ways, and totals an interval."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from liqcore.feeds.files import columns as cells, labels
from liqcore.feeds.files.draft import Draft, Request
from liqcore.feeds.files.producers.base import Producer, by_header, column, keys, read_as
from liqcore.feeds.files.table import RawTable, shown
from liqcore.tables import TableError

# Names of files whose bars are of open interest (`BTCUSDT.P_OI` is TradingView's), and of anything else that
# has an open, high, low and close and is no price.
_INTEREST: Final = re.compile(r"open[-_ ]?interest|(?<![a-z])oi(?![a-z])")
_NO_PRICE: Final = re.compile(
    r"funding|premium|(?<![a-z])basis(?![a-z])|dominance|long[-_ ]?short|(?<![a-z])ratio(?![a-z])"
)


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


def _has_bars(raw: RawTable) -> bool:
    """Whether there is nothing but bars: what stands beside prices may have named the file too."""
    prices, beside = {"open", "high", "low", "close"}, keys(raw) - {*cells.VENUE, *cells.SYMBOL}
    return raw.headed and prices <= beside and beside - prices <= set(cells.BAR_TIME)


def _read_interest(raw: RawTable, request: Request) -> Draft:
    opened = column(raw, "open") or ""
    out = read_as("open_interest", raw, request, "Bars of open interest", {"quantity": opened})
    out.notes.append(
        "Of each bar of open interest the opening value was taken, which was known at the bar's time."
    )
    return out


def _refuse_bars(raw: RawTable, request: Request) -> Draft:
    found = _NO_PRICE.search(raw.name.lower())
    raise TableError(
        f"By the file's name these are bars of {shown(found[0] if found else raw.name)} and not of the price."
        " Upload bars of the price, or rename the file if its name misleads."
    )


PRODUCERS: Final = (
    Producer(
        "open_interest",
        lambda raw: _has_bars(raw) and _INTEREST.search(raw.name.lower()) is not None,
        _read_interest,
    ),
    Producer(
        "candles", lambda raw: _has_bars(raw) and _NO_PRICE.search(raw.name.lower()) is not None, _refuse_bars
    ),
    Producer("liquidations", _is_orders, _read_orders),
    by_header(
        "CoinGlass liquidation totals",
        "liquidations",
        {"aggregatedlongliquidationusd", "aggregatedshortliquidationusd"},
    ),
)
