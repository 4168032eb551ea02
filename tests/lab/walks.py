"""Invented bars for the tests of the lab."""

import numpy as np
import pandas as pd

from liqcore import tables

START = np.datetime64("2026-01-01T00:00", "us")
STEP = 300_000_000


def bars_of(close: np.ndarray, rng: np.random.Generator, volume: np.ndarray | None = None) -> pd.DataFrame:
    """Five-minute candles along closes, with wicks of half a usual move."""
    opened = np.concatenate([close[:1], close[:-1]])
    wick = np.abs(rng.normal(0, 3e-4, (2, len(close))))
    traded = rng.lognormal(3, 0.5, len(close)) if volume is None else volume
    return tables.candles(
        pd.DataFrame(
            {
                "time": pd.DatetimeIndex(
                    START + np.arange(len(close)) * np.timedelta64(STEP, "us"), tz="UTC"
                ),
                "open": opened,
                "high": np.maximum(opened, close) * np.exp(wick[0]),
                "low": np.minimum(opened, close) * np.exp(-wick[1]),
                "close": close,
                "volume": traded,
                "taker_buy_volume": traded * rng.uniform(0.3, 0.7, len(close)),
            }
        )
    )


def walk(days: float, seed: int, size: float = 8e-4, price: float = 28_000.0) -> pd.DataFrame:
    """A random walk whose volatility comes in waves."""
    rng = np.random.default_rng(seed)
    count = int(days * 288)
    swing = np.exp(np.convolve(rng.normal(0, 0.05, count + 600), np.ones(300), "valid")[:count] * 0.5)
    return bars_of(price * np.exp(np.cumsum(rng.standard_t(5, count) * size * swing)), rng)
