"""A data set of one's own: recorded without the app, written by days, opened again, merged with another's."""

import json
import threading
import time

import numpy as np
import pandas as pd
import pytest

import liqcore as lq
from liqcore.feeds.history.recording import read_market, write_day
from liqcore.feeds.live.store import arrivals, open_store
from liqcore.feeds.venues.rows import LiquidationRow
from liqcore.service.app import Owner
from liqcore.service.recorder import record, state_folder
from tests.loopback import truth
from tests.loopback.server import VenueServer
from tests.loopback.truth import Event, made_events

MINUTE = 60_000_000
DAY = np.datetime64("2026-03-01")
NOON = int(np.datetime64("2026-03-01T12:00", "us").astype("int64"))


def row(second, venue="gate", price=50_000.0):
    return LiquidationRow(
        NOON + second * 1_000_000, venue, "BTC_USDT", "long", price, 0.5, price * 0.5, "fill", "all"
    )


def store_of(tmp_path, name, rows, minutes):
    store = open_store(f"sqlite:///{tmp_path / name}.sqlite")
    beats = {("gate", NOON + minute * MINUTE): (1, 0) for minute in minutes}
    store.add(arrivals(rows, NOON + 3_600_000_000, "socket"), beats)
    return store


def test_a_day_is_written_with_its_gaps_and_recorders_merge_without_doubles(tmp_path):
    # One recorder heard both of two equal events, the other only one of them, and one of its own.
    one = store_of(tmp_path, "one", [row(1), row(1), row(70)], [0, 1, 5])
    other = store_of(tmp_path, "other", [row(1), row(130)], [0, 1, 2])
    now = NOON + 6 * MINUTE
    manifest = write_day(one, str(tmp_path / "a"), DAY, now)
    write_day(other, str(tmp_path / "b"), DAY, now)
    assert manifest["rows"]["liquidations"] == {"gate": 3}
    assert ["2026-03-01T12:02:00Z", "2026-03-01T12:05:00Z"] in manifest["gaps"]["gate"]
    assert not manifest["whole"]
    assert json.loads((tmp_path / "a" / "manifests" / "2026-03-01.json").read_text()) == manifest
    # Written again as the day fills, nothing doubles.
    write_day(one, str(tmp_path / "a"), DAY, now)
    assert len(read_market(tmp_path / "a").liquidations) == 3
    both = lq.read_market([tmp_path / "a", tmp_path / "b"])
    seconds = (both.liquidations["time"] - pd.Timestamp(NOON, unit="us", tz="UTC")).dt.total_seconds()
    assert seconds.tolist() == [1, 1, 70, 130]
    part = read_market(tmp_path / "a", start="2026-03-01T12:01:00")
    assert len(part.liquidations) == 1
    assert len(both.manifests) == 2
    with pytest.raises(lq.TableError, match="Nothing is recorded"):
        read_market(tmp_path / "nothing")
    for store in (one, other):
        store.close()


def test_the_recorder_hears_and_asks_and_writes_without_the_app(tmp_path, monkeypatch):
    monkeypatch.setattr(truth, "NOW", int(time.time()) * 1000)
    out, told, stop = str(tmp_path / "set"), [], threading.Event()
    with VenueServer(made_events(60, hours=2)) as server:
        server.open_sockets()
        owner = Owner(folder=tmp_path, loopback=server.address)
        thread = threading.Thread(
            target=record,
            args=(out, owner, state_folder(out)),
            kwargs={"every": 1.0, "stop": stop, "tell": told.append},
        )
        thread.start()
        end = time.monotonic() + 60
        while time.monotonic() < end and not (
            "bybit" in str(server.sockets.sent) or (server.handshakes and len(told) > 1)
        ):
            time.sleep(0.1)
        now = int(time.time()) * 1000
        mine = Event(now, "short", 51_234.0, 0.7)
        server.publish("bybit", [mine]).result(10)
        while time.monotonic() < end:
            with_it = [] if not told else read_market(out).liquidations["price"].tolist()
            if mine.price in with_it and len(read_market(out).candles):
                break
            time.sleep(0.5)
        stop.set()
        thread.join(30)
    found = read_market(out)
    assert not thread.is_alive()
    assert (found.liquidations["price"] == mine.price).sum() == 1
    assert len(found.candles) > 100
    assert len(found.open_interest)
    assert found.manifests[-1]["rows"]["liquidations"]
    assert "liquidations of" in told[-1]
