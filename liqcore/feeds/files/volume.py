"""In what a bar's volume is counted: BTC, dollars or contracts, told by the columns beside it or by its
size."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.feeds.files import columns as cells, contracts, labels, numerals, symbols
from liqcore.feeds.files.draft import Request
from liqcore.feeds.files.quality import Doubt
from liqcore.feeds.files.table import RawTable, shown
from liqcore.heat.estimated import bar_length

# USD a day that all markets of BTC together can turn over, and that a file worth reading does not fall below
# (the record of all venues together is about 2e11).
_MOST, _LEAST = 4e11, 1e5
# Volumes of which so many are never all whole numbers of BTC.
_SOME: Final = 20
_DAY: Final = 86_400_000_000
_USD_NAMES: Final = ("usd", "usdt", "usdc", "quote", "currency", "turnover")


def settle(
    raw: RawTable,
    columns: Mapping[str, str],
    frame: pd.DataFrame,
    out: pd.DataFrame,
    request: Request,
    notes: list[str],
) -> str:
    """Put `volume` and `taker_buy_volume` of `out` into BTC; returns the unit in words, empty if unknown."""
    close = numerals.number(out["close"])
    if "volume" not in out and "quote_volume" not in columns:
        if "base_volume" in columns:
            out["volume"] = numerals.plain(frame[columns["base_volume"]])
            notes.append(f"{shown(columns['base_volume'])} was taken as BTC.")
            return "BTC"
        return ""
    found = {
        name: numerals.number(numerals.plain(frame[columns[name]]))
        for name in ("volume", "base_volume", "quote_volume")
        if name in columns
    }
    if "volume" in found and bool((found["volume"].isna() | (found["volume"] == 0)).all()):
        _drop(out)
        notes.append("The volume is zero in every row, so it was not collected and counts as unknown.")
        return ""
    unit = _by_sisters(columns, found, close, out, notes)
    if unit is None:
        counts = _counts(raw) or _counts_at(raw, columns, frame, request)
        unit = _alone(columns, found, close, out, counts, notes)
    return unit


def _drop(out: pd.DataFrame) -> None:
    for name in ("volume", "taker_buy_volume"):
        if name in out:
            del out[name]


def _ratio(over: pd.Series, under: pd.Series) -> float:
    with np.errstate(all="ignore"):
        ratio = (over / under).replace([np.inf, -np.inf], np.nan).dropna()
    return float(ratio.median()) if len(ratio) else float("nan")


def _near(value: float, wanted: float, within: float = 0.03) -> bool:
    return abs(value / wanted - 1) < within


def _use(out: pd.DataFrame, volume: pd.Series, old: pd.Series | None) -> None:
    """The volume in BTC, and the taker's part of it in the same proportion as before."""
    if "taker_buy_volume" in out and old is not None:
        with np.errstate(all="ignore"):
            part = pd.to_numeric(out["taker_buy_volume"], errors="coerce") / old
        out["taker_buy_volume"] = (volume * part.clip(upper=1.0)).where(old > 0, 0.0)
    out["volume"] = volume


def _by_sisters(
    columns: Mapping[str, str],
    found: dict[str, pd.Series],
    close: pd.Series,
    out: pd.DataFrame,
    notes: list[str],
) -> str | None:
    """Two columns of which one is the other times the price tell which of them is BTC."""
    volume = found.get("volume")
    names = list(found)
    for base in names:
        for quote in names:
            if base != quote and _near(_ratio(found[quote], found[base] * close), 1.0, 0.2):
                if base != "volume":
                    _use(out, found[base], volume)
                    counts = "USD" if quote == "volume" else "contracts"
                    notes.append(
                        f"The volume counts {counts}; {shown(columns[base])} holds the same in BTC and was"
                        " used."
                    )
                    return f"{counts}, turned into BTC"
                return "BTC"
    if volume is None or len(found) == 1:
        return None
    for name in ("quote_volume", "base_volume"):
        if name not in found:
            continue
        size = _ratio(found[name] * close, volume)
        if _near(size, 100.0, 0.25):
            _use(out, found[name], volume)
            notes.append(
                f"The volume counts contracts of 100 USD; {shown(columns[name])} holds the same in BTC and"
                " was used."
            )
            return "100-USD contracts, turned into BTC"
        each = _ratio(found[name], volume * close)
        tens = 10 ** round(np.log10(each)) if each > 0 else float("nan")
        named = cells.key(columns[name]).endswith(("usd", "usdt", "usdc", "quote", "notional"))
        if name == "quote_volume" and named and each < 0.5 and _near(each, tens, 0.2):
            _use(out, found[name] / close, volume)
            notes.append(
                f"The volume counts contracts of {tens:g} BTC; BTC was computed from"
                f" {shown(columns[name])} (USD) and the close."
            )
            return f"contracts of {tens:g} BTC, turned into BTC"
    _drop(out)
    notes.append(
        f"{shown(columns['volume'])} does not fit the volumes beside it, so its unit is not known and it is"
        " not used."
    )
    return ""


