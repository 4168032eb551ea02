"""The book behind the modelled map: nothing is lost, both sides obey one law, and a plain loop agrees."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from liqcore.heat.grid import GridError
from liqcore.heat.level_book import CHUNK, Deposits, Flows, Lattice, Outcome, lattice, run

NAN = float("nan")


def book(bins: int) -> Lattice:
    return Lattice(low=100.0, log_step=0.01, bins=bins, first=0, drawn=bins, parts=1)


@st.composite
def histories(draw: st.DrawFn, longest: int = 25) -> tuple[Lattice, Flows, tuple[np.ndarray, ...]]:
    """A lattice, what each candle does, and its deposits: any values, so that every branch is met."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    bins, n, k = draw(st.integers(3, 40)), draw(st.integers(1, longest)), draw(st.integers(1, 4))
    low = rng.integers(0, bins, n)
    high = np.minimum(low + rng.integers(0, 4, n), bins - 1)
    known = rng.random(n + 1) > draw(st.sampled_from([0.0, 0.3, 1.0]))
    interest = np.where(known, rng.uniform(1, 40, n + 1), NAN)
    flows = Flows(
        low,
        high,
        rng.uniform(0, 15, n) * (rng.random(n) > 0.3),
        interest[:-1],
        interest[1:],
        rng.uniform(0, 1, n),
    )
    made = tuple(
        part for _ in range(2) for part in (rng.integers(0, bins, (n, k)), rng.uniform(0, 3, (n, k)))
    )
    hazard = np.ones(k) if draw(st.booleans()) else rng.choice([0.3, 1.0, 2.5], k)
    return book(bins), flows, (*made, hazard)


def walked(
    grid: Lattice, flows: Flows, made: tuple[np.ndarray, ...], looks: np.ndarray | None = None
) -> Outcome:
    long_bins, long_sizes, short_bins, short_sizes, hazard = made
    bins, sizes = np.stack([long_bins, short_bins], 1)[..., None], np.stack([long_sizes, short_sizes], 1)
    deposits = Deposits(lambda begin, stop: (bins[begin:stop].copy(), sizes[begin:stop]), hazard)
    looks = np.arange(len(flows.low_bin)) if looks is None else looks
    return run(grid, flows, deposits, looks, grid.window(0))


def plainly(grid: Lattice, flows: Flows, made: tuple[np.ndarray, ...]) -> tuple[list, list]:
    """The law in words, one bin at a time: crossed bins empty, the rest of the closes is shared, then levels
    open."""
    hazards = made[4]
    held = [{(i, atom): 0.0 for i in range(grid.bins) for atom in range(len(hazards))} for _ in range(2)]
    states, gone = [], []
    for t in range(len(flows.low_bin)):
        for side in range(2):
            crossed = 0.0
            for i, atom in held[side]:
                if (side == 0 and i >= flows.low_bin[t]) or (side == 1 and i <= flows.high_bin[t]):
                    crossed += held[side][i, atom]
                    held[side][i, atom] = 0.0
            gone.append(crossed)
            share = flows.fade[t]
            if not math.isnan(flows.before[t]):
                still_to_close = max(flows.closes[t] - crossed, 0.0)
                left = flows.before[t] - crossed
                share = (
                    0.0
                    if still_to_close > 0 and still_to_close >= left
                    else 1.0 - (still_to_close / left if still_to_close else 0.0)
                )
            for i, atom in held[side]:
                held[side][i, atom] *= share ** hazards[atom]
            for atom, (i, size) in enumerate(zip(made[2 * side][t], made[2 * side + 1][t], strict=True)):
                held[side][int(i), atom] += size
            total = sum(held[side].values())
            if total > flows.after[t]:
                for key in held[side]:
                    held[side][key] *= flows.after[t] / total
        states.append(
            [[sum(side[i, atom] for atom in range(len(hazards))) for i in range(grid.bins)] for side in held]
        )
    return states, gone


