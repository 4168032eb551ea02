"""A span of the real market through the stand-in: whole, in few requests, and with any source in trouble."""

import threading
import time

import numpy as np
import pandas as pd
import pytest

from liqcore.feeds.history.market import market
from liqcore.feeds.history.partitions import Partitions
from liqcore.feeds.history.presets import NAMED_DAYS, PRESETS, preset_for
from liqcore.feeds.rest.session import open_session
from tests.loopback import truth
from tests.loopback.server import VenueServer

MOST = {"12h": 8, "24h": 8, "3d": 25, "7d": 25, "14d": 25, "30d": 25, "90d": 60, "180d": 60, "1y": 60}
# Three spans stand for the rest, which `make slow` walks too.
BUDGETS = [
    pytest.param(name, MOST[name], marks=() if name in ("24h", "30d", "1y") else pytest.mark.slow)
    for name in PRESETS
]


@pytest.fixture(scope="module")
def server():
    with VenueServer() as made:
        yield made


@pytest.fixture
def session(server, monkeypatch):
    monkeypatch.setattr(truth, "NOW", int(time.time()) * 1000)
    server.clear()
    made = open_session(loopback=server.address, per_second=1000)
    yield made
    made.shut()


def now():
    return pd.Timestamp(truth.NOW, unit="ms", tz="UTC")


def asked(session, folder, name="24h", **more):
    preset = PRESETS[name]
    return market(
        now() - pd.Timedelta(hours=preset.hours),
        now(),
        preset.step,
        session,
        Partitions(str(folder)),
        lead=preset.lead,
        **more,
    )


@pytest.mark.parametrize(("name", "most"), BUDGETS)
def test_every_preset_comes_whole_within_its_requests_and_a_second_look_asks_for_the_newest_only(
    server, session, tmp_path, name, most
):
    found = asked(session, tmp_path, name)
    assert found.requests == len(server.requests) <= most
    assert found.complete == 1.0
    assert found.reference == "binance"
    assert found.problems == ()
    step = pd.Timedelta(found.step)
    assert (found.candles["time"].diff().dropna() == step).all()
    lead = found.start - found.candles["time"].iloc[0]
    assert abs(lead - pd.Timedelta(hours=PRESETS[name].lead)) < 2 * step
    assert {"binance", "bybit", "gate"} <= set(found.open_interest["venue"].astype(str))
    assert now() - found.as_of < step
    server.clear()
    again = asked(session, tmp_path, name)
    assert len(server.requests) <= 1
    settled = found.candles[found.candles["time"] + step <= now()]
    pd.testing.assert_frame_equal(
        again.candles.iloc[: len(settled)][["time", "close"]], settled[["time", "close"]]
    )


def test_a_venue_that_refuses_is_named_and_the_next_one_gives_the_prices(server, session, tmp_path):
    server.fault("fapi.binance", "451")
    found = asked(session, tmp_path)
    assert found.reference == "bybit"
    assert found.complete == 1.0
    assert any("Binance USD-M refuses requests from the country" in words for words in found.problems)
    # After the first no nothing more is asked of it.
    assert server.count("fapi.binance") <= 3


def test_where_the_first_venue_refuses_a_long_past_comes_from_its_archive(server, session, tmp_path):
    server.fault("fapi.binance", "451")
    start = now().floor("D") - pd.Timedelta(days=90)
    found = market(start, start + pd.Timedelta(days=2), "1h", session, Partitions(str(tmp_path)))
    assert found.reference == "binance"
    assert found.complete == 1.0
    assert server.count("data.binance.vision") > 0


