"""Which column is which, and what its words mean: names, sides and labels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import pandas as pd

from liqcore.feeds.files.clocks import unix_beside
from liqcore.feeds.files.labels import key, side_words
from liqcore.feeds.files.symbols import looks_like_symbols
from liqcore.feeds.files.table import MappingNeeded, RawTable, shown
from liqcore.tables import TableError

# Names as they are compared: lower case, letters and digits only. The first that is present wins.
TIME: Final = (
    "time", "timestamp", "ts", "datetime", "date", "opentime", "timeutc", "datetimeutc", "timestamputc", "dateutc",  # noqa: E501
    "eventtime", "tradetime", "ordertradetime", "transacttime", "transacttimestamp", "createtime", "createdat",  # noqa: E501
    "createdtime", "liquidationtime", "calctime", "fundingtime", "updatetime", "updatedtime", "updatedat", "unixtime", "unix",  # noqa: E501
    "unixtimestamp", "epoch", "starttime", "timestampms", "timems", "tsms", "tsiso", "tsevent", "localtime",
    "gmttime", "datetimelocal", "startedat", "effectiveat", "fundingratetimestamp", "t",
)  # fmt: skip
# A bar is named by its opening; a column of closing times or of the last update is not its time.
BAR_TIME: Final = (
    "opentime",
    "timeopen",
    "candlebegintime",
    "begintime",
    "starttime",
    "start",
    *TIME,
    "ticks",
)
VENUE: Final = ("venue", "exchange", "exchangename", "market", "platform", "source")
SYMBOL: Final = (
    "symbol",
    "contract",
    "pair",
    "instrument",
    "instrumentid",
    "instid",
    "ticker",
    "coin",
    "baseasset",
)
ALIASES: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "liquidations": {
        "time": TIME,
        "side": (
            "side",
            "positionside",
            "posside",
            "liqside",
            "liquidatedside",
            "liquidationside",
            "position",
            "direction",
            "orderside",
        ),
        "price": (
            "averageprice",
            "avgprice",
            "ap",
            "fillprice",
            "executionprice",
            "price",
            "px",
            "tradeprice",
            "p",
            "bankruptcyprice",
            "bankruptprice",
            "bkpx",
            "markprice",
        ),
        "quantity": (
            "accumulatedfillquantity",
            "orderfilledaccumulatedquantity",
            "executedqty",
            "z",
            "quantity",
            "qty",
            "size",
            "amount",
            "sz",
            "quantitybtc",
            "qtybtc",
            "sizebtc",
            "amountbtc",
            "volumebtc",
            "volume",
            "v",
        ),
        "notional": (
            "notional",
            "notionalusd",
            "usdnotional",
            "usd",
            "usdvalue",
            "valueusd",
            "value",
            "turnover",
            "quoteqty",
            "quoteamount",
            "amountusd",
            "volumeusd",
            "sizeusd",
            "usdsize",
        ),
        "venue": VENUE,
        "symbol": SYMBOL,
        "price_kind": ("pricekind",),
        "completeness": ("completeness",),
        "long_usd": (
            "longusd",
            "liquidationlongusd",
            "longliquidationusd",
            "longliquidationsusd",
            "liqlongusd",
            "aggregatedlongliquidationusd",
            "longvolusd",
        ),
        "short_usd": (
            "shortusd",
            "liquidationshortusd",
            "shortliquidationusd",
            "shortliquidationsusd",
            "liqshortusd",
            "aggregatedshortliquidationusd",
            "shortvolusd",
        ),
        "long_btc": (
            "longbtc",
            "liqlongbtc",
            "liquidationlongbtc",
            "longliquidationbtc",
            "longliquidationsbtc",
        ),
        "short_btc": (
            "shortbtc",
            "liqshortbtc",
            "liquidationshortbtc",
            "shortliquidationbtc",
            "shortliquidationsbtc",
        ),
        "long_total": (
            "longliquidations",
            "longliquidation",
            "liquidationlong",
            "liqlong",
            "longs",
            "long",
            "l",
        ),
        "short_total": (
            "shortliquidations",
            "shortliquidation",
            "liquidationshort",
            "liqshort",
            "shorts",
            "short",
            "s",
        ),
    },
    "candles": {
        "time": BAR_TIME,
        "open": ("open", "priceopen", "openprice", "o"),
        "high": ("high", "pricehigh", "highprice", "h"),
        "low": ("low", "pricelow", "lowprice", "l"),
        "close": ("close", "priceclose", "closeprice", "c"),
        "volume": (
            "homenotional",
            "volumebtc",
            "volbtc",
            "basevolume",
            "volumebase",
            "baseassetvolume",
            "basetokenvolume",
            "volumefrom",
            "volume",
            "vol",
            "v",
        ),
        "base_volume": ("volccy", "volumeccy"),
        "taker_buy_volume": (
            "takerbuyvolume",
            "takerbuybaseassetvolume",
            "takerbuybasevolume",
            "takerbuybase",
            "takerbuybtc",
            "buyvolumebtc",
            "buyvolume",
        ),
        "quote_volume": (
            "quotevolume",
            "quoteassetvolume",
            "volumequote",
            "volumeusd",
            "volumeusdt",
            "volumeusdc",
            "volumecurrency",
            "volusd",
            "volusdt",
            "volquote",
            "volumeto",
            "usdvolume",
            "volccyquote",
            "foreignnotional",
            "turnover",
        ),
        "taker_buy_quote": ("takerbuyquotevolume", "takerbuyquoteassetvolume", "takerbuyquote"),
        "symbol": SYMBOL,
        "venue": VENUE,
    },
    "open_interest": {
        "time": TIME,
        "venue": VENUE,
        "symbol": SYMBOL,
        "quantity": (
            "openinterestbtc",
            "oibtc",
            "openinterestccy",
            "oiccy",
            "openinterestbase",
            "openinterestcoin",
            "sumopeninterest",
            "openinterest",
            "oi",
            "oiopen",
            "openinterestopen",
            "oiclose",
            "openinterestclose",
            "openinterestamount",
            "quantity",
        ),
        "notional": (
            "oiusd",
            "openinterestusd",
            "sumopeninterestvalue",
            "openinterestvalue",
            "oivalue",
            "notional",
        ),
        "price": ("markprice", "price", "priceopen", "open"),
    },
    "funding": {
        "time": TIME,
        "venue": VENUE,
        "symbol": SYMBOL,
        "rate": (
            "relativefundingrate",
            "fundingrate",
            "lastfundingrate",
            "realizedrate",
            "fundingopen",
            "funding",
            "rate",
            "fundingratepct",
            "fundingratepercent",
        ),
        "interval_hours": ("intervalhours", "fundingintervalhours"),
    },
}
NEEDED: Final = {
    "liquidations": ("time", "side", "price", "quantity"),
    "candles": ("time", "open", "high", "low", "close"),
    "open_interest": ("time", "quantity"),
    "funding": ("time", "rate"),
}
OPTIONS: Final = {
    "side_meaning": ("order", "position"),
    "quantity_unit": ("BTC", "USD", "contracts", "100-USD contracts"),
    "contracts": ("all", "perpetual only"),
}
VENUES_OWN: Final = "each venue's own"


def find_columns(raw: RawTable, kind: str, mapping: Mapping[str, str] | None) -> dict[str, str]:
    """`{our name: column of the file}` for everything that can be told; `mapping` goes before any guess."""
    found: dict[str, str] = {}
    given = {name: column for name, column in (mapping or {}).items() if name not in OPTIONS and column}
    for name, column in given.items():
        if column not in raw.columns:
            raise TableError(
                f"The mapping names the column {shown(column)}, which the file does not have. Choose one of"
                " its columns."
            )
        found[name] = column
    taken = set(found.values())
    by_key: dict[str, str] = {}
    for column in raw.columns:
        by_key.setdefault(key(column), column)
    for column in raw.columns:
        # `time (UTC+3)` is a time; its zone is read later.
        if (stem := key(re.sub(r"[(\[].*?[)\]]", "", column))) in BAR_TIME:
            by_key.setdefault(stem, column)
    if "time" not in found and (utc := _in_utc(raw, by_key, kind)):
        found["time"] = utc
        taken.add(utc)
    # Binance's raw stream: S is the side and s the symbol, which only the case tells apart.
    case = {
        name: column for name, column in (("side", "S"), ("symbol", "s")) if {"S", "s"} <= set(raw.columns)
    }
    for name, aliases in ALIASES[kind].items():
        guess = case.get(name) or next(
            (by_key[alias] for alias in aliases if alias in by_key and by_key[alias] not in taken), None
        )
        if name not in found and guess is not None and not (case and name.endswith("_total")):
            found[name] = guess
            taken.add(guess)
    if "time" in found and "time" not in given:
        clocks = [by_key[alias] for alias in ALIASES[kind]["time"] if alias in by_key]
        found["time"] = unix_beside(raw, found["time"], clocks) or found["time"]
    _told_by_words(raw, kind, found, given)
    if kind == "liquidations":
        _found_by_words(raw, found, taken)
    for column in found.values():
        if column in raw.repeated:
            raise TableError(f"Two columns are named {shown(column)}. Rename or remove one of them.")
    if "time" not in found and (unnamed := _unnamed_time(raw)):
        found["time"] = unnamed
    return found


def _in_utc(raw: RawTable, by_key: Mapping[str, str], kind: str) -> str | None:
    """Of several columns of times, the one that says it is in UTC (`Date(UTC)` beside `Date(Local)`)."""
    known = {column for name, column in by_key.items() if name in ALIASES[kind]["time"]}
    stems = {column: key(re.sub(r"[(\[].*?[)\]]", "", column)) for column in raw.columns}
    named = [
        column
        for column in raw.columns
        if re.search(r"(?<![a-z])(?:utc|gmt)(?![a-z+\-−0-9]| ?[+\-−])", column.lower())
        and (column in known or stems[column] in ALIASES[kind]["time"])
    ]
    return named[0] if len(named) == 1 and len(known | set(named)) > 1 else None


def _told_by_words(raw: RawTable, kind: str, found: dict[str, str], given: Mapping[str, str]) -> None:
    """A `market` that names coins and no venue is the symbol, and so is the `s` of a stream's candles."""
    market = found.get("venue")
    if market and "venue" not in given and "symbol" not in found and looks_like_symbols(raw.frame[market]):
        found["symbol"] = found.pop("venue")
    if kind == "candles" and "symbol" not in found and "s" in raw.columns:
        words = raw.frame["s"]
        if isinstance(words.dtype, pd.CategoricalDtype) and len(words.cat.categories):
            found["symbol"] = "s"


