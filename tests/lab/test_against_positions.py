"""Maps held against measured positions: the exact map scores 1 by the same code, noise about nothing."""

from dataclasses import replace

import numpy as np
import pytest

from liqcore import measured_heatmap, tables
from liqcore.heat.snapshots import Snapshot
from liqcore.lab.against_positions import COUNT, against, band_ranks, mass_within, truth_cells
from liqcore.lab.cells import CELL
from liqcore.lab.simulator import simulate
from tests.heat.census import AT, MARK, census

# Edges on the cells' own, so that nothing is split.
EDGES = MARK * np.exp(np.arange(-200, 201) * CELL)


def snapshot(seed: int = 3) -> Snapshot:
    return Snapshot(AT.tz_localize(None).to_datetime64(), "hyperliquid", census(seed=seed), mark_price=MARK)


def test_the_measured_map_scores_one_against_itself():
    found = snapshot()
    told = against(measured_heatmap([found], price_edges=EDGES), found, MARK)
    assert list(told.ranks.values()) == pytest.approx([1.0] * 3)
    assert told.precision == 1.0
    np.testing.assert_allclose(told.mass, told.true_mass, rtol=1e-4)
    assert "agree:" in told.sentence


def test_another_census_of_equal_distances_scores_little_within_the_bands():
    """Drawn from one distribution of distances: what is left within a band is chance."""
    ranks = [
        list(against(measured_heatmap([snapshot(seed)], price_edges=EDGES), snapshot(), MARK).ranks.values())
        for seed in range(10, 16)
    ]
    assert abs(np.mean(ranks)) < 0.5


def test_shares_within_a_distance_are_those_of_the_positions():
    found = snapshot()
    cells, totals = truth_cells(found, MARK)
    shares = mass_within(cells[None], totals[None])[0]
    held = found.positions
    usd = held["quantity"] * held["liquidation_price"]
    away = np.abs(np.log(held["liquidation_price"] / MARK))
    for row, side in enumerate(("long", "short")):
        own = held["side"] == side
        for column, within in enumerate((0.05, 0.10, 0.20)):
            assert shares[row, column] == pytest.approx(usd[own & (away < within)].sum() / usd[own].sum())


def test_one_good_band_is_not_called_agreement():
    """A claim needs all bands: .86 near the price does not make up for a negative one further out."""
    found = against(measured_heatmap([snapshot()], price_edges=EDGES), snapshot(), MARK)
    for ranks, words in (
        ((0.86, -0.39, 0.17), "hardly agree"),
        ((0.9, 0.5, 0.4), "in part"),
        ((1, 1, 1), "agree:"),
    ):
        assert words in replace(found, ranks=dict(zip(found.ranks, ranks, strict=True))).sentence


def test_a_map_of_random_cells_scores_nothing():
    rng = np.random.default_rng(1)
    map_, truth = 1e6 * rng.random((2, 400, 2 * COUNT))
    for values in band_ranks(map_, truth).values():
        assert abs(values.mean()) < 0.04


def test_the_simulators_exact_map_scores_one_by_the_same_code():
    world = simulate(3, 1, 2, positions_every="12h")
    frame = world.positions
    assert frame is not None
    last = frame[frame["time"] == frame["time"].max()]
    price = float(world.candles["close"].iloc[-1])
    held = last.assign(entry=price, account=[str(number) for number in range(len(last))], margin="isolated")
    keep = ["time", "account", "side", "quantity", "entry", "liquidation_price"]
    found = Snapshot(
        last["time"].iloc[0].tz_localize(None).to_datetime64(),
        "simulated",
        tables.positions(held[keep]),
        mark_price=price,
    )
    told = against(measured_heatmap([found], price_edges=EDGES / MARK * price), found, price)
    assert list(told.ranks.values()) == pytest.approx([1.0] * 3)