def _counts(raw: RawTable) -> str:
    """The market that a file is named after where its own venue counts contracts or USD, else nothing."""
    for name in (raw.symbol,) if raw.symbol else symbols.named_by_file(raw.name):
        home = contracts.home(name)
        # XBTUSD is Kraken's bitcoin as well as BitMEX's contract, whose USD are too many to be BTC.
        if home not in ("unknown", "bitmex") and contracts.unit(home, name) not in (
            None,
            contracts.Unit(1.0, False),
        ):
            return name
    return ""


def _counts_at(raw: RawTable, columns: Mapping[str, str], frame: pd.DataFrame, request: Request) -> str:
    """The venue that is named by the request, by a column or by the file where its perpetual contracts are
    not counted in BTC; nothing where the name says that the market is a spot one."""
    named = labels.in_order(frame[columns["venue"]].astype("category")) if "venue" in columns else ()
    words = [*named, *([request.venue] if request.venue else []), *re.split(r"[^a-z0-9]+", raw.name.lower())]
    if "spot" in words:
        return ""
    for word in words:
        venue = labels.canonical_venue(str(word))
        if contracts.LINEAR.get(venue, 1.0) != 1.0:
            return venue
    return ""


def _alone(
    columns: Mapping[str, str],
    found: dict[str, pd.Series],
    close: pd.Series,
    out: pd.DataFrame,
    counts: str,
    notes: list[str],
) -> str:
    """One column of volume: by its name, else by what all markets of BTC can turn over in a day."""
    name = "volume" if "volume" in found else next(iter(found))
    values, word = found[name], cells.key(columns[name])
    in_usd = name == "quote_volume" or word.endswith(_USD_NAMES)
    if name == "volume" and counts and not word.endswith("btc") and not in_usd:
        _drop(out)
        notes.append(
            f"{shown(columns[name])} of {counts} may count contracts: its unit is not known and it is not"
            " used."
        )
        return ""
    usd, days = values * close, _bars_a_day(out)
    daily = 0.0 if in_usd or _mostly_below(usd, _MOST / days) else days * _usual(usd)
    as_usd = daily / max(float(close.median()), 1e-9) if daily > _MOST else 0.0
    if in_usd or (daily > _MOST and _LEAST <= as_usd <= _MOST and as_usd * 100 > _MOST):
        # Beside a volume in USD only, the takers' part is in BTC already.
        _use(out, values / close, values if name == "volume" else None)
        how = "" if in_usd else ", since so many BTC are never traded"
        notes.append(f"{shown(columns[name])} was taken as USD{how}, and divided by the close.")
        return "USD, turned into BTC"
    if daily > _MOST:
        _drop(out)
        notes.append(
            f"{shown(columns[name])} is too large for BTC, and could be USD or contracts: its unit is not"
            " known and it is not used."
        )
        return ""
    if not word.endswith("btc"):
        notes.append("The volume was taken as BTC.")
        head = values.head(5_000).dropna()
        if len(head) >= _SOME and head.nunique() >= _SOME // 2 and bool((head % 1 == 0).all()):
            notes.append(
                Doubt(
                    f"All of {shown(columns[name])} are whole numbers, as contracts are: they may not be"
                    " BTC, and a modelled map would be too hot or too cold by one factor."
                )
            )
    return "BTC"


def _mostly_below(usd: pd.Series, most: float) -> bool:
    """Whether the median of the bars that have any turnover is below `most` for sure: counting takes a tenth
    of the time that a median does."""
    held = usd.to_numpy("float64", na_value=np.nan)
    return bool(np.count_nonzero(held >= most * (1 - 1e-9)) * 2 < np.count_nonzero(held > 0))


def _usual(usd: pd.Series) -> float:
    """Median turnover of the bars that have any."""
    return float(usd[usd > 0].median()) if (usd > 0).any() else 0.0


def _bars_a_day(out: pd.DataFrame) -> float:
    """How many bars a day has, with the step of the times as the length of a bar; 1 where it is unknown."""
    try:
        length = bar_length(np.sort(tables.microseconds(tables.parse_time(out["time"].head(5000).dropna()))))
    except tables.TableError:
        length = 0
    return _DAY / length if length else 1.0
