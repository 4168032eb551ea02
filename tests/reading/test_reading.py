"""A level read in six steps: what it says of markets made by hand, of bad data, and of a past it must not
look beyond."""

import json
import re
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from liqcore import tables
from liqcore.feeds.samples import load_sample
from liqcore.heat.grid import HeatGrid, Provenance, VenueCoverage
from liqcore.heat.modelled import modelled_heatmap
from liqcore.heat.realised import realised_heatmap
from liqcore.lab import null_worlds
from liqcore.lab.null_worlds import World, events_along, plant, random_walk, visited, world
from liqcore.market import key_levels
from liqcore.reading import Reading, ReadingError, prepare, read_level, read_timeframes

LEVEL = 28_000.0
START = pd.Timestamp("2026-03-01", tz="UTC")
STEP = pd.Timedelta("15min")
COUNT = 240
# Nothing may advise, promise, or say that heat pulls the price.
FORBIDDEN = re.compile(
    r"\b(magnet\w*|attract\w*|guarantee\w*|you should|buy|sell|certain(ly)?|will"
    r" (rise|fall|bounce|reverse))\b|nan\b",
    re.IGNORECASE,
)


def candles(
    close: np.ndarray, volume: float = 10.0, taker: float | None = 0.5, wick: float = 20.0
) -> pd.DataFrame:
    opens = np.append(close[:1], close[:-1])
    return tables.candles(
        pd.DataFrame(
            {
                "time": START + np.arange(len(close)) * STEP,
                "open": opens,
                "high": np.maximum(opens, close) + wick,
                "low": np.minimum(opens, close) - wick,
                "close": close,
                "volume": volume,
                "taker_buy_volume": np.nan if taker is None else volume * taker,
            }
        )
    )


def wave(count: int = COUNT, low: float = 28_150.0) -> np.ndarray:
    """A price that swings between `low` and 400 USD above it and ends at the low."""
    return low + 200 + 200 * np.cos(np.arange(count) / 12 * np.pi - (count - 1) / 12 * np.pi + np.pi)


def swept_and_back() -> pd.DataFrame:
    """The wave, then a bar that trades 150 USD below the level and closes 60 above it."""
    bars = candles(wave())
    last = bars.index[-1]
    bars.loc[last, ["low", "close", "high"]] = [LEVEL - 150, LEVEL + 60, bars["open"].iloc[-1] + 10]
    return tables.candles(bars)


def prints(
    sizes: np.ndarray, hours: np.ndarray, venue: str = "okx", side: str = "long", price: float = LEVEL
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "time": START + pd.to_timedelta(hours, unit="h"),
            "venue": venue,
            "side": side,
            "price": price,
            "notional": sizes,
            "completeness": "all",
        }
    )


def background() -> pd.DataFrame:
    """Small liquidations everywhere, so that a map has something usual."""
    rng = np.random.default_rng(4)
    frame = prints(rng.uniform(500, 1_500, 900), rng.uniform(0, COUNT / 4, 900))
    return frame.assign(
        price=rng.uniform(27_000, 29_000, 900), side=np.where(rng.random(900) < 0.5, "long", "short")
    )


def heatmap(events: pd.DataFrame, **more: object) -> HeatGrid:
    return realised_heatmap(
        tables.liquidations(events),
        bins=200,
        start=START,
        end=START + COUNT * STEP,
        price_range=(27_005.0, 29_005.0),
        **more,  # type: ignore[arg-type]
    )


def band(venue: str = "okx", largest: float = 5_000.0) -> pd.DataFrame:
    """Thirty prints at the level, two in each of the last 15 quarters of an hour."""
    return prints(np.append(np.full(29, 5_000.0), largest), COUNT / 4 - 3.7 + np.arange(30) / 8, venue)


def check(reading: Reading) -> None:
    """What holds for every reading: JSON without NaN, equal shape of both sides of the evidence, careful
    words."""
    json.dumps(reading.to_dict(), allow_nan=False)
    assert reading.evidence_against
    assert reading.confirm
    assert reading.invalidate
    assert all(
        item.text and 0 <= item.step <= 6 for item in (*reading.evidence_for, *reading.evidence_against)
    )
    assert all(
        condition.price is None or condition.price > 0
        for condition in (*reading.confirm, *reading.invalidate)
    )
    text = reading.to_text()
    assert not FORBIDDEN.search(text), FORBIDDEN.search(text)
    assert all(lines for _, lines in (*reading.steps, *reading.sections))
    for _, lines in (*reading.steps, *reading.sections):
        assert all(f"- {line}" in text for line in lines)
        assert all(f"- {line}".replace("$", "\\$") in reading.to_markdown() for line in lines)


