"""Tables with one column a market and side, named `BTC/USD - Bybit_long`, in USD."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

import pandas as pd

from liqcore.feeds.files import (
    columns as cells,
    labels,
    numerals,
    series as read_series,
    times as stamps,
    totals as read_totals,
)
from liqcore.feeds.files.draft import Draft, Request, moments
from liqcore.feeds.files.producers.base import Producer
from liqcore.feeds.files.table import RawTable

_WIDE: Final = re.compile(r"^(.+?) - (.+?)(?:_(long|short))?(?:\.\d+)?(?: \(\d+\))?$")


def _wide(kind: str) -> Producer:
    """One column a market and side, named `BTC/USD - Bybit_long`, in USD."""

    def matches(raw: RawTable) -> list[tuple[str, re.Match[str]]]:
        return [
            (column, match)
            for column in raw.columns
            if (match := _WIDE.match(column)) and (match[3] is not None) == (kind == "liquidations")
        ]

    def read(raw: RawTable, request: Request) -> Draft:
        found = cells.find_columns(raw, kind, None)
        if "time" not in found:
            raise cells.need(raw, kind, {}, ("time",))
        notes: list[str] = []
        micros = moments(stamps.plain_times(raw.frame[found["time"]], notes, request.zone), found["time"])
        times = pd.DatetimeIndex(micros.astype("datetime64[us]"), tz="UTC")
        parts = []
        for column, match in matches(raw):
            amount = numerals.plain(raw.frame[column])
            parts.append(
                pd.DataFrame(
                    {
                        "time": times.to_series(index=raw.frame.index),
                        "venue": labels.safe_text(labels.canonical_venue(match[2].strip())),
                        "side": match[3] or "long",
                        "amount": amount,
                    }
                )
            )
        long_form = pd.concat(parts).dropna(subset=["amount"])
        long_form["amount"] = pd.to_numeric(long_form["amount"], errors="coerce")
        summed = (
            long_form.groupby(["time", "venue", "side"], observed=True, sort=True)["amount"]
            .sum()
            .reset_index()
        )
        notes.append("One column a market was read as USD; markets of one venue were added up.")
        named = {"time": found["time"]}
        if kind == "liquidations":
            out = read_totals.totals_to_events(raw, named, summed, "usd", request.candles, notes)
        else:
            flat = replace(raw, frame=summed.rename(columns={"amount": "notional"}))
            out = read_series.open_interest(
                flat, {"time": "time", "venue": "venue", "notional": "notional"}, request
            )
            out.notes = [*notes, *out.notes]
        out.format = f"{kind.replace('_', ' ').capitalize()} with one column a market"
        return out

    return Producer(kind, lambda raw: raw.headed and len(matches(raw)) >= 2, read)


PRODUCERS: Final = (_wide("liquidations"), _wide("open_interest"))
