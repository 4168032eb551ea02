"""In every scenario the reader moves something before answering, twice or more, and each move changes the
picture."""

import re

import numpy as np
import pandas as pd
import pytest

from liqcore.feeds import scenario_files as files
from liqcore.learn import moves
from liqcore.learn.scenarios import MOVES, ScenarioError, make_scenario
from liqcore.learn.seen import see
from liqcore.learn.trades import at_price, run_trade
from tests.learn.reading_grade import reading_grade
from tests.learn.test_scenarios import NAMES, _load

STEPS = [(name, step.number, step.move) for name in NAMES for step in _load(name).steps if step.move]


@pytest.mark.parametrize("name", NAMES)
def test_two_steps_or_more_of_every_scenario_are_moved_before_the_answer(name):
    told = [step for step in _load(name).steps if step.move]
    assert len(told) >= 2
    for step in told:
        assert step.task
        assert not re.search(r"\d", step.task), "a task states no number of its own"
        assert reading_grade(step.task) < 9.5, step.task
        if step.move == "price":
            assert step.layer == "modelled" or _load(name).planned(step), "a price needs something to move"


def test_every_kind_of_move_is_taught():
    assert {kind for _, _, kind in STEPS} == set(MOVES)


def moved(name, number, kind):
    scenario = _load(name)
    step = scenario.steps[number - 1]
    low, high = see(scenario, step).grid.price_edges[[0, -1]]
    values = {
        "venue": [(venue,) for venue in step.venues or scenario.venues],
        "time": [1, 2, 4, 8],
        "scale": moves.SCALES[3:9:2],
        "price": np.linspace(low, high, 7).tolist(),
    }[kind]
    make = {"venue": moves.without, "time": moves.back, "scale": moves.pinned, "price": moves.priced}[kind]
    return [make(scenario, number, value) for value in values]


@pytest.mark.parametrize(("name", "number", "kind"), STEPS)
def test_a_move_changes_the_picture_or_what_is_said_of_it(name, number, kind):
    scenario = _load(name)
    seen = see(scenario, scenario.steps[number - 1])
    found = moved(name, number, kind)
    assert len({one.sentence for one in found}) > 1
    assert all(one.sentence and "nan" not in one.sentence for one in found)
    if kind in ("venue", "time"):
        assert any(
            one.grid.shape != seen.grid.shape or not np.array_equal(one.grid.total, seen.grid.total)
            for one in found
        )
        # The same prices, so that both pictures can be compared.
        assert all(np.array_equal(one.grid.price_edges, seen.grid.price_edges) for one in found)
    if kind == "scale":
        assert len({one.scale_top for one in found}) == len(found)


@pytest.mark.parametrize(("name", "number", "kind"), [step for step in STEPS if step[2] == "time"])
def test_back_in_time_nothing_later_or_not_yet_arrived_is_seen(name, number, kind):
    scenario = _load(name)
    step = scenario.steps[number - 1]
    then = moves.back(scenario, number, 3)
    at = scenario.at(step.bar - 3)
    assert then.seen.at == then.grid.time_edges[-1] == at
    assert then.seen.candles["time"].iloc[-1] < pd.Timestamp(at, tz="UTC")
    assert (then.seen.arrivals <= at).all()
    assert then.grid.total.sum() <= see(scenario, step).grid.total.sum()


def test_no_venue_left_is_no_map_and_the_parts_add_up_to_the_whole():
    scenario = _load("one-venues-noise")
    assert moves.without(scenario, 5, scenario.venues) is None
    whole = see(scenario, scenario.steps[4]).grid.total.sum()
    parts = sum(
        moves.without(
            scenario, 5, tuple(other for other in scenario.venues if other != venue)
        ).grid.total.sum()
        for venue in scenario.venues
    )
    assert parts == pytest.approx(whole, rel=1e-6)


def test_a_price_moves_the_trade_between_its_stop_and_its_target_as_the_replay_counts_it():
    plan = _load("support-at-28000").plan
    target = plan.targets[-1].price
    assert at_price(plan, plan.stop)[1] == pytest.approx(-1.0)
    assert at_price(plan, plan.stop - 500) == at_price(plan, plan.stop)
    assert at_price(plan, target + 500) == at_price(plan, target)
    assert at_price(plan, target)[1] == pytest.approx(plan.reward_risk)
    assert -1 < at_price(plan, plan.entry)[1] < 0, "costs"
    times = pd.date_range("2026-01-01", periods=3, freq="min", tz="UTC")
    prices = [plan.entry, plan.entry, 28_200.0]
    bars = pd.DataFrame(
        {"time": times, "open": prices, "high": prices, "low": prices, "close": prices, "volume": 1.0}
    )
    assert at_price(plan, 28_200.0)[1] == pytest.approx(run_trade(plan, bars).r)


def test_a_move_that_is_none_is_refused_in_a_sentence():
    scenario = _load("support-at-28000")
    settings = files.read_settings("support-at-28000")
    settings["steps"][1]["move"] = "mouse"
    with pytest.raises(ScenarioError, match="may move venue, time, scale or price, not 'mouse'"):
        make_scenario("support-at-28000", settings, scenario.market)
