"""Rules that watch the live market: the same alerts as a replay, through restarts, and told on the page and
by channels."""

import datetime as dt
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import streamlit
from streamlit.testing.v1 import AppTest

from liqcore import tables
from liqcore.alerts.channels import Channel, QuietHours, Secret
from liqcore.alerts.engine import start, step
from liqcore.alerts.inputs import AlertData
from liqcore.alerts.notify import Notifier
from liqcore.alerts.rules import Condition, Group, Rule
from liqcore.feeds import samples
from liqcore.feeds.live.collector import Collector
from liqcore.feeds.live.store import arrivals, as_rows, open_store
from liqcore.service import watch as alerts_watch
from liqcore.service.watch import Watch

ROOT = Path(__file__).parents[2]
SAMPLE = samples.load_sample("violent")
# Clusters appear half an hour and two hours and a quarter after it, by what was known then.
FIRST = pd.Timestamp("2026-04-15 15:45", tz="UTC")
RULES = (
    Rule(
        "New",
        Group("any", (Condition("cluster appears", side="short"), Condition("cluster appears", side="long"))),
        cool_down="5min",
        tell=("toast", "desk"),
    ),
    Rule(
        "Near",
        Group(
            "any",
            (Condition("price near cluster", side="long"), Condition("price near cluster", side="short")),
        ),
        cool_down="5min",
    ),
)


def micros(moment):
    return int(tables.to_datetime64(moment).astype("int64"))


def between(table, begin, end):
    return table[(table["time"] >= begin) & (table["time"] < end)].reset_index(drop=True)


def fill(store, begin, end):
    """What has arrived and closed between two moments."""
    rows = as_rows(between(SAMPLE.liquidations, begin, end))
    store.add(arrivals(rows, micros(end), "socket"))
    for kind, table, late in (
        ("candles", SAMPLE.candles, "1min"),
        ("open_interest", SAMPLE.open_interest, "0s"),
        ("funding", SAMPLE.funding, "0s"),
    ):
        part = between(table, begin - pd.Timedelta(late), end - pd.Timedelta(late))
        names = part["venue"].astype(str) if "venue" in part else pd.Series("binance", index=part.index)
        for venue, held in part.groupby(names):
            store.put(kind, str(venue), held)


def replay(orders, end):
    """The alerts of RULES, as ordered, over the same tables up to a moment."""
    data = AlertData(
        *(
            between(table, FIRST - pd.Timedelta("36h"), end)
            for table in (SAMPLE.liquidations, SAMPLE.candles, SAMPLE.open_interest, SAMPLE.funding)
        )
    )
    begin = start(FIRST.tz_localize(None).to_datetime64() - np.timedelta64(60, "s"))
    return step(RULES, begin, data, end, orders.settings())[1]


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
    fill(store, FIRST - pd.Timedelta("36h"), FIRST)
    orders = alerts_watch.give_orders(store, RULES, "15min", str(FIRST))
    sender = Notifier((Channel("desk", Secret(address), limit=1_000),))
    watch = Watch(lambda collector: 60.0, sender)
    moments = pd.date_range(FIRST, FIRST + pd.Timedelta("4h"), freq="40min")
    for number, moment in enumerate(moments):
        if number:
            fill(store, moments[number - 1], moment)
        if number % 3 == 2:
            # A new process on what the last one left.
            store.close()
            store, watch = at(tmp_path), Watch(watch.poll, sender)
        watch.look(Collector(store, {}), micros(moment))
        assert not alerts_watch.report(store).problem
    found = [one.alert for one in alerts_watch.inbox(store)]
    # The store rounds nothing, so a replay over the same tables is what must come out.
    replayed = replay(orders, moments[-1])
    assert len(replayed) >= 4
    assert sorted((one.id, one.time, one.sentence) for one in found) == sorted(
        (one.id, one.time, one.sentence) for one in replayed
    )
    asked = [one for one in replayed if "desk" in one.tell]
    assert len(bodies) == len(asked) >= 1
    assert sorted(body["message"].split("\n")[0] for body in bodies) == sorted(one.sentence for one in asked)
    store.close()


def test_what_quiet_hours_hold_back_is_sent_once_by_the_next_process(tmp_path, told):
    bodies, address = told
    hour = dt.datetime.now(dt.UTC)
    quiet = QuietHours(f"{hour - dt.timedelta(hours=1):%H:%M}", f"{hour + dt.timedelta(hours=1):%H:%M}")
    store, later = at(tmp_path), FIRST + pd.Timedelta("4h")
    fill(store, FIRST - pd.Timedelta("36h"), later)
    alerts_watch.give_orders(store, RULES[:1], "15min", str(FIRST))
    watch = Watch(lambda collector: 60.0, Notifier((Channel("desk", Secret(address), quiet, limit=1_000),)))
    for moment in (FIRST, later, later + pd.Timedelta("1min")):
        watch.look(Collector(store, {}), micros(moment))
    assert not bodies
    store.close()
    store, watch = at(tmp_path), Watch(watch.poll, Notifier((Channel("desk", Secret(address), limit=1_000),)))
    for minute in (2, 3):
        watch.look(Collector(store, {}), micros(later + pd.Timedelta(minutes=minute)))
    held = alerts_watch.inbox(store)
    assert held
    assert sorted(body["message"].split("\n")[0] for body in bodies) == sorted(
        one.alert.sentence for one in held
    )
    store.close()


