"""Every scenario: its numbers are computed, its steps show nothing of the future, and its market can be made
again."""

import importlib.util
import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from liqcore import tables
from liqcore.feeds import scenario_files as files
from liqcore.feeds.samples import SampleError
from liqcore.learn.facts import FACTS
from liqcore.learn.glossary import mentions
from liqcore.learn.scenarios import BaseRate, Market, Scenario, ScenarioError, make_scenario, placeholders
from liqcore.learn.seen import LAST
from liqcore.learn.steps import StepView, outcome, step_view
from tests.learn.reading_grade import reading_grade

NAMES = files.names()
_TOOL = Path(__file__).resolve().parents[2] / "tools" / "make_scenarios.py"


def _tool():
    spec = importlib.util.spec_from_file_location("make_scenarios", _TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def _load(name: str) -> Scenario:
    found = files.read_scenario(name)
    sample = found.sample
    market = Market(sample.candles, sample.liquidations, found.arrivals, sample.open_interest, sample.funding)
    return make_scenario(name, found.settings, market, found.base_rate)


@cache
def _views(name: str) -> tuple[StepView, ...]:
    return tuple(step_view(_load(name), number) for number in range(1, len(_load(name).steps) + 1))


def _written(step) -> list[str]:
    texts = [
        step.title,
        step.text,
        step.look,
        step.question,
        *(text for option in step.options for text in (option.text, option.feedback)),
    ]
    return texts + ([step.highlight.label] if step.highlight else [])


def test_there_are_ten_or_more_and_each_is_small():
    assert len(NAMES) >= 10
    for name in NAMES:
        assert sum(path.stat().st_size for path in (files.FOLDER / name).iterdir()) < 500_000, name


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_states_no_number_of_its_own(name):
    scenario = _load(name)
    assert 6 <= len(scenario.steps) <= 10
    for step in scenario.steps:
        for text in _written(step):
            assert not re.search(r"\d", re.sub(r"\{\w+\}", "", text)), (
                f"step {step.number} states a number that nothing computes: {text}"
            )
        assert any(option.right for option in step.options)
        assert not all(option.right for option in step.options)
        assert all(option.feedback for option in step.options)
    assert not re.search(r"\d", re.sub(r"\{\w+\}", "", scenario.ending))


@pytest.mark.parametrize("name", NAMES)
def test_texts_are_filled_cautious_and_easy(name):
    for view in _views(name):
        words = " ".join(
            [
                view.title,
                view.text,
                view.look,
                view.question,
                *(f"{option.text} {option.feedback}" for option in view.options),
            ]
        )
        assert "{" not in words
        assert not re.search(
            r"\b(unknown|nan|None|inf)\b", " ".join(said for _, said in view.facts.values())
        ), view.facts
        assert "magnet" not in words.lower()
        assert not re.search(r"\b(guaranteed|you should (buy|sell))\b", words, re.IGNORECASE)
        assert reading_grade(f"{view.text} {view.question}") < 9.5, (
            view.number,
            reading_grade(f"{view.text} {view.question}"),
        )
        assert reading_grade(words) < 8


@pytest.mark.parametrize("name", NAMES)
def test_new_words_and_cells_off_the_candles_are_explained_where_they_stand(name):
    told: set[str] = set()
    for view in _views(name):
        told |= {term.name for term in view.words}
        written = f"{view.title} {view.text} {view.look} {view.question} {' '.join(view.outlines['label'])}"
        named = {term.name for _, _, term in mentions(written) if term.new}
        assert named <= told, (view.number, named - told)
        if view.layer == "realised":
            assert re.search(r"cells? lies? where no candle was: \w+, where most", view.untraded), view.number
            assert re.search(r"bankruptcy price", view.untraded)
        else:
            assert view.untraded == ""


@pytest.mark.parametrize("name", NAMES)
def test_a_step_that_points_at_cells_frames_the_brightest_of_its_columns(name):
    for view in _views(name):
        low, high = view.grid.price_edges[[0, -1]]
        for price in view.levels["price"]:
            assert low < price < high, f"step {view.number} draws a line outside its picture"
        if (
            view.outlines.empty
            or not re.search(r"\b(cells?|prints|flash)\b", view.look)
            or "empty" in view.look
        ):
            continue
        box, edges = view.outlines.iloc[0], view.grid.time_edges
        inside = (edges[:-1] >= np.datetime64(box["time_from"], "us")) & (
            edges[1:] <= np.datetime64(box["time_to"], "us")
        )
        column = view.grid.total[inside].max(axis=0)
        brightest = view.grid.price_centres[int(column.argmax())]
        assert column.max() > 0
        assert box["price_from"] <= brightest <= box["price_to"], (
            f"step {view.number}: {view.look} ({brightest:,.0f})"
        )


# Cutting the tables is one piece of code for all; three markets are enough to hold it.
@pytest.mark.parametrize("name", NAMES[::4])
def test_a_step_knows_nothing_later_than_its_bar(name):
    """The market's future is replaced by another one; whatever a step shows must stay as it was."""
    scenario = _load(name)
    whole = scenario.market
    for view in _views(name)[len(scenario.steps) // 2 :][:1]:
        at = int(view.at.astype("int64"))
        later = tables.microseconds(whole.candles["time"]) >= at
        candles = whole.candles.copy()
        candles.loc[later, ["open", "high", "low", "close"]] *= 1.25
        candles.loc[later, ["volume", "taker_buy_volume"]] *= 9
        hidden = (tables.microseconds(whole.liquidations["time"]) >= at) | (whole.arrivals > view.at)
        events = whole.liquidations.copy()
        events.loc[hidden, ["quantity", "notional"]] *= 50
        interest = whole.open_interest.copy()
        interest.loc[tables.microseconds(interest["time"]) > at, "quantity"] *= 7
        funding = whole.funding.copy()
        funding.loc[tables.microseconds(funding["time"]) > at, "rate"] = 0.05
        other = make_scenario(
            name, files.read_settings(name), Market(candles, events, whole.arrivals, interest, funding)
        )
        again = step_view(other, view.number)
        assert again.facts == view.facts
        assert (again.text, again.question, again.options) == (view.text, view.question, view.options)
        for table in (
            "candles",
            "bars",
            "liquidations",
            "open_interest",
            "funding",
            "outlines",
            "marks",
            "levels",
        ):
            pd.testing.assert_frame_equal(getattr(again, table), getattr(view, table))
        assert np.array_equal(again.grid.long, view.grid.long)
        assert view.grid.time_edges[-1] <= view.at
        assert tables.microseconds(view.candles["time"])[-1] + 60_000_000 == at


@pytest.mark.parametrize("name", NAMES[::2])
def test_the_numbers_are_those_of_the_stored_tables(name):
    """A second computation of the simple facts, straight from the files."""
    found = files.read_scenario(name)
    candles, events = found.sample.candles.set_index("time"), found.sample.liquidations
    level, tolerance = found.settings["level"], 0.005
    checked = 0
    for step, view in zip(_load(name).steps, _views(name), strict=True):
        at, length = pd.Timestamp(view.at, tz="UTC"), pd.Timedelta(view.timeframe)
        past = candles[candles.index < at]
        bar = past[past.index >= at - length]
        window = past[past.index >= (at - 12 * length)]
        mine = events[(found.arrivals <= view.at) & (events["time"] < at)]
        if step.venues:
            mine = mine[mine["venue"].isin(step.venues)]
        near = mine[(mine["time"] >= at - 12 * length) & (np.log(mine["price"] / level).abs() <= tolerance)]
        oracle = {
            "bar_close": bar["close"].iloc[-1],
            "bar_open": bar["open"].iloc[0],
            "bar_high": bar["high"].max(),
            "bar_low": bar["low"].min(),
            "lowest": window["low"].min(),
            "highest": window["high"].max(),
            "level": level,
            "heat": near["notional"].sum(),
            "distance": abs(level / bar["close"].iloc[-1] - 1),
            "heat_long": near.loc[near["side"] == "long", "notional"].sum(),
            "heat_short": near.loc[near["side"] == "short", "notional"].sum(),
            "events": len(near),
            "all_events": len(mine),
            "all_heat": mine["notional"].sum(),
            "venue_count": near["venue"].astype(str).nunique(),
            "largest": near["notional"].max(),
            "largest_share": near["notional"].max() / near["notional"].sum(),
            "volume_ratio": None,
        }
        for fact, (value, said) in view.facts.items():
            assert (
                said
                in f"{view.text} {view.look} {view.question} {view.outlines['label'].tolist()} {view.options}"
            )
            if oracle.get(fact) is not None:
                assert value == pytest.approx(oracle[fact], rel=1e-9), fact
                checked += 1
    assert checked >= 6


@pytest.mark.parametrize("name", NAMES)
def test_the_outcome_adds_up(name):
    scenario = _load(name)
    assert scenario.plan.accepted, scenario.plan.reasons
    end = outcome(scenario)
    assert end.r == (end.result.r if scenario.decision == "trade" else 0.0)
    assert end.result.r == pytest.approx(end.result.usd / scenario.plan.loss_at_stop)
    assert "{" not in end.text
    rate = scenario.base_rate
    assert rate is not None
    assert rate.worlds == 200
    assert sum(count for _, count in rate.ends) == 200
    assert rate.filled == sum(count for end_, count in rate.ends if end_ not in ("not filled", "no order"))
    assert f"{rate.wins} of those" in rate.sentence
    assert rate.pasts == 20
    assert "20 pasts, this one among them" in rate.sentence
    assert "before them" in rate.sentence


@pytest.mark.parametrize("name", NAMES)
def test_no_news_comes_after_the_plan_or_the_ending_says_so(name):
    scenario = _load(name)
    news = [
        event
        for event in files.read_settings(name)["simulation"]["interventions"]
        if event["kind"] == "PriceDrift"
    ]
    later = [
        event for event in news if tables.to_datetime64(event["end"]) > scenario.at(scenario.decision_bar)
    ]
    assert bool(later) == ("is part of the story" in scenario.ending)
    assert list(scenario.scripted) == [event["why"] for event in later]


def test_worlds_of_the_base_rate_can_be_made_again():
    tool = _tool()
    name = "one-venues-noise"
    scenario = _load(name)
    each = tool.WORLDS // tool.PASTS
    stored = json.loads((files.FOLDER / name / "base_rate.json").read_text(encoding="utf-8"))
    assert stored["past_seeds"][0] is None
    # The first world of the own past, and of another, whose result is its own; the whole list takes minutes.
    for past in (0, 3):
        places = range(past * each, tool.WORLDS)
        own = next(place for place in places if scenario.base_rate.r[place] not in (None, -1.0, 0.0))
        number = own // each
        ended = tool.worlds(
            scenario, files.read_settings(name), [tool.FIRST_SEED + own], stored["past_seeds"][number]
        )
        assert [round(one.r, 4) if one.filled else None for one in ended] == [scenario.base_rate.r[own]]
        assert ended[0].filled
        assert ended[0].r_before > ended[0].r


def test_a_base_rate_says_costs_apart_and_what_it_holds_fixed():
    made = BaseRate("cmd", 1, 4.0, (("time", 4),), (0.5, -0.7, None, 0.4), (0.7, -0.5, None, 0.6))
    assert made.mean_before == pytest.approx(made.mean_r + 0.2)
    assert "+0.07 R after costs" in made.sentence
    assert "+0.27 R before them" in made.sentence
    assert "one past" in made.sentence
    assert "before them" not in replace(made, before=()).sentence
    several = replace(made, pasts=2)
    assert "2 pasts, this one among them" in several.sentence
    assert "one past" not in several.sentence


def test_worlds_of_one_past_count_together_for_the_range():
    rng = np.random.default_rng(0)
    alike = np.repeat(rng.normal(size=20), 10)
    made = BaseRate("cmd", 1, 4.0, (("time", 200),), tuple(alike.tolist()), (), 20)
    assert made.mean_error == pytest.approx(alike[::10].std(ddof=1) / np.sqrt(20))
    free = tuple(rng.normal(size=200).tolist())
    assert BaseRate("cmd", 1, 4.0, (("time", 200),), free, (), 20).mean_error == pytest.approx(
        replace(made, r=free, pasts=1).mean_error, rel=0.35
    )


def test_a_market_is_made_of_its_seed_and_interventions():
    tool = _tool()
    name = "the-lagging-feed"
    settings = files.read_settings(name)
    settings["simulation"]["hours"] = 1
    market = tool.market_of(settings)
    stored = files.read_scenario(name)
    pd.testing.assert_frame_equal(market.candles, stored.sample.candles.iloc[: len(market.candles)])
    assert len(market.candles) == 60
    settings["simulation"]["seed"] += 1
    assert not tool.market_of(settings).candles.equals(market.candles)


def test_settings_that_cannot_be_told_are_refused_in_a_sentence():
    scenario = _load("support-at-28000")
    settings = files.read_settings("support-at-28000")
    wrong = {
        "two or more answers": lambda s: s["steps"][0]["options"].__delitem__(slice(1, None)),
        "6 to 10": lambda s: s["steps"].__delitem__(slice(3, None)),
        "must not go back": lambda s: s["steps"][0].update(bar=70),
        "'teaches' must be a text": lambda s: s.pop("teaches"),
        "layer": lambda s: s["steps"][0].update(layer="guessed"),
        "no step surrounds": lambda s: s["plan"].update(bar=99),
    }
    for message, spoil in wrong.items():
        spoiled = files.read_settings("support-at-28000")
        spoil(spoiled)
        with pytest.raises(ScenarioError, match=message):
            make_scenario("support-at-28000", spoiled, scenario.market)
    settings["steps"][0]["text"] = "The price is {price_tomorrow}."
    with pytest.raises(ScenarioError, match="no fact 'price_tomorrow'"):
        step_view(make_scenario("support-at-28000", settings, scenario.market), 1)
    with pytest.raises(ScenarioError, match="no step 99"):
        step_view(scenario, 99)
    with pytest.raises(SampleError, match="no scenario"):
        files.read_scenario("../samples")


def test_every_fact_is_of_a_known_kind_and_most_are_used():
    used = {
        name.removeprefix("before_")
        for scenario in map(_load, NAMES)
        for step in scenario.steps
        for text in _written(step)
        for name in placeholders(text)
    }
    assert used <= set(FACTS)
    assert len(used) > 30


@pytest.mark.parametrize("name", NAMES)
def test_a_box_spans_what_its_label_sums(name):
    """Sums near the level are those of the last twelve bars within the tolerance, and so is their box."""
    for step in _load(name).steps:
        box = step.highlight
        if box is None or not re.search(
            r"\{(heat|heat_long|heat_short|events|top_venue_share|venue_count)\}", box.label
        ):
            continue
        assert (box.first, box.last) == (1 - LAST, 0), (step.number, box.label)
        assert (box.low, box.high) == ("band_low", "band_high"), (step.number, box.label)
