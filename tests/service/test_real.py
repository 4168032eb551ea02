"""The market of now for everybody: one fetch a span, what was kept while it runs, one sentence without a
network."""

import threading
import time
from dataclasses import replace

import pandas as pd
import pytest

from liqcore import tables
from liqcore.feeds.history.liquidations import Realised
from liqcore.feeds.rest.session import open_session
from liqcore.service import dataset
from liqcore.service.dataset import Dataset, ViewSettings
from liqcore.service.real import RealMarkets
from tests.loopback import truth
from tests.loopback.server import VenueServer


@pytest.fixture(scope="module")
def server():
    with VenueServer() as made:
        yield made


@pytest.fixture
def session(server, monkeypatch):
    monkeypatch.setattr(truth, "NOW", int(time.time()) * 1000)
    server.clear()
    server.delay = 0.0
    made = open_session(loopback=server.address, per_second=1000)
    yield made
    made.shut()


@pytest.fixture
def real(session, tmp_path):
    made = RealMarkets(lambda: session, str(tmp_path / "market"))
    yield made
    made.stop()


def drawn(look, hours=24):
    return dataset.heatmap(look.data, ViewSettings(layer="modelled", hours=hours, timeframe="15m", bins=60))


def test_many_visitors_cost_one_fetch_and_see_a_modelled_map_of_now(server, real):
    looks = []
    visits = [threading.Thread(target=lambda: looks.append(real.look("24h", 20))) for _ in range(5)]
    for one in visits:
        one.start()
    for one in visits:
        one.join()
    assert len(server.requests) <= 8
    assert all(look.data is looks[0].data for look in looks)
    assert looks[0].data.label == "BTC now"
    assert not looks[0].data.synthetic
    grid = drawn(looks[0])
    assert grid.kind == "modelled"
    assert grid.long.sum() > 0
    assert {"binance", "bybit", "gate"} <= set(grid.provenance.venue_names)
    assert "Prices of Binance USD-M" in looks[0].data.made_of
    assert "every bar" in looks[0].data.made_of
    assert looks[0].age.endswith(" s old")
    assert (looks[0].away, looks[0].problems) == ("", ())


def test_a_cold_look_returns_in_time_and_shows_what_came_so_far(server, real):
    server.delay = 0.3
    begun = time.perf_counter()
    look = real.look("30d", 0.1)
    assert time.perf_counter() - begun < 5
    assert look.busy
    assert look.words
    shares = [look.share]
    while (look := real.look("30d", 0.2)).busy:
        shares.append(look.share)
    assert shares == sorted(shares)
    assert look.data.window == "30d"


def test_a_cancelled_fetch_keeps_what_came_and_is_not_begun_again_at_once(server, real):
    server.delay = 0.3
    real.look("1y", 0.0)
    # Open interest is asked beside the prices; on a busy machine it may be all that has come by then.
    patience = time.monotonic() + 30
    while (came := real.kept().newest("candles", "1h")) is None:
        assert time.monotonic() < patience
        time.sleep(0.02)
    real.cancel("1y")
    while real.look("1y").busy:
        time.sleep(0.05)
    sent = server.count()
    assert sent < 26
    assert real.kept().newest("candles", "1h") >= came
    time.sleep(0.3)
    assert not real.look("1y").busy
    assert server.count() == sent


def test_without_a_network_the_last_map_stands_with_its_age_and_one_line(server, session, tmp_path):
    folder = str(tmp_path / "market")
    first = RealMarkets(lambda: session, folder)
    whole = first.look("24h", 20)
    first.stop()
    server.clear()
    later = time.time() + 3 * 86_400
    quiet = RealMarkets(lambda: session, folder, offline=True, clock=lambda: later)
    look = quiet.look("24h", 5)
    assert not server.requests
    assert look.data.candles["time"].iloc[-1] >= whole.data.candles["time"].iloc[-2]
    assert "HEATLAB_OFFLINE is set" in look.away
    assert "last map that was fetched" in look.away
    assert look.age == "3 d old"
    assert look.age in look.away
    assert drawn(look).long.sum() > 0


@pytest.mark.parametrize(
    ("fault", "words"),
    [("html", "No exchange"), ("451", "country"), ("429", "pause of 7 s"), ("skewed-clock", "clock")],
)
def test_every_trouble_is_one_sentence_and_nothing_held_is_lost(
    server, session, tmp_path, fault, words, monkeypatch
):
    # Two hours on, when the map that is held is no longer that of now.
    folder, moment = str(tmp_path / "market"), [time.time()]
    first = RealMarkets(lambda: session, folder)
    first.look("24h", 20)
    first.stop()
    session.cache.clear()
    server.fault("", fault)
    moment[0] += 2 * 3_600
    monkeypatch.setattr(session, "clock", lambda: moment[0])
    real = RealMarkets(lambda: session, folder, clock=lambda: moment[0])
    look = real.look("24h", 20)
    real.stop()
    assert look.data is not None
    assert look.away.startswith("No exchange")
    assert words in look.away + " ".join(look.problems)
    assert "\n" not in look.away
    assert all(one.endswith(".") and "\n" not in one for one in look.problems)


