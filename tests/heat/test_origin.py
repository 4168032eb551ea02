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


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    interest=st.booleans(),
    model=st.sampled_from(list(MODELS)),
    side=st.sampled_from(["long", "short"]),
    column=st.integers(5, 39),
)
def test_what_is_traced_is_what_the_map_holds(seed, interest, model, side, column):
    candles, oi = market(seed, interest=interest or MODELS[model].needs == "open interest")
    grid = modelled_heatmap(candles, oi, model=model, bins=120, columns=40)
    heat = getattr(grid, side)[column]
    band = int(heat.argmax())
    origin = level_origin(
        candles,
        side,
        grid.price_edges[band],
        grid.price_edges[band + 1],
        at=grid.time_edges[column + 1],
        open_interest=oi,
        model=model,
    )
    # Inner bins of the map and of the trace do not share their edges, so a level may fall on either side of
    # one.
    wide = float(heat[max(band - 1, 0) : band + 2].sum())
    assert origin.usd <= wide * 1.001 + 1
    whole = level_origin(
        candles,
        side,
        grid.price_edges[0],
        grid.price_edges[-1],
        at=grid.time_edges[column + 1],
        open_interest=oi,
        model=model,
    )
    # Where a candle has a single entry, one level on the other side of an edge is much of a young map.
    near = 0.03 if "entry_points" in MODELS[model].reads else 0.1
    assert whole.usd == pytest.approx(float(heat.sum(dtype=float)), rel=near, abs=10)
    for made in (origin, whole):
        assert made.by_candle["usd"].sum() == pytest.approx(made.usd, rel=1e-9)
        assert made.by_leverage["usd"].sum() == pytest.approx(made.usd, rel=1e-9)
        assert made.usd <= made.opened * (1 + 1e-9)
        assert (made.by_candle["time"] < pd.Timestamp(grid.time_edges[column + 1], tz="UTC")).all()


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