def _found_by_words(raw: RawTable, found: dict[str, str], taken: set[str]) -> None:
    """A side or a symbol that no name tells, by the words of its column."""
    for name in ("side", "symbol"):
        if name in found:
            continue
        for column in raw.columns:
            values = raw.frame[column]
            if (
                column in taken
                or not isinstance(values.dtype, pd.CategoricalDtype)
                or not len(values.cat.categories)
            ):
                continue
            fits = (
                set(side_words(values).dropna().unique()) <= {"long", "short"}
                if name == "side"
                else looks_like_symbols(values)
            )
            if fits:
                found[name] = column
                taken.add(column)
                break


def _unnamed_time(raw: RawTable) -> str | None:
    return next(
        (
            column
            for column in raw.columns
            if (column.startswith(("__index_level_", "Unnamed:")) or column == "column 1")
            and raw.headed
            and pd.api.types.is_datetime64_any_dtype(raw.frame[column].dtype)
        ),
        None,
    )


def need(
    raw: RawTable, kind: str, found: Mapping[str, str], missing: tuple[str, ...], sentence: str = ""
) -> MappingNeeded:
    """The exception that lets a person complete the mapping."""
    names = ", ".join(shown(column) for column in raw.columns[:6]) + (", …" if len(raw.columns) > 6 else "")
    words = ", ".join(missing)
    return MappingNeeded(
        sentence
        or f"The {kind.replace('_', ' ')} lack {words} (columns found: {names}). Say which column holds {'it' if len(missing) == 1 else 'them'}.",  # noqa: E501
        columns=raw.columns,
        missing=missing,
        kind=kind,
        guess=found,
        choices={
            name: (*OPTIONS[name], *((VENUES_OWN,) if name == "side_meaning" and "venue" in found else ()))
            for name in missing
            if name in OPTIONS
        },
    )
