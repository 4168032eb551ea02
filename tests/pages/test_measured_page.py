"""Measured positions on the pages: the layer, a model held against them, churn, and the visitor's own
account."""

import logging

import pandas as pd
import pytest
from test_pages import open_page, words

from liqcore.feeds import samples
from liqcore.heat.snapshots import Snapshot
from liqcore.risk.account import Leg, cross_liquidation
from liqcore.service.census import Census
from tests.heat.census import MARK, census
from tests.maps import charts

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
    assert any("Turn the sweep on" in item.value or "are needed" in item.value for item in app.info)


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


def test_churn_tells_what_became_of_the_positions(swept):
    app = open_page("compare.py", view="churn")
    assert not app.exception
    assert not app.error
    assert "were held" in words(app)
    assert len(charts(app)) == 1


def test_the_layer_is_off_until_it_is_turned_on_and_then_says_what_it_is(swept):
    app = open_page("explore.py", layer="modelled")
    before = len(charts(app))
    app.toggle(key="measured").set_value(True).run()
    assert not app.exception
    assert not app.error
    assert len(charts(app)) == before + 1
    assert "Measured positions, Hyperliquid" in words(app)
    assert any("synthetic sample market" in item.value for item in app.warning)


def test_the_live_page_has_the_layer_too(swept):
    app = open_page("live.py", measured="true")
    assert not app.exception
    assert app.toggle(key="measured").value is True


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


def test_nonsense_for_an_address_is_told():
    app = open_page("compare.py", view="position", myfrom="address")
    app.text_input(key="my_address").set_value("my wallet").run()
    assert any("40 digits" in item.value for item in app.warning)