def test_what_fails_is_reported_and_ends_nothing(tmp_path):
    store = at(tmp_path)
    fill(store, FIRST - pd.Timedelta("36h"), FIRST)
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
    assert (
        "cannot be read" in alerts_watch.report(store).problem
        or "could not be judged" in alerts_watch.report(store).problem
    )
    store.set_note(alerts_watch.STATE, "")
    watch.look(collector, micros(later) + 120_000_000)
    assert not alerts_watch.report(store).problem
    alerts_watch.mark(
        store, [one.__class__(one.alert, acknowledged=True) for one in alerts_watch.inbox(store)[:1]]
    )
    assert [one.acknowledged for one in alerts_watch.inbox(store)].count(True) == 1
    alerts_watch.stop(store)
    held = alerts_watch.report(store)
    watch.look(collector, micros(later) + 3_600_000_000)
    assert alerts_watch.report(store) == held
    assert len(alerts_watch.inbox(store)) == report.told
    store.close()


def opened(**query):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.switch_page("pages/alerts.py")
    for name, value in query.items():
        app.query_params[name] = value
    app.session_state["_framed"] = False
    return app


def words(app):
    return " ".join(
        part.value
        for part in (*app.markdown, *app.caption, *app.info, *app.warning, *app.error, *app.success)
    )


def press(app, start):
    next(button for button in app.button if button.label.startswith(start)).click().run()
    assert not app.exception


@pytest.fixture
def at_home(tmp_path, monkeypatch):
    """A store and a folder of this test's own, on a computer that serves nobody else."""
    monkeypatch.setenv("HEATLAB_STORE", f"sqlite:///{tmp_path / 'store.sqlite'}")
    monkeypatch.setenv("HEATLAB_FOLDER", str(tmp_path))
    monkeypatch.setenv("HEATLAB_HOSTED", "0")
    streamlit.cache_resource.clear()
    yield tmp_path
    streamlit.cache_resource.clear()


def test_a_visitor_lets_rules_watch_sees_what_they_told_and_stops_them(at_home):
    store = at(at_home)
    fill(store, FIRST - pd.Timedelta("36h"), FIRST + pd.Timedelta("4h"))
    alerts_watch.give_orders(store, RULES[:1], "15min", str(FIRST))
    for moment in (FIRST, FIRST + pd.Timedelta("4h")):
        Watch(lambda collector: 60.0).look(Collector(store, {}), micros(moment))
    told = alerts_watch.inbox(store)
    alerts_watch.stop(store)
    assert told
    app = opened(pane="rules")
    app.session_state["alerts_rules"] = RULES[1:]
    app.run()
    assert "judged once a minute" in words(app)
    press(app, "Watch live with 1 rule")
    assert "**1 rule** watches the live market" in words(app)
    assert (at_home / "rules-watch-live").exists()
    # Somebody else, later: the inbox of before is there, and what is done to it stays done.
    other = opened(pane="inbox").run()
    assert not other.exception
    assert told[0].alert.sentence.split(".")[0][:30] in words(other).replace("\\", "")
    press(other, "Acknowledge")
    assert all(one.acknowledged for one in alerts_watch.inbox(store))
    alerts_watch.Watch(lambda collector: 60.0).look(Collector(store, {}), round(time.time() * 1e6))
    later = opened(pane="rules").run()
    assert not later.exception
    assert "watches the live market" in words(later)
    assert "Last look" in words(later)
    press(app, "Stop watching")
    assert alerts_watch.orders(store) is None
    assert not (at_home / "rules-watch-live").exists()
    store.close()


def test_on_a_hosted_app_only_the_owner_lets_rules_watch(at_home, monkeypatch):
    monkeypatch.setenv("HEATLAB_HOSTED", "1")
    (at_home / "rules-watch-live").touch()
    app = opened(pane="rules")
    app.session_state["alerts_rules"] = RULES
    app.run()
    assert "only its owner lets rules watch live" in words(app)
    assert not [button for button in app.button if "atch" in button.label]


def test_inbox_and_rules_are_there_without_a_market(at_home):
    app = opened(pane="rules", data="Your own files")
    app.session_state["alerts_rules"] = RULES
    app.run()
    assert not app.exception
    assert "New" in words(app)
    app = opened(pane="inbox", data="Your own files").run()
    assert "Nothing has been told yet." in words(app)


def test_events_that_come_too_late_for_any_rule_are_counted(tmp_path):
    store = at(tmp_path)
    fill(store, FIRST - pd.Timedelta("36h"), FIRST)
    alerts_watch.give_orders(store, RULES, "15min", str(FIRST))
    watch = Watch(lambda collector: 60.0)
    for minutes in (0, 40, 80):
        watch.look(Collector(store, {}), micros(FIRST + pd.Timedelta(minutes=minutes)))
    assert alerts_watch.report(store).too_late == 0
    event = between(SAMPLE.liquidations, FIRST + pd.Timedelta("20min"), FIRST + pd.Timedelta("40min")).iloc[
        [0]
    ]
    store.add(arrivals(as_rows(event), micros(FIRST + pd.Timedelta("100min")), "socket"))
    for _ in range(2):
        watch.look(Collector(store, {}), micros(FIRST + pd.Timedelta("120min")))
        assert alerts_watch.report(store).too_late == 1
