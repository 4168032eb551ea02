"""Sizing, costs and budgets: published figures, hand calculations and invariants."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, strategies as st

from liqcore.risk import (
    RiskError,
    average_entry,
    break_even,
    daily_budget,
    funding_cost,
    kelly,
    net_reward_risk,
    risk_per_btc,
    round_down,
    size_position,
)
from liqcore.risk.sizing import split_on_step, to_tick

PRICE = st.floats(100, 1e6)
SIDE = st.sampled_from(["long", "short"])
CONTRACT = st.sampled_from(["linear", "inverse"])
COST = st.floats(0, 0.005)
STEP = st.sampled_from([0.0, 1e-8, 0.0001, 0.001, 0.01, 0.1])


def stop_for(side, entry, distance):
    return entry * (1 - distance) if side == "long" else entry * (1 + distance)


def test_the_worked_example_to_six_digits():
    assert size_position(
        "long", 60_000, 59_400, 100, fee_in=5e-4, fee_out=5e-4, slippage=2e-4
    ) == pytest.approx(0.148903, abs=5e-7)
    assert (
        size_position("long", 60_000, 59_400, 100, fee_in=5e-4, fee_out=5e-4, slippage=2e-4, step=0.001)
        == 0.148
    )


@given(SIDE, PRICE, st.floats(1e-4, 0.5), st.floats(1, 1e6), COST, COST, STEP, CONTRACT)
def test_never_loses_more_than_the_risk(side, entry, distance, risk, fee, slip, step, contract):
    stop = stop_for(side, entry, distance)
    step = step * 1000 if contract == "inverse" else step
    quantity = size_position(
        side, entry, stop, risk, fee_in=fee, fee_out=fee, slippage=slip, step=step, contract=contract
    )
    unit = float(risk_per_btc(side, entry, stop, fee_in=fee, fee_out=fee, slippage=slip, contract=contract))
    assert 0 <= quantity * unit <= risk * (1 + 1e-11)
    one_more = quantity + (step / entry if contract == "inverse" else step)
    if step:
        assert one_more * unit > risk * (1 - 1e-9)


@given(SIDE, PRICE, st.floats(1e-4, 0.3), st.floats(1e-5, 0.1), st.floats(1, 1e6), COST, STEP, CONTRACT)
def test_a_wider_stop_never_makes_a_larger_position(side, entry, distance, wider, risk, fee, step, contract):
    near, far = (
        size_position(
            side, entry, stop_for(side, entry, d), risk, fee_in=fee, fee_out=fee, step=step, contract=contract
        )
        for d in (distance, distance + wider)
    )
    # A short's exit costs and a long's loss both grow with distance; a long's exit fee shrinks, but slower
    # than that.
    assert far <= near


@given(PRICE, st.floats(1e-4, 0.5), st.floats(1, 1e6), STEP)
def test_long_and_short_mirror_without_costs(entry, distance, risk, step):
    long, short = (
        size_position(side, entry, entry + move, risk, step=step)
        for side, move in (("long", -entry * distance), ("short", entry * distance))
    )
    assert long == pytest.approx(short, rel=1e-9, abs=step * 1.001)


@given(SIDE, PRICE, COST, COST)
def test_inverse_and_linear_agree_as_the_stop_comes_near(side, entry, fee, slip):
    gaps = []
    for distance in (1e-2, 1e-4, 1e-6):
        stop = stop_for(side, entry, distance)
        linear, inverse = (
            float(risk_per_btc(side, entry, stop, fee_in=fee, fee_out=fee, slippage=slip, contract=kind))
            for kind in ("linear", "inverse")
        )
        gaps.append(abs(inverse / linear - 1))
    assert gaps[0] < 0.025
    assert gaps[1] < 2.5e-4
    assert gaps[2] < 2.5e-6


def test_a_hair_below_a_multiple_rounds_down_when_the_limit_would_break():
    assert size_position("long", 100, 99, 0.5, step=0.1) == 0.5
    assert size_position("long", 100, 99, 0.5 - 5e-11, step=0.1) == 0.4


def test_an_inverse_loss_is_the_bitcoin_lost():
    # 60,000 USD of contracts, long from 60,000 to 50,000: 60,000·(1/50,000 − 1/60,000) = 0.2 BTC, 12,000 USD
    # at entry.
    assert float(risk_per_btc("long", 60_000, 50_000, contract="inverse")) == pytest.approx(12_000)


@given(st.integers(0, 10**7), st.sampled_from([1e-8, 0.0001, 0.001, 0.01, 0.1, 1, 10, 0.25]))
def test_rounding_leaves_multiples_alone_and_goes_down_otherwise(count, step):
    exact = float(Fraction(str(step)) * count)
    assert float(round_down(exact, step)) == exact
    assert float(round_down(exact + 0.4 * step, step)) == exact
    assert float(round_down(exact + 0.99 * step, step)) == exact


def test_rounding_is_vectorised_and_optional():
    np.testing.assert_array_equal(round_down([0.1234, 0.9999, 0.3], 0.1), [0.1, 0.9, 0.3])
    assert float(round_down(0.1234, 0)) == 0.1234


@pytest.mark.parametrize(
    ("side", "stop", "word"),
    [("long", 60_000, "both"), ("long", 60_001, "above"), ("short", 59_999, "below")],
)
def test_a_stop_that_cannot_work_is_refused(side, stop, word):
    with pytest.raises(RiskError, match=word):
        size_position(side, 60_000, stop, 100)


def test_unknown_words_are_refused():
    with pytest.raises(RiskError, match="direction"):
        size_position("up", 60_000, 59_000, 100)
    with pytest.raises(RiskError, match="contract"):
        size_position("long", 60_000, 59_000, 100, contract="quanto")


@given(SIDE, PRICE, st.floats(-0.0002, 0.003), st.floats(-0.0002, 0.003), st.floats(-0.002, 0.002), CONTRACT)
def test_break_even_nets_zero(side, entry, fee_in, fee_out, funding, contract):
    s = 1 if side == "long" else -1
    price = break_even(
        side, entry, fee_in=fee_in, fee_out=fee_out, funding_per_btc=funding * entry, contract=contract
    )
    if contract == "linear":
        net = s * (price - entry) - entry * fee_in - price * fee_out - funding * entry
    else:
        net = entry * (s * (1 - entry / price) - fee_in - entry / price * fee_out - funding)
    assert abs(net) < 1e-9 * entry


def test_break_even_without_costs_is_the_entry():
    assert break_even("long", 60_000) == 60_000
    assert (
        break_even("short", 60_000, fee_in=5e-4, fee_out=5e-4)
        < 60_000
        < break_even("long", 60_000, fee_in=5e-4, fee_out=5e-4)
    )


def test_funding_is_paid_by_the_side_the_rate_names():
    assert funding_cost("long", 10_000, 1e-4, 24) == pytest.approx(3.0)
    assert funding_cost("short", 10_000, 1e-4, 24) == pytest.approx(-3.0)
    assert funding_cost("long", 10_000, 1e-4, 2, interval_hours=1) == pytest.approx(2.0)
    # Whole payments: the most that may fall into the time for one who pays, the least for one who is paid.
    assert funding_cost("long", 10_000, 1e-4, 10) == pytest.approx(2.0)
    assert funding_cost("short", 10_000, 1e-4, 10) == pytest.approx(-1.0)
    assert funding_cost("short", 10_000, -1e-4, 0.1) == pytest.approx(1.0)
    assert funding_cost("long", 10_000, 1e-4, 0.3, interval_hours=0.1) == pytest.approx(3.0)


def test_reward_to_risk_before_and_after_costs():
    assert float(net_reward_risk("long", 60_000, 59_400, 61_200)) == pytest.approx(2.0)
    after = (1200 - 30 - 30.6) / (600 + 30 + 59_400 * 0.0007)
    assert float(
        net_reward_risk("long", 60_000, 59_400, 61_200, fee_in=5e-4, fee_out=5e-4, slippage=2e-4)
    ) == pytest.approx(after)
    # Inverse short 60,000 to 50,000 with stop 66,000: 0.2 BTC won against 1 − 60/66 = 0.0909 BTC lost.
    assert float(net_reward_risk("short", 60_000, 66_000, 50_000, contract="inverse")) == pytest.approx(
        0.2 / (1 - 60 / 66)
    )


def test_average_entry_is_arithmetic_in_btc_and_harmonic_in_usd():
    assert average_entry([60_000, 50_000], [1, 1]) == 55_000
    assert average_entry([60_000, 40_000], [1, 1], "inverse") == pytest.approx(48_000)
    assert average_entry([60_000, 50_000], [3, 1]) == 57_500


def test_kelly_matches_the_published_vector_and_is_quartered():
    found = kelly(0.55, 1, out_of_sample_trades=400)
    assert (found.full, found.capped) == (pytest.approx(0.10), pytest.approx(0.025))
    assert "±5 %" in found.sentence
    losing = kelly(0.4, 1, out_of_sample_trades=400)
    assert losing.full < 0
    assert losing.capped == 0.0


@given(st.floats(0.05, 0.95), st.floats(0.2, 10))
def test_kelly_maximises_expected_log_growth(p, b):
    full = kelly(p, b, out_of_sample_trades=100).full
    assume(full > 0.005)

    def growth(f):
        return p * math.log(1 + f * b) + (1 - p) * math.log(1 - f)

    assert growth(full) >= max(growth(full * 0.98), growth(min(full * 1.02, 0.999)))


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"out_of_sample_trades": 12}, "at least 30"),
        ({"win_rate": 55}, "between 0 and 1"),
        ({"reward_risk": 0}, "above zero"),
        ({"win_rate": ""}, "empty"),
    ],
)
def test_kelly_needs_a_measured_win_rate(changes, word):
    with pytest.raises(RiskError, match=word):
        kelly(**{"win_rate": 0.55, "reward_risk": 1, "out_of_sample_trades": 100} | changes)


def test_open_risks_add_up_against_the_daily_limit():
    budget = daily_budget([100, 50], 10_000, 0.03, lost_today=20)
    assert (budget.open_risk, budget.limit, budget.left, budget.within) == (150, 300, 130, True)
    assert daily_budget([], 10_000, 0.03, lost_today=-500).left == 300
    over = daily_budget([250], 10_000, 0.03, lost_today=60)
    assert not over.within
    assert over.left == 0
    assert "exceeded" in over.sentence


@pytest.mark.parametrize(
    "arguments", [([-1], 10_000, 0.03), ([1], 0, 0.03), ([1], 10_000, 3), ([float("nan")], 10_000, 0.03)]
)
def test_a_nonsense_budget_is_refused(arguments):
    with pytest.raises(RiskError):
        daily_budget(*arguments)


@given(
    st.integers(0, 5_000),
    st.sampled_from([0.001, 0.003, 0.0005, 0.07, 0.25, 1.1, 2.5, 10.0, 1e-8]),
    st.integers(1, 7),
)
def test_equal_parts_differ_by_at_most_one_step_and_add_up(count, step, many):
    whole = round_down(count * step, step)
    assert float(whole) == float(Decimal(count) * Decimal(repr(step))), "not shaved by binary fractions"
    parts = split_on_step(float(whole), [1 / many] * many, step)
    counts = np.round(parts / step)
    assert counts.max() - counts.min() <= 1
    assert counts.sum() == count
    assert np.array_equal(parts, round_down(parts, step))


def test_a_price_goes_to_the_nearest_tick():
    assert to_tick(28_000.37, 0.5) == 28_000.5
    assert to_tick(28_000.07, 0.1) == 28_000.1
    assert to_tick(28_000.07, 0.0) == 28_000.07