def test_a_named_day_brings_bars_and_open_interest_of_its_time(server, session, tmp_path):
    start, end = NAMED_DAYS["2024-08-05"].span
    found = market(start, end, "5m", session, Partitions(str(tmp_path)), lead=24)
    assert found.complete == 1.0
    binance = found.open_interest[found.open_interest["venue"] == "binance"]
    assert len(binance) == 288 * 5
    server.clear()
    market(start, end, "5m", session, Partitions(str(tmp_path)), lead=24)
    assert not server.requests


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("bad-checksum", "not what its checksum says"),
        ("truncated", "checksum"),
        ("missing-file", None),
        ("429", "pause of 7 s"),
    ],
)
def test_a_fault_of_the_archive_costs_its_own_rows_and_is_one_sentence(
    server, session, tmp_path, fault, words
):
    start, end = NAMED_DAYS["2024-08-05"].span
    server.fault("data.binance.vision", fault)
    found = market(start, end, "5m", session, Partitions(str(tmp_path)), lead=24)
    assert found.complete == 1.0
    said = [one for one in found.problems if words and words in one]
    assert len(said) == (words is not None)
    assert "binance" not in set(found.open_interest["venue"].astype(str))
    # What was at fault is asked again; a file that is not there is left alone for a while.
    server.clear()
    session.resume()
    again = market(start, end, "5m", session, Partitions(str(tmp_path)), lead=24)
    whole = len(again.open_interest[again.open_interest["venue"] == "binance"])
    assert whole == (0 if fault == "missing-file" else 288 * 5)
    assert again.problems == ()


@pytest.mark.parametrize(
    "fault",
    [
        "451",
        "html",
        "wrong-types",
        *(pytest.param(one, marks=pytest.mark.slow) for one in ("429", "500", "truncated", "empty")),
    ],
)
def test_with_every_source_in_trouble_what_is_held_stays_and_each_trouble_is_a_sentence(
    server, session, tmp_path, fault
):
    whole = asked(session, tmp_path)
    session.cache.clear()
    server.fault("", fault)
    later = market(
        whole.start, now(), "5m", session, Partitions(str(tmp_path)), lead=PRESETS["24h"].lead + 30
    )
    assert len(later.candles) >= len(whole.candles) - 1
    assert all(words.endswith(".") and "\n" not in words for words in later.problems)
    fresh = asked(session, tmp_path / "empty")
    assert fresh.candles.empty
    assert fresh.reference == ""
    assert fresh.problems or fault == "empty"


def test_no_network_is_said_at_once(tmp_path):
    with open_session(loopback="127.0.0.1:9", per_second=1000) as session:
        begun = time.perf_counter()
        found = market("2026-03-01", "2026-03-02", "5m", session, Partitions(str(tmp_path)))
        assert time.perf_counter() - begun < 8
    assert found.candles.empty
    assert any("cannot be reached" in words for words in found.problems)


def test_a_fetch_that_is_stopped_keeps_what_came_and_goes_on_from_there(server, session, tmp_path):
    stop = threading.Event()
    shares = []

    def progress(share, words):
        shares.append(share)
        assert words
        if len(shares) == 6:
            stop.set()

    part = asked(session, tmp_path, "1y", progress=progress, stop=stop)
    assert part.stopped
    sent = len(server.requests)
    server.clear()
    whole = asked(session, tmp_path, "1y")
    assert whole.complete == 1.0
    assert len(server.requests) + sent <= 60 + 8
    assert all(0 < share <= 1 for share in shares)


def test_a_full_disk_costs_the_memory_of_it_and_not_the_map(server, session, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("liqcore.feeds.history.partitions.pq.write_table", full)
    found = asked(session, tmp_path)
    assert found.complete == 1.0
    assert any("cannot be kept on this disk" in words for words in found.problems)


def test_a_hole_in_what_a_venue_tells_stays_a_hole(server, session, tmp_path, monkeypatch):
    from tests.feeds.venues import test_binance

    rest = test_binance._usd
    gone = range(truth.NOW - 5 * 3_600_000, truth.NOW - 3 * 3_600_000)

    def holed(events, path, query):
        found = rest(events, path, query)
        return [row for row in found if row[0] not in gone] if path.endswith("/klines") else found

    from tests.loopback import server as loopback

    monkeypatch.setitem(loopback.HOSTS, "fapi.binance.com", holed)
    found = asked(session, tmp_path)
    assert found.complete == pytest.approx(1 - 24 / 288, abs=0.005)
    gaps = found.candles["time"].diff().dropna()
    assert gaps.max() == pd.Timedelta(hours=2) + pd.Timedelta(minutes=5)


def test_presets_cover_what_is_asked():
    assert [preset_for(hours).name for hours in (6, 24, 25, 700, 10_000)] == ["12h", "24h", "3d", "30d", "1y"]
    for day in NAMED_DAYS.values():
        assert day.span[1] - day.span[0] == np.timedelta64(96, "h")
