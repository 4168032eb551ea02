"""Liquidations from named columns: sides, units, zero rows, totals and missing prices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.feeds.files import columns as cells, contracts, numerals, times as stamps
from liqcore.feeds.files.candle_prices import clock_doubt, distinct, price_from_candles
from liqcore.feeds.files.draft import Draft, Request, bitcoin_only, moments, venue_labels
from liqcore.feeds.files.series import own_candles
from liqcore.feeds.files.table import RawTable, counted, shown
from liqcore.heat.estimated import ESTIMATED, bar_length
from liqcore.tables import TableError

# USD that a typical liquidation, and the largest one on record by far, are worth.
_TYPICAL: Final = 2e6
_LARGEST: Final = 1e9
# Liquidations of a day in BTC that only the worst days reach, and in USD that only small venues stay below.
_MOST_BTC, _LEAST_USD = 5e3, 5e4


def liquidations(
    raw: RawTable, columns: Mapping[str, str], request: Request, format: str = "Liquidations by column names"
) -> Draft:
    """Single liquidations, or totals an interval where the file has `long_*` and `short_*` columns."""
    total = next(
        (
            unit
            for unit in ("usd", "btc", "total")
            if f"long_{unit}" in columns and f"short_{unit}" in columns
        ),
        None,
    )
    if total and "side" not in columns and "time" in columns:
        return _totals(raw, columns, request, total)
    missing = [name for name in ("time", "side") if name not in columns]
    if "quantity" not in columns and "notional" not in columns:
        missing.append("quantity")
    if missing:
        raise cells.need(raw, "liquidations", columns, tuple(missing))
    notes: list[str] = []
    frame = bitcoin_only(raw, columns, notes, request)
    out = pd.DataFrame(
        {"time": stamps.plain_times(frame[columns["time"]], notes, request.zone)}, index=frame.index
    )
    for name in ("price", "quantity", "notional"):
        if name in columns:
            out[name] = numerals.plain(frame[columns[name]])
    out["venue"] = venue_labels(frame, columns, request)
    out["symbol"] = cells.harmless(frame[columns["symbol"]]) if "symbol" in columns else "BTC"
    out["side"] = cells.choices(_sides(raw, frame, columns, request, out["venue"], notes), tables.SIDES)
    _refuse_mixed_coins(out, columns)
    unit = _units(raw, out, columns, request, notes)
    out = _without_zero(out, notes)
    if "price" not in columns:
        out = _priced(raw, out, columns, request, notes)
    elif request.candles is not None and (doubt := _clock_of_priced(out, columns, request.candles)):
        notes.append(doubt)
    out["price_kind"] = _price_kind(frame, columns).reindex(out.index) if "price" in columns else ESTIMATED
    if "completeness" in columns:
        out["completeness"] = cells.choices(
            frame[columns["completeness"]].reindex(out.index), tables.COMPLETENESS
        )
    else:
        known = {str(venue): cells.COMPLETENESS.get(str(venue), "unknown") for venue in out["venue"].unique()}
        out["completeness"] = cells.choices(out["venue"].map(known), tables.COMPLETENESS)
    return Draft("liquidations", format, out, unit, columns, notes)


def _sides(
    raw: RawTable,
    frame: pd.DataFrame,
    columns: Mapping[str, str],
    request: Request,
    venues: pd.Series,
    notes: list[str],
) -> pd.Series:
    # A file can hold the order side and the position; the position needs no interpretation.
    chosen = columns["side"]
    if "side" not in request.mapping:
        for column in raw.columns:
            if cells.key(column) in cells.ALIASES["liquidations"]["side"]:
                words = set(cells.side_words(frame[column]).dropna().unique())
                if words and words <= {"long", "short"}:
                    chosen = column
                    break
    sides = cells.side_words(frame[chosen])
    if not sides.isin(["buy", "sell"]).any():
        return sides
    asked = request.mapping.get("side_meaning")
    if asked is not None and asked not in (*cells.OPTIONS["side_meaning"], cells.VENUES_OWN):
        raise TableError(
            "The side meaning is 'order' (a sell closes a long) or 'position' (a buy is a long that was"
            " closed). Choose one."
        )
    meaning = _meaning(chosen, frame, venues, asked)
    if bool(meaning[sides.isin(["buy", "sell"])].isna().any()):
        raise cells.need(
            raw,
            "liquidations",
            columns,
            ("side_meaning",),
            f"Column {shown(chosen)} says buy or sell, which is the side of the order in some files and of"
            " the"
            " position in others. Choose which it is, or name the venue of its own messages.",
        )
    notes.append(
        "A sell order was taken as a long that was closed."
        if (meaning == "order").all()
        else (
            "Buy was taken as a long position that was closed."
            if (meaning == "position").all()
            else "Buy and sell were read by each venue's own meaning: order side or position side."
        )
    )
    return cells.positions(sides, meaning)


def _meaning(chosen: str, frame: pd.DataFrame, venues: pd.Series, asked: str | None) -> pd.Series:
    """`order`, `position` or nothing for each row.

    Orders are what every tool writes, so a venue that speaks of orders needs no question; one that speaks of
    positions does, because its words may have been turned round on the way.
    """
    own = venues.astype("object").map(cells.SIDE_MEANING)
    if asked == cells.VENUES_OWN:
        return own
    if asked is not None:
        return pd.Series(asked, index=frame.index)
    name = cells.key(chosen)
    if name == "orderside":
        return pd.Series("order", index=frame.index)
    if name in ("positionside", "posside", "position", "liquidatedside", "liqside"):
        return pd.Series("position", index=frame.index)
    return own.where(own == "order")


def _number(out: pd.DataFrame, name: str) -> pd.Series:
    return pd.to_numeric(out[name], errors="coerce")


def _units(
    raw: RawTable, out: pd.DataFrame, columns: Mapping[str, str], request: Request, notes: list[str]
) -> str:
    """Settle what the quantity counts, row by row where venues differ; returns the unit in words."""
    unit = request.mapping.get("quantity_unit")
    if unit is not None and unit not in cells.OPTIONS["quantity_unit"]:
        raise TableError(
            f"The quantity unit is one of {', '.join(cells.OPTIONS['quantity_unit'])}. Choose one."
        )
    if "quantity" not in out:
        return "USD"
    if unit == "contracts":
        return _from_contracts(raw, out, columns, notes)
    if unit in ("USD", "100-USD contracts"):
        out["notional"] = _number(out, "quantity") * (100.0 if unit == "100-USD contracts" else 1.0)
        del out["quantity"]
        return unit
    if "notional" in out and "price" in out:
        with np.errstate(all="ignore"):
            ratio = _number(out, "quantity") * _number(out, "price") / _number(out, "notional")
        ratio = ratio.replace([np.inf, -np.inf], np.nan).dropna()
        if len(ratio) and not ratio.between(0.8, 1.25).mean() > 0.99:
            notes.append(
                f"Quantity times price is {wording.decimal(float(ratio.median()))} times the USD column, so"
                f" {shown(columns['quantity'])} is not in BTC; the USD column was used and BTC computed from"
                " it."
            )
            del out["quantity"]
            return "USD"
        return "BTC"
    if unit is None and not cells.key(columns["quantity"]).endswith("btc"):
        _ask_unit(raw, out, columns)
        notes.append(f"{shown(columns['quantity'])} was taken as BTC.")
    return "BTC"


def _ask_unit(raw: RawTable, out: pd.DataFrame, columns: Mapping[str, str]) -> None:
    """Raise where the quantity may be anything but BTC: contracts of the venue, or sums no market knows."""
    pairs = out[["venue", "symbol"]].astype("object").fillna("").drop_duplicates()
    for venue, symbol in zip(pairs["venue"].map(str), pairs["symbol"].map(str), strict=True):
        home = contracts.home(symbol) if venue == "unknown" else venue
        counted_in = contracts.unit(home, symbol)
        if home in (*contracts.LINEAR, *contracts.INVERSE) and counted_in != contracts.Unit(1.0, False):
            raise cells.need(
                raw,
                "liquidations",
                columns,
                ("quantity_unit",),
                f"{home} counts {shown(symbol)} in contracts or USD, and nothing says what"
                f" {shown(columns['quantity'])} counts here. Choose its unit.",
            )
    if "price" not in out:
        return
    with np.errstate(all="ignore"):
        worth = (_number(out, "quantity") * _number(out, "price")).dropna()
    if len(worth) and (float(worth.median()) > _TYPICAL or float(worth.max()) > _LARGEST):
        raise cells.need(
            raw,
            "liquidations",
            columns,
            ("quantity_unit",),
            f"Taken as BTC, a liquidation in {shown(columns['quantity'])} would be worth"
            f" {wording.usd(float(worth.max()))}, which is not believable. Choose its unit.",
        )


def _from_contracts(raw: RawTable, out: pd.DataFrame, columns: Mapping[str, str], notes: list[str]) -> str:
    """BTC or USD from contracts, by the size that each venue gives its symbol."""
    if "symbol" not in columns and not raw.symbol:
        raise cells.need(
            raw,
            "liquidations",
            columns,
            ("quantity_unit",),
            f"Without a column of symbols, nothing says what {shown(columns['quantity'])} counts. Choose its"
            " unit.",
        )
    key = (
        out["venue"].astype("object").fillna("").map(str)
        + "\n"
        + out["symbol"].astype("object").fillna("").map(str)
    )
    sizes = {}
    for pair in key.unique():
        venue, symbol = pair.split("\n", 1)
        home = contracts.home(symbol) if venue == "unknown" else venue
        size = contracts.unit(home, symbol)
        if size is None:
            raise cells.need(
                raw,
                "liquidations",
                columns,
                ("quantity_unit",),
                f"The size of a contract of {shown(symbol)} on {shown(venue)} is not known. Choose the unit"
                " of"
                f" {shown(columns['quantity'])}, or leave these rows out.",
            )
        sizes[pair] = size
    amount = _number(out, "quantity") * key.map({pair: size.size for pair, size in sizes.items()})
    dollars = key.map({pair: size.dollars for pair, size in sizes.items()}).astype(bool)
    words = list(dict.fromkeys(size.words for size in sizes.values()))
    if "price" not in out and dollars.any():
        out["notional"] = amount.where(dollars)
        out["quantity"] = amount.where(~dollars)
        return ", ".join(words)
    price = _number(out, "price") if "price" in out else 1.0
    if dollars.any():
        out["notional"] = amount.where(dollars, amount * price)
        del out["quantity"]
    else:
        out["quantity"] = amount
        if "notional" in out:
            del out["notional"]
    if words != ["BTC"]:
        notes.append(f"Quantities were taken as {' and '.join(words)}, as the venue counts them.")
    return ", ".join(words)


def _refuse_mixed_coins(out: pd.DataFrame, columns: Mapping[str, str]) -> None:
    """Prices that jump to and fro without a symbol beside them are those of several coins."""
    if "symbol" in columns or "price" not in out or len(out) < 6:
        return
    price = _number(out, "price").dropna().to_numpy()
    price = price[price > 0]
    jumps = np.abs(np.diff(np.log(price))) > 0.4
    if jumps.sum() >= 3 and jumps.mean() > 0.05:
        raise TableError(
            f"The prices in {shown(columns['price'])} jump to and fro by more than half, as those of several"
            " coins do, and no column names the coin. Export a column with the symbol, or BTC only."
        )


def _without_zero(out: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    amount = "quantity" if "quantity" in out else "notional"
    zero = pd.to_numeric(out[amount], errors="coerce") == 0
    if zero.any():
        notes.append(
            f"{counted(int(zero.sum()), 'were')} left out for an amount of zero: nothing was liquidated."
        )
    return out[~zero] if zero.any() else out


def _priced(
    raw: RawTable, out: pd.DataFrame, columns: Mapping[str, str], request: Request, notes: list[str]
) -> pd.DataFrame:
    if request.candles is None:
        raise cells.need(
            raw,
            "liquidations",
            columns,
            ("price",),
            "The liquidations have no price. Upload candles of the same days first, so that prices can be"
            " estimated, or name the column with the price.",
        )
    candles = tables.ensure(request.candles, "candles")
    times = moments(out["time"], columns["time"])
    out["price"] = price_from_candles(times, (out["side"] == "long").to_numpy(), candles)
    return _covered(out, candles, notes, clock_doubt(times, candles, usd=_amount(out)))


def _clock_of_priced(out: pd.DataFrame, columns: Mapping[str, str], candles: pd.DataFrame) -> str | None:
    price = pd.to_numeric(out["price"], errors="coerce").to_numpy(dtype="float64")
    return clock_doubt(moments(out["time"], columns["time"]), tables.ensure(candles, "candles"), price=price)


def _amount(out: pd.DataFrame) -> np.ndarray:
    column = out["notional"] if "notional" in out else out["quantity"]
    return pd.to_numeric(column, errors="coerce").fillna(0.0).to_numpy(dtype="float64")


def _covered(out: pd.DataFrame, candles: pd.DataFrame, notes: list[str], doubt: str | None) -> pd.DataFrame:
    lost = int(out["price"].isna().sum())
    if lost == len(out):
        span = (
            f"{wording.day(candles['time'].iloc[0])} to {wording.day(candles['time'].iloc[-1])}"
            if len(candles)
            else "no time at all"
        )
        raise TableError(
            f"The candles ({span}) do not cover the time of the liquidations. Upload candles of the same"
            " days."
        )
    notes.append(
        "The file has no prices. Each was estimated from its candle, a quarter of the range above the low for"
        " longs and below the high for shorts; the true price can be anywhere in the candle. The map spreads"
        " each amount over it."
    )
    if lost:
        notes.append(f"{counted(lost, 'were')} left out because no candle covers their time.")
    if doubt:
        notes.append(doubt)
    return out[out["price"].notna()].copy()


def _totals(raw: RawTable, columns: Mapping[str, str], request: Request, total: str) -> Draft:
    """Totals an interval: one row a side and interval, priced from candles."""
    notes: list[str] = []
    frame = bitcoin_only(raw, columns, notes, request)
    repeated = frame.duplicated()
    frame = frame[~repeated]
    values = {side: numerals.plain(frame[columns[f"{side}_{total}"]]) for side in tables.SIDES}
    times = stamps.plain_times(frame[columns["time"]], notes, request.zone)
    if total == "total":
        total = _unit_of_totals(raw, columns, request, moments(times, columns["time"]), values, notes)
    parts = []
    for side, amount in values.items():
        part = pd.DataFrame({"time": times, "side": side, "amount": amount}, index=frame.index)
        parts.append(part.assign(venue=venue_labels(frame, columns, request)))
    candles = request.candles if request.candles is not None else own_candles(raw)
    draft = totals_to_events(raw, columns, pd.concat(parts), total, candles, notes)
    draft.doubled = int(repeated.sum())
    if draft.doubled:
        notes.append(f"{counted(draft.doubled, 'were')} dropped as an exact copy of another.")
    return draft


def _unit_of_totals(
    raw: RawTable,
    columns: Mapping[str, str],
    request: Request,
    micros: np.ndarray,
    values: Mapping[str, pd.Series],
    notes: list[str],
) -> str:
    """`usd` or `btc` of totals that do not name it, by what they come to in a day, or as a person has
    said."""
    asked = request.mapping.get("quantity_unit")
    if asked in ("USD", "BTC"):
        return asked.lower()
    both = pd.concat([pd.to_numeric(part, errors="coerce") for part in values.values()])
    axis = distinct(micros)
    days = len(axis) * max(bar_length(axis), 60_000_000) / 86_400e6
    daily = float(both[both > 0].sum()) / max(days, 1e-9)
    if _MOST_BTC < daily < _LEAST_USD:
        raise cells.need(
            raw,
            "liquidations",
            columns,
            ("quantity_unit",),
            f"The totals come to {wording.decimal(daily, 0)} a day, which may be BTC or USD. Choose their"
            " unit.",
        )
    unit = "usd" if daily >= _LEAST_USD else "btc"
    notes.append(f"The unit of the totals is not named; by their size they were taken as {unit.upper()}.")
    return unit


def totals_to_events(
    raw: RawTable,
    columns: Mapping[str, str],
    long_form: pd.DataFrame,
    unit: str,
    candles: pd.DataFrame | None,
    notes: list[str],
) -> Draft:
    """`time`, `side`, `venue` and `amount` (USD or BTC an interval) to liquidations at estimated prices."""
    if candles is None:
        raise cells.need(
            raw,
            "liquidations",
            columns,
            ("price",),
            "These are liquidation totals without prices, which have no place on a price axis. Upload candles"
            " of the same days first.",
        )
    candles = tables.ensure(candles, "candles")
    micros = moments(long_form["time"], columns["time"])
    axis = distinct(micros)
    interval = bar_length(axis)
    amount = pd.to_numeric(long_form["amount"], errors="coerce")
    unknown, zero = int((long_form["amount"].isna()).sum()), int((amount == 0).sum())
    out = long_form.rename(columns={"amount": "notional" if unit == "usd" else "quantity"})
    out["price"] = price_from_candles(micros, (out["side"] == "long").to_numpy(), candles, interval)
    whole = amount.groupby(micros).sum()
    doubt = clock_doubt(np.asarray(whole.index), candles, usd=whole.to_numpy(), interval=interval)
    keep = long_form["amount"].notna() & (amount != 0)
    if not keep.any():
        raise TableError("All totals of the file are zero or empty. Export it again with data.")
    out = _covered(out[keep], candles, notes, doubt)
    hours = interval / 3.6e9
    notes.append(
        f"Each row is the total of {wording.duration(3_600 * hours)} and not a single liquidation."
        if interval
        else "Each row is a total and not a single liquidation."
    )
    if zero or unknown:
        notes.append(f"{counted(zero, noun='total')} of zero and {unknown:,} empty ones were left out.")
    out = out.assign(symbol="BTC", completeness="unknown", price_kind=ESTIMATED)
    return Draft(
        "liquidations", "Liquidation totals by interval", out, unit.upper(), columns, notes, axis=axis
    )


def _price_kind(frame: pd.DataFrame, columns: Mapping[str, str]) -> pd.Series:
    if "price_kind" in columns:
        return cells.choices(frame[columns["price_kind"]], tables.PRICE_KINDS)
    name = cells.key(columns.get("price", ""))
    kind = (
        "fill"
        if name in ("averageprice", "avgprice", "ap", "fillprice", "executionprice")
        else (
            "bankruptcy"
            if name.startswith(("bankrupt", "bkpx"))
            else "mark"
            if name == "markprice"
            else "unknown"
        )
    )
    return cells.choices(
        pd.Series(pd.Categorical([kind] * len(frame)), index=frame.index), tables.PRICE_KINDS
    )
