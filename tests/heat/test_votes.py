"""One account of the past for all places: what questions share equals, to the bit, each asked alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from liqcore import tables
from liqcore.heat import scan
from liqcore.heat.ground import Ground, windowed
from liqcore.heat.ledger import Running, ledgers, moments
from liqcore.heat.realised import realised_heatmap
from liqcore.heat.venue_shows import venue_grounds
from liqcore.heat.votes import ask, vote
from liqcore.heat.votes_everywhere import hot_at, within_reach

START = pd.Timestamp("2026-03-01", tz="UTC")
MINUTES = 400
KINDS = ("events", "cells", "no candles", "strange candles")


def market(seed: int, kind: str = "events") -> tuple[list[Ground], Ground, np.ndarray]:
    """Grounds of some venues on a walk, with a band that most share; of all together; the closes."""
    rng = np.random.default_rng(seed)
    names = list("abcd")[: int(rng.integers(1, 5))]
    close = 28_000 * np.exp(np.cumsum(rng.normal(0, 5e-4, MINUTES)))
    number = int(rng.integers(20, 1_500))
    # A feed may begin late, and orders may have come before price was there.
    hit = np.sort(rng.integers(MINUTES // 5, MINUTES, number))
    price = close[hit] * np.exp(rng.normal(0, 3e-4, number))
    near = np.abs(np.log(close[hit] / close[hit[number // 2]])) < 2e-3
    near &= rng.random(number) < 0.6
    price[near] = close[hit[number // 2]] * np.exp(rng.normal(0, 1e-4, int(near.sum())))
    events = tables.liquidations(
        pd.DataFrame(
            {
                "time": START + pd.to_timedelta(60 * hit + rng.integers(0, 60, number), unit="s"),
                "venue": rng.choice(names, number),
                "side": rng.choice(["long", "short"], number),
                "price": price,
                "notional": rng.lognormal(10, 1, number),
            }
        ).sort_values("time")
    )
    off = 1.1 if kind == "strange candles" else 1.0
    candles = tables.candles(
        pd.DataFrame(
            {
                "time": pd.date_range(START, periods=MINUTES, freq="1min"),
                **{"open": off * close, "high": off * close * 1.0004, "low": off * close * 0.9996},
                "close": off * close,
            }
        )
    )
    more = {"start": START, "end": START + pd.Timedelta("7h"), "price_range": (price.min(), price.max())}
    maps = {
        name: realised_heatmap(events[(events["venue"] == name).to_numpy()], "5min", 80, **more)
        for name in names
    }
    price_of = dict.fromkeys(maps, None if kind == "no candles" else candles)
    grounds, ground = venue_grounds(maps, price_of, None if kind == "cells" else events)
    return grounds, ground, close


def places(close: np.ndarray, number: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Bands (number,) in USD on and beside the path, of widths that rules ask about."""
    rng = np.random.default_rng(seed)
    level = rng.choice(close, number) * np.exp(rng.normal(0, 4e-3, number))
    within = rng.choice([5e-4, 2e-3, 5e-3, 2e-2], number)
    return level * np.exp(-within), level * np.exp(within)


def same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and one.dtype == other.dtype and one.tobytes() == other.tobytes()


@given(st.integers(0, 2**32 - 1), st.integers(1, 200), st.lists(st.integers(0, 199), min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_sums_between_columns_are_those_of_adding_up_all_columns(seed, columns, rows):
    rng = np.random.default_rng(seed)
    values = rng.lognormal(0, 5, (2, columns, 3)) * (rng.random((2, columns, 3)) < 0.5)
    until = np.minimum(rows, columns - 1)
    since = rng.integers(0, until + 1)
    found = Running(lambda begin, end: values[:, begin:end], columns).within(until, since)
    assert same(found, windowed(values, until, since))


@pytest.mark.parametrize("kind", KINDS)
def test_ledgers_hold_what_the_grounds_say(kind):
    grounds, ground, _ = market(5, kind)
    for side in (0, 1):
        rows = np.array([60, 3, 83, 60, 64])
        since = ground.since(side, None)[rows]
        seen = moments(ledgers(grounds, side), rows, since)
        for venue, one in enumerate(grounds):
            counts = windowed(one.sums(side, one.orders.weight), rows, since)
            assert same(seen.orders[venue], scan.running(counts))
            path = scan.running(one.shares(side, rows, since, counts))
            assert same(np.stack(seen.path[venue]), path)
            busy = one.busy(side, rows, since)
            assert (busy is None) == (not seen.busy)
            if busy is not None:
                assert same(seen.busy[venue], scan.running(busy[0]))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [2, 4])
def test_many_places_asked_together_equal_each_asked_alone(seed, kind):
    grounds, ground, close = market(seed, kind)
    low, high = places(close, 10, seed)
    hot = 0
    for side in (0, 1):
        rows = np.arange(20, 84, 4)
        since = ground.since(side, None)[rows]
        seen = moments(ledgers(grounds, side), rows, since)
        for chance in (None, 0.2):
            found = hot_at(seen, low, high, chance)
            assert found.shape == (len(low), len(grounds), len(rows))
            hot += int(found.sum())
            for place, (bottom, top) in enumerate(zip(low, high, strict=True)):
                band = np.full(len(rows), bottom), np.full(len(rows), top)
                alone = vote(grounds, side, rows, since, *band, chance)
                assert np.array_equal(found[place], alone.hot)
            shared = ask(seen, *band, chance)
            assert all(same(a, b) for a, b in zip(shared, alone, strict=True))
            # Moments of different places in one question.
            which = np.arange(len(rows)) % len(low)
            mixed = ask(seen, low[which], high[which], chance)
            assert np.array_equal(mixed.hot, found[which, :, np.arange(len(rows))].T)
    assert hot > 0, "a comparison of nothing shows nothing"


def test_one_moment_alone_is_answered_as_among_many():
    grounds, ground, close = market(2)
    low, high = places(close, 1, 2)
    rows = np.arange(10, 84)
    since = ground.since(0, None)[rows]
    among = vote(grounds, 0, rows, since, np.repeat(low, len(rows)), np.repeat(high, len(rows)))
    for i in range(0, len(rows), 9):
        alone = vote(grounds, 0, rows[i : i + 1], since[i : i + 1], low, high)
        assert all(same(a[..., :1], b[..., i : i + 1]) for a, b in zip(alone, among, strict=True))


@pytest.mark.parametrize("seed", range(4))
def test_places_out_of_reach_are_hot_at_no_moment(seed):
    grounds, ground, close = market(seed)
    # As many again far above, where there are no orders.
    low, high = (np.concatenate([ends, 1.2 * ends]) for ends in places(close, 12, seed))
    for side in (0, 1):
        rows = np.arange(ground.shape[0])
        near = within_reach(grounds, side, low, high)
        seen = moments(ledgers(grounds, side), rows, ground.since(side, None))
        assert not hot_at(seen, low, high, 0.2)[~near].any()
        assert near[:12].any()
        assert not near[12:].any()
