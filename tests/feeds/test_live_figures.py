"""What the live page says in numbers, against plain pandas on the same events; and a replay, against its own
tape."""

from itertools import chain, repeat

import numpy as np
import pandas as pd
import pytest

from liqcore.feeds import samples
from liqcore.feeds.live import figures as figures
from liqcore.feeds.live.playback import Playback, Reel, ReplayClock, Tape
from liqcore.feeds.live.store import Store, arrivals
from liqcore.feeds.live.window import LiveWindow
from liqcore.heat.realised import realised_heatmap
from tests.feeds.test_store import BEGIN, MINUTE, made

NOW = BEGIN + 1_000_000_000


@pytest.fixture(scope="module")
def held():
    """Three venues' events of the last quarter of an hour, some told later by a history."""
    store = Store("sqlite://")
    for place, (venue, late) in enumerate((("bybit", 1.0), ("okx", 0.2), ("gate", 90.0))):
        for row in made(300, seed=place, venue=venue):
            store.add(
                arrivals(
                    [
                        row._replace(
                            completeness="sampled" if venue == "okx" else "all",
                            notional=float(1_000 + row.time % 7_919),
                        )
                    ],
                    row.time + round(late * 1e6),
                    "history" if row.time % 3 == 0 else "socket",
                )
            )
    window = LiveWindow(store)
    window.refresh(NOW)
    return window.events()


def plain(events):
    table = events.table()
    return table.assign(venue=table["venue"].astype(str), side=table["side"].astype(str))


def test_sums_tape_and_largest_are_those_of_pandas(held):
    table, moment = plain(held), pd.Timestamp(NOW, unit="us", tz="UTC")
    minutes = NOW - np.arange(120) * 60_000_000
    found = figures.totals(held, NOW, np.repeat(minutes, 3)).set_index("span")
    for name, length in (("5 min", "5min"), ("1 h", "1h"), ("4 h", "4h")):
        part = table[table["time"] >= moment - pd.Timedelta(length)]
        for side in ("long", "short"):
            assert found.loc[name, side] == pytest.approx(part.loc[part["side"] == side, "notional"].sum())
        assert found.loc[name, "events"] == len(part)
        assert found.loc[name, "completeness"] == "mixed"
    assert found["whole"].tolist() == [True, True, False, False]
    assert found["heard"].tolist() == [5, 60, 120, 120]
    # Who was heard long ago, and what the clock of a venue dates ahead, covers no hour of now.
    late = figures.totals(held, NOW, [*(minutes - 61 * 60_000_000), NOW + 1]).set_index("span")
    assert late["heard"].tolist() == [0, 0, 120, 120]
    assert not late["whole"].any()
    only = figures.totals(held.of(("okx",)), NOW)
    assert set(only["completeness"]) == {"sampled"}
    assert only["long"].sum() < found["long"].sum()
    newest = figures.tape(held, minimum=4_000, most=20)
    wanted = table[table["notional"] >= 4_000].sort_values("time", ascending=False).head(20)
    assert newest["notional"].tolist() == wanted["notional"].tolist()
    assert figures.biggest(held, 7)["notional"].tolist() == sorted(table["notional"])[::-1][:7]
    assert figures.biggest(held, 5_000)["notional"].sum() == pytest.approx(table["notional"].sum())


def test_delays_are_those_of_what_came_live(held):
    found = figures.delays(held).set_index("venue")
    assert found["median"].round(6).to_dict() == {"bybit": 1.0, "okx": 0.2, "gate": 90.0}
    live = sum(
        row.time % 3 != 0
        for place, venue in enumerate(("bybit", "okx", "gate"))
        for row in made(300, seed=place, venue=venue)
    )
    assert found["events"].sum() == live
    bins = figures.delay_histogram(held)
    assert bins["events"].sum() == live
    assert bins.groupby("venue")[["from", "to"]].first().to_dict("index") == {
        "bybit": {"from": 1.0, "to": 2.0},
        "okx": {"from": 0.2, "to": 0.5},
        "gate": {"from": 60.0, "to": 120.0},
    }


