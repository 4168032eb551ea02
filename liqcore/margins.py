"""Liquidation and bankruptcy prices, and maintenance margin by tier: one identity for all venues.

A position is liquidated when its equity equals its maintenance margin plus the closing fee. With side
s = ±1, size q, entry E and mark price p that is, for a linear contract,

    WB − TMM + UPNL + s·q·(p − E) = q·p·(MMR + fee) − cum

and for an inverse one, with Q in USD and balances in BTC, `WB − TMM + UPNL + s·Q·(1/E − 1/p) = Q/p·(MMR +
fee) − cum`. Sources: Binance FAQ b3c689c1f50a44cabb3a84e663b81d93 (linear) and ceccfcfb (COIN-M); OKX and
Gate add the taker fee to the rate. The trigger is the mark price, not the last one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from liqcore import wording
from liqcore.tables import SIDES

Contract = Literal["linear", "inverse"]


class MarginError(ValueError):
    """A margin question without an answer, in one sentence."""


def liquidation_price(
    side: ArrayLike,
    entry: ArrayLike,
    leverage: ArrayLike | None = None,
    maintenance_margin_rate: ArrayLike = 0.005,
    quantity: ArrayLike = 1.0,
    maintenance_amount: ArrayLike = 0.0,
    wallet_balance: ArrayLike | None = None,
    other_maintenance: ArrayLike = 0.0,
    other_pnl: ArrayLike = 0.0,
    fee_rate: ArrayLike = 0.0,
    contract: Contract = "linear",
    maintenance_basis: Literal["mark", "entry"] = "mark",
) -> Any:
    """Mark price at which a position is liquidated, in USD.

    Parameters broadcast against each other.

    Parameters
    ----------
    side : `long` or `short`.
    entry : USD.
    leverage : used for the margin where `wallet_balance` is None.
    maintenance_margin_rate, maintenance_amount : rate and `cum` of the bracket at the liquidation price.
    quantity : BTC for a linear contract, USD for an inverse one.
    wallet_balance : margin in USD (linear) or BTC (inverse); None means the position's own,
        value / leverage (isolated). For cross margin give the account's balance, and what its other
        positions tie up and earn in `other_maintenance` and `other_pnl`.
    fee_rate : closing fee added to the maintenance rate (OKX, Gate); 0 for Binance.
    maintenance_basis : `entry` for venues that take maintenance on the entry value (KuCoin, Bybit's
        older pages).

    Returns
    -------
    float, or array of the broadcast shape. 0.0 for a long and inf for a short that no price can liquidate;
    0.0 for a short and inf for a long that every price does, because its debts exceed its value.

    Raises
    ------
    MarginError
        Unknown side or contract, an entry, quantity or leverage that is not above zero, rates that are
        not shares of the value, a balance that is not a number, or neither leverage nor wallet balance.
    """
    sign, entry_, size = _checked(side, entry, quantity)
    rate, amount = (
        np.asarray(maintenance_margin_rate, dtype=float),
        np.asarray(maintenance_amount, dtype=float),
    )
    fee = np.asarray(fee_rate, dtype=float)
    if not ((rate >= 0) & (fee >= 0) & (rate + fee < 1)).all():
        raise MarginError(
            "The maintenance margin and fee rates are shares of the value: 0.005 means 0.5 %. Give them"
            " between 0 and 1."
        )
    value = _value(entry_, size, contract)
    balance = (
        _own_margin(value, leverage) if wallet_balance is None else np.asarray(wallet_balance, dtype=float)
    )
    free = balance - np.asarray(other_maintenance, dtype=float) + np.asarray(other_pnl, dtype=float) + amount
    if not np.isfinite(free).all():
        raise MarginError(
            "Wallet balance, maintenance amount and what other positions tie up and earn must be numbers."
        )
    if maintenance_basis == "entry":
        free = free - value * (rate + fee)
        rate, fee = np.zeros_like(rate), np.zeros_like(fee)
    elif maintenance_basis != "mark":
        raise MarginError(f"maintenance_basis is 'mark' or 'entry', not {maintenance_basis!r}.")
    with np.errstate(divide="ignore", invalid="ignore"):
        if contract == "linear":
            price = (free - sign * value) / (size * (rate + fee - sign))
        else:
            price = size * (rate + fee + sign) / (free + sign * value)
    return _reached(price, contract)


def bankruptcy_price(
    side: ArrayLike, entry: ArrayLike, leverage: ArrayLike, contract: Contract = "linear"
) -> Any:
    """Price at which a position's own margin is used up: E(1 − s/L) linear, E·L/(L + s) inverse.

    Source: Bybit help centre. 0.0 for a long and inf for a short that cannot go bankrupt at 1×.
    """
    sign, entry_, _ = _checked(side, entry, 1.0)
    leverage_ = np.asarray(leverage, dtype=float)
    if not (leverage_ > 0).all():
        raise MarginError("The leverage must be above zero.")
    with np.errstate(divide="ignore"):
        if contract == "linear":
            price = entry_ * (1 - sign / leverage_)
        elif contract == "inverse":
            price = entry_ * leverage_ / (leverage_ + sign)
        else:
            raise MarginError(f"A contract is linear or inverse, not {contract!r}.")
    return _reached(price, contract)


@dataclass(frozen=True)
class TierTable:
    """A venue's maintenance brackets for one BTC contract on one day.

    Attributes
    ----------
    floors : size at which each bracket begins, ascending from 0, in what `unit` says.
    cap : size at which the last bracket ends.
    rates : maintenance margin rate of each bracket.
    max_leverage : highest leverage allowed in each bracket.
    as_of : day of the table, ISO. Brackets change; a dated table is right for its day only. source : where it
    was read.
    kind : `marginal`, each rate holds for the part of the position within its bracket (Binance, Bybit, Gate),
        or `whole`, the rate of the bracket holds for all of it (OKX, Bitget): maintenance then jumps at a
        floor.
    unit : `value` counts USD of a linear contract and BTC of an inverse one, `quantity` BTC of either (OKX).
    growth : what both margin rates of a table of one bracket grow by for each BTC of the position (Deribit).
    """

    venue: str
    symbol: str
    as_of: str
    source: str
    floors: tuple[float, ...]
    cap: float
    rates: tuple[float, ...]
    max_leverage: tuple[float, ...]
    contract: Contract = "linear"
    kind: Literal["marginal", "whole"] = "marginal"
    unit: Literal["value", "quantity"] = "value"
    growth: float = 0.0

    def __post_init__(self) -> None:
        if not len(self.floors) == len(self.rates) == len(self.max_leverage) >= 1 or self.floors[0] != 0:
            raise MarginError(
                "A tier table needs one rate and one leverage for each floor, and its first floor is 0."
            )
        if list(self.floors) != sorted(set(self.floors)) or self.cap <= self.floors[-1]:
            raise MarginError("The floors of a tier table must ascend, and the cap must lie above the last.")
        if self.growth < 0 or (self.growth and len(self.rates) > 1):
            raise MarginError("A rate that grows with the position has one bracket, and grows upwards.")

    @property
    def amounts(self) -> np.ndarray:
        """Maintenance amount of each bracket, in the margin's currency: cum_n = cum_{n−1} + floor_n·(MMR_n −
        MMR_{n−1}); none where a rate holds for the whole position."""
        if self.kind == "whole":
            return np.zeros(len(self.rates))
        return np.concatenate([[0.0], np.cumsum(np.asarray(self.floors[1:]) * np.diff(self.rates))])

    def counted(self, quantity: ArrayLike, price: ArrayLike) -> np.ndarray:
        """A position in what the brackets count; quantity in BTC, of an inverse contract in USD."""
        size, at = np.asarray(quantity, dtype=float), np.asarray(price, dtype=float)
        if self.contract == "inverse":
            return size / at
        return size * at if self.unit == "value" else size + 0.0 * at

    def bracket(self, size: ArrayLike) -> np.ndarray:
        """Index of the bracket that holds each size; a size on a floor belongs to that bracket."""
        value = np.asarray(size, dtype=float)
        if (value > self.cap).any() or (value < 0).any():
            raise MarginError(
                f"{self.venue} allows positions in {self.symbol} up to {wording.whole(self.cap)} (table of"
                f" {self.as_of}). Use a smaller position."
            )
        return np.searchsorted(self.floors, value, side="right") - 1

    def maintenance_margin(self, notional: ArrayLike) -> Any:
        """Maintenance margin of a position of the given value: notional·MMR − cum (`unit` value, no
        growth)."""
        value = np.asarray(notional, dtype=float)
        i = self.bracket(value)
        return _plain(value * np.asarray(self.rates)[i] - self.amounts[i])

    def maintenance(self, quantity: ArrayLike, price: ArrayLike) -> Any:
        """Maintenance margin at a price, in the margin's currency, whatever the kind of table."""
        size, at = np.asarray(quantity, dtype=float), np.asarray(price, dtype=float)
        value, coins = (size * at, size) if self.contract == "linear" else (size / at, size / at)
        i = self.bracket(self.counted(size, at))
        return _plain(value * (np.asarray(self.rates)[i] + self.growth * coins) - self.amounts[i])

    def highest_leverage(self, size: ArrayLike) -> Any:
        """Highest leverage the venue allows for a position of the given size, in what the brackets count."""
        value = np.asarray(size, dtype=float)
        most = np.asarray(self.max_leverage, dtype=float)[self.bracket(value)]
        return _plain(1 / (1 / most + self.growth * value))


