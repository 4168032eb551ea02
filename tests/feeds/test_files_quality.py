"""Doubts: what is odd is said, what is ordinary is not."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from liqcore import tables, wording
from liqcore.feeds.files import quality as read_quality


def market(count=1500, freq="5min", seed=0, volatility=0.001):
    """A random walk with persistent volatility and volume, each bar opening at the close before."""
    rng = np.random.default_rng(seed)
    shocks = rng.normal(0, 1, count)
    busy = np.zeros(count)
    for i in range(1, count):
        busy[i] = 0.9 * busy[i - 1] + 0.3 * rng.normal()
    step = volatility * np.exp(0.4 * busy)
    close = np.round(50_000 * np.exp(np.cumsum(step * shocks)), 1)
    opened = np.concatenate([[50_000.0], close[:-1]])
    wick = np.abs(rng.normal(0, 1, (2, count))) * step
    return pd.DataFrame(
        {
            "time": pd.date_range("2024-01-01", periods=count, freq=freq, tz="UTC"),
            "open": opened,
            "high": np.round(np.maximum(opened, close) * (1 + wick[0]), 1),
            "low": np.round(np.minimum(opened, close) * (1 - wick[1]), 1),
            "close": close,
            "volume": np.round(100 * np.exp(busy + 0.2 * rng.normal(0, 1, count)), 3),
        }
    )


def invented(count=1500, freq="15min", seed=0):
    """Every price drawn afresh, as a script that wants some data does."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "time": pd.date_range("2023-01-01", periods=count, freq=freq, tz="UTC"),
            "open": rng.uniform(20e3, 50e3, count),
            "high": rng.uniform(50e3, 60e3, count),
            "low": rng.uniform(10e3, 20e3, count),
            "close": rng.uniform(20e3, 50e3, count),
            "volume": rng.uniform(1e3, 1e4, count),
        }
    )


def doubts(frame, kind="candles"):
    return read_quality.doubts(kind, tables.CHECKS[kind](frame))


@pytest.mark.parametrize(
    ("freq", "volatility"), [("1min", 0.0005), ("5min", 0.001), ("1h", 0.004), ("1D", 0.02)]
)
@pytest.mark.parametrize("seed", range(4))
def test_an_ordinary_market_is_not_doubted(freq, volatility, seed):
    assert doubts(market(freq=freq, volatility=volatility, seed=seed)) == []


@pytest.mark.parametrize("seed", range(5))
def test_an_invented_series_is_doubted_for_several_reasons(seed):
    notes = doubts(invented(seed=seed))
    assert len(notes) == 1
    assert notes[0].startswith("This series is probably not a recorded market")
    assert notes[0].count(";") >= 3


def test_a_milder_invention_is_still_doubted():
    rng = np.random.default_rng(3)
    frame = invented()
    frame[["open", "close"]] = np.round(40_000 * (1 + rng.normal(0, 0.004, (len(frame), 2))), 2)
    frame["high"] = frame[["open", "close"]].max(axis=1) + 50
    frame["low"] = frame[["open", "close"]].min(axis=1) - 50
    assert doubts(frame)[0].startswith("This series is probably not a recorded market")


def test_few_bars_are_no_evidence():
    assert doubts(invented(count=20)) == []


@settings(max_examples=15)
@given(start=st.integers(10, 700), length=st.integers(1, 200))
def test_a_hole_is_counted_and_dated(start, length):
    frame = market(count=1000)
    notes = doubts(frame.drop(index=range(start, start + length)))
    assert len(notes) == 1
    assert notes[0].startswith(f"Missing bars: {length:,}, in 1 hole;")
    assert wording.period(frame["time"][start], frame["time"][start + length]) in notes[0]


def test_bars_off_the_clock_are_noticed():
    frame = market(freq="1h", volatility=0.003)
    shifted = frame.assign(time=frame["time"] + pd.Timedelta("30min"))
    assert any("30 minutes past the full hour" in note for note in doubts(shifted))
    some = frame.copy()
    some.loc[some.index % 20 == 7, "time"] += pd.Timedelta("11min")
    assert any("5 % of the bars do not start on the full hour" in note for note in doubts(some))


def test_still_zero_and_outside_bars_are_noticed():
    frame = market()
    frame.loc[300:400, ["open", "high", "low", "close"]] = frame.loc[300, "close"]
    frame.loc[500:509, "volume"] = 0.0
    frame.loc[800, "open"] = frame.loc[800, "high"] * 1.01
    notes = " ".join(doubts(frame))
    assert "stands still for 101 bars" in notes
    assert "10 bars have a volume of zero" in notes
    assert "1 bar with an open outside" in notes
    assert "never changes" in doubts(frame.assign(open=1.0, high=1.0, low=1.0, close=1.0))[0]


def test_a_wrong_digit_is_noticed():
    frame = market()
    frame.loc[700, ["high", "close"]] *= 10
    assert any("factor of" in note for note in doubts(frame))


def liquidations(count=200, seed=1):
    rng = np.random.default_rng(seed)
    times = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(
        np.cumsum(rng.exponential(600, count)), unit="s"
    )
    return pd.DataFrame(
        {
            "time": times,
            "side": rng.choice(["long", "short"], count),
            "price": rng.normal(50_000, 200, count),
            "quantity": rng.lognormal(-3, 1, count),
        }
    )


def test_ordinary_liquidations_are_not_doubted():
    assert doubts(liquidations(), "liquidations") == []


def test_odd_liquidations_are_doubted():
    frame = liquidations()
    copied = pd.concat([frame, frame.iloc[[3, 9]]])
    assert any("2 exact copies" in note for note in doubts(copied, "liquidations"))
    late = frame.copy()
    late.loc[100:, "time"] += pd.Timedelta("20D")
    assert any("No liquidations from" in note for note in doubts(late, "liquidations"))
    assert any("same price" in note for note in doubts(frame.assign(price=50_000.0), "liquidations"))
    assert any(
        "full hours" in note
        for note in doubts(frame.assign(time=frame["time"].dt.floor("h")), "liquidations")
    )
    wild = frame.copy()
    wild.loc[5, "price"] = 5.0
    assert any("1 price is more than a thousand times" in note for note in doubts(wild, "liquidations"))


def test_open_interest_that_stands_still_is_doubted_for_its_venue():
    times = pd.date_range("2024-01-01", periods=300, freq="5min", tz="UTC")
    moving = pd.DataFrame({"time": times, "venue": "okx", "quantity": 1000.0 + np.arange(300)})
    stuck = pd.DataFrame(
        {"time": times, "venue": "htx", "quantity": np.r_[np.arange(100) + 1.0, np.full(200, 7.0)]}
    )
    notes = doubts(pd.concat([moving, stuck]), "open_interest")
    assert notes == [
        "htx: The open interest repeats one value 200 times in a row; it was probably not collected then."
    ]


def test_an_empty_table_has_no_doubts():
    for kind in tables.CHECKS:
        assert read_quality.doubts(kind, tables.empty(kind)) == []
