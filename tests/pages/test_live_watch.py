"""Rules that watch the live market: the same alerts as a replay, through restarts, and told on the page and by channels."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pandas as pd
import pytest

from liqcore import tables
from liqcore.alerts.channels import Channel, Secret
from liqcore.alerts.engine import start, step
from liqcore.alerts.notify import Notifier
from liqcore.alerts.observe import AlertData
from liqcore.alerts.rules import Condition, Group, Rule
from liqcore.feeds import samples
from liqcore.feeds.collector import Collector
from liqcore.feeds.store import arrivals, as_rows, open_store
from liqcore.views import alerts_watch
from liqcore.views.alerts_watch import Watch

SAMPLE = samples.load_sample("violent")
FIRST = SAMPLE.candles["time"].iloc[0] + pd.Timedelta("4D") + pd.Timedelta("12h")
RULES = (
    Rule("New", Group("any", (Condition("cluster appears", side="short"), Condition("cluster appears", side="long"))), cool_down="5min", tell=("toast", "desk")),
    Rule("Near", Group("any", (Condition("price near cluster", side="long"), Condition("price near cluster", side="short"))), cool_down="5min"),
)


def micros(moment):
    return int(tables.to_datetime64(moment).astype("int64"))


def between(table, begin, end):
    return table[(table["time"] >= begin) & (table["time"] < end)].reset_index(drop=True)


def fill(store, begin, end):
    """What has arrived and closed between two moments."""
    rows = as_rows(between(SAMPLE.liquidations, begin, end))
    store.add(arrivals(rows, micros(end), "socket"))
    for kind, table, late in (("candles", SAMPLE.candles, "1min"), ("open_interest", SAMPLE.open_interest, "0s"), ("funding", SAMPLE.funding, "0s")):
        part = between(table, begin - pd.Timedelta(late), end - pd.Timedelta(late))
        names = part["venue"].astype(str) if "venue" in part else pd.Series("binance", index=part.index)
        for venue, held in part.groupby(names):
            store.put(kind, str(venue), held)


def at(tmp_path):
    return open_store(f"sqlite:///{tmp_path / 'store.sqlite'}")


@pytest.fixture
def told():
    """Bodies that a web server on this machine received, and its address."""
    bodies = []

    class Take(BaseHTTPRequestHandler):
        def do_POST(self):
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Take)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield bodies, f"json://127.0.0.1:{server.server_port}/here"
    server.shutdown()
    server.server_close()


def test_the_watch_tells_what_a_replay_tells_through_restarts_and_by_channel(tmp_path, told):
    bodies, address = told
    store = at(tmp_path)
    fill(store, FIRST - pd.Timedelta("10h"), FIRST)
    orders = alerts_watch.give_orders(store, RULES, "15min", str(FIRST))
    sender = Notifier((Channel("desk", Secret(address), limit=1_000),))
    watch = Watch(lambda collector: 60.0, sender)
    moments = pd.date_range(FIRST, FIRST + pd.Timedelta("4h"), freq="20min")
    for number, moment in enumerate(moments):
        if number:
            fill(store, moments[number - 1], moment)
        if number % 5 == 4:
            # A new process on what the last one left.
            store.close()
            store, watch = at(tmp_path), Watch(watch.poll, sender)
        watch.look(Collector(store, {}), micros(moment))
        assert not alerts_watch.report(store).problem
    found = [one.alert for one in alerts_watch.inbox(store)]
    # The store rounds nothing, so a replay over the same tables is what must come out.
    data = AlertData(*(between(table, FIRST - pd.Timedelta("10h"), moments[-1]) for table in (SAMPLE.liquidations, SAMPLE.candles, SAMPLE.open_interest, SAMPLE.funding)))
    _, replayed = step(RULES, start(FIRST.tz_localize(None).to_datetime64() - np.timedelta64(30, "s")), data, moments[-1], orders.settings())
    assert len(replayed) >= 4
    assert sorted((one.id, one.time, one.sentence) for one in found) == sorted((one.id, one.time, one.sentence) for one in replayed)
    asked = [one for one in replayed if "desk" in one.tell]
    assert len(bodies) == len(asked) >= 1
    assert sorted(body["message"].split("\n")[0] for body in bodies) == sorted(one.sentence for one in asked)
    store.close()


def test_what_fails_is_reported_and_ends_nothing(tmp_path):
    store = at(tmp_path)
    fill(store, FIRST - pd.Timedelta("6h"), FIRST)
    alerts_watch.give_orders(store, RULES[:1], "15min", str(FIRST))
    collector = Collector(store, {})
    sender = Notifier((Channel("desk", Secret("json://127.0.0.1:9/closed"), limit=1_000),), attempts=1)
    watch = Watch(lambda collector: 60.0, sender)
    watch.look(collector, micros(FIRST))
    later = FIRST + pd.Timedelta("4h")
    fill(store, FIRST, later)
    watch.look(collector, micros(later))
    report = alerts_watch.report(store)
    assert report.told >= 1
    assert report.undelivered
    assert "closed" not in "".join(report.undelivered)
    store.set_note(alerts_watch.STATE, "no state")
    watch.look(collector, micros(later) + 60_000_000)
    assert "cannot be read" in alerts_watch.report(store).problem or "could not be judged" in alerts_watch.report(store).problem
    store.set_note(alerts_watch.STATE, "")
    watch.look(collector, micros(later) + 120_000_000)
    assert not alerts_watch.report(store).problem
    alerts_watch.mark(store, [one.__class__(one.alert, acknowledged=True) for one in alerts_watch.inbox(store)[:1]])
    assert [one.acknowledged for one in alerts_watch.inbox(store)].count(True) == 1
    alerts_watch.stop(store)
    held = alerts_watch.report(store)
    watch.look(collector, micros(later) + 3_600_000_000)
    assert alerts_watch.report(store) == held
    assert len(alerts_watch.inbox(store)) == report.told
    store.close()
