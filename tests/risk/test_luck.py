"""Losing streaks against counting by hand, random trades against what probability says."""

from itertools import groupby, product

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from liqcore.risk import RiskError, losing_streak_paths, losing_streaks, simulate_trades, streak_cost


def longest_loss_run(outcomes):
    return max((sum(1 for _ in run) for won, run in groupby(outcomes) if not won), default=0)


@pytest.mark.parametrize("win_rate", [0.3, 0.5, 0.62])
@pytest.mark.parametrize("trades", [1, 2, 5, 9])
def test_streak_probabilities_equal_counting_every_sequence(win_rate, trades):
    table = losing_streaks(win_rate, trades, 0.01, longest=10)
    for n, probability in zip(table["losses"], table["probability"], strict=True):
        counted = sum(
            win_rate ** sum(sequence) * (1 - win_rate) ** (trades - sum(sequence))
            for sequence in product((True, False), repeat=trades)
            if longest_loss_run(sequence) >= n
        )
        assert probability == pytest.approx(counted, abs=1e-12)


def test_streaks_agree_with_the_known_figure_for_coin_tosses():
    # At least 7 heads in a row in 200 tosses: 0.5437 (a standard result of the run-length recurrence).
    assert losing_streaks(0.5, 200, 0.01)["probability"].iloc[6] == pytest.approx(0.5437, abs=1e-4)


@settings(max_examples=20)
@given(st.floats(0, 1), st.integers(1, 200))
def test_longer_streaks_are_rarer_and_more_trades_make_them_likelier(win_rate, trades):
    table, longer = (
        losing_streaks(win_rate, trades, 0.02)["probability"],
        losing_streaks(win_rate, trades + 20, 0.02)["probability"],
    )
    assert table.between(0, 1).all()
    assert (np.diff(table) <= 1e-12).all()
    assert (longer >= table - 1e-12).all()


def test_what_a_streak_costs():
    table = streak_cost(0.02, 10)
    assert table["drawdown_percent_risk"].iloc[-1] == pytest.approx(1 - 0.98**10)
    assert table["drawdown_fixed_risk"].iloc[-1] == pytest.approx(0.2)
    assert (1 - table["drawdown_percent_risk"]).mul(1 + table["gain_to_recover"]).to_numpy() == pytest.approx(
        1
    )
    assert streak_cost(0.3, 5)["drawdown_fixed_risk"].iloc[-1] == 1.0


def test_fixed_percent_outlives_fixed_dollar():
    paths = losing_streak_paths(10_000, 0.1, 12)
    assert paths["fixed_percent"].iloc[2] == pytest.approx(8100)
    assert paths["fixed_dollar"].iloc[2] == pytest.approx(8000)
    assert paths["fixed_dollar"].iloc[-1] == 0
    assert paths["fixed_percent"].iloc[-1] == pytest.approx(10_000 * 0.9**12)


def run(**changes):
    return simulate_trades(
        np.random.default_rng(7),
        **({"win_rate": 0.45, "reward_risk": 2.0, "risk": 0.01, "trades": 100, "runs": 4000} | changes),
    )


def test_a_seed_gives_the_same_result_twice():
    np.testing.assert_array_equal(run().fan, run().fan)
    assert not np.array_equal(
        run().fan,
        simulate_trades(
            np.random.default_rng(8), win_rate=0.45, reward_risk=2.0, risk=0.01, trades=100, runs=4000
        ).fan,
    )


def test_the_mean_of_fixed_dollar_runs_is_the_expectation():
    found = run(sizing="dollar", ruin_level=0.0)
    edge = 0.45 * 2 - 0.55
    error = 0.01 * 10 * np.sqrt(0.45 * 0.55) * 3 / np.sqrt(4000)
    assert found.final.mean() == pytest.approx(1 + 100 * 0.01 * edge, abs=4 * error)


def test_the_median_of_percent_runs_is_the_growth_rate():
    found = run(runs=20_000)
    expected = np.exp(100 * (0.45 * np.log(1.02) + 0.55 * np.log(0.99)))
    assert np.median(found.final) == pytest.approx(expected, rel=0.02)
    assert found.fan[2, -1] == pytest.approx(np.median(found.final))


