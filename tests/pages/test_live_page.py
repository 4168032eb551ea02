"""The live and sources pages: without a network, on a replay, and on a stand-in that plays every venue."""

import threading
import time

import pytest
import streamlit as st
from test_pages import open_page, words

from liqcore.feeds.live import figures
from liqcore.feeds.live.collector import Collector
from liqcore.feeds.live.store import Store, arrivals
from liqcore.feeds.venues.registry import VENUES
from liqcore.feeds.venues.rows import LiquidationRow
from liqcore.views import market as live_market
from tests.loopback import truth
from tests.loopback.server import VenueServer
from tests.loopback.truth import Event, made_events
from tests.maps import charts


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """A store of its own, no network but loopback, and no collector left behind."""
    monkeypatch.setenv("HEATLAB_STORE", f"sqlite:///{tmp_path / 'store.sqlite'}")
    monkeypatch.setenv("HEATLAB_HOSTED", "0")
    monkeypatch.delenv("HEATLAB_OFFLINE")
    monkeypatch.setenv("HEATLAB_FOLDER", str(tmp_path))
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()
    end = time.monotonic() + 15
    while (
        left := [thread.name for thread in threading.enumerate() if thread.name.startswith("heatlab")]
    ) and time.monotonic() < end:
        time.sleep(0.1)
    assert not left


def until(app, true, seconds=60.0):
    end = time.monotonic() + seconds
    while not true(app):
        assert time.monotonic() < end, words(app)
        time.sleep(0.3)
        app.run()
        assert not app.exception
    return app


def test_without_a_network_the_page_says_so_and_offers_the_replay():
    app = open_page("live.py")
    begun = time.monotonic()
    until(app, lambda app: any("No venue can be heard" in warning.value for warning in app.warning))
    assert time.monotonic() - begun < 30
    assert "The store holds nothing yet" in words(app)
    assert "**Replay** above" in words(app)

    def table(app):
        return next(frame.value for frame in app.dataframe if "Why" in frame.value)

    until(app, lambda app: set(table(app)["State"]) == {"error"})
    assert len(table(app)) == sum(venue.liquidations for venue in VENUES.values())
    assert table(app)["Why"].str.contains("cannot be reached").all()


def test_the_first_visit_of_any_page_begins_collecting_and_offline_nobody_is_asked(monkeypatch):
    with VenueServer([]) as server:
        server.open_sockets()
        monkeypatch.setenv("HEATLAB_LOOPBACK", server.address)
        monkeypatch.setenv("HEATLAB_OFFLINE", "1")
        app = open_page("start.py")
        assert "HEATLAB_OFFLINE is set" in words(app)
        assert "Exchanges are asked for their public data" not in words(app)
        assert not live_market.app().running
        # The pages that show a collector have one, which asks nobody either.
        app = until(open_page("live.py"), lambda app: "No exchange is asked" in words(app))
        table = next(frame.value for frame in app.dataframe if "Why" in frame.value)
        until(app, lambda app: not app.exception)
        assert set(table["State"]) <= {"off", "error"}
        assert table["Received"].isna().all(), "what was never heard told no 0 events"
        # What nobody listened to is no figure, least of all a 0.
        assert "Nothing was collected before" in words(app)
        assert "Nobody listened" in words(app)
        assert [one.value for one in app.metric if "liquidated" in one.label] == ["not heard"] * 2
        sums = next(frame.value for frame in app.dataframe if "Complete" in frame.value)
        assert set(sums["Longs"]) | set(sums["Shorts"]) == {"not heard"}
        assert sums["Events"].isna().all()
        assert set(sums["Complete"]) == {"nobody listened"}
        assert "$0" not in words(app)
        realised = open_page("live.py", livekind="realised")
        assert any("Nobody listened" in one.value for one in realised.info)
        assert "Nothing was liquidated" not in words(realised)
        app = open_page("sources.py")
        assert "No exchange is asked" in words(app)
        assert "This process collects" not in words(app)
        assert (
            next(frame.value for frame in app.dataframe if "Refuses" in frame.value)["Received"].isna().all()
        )
        app.selectbox(key="testvenue").set_value("okx").run()
        next(button for button in app.button if button.label == "Test it now").click().run()
        assert any("Nobody is asked" in part.value for part in [*app.error, *app.warning]), words(app)
        assert not server.requests
        assert not server.handshakes
        st.cache_resource.clear()
        monkeypatch.delenv("HEATLAB_OFFLINE")
        app = open_page("start.py")
        assert not app.exception
        assert "Exchanges are asked for their public data, which needs no key" in words(app)
        end = time.monotonic() + 30
        while not (server.requests and server.handshakes) and time.monotonic() < end:
            time.sleep(0.1)
        assert server.requests
        assert server.handshakes


