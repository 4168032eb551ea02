"""Small series that the map draws below itself, on its own time axis; no Streamlit here."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.charts.data import milliseconds
from liqcore.market.candles import cvd, resample, rsi, taker_delta
from liqcore.service import dataset
from liqcore.service.dataset import Dataset, ViewSettings

STRIPS: Final = {"delta": "Taker delta", "rsi": "RSI", "funding": "Funding", "interest": "Open interest"}
_HOUR: Final = 3.6e6
# So many values are more than a screen shows.
_MOST: Final = 1_600
# Inks of the map: bought and sold volume, and for funding the side that pays.
_DRAWN: Final[dict[str, dict[str, Any]]] = {
    "delta": {
        "title": "Taker delta, BTC a candle · line: running sum (own scale)",
        "kind": "bars",
        "unit": "BTC",
        "inks": ("bought", "sold"),
        "zero": True,
        "guides": (0,),
    },
    "rsi": {"title": "RSI (14)", "kind": "line", "unit": "", "domain": (0, 100), "guides": (30, 70)},
    "funding": {
        "title": "Funding, % an interval · orange: longs pay, blue: shorts pay",
        "kind": "bars",
        "unit": "%",
        "inks": ("long", "short"),
        "zero": True,
        "guides": (0,),
    },
    "interest": {"title": "Open interest, BTC", "kind": "step", "unit": "BTC", "guides": ()},
}


def strip_data(data: Dataset, settings: ViewSettings) -> dict[str, pd.DataFrame]:
    """What the strips show, each a frame with `time` (UTC) and its values, cut to the window.

    Keys are those of `STRIPS`; one is missing where the dataset has nothing for it. Indicators are computed
    on all bars before the window too, so that they do not start anew at its edge.
    """
    view = dataset.window(data, settings)
    start, end = (pd.Timestamp(edge, tz="UTC") for edge in (view.start, view.end))
    out: dict[str, pd.DataFrame] = {}
    if data.candles is not None and len(data.candles):
        bars = dataset.market_candles(data, settings.venues)
        bars = bars[bars["time"] < end]
        step = tables.timeframe(settings.timeframe)
        if step > dataset.candle_step(data.candles):
            bars = resample(bars, settings.timeframe, partial=True)[list(tables.CANDLES)]
        inside = (bars["time"] >= start).to_numpy()
        if inside.any():
            out["rsi"] = pd.DataFrame({"time": bars["time"][inside], "rsi": rsi(bars)[inside]})
            delta = taker_delta(bars)[inside]
            if np.isfinite(delta).any():
                window = bars[inside].reset_index(drop=True)
                out["delta"] = pd.DataFrame({"time": window["time"], "delta": delta, "sum": cvd(window)})
    for name, table, value, how in (
        ("funding", data.funding, "rate", "mean"),
        ("interest", data.open_interest, "quantity", "sum"),
    ):
        if table is None or table.empty:
            continue
        part = table[(table["time"] >= start) & (table["time"] < end)]
        if settings.venues and part["venue"].isin(settings.venues).any():
            part = part[part["venue"].isin(settings.venues)]
        if len(part):
            # A moment that not every venue reports would look like a fall of the sum.
            whole = (
                part.groupby("time")["venue"].transform("nunique") == part["venue"].nunique()
                if how == "sum"
                else slice(None)
            )
            found = part[whole].groupby("time")[value].agg(how).reset_index()
            if len(found):
                out[name] = found.rename(columns={value: name})
    return out


def words(name: str, frame: pd.DataFrame) -> str:
    """The last value of a strip in one sentence, with what it means and what it does not."""
    column = {"delta": "sum"}.get(name, name)
    known = frame[np.isfinite(frame[column].to_numpy(dtype=float))]
    if known.empty:
        return f"{STRIPS[name]}: too few bars to say."
    last, first = float(known[column].iloc[-1]), float(known[column].iloc[0])
    if name == "rsi":
        state = (
            "above 70, stretched upward"
            if last > 70
            else "below 30, stretched downward"
            if last < 30
            else "between 30 and 70, neither stretched"
        )
        return f"RSI is {wording.whole(last)}: {state}. In a strong trend it stays stretched for long."
    if name == "delta":
        return (
            f"Takers {'bought' if last >= 0 else 'sold'} {wording.quantity(abs(last))} more than they"
            f" {'sold' if last >= 0 else 'bought'} in this window (the line adds up)."
        )
    if name == "funding":
        payer = "longs pay shorts" if last > 0 else "shorts pay longs" if last < 0 else "nobody pays"
        return (
            f"Funding is {wording.percent(last, signed=True)} an interval: {payer}. Far from zero means"
            " one side is crowded, not that it must turn."
        )
    change = 100 * (last / first - 1) if first > 0 else 0.0
    return (
        f"Open interest is {wording.quantity(last)}, {wording.percent(change / 100, signed=True)} in this"
        f" window: positions were {'opened' if change > 0 else 'closed'} on balance, longs and shorts alike."
    )


def series(name: str, frame: pd.DataFrame) -> dict[str, Any]:
    """One strip as the map draws it below its own time axis: values from their times (ms) on, and how."""
    thin = frame.iloc[:: -(-len(frame) // _MOST)] if name != "delta" else frame
    at = milliseconds(thin["time"].to_numpy(dtype="datetime64[us]"))
    step = float(np.median(np.diff(at))) if len(at) > 1 else _HOUR
    told: dict[str, Any] = {
        "name": STRIPS[name],
        "at": np.round(at).astype("int64").tolist(),
        "step": step,
        "values": _values(thin[name].to_numpy(dtype=float) * (100 if name == "funding" else 1)),
        **_DRAWN[name],
    }
    if name == "delta":
        told["sum"] = _values(thin["sum"].to_numpy(dtype=float))
    return told


def _values(values: np.ndarray) -> list[float | None]:
    """Six digits of each, None where it is not known."""
    size = np.abs(values)
    digits = 5 - np.floor(np.log10(np.where(size > 0, size, 1.0)))
    return [
        round(value, int(places)) if np.isfinite(value) else None
        for value, places in zip(values.tolist(), digits, strict=True)
    ]


__all__ = ["STRIPS", "series", "strip_data", "words"]