def test_the_fan_is_ordered_and_starts_at_one():
    found = run()
    assert found.fan.shape == (5, 101)
    assert (found.fan[:, 0] == 1).all()
    assert (np.diff(found.fan, axis=0) >= 0).all()
    frame = found.to_frame()
    assert len(frame) == 505
    assert (
        frame.loc[(frame["trade"] == 100) & (frame["percentile"] == 50.0), "multiple"].item()
        == found.fan[2, -1]
    )


def test_ruin_matches_the_gamblers_ruin_formula():
    # Even bets of 1 against a start of 10, to zero or forever: (q/p)^10; 500 trades are near enough to
    # forever.
    found = run(
        win_rate=0.55, reward_risk=1.0, risk=0.1, trades=500, runs=2000, sizing="dollar", ruin_level=0.0
    )
    exact = (0.45 / 0.55) ** 10
    assert found.ruin_probability == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 2000))
    assert found.ruin_error == pytest.approx(
        np.sqrt(found.ruin_probability * (1 - found.ruin_probability) / 2000)
    )


def test_an_account_at_zero_stays_there():
    found = run(win_rate=0.3, reward_risk=1.0, risk=0.5, trades=50, sizing="dollar")
    assert found.final.min() == 0
    assert (found.fan >= 0).all()
    assert found.fan[0, -1] == 0


def test_certain_outcomes():
    lost = run(win_rate=0.0, trades=10, risk=0.1)
    assert lost.final == pytest.approx(0.9**10)
    assert (lost.ruin_probability, lost.longest_losing_streak) == (1.0, 10)
    assert lost.worst_drawdown == pytest.approx(1 - 0.9**10)
    won = run(win_rate=1.0, trades=10, risk=0.1)
    assert won.final == pytest.approx(1.2**10)
    assert (won.ruin_probability, won.worst_drawdown, won.longest_losing_streak) == (0.0, 0.0, 0)


def test_not_knowing_the_win_rate_widens_the_fan():
    known, unknown = run(), run(win_rate_trades=40)
    assert unknown.fan[0, -1] < known.fan[0, -1]
    assert unknown.fan[-1, -1] > known.fan[-1, -1]


def test_the_note_says_that_the_win_rate_is_the_unknown():
    assert "win rate is the unknown" in run().note
    assert "33 % wins" in run().note


@pytest.mark.parametrize(
    "changes",
    [
        {"win_rate": 45},
        {"win_rate": ""},
        {"reward_risk": 0},
        {"risk": 1},
        {"risk": -0.1},
        {"trades": 0},
        {"trades": 1.5},
        {"runs": 10**9},
        {"trades": 10_000, "runs": 100_000},
        {"ruin_level": 1},
        {"sizing": "martingale"},
        {"win_rate": float("nan")},
    ],
)
def test_nonsense_gets_a_sentence(changes):
    with pytest.raises(RiskError, match=r"\.$"):
        run(**changes)


def test_nonsense_in_the_tables_gets_a_sentence():
    for call in (
        lambda: losing_streaks(2, 10, 0.01),
        lambda: losing_streaks(0.5, 0, 0.01),
        lambda: streak_cost(1.0),
        lambda: losing_streak_paths(0, 0.1, 5),
    ):
        with pytest.raises(RiskError, match=r"\.$"):
            call()


@pytest.mark.parametrize(("risk", "floor"), [(0.05, 0.5), (0.1, 0.3), (0.07, 0.3)])
def test_ruin_at_a_dollar_floor_equals_counting_every_path(risk, floor):
    # In R: a win adds 1, a loss takes 1, ruined once losses lead by so many. Counted trade by trade.
    trades, win_rate, lead = 60, 0.45, round((1 - floor) / risk)
    alive, ruined = {0: 1.0}, 0.0
    for _ in range(trades):
        after: dict[int, float] = {}
        for ahead, chance in alive.items():
            after[ahead + 1] = after.get(ahead + 1, 0.0) + chance * win_rate
            after[ahead - 1] = after.get(ahead - 1, 0.0) + chance * (1 - win_rate)
        ruined += after.pop(-lead, 0.0)
        alive = after
    found = simulate_trades(
        np.random.default_rng(11),
        win_rate=win_rate,
        reward_risk=1.0,
        risk=risk,
        trades=trades,
        runs=40_000,
        sizing="dollar",
        ruin_level=floor,
    )
    assert found.ruin_probability == pytest.approx(ruined, abs=4 * found.ruin_error)
