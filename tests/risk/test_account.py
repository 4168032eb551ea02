"""The cross liquidation price of whole accounts, held against exact fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest

from liqcore import liquidation_price
from liqcore.risk.account import Leg, cross_liquidation
from liqcore.risk.numbers import RiskError

MAKES = ("BTC", "ETH", "SOL")


def accounts(count: int):
    """Accounts of one to five legs, from rich to nearly lost, hedged ones and several legs in one coin
    included."""
    rng = np.random.default_rng(5)
    for _ in range(count):
        marks = {"BTC": rng.uniform(2e4, 1.2e5), "ETH": rng.uniform(8e2, 5e3), "SOL": rng.uniform(10, 300)}
        legs = []
        for number in range(rng.integers(1, 6)):
            coin = "BTC" if number == 0 else str(rng.choice(MAKES))
            mark = float(marks[coin])
            legs.append(
                Leg(
                    str(rng.choice(("long", "short"))),
                    float(10 ** rng.uniform(3, 6) / mark),
                    mark * float(rng.uniform(0.7, 1.4)),
                    mark,
                    float(rng.choice((0.0125, 0.02, 0.05))),
                    coin,
                )
            )
        yield float(10 ** rng.uniform(3, 6.5)), legs, float(rng.choice((0.0, 1.0, 1.3)))


def above(balance: float, legs: list[Leg], follow: float, price: Fraction) -> Fraction:
    """Equity above maintenance at a price of the first leg's coin, position by position, without rounding."""
    ratio = price / Fraction(legs[0].mark)
    total = Fraction(balance)
    for leg in legs:
        beta = Fraction(1) if leg.coin == legs[0].coin else Fraction(follow)
        mark = Fraction(leg.mark) * (1 + beta * (ratio - 1))
        gained = Fraction(leg.quantity) * (mark - Fraction(leg.entry)) * (1 if leg.side == "long" else -1)
        total += gained - Fraction(leg.quantity) * mark * Fraction(leg.maintenance_rate)
    return total


def exact(balance: float, legs: list[Leg], follow: float) -> Fraction | None:
    """The price by two exact evaluations of what is a straight line, None where none above zero is
    reached."""
    here = Fraction(legs[0].mark)
    now, then = (above(balance, legs, follow, price) for price in (here, 2 * here))
    if now <= 0:
        return here
    if then == now:
        return None
    price = here - now * here / (then - now)
    return price if price > 0 else None


def test_a_thousand_accounts_equal_exact_fractions():
    kinds = {"none": 0, "now": 0, "below": 0, "above": 0, "far side": 0}
    for balance, legs, follow in accounts(1_000):
        found = cross_liquidation(balance, legs[0], legs[1:], follow)
        truth = exact(balance, legs, follow)
        if truth is None:
            assert math.isnan(found.price)
            kinds["none"] += 1
            continue
        assert found.price == pytest.approx(float(truth), rel=1e-9)
        assert (
            above(balance, legs, follow, Fraction(found.price)) == pytest.approx(0, abs=1e-2) or found.already
        )
        if found.already:
            kinds["now"] += 1
            continue
        kinds["below" if truth < Fraction(legs[0].mark) else "above"] += 1
        assert found.falling == (truth < Fraction(legs[0].mark))
        kinds["far side"] += found.falling != (legs[0].side == "long")
    # Every kind of account was among them.
    assert min(kinds.values()) > 20, kinds


def test_a_lone_position_has_the_price_of_the_venues_formula():
    for side in ("long", "short"):
        leg = Leg(side, 2.0, 60_000.0, 61_000.0, 0.0125)
        found = cross_liquidation(9_000.0, leg)
        formula = liquidation_price(side, 60_000.0, None, 0.0125, quantity=2.0, wallet_balance=9_000.0)
        assert found.price == pytest.approx(formula, rel=1e-12)
        assert found.room == pytest.approx(abs(formula / 61_000.0 - 1), rel=1e-9)


def test_others_that_follow_take_the_room_away():
    """The price a venue tells lets the other coins stand still, and that hides most of the danger."""
    leg, other = Leg("long", 1.0, 60_000.0, 60_000.0), Leg("long", 200.0, 3_000.0, 3_000.0, 0.02, "ETH")
    still = cross_liquidation(40_000.0, leg, [other])
    together = cross_liquidation(40_000.0, leg, [other], 1.0)
    assert still.room > 5 * together.room > 0


def test_the_derivation_is_told_and_adds_up():
    found = cross_liquidation(10_000.0, Leg("long", 1.0, 60_000.0, 59_000.0, 0.01))
    words = dict(found.steps)
    assert words["Equity"] == "$9,000"
    assert words["Maintenance of all cross positions"] == "$590"
    assert words["Above maintenance"] == "$8,410"


@pytest.mark.parametrize(
    "change",
    [{"quantity": 0.0}, {"entry": -1.0}, {"mark": float("nan")}, {"maintenance_rate": 1.2}, {"side": "buy"}],
)
def test_nonsense_is_refused_in_a_sentence(change):
    with pytest.raises(RiskError, match=r"\.$"):
        Leg(**{"side": "long", "quantity": 1.0, "entry": 6e4, "mark": 6e4} | change)
