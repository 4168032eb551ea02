"""TradingView: chart exports, whose further columns are the plots of the indicators on the chart."""

from __future__ import annotations

from typing import Final

import pandas as pd

from liqcore.feeds.files import columns as cells, labels, numerals, series as read_series
from liqcore.feeds.files.draft import Draft, Request, moments
from liqcore.feeds.files.producers.base import Producer, keys
from liqcore.feeds.files.table import RawTable, counted, shown


def _is_chart_export(raw: RawTable) -> bool:
    return (
        raw.headed
        and [cells.key(column) for column in raw.columns[:5]] == ["time", "open", "high", "low", "close"]
        and "closetime" not in keys(raw)
    )


def _read_chart_export(raw: RawTable, request: Request) -> Draft:
    columns = dict(zip(("time", "open", "high", "low", "close"), raw.columns, strict=False))
    found = cells.find_columns(raw, "candles", columns)
    out = read_series.candles(raw, found, request, "Chart export (TradingView layout)")
    plots = {}
    for column in raw.columns:
        if column not in found.values():
            values = pd.to_numeric(numerals.plain(raw.frame[column]), errors="coerce").reindex(
                out.frame.index
            )
            if values.notna().any():
                plots[labels.safe_text(column)] = values.astype("float64").to_numpy()
    if plots:
        times = moments(out.frame["time"], columns["time"])
        extra = pd.DataFrame({"time": pd.DatetimeIndex(times.astype("datetime64[us]"), tz="UTC"), **plots})
        out.extra = extra.sort_values("time", kind="stable").drop_duplicates("time", ignore_index=True)
        out.notes.append(
            f"{counted(len(plots), 'were', 'more column')} kept beside the candles:"
            f" {', '.join(shown(name) for name in list(plots)[:5])}{', …' if len(plots) > 5 else ''}."
        )
    if out.unit == "BTC":
        out.notes.append("The volume was taken as BTC.")
    return out


PRODUCERS: Final = (Producer("candles", _is_chart_export, _read_chart_export),)
