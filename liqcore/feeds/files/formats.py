"""Which file is this: one small reader for each known layout, and the generic readers for all others."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.feeds.files import columns as cells, liquidations as read_liquidations, series as read_series
from liqcore.feeds.files.draft import Draft, Request, moments
from liqcore.feeds.files.table import RawTable, counted, shown
from liqcore.tables import TableError

GENERIC: Final[dict[str, Callable[..., Draft]]] = {
    "liquidations": read_liquidations.liquidations,
    "candles": read_series.candles,
    "open_interest": read_series.open_interest,
    "funding": read_series.funding,
}
_UNITS: Final = {
    "liquidations": "BTC and USD",
    "candles": "BTC",
    "open_interest": "BTC",
    "funding": "fraction an interval",
}
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
_WIDE: Final = re.compile(r"^(.+?) - (.+?)(?:_(long|short))?(?:\.\d+)?(?: \(\d+\))?$")
_INVERSE: Final = re.compile(r"BTCUSD(?:_?PERP|_?\d{6}|CM)?(?![A-Z0-9])")
_LINEAR: Final = re.compile(r"BTC-?(?:USDT|USDC|BUSD|FDUSD)")
_OTHER_COIN: Final = re.compile(
    r"(?<![A-Z])(?!BTC|XBT)([A-Z0-9]{2,8})(?:USDT|USDC|BUSD|USD_PERP|USD_\d{6})(?![A-Z])"
)


@dataclass(frozen=True)
class Format:
    """One layout: what it holds, how it is told, and how it is read."""

    kind: str
    fits: Callable[[RawTable], bool]
    read: Callable[[RawTable, Request], Draft]


def draft(raw: RawTable, kind: str | None, request: Request) -> Draft:
    """The first layout that fits; a mapping always goes to the generic reader of its kind.

    Raises
    ------
    TableError
        The file holds another kind of table than the one asked for.
    MappingNeeded
        Columns that are needed were not found.
    """
    _refuse_second_header(raw)
    columns_given = any(name not in cells.OPTIONS for name in request.mapping)
    if not columns_given:
        found = [item for item in FORMATS if item.fits(raw)]
        chosen = next((item for item in found if item.kind == kind or kind is None), None)
        if chosen is not None:
            return chosen.read(raw, request)
    if kind is None:
        kind = _guess_kind(raw, request)
    elif not columns_given:
        _refuse_other_kind(raw, kind)
    columns = cells.find_columns(raw, kind, request.mapping)
    if not raw.headed and not columns_given:
        raise cells.need(
            raw,
            kind,
            columns,
            tuple(name for name in cells.NEEDED[kind] if name not in columns),
            "The file has no column names and is of no known layout. Say which column holds what, or add a"
            " first line with names.",
        )
    return GENERIC[kind](raw, columns, request)


def _refuse_second_header(raw: RawTable) -> None:
    """Column names inside the data are the start of another table."""
    headers = [name for name in cells.TIME if len(name) > 2]
    for column in raw.columns:
        values = raw.frame[column]
        if not pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_datetime64_any_dtype(
            values.dtype
        ):
            found = np.flatnonzero(values.astype("string").str.replace("_", "").str.lower().isin(headers))
            if found.size:
                raise TableError(
                    f"Row {int(raw.frame.index[found[0]]) + 1:,} holds column names, so a second table begins"
                    " there. Split the file into two."
                )


def _guess_kind(raw: RawTable, request: Request) -> str:
    names = {
        kind: cells.find_columns(
            raw,
            kind,
            (
                request.mapping
                if set(request.mapping) <= set(cells.ALIASES[kind]) | set(cells.OPTIONS)
                else None
            ),
        )
        for kind in GENERIC
    }
    liquidations = names["liquidations"]
    if set(cells.NEEDED["candles"]) <= set(names["candles"]):
        return "candles"
    paired = any(
        f"long_{unit}" in liquidations and f"short_{unit}" in liquidations for unit in ("usd", "btc", "total")
    )
    if paired or ("side" in liquidations and {"price", "quantity", "notional"} & set(liquidations)):
        return "liquidations"
    if "rate" in names["funding"]:
        return "funding"
    interest = names["open_interest"]
    if "interest" in cells.key(interest.get("quantity", "")) or "oi" in cells.key(
        interest.get("quantity", interest.get("notional", ""))
    ):
        return "open_interest"
    missing = {kind: sum(name not in names[kind] for name in needed) for kind, needed in cells.NEEDED.items()}
    return min(("liquidations", "candles"), key=lambda kind: missing[kind])


def _refuse_other_kind(raw: RawTable, kind: str) -> None:
    """A file of a known layout that was asked to be another table: say so instead of asking for columns."""
    known = next((item.kind for item in FORMATS if item.fits(raw)), None)
    columns = cells.find_columns(raw, kind, None)
    if (
        known
        and known != kind
        and not set(cells.NEEDED[kind]) <= set(columns)
        and not any(name.startswith("long_") for name in columns)
    ):
        raise TableError(
            f"This file holds {known.replace('_', ' ')}, not {kind.replace('_', ' ')}. Choose"
            f" {known.replace('_', ' ')} for it, or upload another file."
        )


def _keys(raw: RawTable) -> set[str]:
    return {cells.key(column) for column in raw.columns}


def _own(kind: str) -> Format:
    def read(raw: RawTable, request: Request) -> Draft:
        frame = raw.frame.copy()
        for name in ("venue", "symbol"):
            if name in frame:
                frame[name] = cells.harmless(frame[name])
        for name in frame.columns.difference(
            ["time", "venue", "symbol", "side", "price_kind", "completeness"]
        ):
            frame[name] = cells.plain_numbers(frame[name])
        notes: list[str] = []
        frame["time"] = cells.plain_times(frame["time"], notes)
        if "side" in frame and bool((sides := cells.side_words(frame["side"])).isin(["buy", "sell"]).any()):
            return GENERIC[kind](raw, cells.find_columns(raw, kind, None), request)
        if "side" in frame:
            frame["side"] = cells.choices(sides, tables.SIDES)
        for name, allowed in (("price_kind", tables.PRICE_KINDS), ("completeness", tables.COMPLETENESS)):
            if name in frame:
                frame[name] = cells.choices(frame[name], allowed)
        return Draft(kind, f"Heatlab {kind.replace('_', ' ')}", frame, _UNITS[kind], notes=notes)

    return Format(kind, lambda raw: raw.headed and raw.columns == tables.COLUMNS[kind], read)


def _is_snapshot(raw: RawTable) -> bool:
    if raw.headed:
        return {"side", "averageprice", "accumulatedfillquantity", "originalquantity"} <= _keys(raw)
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
    notes: list[str] = []
    doubled = frame.duplicated()
    frame = frame[~doubled]
    filled = pd.to_numeric(cells.plain_numbers(frame["accumulated_fill_quantity"]), errors="coerce") != 0
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
    amount = pd.to_numeric(cells.plain_numbers(frame["accumulated_fill_quantity"]), errors="coerce").dropna()
    whole = bool(len(amount)) and bool((amount % 1 == 0).all())
    return (
        whole,
        "guessed because all of them are whole numbers" if whole else "guessed because they are fractions",
    )


def _is_klines(raw: RawTable) -> bool:
    if raw.headed:
        return {"open", "high", "low", "close", "volume", "closetime"} <= _keys(raw) and any(
            name.startswith("takerbuy") for name in _keys(raw)
        )
    if len(raw.columns) not in (11, 12) or not _is_ohlc(raw, (1, 2, 3, 4)):
        return False
    start, end = (pd.to_numeric(raw.frame.iloc[:, position], errors="coerce") for position in (0, 6))
    return bool((end > start).all())


def _read_klines(raw: RawTable, request: Request) -> Draft:
    if not raw.headed:
        raw = replace(raw, frame=raw.frame.set_axis(list(_KLINES[: len(raw.columns)]), axis=1), headed=True)
    out = read_series.candles(raw, cells.find_columns(raw, "candles", None), request, "Binance klines")
    other = _OTHER_COIN.search(raw.name.upper())
    if other and not re.search(r"BTC|XBT", raw.name.upper()):
        out.notes.append(f"The file name speaks of {shown(other[1])}, and only BTC makes sense here.")
    return out


def _is_ohlc(raw: RawTable, places: tuple[int, int, int, int]) -> bool:
    """Whether four columns are open, high, low, close: the close inside low to high in nearly every row."""
    if len(raw.columns) <= max(places):
        return False
    part = [raw.frame.iloc[:, place] for place in places]
    if not all(
        pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)
        for values in part
    ):
        return False
    opened, high, low, close = part
    inside = (low <= close) & (close <= high) & (low <= high) & (low > 0)
    near = (opened <= high * 1.05) & (opened >= low * 0.95)
    return float((inside & near).mean()) > 0.98


def _coinalyze(kind: str, word: str, width: int, names: tuple[str, ...]) -> Format:
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

    return Format(kind, fits, read)


def _is_ratios(raw: RawTable) -> bool:
    return not raw.headed and "long-short-ratio" in raw.name.lower()


def _read_ratios(raw: RawTable, request: Request) -> Draft:
    raise TableError(
        "This file holds long/short ratios, which are not used here. Upload liquidations, candles, open"
        " interest or funding."
    )


def _is_bars(raw: RawTable) -> bool:
    return not raw.headed and len(raw.columns) >= 6 and _bar_order(raw) is not None


def _bar_order(raw: RawTable) -> tuple[str, str, str, str] | None:
    """Order of the price columns after the time: open, high, low, close, or open, close, high, low."""
    for order in (("open", "high", "low", "close"), ("open", "close", "high", "low")):
        if _is_ohlc(raw, tuple(1 + order.index(name) for name in ("open", "high", "low", "close"))):  # type: ignore[arg-type]
            return order
    return None


def _read_bars(raw: RawTable, request: Request) -> Draft:
    order = _bar_order(raw) or ("open", "high", "low", "close")
    names = ["time", *order, "volume", *(f"column {i + 1}" for i in range(6, len(raw.columns)))]
    named = replace(raw, frame=raw.frame.set_axis(names, axis=1), headed=True)
    out = read_series.candles(named, {name: name for name in names[:6]}, request, "Candles without header")
    out.notes.append(f"There are no column names; the columns were taken as {', '.join(names[:6])}.")
    return out


def _is_chart_export(raw: RawTable) -> bool:
    return (
        raw.headed
        and [cells.key(column) for column in raw.columns[:5]] == ["time", "open", "high", "low", "close"]
        and "closetime" not in _keys(raw)
    )


def _read_chart_export(raw: RawTable, request: Request) -> Draft:
    columns = dict(zip(("time", "open", "high", "low", "close"), raw.columns, strict=False))
    found = cells.find_columns(raw, "candles", columns)
    out = read_series.candles(raw, found, request, "Chart export (TradingView layout)")
    times = moments(out.frame["time"], columns["time"])
    plots = {}
    for column in raw.columns:
        if column not in found.values():
            values = pd.to_numeric(cells.plain_numbers(raw.frame[column]), errors="coerce").reindex(
                out.frame.index
            )
            if values.notna().any():
                plots[cells.safe_text(column)] = values.astype("float64").to_numpy()
    if plots:
        extra = pd.DataFrame({"time": pd.DatetimeIndex(times.astype("datetime64[us]"), tz="UTC"), **plots})
        out.extra = extra.sort_values("time", kind="stable").drop_duplicates("time", ignore_index=True)
        out.notes.append(
            f"{counted(len(plots), 'were', 'more column')} kept beside the candles:"
            f" {', '.join(shown(name) for name in list(plots)[:5])}{', ...' if len(plots) > 5 else ''}."
        )
    if out.unit == "BTC":
        out.notes.append("The volume was taken as BTC.")
    return out


def _wide(kind: str) -> Format:
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
        micros = moments(cells.plain_times(raw.frame[found["time"]], notes), found["time"])
        times = pd.DatetimeIndex(micros.astype("datetime64[us]"), tz="UTC")
        parts = []
        for column, match in matches(raw):
            amount = cells.plain_numbers(raw.frame[column])
            parts.append(
                pd.DataFrame(
                    {
                        "time": times.to_series(index=raw.frame.index),
                        "venue": cells.safe_text(cells.canonical_venue(match[2].strip())),
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
            out = read_liquidations.totals_to_events(raw, named, summed, "usd", request.candles, notes)
        else:
            flat = replace(raw, frame=summed.rename(columns={"amount": "notional"}))
            out = read_series.open_interest(
                flat, {"time": "time", "venue": "venue", "notional": "notional"}, request
            )
            out.notes = [*notes, *out.notes]
        out.format = f"{kind.replace('_', ' ').capitalize()} with one column a market"
        return out

    return Format(kind, lambda raw: raw.headed and len(matches(raw)) >= 2, read)


def _is_cells(raw: RawTable) -> bool:
    return {"time_from", "price_from", "usd", "side"} <= set(raw.columns)


def _read_cells(raw: RawTable, request: Request) -> Draft:
    raise TableError(
        "This is a heatmap saved as a table of cells, not events. Open the heatmap's JSON file instead, or"
        " upload the events."
    )


FORMATS: Final = (
    *(_own(kind) for kind in tables.COLUMNS),
    Format("liquidations", _is_snapshot, _read_snapshot),
    Format("candles", _is_klines, _read_klines),
    Format("liquidations", _is_cells, _read_cells),
    _coinalyze("liquidations", "liquidation-history", 3, ("time", "long_total", "short_total")),
    _coinalyze("open_interest", "open-interest-history", 5, ("time", "quantity", "high", "low", "close")),
    _coinalyze(
        "candles",
        "ohlcv-history",
        9,
        ("time", "open", "high", "low", "close", "volume", "taker_buy_volume", "trades", "buy_trades"),
    ),
    Format("liquidations", _is_ratios, _read_ratios),
    _wide("liquidations"),
    _wide("open_interest"),
    Format("candles", _is_bars, _read_bars),
    Format("candles", _is_chart_export, _read_chart_export),
)
