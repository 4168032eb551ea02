"""Small charts that stand under a heatmap and share its time axis; no Streamlit here."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.charts.data import milliseconds
from liqcore.charts.marks import DOWN, LINE, NARROW, NOW, QUIET, UP, whole
from liqcore.charts.palette import PANEL
from liqcore.market.candles import cvd, resample, rsi, taker_delta
from liqcore.service import dataset
from liqcore.service.dataset import Dataset, ViewSettings

STRIPS: Final = {"delta": "Taker delta", "rsi": "RSI", "funding": "Funding", "interest": "Open interest"}
_HEIGHT: Final = 110
_GUIDES: Final = {"rsi": (30, 70), "delta": (0,), "funding": (0,)}


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
            f" {'sold' if last >= 0 else 'bought'} in this window (white bars bought, blue bars sold; the"
            " line adds up)."
        )
    if name == "funding":
        payer = "longs pay shorts" if last > 0 else "shorts pay longs" if last < 0 else "nobody pays"
        return (
            f"Funding is {wording.percent(last / 100, signed=True)} an interval: {payer}. Far from zero means"
            " one side is crowded, not that it must turn."
        )
    change = 100 * (last / first - 1) if first > 0 else 0.0
    return (
        f"Open interest is {wording.quantity(last)}, {wording.percent(change / 100, signed=True)} in this"
        f" window: positions were {'opened' if change > 0 else 'closed'} on balance, longs and shorts alike."
    )


def strip_chart(name: str, frame: pd.DataFrame, ends: np.ndarray, profile: bool) -> dict[str, Any]:
    """Vega-Lite of one strip over the time of the heatmap above it; `ends` are its first and last time
    edge."""
    column = {"delta": "delta"}.get(name, name)
    rows = pd.DataFrame({"t": milliseconds(frame["time"].to_numpy(dtype="datetime64[us]"))})
    rows["v"] = frame[column].to_numpy(dtype=float) * (100 if name == "funding" else 1)
    step = float(np.median(np.diff(rows["t"]))) if len(rows) > 1 else float(np.diff(milliseconds(ends))[0])
    rows["t2"] = rows["t"] + step
    first, last = milliseconds(ends).tolist()
    right = f"width - ({NARROW} ? 76 : 210)" if profile else "width"
    x = {
        "field": "t",
        "type": "temporal",
        "scale": {
            "type": "utc",
            "nice": False,
            "domain": {"expr": f"[{first}, {last}]"},
            "range": [0, {"expr": right}],
        },
        "axis": None,
    }
    y: dict[str, Any] = {
        "field": "v",
        "type": "quantitative",
        "title": None,
        "scale": {"zero": name in ("delta", "funding"), "nice": True},
        "axis": {
            "grid": False,
            "domain": False,
            "tickCount": 3,
            "minExtent": 56,
            "maxExtent": 56,
            "labelFontSize": 11,
        },
    }
    if name == "rsi":
        y["scale"] = {"domain": [0, 100], "nice": False}
        y["axis"]["values"] = [30, 50, 70]
    tooltip = [
        {"field": "when", "type": "nominal", "title": "Time"},
        {"field": "shown", "type": "nominal", "title": STRIPS[name]},
    ]
    rows["when"] = frame["time"].map(wording.when).to_numpy()
    rows["shown"] = [_shown(name, value) for value in rows["v"]]
    layers: list[dict[str, Any]] = [
        {"mark": {"type": "rule", "color": LINE, "tooltip": None}, "encoding": {"y": {"datum": value}}}
        for value in _GUIDES.get(name, ())
    ]
    mark: dict[str, Any] = {"clip": True, "tooltip": True}
    if name in ("delta", "funding"):
        colour = {"condition": {"test": "datum.v >= 0", "value": UP}, "value": DOWN}
        across = {
            "x": x,
            "x2": {"field": "t2"},
            "y": y,
            "y2": {"datum": 0},
            "color": colour,
            "tooltip": tooltip,
        }
        layers.append({"mark": {"type": "rect", **mark}, "encoding": across})
    else:
        shape = "step-after" if name == "interest" else "linear"
        layers.append(
            {
                "mark": {"type": "line", "color": NOW, "strokeWidth": 1.6, "interpolate": shape, **mark},
                "encoding": {"x": x, "y": y, "tooltip": tooltip},
            }
        )
    if name == "delta":
        # The running sum has a scale of its own; only its shape is drawn.
        total = np.nan_to_num(frame["sum"].to_numpy(dtype=float))
        rows["sum"] = total * (np.nanmax(np.abs(rows["v"])) / max(float(np.abs(total).max()), 1e-12))
        layers.append(
            {
                "mark": {"type": "line", "color": NOW, "strokeWidth": 1.4, "clip": True, "tooltip": None},
                "encoding": {"x": x, "y": {"field": "sum", "type": "quantitative"}},
            }
        )
    title = {
        "delta": "Taker delta, BTC a candle · line: running sum (own scale)",
        "rsi": "RSI (14)",
        "funding": "Funding, % an interval",
        "interest": "Open interest, BTC",
    }[name]
    layers.append(
        {
            "mark": {
                "type": "text",
                "align": "left",
                "baseline": "top",
                "x": 8,
                "y": 5,
                "fontSize": 11,
                "color": QUIET,
                "text": title,
                "tooltip": None,
            },
            "data": {"values": [{}]},
        }
    )
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "height": _HEIGHT,
        "view": {"fill": PANEL, "stroke": None},
        "layer": whole(layers),
        "data": {"name": "strip"},
        "datasets": {"strip": rows},
        "config": {"axis": {"labelColor": QUIET}},
    }


def _shown(name: str, value: float) -> str:
    if not np.isfinite(value):
        return "not known"
    return {
        "rsi": wording.whole(value),
        "delta": wording.quantity(value, signed=True),
        "funding": wording.percent(value / 100, signed=True),
        "interest": wording.quantity(value),
    }[name]


__all__ = ["STRIPS", "strip_chart", "strip_data", "words"]
