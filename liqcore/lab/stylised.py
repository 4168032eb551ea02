"""Figures by which an invented market is held against recorded ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from liqcore.market.candles import resample

_TOP: Final = 0.1


@dataclass(frozen=True)
class StylisedFacts:
    """Facts of a market's bars that hold in all recorded ones, within bands.

    `kurtosis` of the log-returns (3 for a normal distribution), `persistence_1` and `persistence_4`
    autocorrelation of their size one and four bars later, `momentum_1` autocorrelation of the returns
    themselves, `wick_share` mean part of a bar's range outside its body, `volume_rank` rank correlation of
    volume and the size of the return, `volume_spread` standard deviation of the log volume, `volume_peak`
    largest volume over the median, `volatility` a year.
    """

    kurtosis: float
    persistence_1: float
    persistence_4: float
    momentum_1: float
    wick_share: float
    volume_rank: float
    volume_spread: float
    volume_peak: float
    volatility: float


def stylised_facts(candles: pd.DataFrame, timeframe: str = "15m") -> StylisedFacts:
    """The facts of a table of candles, in bars of `timeframe`."""
    bars = resample(candles, timeframe)
    close, volume = bars["close"].to_numpy(), bars["volume"].to_numpy()
    returns = np.diff(np.log(close))
    sizes = np.abs(returns)
    spread = (bars["high"] - bars["low"]).to_numpy()
    body = np.abs(close - bars["open"].to_numpy())
    moved = spread > 0
    traded = volume[volume > 0]
    step = np.median(np.diff(bars["time"].to_numpy())) / np.timedelta64(1, "D")
    return StylisedFacts(
        kurtosis=float(((returns - returns.mean()) ** 4).mean() / returns.var() ** 2),
        persistence_1=autocorrelation(sizes, 1),
        persistence_4=autocorrelation(sizes, 4),
        momentum_1=autocorrelation(returns, 1),
        wick_share=float(1 - (body[moved] / spread[moved]).mean()),
        volume_rank=float(pd.Series(volume[1:]).rank().corr(pd.Series(sizes).rank())),
        volume_spread=float(np.log(traded).std()),
        volume_peak=float(volume.max() / np.median(volume)),
        volatility=float(returns.std() * np.sqrt(365 / step)),
    )


def autocorrelation(values: np.ndarray, lag: int) -> float:
    """Correlation of values with those `lag` places later."""
    return float(np.corrcoef(values[:-lag], values[lag:])[0, 1])


def tail_exponent(sizes: np.ndarray) -> float:
    """Exponent of a power-law tail by Hill's estimator (Ann. Statist. 3, 1975) on the largest tenth."""
    ordered = np.sort(sizes)[::-1]
    count = max(round(len(ordered) * _TOP), 2)
    return float(1 / np.log(ordered[: count - 1] / ordered[count - 1]).mean())
