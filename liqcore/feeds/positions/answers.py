"""Hyperliquid's answers about one account and about the venue, as rows of ours.

Fields: `clearinghouseState` and `metaAndAssetCtxs` of Hyperliquid's info endpoint, documented by the venue.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from liqcore import tables
from liqcore.risk.account import Leg

VENUE: Final = "hyperliquid"
COIN: Final = "BTC"
_ADDRESS: Final = re.compile(tables.ADDRESS)


class OddAnswer(ValueError):
    """An answer that is not what the venue documents. Its words hold nothing of the answer."""


def is_address(text: object) -> bool:
    """Whether a text is an account's address: 0x and 40 hexadecimal digits."""
    return isinstance(text, str) and _ADDRESS.fullmatch(text) is not None


def pseudonym(address: str, key: bytes) -> str:
    """The name an account has outside the address book: 16 digits that only the key leads to."""
    return hashlib.blake2b(address.strip().lower().encode(), key=key, digest_size=8).hexdigest()


@dataclass(frozen=True)
class Holding:
    """One position of an account in any coin; numbers in USD and in the coin.

    `liquidation_price` is NaN where the venue tells none, `leverage` is the account's setting, `value` what
    the position is worth at the mark price.
    """

    coin: str
    side: str
    quantity: float
    entry: float
    liquidation_price: float
    leverage: float
    margin: str
    value: float
    margin_used: float = np.nan

    @property
    def mark(self) -> float:
        """The mark price that the value implies, USD."""
        return self.value / self.quantity


@dataclass(frozen=True)
class State:
    """What one account told: `at` µs since 1970, `value` of the whole account and of its cross margined part
    in USD, the maintenance its cross positions need, and all its positions."""

    at: int
    value: float
    cross_value: float
    maintenance: float
    holdings: tuple[Holding, ...]

    @property
    def bitcoin(self) -> Holding | None:
        return next((one for one in self.holdings if one.coin == COIN), None)


def state(answer: Any) -> State:
    """An account's `clearinghouseState`; OddAnswer where it is none (null, wrong types, numbers that are
    none)."""
    try:
        at = int(answer["time"]) * 1_000
        held = tuple(_holding(one["position"]) for one in answer["assetPositions"])
        if not all(map(np.isfinite, (at, *(one.quantity for one in held)))):
            raise ValueError
        summary = answer.get("marginSummary") or {}
        cross = answer.get("crossMarginSummary") or summary
        return State(
            at,
            _number(summary.get("accountValue")),
            _number(cross.get("accountValue")),
            _number(answer.get("crossMaintenanceMarginUsed")),
            tuple(one for one in held if one.quantity > 0),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as problem:
        raise OddAnswer("The venue's answer about an account is not what it documents.") from problem


def _number(value: object) -> float:
    return np.nan if value is None else float(value)  # type: ignore[arg-type]


def _holding(told: dict[str, Any]) -> Holding:
    signed, entry = float(told["szi"]), float(told["entryPx"])
    lever = told.get("leverage") or {}
    price = _number(told.get("liquidationPx"))
    value = _number(told.get("positionValue"))
    if not np.isfinite(signed) or (signed and not entry > 0) or value < 0:
        raise ValueError
    mode = str(lever.get("type", "unknown")).lower()
    return Holding(
        coin=str(told["coin"]),
        side="long" if signed > 0 else "short",
        quantity=abs(signed),
        entry=entry,
        liquidation_price=price if price > 0 else np.nan,
        leverage=_number(lever.get("value")),
        margin=mode if mode in tables.MARGINS else "unknown",
        value=value if value > 0 else abs(signed) * entry,
        margin_used=_number(told.get("marginUsed")),
    )


def row(account: str, told: State) -> dict[str, Any] | None:
    """The account's BTC position as a row of the positions table, None where it holds none."""
    held = told.bitcoin
    if held is None:
        return None
    return {
        "time": told.at,
        "venue": VENUE,
        "account": account,
        "side": held.side,
        "quantity": held.quantity,
        "entry": held.entry,
        "liquidation_price": held.liquidation_price,
        "leverage": held.leverage,
        "margin": held.margin,
        "notional": held.value,
    }


def market(answer: Any) -> tuple[float, float]:
    """Open interest in BTC and mark price in USD from `metaAndAssetCtxs`; NaN for what it does not tell."""
    try:
        names, states = answer
        own = states[[one["name"] for one in names["universe"]].index(COIN)]
        return _number(own.get("openInterest")), _number(own.get("markPx"))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        return np.nan, np.nan


def leaders(answer: Any) -> dict[str, float]:
    """Address to account value in USD from the leaderboard; rows that are none are left out."""
    rows = answer.get("leaderboardRows") if isinstance(answer, dict) else None
    if not isinstance(rows, list):
        raise OddAnswer("The venue's leaderboard is not what it documents.")
    return dict(_leader(rows))


def _leader(rows: list[Any]) -> Iterator[tuple[str, float]]:
    for one in rows:
        if isinstance(one, dict) and is_address(one.get("ethAddress")):
            try:
                value = _number(one.get("accountValue"))
            except (TypeError, ValueError):
                value = np.nan
            yield one["ethAddress"].lower(), value if np.isfinite(value) else 0.0


def traders(frame: Any) -> set[str]:
    """Addresses of both sides in a frame of the trades socket."""
    data = frame.get("data") if isinstance(frame, dict) and frame.get("channel") == "trades" else None
    found = [
        user
        for trade in (data if isinstance(data, list) else [])
        if isinstance(trade, dict) and isinstance(trade.get("users"), list)
        for user in trade["users"]
    ]
    return {user.lower() for user in found if is_address(user)}


def rates(answer: Any) -> dict[str, float]:
    """Coin to maintenance share from `metaAndAssetCtxs`: half of the initial margin at the highest leverage
    (Hyperliquid's docs on margining). Coins that it does not tell are left out."""
    try:
        return {
            str(one["name"]): 1 / (2 * float(one["maxLeverage"]))
            for one in answer[0]["universe"]
            if float(one.get("maxLeverage") or 0) > 0
        }
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        return {}


def legs(told: State, shares: dict[str, float], otherwise: float = 0.05) -> tuple[float, list[Leg]]:
    """The cross wallet in USD (equity less what open positions gained) and an account's cross positions, BTC
    first; `otherwise` is the maintenance share of coins that `shares` lacks."""
    held = sorted((one for one in told.holdings if one.margin == "cross"), key=lambda one: one.coin != COIN)
    made = [
        Leg(
            "long" if one.side == "long" else "short",
            one.quantity,
            one.entry,
            one.mark,
            shares.get(one.coin, 0.0125 if one.coin == COIN else otherwise),
            one.coin,
        )
        for one in held
    ]
    return told.cross_value - sum(leg.pnl for leg in made), made