@cache
def plain_map() -> HeatGrid:
    return heatmap(background())


@cache
def plain_bars() -> pd.DataFrame:
    return candles(wave())


def planted(largest: float = 1e4, venues: tuple[str, ...] = ("okx",), hot: int = 1) -> tuple[World, float]:
    """Two days of a walk, liquidations along it on some venues, and a level at which the first ones have
    more."""
    rng = np.random.default_rng(21)
    bars = random_walk(rng, 4 * 1_440)
    start = null_worlds.START + pd.Timedelta("2D")
    level = visited(rng, bars, start + pd.Timedelta("1D"))
    parts = [events_along(rng, bars, 600, start=start, venue=venue) for venue in venues]
    for i in range(hot):
        parts[i] = plant(rng, bars, parts[i], 0.25, level, start=start + pd.Timedelta("1D"))
    table = pd.concat(parts).drop(columns="quantity")
    near = np.flatnonzero((np.abs(table["price"] / level - 1) < 4e-4) & (table["side"] == "long"))[-1]
    table.iloc[near, table.columns.get_loc("notional")] = largest
    return World(bars, tables.liquidations(table), 1, start, start + pd.Timedelta("2D"), level), level


def map_of(made: World, venue: str | None = None, **more: object) -> HeatGrid:
    events = made.liquidations
    events = events if venue is None else events[events["venue"] == venue].reset_index(drop=True)
    return realised_heatmap(events, "15min", 150, start=made.start, **{"end": made.end, **more})  # type: ignore[arg-type]


def test_a_level_with_more_than_the_path_explains() -> None:
    made, level = planted()
    reading = read_level(map_of(made), made.candles, level=level, liquidations=made.liquidations)
    check(reading)
    near = reading.step_clusters.nearest
    assert near is not None
    assert near.at_level
    assert near.low <= level <= near.high
    assert near.distance == 0
    assert near.orders > 2 * near.expected
    assert near.single_print is False
    events = made.liquidations
    held = events[
        events["price"].between(reading.low, reading.high) & (events["time"] > made.end - 12 * STEP)
    ]
    assert reading.step_change.now == pytest.approx(held["notional"].sum(), rel=1e-9)
    band = next(item for item in reading.evidence_for if item.name == "band")
    assert f"{near.orders} liquidations where the path explains" in band.text
    # It is rare, and says so beside itself.
    assert band.controls == 48
    assert band.base_rate < 0.3
    assert band.worth > 1
    assert "of 100 prices as far away" in band.sentence
    assert reading.step_agreement.verdict == "cannot say"
    assert "Only OKX is in this map, and one venue confirms nothing." in reading.to_text()
    assert "No funding was given." in reading.missing
    assert "No open interest was given." in reading.missing


def test_what_price_did_at_a_level_is_read() -> None:
    events = tables.liquidations(background())
    reading = read_level(heatmap(events), swept_and_back(), level=LEVEL, liquidations=events)
    check(reading)
    assert reading.kind == "realised"
    assert "already happened" in reading.kind_note
    assert reading.timeframe == "15m"
    assert reading.price == LEVEL + 60
    assert reading.step_level.role == "support"
    names = {(name, side) for _, name, side, _ in reading.step_price.signals}
    assert ("recapture", "bullish") in names
    assert "Recapture" in " ".join(item.text for item in reading.evidence_for)
    # What confirms lies above a support and what refutes it below.
    assert reading.confirm[0].price is not None
    assert reading.invalidate[0].price is not None
    assert reading.invalidate[0].price < LEVEL < reading.confirm[0].price


def test_one_large_print_is_said_with_the_band() -> None:
    made, level = planted(largest=5e8)
    reading = read_level(map_of(made), made.candles, level=level, liquidations=made.liquidations)
    check(reading)
    assert reading.step_clusters.nearest is not None
    assert reading.step_clusters.nearest.single_print is True
    band = next(item for item in reading.evidence_for if item.name == "band")
    assert "one print" in band.text
    unknown = read_level(map_of(made), made.candles, level=level)
    near = unknown.step_clusters.nearest
    assert near is None or near.single_print is None
    assert any("cannot be told from many small ones" in line for line in unknown.missing) == (
        near is not None
    )


