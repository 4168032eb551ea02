"""Totals of liquidations an interval: one row a side and interval, at a price estimated from its candle."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.feeds.files import columns as cells, numerals, times as stamps
from liqcore.feeds.files.candle_prices import clock_doubt, covered, distinct, price_from_candles
from liqcore.feeds.files.draft import Draft, Request, bitcoin_only, moments, venue_labels
from liqcore.feeds.files.series import own_candles
from liqcore.feeds.files.table import RawTable, counted, shown
from liqcore.heat.estimated import ESTIMATED, bar_length
from liqcore.tables import TableError

# Liquidations of a day in BTC that only the worst days reach, and in USD that only small venues stay below.
_MOST_BTC, _LEAST_USD = 5e3, 5e4
# Rows that are enough to tell shares, and rises for each fall that only a running sum has.
_SOME, _RISES = 5, 10


def totals(raw: RawTable, columns: Mapping[str, str], request: Request, total: str) -> Draft:
    """Totals an interval: one row a side and interval, priced from candles."""
    notes: list[str] = []
    frame = bitcoin_only(raw, columns, notes, request)
    repeated = frame.duplicated()
    frame = frame[~repeated]
    values = {
        side: _upright(numerals.plain(frame[columns[f"{side}_{total}"]]), side, notes)
        for side in tables.SIDES
    }
    times = stamps.plain_times(frame[columns["time"]], notes, request.zone)
    _refuse_no_totals(columns, total, values, moments(times, columns["time"]))
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


def _upright(values: pd.Series, side: str, notes: list[str]) -> pd.Series:
    """Totals above zero: charts draw one side downwards, and their exports keep the sign."""
    number = pd.to_numeric(values, errors="coerce")
    if not (number < 0).any() or (number > 0).any():
        return values
    notes.append(f"{shown(values.name)} is written below zero, and was read as totals of {side}s.")
    return number.abs()


def _refuse_no_totals(
    columns: Mapping[str, str], total: str, values: Mapping[str, pd.Series], micros: np.ndarray
) -> None:
    """Raise where the two columns are shares of longs and shorts, or sums that run on from row to row."""
    order = np.argsort(micros, kind="stable")
    both = [pd.to_numeric(part, errors="coerce").to_numpy("float64")[order] for part in values.values()]
    named = f"{shown(columns[f'long_{total}'])} and {shown(columns[f'short_{total}'])}"
    whole = both[0] + both[1]
    whole = whole[np.isfinite(whole)]
    if len(whole) >= _SOME and any((np.abs(whole / of - 1) < 0.02).all() for of in (1.0, 100.0)):
        raise TableError(
            f"{named} add up to {wording.whole(float(whole[0]))} in every row: they are shares of longs and"
            " shorts, and not liquidations. Upload totals of liquidations."
        )
    steps = [np.diff(part[np.isfinite(part)]) for part in both]
    if all((step > 0).sum() >= _RISES and (step < 0).sum() <= (step > 0).sum() / _RISES for step in steps):
        raise TableError(
            f"{named} only ever grow, as sums do that run on from row to row. Export the totals of each"
            " interval."
        )


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
    out = covered(out[keep], candles, notes, doubt)
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
