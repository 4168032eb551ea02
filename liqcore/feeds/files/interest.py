"""What a column of open interest counts: BTC, USD or contracts of its venue."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from liqcore import wording
from liqcore.feeds.files import columns as cells, contracts, labels, numerals
from liqcore.feeds.files.draft import Request, moments
from liqcore.feeds.files.quality import Doubt, believable
from liqcore.feeds.files.table import RawTable, shown
from liqcore.tables import TableError

# No venue ever held so many BTC, nor so many contracts of 0.0001 BTC; between the two, USD and contracts look
# alike. Less than the last is no open interest of bitcoin in USD.
_MOST_BTC, _SURELY_USD, _LEAST_USD = 1.5e6, 2e9, 1e5
# Values of which so many, looked at up to so many, are never all whole numbers of BTC.
_SOME, _MANY = 20, 5_000
_IN_BTC = ("btc", "ccy", "coin", "base")


def settle(
    raw: RawTable,
    columns: Mapping[str, str],
    frame: pd.DataFrame,
    out: pd.DataFrame,
    price: Callable[[], pd.Series],
    request: Request,
    notes: list[str],
) -> tuple[pd.Series, str]:
    """Open interest in BTC (NaN where no price is known), and the unit of the file in words.

    Parameters
    ----------
    out : its times and venues. price : USD at each row's time, or a TableError where nothing tells it.

    Raises
    ------
    MappingNeeded
        The column could count USD or contracts, and nothing says which.
    """
    held, usd = (_numbers(frame, columns, name) for name in ("quantity", "notional"))
    unit = request.mapping.get("quantity_unit")
    if unit is not None and unit not in cells.OPTIONS["quantity_unit"]:
        raise TableError(
            f"The quantity unit is one of {', '.join(cells.OPTIONS['quantity_unit'])}. Choose one."
        )
    if held is None:
        assert usd is not None
        return _divided(usd, columns["notional"], price, notes), "USD, turned into BTC"
    name = columns["quantity"]
    # Cells that are no numbers stay as they are, for the table's own check to name.
    if unit == "BTC" or cells.key(name).endswith(_IN_BTC) or not pd.api.types.is_numeric_dtype(held):
        return held, "BTC"
    if unit in ("USD", "100-USD contracts"):
        dollars = held * (100.0 if unit == "100-USD contracts" else 1.0)
        return _divided(dollars, name, price, notes), f"{unit}, turned into BTC"
    if unit == "contracts":
        return _by_venue(raw, columns, frame, out, held, price, notes)
    if usd is not None:
        year = int(pd.Timestamp(int(np.median(moments(out["time"], columns["time"]))), unit="us").year)
        if found := _by_sister(held, usd, columns, year, price, notes):
            return found
    most = float(held.max())
    if most > _SURELY_USD or (most > _MOST_BTC and _count_usd(out, frame, columns)):
        return _divided(held, name, price, notes), "USD, turned into BTC"
    if most > _MOST_BTC or not _count_btc(raw, out, frame, columns):
        raise cells.need(
            raw,
            "open_interest",
            columns,
            ("quantity_unit",),
            f"Open interest in {shown(name)} may count contracts or USD, and nothing says which. Choose its"
            " unit.",
        )
    if _all_whole(held, out):
        notes.append(
            Doubt(
                f"All of {shown(name)} are whole numbers, as contracts are: they may not be BTC, and a"
                " modelled map would be too hot or too cold by one factor."
            )
        )
    return held, "BTC"


def _all_whole(held: pd.Series, out: pd.DataFrame) -> bool:
    """Whether an open interest of nobody knows which venue is always a whole number, as contracts are."""
    known = held.dropna().head(_MANY)
    if len(known) < _SOME or not (out["venue"] == "unknown").all():
        return False
    return bool((known % 1 == 0).all()) and known.nunique() >= _SOME // 2


def _numbers(frame: pd.DataFrame, columns: Mapping[str, str], name: str) -> pd.Series | None:
    if name not in columns:
        return None
    held = numerals.plain(frame[columns[name]])
    number = pd.to_numeric(held, errors="coerce")
    return (
        number
        if number.notna().any() and bool((number.notna() | held.isna()).all())
        else (held if name == "quantity" else None)
    )


def _divided(usd: pd.Series, name: str, price: Callable[[], pd.Series], notes: list[str]) -> pd.Series:
    usual = float(usd[usd > 0].median()) if (usd > 0).any() else _LEAST_USD
    if usual < _LEAST_USD:
        raise TableError(
            f"An open interest of {wording.usd(usual)} in {shown(name)} is not one of bitcoin: the column may"
            " count thousands or millions. Write plain USD or BTC."
        )
    notes.append("The open interest is in USD and was divided by the price at its time.")
    return usd / price()


def _by_sister(
    held: pd.Series,
    value: pd.Series,
    columns: Mapping[str, str],
    year: int,
    price: Callable[[], pd.Series],
    notes: list[str],
) -> tuple[pd.Series, str] | None:
    """By the values beside it: USD beside BTC, BTC beside contracts of USD, or USD beside contracts."""
    with np.errstate(all="ignore"):
        ratio = float((value / held).replace([np.inf, -np.inf], np.nan).median())
    if not np.isfinite(ratio) or ratio <= 0:
        return None
    if believable(ratio, year):
        return held, "BTC"
    name, beside = shown(columns["quantity"]), shown(columns["notional"])
    size = next((size for size in (1.0, 100.0) if believable(size / ratio, year)), None)
    if size is not None:
        notes.append(f"{name} counts contracts of {size:g} USD; {beside} holds the same in BTC and was used.")
        return value, f"{size:g}-USD contracts, turned into BTC"
    notes.append(f"{name} is not in BTC; {beside} was used.")
    return _divided(value, columns["notional"], price, notes), "USD, turned into BTC"


def _pairs(
    out: pd.DataFrame, frame: pd.DataFrame, columns: Mapping[str, str], symbol: str = ""
) -> tuple[list[contracts.Unit | None], np.ndarray, bool]:
    """What each venue counts for its symbol, the pair of each row, and whether any counts contracts."""
    named = frame[columns["symbol"]] if "symbol" in columns else labels.constant(symbol or "BTC", frame.index)
    pairs, place = labels.pairs(out["venue"], labels.harmless(named))
    homes = [(contracts.home(name) if venue == "unknown" else venue, name) for venue, name in pairs]
    units = [contracts.unit(venue, name) for venue, name in homes]
    known = [venue in (*contracts.LINEAR, *contracts.INVERSE) for venue, _ in homes]
    odd = any(
        is_known and unit != contracts.Unit(1.0, False) for is_known, unit in zip(known, units, strict=True)
    )
    return units, place, odd


def _count_btc(raw: RawTable, out: pd.DataFrame, frame: pd.DataFrame, columns: Mapping[str, str]) -> bool:
    return not _pairs(out, frame, columns, raw.symbol)[2]


def _count_usd(out: pd.DataFrame, frame: pd.DataFrame, columns: Mapping[str, str]) -> bool:
    """Whether every row is of a venue that counts single dollars there."""
    return all(unit == contracts.Unit(1.0, True) for unit in _pairs(out, frame, columns)[0])


def _by_venue(
    raw: RawTable,
    columns: Mapping[str, str],
    frame: pd.DataFrame,
    out: pd.DataFrame,
    held: pd.Series,
    price: Callable[[], pd.Series],
    notes: list[str],
) -> tuple[pd.Series, str]:
    units, place, _ = _pairs(out, frame, columns, raw.symbol)
    known = [unit for unit in units if unit is not None]
    if len(known) < len(units):
        raise TableError(
            "The size of a contract is not known without the venue and its symbol. Name both in columns, or"
            " choose BTC or USD."
        )
    words = " and ".join(dict.fromkeys(unit.words for unit in known))
    amount = held * np.array([unit.size for unit in known])[place]
    dollars = np.array([unit.dollars for unit in known])[place]
    notes.append(f"Open interest was taken as {words}, as the venue counts it.")
    return amount.where(~dollars, amount / price()) if dollars.any() else amount, f"{words}, turned into BTC"
