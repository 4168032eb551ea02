"""What is known of each candle, put side by side for a model to read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.heat.assumptions import Assumptions
from liqcore.heat.models.model import Inputs


def aligned_inputs(
    bars: pd.DataFrame, open_interest: pd.DataFrame | None, funding: pd.DataFrame | None, guesses: Assumptions
) -> Inputs:
    """Candles with the open interest and funding that was known at each of their closes; never later
    values."""
    opens_at = tables.microseconds(bars["time"])
    step = int(np.median(np.diff(opens_at))) if len(opens_at) > 1 else 60_000_000
    closes_at = np.minimum(opens_at + step, np.append(opens_at[1:], opens_at[-1] + step))
    volume = bars["volume"].to_numpy()
    known_volume = np.isfinite(volume)
    told = _aligned(open_interest, closes_at, step)
    interest = told.total
    known_interest = np.isfinite(interest)
    share = np.divide(
        bars["taker_buy_volume"].to_numpy(),
        volume,
        out=np.full(len(volume), np.nan),
        where=known_volume & (volume > 0),
    )
    # What a venue tells for the first time was there before, too.
    before = np.concatenate([[np.nan], interest[:-1]]) + told.entered
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
        stale_interest=told.stale,
        late_interest=told.late,
    )


@dataclass(frozen=True)
class _Interest:
    """Open interest (BTC) of all venues heard so far at each close, NaN before the first; what of it had only
    just been heard for the first time; whether a part is old; and who came late."""

    total: np.ndarray
    entered: np.ndarray
    stale: np.ndarray
    late: tuple[str, ...]


def _aligned(open_interest: pd.DataFrame | None, closes_at: np.ndarray, step: int) -> _Interest:
    """Put open interest beside the candles. Old is more than three of the venue's own intervals, or candles.

    A venue that begins later enters as a step: what the others told before stays, and the step itself is
    nobody's opening.
    """
    count = len(closes_at)
    total, entered, known, stale = (
        np.zeros(count),
        np.zeros(count),
        np.zeros(count, bool),
        np.zeros(count, bool),
    )
    begins: dict[str, int] = {}
    if open_interest is not None and len(open_interest):
        table = tables.ensure(open_interest, "open_interest")
        for venue, part in table.groupby("venue", observed=True):
            times, quantity = tables.microseconds(part["time"]), part["quantity"].to_numpy()
            at = np.searchsorted(times, closes_at, side="right") - 1
            heard, newest = at >= 0, np.maximum(at, 0)
            if not heard.any():
                continue
            begins[str(venue)] = first = int(heard.argmax())
            total += np.where(heard, quantity[newest], 0.0)
            entered[first] += quantity[newest[first]]
            known |= heard
            interval = max(int(np.median(np.diff(times))) if len(times) > 1 else 0, step)
            stale |= heard & (closes_at - times[newest] > 3 * interval)
    earliest = min(begins.values(), default=0)
    return _Interest(
        np.where(known, total, np.nan),
        entered,
        stale,
        tuple(venue for venue, first in begins.items() if first > earliest),
    )


def _funding_tilt(funding: pd.DataFrame | None, closes_at: np.ndarray, strength: float) -> np.ndarray:
    """strength·z of the funding known at each close, against its own past; positive where longs pay."""
    if strength == 0 or funding is None or not len(funding):
        return np.zeros(len(closes_at))
    rates = tables.ensure(funding, "funding").groupby("time")["rate"].mean()
    past = rates.shift(1).expanding(min_periods=9)
    z = ((rates - past.mean()) / past.std()).replace([np.inf, -np.inf], np.nan).fillna(0.0).clip(-3, 3)
    at = np.searchsorted(tables.microseconds(pd.Series(rates.index)), closes_at, side="right") - 1
    return np.where(at >= 0, strength * z.to_numpy()[np.maximum(at, 0)], 0.0)
