"""A band traced back to its candles and leverages must hold what the map holds there."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from liqcore import tables
from liqcore.heat.assumptions import Assumptions
from liqcore.heat.grid import GridError
from liqcore.heat.modelled import modelled_heatmap
from liqcore.heat.models import MODELS
from liqcore.heat.origin import level_origin


def market(seed, bars=240, interest=True):
    rng = np.random.default_rng(seed)
    close = 60_000 * np.exp(np.cumsum(rng.normal(0, 0.002, bars)))
    start = np.append(60_000, close[:-1])
    spread = 60 * rng.random(bars)
    time = pd.date_range("2026-03-01", periods=bars, freq="5min", tz="UTC")
    volume = rng.lognormal(4, 0.5, bars)
    candles = tables.candles(
        pd.DataFrame(
            {
                "time": time,
                "open": start,
                "high": np.maximum(start, close) + spread,
                "low": np.minimum(start, close) - spread,
                "close": close,
                "volume": volume,
                "taker_buy_volume": volume * rng.uniform(0.2, 0.8, bars),
            }
        )
    )
    held = 5_000 + np.cumsum(rng.normal(0, 40, bars))
    held[bars // 2] = 300  # a collapse: the book must be cut to the open interest
    oi = tables.open_interest(
        pd.DataFrame({"time": time, "venue": "sample", "quantity": np.maximum(held, 100.0)})
    )
    return candles, oi if interest else None


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    interest=st.booleans(),
    model=st.sampled_from(list(MODELS)),
    side=st.sampled_from(["long", "short"]),
    column=st.integers(0, 39),
    bins=st.sampled_from([20, 120, 333]),
    blur=st.sampled_from([0.0, 60.0]),
    picks=st.randoms(use_true_random=False),
)
def test_what_is_traced_is_what_the_cell_holds(seed, interest, model, side, column, bins, blur, picks):
    candles, oi = market(seed, interest=interest or MODELS[model].needs == "open interest")
    guess = Assumptions(smoothing_bp=blur)
    grid = modelled_heatmap(candles, oi, model=model, assumptions=guess, bins=bins, columns=40)
    heat = getattr(grid, side)[column].astype(float)
    edges = grid.price_edges
    filled = np.flatnonzero(heat) if heat.any() else np.array([0])
    cell = picks.choice([int(heat.argmax()), int(picks.choice(filled.tolist()))])
    low = picks.randint(0, bins - 1)
    wide = (low, picks.randint(low, bins - 1) + 1)
    for first, last in ((cell, cell + 1), wide, (0, bins)):
        made = level_origin(
            candles,
            side,
            edges[first],
            edges[last],
            at=grid.time_edges[column + 1],
            open_interest=oi,
            model=model,
            assumptions=guess,
            price_range=(edges[0], edges[-1]),
            bins=bins,
        )
        assert made.usd == pytest.approx(float(heat[first:last].sum()), rel=1e-5, abs=1e-3)
        assert made.by_candle["usd"].sum() == pytest.approx(made.usd, rel=1e-9)
        assert made.by_leverage["usd"].sum() == pytest.approx(made.usd, rel=1e-9)
        assert made.usd <= made.opened * (1 + 1e-9)
        assert (made.by_candle["time"] < pd.Timestamp(grid.time_edges[column + 1], tz="UTC")).all()


def test_a_band_that_cuts_a_bin_counts_it_in_proportion():
    candles, oi = market(5)
    grid = modelled_heatmap(candles, oi, bins=100, columns=40)
    edges, band = grid.price_edges, int(grid.long[-1].argmax())
    middle = (edges[band] * edges[band + 1]) ** 0.5
    asked = {"open_interest": oi, "price_range": (edges[0], edges[-1]), "bins": 100}
    whole = level_origin(candles, "long", edges[band], edges[band + 1], **asked)
    halves = [
        level_origin(candles, "long", low, high, **asked).usd
        for low, high in ((edges[band], middle), (middle, edges[band + 1]))
    ]
    assert halves == pytest.approx([whole.usd / 2] * 2, rel=1e-9)
    alone = level_origin(candles, "long", edges[band], edges[band + 1], open_interest=oi)
    assert alone.usd == pytest.approx(whole.usd, rel=0.3), "traced in bins of its own"


def test_one_candle_and_one_leverage_are_named():
    candles, _ = market(3, bars=60, interest=False)
    quiet = candles.assign(
        volume=0.0, taker_buy_volume=0.0, low=60_000.0, high=60_001.0, open=60_000.0, close=60_000.5
    )
    quiet.loc[20, "volume"], quiet.loc[20, "taker_buy_volume"] = 100.0, 50.0
    guess = Assumptions(
        leverages=(10.0,), taker_mix=(1.0,), maker_mix=(1.0,), margin_multiples=(1.0,), margin_weights=(1.0,)
    )
    origin = level_origin(tables.candles(quiet), "long", 50_000, 58_000, assumptions=guess)
    assert origin.by_leverage["leverage"].tolist() == [10.0]
    assert origin.by_candle["time"].tolist() == [quiet["time"][20]]
    assert origin.window() == (quiet["time"][20], quiet["time"][20])
    assert 0 < origin.left < 1, "levels fade with the holding time"
    assert level_origin(tables.candles(quiet), "short", 50_000, 58_000, assumptions=guess).usd == 0
    assert level_origin(tables.candles(quiet), "short", 50_000, 58_000, assumptions=guess).window() is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"low": 0.0}, "band"),
        ({"low": 70_000.0}, "band"),
        ({"side": "both"}, "side"),
        ({"at": "2020-01-01T00:00:00Z"}, "later"),
        ({"model": "magic"}, "model"),
    ],
)
def test_what_cannot_be_traced_says_why(change, words):
    candles, _ = market(1, bars=30)
    with pytest.raises(GridError, match=words):
        level_origin(candles, **{"side": "long", "low": 50_000.0, "high": 60_000.0, **change})
