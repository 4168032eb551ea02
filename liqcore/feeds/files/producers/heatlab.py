"""Heatlab's own files: the four tables as it writes them, and heatmaps saved as cells."""

from __future__ import annotations

from typing import Final

from liqcore import tables
from liqcore.feeds.files import columns as cells, labels, numerals, times
from liqcore.feeds.files.draft import Draft, Request
from liqcore.feeds.files.producers.base import GENERIC, Producer
from liqcore.feeds.files.table import RawTable
from liqcore.tables import TableError

_UNITS: Final = {
    "liquidations": "BTC and USD",
    "candles": "BTC",
    "open_interest": "BTC",
    "funding": "fraction an interval",
}


def _own(kind: str) -> Producer:
    def read(raw: RawTable, request: Request) -> Draft:
        frame = raw.frame.copy()
        for name in ("venue", "symbol"):
            if name in frame:
                frame[name] = labels.harmless(frame[name])
        for name in frame.columns.difference(
            ["time", "venue", "symbol", "side", "price_kind", "completeness"]
        ):
            frame[name] = numerals.plain(frame[name])
        notes: list[str] = []
        frame["time"] = times.plain_times(frame["time"], notes, request.zone)
        if "side" in frame and bool((sides := labels.side_words(frame["side"])).isin(["buy", "sell"]).any()):
            return GENERIC[kind](raw, cells.find_columns(raw, kind, None), request)
        if "side" in frame:
            frame["side"] = labels.choices(sides, tables.SIDES)
        for name, allowed in (("price_kind", tables.PRICE_KINDS), ("completeness", tables.COMPLETENESS)):
            if name in frame:
                frame[name] = labels.choices(frame[name], allowed)
        return Draft(kind, f"Heatlab {kind.replace('_', ' ')}", frame, _UNITS[kind], notes=notes)

    return Producer(kind, lambda raw: raw.headed and raw.columns == tables.COLUMNS[kind], read)


def _is_cells(raw: RawTable) -> bool:
    return {"time_from", "price_from", "usd", "side"} <= set(raw.columns)


def _read_cells(raw: RawTable, request: Request) -> Draft:
    raise TableError(
        "This is a heatmap saved as a table of cells, not events. Open the heatmap's JSON file instead, or"
        " upload the events."
    )


PRODUCERS: Final = (
    *(_own(kind) for kind in tables.COLUMNS),
    Producer("liquidations", _is_cells, _read_cells),
)