@given(histories())
def test_every_bin_agrees_with_a_plain_loop(history: tuple) -> None:
    grid, flows, made = history
    outcome = walked(grid, flows, made)
    states, gone = plainly(grid, flows, made)
    centres = 100 * np.exp(0.01 * (np.arange(grid.bins) + 0.5))
    np.testing.assert_allclose(
        outcome.rows, np.moveaxis(np.array(states) * centres, 1, 0), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(outcome.crossed, np.reshape(gone, (-1, 2)), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(outcome.last, states[-1], rtol=1e-9, atol=1e-12)


@given(histories())
def test_what_was_opened_stands_was_crossed_or_was_closed(history: tuple) -> None:
    grid, flows, made = history
    outcome = walked(grid, flows, made)
    for side in range(2):
        opened = np.cumsum(made[2 * side + 1].sum(axis=1))
        removed = np.cumsum(outcome.crossed[:, side] + outcome.closed[:, side])
        np.testing.assert_allclose(opened, outcome.standing[:, side] + removed, rtol=1e-9, atol=1e-9)
        assert outcome.last[side].sum() == pytest.approx(outcome.standing[-1, side], rel=1e-9, abs=1e-9)
        assert (outcome.closed >= -1e-9).all()


@given(histories())
def test_what_stands_never_exceeds_known_open_interest(history: tuple) -> None:
    grid, flows, made = history
    outcome = walked(grid, flows, made)
    known = ~np.isnan(flows.after)
    assert (outcome.standing[known] <= flows.after[known, None] * (1 + 1e-12)).all()


@given(histories())
def test_turning_price_upside_down_swaps_longs_and_shorts(history: tuple) -> None:
    grid, flows, (long_bins, long_sizes, short_bins, short_sizes, hazard) = history
    top = grid.bins - 1
    turned = Flows(
        top - flows.high_bin, top - flows.low_bin, flows.closes, flows.before, flows.after, flows.fade
    )
    there = walked(grid, flows, (long_bins, long_sizes, short_bins, short_sizes, hazard))
    back = walked(grid, turned, (top - short_bins, short_sizes, top - long_bins, long_sizes, hazard))
    np.testing.assert_array_equal(there.last[0], back.last[1][::-1])
    np.testing.assert_array_equal(there.last[1], back.last[0][::-1])
    np.testing.assert_array_equal(there.crossed, back.crossed[:, ::-1])
    np.testing.assert_array_equal(there.standing, back.standing[:, ::-1])


@given(histories(longest=100), st.lists(st.integers(0, 99), max_size=6))
def test_how_often_the_book_is_looked_at_changes_nothing(history: tuple, looks: list[int]) -> None:
    """Candles are walked through in blocks, whose parts end where somebody looks."""
    grid, flows, made = history
    n = len(flows.low_bin)
    seldom = np.array([*sorted(look % n for look in looks), n - 1])
    often, rarely = walked(grid, flows, made), walked(grid, flows, made, seldom)
    np.testing.assert_allclose(rarely.rows, often.rows[:, seldom], rtol=1e-5, atol=1e-6)
    for name in ("last", "crossed", "crossed_usd", "closed", "standing", "closing", "cutting"):
        np.testing.assert_allclose(
            getattr(rarely, name), getattr(often, name), rtol=1e-9, atol=1e-9, err_msg=name
        )


def test_decay_survives_more_steps_than_a_number_can_hold() -> None:
    """Fading to a billionth a candle underflows in 35 candles unless the scale is folded in."""
    n, grid = CHUNK + 300, book(10)
    flows = Flows(
        np.full(n, 5), np.full(n, 5), np.zeros(n), np.full(n, NAN), np.full(n, NAN), np.full(n, 1e-9)
    )
    made = (np.full((n, 1), 2), np.ones((n, 1)), np.full((n, 1), 8), np.ones((n, 1)), np.ones(1))
    outcome = walked(grid, flows, made)
    np.testing.assert_allclose(outcome.standing, 1.0, rtol=1e-8)
    assert outcome.last[0, 2] == pytest.approx(1.0, rel=1e-8)
    assert outcome.last[1, 8] == pytest.approx(1.0, rel=1e-8)


@given(st.floats(10, 100_000), st.floats(1.01, 3), st.integers(1, 500), st.floats(1.1, 5))
def test_a_lattice_covers_its_reach_with_narrow_bins_and_draws_its_range(
    low: float, ratio: float, drawn: int, reach: float
) -> None:
    high = low * ratio
    grid = lattice(low, high, drawn, low / reach, high * reach)
    edges = low * np.exp(np.log(ratio) / drawn * np.arange(drawn + 1))
    np.testing.assert_allclose(grid.edges, edges, rtol=1e-9)
    assert grid.log_step <= 0.001 * (1 + 1e-9)
    assert grid.low <= low / reach
    assert grid.low * math.exp(grid.log_step * grid.bins) >= high * reach
    assert grid.window(0) == slice(grid.first, grid.first + drawn * grid.parts)
    wide = grid.window(3)
    assert (wide.stop - wide.start) % grid.parts == 0
    assert 0 <= wide.start <= grid.first
    assert wide.stop <= grid.bins
    some = grid.centres[[0, grid.bins // 2, grid.bins - 1]]
    assert grid.bin(np.log(some / grid.low)).tolist() == [0, grid.bins // 2, grid.bins - 1]


def test_a_window_too_narrow_for_its_bins_is_refused_in_words() -> None:
    with pytest.raises(GridError, match="too narrow for 1,000 bins"):
        lattice(28_000, 28_000.5, 1_000, 14_000, 42_000)