def test_a_replay_moves_and_says_that_it_is_synthetic():
    app = open_page("live.py", livefrom="Sample replay", livespeed="600×", livespan="12 h")
    until(
        app, lambda app: any("Last price" in metric.label for metric in app.metric) and len(charts(app)) >= 1
    )
    assert "replay of a synthetic market, 600×" in words(app)
    assert "not a real market" in words(app) or "synthetic" in words(app).lower()

    def clock(app):
        return next(part.value for part in app.caption if "replay of a synthetic market" in part.value)

    first = clock(app)
    time.sleep(1.0)
    assert clock(app.run()) != first
    tables = [frame.value for frame in app.dataframe]
    assert any({"Longs", "Shorts", "Complete"} <= set(frame) for frame in tables)
    assert not app.exception
    # A pause of the picture and a pause of the market.
    app.toggle(key="livepause").set_value(True).run()
    app.select_slider(key="livespeed").set_value(0).run()
    assert "standing still" in words(app)
    app = open_page("live.py", livefrom="Sample replay", livekind="modelled", livespan="12 h")
    assert "Modelled: where open positions" in words(app)
    assert not app.exception


def test_a_stand_in_fills_the_live_page_the_sources_page_and_the_market_of_the_others(monkeypatch):
    now = int(time.time()) * 1_000
    monkeypatch.setattr(truth, "NOW", now)
    with VenueServer(made_events(80, hours=3)) as server:
        server.open_sockets()
        monkeypatch.setenv("HEATLAB_LOOPBACK", server.address)
        server.fault("fstream.binance.com", "451")
        server.fault("fapi.binance.com", "451")
        app = open_page("live.py", livespan="4 h", livetf="5m", livekind="realised")
        until(app, lambda app: "Bybit: live" in words(app) and "Binance: geo-blocked" in words(app))
        fresh = [Event(int(time.time() * 1_000), "short", 50_000.0 + 5 * number, 0.5) for number in range(5)]
        server.events += fresh
        until(app, lambda app: server.sockets.listeners("bybit") and server.sockets.listeners("okx"))
        server.publish("bybit", fresh).result(10)
        until(app, lambda app: any("Bybit" in set(frame.value.get("Venue", ())) for frame in app.dataframe))
        until(app, lambda app: len(charts(app)) >= 1)
        until(app, lambda app: any(metric.label.endswith("old at most") for metric in app.metric))
        moment = int(time.time() * 1_000)
        asked = {"channel": "tickers", "instId": "BTC-USDT-SWAP"}
        told = {"arg": asked, "data": [{"last": "50123.4", "ts": str(moment)}]}
        server.say("okx", told).result(10)
        app = until(app, lambda app: any(metric.value == "$50,123" for metric in app.metric))
        price = next(metric for metric in app.metric if metric.label.startswith("Last price"))
        assert price.label.endswith(" s old"), "a tick says how old the price is, to the second"
        assert "Only a sample" in words(app) or "lower bound" in words(app)
        app = open_page("sources.py")
        assert not app.exception
        table = next(frame.value for frame in app.dataframe if "Refuses" in frame.value).set_index("Source")
        assert table.loc["Bybit", "State"] == "live"
        assert table.loc["Binance USD-M", "State"] == "geo-blocked"
        assert "country" in table.loc["Binance USD-M", "Why"]
        assert table.loc["Bybit", "Received"] == 5
        app.selectbox(key="testvenue").set_value("okx").run()
        next(button for button in app.button if button.label == "Test it now").click().run()
        assert any("liquidations in the last hour" in done.value for done in app.success)
        secret = "never-to-be-seen-4711"
        app.text_input(key="typed-coinalyze_key").set_value(secret).run()
        assert secret not in words(app)
        assert secret not in str(app.query_params)
        assert any("kept for this session only" in part.value for part in app.markdown)
        app = until(
            open_page("explore.py", data="Live: what was collected", span="6 h"),
            lambda app: len(charts(app)) >= 1,
        )
        assert "Source: Live" in words(app)
        assert "synthetic" not in words(app).split("Source: Live")[1][:200].lower()
        app = open_page("compare.py", data="Live: what was collected", span="6 h")
        assert not app.exception
        table = next(frame.value for frame in app.dataframe if "95 % within, s" in frame.value).set_index(
            "Venue"
        )
        assert table.loc["Bybit", "Arrives after, s"] < 5
        assert table.loc["Bybit", "95 % within, s"] < 10