def test_the_last_hours_end_at_the_moment_and_not_at_the_last_event() -> None:
    made, level = planted()
    early = made.liquidations[made.liquidations["time"] < made.end - pd.Timedelta("5h")].reset_index(
        drop=True
    )
    grid = realised_heatmap(early, "15min", 150, start=made.start)
    reading = read_level(grid, made.candles, level=level, liquidations=early)
    assert reading.step_change.now == 0
    assert "nothing" in reading.step_change.sentences[0] or "$0" in reading.step_change.sentences[0]


def test_heat_near_a_level_counts_the_events_and_not_parts_of_bins() -> None:
    made, level = planted()
    events = made.liquidations
    for tolerance in (0.0008, 0.002, 0.005):
        reading = read_level(
            map_of(made), made.candles, level=level, tolerance=tolerance, liquidations=events
        )
        held = events[
            events["price"].between(reading.low, reading.high) & (events["time"] > made.end - 12 * STEP)
        ]
        assert reading.step_change.now == pytest.approx(held["notional"].sum(), rel=1e-9)


def test_levels_chosen_at_random_are_mostly_for_or_against_in_a_tenth_of_cases_each() -> None:
    """A few walks: the share is the construction's and measured by `make null`; this holds its order."""
    found: list[str] = []
    for seed in range(6):
        made = world(900 + seed, 1_200, hours=96, past_hours=120, wander=seed % 3 == 0)
        grid = realised_heatmap(made.liquidations, "15min", 150, start=made.start, end=made.end)
        prepared = prepare(grid, made.candles, liquidations=made.liquidations)
        last, rng = float(made.candles["close"].iloc[-1]), np.random.default_rng(seed)
        for distance in rng.uniform(-0.03, 0.03, 10):
            reading = read_level(grid, made.candles, level=last * np.exp(distance), prepared=prepared)
            found.append(reading.balance)
    said = [one for one in found if one != "cannot say"]
    assert len(said) > 25
    for word in ("mostly for", "mostly against"):
        share = said.count(word) / len(said)
        assert share <= 0.1 + 2 * np.sqrt(0.09 / len(said)) + 0.03


def test_too_little_past_cannot_be_weighed() -> None:
    made, level = planted()
    candles_ = made.candles.iloc[-300:].reset_index(drop=True)
    reading = read_level(
        map_of(made).crop(start=made.end - pd.Timedelta("5h")),
        candles_,
        level=level,
        liquidations=made.liquidations,
    )
    check(reading)
    assert reading.balance == "cannot say"
    assert "too little past" in reading.summary


def test_the_side_the_price_came_from_decides_what_a_breakdown_means() -> None:
    bars = plain_bars().copy()
    bars.loc[bars.index[-1], ["low", "close", "volume"]] = [LEVEL - 320, LEVEL - 300, 60.0]
    broken = read_level(plain_map(), tables.candles(bars), level=LEVEL)
    check(broken)
    assert broken.step_approach.state == "crossed"
    assert broken.step_level.role == "resistance"
    assert ("breakout", "bearish") in {(name, side) for _, name, side, _ in broken.step_price.signals}
    assert any("went through" in item.text for item in broken.evidence_against)
    assert broken.invalidate[0].price is not None
    assert broken.invalidate[0].price > LEVEL


@pytest.mark.parametrize(
    ("closes", "state"),
    [
        (np.linspace(33_000, 28_400, COUNT), "approaching"),
        (np.linspace(28_300, 33_000, COUNT), "moving away"),
        (np.append(np.linspace(29_500, 28_150, COUNT - 20), np.linspace(28_150, 28_020, 20)), "sitting"),
        (np.append(wave(COUNT - 30, 28_400), 28_700 + 3.0 * (np.arange(30) % 2)), "keeping its distance"),
    ],
)
def test_where_the_price_goes(closes: np.ndarray, state: str) -> None:
    reading = read_level(plain_map(), candles(closes, wick=60.0), level=LEVEL)
    assert reading.step_approach.state == state
    assert reading.step_approach.distance == pytest.approx(abs(closes[-1] - LEVEL) / closes[-1])
    assert reading.atr is not None
    assert reading.step_approach.distance_atr == pytest.approx(abs(closes[-1] - LEVEL) / reading.atr)


