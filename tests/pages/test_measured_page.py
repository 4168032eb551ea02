"""Measured positions on the pages: the layer, a model held against them, churn, and the visitor's own
account."""

import logging
from dataclasses import replace
from urllib.parse import parse_qs

import numpy as np
import pandas as pd
import pytest
from test_pages import open_page, words

from liqcore import wording
from liqcore.feeds import samples
from liqcore.heat.snapshots import Snapshot
from liqcore.risk.account import Leg, cross_liquidation
from liqcore.risk.handover import read_zones
from liqcore.service.census import Census
from liqcore.views import loaders, market as live_market
from tests.feeds.loopback_session import loopback
from tests.heat.census import MARK, census
from tests.loopback.accounts import HOLDERS, accounts
from tests.maps import charts, maps

RATE = 0.0125
ADDRESS = "0x" + "5e" * 20


def snapshot(at: pd.Timestamp, price: float, seed: int) -> Snapshot:
    held = census(1_000, seed, at)
    for name in ("entry", "liquidation_price", "notional"):
        held[name] *= price / MARK
    btc = float(held.loc[held["side"] == "long", "quantity"].sum())
    return Snapshot(
        at.tz_localize(None).to_datetime64(), "hyperliquid", held, 2 * btc, price, 1_200, 1_190, 10, 4
    )


@pytest.fixture
def swept(monkeypatch):
    """Two snapshots in the time of the sample market."""
    candles = samples.load_sample("violent").candles
    made = [
        snapshot(candles["time"].iloc[place], float(candles["close"].iloc[place]), seed)
        for place, seed in ((-4_000, 1), (-60, 2))
    ]
    monkeypatch.setattr(Census, "snapshots", lambda self, now=None: made)
    return made


@pytest.mark.parametrize("view", ["measured", "churn"])
def test_without_positions_the_views_say_how_to_get_them(view):
    app = open_page("compare.py", view=view)
    assert not app.exception
    assert any("this app can ask" in item.value for item in app.info)


def test_a_model_is_held_against_measured_positions_with_its_coverage(swept):
    app = open_page("compare.py", view="measured")
    assert not app.exception
    assert not app.error
    text = words(app)
    assert "part: 50 % of the open interest" in text
    assert "rank correlation" in text
    table = next(item.value for item in app.dataframe if "Longs, measured" in item.value.columns)
    assert table["Longs, measured"].between(0.001, 1).all()
    assert table["Longs, model"].is_monotonic_increasing
    assert len(charts(app)) == 3
    assert {item.label for item in app.metric} >= {
        "Open interest seen",
        "Longs against shorts, BTC",
        "Without a price",
    }


def test_as_an_aggregator_counts_it_starts_empty_at_the_windows_edge(swept):
    """A longer window holds more; the sliders' model runs on all the history, whatever the window."""

    def mass(aggregator: str, span: str) -> tuple[float, str]:
        app = open_page("compare.py", view="measured", aggregator=aggregator, span=span)
        assert not app.exception
        assert not app.error
        drawn = next(one for one in maps(app) if one.head["key"] == "against-Modelled")
        return float(drawn.usd("long").sum() + drawn.usd("short").sum()), words(app)

    (day, told), (week, _) = mass("true", "1 d"), mass("true", "7 d")
    assert 0 < day < 0.8 * week
    assert "Imitates one recorded map; agrees less with what was liquidated." in told
    assert "starts empty on" in told
    assert mass("false", "1 d")[0] == mass("false", "7 d")[0]
    assert "Imitates" not in mass("false", "1 d")[1]


def test_churn_tells_what_became_of_the_positions(swept):
    app = open_page("compare.py", view="churn")
    assert not app.exception
    assert not app.error
    assert "were held" in words(app)
    assert len(charts(app)) == 1


def head(app) -> dict:
    """What the measured map was told of itself."""
    return next(one.head for one in maps(app) if one.head["key"] == "measured-map")


def test_measured_is_a_kind_of_map_in_explore_with_its_coverage(swept):
    before = open_page("explore.py")
    assert "Measured" in before.segmented_control(key="layer").options
    app = before.segmented_control(key="layer").set_value("measured").run()
    assert not app.exception
    assert not app.error
    assert any("synthetic sample" in item.value for item in app.warning)
    told = head(app)
    assert told["kind"] == "measured"
    assert "part: 50 % of the open interest" in told["title"]
    assert "part: 50 % of the open interest" in told["caption"]
    assert "part" in told["alt"]
    assert any(item.label == "Open interest seen" for item in app.metric)


def test_a_measured_map_lies_on_the_window_of_a_real_market(swept, monkeypatch):
    real = replace(loaders.sample("violent"), key="real", synthetic=False)
    monkeypatch.setattr(loaders, "opened", lambda *arguments: real)
    app = open_page("explore.py", layer="measured", span="1 d", tf="1h")
    assert not app.exception
    assert not app.warning
    told = head(app)
    assert told["shape"][0] in (24, 25)
    assert told["candle_step"] > 0
    # The first snapshot is older than what a snapshot stands for: no data until the second.
    assert told["gaps"]


def test_without_positions_the_kind_says_how_to_get_them():
    app = open_page("explore.py", layer="measured")
    assert not app.exception
    assert any("this app can ask" in item.value for item in app.info)
    assert [item.value for item in app.title] == ["Explore the heatmap"]


