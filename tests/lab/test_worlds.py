"""Maps against worlds: the exact map is what the simulator holds, and scores are of the past."""

import numpy as np
import pandas as pd
import pytest

from liqcore.heat.assumptions import Assumptions
from liqcore.heat.models import DEFAULT, MODELS
from liqcore.lab import forward
from liqcore.lab.cells import by_distance
from liqcore.lab.record import against_record
from liqcore.lab.simulator import simulate
from liqcore.lab.worlds import PROFILE, exact_grid, model_grids, score, score_family, world, worst
from tests.lab.walks import walk

START = "2026-03-01"


@pytest.fixture(scope="module")
def one():
    return world("calm 1", simulate(3, 1, 1, start=START, positions_every="2h", positions_from=START))


def test_the_truth_is_what_the_simulator_holds(one):
    frame = one.market.positions_at(one.times[-1])
    near = np.abs(np.log(frame["liquidation_price"] / one.price[-1])) < 0.15
    usd = (frame["quantity"] * frame["liquidation_price"])[near]
    assert one.truth[-1].sum() == pytest.approx(usd.sum(), rel=1e-9)


def test_the_exact_grid_reads_as_the_truth(one):
    grid = model_grids(one)[MODELS[DEFAULT].title]
    cells = by_distance(exact_grid(one, grid), one.price)
    assert np.corrcoef(cells.ravel(), one.truth.ravel())[0, 1] > 0.97


def test_scores_are_reproducible_and_have_every_baseline(one):
    first, again = (score(one, np.random.default_rng(1)) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    assert {model.title for model in MODELS.values()} < set(first["map"])
    assert {PROFILE, "Yesterday's map", "Uniform", "Round numbers", "Volume of 24 hours"} < set(first["map"])
    flat = first.set_index("map").loc["Uniform"]
    assert flat["spearman"] == 0
    assert flat["precision"] == pytest.approx(0.1)
    assert first["spearman"].between(-1, 1).all()


def test_maps_know_nothing_of_what_comes_later(one):
    """Candles and open interest cut off after a snapshot leave its map as it was."""
    from liqcore.lab.cells import model_maps

    moment = one.times[4]
    known = one.candles[one.candles["time"] < pd.Timestamp(moment, tz="UTC")]
    interest = one.market.open_interest
    told = interest[interest["time"] <= pd.Timestamp(moment, tz="UTC")]
    cut = by_distance(model_maps(known, told, one.times[4:5]), one.price[4:5])
    whole = by_distance(model_maps(one.candles, interest, one.times), one.price)[4:5]
    assert cut == pytest.approx(whole, rel=1e-3, abs=whole.max() * 1e-4)


def test_the_worst_world_is_shown_and_variants_are_counted():
    made = [
        (
            f"calm {seed}",
            lambda seed=seed: simulate(2, 1, seed, start=START, positions_every="4h", positions_from=START),
        )
        for seed in (1, 2)
    ]
    scores = score_family(made, {"a": Assumptions(), "b": Assumptions(lifetime_exponent=0.0)})
    assert scores.attrs["variants"] == 2 * scores["map"].nunique()
    assert scores.attrs["worlds"] == 2
    least = worst(scores).set_index(["variant", "map"])
    ours = scores[(scores["variant"] == "a") & (scores["map"] == MODELS[DEFAULT].title)]
    assert least.loc[("a", MODELS[DEFAULT].title), "spearman"] == ours["spearman"].min()


def test_a_model_that_repeats_the_candle_says_nothing_beyond_it():
    candles = walk(20, 3)
    rng = np.random.default_rng(0)
    hours = candles["time"].dt.floor("h").drop_duplicates().to_numpy()
    simple = (candles["open"] - candles["low"]) / candles["open"] * candles["volume"]
    predicted = pd.DataFrame({"time": candles["time"], "long": simple, "short": rng.random(len(candles))})
    by_hour = simple.groupby(candles["time"].dt.floor("h")).sum().to_numpy()
    recorded = pd.DataFrame(
        {"time": hours, "long": by_hour * rng.lognormal(0, 0.3, len(hours)), "short": rng.random(len(hours))}
    )
    long, short = against_record(predicted, recorded, candles, rng)
    assert long.model > 0.7
    assert short.beyond.low < 0 < short.beyond.high
    recorded.loc[3, "long"] = np.nan
    assert against_record(predicted, recorded, candles, rng)[0].n == long.n - 1


def test_a_fortnight_of_hours_stays_small(one):
    """Snapshots are kept packed: reading them one by one never unpacks all."""
    packed = one.market.snapshots
    assert packed.spells.nbytes < one.market.positions.memory_usage().sum()
    assert pytest.approx(0.1) == forward.CELLS * forward.CELL