def modelled(columns: int = COUNT, gone: int = 0, until: int = COUNT) -> HeatGrid:
    """A modelled map with a long band at the level that fades in the last `gone` columns without price
    crossing it."""
    edges = np.geomspace(26_000, 30_500, 161)
    centres = np.sqrt(edges[1:] * edges[:-1])
    rng = np.random.default_rng(1)
    long = np.where(centres < 28_100, 1e5 * rng.uniform(0.8, 1.2, len(centres)), 0.0)[None, :] * np.ones(
        (columns, 1)
    )
    short = np.where(centres > 28_700, 1e5, 0.0)[None, :] * np.ones((columns, 1))
    hot = np.abs(np.log(centres / LEVEL)) < 0.001
    held = np.zeros(columns)
    held[columns // 2 : columns - gone] = 1.0
    long += held[:, None] * hot[None, :] * 4e6
    return HeatGrid(
        kind="modelled",
        time_edges=(START.tz_localize(None).to_datetime64() + np.arange(columns + 1) * STEP.to_timedelta64()),
        price_edges=edges,
        long=long,
        short=short,
        provenance=Provenance(source="candles", model="by hand", venues=(VenueCoverage("okx"),)),
    )


def test_a_modelled_band_that_persists_and_one_that_faded() -> None:
    bars = plain_bars()
    there = read_level(modelled(), bars, level=LEVEL)
    check(there)
    assert "Nobody has seen these positions" in there.kind_note
    assert any("persistent" in item.text for item in there.evidence_for)
    assert there.step_change.direction == "steady"
    assert "one modelled map" in there.step_agreement.sentences[0]
    assert any("would be liquidated" in line for line in there.step_clusters.sentences)
    gone = read_level(modelled(gone=8), bars, level=LEVEL)
    check(gone)
    assert gone.step_change.direction == "shrinking"
    assert "dissipated" in {kind for _, kind, _ in gone.step_change.events}
    assert any("shrinking" in item.text for item in gone.evidence_against)
    assert "no hot band" in gone.summary
    far = read_level(modelled(), candles(wave(low=30_000.0)), level=LEVEL)
    assert not any(item.step == 6 for item in (*far.evidence_for, *far.evidence_against))
    other = read_level(modelled(), bars, level=LEVEL, side="short")
    assert other.step_clusters.at_level == ()
    assert other.step_change.now == 0


def test_venues_that_agree_and_a_venue_that_is_alone() -> None:
    names = ("okx", "bybit", "bitmex")
    made, level = planted(venues=names, hot=3)
    maps = {name: map_of(made, name) for name in names}
    wide = read_level(map_of(made), made.candles, level=level, by_venue=maps, liquidations=made.liquidations)
    check(wide)
    assert wide.step_agreement.verdict == "market-wide"
    assert set(wide.step_agreement.hot) == set(names)
    assert any(item.name == "venues" and item.base_rate < 0.5 for item in wide.evidence_for)
    one = read_level(
        map_of(made), made.candles, level=level, by_venue={"okx": maps["okx"]}, liquidations=made.liquidations
    )
    assert one.step_agreement.verdict == "cannot say"
    assert not any(item.step == 5 for item in one.evidence_for)
    single, level = planted(venues=names, hot=1)
    maps = {name: map_of(single, name) for name in names}
    alone = read_level(
        map_of(single), single.candles, level=level, by_venue=maps, liquidations=single.liquidations
    )
    assert alone.step_agreement.verdict == "isolated"
    assert any(item.name == "venues" for item in alone.evidence_against)
    later = read_level(
        map_of(single),
        single.candles,
        level=level,
        by_venue=maps,
        liquidations=single.liquidations,
        now=single.end + pd.Timedelta("2D"),
    )
    check(later)
    assert later.step_agreement.verdict == "cannot say"
    assert any("is 2 d" in line and "old" in line for line in later.missing)
    mixed = read_level(
        map_of(single), single.candles, level=level, by_venue={"okx": maps["okx"], "model": modelled()}
    )
    assert mixed.step_agreement.verdict == "cannot say"
    assert "different things" in mixed.step_agreement.sentences[0]


def test_extreme_funding_speaks_for_the_side_that_is_not_crowded() -> None:
    times = START - pd.Timedelta("20D") + np.arange(67) * pd.Timedelta("8h")
    rates = np.append(np.full(66, 1e-4) + np.arange(66) % 3 * 1e-6, 2e-3)
    funding = tables.funding(pd.DataFrame({"time": times, "venue": "okx", "rate": rates}))
    reading = read_level(modelled(), plain_bars(), level=LEVEL, funding=funding)
    check(reading)
    assert reading.step_price.funding_extreme is True
    assert reading.step_price.funding_8h == pytest.approx(2e-3)
    assert any("longs pay and are crowded" in item.text for item in reading.evidence_against)
    above = read_level(modelled(), plain_bars(), level=28_300.0, funding=funding)
    assert any("longs pay and are crowded" in item.text for item in above.evidence_for)


def test_when_nothing_contradicts_it_the_untested_is_named() -> None:
    # Turns at the level, then a slow climb: no average crosses, and takers purchase more than they sell.
    closes = np.append(wave(COUNT - 100, low=28_040.0), 28_045 + 0.5 * np.arange(100))
    reading = read_level(modelled(), candles(closes, taker=0.56), level=LEVEL)
    check(reading)
    (untested,) = reading.evidence_against
    assert untested.step == 0
    assert "Not tested: whether other venues show the same, funding, open interest" in untested.text


def empty_bars() -> pd.DataFrame:
    return tables.empty("candles")


def with_gap() -> pd.DataFrame:
    bars = plain_bars()
    return bars.drop(index=range(100, 196)).reset_index(drop=True)


BAD = {
    "level outside the map": (lambda: (plain_map(), plain_bars(), {"level": 90_000.0}), "outside the map"),
    "no overlap in time": (
        lambda: (plain_map(), plain_bars().assign(time=lambda f: f["time"] + pd.Timedelta("300D")), {}),
        "do not overlap in time",
    ),
    "a venue with 3 events": (
        lambda: (
            plain_map(),
            plain_bars(),
            {"by_venue": {"okx": plain_map(), "tiny": heatmap(band("tiny").head(3))}},
        ),
        "fresh",
    ),
    "a gap of a day": (lambda: (plain_map(), with_gap(), {}), "longest gap 1 d"),
    "zero volume": (lambda: (plain_map(), candles(wave(), volume=0.0), {}), "Volume is zero or unknown"),
    "no taker split": (lambda: (plain_map(), candles(wave(), taker=None), {}), "taker split"),
    "flat prices": (lambda: (plain_map(), candles(np.full(COUNT, LEVEL), wick=0.0), {}), "ATR) is zero"),
    "too few candles": (lambda: (plain_map(), plain_bars().tail(8), {}), "need more"),
    "one candle": (lambda: (plain_map(), plain_bars().tail(1), {}), "need more"),
    "no candles": (lambda: (plain_map(), empty_bars(), {}), "no candles"),
    "candles longer than columns": (
        lambda: (heatmap(background(), timeframe="5m"), plain_bars(), {}),
        "longer than the map's columns",
    ),
    "before the map": (
        lambda: (plain_map(), plain_bars(), {"at": START - pd.Timedelta("9D")}),
        "nothing can be said about heat",
    ),
    "a map of three columns": (lambda: (modelled(columns=3), plain_bars(), {}), "only 3 observed columns"),
    "an empty map": (
        lambda: (
            replace(modelled(), long=np.zeros((COUNT, 160)), short=np.zeros((COUNT, 160))),
            plain_bars(),
            {},
        ),
        "agreement is unknown",
    ),
    "a map nobody watched": (
        lambda: (replace(modelled(), observed=np.zeros(COUNT, dtype=bool)), plain_bars(), {}),
        "not observed",
    ),
    "empty tables": (
        lambda: (
            modelled(),
            plain_bars(),
            {name: tables.empty(name) for name in ("funding", "open_interest", "liquidations")},
        ),
        "no funding up to this moment",
    ),
    "candles of seven minutes": (
        lambda: (modelled(), plain_bars().assign(time=START + np.arange(COUNT) * pd.Timedelta("7min")), {}),
        "No funding",
    ),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_bad_data_gives_a_report_with_a_sentence(case: str) -> None:
    make, words = BAD[case]
    grid, bars, more = make()
    reading = read_level(grid, bars, **{"level": LEVEL, **more})
    check(reading)
    assert words in reading.to_text()
    for row in read_timeframes(grid, bars, level=reading.level, timeframes=("15m", "4h"), at=more.get("at")):
        json.dumps(row.to_dict(), allow_nan=False)
        assert row.note


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"level": float("nan")}, "not a price"),
        ({"level": -5.0}, "not a price"),
        ({"level": "x"}, "not a price"),
        ({"level": None}, "not a price"),
        ({"side": "bids"}, "long or short"),
        ({"tolerance": 0.5}, "share of the price"),
        ({"tolerance": float("nan")}, "share of the price"),
        ({"last": 0}, "1 or more"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(wrong: dict, words: str) -> None:
    with pytest.raises(ReadingError, match=words):
        read_level(modelled(), plain_bars(), **{"level": LEVEL, **wrong})


SAMPLE = load_sample("violent")
FROM, TO = pd.Timestamp("2026-04-09", tz="UTC"), pd.Timestamp("2026-04-12", tz="UTC")


def during(frame: pd.DataFrame, until: pd.Timestamp = TO) -> pd.DataFrame:
    return frame[(frame["time"] >= FROM) & (frame["time"] <= until)].reset_index(drop=True)


def sample_map(until: pd.Timestamp, venue: str | None = None) -> HeatGrid:
    events = during(SAMPLE.liquidations, until)
    events = events if venue is None else events[events["venue"] == venue]
    return realised_heatmap(
        events, timeframe="30min", bins=120, start=FROM, end=until, price_range=(24_000.0, 31_000.0)
    )


@pytest.mark.parametrize("time", ["2026-04-09 13:07:11", "2026-04-10 17:59:59", "2026-04-11 20:15:00"])
def test_a_reading_of_the_past_equals_one_from_data_that_end_there(time: str) -> None:
    moment = pd.Timestamp(time, tz="UTC")
    level = float(np.round(during(SAMPLE.candles, moment)["close"].iloc[-1], -2))

    def read(until: pd.Timestamp) -> Reading:
        bars = during(SAMPLE.candles, until)
        return read_level(
            sample_map(until),
            bars[bars["time"] + pd.Timedelta("1min") <= until],
            level=level,
            at=moment,
            by_venue={venue: sample_map(until, venue) for venue in ("Birch", "Cedar")},
            liquidations=during(SAMPLE.liquidations, until),
            open_interest=during(SAMPLE.open_interest, until),
            funding=SAMPLE.funding[SAMPLE.funding["time"] <= until],
        )

    then, now = read(moment), read(TO)
    assert now.to_dict() == then.to_dict()
    assert now == then
    check(now)
    assert now.price is not None


WHOLE = during(SAMPLE.candles)
MODEL = modelled_heatmap(WHOLE, bins=120, columns=72)
LEVELS = key_levels(WHOLE, count=None)


@settings(max_examples=6)
@given(st.integers(2, 71), st.integers(0, 3_599), st.floats(-0.02, 0.02))
def test_whatever_comes_later_a_reading_stays(column: int, seconds: int, away: float) -> None:
    edges = MODEL.time_edges
    moment = edges[column] + np.timedelta64(seconds, "s")
    last = int(np.searchsorted(edges[1:], moment, "right"))
    rng = np.random.default_rng(column)
    noise = rng.uniform(0, 1e8, MODEL.shape) * (np.arange(MODEL.shape[0]) >= last)[:, None]
    later = WHOLE["time"] + pd.Timedelta("1min") > pd.Timestamp(moment, tz="UTC")
    wild = WHOLE.copy()
    wild.loc[later, ["open", "high", "low", "close"]] *= 1.5
    level = float(WHOLE["close"][~later].iloc[-1]) * (1 + away)
    honest = read_level(MODEL, WHOLE, level=level, at=moment)
    assert (
        read_level(
            replace(MODEL, long=MODEL.long + noise, short=MODEL.short + noise), wild, level=level, at=moment
        )
        == honest
    )
    assert honest.step_clusters.nearest is None or honest.step_clusters.nearest.age_hours >= 0


def test_given_key_levels_and_what_was_prepared_are_used_but_not_ahead_of_their_time() -> None:
    bars = WHOLE
    prepared = prepare(MODEL, bars)
    assert read_level(MODEL, bars, level=27_500.0, prepared=prepared) == read_level(
        MODEL, bars, level=27_500.0
    )
    early = read_level(
        MODEL,
        bars,
        level=float(LEVELS.table["price"].iloc[-1]),
        key_levels=LEVELS,
        at=FROM + pd.Timedelta("6h"),
    )
    late = read_level(MODEL, bars, level=float(LEVELS.table["price"].iloc[-1]), key_levels=LEVELS)
    assert late.step_level.known_as
    known = LEVELS.table[LEVELS.table["confirmed_at"] <= FROM + pd.Timedelta("6h")]
    assert bool(early.step_level.known_as) == bool(
        (np.abs(np.log(known["price"] / early.level)) <= early.tolerance).any()
    )


def test_one_level_through_several_timeframes() -> None:
    events = during(SAMPLE.liquidations)
    rows = read_timeframes(events, WHOLE, level=26_000.0, timeframes=("15m", "1h", "4h", "1d"))
    assert [row.timeframe for row in rows] == ["15m", "1h", "4h", "1d"]
    near = events[events["price"].between(26_000 * np.exp(-0.005), 26_000 * np.exp(0.005))]
    for row in rows[:3]:
        span = 12 * pd.Timedelta(row.timeframe)
        assert row.heat == pytest.approx(
            near.loc[near["time"] > events["time"].iloc[-1] - span, "notional"].sum()
        )
        assert row.verdict in ("persistent", "fleeting", "absent", "cannot say")
    assert rows[3].verdict == "cannot say"
    assert rows[3].persistence is None
    moment = pd.Timestamp("2026-04-10 14:00", tz="UTC")
    before = events["time"] <= moment
    bars = WHOLE[WHOLE["time"] + pd.Timedelta("1min") <= moment]
    assert read_timeframes(events, WHOLE, level=26_000.0, at=moment) == read_timeframes(
        events[before], bars, level=26_000.0
    )


@pytest.mark.real_data
def test_real_liquidations_beside_real_candles(real_data) -> None:  # type: ignore[no-untyped-def]
    folder = real_data / "J_2026-03_04_pacifica"
    raw = pd.read_parquet(folder / "liq_events_pacifica.parquet")
    events = tables.liquidations(
        pd.DataFrame(
            {
                "time": raw["ts"],
                "side": raw["position"].str.lower(),
                "price": raw["price"],
                "notional": raw["usd"],
                "venue": raw["exchange"],
            }
        )
    )
    bars = tables.candles(pd.read_parquet(folder / "candles_perp_15m.parquet").rename(columns={"ts": "time"}))
    interest = pd.read_parquet(folder / "oi_5m.parquet").rename(columns={"ts": "time", "oi": "quantity"})
    funding = pd.read_parquet(folder / "funding_8h.parquet").rename(
        columns={"ts": "time", "funding_rate": "rate"}
    )
    grid = realised_heatmap(events, timeframe="1h", bins=200)
    reading = read_level(
        grid,
        bars,
        level=float(np.round(bars["close"].iloc[2_900], -2)),
        at=bars["time"].iloc[2_900],
        liquidations=events,
        open_interest=tables.open_interest(interest[["time", "quantity"]]),
        funding=tables.funding(funding[["time", "rate"]]),
    )
    check(reading)
    assert reading.timeframe == "1h"
    assert reading.step_agreement.verdict == "cannot say"
    assert reading.step_price.open_interest_change is not None
    assert reading.step_price.taker_share is None
    end = pd.Timestamp(reading.moment).floor("1h")
    recent = events[(events["time"] >= end - pd.Timedelta("12h")) & (events["time"] < end)]
    wider = recent["price"].between(
        reading.low - grid.price_edges[1] + grid.price_edges[0],
        reading.high + grid.price_edges[1] - grid.price_edges[0],
    )
    narrow = recent["price"].between(
        reading.low + grid.price_edges[1] - grid.price_edges[0],
        reading.high - grid.price_edges[1] + grid.price_edges[0],
    )
    assert reading.step_change.now is not None
    assert (
        recent.loc[narrow, "notional"].sum() * 0.999
        <= reading.step_change.now
        <= recent.loc[wider, "notional"].sum() * 1.001
    )