@dataclass(frozen=True, eq=False)
class InTiers:
    """Liquidation prices in a tier table (USD), with the rate, the amount (in the margin's currency) and the
    index of the bracket each lies in; the index is −1 beyond the last bracket."""

    price: np.ndarray
    rate: np.ndarray
    amount: np.ndarray
    bracket: np.ndarray


def liquidation_price_in_tiers(
    side: str,
    entry: float,
    quantity: float,
    tiers: TierTable,
    leverage: float | None = None,
    wallet_balance: float | None = None,
    other_maintenance: float = 0.0,
    other_pnl: float = 0.0,
    fee_rate: float = 0.0,
) -> float:
    """Liquidation price with rate and amount of the bracket that holds at that price, not at entry.

    Arguments as in `liquidation_price`; scalars only (see `liquidation_in_tiers` for arrays). Raises
    MarginError beyond the last bracket.
    """
    tiers.bracket(tiers.counted(quantity, entry))
    found = liquidation_in_tiers(
        side, entry, quantity, tiers, leverage, wallet_balance, other_maintenance, other_pnl, fee_rate
    )
    if found.bracket < 0:
        raise MarginError(
            f"At its liquidation price this position exceeds {tiers.venue}'s largest bracket (table of"
            f" {tiers.as_of}). Use a smaller one."
        )
    return float(found.price)