def test_where_nothing_was_ever_fetched_there_is_a_sentence_and_no_map(tmp_path):
    with open_session(loopback="127.0.0.1:9", per_second=1000) as session:
        real = RealMarkets(lambda: session, str(tmp_path / "none"))
        look = real.look("24h", 20)
        real.stop()
    assert look.data is None
    assert look.away == "No exchange can be reached from here."
    quiet = RealMarkets(lambda: session, str(tmp_path / "none"), offline=True)
    assert quiet.look("24h").data is None
    assert not (tmp_path / "none").exists()


def test_what_a_history_told_again_counts_once_and_the_rest_is_what_was_heard():
    time_ = pd.to_datetime(["2026-01-01T00:00:30", "2026-01-01T00:01:30", "2026-01-01T00:02:30"], utc=True)

    def events(venues):
        return tables.liquidations(
            pd.DataFrame(
                {"time": time_[: len(venues)], "venue": venues, "symbol": "BTC", "side": "long", "price": 1.0,
                 "quantity": 1.0}
            )
        )  # fmt: skip

    from liqcore.feeds.history.market import Market
    from liqcore.service.real import as_dataset

    minute, start = 60_000_000, int(time_[0].floor("min").timestamp() * 1e6)
    bare = Market(
        tables.empty("candles"), tables.empty("open_interest"), tables.empty("funding"), "binance", (), "5m",
        time_[0], time_[2], (), 0,
    )  # fmt: skip
    past = Realised(events(["gate", "gate"]), {"gate": [(start, start + 2 * minute)]})
    heard = Dataset("live", "Live", False, liquidations=events(["gate", "okx", "gate"]))
    made = as_dataset("7d", bare, past, heard)
    assert made.liquidations["venue"].astype(str).tolist() == ["gate", "gate", "okx", "gate"]
    assert made.beats["minute"].tolist() == [start, start + minute]
    # A map drawn before knows these hours as a gap.
    more = replace(past, covered={"gate": [(start, start + 3 * minute)]})
    assert len({as_dataset("7d", bare, one, None).key for one in (past, more)}) == 2


def test_spans_share_what_was_told_until_something_else_is_told(session, tmp_path):
    def told(minute: int) -> Dataset:
        time_ = pd.to_datetime([f"2026-01-01T00:0{minute}:30"], utc=True)
        events = pd.DataFrame(
            {"time": time_, "venue": "okx", "symbol": "BTC", "side": "long", "price": 1.0, "quantity": 1.0}
        )
        beats = pd.DataFrame({"venue": ["okx"], "minute": [60_000_000], "frames": [1], "events": [1]})
        table = tables.liquidations(events)
        return Dataset(f"live:{minute}", "Live", False, liquidations=table, beats=beats)

    collected = [told(1)]
    real = RealMarkets(lambda: session, str(tmp_path / "market"), collected=lambda: collected[0])
    try:
        half, day = (real.look(name, 20).data for name in ("12h", "24h"))
        assert half.liquidations is day.liquidations
        assert half.beats is day.beats
        assert len(day.liquidations) == len(day.beats) == 1
        collected[0] = told(2)
        later = real.look("24h", 20).data
        assert later.liquidations["time"].dt.minute.tolist() == [2]
    finally:
        real.stop()


def test_a_named_day_draws_what_the_archive_told_and_says_where_nothing_is_told(server, session, tmp_path):
    real = RealMarkets(lambda: session, str(tmp_path / "market"))
    day = real.look("2024-08-05", 20).data
    happened = dataset.heatmap(day, ViewSettings(layer="realised", hours=96, timeframe="1h", bins=60))
    assert happened.long.sum() == pytest.approx(700.0 * 24 * 4)
    assert happened.observed.all(), "all the days shown are in the archive"
    assert {venue.completeness for venue in happened.provenance.venues} == {"sampled"}
    assert "Binance COIN-M" in day.made_of
    assert "2024" not in day.made_of, "Practice hides the day"
    assert day.first_layer == "modelled"
    early = real.look("2022-06-18", 20).data
    assert early.liquidations is None
    with pytest.raises(dataset.DataError, match="No public source tells"):
        dataset.heatmap(early, ViewSettings(layer="realised", hours=None, timeframe="1h"))
    real.stop()
    sent = len(server.requests)
    quiet = RealMarkets(lambda: session, str(tmp_path / "market"), offline=True)
    kept = quiet.look("2024-08-05").data
    assert len(kept.liquidations) == len(day.liquidations)
    assert len(server.requests) == sent
    quiet.stop()


def test_the_newest_bar_moves_on_without_an_end_and_the_map_of_before_is_not_shown_for_it():
    from liqcore.feeds.history.market import Market
    from liqcore.service.real import as_dataset

    times = pd.date_range("2026-01-01", periods=30, freq="5min", tz="UTC")
    bars = pd.DataFrame(
        {"time": times, "open": 100.0, "high": 101.0, "low": 99.0, "close": 100.0, "volume": 5.0}
    )

    def fetched(close: float, requests: int) -> Market:
        moved = bars.assign(close=[*bars["close"][:-1], close])
        return Market(
            tables.candles(moved), tables.empty("open_interest"), tables.empty("funding"), "okx", ("okx",),
            "5m", times[0], times[-1], (), requests,
        )  # fmt: skip

    same, asked_again, moved = (
        as_dataset("24h", fetched(*one), None, None) for one in ((100.0, 9), (100.0, 7), (100.5, 7))
    )
    assert same.key_of_prices == asked_again.key_of_prices != moved.key_of_prices
    assert same.key == asked_again.key != moved.key
