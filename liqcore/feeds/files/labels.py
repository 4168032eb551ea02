"""Labels of rows (venues, symbols, sides) as categories: each different word is understood once, and rows
only point to it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

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


def _coded(codes: np.ndarray, names: Sequence[str]) -> pd.Categorical:
    dtype: pd.CategoricalDtype = pd.CategoricalDtype(list(names))
    return pd.Categorical.from_codes(codes, dtype=dtype, validate=False)


def _least(names: Sequence[str]) -> str:
    """The smallest integers that count these names; pandas would choose them too."""
    return "int8" if len(names) < 128 else "int32"


def recoded(
    values: pd.Series, heard: Mapping[Any, str], categories: Sequence[str], empty: str | None = None
) -> pd.Series:
    """Each label as the word that was heard for it, as a categorical of exactly these categories.

    Labels that nothing was heard for are empty; empty cells become `empty`, or stay empty.
    """
    words = values.astype("category")
    place = {name: code for code, name in enumerate(categories)}
    known = [place.get(heard.get(word, ""), -1) for word in words.cat.categories]
    # An empty cell has the code -1, which points to the last place.
    codes = words.array.codes
    # Mostly words are understood as they stand, in their order.
    if empty is not None or known != list(range(len(known))):
        lookup = np.array([*known, -1 if empty is None else place[empty]], dtype=_least(categories))
        codes = lookup.take(codes)
    return pd.Series(_coded(codes, categories), index=values.index, name=values.name)


def constant(word: str, index: pd.Index, categories: Sequence[str] | None = None) -> pd.Series:
    """One word for all rows."""
    names = [word] if categories is None else list(categories)
    codes = np.full(len(index), names.index(word), dtype="int8")
    return pd.Series(_coded(codes, names), index=index)


def _used(words: pd.Series) -> np.ndarray:
    """Whether a cell is empty, and then for each category whether a cell has it."""
    return np.bincount(words.array.codes.astype("int64") + 1, minlength=len(words.cat.categories) + 1) > 0


def held(words: pd.Series) -> list[Any]:
    """The categories that some row has."""
    return [name for name, used in zip(words.cat.categories, _used(words)[1:], strict=True) if used]


def in_order(words: pd.Series) -> tuple[str, ...]:
    """The categories that some row has, in the order in which they come first."""
    names = held(words)
    return tuple(map(str, words.unique() if len(names) > 1 else names))


def pruned(words: pd.Series) -> pd.Series:
    """A categorical without the categories that no row has."""
    names = held(words)
    return recoded(words, {name: name for name in names}, names)


def among(values: pd.Series, wanted: Sequence[str]) -> np.ndarray:
    """Whether each row of a categorical is one of the wanted words."""
    asked = [word in wanted for word in values.cat.categories]
    return np.array([*asked, False]).take(values.array.codes)


def pairs(left: pd.Series, right: pd.Series) -> tuple[list[tuple[str, str]], np.ndarray]:
    """The different pairs of two columns of labels, in the order they come, and for each row which it is."""
    ones, others = (values.astype("category") for values in (left, right))
    width = len(others.cat.categories) + 1
    # Empty cells have the code -1, so that places begin at one.
    joined = (ones.cat.codes.to_numpy("int64") + 1) * width + others.cat.codes.to_numpy("int64") + 1
    # Most files are of one market, and looking each row up would take ten times as long.
    single = len(joined) > 0 and joined.min() == joined.max()
    place, different = (np.zeros(len(joined), dtype="int64"), joined[:1]) if single else pd.factorize(joined)
    words = [["", *map(str, values.cat.categories)] for values in (ones, others)]
    return [(words[0][pair // width], words[1][pair % width]) for pair in map(int, different)], place


def harmless(values: pd.Series) -> pd.Series:
    """Labels that no spreadsheet takes for a formula: a leading = + - @ gets an apostrophe before it.

    Control characters go, and more than 100 characters are cut. Returned as a categorical, sorted.
    """
    words = values.astype("category")
    clean = {word: safe_text(str(word)) for word in words.cat.categories}
    return recoded(words, clean, sorted(set(clean.values())))


def safe_text(text: str) -> str:
    """One label without control characters, at most 100 long, that does not begin like a formula."""
    text = "".join(letter for letter in text if letter.isprintable()).strip()[:100]
    return "'" + text if text.startswith(("=", "+", "-", "@")) else text


def canonical_venue(label: str) -> str:
    """The house's name of a known venue (`Gate.io` is gate, `binance_usdm` is binance), else the label."""
    compact = key(label)
    return next((name for start, name in _VENUES if compact.startswith(start)), label)


def is_venue(label: str) -> bool:
    """Whether a label names a venue that the house knows."""
    return any(key(label).startswith(start) for start, _ in _VENUES)


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
    return recoded(words, heard, sorted(set(heard.values())))


def choices(values: pd.Series, allowed: tuple[str, ...]) -> pd.Series:
    """Words of a fixed set as the categorical that the tables use; unknown words stay for their check to
    name."""
    words = values.astype("category")
    heard = {word: str(word).strip().lower() for word in words.cat.categories}
    empty, *used = _used(words)
    spoken = {name for name, held in zip(heard.values(), used, strict=True) if held}
    if empty or not spoken <= set(allowed):
        return values
    return recoded(words, heard, allowed)


def positions(sides: pd.Series, meaning: pd.Series) -> pd.Series:
    """`long`/`short` from order or position sides; `meaning` is `order`, `position` or empty for each row.

    Both are categoricals; words that are neither buy nor sell stay.
    """
    told = {"order": {"sell": "long", "buy": "short"}, "position": {"buy": "long", "sell": "short"}}
    words, meanings = list(sides.cat.categories), list(meaning.cat.categories)
    names = sorted({*words, "long", "short"})
    place = {name: code for code, name in enumerate(names)}
    # One cell for each side and meaning; the first of both stands for an empty one.
    lookup = np.full((len(words) + 1, len(meanings) + 1), -1, dtype=_least(names))
    for row, word in enumerate(words, 1):
        for column, said in enumerate(["", *meanings]):
            lookup[row, column] = place[told.get(said, {}).get(word, word)]
    # Flat, because indexing by two columns takes three times as long; an empty code of -1 is the first place.
    rows, columns = (values.array.codes.astype("int32") + 1 for values in (sides, meaning))
    codes = lookup.ravel().take(rows * lookup.shape[1] + columns)
    return pd.Series(_coded(codes, names), index=sides.index)
