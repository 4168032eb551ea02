"""The yardstick of alerts: on levels that nobody chose it errs as often as it says, and it knows no
future."""

import warnings

import numpy as np
import pytest

from liqcore.alerts.chance import against_chance, separate, terciles, volatility

REACH, STEP = 16, 15 * 60_000_000


def walk(rng, days=21, persistence=0.985):
    """Bars of a random walk whose volatility wanders, and the extremes of the `REACH` bars after each."""
    shocks = rng.normal(size=days * 96) * 0.12
    level = np.convolve(shocks, persistence ** np.arange(400))[: days * 96]
    path = 60_000 * np.exp(np.cumsum(rng.normal(size=(days * 96, 15)) * np.exp(level)[:, None] * 6e-4))
    path = path.reshape(-1, 15)
    ahead = np.full((2, len(path)), np.nan)
    window = np.lib.stride_tricks.sliding_window_view
    ahead[0, :-REACH] = window(path.min(axis=1)[1:], REACH).min(axis=1)
    ahead[1, :-REACH] = window(path.max(axis=1)[1:], REACH).max(axis=1)
    return np.arange(len(path)) * STEP, path[:, -1], (ahead[0], ahead[1])


def touches(close, ahead, bars, distance):
    low, high = np.log(ahead[0] / close)[bars], np.log(ahead[1] / close)[bars]
    return np.where(distance < 0, low <= distance, high >= distance)


def fired(rng, close, lively):
    """Bars at which a rule fires: at any time, or rather in lively hours; levels at any distance."""
    moves = np.abs(np.diff(np.log(close), prepend=np.nan))
    weight = np.convolve(np.nan_to_num(moves), np.ones(8))[300 : len(close) - REACH - 1] ** (
        2 if lively else 0
    )
    bars = np.sort(300 + rng.choice(len(weight), 80, p=weight / weight.sum()))
    distance = rng.choice([-1, 1], 80) * rng.uniform(0.001, 0.015, 80)
    return bars, distance


@pytest.mark.parametrize("lively", [False, True])
def test_levels_nobody_chose_are_told_from_chance_in_one_case_of_twenty(lively):
    told = []
    for seed in range(240):
        rng = np.random.default_rng([seed, lively])
        time, close, ahead = walk(rng)
        bars, distance = fired(rng, close, lively)
        found = against_chance(
            bars, distance, touches(close, ahead, bars, distance), time, close, ahead, REACH, rng
        )
        told.append(found.p <= 0.05)
    # Two standard errors above 5 % of 240 worlds.
    assert np.mean(told) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / len(told))


def test_a_rule_that_knows_the_future_is_told_from_chance():
    rng = np.random.default_rng(1)
    time, close, ahead = walk(rng)
    bars, distance = fired(rng, close, False)
    known = touches(close, ahead, bars, distance)
    distance = np.where(known, distance, -distance)
    found = against_chance(
        bars, distance, touches(close, ahead, bars, distance), time, close, ahead, REACH, rng
    )
    assert found.touched / found.separate > found.expected
    assert found.p < 0.05


def test_nothing_after_the_last_firing_changes_what_chance_explains():
    rng = np.random.default_rng(2)
    time, close, ahead = walk(rng)
    bars, distance = fired(rng, close, False)
    bars, distance = bars[:30], distance[:30]
    touched = touches(close, ahead, bars, distance)
    whole = against_chance(bars, distance, touched, time, close, ahead, REACH, np.random.default_rng(3))
    cut = int(bars[-1]) + 1
    early = against_chance(
        bars,
        distance,
        touched,
        time[:cut],
        close[:cut],
        (ahead[0][:cut], ahead[1][:cut]),
        REACH,
        np.random.default_rng(3),
    )
    assert (whole.expected, whole.separate, whole.touched) == (early.expected, early.separate, early.touched)
    spread = volatility(close, REACH)
    np.testing.assert_array_equal(terciles(spread)[:cut], terciles(spread[:cut]))


def test_firings_whose_horizons_overlap_count_once():
    bars = np.array([10, 11, 25, 26, 27, 42, 60])
    assert bars[separate(bars, 16)].tolist() == [10, 26, 42, 60]
    assert separate(np.array([], dtype=int), 16).tolist() == []


def test_a_past_too_short_says_nothing():
    rng = np.random.default_rng(4)
    time, close, ahead = walk(rng, days=1)
    bars = np.array([20, 40])
    found = against_chance(
        bars, np.array([0.01, -0.01]), np.array([True, False]), time, close, ahead, REACH, rng
    )
    assert found.separate == 0
    assert np.isnan(found.p)


def test_a_moment_before_which_price_never_moved_is_compared_with_nothing():
    time, close, ahead = walk(np.random.default_rng(5))
    close[:300] = close[0]
    bars, distance, touched = np.array([250, 1_400]), np.full(2, 0.002), np.ones(2, dtype=bool)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        both, one = (
            against_chance(
                bars[part], distance[part], touched[part], time, close, ahead, REACH, np.random.default_rng(1)
            )
            for part in (slice(0, 2), slice(1, 2))
        )
    assert both == one
    assert one.separate == 1
