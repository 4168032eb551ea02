"""data.binance.vision: liquidation snapshots, klines and metrics of USD-M and COIN-M, with and without
header."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

import pandas as pd

from liqcore.feeds.files import (
    columns as cells,
    liquidations as read_liquidations,
    numerals,
    series as read_series,
)
from liqcore.feeds.files.draft import Draft, Request
from liqcore.feeds.files.producers.bars import is_ohlc
from liqcore.feeds.files.producers.base import Producer, column, keys, read_as
from liqcore.feeds.files.table import RawTable, counted, shown
from liqcore.tables import TableError

_SNAPSHOT: Final = (
    "time",
    "side",
    "order_type",
    "time_in_force",
    "original_quantity",
    "price",
    "average_price",
    "order_status",
    "last_fill_quantity",
    "accumulated_fill_quantity",
)
_KLINES: Final = (
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "close_time",
    "quote_volume",
    "count",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "ignore",
)
_INVERSE: Final = re.compile(r"BTCUSD(?:_?PERP|_?\d{6}|CM)?(?![A-Z0-9])")
_LINEAR: Final = re.compile(r"BTC-?(?:USDT|USDC|BUSD|FDUSD)")
_OTHER_COIN: Final = re.compile(
    r"(?<![A-Z])(?!BTC|XBT)([A-Z0-9]{2,8})(?:USDT|USDC|BUSD|USD_PERP|USD_\d{6})(?![A-Z])"
)


def _is_snapshot(raw: RawTable) -> bool:
    if raw.headed:
        return {"side", "averageprice", "accumulatedfillquantity", "originalquantity"} <= keys(raw)
    return len(raw.columns) in (10, 11) and _snapshot_side(raw) is not None


def _snapshot_side(raw: RawTable) -> int | None:
    """Where BUY or SELL stands in a snapshot without header: directly before LIMIT or MARKET."""
    for position in (1, 2):
        words = raw.frame.iloc[:, position].astype("string").str.upper()
        kinds = raw.frame.iloc[:, position + 1].astype("string").str.upper()
        if bool(words.isin(["BUY", "SELL"]).all()) and bool(kinds.isin(["LIMIT", "MARKET"]).all()):
            return position
    return None


def _read_snapshot(raw: RawTable, request: Request) -> Draft:
    frame = raw.frame
    if not raw.headed:
        names = list(_SNAPSHOT)
        if len(raw.columns) == 11:
            names.insert(
                1 if _snapshot_side(raw) == 2 else 10, "symbol" if _snapshot_side(raw) == 2 else "ignore"
            )
        frame = frame.set_axis(names, axis=1)
    else:
        frame = frame.rename(columns={column: cells.key(column) for column in frame.columns})
        frame = frame.rename(columns={cells.key(name): name for name in _SNAPSHOT})
        if "time" not in frame:
            frame = frame.rename(columns={name: "time" for name in cells.TIME if name in frame.columns})
    if missing := tuple(name for name in ("time", "side") if name not in frame):
        raise cells.need(raw, "liquidations", cells.find_columns(raw, "liquidations", None), missing)
    notes: list[str] = []
    doubled = frame.duplicated()
    frame = frame[~doubled]
    filled = pd.to_numeric(numerals.plain(frame["accumulated_fill_quantity"]), errors="coerce") != 0
    if not filled.all():
        notes.append(f"{counted(int((~filled).sum()), 'were', 'order')} left out for having no fill.")
    frame = frame[filled]
    inverse, how = _contract(raw.name, frame)
    mapping = {
        "time": "time",
        "side": "side",
        "price": "average_price",
        "quantity": "accumulated_fill_quantity",
    }
    if "symbol" in frame:
        mapping["symbol"] = "symbol"
    unit = request.mapping.get("quantity_unit") or ("100-USD contracts" if inverse else "BTC")
    asked = replace(
        request, venue=request.venue or "binance", mapping={**request.mapping, "quantity_unit": unit}
    )
    name = f"Binance liquidationSnapshot ({'COIN-M' if unit != 'BTC' else 'USD-M'})"
    out = read_liquidations.liquidations(replace(raw, frame=frame, headed=True), mapping, asked, name)
    if "symbol" not in frame:
        out.frame["symbol"] = "BTCUSD_PERP" if inverse else "BTCUSDT"
    out.frame["completeness"] = "sampled"
    out.doubled = int(doubled.sum())
    out.notes += [
        f"Quantities were taken as {unit}, {how}.",
        *notes,
        "Binance publishes at most one liquidation a second, so totals are a lower bound.",
    ]
    if out.doubled:
        out.notes.append(
            f"{counted(out.doubled, 'were', 'doubled row')} dropped; Binance writes every row of this file"
            " twice."
        )
    return out


def _contract(name: str, frame: pd.DataFrame) -> tuple[bool, str]:
    """Whether quantities are 100-USD contracts, and how that was told: symbol, file name or size."""
    symbols = " ".join(map(str, frame["symbol"].dropna().unique()[:50])) if "symbol" in frame else ""
    for text, how in ((symbols.upper(), "told by the symbol"), (name.upper(), "told by the file name")):
        if _LINEAR.search(text):
            return False, how
        if _INVERSE.search(text):
            return True, how
        other = _OTHER_COIN.search(text)
        if other:
            raise TableError(
                f"The file is about {shown(other[1])}, and only BTC is read. Upload the file of BTCUSDT or"
                " BTCUSD_PERP."
            )
    amount = pd.to_numeric(numerals.plain(frame["accumulated_fill_quantity"]), errors="coerce").dropna()
    whole = bool(len(amount)) and bool((amount % 1 == 0).all())
    return (
        whole,
        "guessed because all of them are whole numbers" if whole else "guessed because they are fractions",
    )


def _is_klines(raw: RawTable) -> bool:
    if raw.headed:
        return {"open", "high", "low", "close", "volume", "closetime"} <= keys(raw) and any(
            name.startswith("takerbuy") for name in keys(raw)
        )
    if len(raw.columns) not in (11, 12) or not is_ohlc(raw, (1, 2, 3, 4)):
        return False
    start, end = (pd.to_numeric(raw.frame.iloc[:, position], errors="coerce") for position in (0, 6))
    # One bad closing time in an archive is no other layout.
    return float((end > start).mean()) > 0.9


def _read_klines(raw: RawTable, request: Request) -> Draft:
    if not raw.headed:
        raw = replace(raw, frame=raw.frame.set_axis(list(_KLINES[: len(raw.columns)]), axis=1), headed=True)
    out = read_series.candles(raw, cells.find_columns(raw, "candles", None), request, "Binance klines")
    return out


def _is_coin_metrics(raw: RawTable) -> bool:
    symbol = column(raw, "symbol")
    return (
        raw.headed
        and {"sumopeninterest", "sumopeninterestvalue"} <= keys(raw)
        and symbol is not None
        and bool(raw.frame[symbol].astype(str).str.upper().str.match(r"BTCUSD_").any())
    )


def _read_coin_metrics(raw: RawTable, request: Request) -> Draft:
    # On COIN-M the sum counts contracts of 100 USD, and its value is in bitcoin.
    value = column(raw, "sumopeninterestvalue") or ""
    asked = replace(request, venue=request.venue or "binance")
    out = read_as("open_interest", raw, asked, "Binance metrics (COIN-M)", {"quantity": value})
    out.notes.append(f"The open interest counts contracts of 100 USD; {shown(value)} holds the same in BTC.")
    return out


PRODUCERS: Final = (
    Producer("liquidations", _is_snapshot, _read_snapshot),
    Producer("candles", _is_klines, _read_klines),
    Producer("open_interest", _is_coin_metrics, _read_coin_metrics),
)
