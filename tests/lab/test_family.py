"""Families of worlds: their settings change what they say they change, and nothing is lost by packing
positions."""

import resource

import numpy as np
import pandas as pd
import pytest

from liqcore.lab.draws import holding_times, leverage_mixes
from liqcore.lab.family import Ranges, family
from liqcore.lab.simulator import CALM, VENUES, Regime, SimulationError, simulate
from liqcore.lab.world import LEVERAGES

START = pd.Timestamp("2026-03-02", tz="UTC")


def test_a_family_spans_its_ranges_and_begins_the_same_however_many_are_asked_for() -> None:
    worlds = family(40, seed=3)
    assert worlds[:5] == family(5, seed=3)
    assert worlds[:5] != family(5, seed=4)
    for name, (low, high) in vars(Ranges()).items():
        drawn = [getattr(world, name) for world in worlds]
        assert low <= min(drawn) < low + 0.2 * (high - low)
        assert high - 0.2 * (high - low) < max(drawn) <= high
    assert {world.name.split()[0] for world in worlds} == {"calm", "violent"}


def test_lifetimes_are_equal_or_shorter_at_high_leverage() -> None:
    equal, unequal = (holding_times(Regime(lifetime_exponent=law)) for law in (0.0, 0.7))
    assert set(equal) == {CALM.holding}
    assert (np.diff(unequal) < 0).all()
    assert unequal[LEVERAGES.index(10)] == CALM.holding


def test_a_tilt_makes_every_venue_more_reckless_and_leaves_an_even_one_as_it_is() -> None:
    careful, usual, reckless = (
        leverage_mixes(Regime(leverage_tilt=tilt), VENUES) @ np.array(LEVERAGES) for tilt in (-0.5, 0.0, 0.5)
    )
    assert (careful < usual).all()
    assert (usual < reckless).all()
    np.testing.assert_allclose(
        leverage_mixes(CALM, VENUES), [venue.leverage_mix / np.sum(venue.leverage_mix) for venue in VENUES]
    )


def test_settings_of_a_family_show_in_its_open_positions() -> None:
    def held(**changes: float) -> pd.DataFrame:
        made = simulate(0.5, 2, 3, start=START, positions_every="12h", **changes)
        return made.positions_at(START + pd.Timedelta("12h"))

    base = held()
    high = {law: (held(lifetime_exponent=law)["leverage"] >= 25).mean() for law in (0.0, 0.7)}
    assert high[0.0] > 1.5 * high[0.7]
    minimum = base["quantity"] * base["entry"] / base["leverage"]
    spare = {"usual": (base["margin"] > 1.01 * minimum).mean()}
    cross = held(cross_share=0.9, top_up_share=0.0)
    spare["cross"] = (cross["margin"] > 1.01 * cross["quantity"] * cross["entry"] / cross["leverage"]).mean()
    assert spare["cross"] == pytest.approx(0.9, abs=0.05)
    assert spare["usual"] < 0.65


def test_packed_positions_are_those_of_the_moment() -> None:
    """Each snapshot of a market is what a market that ends there holds."""
    plan = {"venues": 2, "seed": 9, "regime": "violent", "start": START, "opens": 8.0}
    whole = simulate(0.25, positions_every="1h", positions_from=START, **plan)
    assert len(whole.snapshots.times) == 7
    for hours in (2, 5):
        moment = START + pd.Timedelta(hours=hours)
        short = simulate(hours / 24, positions_every="1h", positions_from=moment, **plan)
        alone = short.positions_at(moment)
        pd.testing.assert_frame_equal(whole.positions_at(moment), alone, check_exact=True)
        every = whole.positions
        pd.testing.assert_frame_equal(every[every["time"] == moment].reset_index(drop=True), alone)


def test_a_moment_without_a_snapshot_is_refused_with_a_sentence() -> None:
    made = simulate(0.1, 1, 1, start=START, positions_every="1h", positions_from=START, opens=2.0)
    with pytest.raises(SimulationError, match="No positions were kept at"):
        made.positions_at(START + pd.Timedelta("7min"))
    with pytest.raises(SimulationError, match="at no time"):
        simulate(0.01, 1, 1, positions_every=None, opens=2.0).positions_at(START)


def test_a_day_of_hourly_snapshots_is_kept_small() -> None:
    made = simulate(1, 5, 1, start=START, positions_every="1h", positions_from=START)
    packed = made.snapshots.spells.nbytes + made.snapshots.leverage.nbytes
    assert packed < 0.25 * made.positions.memory_usage().sum()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 2_000_000
