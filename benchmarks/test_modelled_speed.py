"""The modelled heatmap against the same model in plain Python, in one run: ratios, not times."""

import math
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from liqcore import tables
from liqcore.heat.assumptions import Assumptions
from liqcore.heat.modelled import modelled_heatmap

BINS, COLUMNS = 1_000, 400
# The plain loops let every leverage live equally long and know margins that leave each position a price at
# which it is closed; what lifetimes by leverage cost is printed beside.
GUESSES = Assumptions(
    churn=0.5, lifetime_exponent=0.0, margin_multiples=(1.0, 1.6), margin_weights=(0.6, 0.4)
)


def market(candles: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(7)
    close = 28_000 * np.exp(np.cumsum(rng.standard_t(4, candles) * 0.001))
    open_ = np.concatenate([close[:1], close[:-1]])
    volume = rng.lognormal(4, 0.6, candles)
    times = pd.date_range("2026-01-01", periods=candles, freq="5min", tz="UTC")
    bars = tables.candles(
        pd.DataFrame(
            {
                "time": times,
                "open": open_,
                "close": close,
                "high": np.maximum(open_, close) * (1 + np.abs(rng.normal(0, 0.0007, candles))),
                "low": np.minimum(open_, close) * (1 - np.abs(rng.normal(0, 0.0007, candles))),
                "volume": volume,
                "taker_buy_volume": volume * rng.uniform(0.3, 0.7, candles),
            }
        )
    )
    interest = tables.open_interest(
        pd.DataFrame(
            {
                "time": times + pd.Timedelta("5min"),
                "venue": "x",
                "quantity": 60_000 + np.cumsum(rng.normal(0, 20, candles)),
            }
        )
    )
    return bars, interest


def window(bars: pd.DataFrame) -> tuple[float, float]:
    """A price range whose bins are just under 10 basis points: the model divides wider ones, the baselines do
    not."""
    middle, half = math.sqrt(bars["low"].min() * bars["high"].max()), math.exp(0.000999 * BINS / 2)
    low, high = middle / half, middle * half
    assert low < bars["low"].min() < bars["high"].max() < high
    return low, high


def flows(bars: pd.DataFrame, interest: pd.DataFrame) -> list[tuple[float, ...]]:
    """low, high, opened, closed, open interest before, taker share: what both baselines walk over."""
    quantity = interest["quantity"].to_numpy()
    before = np.concatenate([[np.nan], quantity[:-1]])
    change = np.nan_to_num(quantity - before)
    opened = np.maximum((bars["volume"] * (1 - GUESSES.churn) + change) / 2, np.maximum(change, 0))
    share = bars["taker_buy_volume"] / bars["volume"]
    return list(
        zip(bars["low"], bars["high"], opened, np.maximum(opened - change, 0), before, share, strict=True)
    )


def atoms(side: int) -> list[tuple[float, float, float]]:
    """Level over entry, and the shares of taker and maker mixes."""
    need = GUESSES.maintenance_margin_rate + GUESSES.fee_rate
    return [
        ((1 - side * multiple / leverage) / (1 - side * need), weight * taker, weight * maker)
        for multiple, weight in zip(GUESSES.margin_multiples, GUESSES.margin_weights, strict=True)
        for leverage, taker, maker in zip(
            GUESSES.leverages, GUESSES.taker_mix, GUESSES.maker_mix, strict=True
        )
    ]


def python_bins(
    rows: list[tuple[float, ...]], low: float, high: float, snapshots: set[int]
) -> list[tuple[list[float], list[float]]]:
    """The same model with a list of bins a side and Python loops over them."""
    step = math.log(high / low) / BINS
    longs, shorts = [0.0] * BINS, [0.0] * BINS
    long_atoms, short_atoms, kernel = atoms(1), atoms(-1), GUESSES.entry_kernel.tolist()
    out = []
    for t, (bar_low, bar_high, opened, closed, before, share) in enumerate(rows):
        low_bin, high_bin = (math.floor(math.log(price / low) / step + 1e-9) for price in (bar_low, bar_high))
        gone_long = gone_short = 0.0
        for i in range(max(low_bin, 0), BINS):
            gone_long += longs[i]
            longs[i] = 0.0
        for i in range(min(high_bin, BINS - 1) + 1):
            gone_short += shorts[i]
            shorts[i] = 0.0
        if before == before:
            keep_long = 1 - min(max(closed - gone_long, 0) / max(before - gone_long, 1e-300), 1)
            keep_short = 1 - min(max(closed - gone_short, 0) / max(before - gone_short, 1e-300), 1)
            for i in range(BINS):
                longs[i] *= keep_long
                shorts[i] *= keep_short
        for point in kernel:
            entry = bar_low + (bar_high - bar_low) * point
            for ratio, taker, maker in long_atoms:
                i = math.floor(math.log(entry * ratio / low) / step + 1e-9)
                if 0 <= i < BINS:
                    longs[i] += opened / len(kernel) * (share * taker + (1 - share) * maker)
            for ratio, taker, maker in short_atoms:
                i = math.floor(math.log(entry * ratio / low) / step + 1e-9)
                if 0 <= i < BINS:
                    shorts[i] += opened / len(kernel) * ((1 - share) * taker + share * maker)
        if t in snapshots:
            out.append((longs[:], shorts[:]))
    return out


class Level:
    __slots__ = ("price", "quantity", "side")

    def __init__(self, price: float, quantity: float, side: int) -> None:
        self.price, self.quantity, self.side = price, quantity, side


def python_objects(rows: list[tuple[float, ...]], low: float, high: float, columns: int) -> np.ndarray:
    """The same model with one object a level: crossed ones leave, closes shrink all, columns are binned."""
    levels: list[Level] = []
    step = math.log(high / low) / BINS
    every = max(len(rows) // columns, 1)
    out = np.zeros((columns + 1, BINS))
    for t, (bar_low, bar_high, opened, closed, before, share) in enumerate(rows):
        gone = {1: 0.0, -1: 0.0}
        standing = []
        for level in levels:
            if (level.side > 0 and level.price >= bar_low) or (level.side < 0 and level.price <= bar_high):
                gone[level.side] += level.quantity
            else:
                standing.append(level)
        levels = standing
        if before == before:
            for level in levels:
                level.quantity *= 1 - min(
                    max(closed - gone[level.side], 0) / max(before - gone[level.side], 1e-300), 1
                )
        for point in GUESSES.entry_kernel:
            entry = bar_low + (bar_high - bar_low) * point
            for side in (1, -1):
                for ratio, taker, maker in atoms(side):
                    mine = share if side > 0 else 1 - share
                    levels.append(
                        Level(entry * ratio, opened / 5 * (mine * taker + (1 - mine) * maker), side)
                    )
        if t % every == every - 1:
            row = out[t // every]
            for level in levels:
                i = int(math.log(level.price / low) / step)
                if 0 <= i < BINS:
                    row[i] += level.quantity
    return out


def cpu(action: Callable[[], object], repeats: int) -> float:
    spent = []
    for _ in range(repeats):
        start = time.process_time()
        action()
        spent.append(time.process_time() - start)
    return float(np.median(spent))


def test_ten_thousand_candles_against_python_loops_over_bins() -> None:
    bars, interest = market(10_000)
    low, high = window(bars)

    def ours(guesses: Assumptions = GUESSES):
        return modelled_heatmap(
            bars, interest, bins=BINS, columns=COLUMNS, price_range=(low, high), assumptions=guesses
        )

    ends = {25 * column + 24 for column in range(COLUMNS)}
    rows = flows(bars, interest)
    grid = ours()
    theirs = python_bins(rows, low, high, ends)
    for column in (0, 57, 399):
        for mine, plain in zip((grid.long[column], grid.short[column]), theirs[column], strict=True):
            np.testing.assert_allclose(mine / grid.price_centres, plain, rtol=1e-4, atol=1e-3)
    fast, slow = cpu(ours, 7), cpu(lambda: python_bins(rows, low, high, ends), 2)
    by_leverage = cpu(lambda: ours(replace(GUESSES, lifetime_exponent=0.5)), 7)
    tracemalloc.start()
    ours()
    extra = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    print(
        f"\nmodelled, 10,000 candles × 1,000 bins: {1e3 * fast:.0f} ms ({1e3 * by_leverage:.0f} ms with"
        f" lifetimes by leverage), Python bins {1e3 * slow:.0f} ms, {slow / fast:.1f}×, {extra:.0f} MB extra"
    )
    assert slow / fast >= 15
    assert extra < 32


@pytest.mark.parametrize("candles", [4_000])
def test_four_thousand_candles_against_a_list_of_level_objects(candles: int) -> None:
    bars, interest = market(candles)
    low, high = window(bars)
    rows = flows(bars, interest)
    fast = cpu(
        lambda: modelled_heatmap(
            bars, interest, bins=BINS, columns=COLUMNS, price_range=(low, high), assumptions=GUESSES
        ),
        7,
    )
    # The objects cost time in the square of the candles; a part of the way and the measured growth say the
    # rest.
    parts = [candles // 16, candles // 8]
    spent = [
        cpu(lambda part=part: python_objects(rows[:part], low, high, COLUMNS * part // candles), 1)
        for part in parts
    ]
    growth = math.log(spent[1] / spent[0]) / math.log(2)
    whole = spent[1] * 8**growth
    print(
        f"\nmodelled, {candles:,} candles: {1e3 * fast:.0f} ms; level objects {parts}: {spent[0]:.1f} s,"
        f" {spent[1]:.1f} s, growth ^{growth:.2f}, so {whole:.0f} s at {candles:,}: {whole / fast:,.0f}×"
    )
    assert whole / fast >= 1_000
