"""Which column is which, and what its words mean: names, sides and labels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from liqcore.feeds.files.symbols import looks_like_symbols
from liqcore.feeds.files.table import MappingNeeded, RawTable, shown
from liqcore.tables import TableError

# Names as they are compared: lower case, letters and digits only. The first that is present wins.
TIME: Final = (
    "time", "timestamp", "ts", "datetime", "date", "opentime", "timeutc", "datetimeutc", "timestamputc", "dateutc",  # noqa: E501
    "eventtime", "tradetime", "ordertradetime", "transacttime", "transacttimestamp", "createtime", "createdat",  # noqa: E501
    "createdtime", "liquidationtime", "calctime", "fundingtime", "updatetime", "updatedat", "unixtime", "unix",  # noqa: E501
    "unixtimestamp", "epoch", "starttime", "timestampms", "timems", "tsms", "tsiso", "tsevent", "localtime",
    "gmttime", "datetimelocal", "t",
)  # fmt: skip
# A bar is named by its opening; a column of closing times or of the last update is not its time.
BAR_TIME: Final = ("opentime", "timeopen", "candlebegintime", "begintime", "starttime", "start", *TIME)
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

# Whether buy and sell name the order that closed the position, or the position itself, in the venue's own
# messages (venue documentation). What a tool has written may have been turned into orders before.
SIDE_MEANING: Final = {
    "binance": "order",
    "binance-coin": "order",
    "okx": "order",
    "htx": "order",
    "lighter": "order",
    "hyperliquid": "order",
    "bitmex": "order",
    "deribit": "order",
    "kraken": "order",
    "aster": "order",
    "bybit": "position",
    "gate": "position",
    "bitget": "position",
}
COMPLETENESS: Final = {"binance": "sampled", "binance-coin": "sampled", "okx": "sampled"}
_VENUES: Final = (
    ("binancedelivery", "binance-coin"),
    ("binancecoin", "binance-coin"),
    ("binance", "binance"),
    ("okx", "okx"),
    ("okex", "okx"),
    ("bybit", "bybit"),
    ("gate", "gate"),
    ("bitget", "bitget"),
    ("htx", "htx"),
    ("huobi", "htx"),
    ("hyperliquid", "hyperliquid"),
    ("lighter", "lighter"),
    ("bitmex", "bitmex"),
    ("deribit", "deribit"),
    ("bitfinex", "bitfinex"),
    ("kraken", "kraken"),
    ("phemex", "phemex"),
    ("dydx", "dydx"),
    ("cryptofacilities", "kraken"),
    ("kucoin", "kucoin"),
    ("mexc", "mexc"),
    ("ftx", "ftx"),
    ("aster", "aster"),
)
_WORDS: Final = {
    "long": (
        "long",
        "longs",
        "long liquidation",
        "liquidated long",
        "liquidate long",
        "long liquidated",
        "l",
    ),
    "short": (
        "short",
        "shorts",
        "short liquidation",
        "liquidated short",
        "liquidate short",
        "short liquidated",
    ),
    "buy": ("buy", "b", "bid"),
    "sell": ("sell", "s", "ask"),
}


def key(name: str) -> str:
    """A column name as it is compared: lower case, letters and digits only."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


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
    _told_by_words(raw, kind, found, given)
    if kind == "liquidations":
        _found_by_words(raw, found, taken)
    for column in found.values():
        if column in raw.repeated:
            raise TableError(f"Two columns are named {shown(column)}. Rename or remove one of them.")
    if "time" not in found and (unnamed := _unnamed_time(raw)):
        found["time"] = unnamed
    return found


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


def harmless(values: pd.Series) -> pd.Series:
    """Labels that no spreadsheet takes for a formula: a leading = + - @ gets an apostrophe before it.

    Control characters go, and more than 100 characters are cut. Returned as a categorical, sorted.
    """
    words = values.astype("category")
    clean = {word: safe_text(str(word)) for word in words.cat.categories}
    return with_categories(words.map(clean), sorted(set(clean.values())))


def with_categories(values: pd.Series, categories: list[str]) -> pd.Series:
    """The values as a categorical with exactly these categories in this order."""
    # astype takes two orders of the same categories for equal and changes nothing.
    return values.astype("category").cat.set_categories(categories)


def safe_text(text: str) -> str:
    """One label without control characters, at most 100 long, that does not begin like a formula."""
    text = "".join(letter for letter in text if letter.isprintable()).strip()[:100]
    return "'" + text if text.startswith(("=", "+", "-", "@")) else text


def canonical_venue(label: str) -> str:
    """The house's name of a known venue (`Gate.io` is gate, `binance_usdm` is binance), else the label."""
    compact = key(label)
    return next((name for start, name in _VENUES if compact.startswith(start)), label)


def side_words(values: pd.Series) -> pd.Series:
    """Sides as `long`, `short`, `buy` or `sell`; other words stay for the table's own check to name."""
    words = values.astype("category")
    heard = {}
    for word in words.cat.categories:
        text = re.sub(r"[^a-z]+", " ", str(word).lower()).strip()
        heard[word] = next(
            (name for name, spelled in _WORDS.items() if text in spelled), safe_text(str(word))
        )
    if "l" in (str(word).strip().lower() for word in words.cat.categories):
        heard = {word: "short" if str(word).strip().lower() == "s" else name for word, name in heard.items()}
    return words.map(heard).astype("category")


def choices(values: pd.Series, allowed: tuple[str, ...]) -> pd.Series:
    """Words of a fixed set as the categorical that the tables use; unknown words stay for their check to
    name."""
    words = values.astype("category")
    heard = {word: str(word).strip().lower() for word in words.cat.categories}
    if words.isna().any() or not set(heard.values()) <= set(allowed):
        return values
    return with_categories(words.map(heard), list(allowed))


def positions(sides: pd.Series, meaning: pd.Series) -> pd.Series:
    """`long`/`short` from order or position sides; `meaning` is `order`, `position` or empty for each row."""
    order = np.where(sides == "sell", "long", "short")
    position = np.where(sides == "buy", "long", "short")
    traded = sides.isin(["buy", "sell"])
    out = np.where(meaning == "order", order, np.where(meaning == "position", position, sides))
    return pd.Series(np.where(traded, out, sides), index=sides.index)
