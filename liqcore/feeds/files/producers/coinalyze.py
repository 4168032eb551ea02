"""Coinalyze: exports without header, and answers of its API with one letter a column."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from liqcore.feeds.files import columns as cells, labels
from liqcore.feeds.files.draft import Draft, Request
from liqcore.feeds.files.producers.base import GENERIC, Producer, read_as
from liqcore.feeds.files.table import RawTable
from liqcore.tables import TableError

# The letter or digit after the point of a symbol, by its list of exchanges.
_VENUES: Final = {
    "A": "binance",
    "6": "bybit",
    "3": "okx",
    "4": "htx",
    "Y": "gate",
    "0": "bitmex",
    "2": "deribit",
}


def _coinalyze(kind: str, word: str, width: int, names: tuple[str, ...]) -> Producer:
    """Coinalyze's exports have no header; file name or width tell what they hold."""

    def fits(raw: RawTable) -> bool:
        return not raw.headed and len(raw.columns) == width and word in raw.name.lower()

    def read(raw: RawTable, request: Request) -> Draft:
        known = re.search(r"PERP\.A(?![A-Z0-9])", raw.name.upper())
        named = replace(raw, frame=raw.frame.set_axis(list(names), axis=1), headed=True)
        asked = replace(request, venue=request.venue or ("binance" if known else None))
        out = GENERIC[kind](named, {name: name for name in names if name in cells.ALIASES[kind]}, asked)
        out.format = f"Coinalyze {word.replace('-', ' ')}"
        if kind == "open_interest":
            out.notes.append(
                "Of each bar of open interest the opening value was taken, which was known at the bar's time."
            )
        return out

    return Producer(kind, fits, read)


def _is_ratios(raw: RawTable) -> bool:
    return not raw.headed and "long-short-ratio" in raw.name.lower()


def _read_ratios(raw: RawTable, request: Request) -> Draft:
    raise TableError(
        "This file holds long/short ratios, which are not used here. Upload liquidations, candles, open"
        " interest or funding."
    )


def _is_answer(raw: RawTable) -> bool:
    """Bars of its API: `t, o, h, l, c` are prices, open interest or funding, and only a name tells which."""
    held = set(raw.columns)
    return raw.headed and {"t", "o", "h", "l", "c"} <= held and not held & {"v", "s", "volume"}


def _read_answer(raw: RawTable, request: Request) -> Draft:
    name = raw.name.lower()
    if "open-interest" in name or "open_interest" in name:
        return read_as(
            "open_interest", raw, request, "Coinalyze open interest", {"time": "t", "quantity": "o"}
        )
    if "ohlcv" in name or "price" in name:
        return read_as("candles", raw, request, "Coinalyze candles")
    raise TableError(
        "The columns t, o, h, l, c hold prices, open interest or funding, and nothing says which. Name the"
        " file after what it holds (ohlcv or open-interest), or rename its columns."
    )


def _is_ratio_answer(raw: RawTable) -> bool:
    return raw.headed and {"t", "r", "l", "s"} <= set(raw.columns)


def _is_totals(raw: RawTable) -> bool:
    return (
        raw.headed and {"t", "l", "s"} <= set(raw.columns) and "r" not in raw.columns and _symbols(raw) != ()
    )


def _symbols(raw: RawTable) -> tuple[str, ...]:
    """The symbols of an answer, where all of them end like Coinalyze's; empty for anything else."""
    named = raw.frame["symbol"].dropna().astype(str).unique() if "symbol" in raw.columns else [raw.symbol]
    return tuple(named) if all(re.search(r"\.[A-Z0-9]$", name) for name in named) else ()


def _read_totals(raw: RawTable, request: Request) -> Draft:
    words = raw.frame["symbol"] if "symbol" in raw.columns else labels.constant(raw.symbol, raw.frame.index)
    heard = {name: _VENUES.get(name[-1], f"coinalyze-{name[-1]}") for name in _symbols(raw)}
    venues = labels.recoded(words, heard, sorted(set(heard.values())))
    named = replace(raw, frame=raw.frame.assign(venue=venues))
    out = read_as("liquidations", named, request, "Coinalyze liquidation totals", {"time": "t"})
    out.format = "Coinalyze liquidation totals"
    return out


PRODUCERS: Final = (
    _coinalyze("liquidations", "liquidation-history", 3, ("time", "long_total", "short_total")),
    _coinalyze("open_interest", "open-interest-history", 5, ("time", "quantity", "high", "low", "close")),
    _coinalyze(
        "candles",
        "ohlcv-history",
        9,
        ("time", "open", "high", "low", "close", "volume", "taker_buy_volume", "trades", "buy_trades"),
    ),
    Producer("liquidations", _is_ratios, _read_ratios),
    Producer("liquidations", _is_ratio_answer, _read_ratios),
    Producer("candles", _is_answer, _read_answer),
    Producer("liquidations", _is_totals, _read_totals),
)