def test_the_live_page_has_the_kind_too(swept):
    app = open_page("live.py", livekind="measured")
    assert not app.exception
    assert head(app)["kind"] == "measured"
    assert not [one for one in maps(app) if one.head["key"] == "live-modelled"]


def test_the_live_map_keeps_to_its_window_with_the_price_over_it(swept, monkeypatch):
    real = replace(loaders.sample("violent"), key="real", synthetic=False)
    monkeypatch.setattr(loaders, "real", lambda hours: real)
    app = open_page("live.py", livekind="measured", livespan="12 h", livetf="15m")
    assert not app.exception
    told = head(app)
    assert told["kind"] == "measured"
    assert told["candle_step"] > 0
    assert told["shape"][0] in (48, 49)


def test_a_typed_position_gets_its_price_its_derivation_and_the_heat_before_it(swept):
    app = open_page("compare.py", view="position")
    app.number_input(key="my_entry").set_value(swept[-1].mark_price)
    app.number_input(key="my_mark").set_value(swept[-1].mark_price)
    app.number_input(key="my_margin").set_value(3_000.0).run()
    assert not app.exception
    assert not app.error
    price = swept[-1].mark_price
    told = cross_liquidation(3_000.0, Leg("long", 1.0, price, price))
    shown = next(item.value for item in app.metric if item.label == "Liquidation price")
    assert float(shown.replace("$", "").replace(",", "")) == pytest.approx(told.price, abs=1)
    assert "would be liquidated before it" in words(app)
    assert any("Above maintenance" in str(item.value) for item in app.table)


def test_an_address_is_in_no_link_and_no_log(caplog):
    caplog.set_level(logging.DEBUG)
    app = open_page("compare.py", view="position", myfrom="address")
    app.text_input(key="my_address").set_value(ADDRESS).run()
    next(button for button in app.button if button.label == "Ask Hyperliquid").click().run()
    assert not app.exception
    # Nobody is asked in these tests, so that the attempt ends in a sentence, which must not name it either.
    assert len(app.error) == 1
    told = [str(dict(app.query_params)), caplog.text, *(item.value for item in app.error), words(app)]
    assert not any(ADDRESS[2:].lower() in text.lower() for text in told)


def test_an_account_by_address_gets_its_price_and_the_address_is_at_rest_nowhere(
    swept, monkeypatch, tmp_path, caplog
):
    caplog.set_level(logging.DEBUG)
    known = accounts()
    # Long and cross margined, with a margin that neither has run out nor lasts down to nothing.
    share = known.value[:HOLDERS] / (np.abs(known.size[:HOLDERS]) * MARK)
    number = int(
        np.flatnonzero(known.cross[:HOLDERS] & (known.size[:HOLDERS] > 0) & (share > 0.1) & (share < 0.6))[0]
    )
    mine = known.addresses[number]
    with loopback(tmp_path / "cache") as (server, session):
        monkeypatch.setattr(live_market, "session", lambda: session)
        app = open_page("compare.py", view="position", myfrom="address")
        app.text_input(key="my_address").set_value(mine).run()
        assert server.count("info") == 0, "asked before the button"
        next(button for button in app.button if button.label == "Ask Hyperliquid").click().run()
        assert not app.exception
        assert not app.error
        asked = [query for address, query, _ in server.requests if query.get("user") == mine]
        assert len(asked) == 1
        urls = " ".join(address for address, _, _ in server.requests)
    shown = next(item.value for item in app.metric if item.label == "Liquidation price")
    # Worth and maintenance of one position are equal there: value + q (P - mark) = rate q P.
    size, value = known.size[number], known.value[number]
    price = (size * MARK - value) / (size * (1 - RATE))
    assert shown == wording.price(price)
    link = next(item for item in app.get("page_link") if "Size a position" in item.proto.label)
    asked = parse_qs(link.proto.query_string)
    assert float(asked["entry"][0].replace(",", "")) == pytest.approx(price, abs=1)
    # Found anew: what the page says, what its address says, what it logged, and every byte that it left.
    for text in (urls, str(dict(app.query_params)), caplog.text, words(app), link.proto.query_string):
        assert mine[2:] not in text.lower()
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert left, "the session keeps a cache, which was to be searched"
    for path in left:
        assert mine[2:].encode() not in path.read_bytes().lower(), path.name


def test_the_bands_around_the_level_go_along_to_risk(swept):
    app = open_page("compare.py", view="position")
    price = swept[-1].mark_price
    for key, value in (("my_entry", price), ("my_mark", price), ("my_margin", 6_000.0)):
        app.number_input(key=key).set_value(value)
    app.run()
    assert "fullest measured bands within 5 %" in words(app)
    link = next(item for item in app.get("page_link") if "Size a position" in item.proto.label)
    asked = {name: values[0] for name, values in parse_qs(link.proto.query_string).items()}
    zones, problems = read_zones(asked["zones"])
    assert not problems
    assert zones
    level = float(asked["entry"].replace(",", ""))
    assert all(abs((zone.low + zone.high) / 2 / level - 1) < 0.06 for zone in zones)


def test_nonsense_for_an_address_is_told():
    app = open_page("compare.py", view="position", myfrom="address")
    app.text_input(key="my_address").set_value("my wallet").run()
    assert any("40 digits" in item.value for item in app.warning)
