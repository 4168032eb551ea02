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
    floors : notional (USD for linear) at which each bracket begins, ascending from 0.
    cap : notional at which the last bracket ends.
    rates : maintenance margin rate of each bracket.
    max_leverage : highest leverage allowed in each bracket.
    as_of : day of the table, ISO. Brackets change; a dated table is right for its day only. source : where it
    was read.
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

    def __post_init__(self) -> None:
        if not len(self.floors) == len(self.rates) == len(self.max_leverage) >= 1 or self.floors[0] != 0:
            raise MarginError(
                "A tier table needs one rate and one leverage for each floor, and its first floor is 0."
            )
        if list(self.floors) != sorted(set(self.floors)) or self.cap <= self.floors[-1]:
            raise MarginError("The floors of a tier table must ascend, and the cap must lie above the last.")

    @property
    def amounts(self) -> np.ndarray:
        """Maintenance amount of each bracket, USD: cum_n = cum_{n−1} + floor_n·(MMR_n − MMR_{n−1})."""
        return np.concatenate([[0.0], np.cumsum(np.asarray(self.floors[1:]) * np.diff(self.rates))])

    def bracket(self, notional: ArrayLike) -> np.ndarray:
        """Index of the bracket that holds each notional; a notional on a floor belongs to that bracket."""
        value = np.asarray(notional, dtype=float)
        if (value > self.cap).any() or (value < 0).any():
            raise MarginError(
                f"{self.venue} allows positions in {self.symbol} up to {wording.whole(self.cap)} (table of"
                f" {self.as_of}). Use a smaller position."
            )
        return np.searchsorted(self.floors, value, side="right") - 1

    def maintenance_margin(self, notional: ArrayLike) -> Any:
        """Maintenance margin of a position of the given notional: notional·MMR − cum."""
        value = np.asarray(notional, dtype=float)
        i = self.bracket(value)
        return _plain(value * np.asarray(self.rates)[i] - self.amounts[i])

    def highest_leverage(self, notional: ArrayLike) -> Any:
        """Highest leverage the venue allows for a position of the given notional."""
        return _plain(np.asarray(self.max_leverage)[self.bracket(notional)])


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

    Arguments as in `liquidation_price`; scalars only (see `bracket_at_liquidation` for arrays). Raises
    MarginError beyond the last bracket.
    """
    tiers.bracket(quantity * entry if tiers.contract == "linear" else quantity / entry)
    price, bracket = bracket_at_liquidation(
        side, entry, quantity, tiers, leverage, wallet_balance, other_maintenance, other_pnl, fee_rate
    )
    if bracket < 0:
        raise MarginError(
            f"At its liquidation price this position exceeds {tiers.venue}'s largest bracket (table of"
            f" {tiers.as_of}). Use a smaller one."
        )
    return float(price)


def bracket_at_liquidation(
    side: ArrayLike,
    entry: ArrayLike,
    quantity: ArrayLike,
    tiers: TierTable,
    leverage: ArrayLike | None = None,
    wallet_balance: ArrayLike | None = None,
    other_maintenance: ArrayLike = 0.0,
    other_pnl: ArrayLike = 0.0,
    fee_rate: ArrayLike = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Liquidation prices (USD) in a tier table, and the index of the bracket each lies in.

    Every bracket is tried, and the one whose own liquidation price lies inside it is kept: notional at
    the price is quantity·price for a linear contract and quantity / price (BTC) for an inverse one.
    Arguments as in `liquidation_price`; they broadcast. Beyond the last bracket the index is -1 and the price
    that of the last bracket.
    """
    shape = np.broadcast_shapes(
        *(
            np.asarray(part).shape
            for part in (
                side,
                entry,
                quantity,
                leverage,
                wallet_balance,
                other_maintenance,
                other_pnl,
                fee_rate,
            )
        )
    )
    each = (-1, *[1] * len(shape))
    prices = np.broadcast_to(
        np.asarray(
            liquidation_price(
                side,
                entry,
                leverage,
                np.reshape(tiers.rates, each),
                quantity,
                tiers.amounts.reshape(each),
                wallet_balance,
                other_maintenance,
                other_pnl,
                fee_rate,
                tiers.contract,
            )
        ),
        (len(tiers.rates), *shape),
    )
    with np.errstate(divide="ignore"):
        notional = (
            np.asarray(quantity) * prices if tiers.contract == "linear" else np.asarray(quantity) / prices
        )
    caps = np.reshape([*tiers.floors[1:], tiers.cap], each)
    # On a boundary both brackets give the same margin; the tolerance keeps rounding from losing both.
    fits = (notional >= np.reshape(tiers.floors, each) * (1 - 1e-12)) & (notional <= caps * (1 + 1e-12))
    bracket = np.where(fits.any(axis=0), fits.argmax(axis=0), -1)
    return np.take_along_axis(prices, bracket[None] % len(tiers.rates), axis=0)[0], bracket


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