def liquidation_in_tiers(
    side: ArrayLike,
    entry: ArrayLike,
    quantity: ArrayLike,
    tiers: TierTable,
    leverage: ArrayLike | None = None,
    wallet_balance: ArrayLike | None = None,
    other_maintenance: ArrayLike = 0.0,
    other_pnl: ArrayLike = 0.0,
    fee_rate: ArrayLike = 0.0,
) -> InTiers:
    """The first price on the way from entry to ruin at which equity is no more than maintenance.

    Each bracket has a stretch of prices and, with its own rate, a liquidation price. Within its stretch the
    position is liquidated from that price on; where it lies before the stretch, at the beginning of it, which
    happens where the rate of a higher bracket comes to hold for the whole position. The first of them counts.
    Arguments as in `liquidation_price`; they broadcast. Beyond the last bracket the price is that of the last
    one.
    """
    given = (side, entry, quantity, leverage, wallet_balance, other_maintenance, other_pnl, fee_rate)
    shape = np.broadcast_shapes(*(np.asarray(part).shape for part in given))
    sign, start, size = (np.broadcast_to(part, shape) for part in _checked(side, entry, quantity))
    each = (-1, *[1] * len(shape))
    rates = np.reshape(tiers.rates, each)
    more = dict(
        quantity=quantity,
        wallet_balance=wallet_balance,
        other_maintenance=other_maintenance,
        other_pnl=other_pnl,
        contract=tiers.contract,
    )
    if tiers.growth and tiers.contract == "inverse":
        own = _growing_inverse(sign, start, size, tiers, leverage, fee_rate, more)
        rate = rates + tiers.growth * np.where(own > 0, size / own, 0.0)
    else:
        rate = rates + tiers.growth * size
        amount = tiers.amounts.reshape(each)
        own = np.asarray(
            liquidation_price(
                side,
                entry,
                leverage,
                np.minimum(rate, 0.9 - np.asarray(fee_rate)),
                maintenance_amount=amount,
                fee_rate=fee_rate,
                **more,  # type: ignore[arg-type]
            )
        )
    own, rate = (np.broadcast_to(part, (len(tiers.rates), *shape)) for part in (own, rate))
    low, high = _stretches(tiers, size, each)
    # Where maintenance is continuous there is one root, be it behind the entry; where it jumps, those behind
    # do not count.
    ahead = np.where(sign > 0, low <= start, high >= start) | (tiers.kind == "marginal")
    reached = ahead & np.where(sign > 0, own >= low, own <= high)
    at = np.where(sign > 0, np.minimum(own, high), np.maximum(own, low))
    order = np.where(reached, at, np.where(sign > 0, -1.0, np.inf)) * -sign
    # A short that no price can liquidate is reached at infinity, like what is not reached at all.
    first = np.where(np.isinf(order.min(axis=0)), reached.argmax(axis=0), order.argmin(axis=0))
    price = np.take_along_axis(at, first[None], axis=0)[0]
    with np.errstate(divide="ignore"):
        beyond = tiers.counted(size, price) > tiers.cap * (1 + 1e-12)
    return InTiers(
        price,
        np.take_along_axis(rate, first[None], axis=0)[0],
        tiers.amounts[first],
        np.where(beyond, -1, first),
    )


