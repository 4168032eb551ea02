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
    kernel = steps.kernel
    # In logarithms a level is its entry plus a constant. A price on an edge belongs to the bin above it, also
    # when the logarithm falls an ulp short.
    offsets = np.stack([np.log(ratio) - np.log(grid.low) for ratio in (levels.long, levels.short)])
    offsets = offsets / grid.log_step + 1e-9

    def make(begin: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        part = slice(begin, stop)
        low, high = steps.low[part, None], steps.high[part, None]
        entries = np.log(low + (high - low) * kernel) / grid.log_step
        # All levels lie inside the lattice, which begins at 0, so that cutting off is rounding down.
        bins = (entries[:, None, None, :] + offsets[:, :, None]).astype(np.intp)
        opened = np.stack([steps.long[part], steps.short[part]], axis=1)
        return bins, opened @ levels.mixes / len(kernel)

    return Deposits(make, levels.hazard)
