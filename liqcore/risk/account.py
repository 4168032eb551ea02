"""The true liquidation price of a cross margined position: what the whole account does as price moves.

The account is liquidated when its equity falls to the maintenance of all its cross positions. With p the mark
price of the coin, and every other coin moving β percent for each percent of it,

    balance + Σ s·q·(p_i − E_i) = Σ q·p_i·m_i,   p_i = M_i·(1 + β·(p/M − 1))

which is linear in p. With β = 0 this is the price that venues tell, for the moment. Source of the identity:
`liqcore.margins`; Hyperliquid's docs write it as `price − side·margin_available/size/(1 − l·side)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from liqcore import tables, wording
from liqcore.risk.numbers import RiskError


@dataclass(frozen=True)
class Leg:
    """One cross margined position: quantity in its coin, prices in USD, maintenance as a share of the value
    (0.0125 for a coin of at most 40×: half of the initial margin at the highest leverage)."""

    side: Literal["long", "short"]
    quantity: float
    entry: float
    mark: float
    maintenance_rate: float = 0.0125
    coin: str = "BTC"

    def __post_init__(self) -> None:
        if self.side not in tables.SIDES:
            raise RiskError(f"A position is long or short, not {self.side!r}.")
        for name in ("quantity", "entry", "mark"):
            if not 0 < getattr(self, name) < float("inf"):
                raise RiskError(f"The {name} of the {self.coin} position must be above zero.")
        if not 0 <= self.maintenance_rate < 1:
            raise RiskError("The maintenance rate is a share of the value: 0.0125 means 1.25 %.")

    @property
    def sign(self) -> int:
        return 1 if self.side == "long" else -1

    @property
    def pnl(self) -> float:
        """USD gained at the mark price."""
        return self.sign * self.quantity * (self.mark - self.entry)

    @property
    def maintenance(self) -> float:
        """USD that must remain at the mark price."""
        return self.quantity * self.mark * self.maintenance_rate


@dataclass(frozen=True)
class CrossPrice:
    """Where an account would be liquidated.

    Attributes
    ----------
    price : mark price of the coin in USD; NaN where this coin alone cannot liquidate the account.
    falling : whether price gets there by falling; a hedged account may be closed on the far side of a
    position.
    room : distance from the mark price as a share of it, NaN without a price.
    equity, maintenance : USD at the mark prices of now.
    steps : the derivation, one line of words and one of numbers each.
    """

    price: float
    falling: bool
    room: float
    equity: float
    maintenance: float
    steps: tuple[tuple[str, str], ...]

    @property
    def already(self) -> bool:
        """Whether the equity is at or below the maintenance now."""
        return self.equity <= self.maintenance


def cross_liquidation(
    balance: float, leg: Leg, others: Sequence[Leg] = (), others_follow: float = 0.0
) -> CrossPrice:
    """The price of a leg's coin at which the whole account is liquidated, with its derivation.

    Parameters
    ----------
    balance : cross margin wallet in USD, without what open positions gained or lost.
    leg, others : the position asked about, and the account's other cross positions. Others in the same coin
        move with it whatever `others_follow` says.
    others_follow : how many percent the other coins move for each percent of this one; 0 lets them stand
        still, as the price that a venue tells does.

    Raises
    ------
    RiskError
    """
    if not np.isfinite(balance) or not np.isfinite(others_follow):
        raise RiskError("The balance and how the others follow must be numbers.")
    legs = (leg, *others)
    sign = np.array([one.sign for one in legs], dtype=float)
    size, entry, mark, rate = (
        np.array([getattr(one, name) for one in legs], dtype=float)
        for name in ("quantity", "entry", "mark", "maintenance_rate")
    )
    follow = np.array([1.0 if one.coin == leg.coin else others_follow for one in legs])
    mark = np.where([one.coin == leg.coin for one in legs], leg.mark, mark)
    # Equity above maintenance is spare + slope·(p/M − 1).
    equity = balance + float((sign * size * (mark - entry)).sum())
    maintenance = float((size * mark * rate).sum())
    spare = equity - maintenance
    slope = float((size * mark * (sign - rate) * follow).sum())
    move = -spare / slope if slope else np.nan
    if spare <= 0:
        price, move = leg.mark, 0.0
    elif not np.isfinite(move) or move <= -1:
        price = move = np.nan
    else:
        price = leg.mark * (1 + move)
    steps = (
        ("Balance", wording.price(balance)),
        ("Gained or lost by all positions", wording.usd(equity - balance, signed=True)),
        ("Equity", wording.price(equity)),
        ("Maintenance of all cross positions", wording.price(maintenance)),
        ("Above maintenance", wording.price(spare)),
        (f"A move of 1 % of {leg.coin} changes that by", wording.usd(slope / 100, signed=True)),
        ("So it is used up by a move of", _move(move)),
    )
    return CrossPrice(price, slope > 0, abs(move), equity, maintenance, steps)


def _move(move: float) -> str:
    return (
        "none: this coin alone cannot liquidate the account"
        if not np.isfinite(move)
        else wording.percent(move, signed=True)
    )
