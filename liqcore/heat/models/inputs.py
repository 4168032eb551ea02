"""What is known of each candle, put side by side for a model to read."""

from __future__ import annotations

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.heat.assumptions import Assumptions
from liqcore.heat.models.model import Inputs


def aligned_inputs(
    bars: pd.DataFrame, open_interest: pd.DataFrame | None, funding: pd.DataFrame | None, guesses: Assumptions
) -> Inputs:
    """Candles with the open interest and funding that was known at each of their closes; never later values."""
    opens_at = tables.microseconds(bars["time"])
    step = int(np.median(np.diff(opens_at))) if len(opens_at) > 1 else 60_000_000
    closes_at = np.minimum(opens_at + step, np.append(opens_at[1:], opens_at[-1] + step))
    volume = bars["volume"].to_numpy()
    known_volume = np.isfinite(volume)
    interest, stale = _aligned(open_interest, closes_at, step)
    known_interest = np.isfinite(interest)
    share = np.divide(
        bars["taker_buy_volume"].to_numpy(),
        volume,
        out=np.full(len(volume), np.nan),
        where=known_volume & (volume > 0),
    )
    before = np.concatenate([[np.nan], interest[:-1]])
    return Inputs(
        opens_at=opens_at,
        closes_at=closes_at,
        step=step,
        open=bars["open"].to_numpy(),
        low=bars["low"].to_numpy(),
        high=bars["high"].to_numpy(),
        close=bars["close"].to_numpy(),
        volume=np.where(known_volume, volume, 0.0),
        taker=np.clip(np.where(np.isfinite(share), share, 0.5), 0.0, 1.0),
        interest=interest,
        before=before,
        change=np.where(np.isfinite(before) & known_interest, interest - before, 0.0),
        tilt=_funding_tilt(funding, closes_at, guesses.funding_tilt),
        known_volume=known_volume,
        known_interest=known_interest,
        known_split=np.isfinite(share),
        stale_interest=stale,
    )


def _aligned(
    open_interest: pd.DataFrame | None, closes_at: np.ndarray, step: int
) -> tuple[np.ndarray, np.ndarray]:
    """Open interest of all venues together as known at each close, and where a part of it is old.

    BTC; NaN before every venue is known. Old is more than three of the venue's own intervals, or candles.
    """
    total, old = np.full(len(closes_at), np.nan), np.zeros(len(closes_at), dtype=bool)
    if open_interest is None or not len(open_interest):
        return total, old
    table = tables.ensure(open_interest, "open_interest")
    total[:] = 0.0
    for _, part in table.groupby("venue", observed=True):
        times = tables.microseconds(part["time"])
        at = np.searchsorted(times, closes_at, side="right") - 1
        total += np.where(at >= 0, part["quantity"].to_numpy()[np.maximum(at, 0)], np.nan)
        interval = max(int(np.median(np.diff(times))) if len(times) > 1 else 0, step)
        old |= (at >= 0) & (closes_at - times[np.maximum(at, 0)] > 3 * interval)
    return total, old


def _funding_tilt(funding: pd.DataFrame | None, closes_at: np.ndarray, strength: float) -> np.ndarray:
    """strength·z of the funding known at each close, against its own past; positive where longs pay."""
    if strength == 0 or funding is None or not len(funding):
        return np.zeros(len(closes_at))
    rates = tables.ensure(funding, "funding").groupby("time")["rate"].mean()
    past = rates.shift(1).expanding(min_periods=9)
    z = ((rates - past.mean()) / past.std()).replace([np.inf, -np.inf], np.nan).fillna(0.0).clip(-3, 3)
    at = np.searchsorted(tables.microseconds(pd.Series(rates.index)), closes_at, side="right") - 1
    return np.where(at >= 0, strength * z.to_numpy()[np.maximum(at, 0)], 0.0)
