"""Scores of maps: what they mean at the ends, and that chance scores nothing."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from scipy.stats import spearmanr

from liqcore.heat.grid import HeatGrid
from liqcore.lab import baselines, forward
from liqcore.lab.blocks import holm, ratio, sign_flips
from liqcore.lab.cells import by_distance, positions
from liqcore.lab.scoring import (
    distance_profile,
    information_gain,
    precision,
    reliability,
    scorecard,
    spearman,
)
from tests.lab.walks import START, walk


def maps(seed: int, rows: int = 200, cells: int = 60) -> np.ndarray:
    return np.random.default_rng(seed).lognormal(0, 1.5, (rows, cells))


def test_rank_correlation_is_scipys_row_by_row():
    one, other = maps(1, 20), maps(2, 20)
    one[3, :10] = other[3, 5:20] = 1.0
    expected = [spearmanr(a, b)[0] for a, b in zip(one, other, strict=True)]
    assert spearman(one, other) == pytest.approx(expected)


def test_the_truth_scores_one_and_a_flat_map_scores_chance():
    truth = maps(3)
    assert spearman(truth, truth) == pytest.approx(1)
    assert precision(truth, truth) == pytest.approx(1)
    flat = np.ones_like(truth)
    assert not spearman(flat, truth).any()
    assert precision(flat, truth) == pytest.approx(0.1)


def test_a_map_at_random_scores_nothing():
    card = scorecard(
        {"random": maps(5)}, maps(4), np.repeat(np.arange(20), 10), np.random.default_rng(0)
    ).iloc[0]
    assert card["spearman_low"] < 0 < card["spearman_high"]
    assert card["precision_low"] < 0.1 < card["precision_high"]
    assert card["gain"] < 0


def test_gain_is_bits_over_the_profile():
    truth = maps(6)
    profile = distance_profile(truth)
    assert information_gain(profile, truth, profile) == pytest.approx(0)
    assert (information_gain(truth, truth, profile) > 0.3).all()


@given(st.integers(0, 50), st.floats(0.1, 10))
def test_scores_ask_for_shape_alone(seed, factor):
    truth, map_ = maps(seed, 4), maps(seed + 1, 4)
    assert spearman(map_ * factor, truth) == pytest.approx(spearman(map_, truth))
    assert information_gain(map_ * factor, truth, truth) == pytest.approx(
        information_gain(map_, truth, truth)
    )


def test_what_is_said_rightly_lies_on_the_diagonal():
    rng = np.random.default_rng(7)
    said = maps(8)
    said /= said.sum(axis=1, keepdims=True)
    truth = np.stack([rng.multinomial(5_000, row) for row in said])
    table = reliability(said, truth, np.repeat(np.arange(20), 10), rng)
    assert table["was"].to_numpy() == pytest.approx(table["said"].to_numpy(), rel=0.1, abs=1e-3)
    assert table["cells"].sum() == said.size


def test_cells_keep_dollars_and_sides():
    edges = 28_000 * np.exp(np.arange(-200, 201) * 0.001)
    rng = np.random.default_rng(9)
    long, short = rng.random((2, 3, 400))
    grid = HeatGrid("modelled", START + np.arange(4) * np.timedelta64(1, "h"), edges, long, short)
    cells = by_distance(grid, np.full(3, 28_000.0))
    assert cells[:, :30].sum(axis=1) == pytest.approx(long[:, 50:200].sum(axis=1), rel=1e-5)
    assert cells[:, 30:].sum(axis=1) == pytest.approx(short[:, 200:350].sum(axis=1), rel=1e-5)


def test_exact_positions_land_where_they_would_be_closed():
    frame = pd.DataFrame(
        {
            "side": ["long", "short", "long", "short", "long"],
            "quantity": [1.0, 2.0, 3.0, 4.0, 5.0],
            "liquidation_price": [99.0, 101.2, 50.0, 99.0, np.nan],
        }
    )
    cells = positions(frame, 100.0)
    assert cells[27] == pytest.approx(99.0)
    assert cells[32] == pytest.approx(202.4)
    assert cells.sum() == pytest.approx(99.0 + 202.4)


def test_volume_lies_where_candles_were_and_never_ahead():
    candles = walk(3, 1)
    price = candles["close"].to_numpy()[[400, 700]]
    times = candles["time"].dt.tz_localize(None).to_numpy().astype("datetime64[us]")[[401, 701]]
    found = baselines.volume_profile(candles, times, price)
    cut = baselines.volume_profile(candles.iloc[:401], times[:1], price[:1])
    assert found[0] == pytest.approx(cut[0])
    assert found[0].sum() == pytest.approx(candles["volume"].to_numpy()[113:401].sum(), rel=0.02)


def test_bankruptcy_prints_go_back_to_their_trigger():
    entry, margin = 60_000.0, 1 / 50
    prints = pd.DataFrame(
        {
            "price": [entry * (1 - margin), entry * (1 + margin), 500.0],
            "side": ["long", "short", "long"],
            "price_kind": ["bankruptcy", "bankruptcy", "fill"],
        }
    )
    from liqcore import liquidation_price

    expected = [liquidation_price(side, entry, 50, 0.005, fee_rate=0.0005) for side in ("long", "short")]
    assert forward.trigger_prices(prints) == pytest.approx([*expected, 500.0], rel=1e-6)


def world_of_levels(seed: int):
    """A walk on which positions at known prices are closed when price comes; and the exact map at each
    hour."""
    rng = np.random.default_rng(seed)
    candles = walk(20, seed)
    low, high = candles["low"].to_numpy(), candles["high"].to_numpy()
    hours = np.arange(288, len(candles) - 60, 12)
    grid = np.arange(-80, 80) * 0.0025
    usd = rng.pareto(1.2, len(grid)) * 1e5
    at = 28_000 * np.exp(grid)
    rows, prices, sides, amounts = [], [], [], []
    for bar in hours:
        inside = (at > low[bar + 1]) & (at < high[bar + 1])
        rows += [bar + 1] * inside.sum()
        prices += list(at[inside])
        sides += ["long" if level < candles["close"][bar] else "short" for level in at[inside]]
        amounts += list(usd[inside])
    times = candles["time"]
    from liqcore import tables

    liqs = tables.liquidations(
        pd.DataFrame(
            {"time": times.iloc[rows].to_numpy(), "side": sides, "price": prices, "notional": amounts}
        )
    )
    moments = times.iloc[hours + 1].dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    price = candles["close"].to_numpy()[hours]
    cells = np.arange(-40, 40) + 0.5
    near = np.round((np.log(price / 28_000)[:, None] + cells * 0.0025) / 0.0025).astype(int) + 80
    return candles, liqs, moments, price, usd[np.clip(near, 0, 159)]


def test_a_map_that_knows_helps_and_one_at_random_does_not():
    candles, liqs, moments, price, exact = world_of_levels(3)
    ahead = forward.reached(candles, liqs, moments, price)
    block = moments.astype("int64") // 86_400_000_000
    knows = forward.skill(exact, ahead, block, np.random.default_rng(1))
    guess = forward.skill(
        np.random.default_rng(2).pareto(1.2, exact.shape), ahead, block, np.random.default_rng(1)
    )
    assert knows.low > 0.05
    assert guess.value < 0.02
    assert guess.low < 0


def test_what_is_reached_is_what_the_bars_say():
    candles, liqs, moments, price, _ = world_of_levels(4)
    ahead = forward.reached(candles, liqs, moments, price)
    low, high = candles["low"].to_numpy(), candles["high"].to_numpy()
    opened = candles["time"].dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    for row in (0, 57, 200):
        inside = (opened >= moments[row]) & (opened < moments[row] + np.timedelta64(4, "h"))
        down = -np.log(low[inside].min() / price[row]) // 0.0025
        up = np.log(high[inside].max() / price[row]) // 0.0025
        assert ahead.inside[row, :40].sum() == max(down, 0)
        assert ahead.inside[row, 40:].sum() == max(up, 0)
    assert not ahead.usd[~ahead.inside].any()


def test_intervals_cover_the_truth_when_days_hang_together():
    hits = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        block = np.repeat(np.arange(12), 24)
        values = rng.normal(0, 1, 12)[block] + rng.normal(0, 0.3, len(block))
        found = ratio(values, np.ones(len(values)), block, rng)
        hits += found.low <= 0 <= found.high
    assert 0.91 <= hits / 200 <= 0.99


def test_one_day_has_no_interval():
    found = ratio(np.ones(5), np.ones(5), np.zeros(5), np.random.default_rng(0))
    assert found.value == 1
    assert np.isnan(found.low)


def test_flips_of_days_hold_their_rate():
    rng = np.random.default_rng(3)
    p = np.array([sign_flips(rng.normal(0, 1, 15), rng, 200) for _ in range(400)])
    assert 0.02 <= (p < 0.05).mean() <= 0.08


def test_holm_is_the_published_step_down():
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    corrected = holm(np.array([0.01, np.nan]))
    assert corrected[0] == pytest.approx(0.02)
    assert np.isnan(corrected[1])
