"""The gate: does the stop fire before liquidation, with room to spare? Vectorised over leverage and stop.

One implementation serves a single plan, the search for the highest leverage that passes, and the sweep
over leverage and stop distance, so that the three cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from liqcore import wording
from liqcore.margins import TierTable, liquidation_in_tiers, liquidation_price
from liqcore.risk.sizing import Floats, average_entry, risk_per_btc, round_down, sign, size_within

ACCEPTED, WRONG_STOP, TOO_SMALL, TOO_LARGE, OVER_TIER, UNDERWATER, LIQUIDATED_FIRST, TOO_NEAR = range(8)
CODES: Final = (
    "accepted",
    "stop on the wrong side",
    "below the minimum order",
    "larger than any venue carries",
    "leverage above the tier",
    "liquidated at entry",
    "liquidation before the stop",
    "too little room before liquidation",
)
ROOM_SHARE: Final = 0.25
ROOM_ATR: Final = 2.0
LARGEST_BTC: Final = 100_000.0
Basis = Literal["mark", "entry"]
_FORMULAS: Final = {
    ("linear", "mark"): "(margin + amount − s·q·E) / (q·(rate + fee − s))",
    ("linear", "entry"): "E − s·(margin + amount − q·E·(rate + fee)) / q",
    ("inverse", "mark"): "Q·(rate + fee + s) / (margin + amount + s·Q/E)",
    ("inverse", "entry"): "Q·s / (margin + amount − Q/E·(rate + fee) + s·Q/E)",
}
_CONTRACT: Final[dict[str, Literal["linear", "inverse"]]] = {"linear": "linear", "inverse": "inverse"}


@dataclass(frozen=True)
class Terms:
    """A trade without its leverage and stop. USD, BTC, fractions; `entries` and `weights` have one item a
    fill.

    `step` and `minimum` are BTC for a linear contract and USD of contract value for an inverse one.
    """

    side: str
    entries: tuple[float, ...]
    weights: tuple[float, ...]
    account: float
    risk_usd: float
    fee_in: float = 0.0
    fee_out: float = 0.0
    slippage: float = 0.0
    step: float = 0.0
    minimum: float = 0.0
    minimum_notional: float = 0.0
    contract: str = "linear"
    margin_mode: str = "isolated"
    maintenance_margin_rate: float = 0.005
    maintenance_amount: float = 0.0
    tiers: TierTable | None = None
    maintenance_basis: Basis = "mark"
    liquidation_fee: float = 0.0
    other_maintenance: float = 0.0
    other_pnl: float = 0.0
    other_margin: float = 0.0
    added_margin: float = 0.0
    atr_1m: float = 0.0
    mark_last_gap: float = 0.0

    @property
    def spendable(self) -> float:
        """USD for initial margin and entry fee: the account, in a cross one less what other positions hold.

        They hold their initial margin, or their maintenance where that is more, and lose or gain what is
        open.
        """
        if self.margin_mode == "cross":
            return self.account + self.other_pnl - max(self.other_margin, self.other_maintenance)
        return self.account - self.added_margin


@dataclass(frozen=True, eq=False)
class Outcome:
    """What each leverage and stop lead to; all arrays share the broadcast shape, `legs` has the fills in
    front.

    `liquidation` is NaN where the position can never be liquidated; `rate` and `amount` (in the margin's
    currency) are those of the bracket it lies in. `room` is how far the stop lies before
    liquidation and `needed` how far it must lie, both for the fill that is worst off, in USD.
    """

    quantity: Floats
    notional: Floats
    entry: Floats
    margin: Floats
    loss: Floats
    liquidation: Floats
    rate: Floats
    amount: Floats
    worst_liquidation: Floats
    room: Floats
    needed: Floats
    code: NDArray[np.int8]
    capped: NDArray[np.bool_]
    legs: Floats


def evaluate(terms: Terms, leverage: ArrayLike, stop: ArrayLike) -> Outcome:
    """Size the trade for every leverage and stop (USD), and pass it through the gate.

    The gate is `s·(S − LP) ≥ max(¼·|E − LP|, 2·ATR_1m, mark-last gap)`. Of several fills it must hold for
    the first alone and for all together, because the first is there while the others are still waiting.
    """
    lever, at = np.broadcast_arrays(np.asarray(leverage, dtype=float), np.asarray(stop, dtype=float))
    s = sign(terms.side)
    wrong = np.asarray(
        (s * (np.array(terms.entries).reshape(-1, *[1] * at.ndim) - at) <= 0).any(axis=0) | (at <= 0)
    )
    safe = np.where(wrong, np.min(terms.entries) * (1 - 0.5 * s), at)
    legs, capped = _legs(terms, lever, safe)
    legs = np.where(wrong, 0.0, legs)
    size = _tidy(legs, terms.step)
    entry = _average(terms, legs, size)
    quantity, notional = (size, size * entry) if terms.contract == "linear" else (size / entry, size)
    unit = risk_per_btc(
        terms.side,
        entry,
        safe,
        fee_in=terms.fee_in,
        fee_out=terms.fee_out,
        slippage=terms.slippage,
        contract=terms.contract,
    )
    liquidation, rate, amount = _liquidation(terms, entry, lever, quantity)
    worst, room, needed = _room(terms, safe, entry, liquidation)
    if len(terms.entries) > 1:
        first = np.full_like(entry, max(terms.entries) if s > 0 else min(terms.entries))
        share = legs[int(np.argmax(s * np.array(terms.entries)))]
        alone = share if terms.contract == "linear" else share / first
        other = _room(terms, safe, first, _liquidation(terms, first, lever, alone)[0])
        closer = other[1] - other[2] < room - needed
        worst, room, needed = (
            np.where(closer, new, old) for new, old in zip(other, (worst, room, needed), strict=True)
        )
    code = np.select(
        [
            wrong,
            (legs < max(terms.minimum, 1e-15)).any(axis=0) | (notional < terms.minimum_notional),
            quantity > LARGEST_BTC,
            lever > tier_leverage(terms, quantity, notional),
            s * (entry - worst) <= 0,
            room <= 0,
            room < needed,
        ],
        [WRONG_STOP, TOO_SMALL, TOO_LARGE, OVER_TIER, UNDERWATER, LIQUIDATED_FIRST, TOO_NEAR],
        ACCEPTED,
    ).astype(np.int8)
    loss = np.minimum(quantity * unit, terms.risk_usd)
    return Outcome(
        quantity,
        notional,
        entry,
        notional / lever,
        loss,
        liquidation,
        rate,
        amount,
        worst,
        room,
        needed,
        code,
        capped,
        legs,
    )


def highest_leverage(terms: Terms, stop: float, ceiling: float) -> int | None:
    """The highest whole leverage up to `ceiling` with which the trade passes, or None."""
    levers = np.arange(1, max(int(ceiling), 1) + 1, dtype=float)
    passing = np.flatnonzero(evaluate(terms, levers, stop).code == ACCEPTED)
    return int(levers[passing[-1]]) if passing.size else None


def _legs(terms: Terms, leverage: Floats, stop: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """(fills, ...): size of each fill in the contract's own unit, and where the account capped it.

    The cap is `size·(1/L + fee_in) ≤ free account`: initial margin and entry fee must both be paid.
    """
    entry = average_entry(terms.entries, terms.weights, terms.contract)
    unit = risk_per_btc(
        terms.side,
        entry,
        stop,
        fee_in=terms.fee_in,
        fee_out=terms.fee_out,
        slippage=terms.slippage,
        contract=terms.contract,
    )
    worth = entry if terms.contract == "linear" else 1.0
    by_risk = size_within(terms.risk_usd, unit * worth / entry, terms.step)
    by_margin = size_within(terms.spendable, worth * (1 / leverage + max(terms.fee_in, 0.0)), terms.step)
    total = np.minimum(by_risk, by_margin)
    share = np.array(terms.weights) / np.sum(terms.weights)
    legs = [total] if share.size == 1 else [round_down(total * part, terms.step) for part in share]
    return np.stack(legs), np.asarray(by_margin < by_risk)


def _tidy(legs: Floats, step: float) -> Floats:
    return legs[0] if len(legs) == 1 else round_down(legs.sum(axis=0), step)


def _average(terms: Terms, legs: Floats, size: Floats) -> Floats:
    """The average entry of the rounded fills; of nothing at all, the intended one."""
    nominal = average_entry(terms.entries, terms.weights, terms.contract)
    if len(terms.entries) == 1:
        return np.full(size.shape, nominal)
    price = np.array(terms.entries).reshape(-1, *[1] * size.ndim)
    part = legs / np.where(size > 0, size, 1.0)
    exact = (
        (part * price).sum(axis=0)
        if terms.contract == "linear"
        else 1.0 / np.where(size > 0, (part / price).sum(axis=0), 1.0)
    )
    return np.asarray(np.where(size > 0, exact, nominal))


def _liquidation(
    terms: Terms, entry: Floats, leverage: Floats, quantity: Floats
) -> tuple[Floats, Floats, Floats]:
    """Liquidation price (NaN where there is none, or no position), and rate and amount of its bracket."""
    held = np.where(quantity > 0, quantity, 1.0)
    wallet = _free(terms, entry, _wallet(terms, entry, held, leverage))
    size = held if terms.contract == "linear" else held * entry
    if terms.tiers is None:
        rate, amount = (
            np.full(entry.shape, terms.maintenance_margin_rate),
            np.full(entry.shape, terms.maintenance_amount),
        )
        price = np.asarray(
            liquidation_price(
                terms.side,
                entry,
                None,
                rate,
                size,
                amount,
                wallet,
                fee_rate=terms.liquidation_fee,
                contract=_CONTRACT[terms.contract],
                maintenance_basis=terms.maintenance_basis,
            )
        )
    else:
        found = liquidation_in_tiers(
            terms.side, entry, size, terms.tiers, wallet_balance=wallet, fee_rate=terms.liquidation_fee
        )
        price, rate, amount = found.price, found.rate, found.amount
    # No price for a long at 0 or a short at infinity; the other ends mean liquidated at every price, so at
    # entry too.
    price = np.where(price == (np.inf if sign(terms.side) > 0 else 0.0), entry, price)
    return np.where(np.isfinite(price) & (price > 0) & (quantity > 0), price, np.nan), rate, amount


def _room(terms: Terms, stop: Floats, entry: Floats, liquidation: Floats) -> tuple[Floats, Floats, Floats]:
    """Liquidation price, room before it and room needed; without a liquidation price the room is endless."""
    s = sign(terms.side)
    distance = np.where(np.isnan(liquidation), 0.0, np.abs(entry - liquidation))
    needed = np.maximum(ROOM_SHARE * distance, max(ROOM_ATR * terms.atr_1m, terms.mark_last_gap))
    return liquidation, np.where(np.isnan(liquidation), np.inf, s * (stop - liquidation)), needed


def tier_leverage(terms: Terms, quantity: ArrayLike, notional: ArrayLike) -> Floats:
    """The highest leverage the tiers allow for a position of so many BTC and USD; 0 above the last tier."""
    coins, tiers = np.asarray(quantity, dtype=float), terms.tiers
    if tiers is None:
        return np.full(coins.shape, np.inf)
    in_coins = tiers.contract == "inverse" or tiers.unit == "quantity"
    size = coins if in_coins else np.asarray(notional, dtype=float)
    over = size > tiers.cap
    return np.where(over, 0.0, tiers.highest_leverage(np.where(over, 0.0, size)))


def balance(
    side: str,
    price: ArrayLike,
    *,
    entry: float,
    quantity: float,
    wallet: float,
    rate: float,
    amount: float = 0.0,
    fee: float = 0.0,
    contract: str = "linear",
    basis: str = "mark",
) -> tuple[Floats, Floats]:
    """Equity behind a position and the maintenance margin it needs at a price, in the margin's currency.

    Linear (USD): `wallet + s·q·(p − E)` and `q·p·(rate + fee) − amount`. Inverse (BTC, with Q = q·E USD):
    `wallet + s·Q·(1/E − 1/p)` and `Q/p·(rate + fee) − amount`. Liquidation is where both are equal. With
    `basis` entry the maintenance is that of the value at entry, whatever the price.
    """
    s, p = sign(side), np.asarray(price, dtype=float)
    at = p if basis == "mark" else np.full(p.shape, entry)
    if contract == "inverse":
        equity, worth = wallet + s * (quantity - quantity * entry / p), quantity * entry / at
    else:
        equity, worth = wallet + s * quantity * (p - entry), quantity * at
    return equity, worth * (rate + fee) - amount


def backing(terms: Terms, outcome: Outcome, leverage: float) -> float:
    """What backs the position at entry, in the margin's currency: its margin, or the free account when
    cross."""
    return float(_free(terms, outcome.entry, _wallet(terms, outcome.entry, outcome.quantity, leverage)))


def derivation(terms: Terms, outcome: Outcome, leverage: float) -> tuple[tuple[str, float], ...]:
    """The way from margin to liquidation price as (what, value) steps, for one leverage and stop."""
    s, money = sign(terms.side), "USD" if terms.contract == "linear" else "BTC"
    entry, quantity, price = float(outcome.entry), float(outcome.quantity), float(outcome.liquidation)
    wallet, rate, amount = (
        _wallet(terms, outcome.entry, outcome.quantity, leverage),
        float(outcome.rate),
        float(outcome.amount),
    )
    steps = [
        ("Entry, USD", entry),
        ("Quantity, BTC", quantity),
        ("Notional at entry, USD", float(outcome.notional)),
    ]
    if terms.margin_mode == "cross":
        steps += [
            (f"Account after the entry fee, {money}", float(wallet)),
            (
                f"of which other positions leave after their maintenance and with their profit, {money}",
                float(_free(terms, entry, wallet)),
            ),
        ]
    else:
        steps.append((f"Position margin = notional / {leverage:g}, {money}", float(wallet)))
    steps += [
        ("Maintenance margin rate of the bracket at liquidation", rate),
        (f"Maintenance amount of that bracket, {money}", amount),
    ]
    if terms.liquidation_fee:
        steps.append(("Closing fee within maintenance", terms.liquidation_fee))
    if not np.isfinite(price):
        return (
            *steps,
            (
                (
                    "Equity stays above maintenance at every price, so there is no liquidation price; margin"
                    f" behind the position, {money}"
                ),
                float(_free(terms, entry, wallet)),
            ),
        )
    formula = _FORMULAS[terms.contract, terms.maintenance_basis]
    equity, maintenance = balance(
        terms.side,
        price,
        entry=entry,
        quantity=quantity,
        wallet=float(_free(terms, entry, wallet)),
        rate=rate,
        amount=amount,
        fee=terms.liquidation_fee,
        contract=terms.contract,
        basis=terms.maintenance_basis,
    )
    return (
        *steps,
        (f"Liquidation price {formula} with s = {wording.decimal(s, 0, signed=True)}, USD", price),
        (f"Check: equity at that price, {money}", float(equity)),
        (f"Check: maintenance margin at that price, {money}", float(maintenance)),
    )


def _wallet(terms: Terms, entry: Floats, quantity: Floats, leverage: Floats | float) -> Floats:
    """What backs the position in the margin's currency, before other positions."""
    notional = quantity * entry
    held = (
        terms.account - notional * terms.fee_in
        if terms.margin_mode == "cross"
        else notional / leverage + terms.added_margin * (quantity > 0)
    )
    return np.asarray(held if terms.contract == "linear" else held / entry)


def _free(terms: Terms, entry: ArrayLike, wallet: ArrayLike) -> Floats:
    """The wallet less what other positions of a cross account need, plus what they gain."""
    others = terms.other_pnl - terms.other_maintenance if terms.margin_mode == "cross" else 0.0
    return np.asarray(wallet) + (others if terms.contract == "linear" else others / np.asarray(entry))
