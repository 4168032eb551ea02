"""Live data at speed: appending against building anew, a refresh with a million events, and a minute of 5,000
a second."""

import asyncio
import resource
import time

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.feeds.live import figures as live_figures
from liqcore.feeds.live.collector import Collector
from liqcore.feeds.live.store import open_store
from liqcore.feeds.live.window import Events
from liqcore.feeds.venues.rows import LiquidationRow
from liqcore.heat.append import append_events
from liqcore.heat.realised import realised_heatmap

RANGE = (50_000.0, 60_000.0)
DAY = 86_400_000_000
BEGIN = 1_790_000_000_000_000


def made(count, seed=0, hours=100):
    rng = np.random.default_rng(seed)
    return tables.liquidations(
        pd.DataFrame(
            {
                "time": (
                    pd.Timestamp("2026-03-01", tz="UTC")
                    + pd.to_timedelta(np.sort(rng.integers(0, hours * 3_600_000_000, count)), unit="us")
                ),
                "venue": rng.choice(["a", "b", "c"], count),
                "side": rng.choice(["long", "short"], count),
                "price": rng.uniform(49_000, 61_000, count),
                "quantity": rng.lognormal(0, 1, count),
                "completeness": "all",
            }
        )
    )


def best(work, times=9):
    spent = []
    for _ in range(times):
        begun = time.process_time()
        work()
        spent.append(time.process_time() - begun)
    return min(spent)


def test_appending_a_thousand_events_costs_a_twentieth_of_building_from_a_million():
    many, few = made(10**6), made(1_000, 1)
    grid = realised_heatmap(many, "15min", 300, price_range=RANGE)
    anew = best(lambda: realised_heatmap(many, "15min", 300, price_range=RANGE))
    onward = best(lambda: append_events(grid, few))
    print(
        f"\nappend of 1,000 events {onward * 1e3:.1f} ms, building from 1,000,000 {anew * 1e3:.0f} ms:"
        f" 1/{anew / onward:.1f}"
    )
    assert onward < anew / 20


def million():
    """A day of a million events in memory, as the window holds them."""
    rng = np.random.default_rng(2)
    count = 10**6
    moment = np.sort(BEGIN + rng.integers(0, DAY, count))
    columns = {
        "id": np.arange(1, count + 1),
        "time": moment,
        "arrived": moment + 400_000,
        "price": 55_000 + rng.normal(0, 500, count).cumsum() / 500,
        "quantity": rng.lognormal(-3, 1, count),
        "venue": rng.integers(0, 5, count).astype(np.int16),
        "symbol": np.zeros(count, np.int16),
        "side": rng.integers(0, 2, count).astype(np.int8),
        "price_kind": np.zeros(count, np.int8),
        "completeness": np.zeros(count, np.int8),
        "origin": np.zeros(count, np.int8),
    }
    columns["notional"] = columns["price"] * columns["quantity"]
    words = {
        "venue": tuple("abcde"),
        "symbol": ("BTCUSDT",),
        "side": tables.SIDES,
        "price_kind": tables.PRICE_KINDS,
        "completeness": tables.COMPLETENESS,
        "origin": ("socket",),
    }
    return Events(columns, words, count)


def test_a_refresh_of_the_page_with_a_million_events_is_short():
    from liqcore.charts.picture import picture

    events = million()
    cut = len(events) - 500
    earlier = Events({name: values[:cut] for name, values in events.columns.items()}, events.words, cut)
    now = BEGIN + DAY
    held = live_figures.live_grid(None, earlier, now, timeframe="5m", hours=4)

    def refresh():
        grid = live_figures.live_grid(held, events, now, timeframe="5m", hours=4)
        live_figures.totals(events, now)
        live_figures.tape(events, 0, 40)
        live_figures.biggest(events, 6)
        assert grid is not None
        picture(grid.grid).payload("live")

    spent = best(refresh, 5)
    print(f"\na refresh with {len(events):,} events: {spent * 1e3:.0f} ms of server time (the bar is 150 ms)")
    assert held is not None


def test_five_thousand_events_a_second_for_a_minute_leave_no_queue(tmp_path):
    seconds, every = 60, 500
    waits, sent = [], 0

    async def source(deliver, tell):
        nonlocal sent
        begun = time.monotonic()
        while sent < seconds * 5_000:
            now = round(time.time() * 1e6)
            deliver(
                "bybit",
                [
                    LiquidationRow(
                        now + number,
                        "bybit",
                        "BTCUSDT",
                        "long",
                        50_000.0 + number,
                        0.1,
                        5_000.0,
                        "fill",
                        "all",
                    )
                    for number in range(every)
                ],
                now,
            )
            sent += every
            await asyncio.sleep(max(begun + sent / 5_000 - time.monotonic(), 0))
        await asyncio.sleep(3_600)

    collector = Collector(open_store(f"sqlite:///{tmp_path / 'store.sqlite'}"), {"bybit": source})
    begun, cpu = time.monotonic(), time.process_time()
    collector.start()
    grid = None
    while sent < seconds * 5_000 and time.monotonic() - begun < 3 * seconds:
        time.sleep(2)
        waits.append(collector.snapshot().waiting)
        grid = (
            live_figures.live_grid(grid, collector.window.events(), collector.now(), timeframe="1m", hours=1)
            or grid
        )
    took, cpu = time.monotonic() - begun, time.process_time() - cpu
    stopped, told = collector.stop(60), collector.snapshot()
    print(
        f"\n{sent:,} events in {took:.0f} s ({sent / took:,.0f} a second) through collector, store and grid:"
        f" {cpu / took:.2f} cores, at most {max(waits):,} waiting (first half"
        f" {max(waits[: len(waits) // 2]):,}), written {told.written:,}, lost {sum(told.lost.values())},"
        f" {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:,.0f} MB resident at most"
    )
    assert stopped
    assert told.written == sent
    assert not told.lost
    assert max(waits[len(waits) // 2 :]) < 3 * max(waits[: len(waits) // 2], default=0) + 5_000
