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
    """New levels of a run of candles: every entry × atom, atoms running fastest."""
    kernel = steps.kernel
    # In logarithms a level is its entry plus a constant, so a chunk is two additions.
    offsets = [np.log(ratio) - np.log(grid.low) for ratio in (levels.long, levels.short)]

    def make(begin: int, stop: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        part = slice(begin, stop)
        low, high = steps.low[part, None], steps.high[part, None]
        entries = np.log(low + (high - low) * kernel)[:, :, None]
        long_bins, short_bins = (grid.bin(entries + offset).reshape(len(entries), -1) for offset in offsets)
        long_sizes, short_sizes = (
            np.tile(opened[part] @ levels.mixes / len(kernel), (1, len(kernel)))
            for opened in (steps.long, steps.short)
        )
        return long_bins, long_sizes, short_bins, short_sizes

    return make
