"""Files of open positions: ours, a venue's own answers, and lists that people keep."""

from __future__ import annotations

import io
import json
import re
import secrets
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.feeds.files.arrow import feather_table, parquet_table
from liqcore.feeds.files.unpack import Content, load
from liqcore.feeds.positions.answers import VENUE, OddAnswer, is_address, pseudonym, row, state
from liqcore.tables import TableError

# What others call our columns, letters and digits only, in small letters.
_NAMES: Final = {
    "time": ("time", "ts", "timestamp", "datetime", "date", "snapshot"),
    "venue": ("venue", "exchange"),
    "account": ("account", "address", "user", "wallet", "trader", "ethaddress"),
    "side": ("side", "direction", "position"),
    "quantity": ("quantity", "size", "szi", "sz", "qty", "btc", "amount"),
    "entry": ("entry", "entrypx", "entryprice", "avgprice"),
    "liquidation_price": ("liquidationprice", "liq", "liqpx", "liqprice", "liquidationpx"),
    "leverage": ("leverage", "lev", "leveragevalue"),
    "margin": ("margin", "marginmode", "margintype", "leveragetype"),
    "notional": ("notional", "valueusd", "positionvalue", "usd", "value"),
}
_COIN: Final = ("coin", "symbol", "asset")


def read_positions(
    source: Any, *, time: object = None, venue: str | None = None, key: bytes | None = None
) -> pd.DataFrame:
    """Open BTC positions from a file, as a checked table.

    Parameters
    ----------
    source : path, binary file object or bytes: our own Parquet or CSV; Hyperliquid's answers (one
        `clearinghouseState`, a list or lines of them, or `{address: answer}`); a list with columns like
        `address, size, entry, liq, lev`, where a size below zero is a short.
    time : when the positions were told (UTC), for lists that do not say it.
    venue : whose positions, for lists that do not say it.
    key : turns addresses into names; files read with one key have one name for an account. By default a new
        one each time, so that no table holds an address.

    Raises
    ------
    TableError
        In one or two sentences.
    """
    content = load(source)
    secret = key or secrets.token_bytes(16)
    if content.form == "json":
        return _answers(content, secret)
    raw = _raw(content)
    return _listed(raw, time, venue, secret)


def _raw(content: Content) -> pd.DataFrame:
    if content.form == "parquet":
        return parquet_table(content).frame
    if content.form == "feather":
        return feather_table(content).frame
    if content.form != "text":
        raise TableError("Positions are read from CSV, Parquet or JSON. Save the sheet as CSV.")
    try:
        return pd.read_csv(io.BytesIO(content.data), sep=None, engine="python", dtype=str)
    except (ValueError, pd.errors.ParserError) as problem:
        raise TableError(
            "The file is no table with a comma or another sign between its columns."
        ) from problem


def _listed(raw: pd.DataFrame, time: object, venue: str | None, key: bytes) -> pd.DataFrame:
    plain = {re.sub(r"[^a-z0-9]", "", str(name).lower()): name for name in raw.columns}
    coin = next((plain[name] for name in _COIN if name in plain), None)
    if coin is not None:
        raw = raw[raw[coin].astype(str).str.upper().str.match(r"(BTC|XBT)([-_/]|USD|$)")]
    found = {
        ours: next((plain[name] for name in theirs if name in plain), None) for ours, theirs in _NAMES.items()
    }
    out = pd.DataFrame({ours: raw[name] for ours, name in found.items() if name is not None}).reset_index(
        drop=True
    )
    if out.empty:
        raise TableError(
            "The file holds no BTC positions. Its columns are like address, size, entry, liq, lev."
        )
    if "time" not in out:
        if time is None:
            raise TableError("The file does not say when its positions were told. Give the time, in UTC.")
        out["time"] = pd.Timestamp(tables.to_datetime64(time), tz="UTC")
    if "venue" not in out:
        out["venue"] = venue or "unknown"
    if "side" in out:
        out["side"] = out["side"].astype(str).str.strip().str.lower()
    elif "quantity" in out:
        size = pd.to_numeric(out["quantity"], errors="coerce")
        out["side"] = np.where(size < 0, "short", "long")
    if "quantity" in out:
        size = pd.to_numeric(out["quantity"], errors="coerce")
        # What is no number is left for the check, which names it.
        out["quantity"] = out["quantity"].where(size.isna(), size.abs())
        out = out[~(size == 0)].reset_index(drop=True)
    if "margin" in out:
        mode = out["margin"].astype(str).str.strip().str.lower()
        out["margin"] = mode.where(mode.isin(tables.MARGINS), "unknown")
    if "leverage" in out:
        out["leverage"] = out["leverage"].astype(str).str.strip().str.rstrip("xX×")
    if "account" in out:
        names = out["account"].astype(str)
        unique = {name: pseudonym(name, key) if is_address(name.strip()) else name for name in names.unique()}
        out["account"] = names.map(unique)
    return tables.positions(out)


def _answers(content: Content, key: bytes) -> pd.DataFrame:
    try:
        found = list(_each(_documents(content.data)))
        rows = [row(pseudonym(name, key), state(told)) for name, told in found]
    except (OddAnswer, ValueError, KeyError, TypeError) as problem:
        raise TableError(
            "The file is no list of Hyperliquid's answers about accounts (clearinghouseState). Save the"
            " answers as they came."
        ) from problem
    held = [one for one in rows if one is not None]
    if not held:
        raise TableError("None of the accounts in the file holds BTC. There is nothing to draw.")
    return tables.positions(pd.DataFrame(held))


def _documents(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return [json.loads(line) for line in data.splitlines() if line.strip()]


def _each(told: Any) -> Iterator[tuple[str, Any]]:
    """Account and answer, whichever way they were put together."""
    if isinstance(told, dict) and "assetPositions" not in told and all(map(is_address, told)):
        yield from told.items()
        return
    for number, one in enumerate(told if isinstance(told, list) else [told]):
        inner = next((one[name] for name in ("state", "clearinghouseState", "answer") if name in one), one)
        name = next(
            (one[name] for name in ("user", "address", "account") if name in one), f"account {number}"
        )
        yield str(name), inner


__all__ = ["VENUE", "read_positions"]
