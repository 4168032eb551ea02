"""Ordinary trades, fills and order books: refused by name, because they look like liquidations."""

from __future__ import annotations

import re
from typing import Final

import pandas as pd

from liqcore.feeds.files import columns as cells
from liqcore.feeds.files.draft import Draft, Request
from liqcore.feeds.files.producers.base import Producer, keys
from liqcore.feeds.files.table import RawTable, shown
from liqcore.tables import TableError

_SURE: Final = {
    "tickdirection": "tick directions",
    "trdmatchid": "match ids",
    "isbuyermaker": "the flag is_buyer_maker",
    "buyermaker": "the flag buyer_maker",
    "isbuyer": "the flag is_buyer",
    "isbestmatch": "the flag is_best_match",
    "aggtradeid": "ids of aggregated trades",
    "firsttradeid": "trade ids",
    "lasttradeid": "trade ids",
    "aggressorside": "the aggressor's side",
    "takerormaker": "the word taker or maker",
    "tradeseq": "trade numbers",
    "makerorderid": "order ids of makers",
}
_LIKELY: Final = {
    "tradeid": "trade ids",
    "tid": "trade ids",
    "dealid": "deal ids",
    "matchid": "match ids",
    "execid": "execution ids",
}
# Columns that mark liquidations among other rows, and their words for yes and no (Deribit's say whose order).
_FLAGS: Final = (
    "liquidation",
    "isliquidation",
    "liquidated",
    "isliquidated",
    "liq",
    "isliq",
    "liquidationflag",
)
_YES: Final = {"true", "t", "1", "1.0", "yes", "y", "m", "mt"}
_NO: Final = {"false", "f", "0", "0.0", "no", "n", "none", "null", "nan", "", "-"}
# A column of more words than this is text.
_MANY: Final = 50
_LIQUIDATION: Final = re.compile(r"liquidat|(?<![a-z])liq(?![a-z])", re.IGNORECASE)
_NAMED: Final = re.compile(r"(?<![a-z])(?:agg|public)?_?trades?(?![a-z])|(?<![a-z])aggtrades", re.IGNORECASE)


def _seen(raw: RawTable) -> str | None:
    """What gives trades away, or None."""
    held = keys(raw) if raw.headed else set()
    if {"open", "high", "low", "close"} <= held or {"o", "h", "l", "c"} <= held:
        return None
    if {"crossed", "oid", "tid"} <= held or {"dir", "closedpnl"} <= held:
        return None
    sure = next((words for name, words in _SURE.items() if name in held), None)
    liquidations = "liq" in raw.name.lower() or any("liq" in name for name in held)
    # Some venues mark the liquidations among their trades; the others are still trades.
    if sure is not None and not ("liquidation" in held and _filled(raw, "liquidation")):
        return sure
    if raw.headed and (mark := _marked(raw)):
        return f"rows that {shown(mark)} does not call liquidations"
    if held == {"id", "timestamp", "price", "volume", "side"} or (
        held == {"id", "timestamp", "price", "volume", "side", "rpi"}
    ):
        return "the columns of Bybit's spot trades"
    if liquidations:
        return None
    likely = next((words for name, words in _LIKELY.items() if name in held), None)
    if likely is not None:
        return likely
    if _NAMED.search(raw.name):
        return f"the file's name {shown(raw.name)}"
    # cryptofeed calls the size of a trade amount, and that of a liquidation quantity.
    if {"receipttimestamp", "amount", "id"} <= held and "quantity" not in held:
        return "cryptofeed's columns of trades"
    # A recording of the tape numbers its trades.
    if "id" in held and "localtimestamp" in held and _filled(raw, "id"):
        return "an id in every row"
    return None


def _marked(raw: RawTable) -> str | None:
    """The column that calls some rows liquidations and others, or all, not; None where none does."""
    for column in raw.columns:
        name, values = cells.key(column), raw.frame[column]
        if name in (*cells.VENUE, *cells.SYMBOL):
            continue
        if name in _FLAGS:
            words = set(values.dropna().unique()[:_MANY].tolist())
            said = {str(word).strip().lower() for word in words}
            if said <= _YES | _NO and (said & _NO or values.isna().any()):
                return str(column)
        elif isinstance(values.dtype, pd.CategoricalDtype) and len(values.cat.categories) <= _MANY:
            called = [bool(_LIQUIDATION.search(str(word))) for word in values.cat.categories]
            if any(called) and (not all(called) or bool(values.isna().any())):
                return str(column)
    return None


def _filled(raw: RawTable, name: str) -> bool:
    return bool(raw.frame[next(column for column in raw.columns if column.lower() == name)].notna().all())


def _is_fills(raw: RawTable) -> bool:
    held = keys(raw)
    return raw.headed and ({"closedpnl", "dir"} <= held or {"crossed", "oid", "tid"} <= held)


def _is_book(raw: RawTable) -> bool:
    held = keys(raw)
    return raw.headed and (
        "issnapshot" in held
        or {"bidprice", "askprice"} <= held
        or {"bids", "asks"} <= held
        or {"asks0price", "bids0price"} <= held
    )


def _refuse_trades(raw: RawTable, request: Request) -> Draft:
    raise TableError(
        f"These are ordinary trades, not liquidations, as {_seen(raw)}"
        f" {'shows' if 'file' in str(_seen(raw)) else 'show'}."
        " Upload a file of liquidations or candles."
    )


def _refuse_fills(raw: RawTable, request: Request) -> Draft:
    raise TableError(
        "These are fills of an account, not liquidations: no row says that it was a liquidation. Upload a"
        " file"
        " of liquidations or candles."
    )


def _refuse_book(raw: RawTable, request: Request) -> Draft:
    raise TableError("This is an order book, not liquidations. Upload a file of liquidations or candles.")


PRODUCERS: Final = (
    Producer("liquidations", _is_book, _refuse_book),
    Producer("liquidations", lambda raw: _seen(raw) is not None, _refuse_trades),
    Producer("liquidations", _is_fills, _refuse_fills),
)
