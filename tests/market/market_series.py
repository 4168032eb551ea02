"""Candles made for tests: by hand, by a seed, or by hypothesis, with the dirt that real ones have."""

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from liqcore import tables

STEP = pd.Timedelta("15min")
START = pd.Timestamp("2024-03-01", tz="UTC")


def bars(rows, start=START, step=STEP, taker=None):
    """Candles from (open, high, low, close, volume) rows, one after the other."""
    frame = pd.DataFrame(rows, columns=["open", "high", "low", "close", "volume"], dtype=float)
    frame.insert(0, "time", start + np.arange(len(frame)) * step)
    frame["taker_buy_volume"] = np.nan if taker is None else taker
    return tables.candles(frame)


def clean(frame, table):
    """A frame that is right by construction in the dtypes of the checked table; the full check costs more
    than the tests."""
    frame = frame.astype({"time": tables.TIME_DTYPE})
    assert tables.ensure(frame, table) is frame
    return frame


def walk(
    seed, count, tick=0.5, start_price=1000.0, jump=6, unknown=0.0, empty=0.0, gap=0.0, flat=0.0, taker=True
):
    """A seeded random walk on a grid of ticks: exact arithmetic, many equal prices, gaps and dead
    stretches."""
    rng = np.random.default_rng(seed)
    moves = rng.integers(-jump, jump + 1, size=count) * rng.choice([1, 1, 1, 3], size=count)
    still = rng.random(count) < flat
    if flat and count:
        still |= np.convolve(still, np.ones(20), mode="full")[:count] > 0
    moves[still] = 0
    close = np.maximum(start_price / tick + np.cumsum(moves), 50)
    opens = np.append(start_price / tick, close[:-1])[:count]
    high = np.maximum(opens, close) + rng.integers(0, jump + 1, size=count) * ~still
    low = np.maximum(np.minimum(opens, close) - rng.integers(0, jump + 1, size=count) * ~still, 1)
    volume = np.round(rng.lognormal(3, 0.8, size=count) * (1 + np.abs(moves) / jump), 0)
    volume[rng.random(count) < empty] = 0.0
    buys = np.round(volume * rng.random(count))
    volume[rng.random(count) < unknown] = np.nan
    buys = np.where(np.isnan(volume) | (not taker), np.nan, buys)
    skipped = np.where(rng.random(count) < gap, rng.choice([1, 2, 5, 96], size=count), 0)
    time = START + (np.arange(count) + np.cumsum(skipped)) * STEP
    return clean(
        pd.DataFrame(
            {
                "time": time,
                "open": opens * tick,
                "high": high * tick,
                "low": low * tick,
                "close": close * tick,
                "volume": volume,
                "taker_buy_volume": buys,
            }
        ),
        "candles",
    )


@st.composite
def series(draw, least=0, most=160, **fixed):
    """Candles of any kind that the checks let through."""
    options = {
        "unknown": draw(st.sampled_from([0.0, 0.05, 1.0])),
        "empty": draw(st.sampled_from([0.0, 0.3, 1.0])),
        "gap": draw(st.sampled_from([0.0, 0.03])),
        "flat": draw(st.sampled_from([0.0, 0.01, 1.0])),
    }
    return walk(
        draw(st.integers(0, 10_000)),
        draw(st.integers(least, most)),
        jump=draw(st.sampled_from([2, 6])),
        **(options | fixed),
    )


def mirrored(candles, around=2000.0):
    """The same market upside down: prices reflected, buyers and sellers exchanged."""
    return clean(
        pd.DataFrame(
            {
                "time": candles["time"],
                "open": around - candles["open"],
                "high": around - candles["low"],
                "low": around - candles["high"],
                "close": around - candles["close"],
                "volume": candles["volume"],
                "taker_buy_volume": candles["volume"] - candles["taker_buy_volume"],
            }
        ),
        "candles",
    )