def test_what_visitors_of_one_view_see_is_drawn_once_and_shows_what_another_process_wrote(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("HEATLAB_OFFLINE", "1")
    now = time.time()
    monkeypatch.setattr(Collector, "now", lambda held: round(now * 1e6))
    row = LiquidationRow(
        round(now * 1e6) - 90_000_000, "okx", "X", "long", 50_000.0, 2.0, 100_000.0, "fill", "all"
    )
    other = Store(f"sqlite:///{tmp_path / 'store.sqlite'}")
    minute = row.time // 60_000_000 * 60_000_000
    other.add(arrivals([row], row.time, "socket"), {("okx", minute): (1, 1)})
    drawn = {"totals": 0, "coverage": 0}

    def counted(name, made):
        def count(*given):
            drawn[name] += 1
            return made(*given)

        return count

    for name in drawn:
        monkeypatch.setattr(figures, name, counted(name, getattr(figures, name)))

    def prices(app):
        return [value for frame in app.dataframe for value in frame.value.get("Price", ())]

    first = until(open_page("live.py", livekind="realised"), lambda app: prices(app) == ["$50,000"] * 2)
    # The collector had not read the store's heartbeats at the first looks; then nothing changes any more.
    until(first, lambda app: drawn["coverage"] == 1)
    before = dict(drawn)
    second = open_page("live.py", livekind="realised")
    assert prices(second) == ["$50,000"] * 2
    assert "Green: heard live" in words(second)
    assert drawn == before, "the same view is drawn once for all"
    assert prices(open_page("live.py", livekind="realised", livevenue="Bybit")) == []
    assert drawn["totals"] == before["totals"] + 1
    assert drawn["coverage"] == before["coverage"]
    other.add(arrivals([row._replace(price=60_000.0)], row.time, "socket"))
    for app in (second, first):
        assert "$60,000" in prices(until(app, lambda app: "$60,000" in prices(app)))
    other.close()


def test_a_damaged_store_is_told_and_the_page_goes_on(tmp_path):
    (tmp_path / "store.sqlite").write_bytes(b"no database " * 1_000)
    app = open_page("live.py", livefrom="Live venues")
    assert not app.exception
    assert any("set aside" in warning.value for warning in app.warning)


def test_a_hosted_app_lets_nobody_write_into_its_store(monkeypatch):
    monkeypatch.setenv("HEATLAB_HOSTED", "1")
    app = open_page("sources.py")
    assert not app.exception
    assert "left to whoever runs it" in words(app)
    assert not [button for button in app.button if button.label == "Clear the cache of answers"]


def test_another_source_begins_with_the_map_that_suits_it():
    app = open_page("live.py")
    assert app.segmented_control(key="livekind").value == "modelled"
    app.segmented_control(key="livefrom").set_value("replay").run()
    assert not app.exception
    assert app.segmented_control(key="livekind").value == "realised"
    app.segmented_control(key="livekind").set_value("modelled").run()
    assert app.segmented_control(key="livekind").value == "modelled"
