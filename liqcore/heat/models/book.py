"""A model's levels on a lattice of prices: what `liqcore.heat.level_book` walks through."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liqcore.heat.assumptions import Assumptions
from liqcore.heat.level_book import Deposits, Flows, Lattice, lattice
from liqcore.heat.models.model import Inputs, Levels, Model, Steps


@dataclass(frozen=True)
class Book:
    """The lattice, what each candle does to the levels on it, and what the levels are."""

    lattice: Lattice
    flows: Flows
    deposits: Deposits
    levels: Levels


def book(model: Model, inputs: Inputs, guesses: Assumptions, low: float, high: float, bins: int) -> Book:
    """A model's book whose drawn bins split low..high (USD); GridError where they would be too narrow."""
    levels, steps = model.levels(guesses), model.steps(inputs, guesses)
    grid = lattice(
        low,
        high,
        bins,
        float(inputs.low.min() * levels.long.min()),
        float(inputs.high.max() * levels.short.max()),
    )
    low_bin, high_bin = (grid.bin(np.log(price / grid.low)) for price in (inputs.low, inputs.high))
    flows = Flows(low_bin, high_bin, steps.closed, steps.before, steps.after, steps.fade)
    return Book(grid, flows, _deposits(steps, levels, grid), levels)


def _deposits(steps: Steps, levels: Levels, grid: Lattice) -> Deposits:
    """New levels of a run of candles: every entry with every atom."""
    kernel = steps.kernel[:, None]
    # In logarithms a level is its entry plus a constant. A price on an edge belongs to the bin above it, also
    # when the logarithm falls an ulp short.
    offsets = np.stack([np.log(ratio) - np.log(grid.low) for ratio in (levels.long, levels.short)])
    offsets = (offsets / grid.log_step + 1e-9)[:, :, None]
    opened, mixes = np.stack([steps.long.T, steps.short.T]), levels.mixes.T / len(kernel)

    def make(begin: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        low, high = steps.low[begin:stop], steps.high[begin:stop]
        entries = np.log(low + (high - low) * kernel) / grid.log_step
        # All levels lie inside the lattice, which begins at 0, so that cutting off is rounding down. Candles
        # are next to each other in memory, and sums are cut off as they are made: both for speed.
        bins = np.empty((len(kernel), *offsets.shape[:2], stop - begin), dtype=np.int32)
        np.add(entries[:, None, None], offsets, out=bins, casting="unsafe")
        return bins.transpose(3, 1, 2, 0), (mixes @ opened[:, :, begin:stop]).transpose(2, 0, 1)

    return Deposits(make, levels.hazard)