def _stretches(tiers: TierTable, size: np.ndarray, each: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The prices between which each bracket holds for each size; the last one holds on beyond its cap."""
    floors, caps = np.reshape(tiers.floors, each), np.reshape([*tiers.floors[1:], np.inf], each)
    if tiers.contract == "linear" and tiers.unit == "quantity":
        held = (size >= floors) & (size < caps)
        # No price lies between infinity and zero.
        return np.where(held, 0.0, np.inf), np.where(held, np.inf, 0.0)
    with np.errstate(divide="ignore"):
        return (floors / size, caps / size) if tiers.contract == "linear" else (size / caps, size / floors)


def _growing_inverse(
    sign: np.ndarray,
    entry: np.ndarray,
    size: np.ndarray,
    tiers: TierTable,
    leverage: ArrayLike | None,
    fee_rate: ArrayLike,
    held: dict[str, Any],
) -> np.ndarray:
    """Where `W + s·(Q/E − V) = V·(r + f + g·V)` with V = Q/p BTC: the root that comes first from entry."""
    value = size / entry
    wallet = held["wallet_balance"]
    balance = _own_margin(value, leverage) if wallet is None else np.asarray(wallet, dtype=float)
    total = balance - held["other_maintenance"] + held["other_pnl"] + sign * value
    linear = tiers.rates[0] + np.asarray(fee_rate, dtype=float) + sign
    root = linear**2 + 4 * tiers.growth * total
    with np.errstate(divide="ignore", invalid="ignore"):
        coins = 2 * total / (linear + sign * np.sqrt(root))
        price = size / coins
    # Without a root the debts exceed what the position is worth at every price.
    price = np.where(root < 0, entry, np.where(coins > 0, price, np.where(sign > 0, entry, np.inf)))
    return np.asarray(price)


def _checked(
    side: ArrayLike, entry: ArrayLike, quantity: ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    sides = np.asarray(side)
    if not np.isin(sides, SIDES).all():
        raise MarginError(f"A side is long or short, not {sides.reshape(-1)[0]!r}.")
    entry_, size = np.asarray(entry, dtype=float), np.asarray(quantity, dtype=float)
    if not ((entry_ > 0) & np.isfinite(entry_)).all():
        raise MarginError("The entry price must be above zero.")
    if not ((size > 0) & np.isfinite(size)).all():
        raise MarginError("The quantity must be above zero.")
    return np.where(sides == "long", 1.0, -1.0), entry_, size


def _value(entry: np.ndarray, size: np.ndarray, contract: str) -> np.ndarray:
    if contract == "linear":
        return entry * size
    if contract == "inverse":
        return size / entry
    raise MarginError(f"A contract is linear or inverse, not {contract!r}.")


def _own_margin(value: np.ndarray, leverage: ArrayLike | None) -> np.ndarray:
    if leverage is None:
        raise MarginError("Give the leverage, or the wallet balance that backs the position.")
    leverage_ = np.asarray(leverage, dtype=float)
    if not (leverage_ > 0).all():
        raise MarginError("The leverage must be above zero.")
    return value / leverage_


def _reached(price: np.ndarray, contract: str) -> Any:
    """The price, or the end of the scale where the equation has no root above zero.

    Then every price lies on one side of the root: below a linear long's (never) and above a linear
    short's (always), which both end at 0; with an inverse contract both end at infinity.
    """
    return _plain(np.where(np.isfinite(price) & (price > 0), price, 0.0 if contract == "linear" else np.inf))


def _plain(value: np.ndarray) -> Any:
    return float(value) if np.ndim(value) == 0 else value
