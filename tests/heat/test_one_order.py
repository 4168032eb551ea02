"""One order, or one venue, that holds most of the heat: nobody's agreement, however many venues are hot."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from liqcore import tables
from liqcore.alerts.alert import _verdict
from liqcore.alerts.inputs import AlertData, Settings
from liqcore.alerts.observe import observe
from liqcore.heat.agreement import agreement
from liqcore.heat.realised import realised_heatmap
from liqcore.heat.verdicts import Agreement, verdict
from liqcore.lab.null_worlds import START, events_along, plant, random_walk
from liqcore.lab.said import VENUES, visited
from liqcore.reading import read_level

BEGIN = START + pd.Timedelta("1D")
END = BEGIN + pd.Timedelta("1D")


def world(seed: int, hot: int, sizes: dict[str, float] | None = None, number: int = 300):
    """Candles, events by venue and the level that the first `hot` venues share; `sizes` multiply USD."""
    rng = np.random.default_rng((seed, hot))
    candles = random_walk(rng)
    level = visited(rng, candles, BEGIN)
    parts = {}
    for i, name in enumerate(VENUES):
        part = events_along(rng, candles, number, "travel", start=BEGIN, venue=name)
        if i < hot:
            part = plant(rng, candles, part, 0.25, level, width=15e-4, start=BEGIN)
        size = (sizes or {}).get(name, 1.0)
        parts[name] = part.assign(notional=part["notional"] * size, quantity=part["quantity"] * size)
    return candles, parts, level


def near(part: pd.DataFrame, level: float) -> pd.Series:
    return (part["side"] == "long") & (np.abs(np.log(part["price"] / level)) <= 0.005)


def with_order(parts, venue: str, level: float, share: float, at: float = 0.0, fills: int = 1):
    """The same with one order of a venue that holds this share of the USD within 0.5 % of the level."""
    held = sum(part.loc[near(part, level), "notional"].sum() for part in parts.values())
    usd = held * share / (1 - share)
    # An order prints where price is: beside an event of its own venue, at so much log price off the level.
    own = parts[venue]
    off = np.abs(np.log(own["price"] / level) - at).where(own["side"] == "long")
    like = own.loc[off.idxmin()]
    rows = own.loc[[off.idxmin()] * fills].assign(
        time=[like["time"] + pd.Timedelta(30 * i + 3_000, "ms") for i in range(fills)],
        notional=usd / fills,
        quantity=usd / fills / like["price"],
    )
    return {**parts, venue: tables.liquidations(pd.concat([own, rows]).drop(columns="quantity"))}


def maps_of(parts) -> tuple[dict, pd.DataFrame]:
    table = tables.liquidations(pd.concat(parts.values()).drop(columns="quantity"))
    prices = (float(table["price"].min()), float(table["price"].max()))
    more = {"start": BEGIN, "end": END, "price_range": prices}
    return {name: realised_heatmap(part, "15min", 120, **more) for name, part in parts.items()}, table


def asked(candles, parts, level: float, events: bool = True) -> Agreement:
    maps, table = maps_of(parts)
    return agreement(maps, level, 0.005, side="long", price=candles, liquidations=table if events else None)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("venue", [VENUES[0], VENUES[4]])
@pytest.mark.parametrize("fills", [1, 6])
def test_one_order_at_one_of_several_hot_venues_is_no_agreement(seed, venue, fills):
    candles, parts, level = world(seed, 5)
    before = asked(candles, parts, level)
    assert before.verdict == "market-wide"
    assert before.largest_order < 0.5
    found = asked(candles, with_order(parts, venue, level, 0.72, fills=fills), level)
    assert found.verdict == "cannot say"
    assert len(found.hot) >= 3
    assert found.largest_venue == venue
    assert found.largest_order >= 0.7
    assert f"one order on {venue} is " in found.sentence
    assert "By number alone" in found.sentence
    assert "market-wide" not in found.sentence.lower()


def test_an_order_beside_the_common_band_is_heat_of_the_level_too():
    tried = 0
    for seed in range(4):
        candles, parts, level = world(seed, 5)
        off = np.log(parts[VENUES[1]].loc[near(parts[VENUES[1]], level), "price"] / level)
        some = off[(np.abs(off) > 0.002) & (np.abs(off) < 0.0045)]
        if some.empty:
            continue
        tried += 1
        found = asked(candles, with_order(parts, VENUES[1], level, 0.8, float(some.iloc[0])), level)
        assert found.verdict == "cannot say"
    assert tried


def test_two_hot_venues_and_one_order_are_not_partly_confirmed():
    candles, parts, level = world(0, 3)
    assert asked(candles, parts, level).verdict in ("partly confirmed", "market-wide")
    assert asked(candles, with_order(parts, VENUES[0], level, 0.6), level).verdict == "cannot say"


def test_an_order_of_a_smaller_share_is_only_one_of_many():
    candles, parts, level = world(0, 5)
    found = asked(candles, with_order(parts, VENUES[0], level, 0.3), level)
    assert found.verdict == "market-wide"
    assert 0.29 < found.largest_order < 0.5


def test_one_order_at_the_only_hot_venue_is_told_beside_the_verdict():
    candles, parts, level = world(1, 1)
    found = asked(candles, with_order(parts, VENUES[0], level, 0.8), level)
    assert found.hot == (VENUES[0],)
    assert found.verdict in ("isolated", "cannot say")
    assert f"one order on {VENUES[0]} is " in found.sentence


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("times", [60.0, 1_000.0])
def test_a_venue_with_nearly_all_the_usd_is_never_the_market(seed, times):
    candles, parts, level = world(seed, 5, {VENUES[2]: times})
    found = asked(candles, parts, level)
    assert len(found.hot) >= 3
    assert found.dominating == VENUES[2]
    assert found.verdict == "partly confirmed"
    assert f"{VENUES[2]} alone holds " in found.sentence


@pytest.mark.parametrize("seed", range(3))
def test_very_unequal_sizes_alone_take_nothing_from_the_market(seed):
    sizes = dict(zip(VENUES, (8.0, 4.0, 2.0, 1.0, 0.5), strict=True))
    candles, parts, level = world(seed, 5, sizes)
    found = asked(candles, parts, level)
    assert found.largest_order < 0.5
    assert found.verdict == "market-wide"


def test_one_large_order_among_venues_without_a_level_is_nothing():
    for seed in range(3):
        candles, parts, level = world(seed, 0)
        found = asked(candles, with_order(parts, VENUES[0], level, 0.9), level)
        assert found.verdict not in ("market-wide", "partly confirmed")


def test_without_events_a_cell_with_most_of_the_usd_may_be_one_order():
    candles, parts, level = world(2, 5)
    found = asked(candles, with_order(parts, VENUES[0], level, 0.9), level, events=False)
    assert found.largest_order > 0.5
    assert found.verdict not in ("market-wide", "partly confirmed")


def test_the_reading_does_not_count_one_order_as_agreement():
    candles, parts, level = world(0, 5)
    more = with_order(parts, VENUES[0], level, 0.75)
    for given, word in ((parts, "market-wide"), (more, "cannot say")):
        maps, table = maps_of(given)
        prices = (float(table["price"].min()), float(table["price"].max()))
        whole = realised_heatmap(table, "15min", 120, start=BEGIN, end=END, price_range=prices)
        made = read_level(
            whole, candles, level=level, side="long", by_venue=maps, liquidations=table, timeframe="15min"
        )
        assert made.step_agreement.verdict == word
        speaks = [one.name for one in made.evidence_for]
        assert ("venues" in speaks) == (word == "market-wide")
        assert not any("Nothing stands out there" in one.text for one in made.evidence_against)


def test_the_word_itself():
    assert verdict(5, 0, 5, 0.4, 0.3) == "market-wide"
    assert verdict(5, 0, 5, 0.95, 0.3) == "partly confirmed"
    assert verdict(5, 0, 5, 0.8, 0.72) == "cannot say"
    assert verdict(2, 3, 5, 0.8, 0.72) == "cannot say"
    assert verdict(1, 4, 5, 0.99, 0.99) == "isolated"
    assert verdict(5, 0, 5, 0.4, None) == "market-wide"


@pytest.mark.parametrize(("hot", "share"), [(5, None), (5, 0.75), (3, None), (0, None)])
def test_an_alert_says_what_the_agreement_says(hot, share):
    candles, parts, level = world(1, hot)
    given = parts if share is None else with_order(parts, VENUES[1], level, share)
    _, table = maps_of(given)
    data = AlertData(table, candles)
    frames = observe(data, Settings(stale="6h"), BEGIN.to_datetime64(), END.to_datetime64())
    bar = frames.size - 1
    maps = {venue: frames.grid("realised", venue) for venue in frames.venues}
    slow = dict.fromkeys(maps, "2h")
    found = agreement(
        maps, level, 0.005, side="long", price=candles, liquidations=table, cadence=slow, now=END
    )
    assert found.n_fresh == len(VENUES)
    assert _verdict(frames, "realised", bar, level, "long", 0.005) == found.verdict
    assert (found.verdict in ("market-wide", "partly confirmed")) == (hot > 0 and share is None)


def test_prints_beyond_the_trade_do_not_widen_the_question():
    """Bankruptcy prices lie half a per cent off; a band beyond the tolerance is none of this level."""
    candles, parts, level = world(3, 5)
    shifted = parts | {
        name: tables.liquidations(
            parts[name]
            .assign(price=parts[name]["price"] * np.where(parts[name]["side"] == "long", 0.995, 1.005))
            .drop(columns="quantity")
        )
        for name in VENUES[:2]
    }
    assert asked(candles, shifted, level).verdict == "market-wide"
    # The nearest edge of the band is 0.65 % off.
    off = level * np.exp(0.0065 + 0.0008)
    found = asked(candles, shifted, off)
    assert found.band_high is None or found.band_high > off * np.exp(-0.0056)
    assert found.verdict not in ("market-wide", "partly confirmed")