def test_a_gap_in_the_heartbeats_is_a_gap(held):
    minutes = [0, 1, 2, 5, 6, 7, 8]
    beats = pd.DataFrame(
        {
            "venue": ["okx"] * 7 + ["gate"],
            "minute": [BEGIN + number * MINUTE for number in [*minutes, 3]],
            "frames": [4, 4, 4, 1, 1, 0, 0, 0],
            "events": 0,
        }
    )
    runs = figures.coverage(beats, BEGIN, BEGIN + 9 * MINUTE)
    spans = [
        (
            row.venue,
            (row.start.value // 1_000 - BEGIN) // MINUTE,
            (row.end.value // 1_000 - BEGIN) // MINUTE,
            row.how,
        )
        for row in runs.itertuples()
    ]
    assert spans == [
        ("gate", 3, 4, "history"),
        ("okx", 0, 3, "live"),
        ("okx", 5, 7, "live"),
        ("okx", 7, 9, "history"),
    ]
    edges = np.array([BEGIN + number * MINUTE for number in range(11)]).astype("datetime64[us]")
    assert figures.observed(beats, edges, ("okx",)).tolist() == [
        True,
        True,
        True,
        False,
        False,
        True,
        True,
        True,
        True,
        False,
    ]
    assert figures.observed(beats, edges).tolist() == [
        True,
        True,
        True,
        True,
        False,
        True,
        True,
        True,
        True,
        False,
    ]


def test_the_live_grid_goes_on_as_if_it_were_built_anew(held):
    half = held.where(held.columns["id"] <= 450)
    half = type(held)(half.columns, half.words, 450)
    first = figures.live_grid(None, half, NOW - 60_000_000, timeframe="1m", hours=1, bins=50)
    second = figures.live_grid(first, held, NOW, timeframe="1m", hours=1, bins=50)
    assert first is not None
    assert second is not None
    np.testing.assert_array_equal(first.grid.price_edges, second.grid.price_edges)
    grid = second.grid
    anew = realised_heatmap(
        held.table(),
        "1m",
        50,
        start=grid.time_edges[0],
        end=grid.time_edges[-1],
        price_range=(grid.price_edges[0], grid.price_edges[-1]),
    )
    np.testing.assert_allclose(grid.total, anew.total, rtol=1e-6)
    assert grid.total.sum() > first.grid.total.sum() > 0
    # Another question, or a price that left the range, builds anew; nothing to draw is nothing.
    assert (
        figures.live_grid(second, held, NOW, timeframe="5m", hours=1, bins=50).grid.shape[0] < grid.shape[0]
    )
    assert (
        figures.live_grid(
            second, held, NOW, timeframe="1m", hours=1, bins=50, venues=("okx",)
        ).grid.total.sum()
        < grid.total.sum()
    )
    assert figures.live_grid(None, held, NOW + 10**12, timeframe="1m", hours=1) is None


def test_candles_of_venues_become_one_market():
    def bars(venue, start, closes, taker):
        count = len(closes)
        return pd.DataFrame(
            {
                "venue": venue,
                "time": pd.date_range(start, periods=count, freq="1min", tz="UTC"),
                "open": closes,
                "high": np.array(closes) + 1.0,
                "low": np.array(closes) - 1.0,
                "close": closes,
                "volume": 10.0,
                "taker_buy_volume": taker,
            }
        )

    both = pd.concat(
        [
            bars("a", "2026-03-01 00:00", [100.0, 101.0, 102.0], 6.0),
            bars("b", "2026-03-01 00:01", [201.0, 202.0], np.nan),
        ]
    )
    found = figures.joined_candles(both)
    assert found["close"].tolist() == [100.0, 101.0, 102.0]
    assert found["volume"].tolist() == [10.0, 20.0, 20.0]
    # Of the half that tells, 60 % were bought; that is all that is known of the whole.
    assert found["taker_buy_volume"].tolist() == pytest.approx([6.0, 12.0, 12.0])
    assert figures.joined_candles(both.iloc[:0]).empty


def test_a_replay_delivers_its_tape_and_nothing_of_the_future():
    sample = samples.load_sample("violent")
    lags = {venue.name: float(venue.lag_seconds) for venue in sample.venues}
    begin = sample.candles["time"].iloc[0] + pd.Timedelta(hours=108)
    reel = Reel(
        Tape(sample.liquidations, sample.candles, sample.open_interest, sample.funding, lags),
        begin,
        history_hours=6,
    )
    real = chain([0.0], repeat(3.0))
    clock = ReplayClock(reel.begin / 1e6, 600, lambda: next(real))
    clock.run_at(0)
    played = Playback(reel, clock)
    stood = played.now()
    assert stood == (begin + pd.Timedelta(minutes=30)).value // 1_000
    events, market = played.events(), played.market()
    table = plain(events)
    lag = table["venue"].map(lags)
    moment = pd.Timestamp(stood, unit="us", tz="UTC")
    assert (table["time"] + pd.to_timedelta(lag, unit="s") <= moment).all()
    tape = sample.liquidations
    known = tape[
        (tape["time"] >= begin - pd.Timedelta(hours=6))
        & (tape["time"] + pd.to_timedelta(tape["venue"].astype(str).map(lags), unit="s") <= moment)
    ]
    assert sorted(table["notional"]) == pytest.approx(sorted(known["notional"]))
    assert market is not None
    assert market.candles["time"].max() + pd.Timedelta(minutes=1) <= moment
    assert figures.delays(events).set_index("venue")["median"].to_dict() == pytest.approx(
        {name: lags[name] for name in set(table["venue"])}
    )


def test_visitors_of_one_reel_are_each_at_their_own_time_and_read_the_same_arrays():
    sample = samples.load_sample("violent")
    lags = {venue.name: float(venue.lag_seconds) for venue in sample.venues}
    tape = Tape(sample.liquidations, sample.candles, sample.open_interest, sample.funding, lags)
    reel = Reel(tape, sample.candles["time"].iloc[0] + pd.Timedelta(hours=108), history_hours=24)
    hour = 3_600
    early, late, over = (
        Playback(reel, ReplayClock(reel.begin / 1e6 + past, 0)) for past in (hour, 40 * hour, 2_000 * hour)
    )
    first, second = early.events(), late.events()
    assert first.version < second.version
    assert np.shares_memory(first.columns["price"], reel.events.columns["price"])
    # What is shown reaches 48 hours back, and what both show is the same.
    assert second.columns["arrived"].min() > late.now() - 48 * hour * 1_000_000
    both = np.intersect1d(first.columns["id"], second.columns["id"])
    assert len(both)
    assert first.after(both[0] - 1).columns["notional"].tolist() == (
        second.where(second.columns["id"] <= first.version).columns["notional"].tolist()
    )
    market = early.market()
    assert early.market() is market, "nothing is made anew within a minute"
    assert set(market.beats["venue"]) == set(lags)
    assert market.beats["minute"].min() == reel.first // MINUTE * MINUTE + MINUTE
    assert market.beats["minute"].max() == early.now() // MINUTE * MINUTE
    assert market.beats.groupby("venue").size().eq(25 * 60).all()
    assert {status.state for status in early.snapshot().statuses} == {"live"}
    assert sum(early.snapshot().rows.values()) == len(first)
    for status in early.snapshot().statuses:
        mine = first.of((status.venue,))
        assert status.last_event == np.datetime64(int(mine.columns["time"].max()), "us")
        assert status.age < 60
    assert {status.state for status in over.snapshot().statuses} == {"off"}
    assert over.market().candles["time"].max() == sample.candles["time"].max()


def test_a_clock_goes_on_from_where_it_stood():
    real = iter([0.0, 10.0, 10.0, 20.0, 20.0, 30.0])
    clock = ReplayClock(1_000.0, 60.0, lambda: next(real))
    assert clock() == 1_600.0
    clock.run_at(0)
    assert clock() == 1_600.0
    clock.run_at(1)
    assert clock() == 1_610.0
