"""Where a modelled band comes from: which candles opened it, and at which leverage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.heat.assumptions import Assumptions
from liqcore.heat.grid import GridError
from liqcore.heat.level_book import CHUNK, Flows, Lattice, run
from liqcore.heat.modelled import blur_bins, blur_kernel
from liqcore.heat.models import DEFAULT, model as model_named
from liqcore.heat.models.book import book as model_book
from liqcore.heat.models.inputs import aligned_inputs

# A band is traced in bins at most this wide, as the map's own inner bins are.
_FINEST: Final = 0.001


@dataclass(frozen=True, eq=False)
class Origin:
    """What made one band of a modelled map.

    Attributes
    ----------
    side, low, high, at : the band that was traced (USD) and the moment (datetime64 UTC) at which it stood.
    usd : what stands in the band then.
    by_candle : `time` (open of the candle), `usd`: what of each candle's openings is left, oldest first.
    by_leverage : `leverage`, `usd`: the same by leverage, lowest first.
    opened : USD at the same prices that were opened into the band before closing and crossing took their
    part.
    """

    side: Literal["long", "short"]
    low: float
    high: float
    at: np.datetime64
    usd: float
    by_candle: pd.DataFrame
    by_leverage: pd.DataFrame
    opened: float

    @property
    def left(self) -> float | None:
        """Share (0 to 1) of what was opened into the band that still stands; None where nothing was."""
        return self.usd / self.opened if self.opened > 0 else None

    def window(self, share: float = 0.8) -> tuple[pd.Timestamp, pd.Timestamp] | None:
        """The stretch between the candles that leave (1 − share)/2 of the USD before and after it."""
        if self.usd <= 0:
            return None
        running = self.by_candle["usd"].cumsum().to_numpy() / self.by_candle["usd"].sum()
        rest = (1 - share) / 2
        first, last = int(np.searchsorted(running, rest)), int(np.searchsorted(running, 1 - rest))
        times = self.by_candle["time"]
        return times.iloc[first], times.iloc[min(last, len(times) - 1)]


def level_origin(
    candles: pd.DataFrame,
    side: Literal["long", "short"],
    low: float,
    high: float,
    at: object = None,
    open_interest: pd.DataFrame | None = None,
    funding: pd.DataFrame | None = None,
    model: str = DEFAULT,
    assumptions: Assumptions | None = None,
    price_range: tuple[float, float] | None = None,
    bins: int | None = None,
) -> Origin:
    """Trace a band of a modelled map back to the candles and leverages that opened it.

    Parameters
    ----------
    candles, open_interest, funding, model, assumptions : as given to `modelled_heatmap`.
    side, low, high : the band, USD.
    at : moment whose state is traced; the close of the last candle by default.
    price_range, bins : as given to `modelled_heatmap`, for a band of that map: what is traced is then what
        the map's cells hold, its blur included, and a bin that the band cuts counts in proportion. Without
        them the band is traced in bins of its own, before any blur.

    Returns
    -------
    Origin. What a deposit leaves is its BTC times the share that every later candle kept, nothing where
    price crossed its bin afterwards: the same book as the map's, told by where it came from.

    Raises
    ------
    GridError, TableError
        An empty band, an unknown model or side, or no candle before `at`.
    """
    chosen = model_named(model)
    if side not in tables.SIDES:
        raise GridError(f"There is no side {side!r}. Sides: long, short.")
    if not (np.isfinite([low, high]).all() and 0 < low < high):
        raise GridError(
            f"The band {low:g} to {high:g} USD is empty. Give a low above zero and a higher high."
        )
    guesses = assumptions or Assumptions()
    inputs = aligned_inputs(tables.ensure(candles, "candles"), open_interest, funding, guesses)
    if (lacking := chosen.lacks(inputs)) is not None:
        raise GridError(lacking)
    moment = np.datetime64(int(inputs.closes_at[-1]), "us") if at is None else tables.to_datetime64(at)
    count = int(np.searchsorted(inputs.closes_at, moment.astype("int64"), side="right"))
    if count == 0:
        raise GridError(
            "No candle had closed at that moment, so no level had been opened. Choose a later one."
        )
    if price_range is None or bins is None:
        price_range, bins = (low, high), max(int(np.ceil(np.log(high / low) / _FINEST)), 1)
        blurred = 0.0
    else:
        blurred = guesses.smoothing_bp
    made = model_book(chosen, inputs, guesses, *price_range, bins)
    book, deposits, flows = made.lattice, made.deposits, made.flows
    part = _shares(book, low, high, blur_bins(book, blurred))
    i = tables.SIDES.index(side)
    outcome = run(book, flows, deposits, np.array([], dtype=np.int64), slice(0, 0))
    free = _uncrossed(flows, side, count)
    leverages, tier = np.unique(made.levels.leverage, return_inverse=True)
    worth = book.centres * part
    by_candle, by_tier, opened = np.zeros(count), np.zeros(len(leverages)), 0.0
    for begin in range(0, count, CHUNK):
        rows = slice(begin, min(begin + CHUNK, count))
        places, sizes = deposits.make(rows.start, rows.stop)
        place = places[:, i]
        usd = sizes[:, i, :, None] * worth[place]
        opened += float(usd.sum())
        edge = free[rows, None, None]
        usd *= (place < edge) if side == "long" else (place > edge)
        # What closed after the candle, by how fast each leverage is closed, and what was cut off of all
        # alike.
        closing = outcome.closing[count - 1, i] - outcome.closing[rows, i]
        cutting = outcome.cutting[count, i] - outcome.cutting[rows, i]
        usd *= np.exp(-closing[:, None] * deposits.hazard - cutting[:, None])[:, :, None]
        by_candle[rows] = usd.sum(axis=(1, 2))
        by_tier += np.bincount(tier, usd.sum(axis=(0, 2)), len(leverages))
    left = np.flatnonzero(by_candle > 0)
    return Origin(
        side=side,
        low=float(low),
        high=float(high),
        at=moment,
        usd=float(by_candle.sum()),
        opened=opened,
        by_candle=pd.DataFrame(
            {
                "time": pd.DatetimeIndex(inputs.opens_at[left].astype("datetime64[us]"), tz="UTC"),
                "usd": by_candle[left],
            }
        ),
        by_leverage=pd.DataFrame({"leverage": leverages, "usd": by_tier})[by_tier > 0].reset_index(drop=True),
    )


def _shares(book: Lattice, low: float, high: float, half: int) -> np.ndarray:
    """(bins,) which share of each bin counts to low..high (USD), on a map blurred by `half` drawn bins."""
    kept = book.window(half)
    edges = np.log([low, high]) - np.log(book.low)
    # Seen from the first kept bin, and counted in drawn bins.
    begin, end = (edges / book.log_step - kept.start) / book.parts
    drawn = np.arange((kept.stop - kept.start) // book.parts)
    shares = np.clip(np.minimum(drawn + 1, end) - np.maximum(drawn, begin), 0.0, 1.0)
    # An edge of a drawn bin comes back from its logarithm an ulp off, and what lies beyond the map is not on
    # it.
    shares = np.where(shares < 1e-6, 0.0, np.where(shares > 1 - 1e-6, 1.0, shares))
    before = (book.first - kept.start) // book.parts
    shares[:before] = shares[before + book.drawn :] = 0.0
    if half:
        shares = np.convolve(shares, blur_kernel(half))[half : half + len(shares)]
    out = np.zeros(book.bins)
    out[kept] = np.repeat(shares, book.parts)
    return out


def _uncrossed(flows: Flows, side: str, count: int) -> np.ndarray:
    """(count,) the bin that price came nearest to after each candle; levels beyond it were not crossed."""
    if side == "long":
        return np.append(np.minimum.accumulate(flows.low_bin[1:count][::-1])[::-1], np.iinfo(np.int64).max)
    return np.append(np.maximum.accumulate(flows.high_bin[1:count][::-1])[::-1], -1)
