"""The risk page: numbers as people type them, the gate, what-ifs, and nothing private in the link."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from test_pages import open_page, words

from liqcore.risk import plan_trade
from liqcore.risk.handover import MOST, Zone, plan_link, read_zones, write_zones
from liqcore.risk.luck import simulate_trades
from liqcore.risk.pine import plan_to_pine
from liqcore.risk.plan_data import Plan
from liqcore.risk.what_if import price_drag
from liqcore.service import dataset
from liqcore.views import loaders, market as live_market
from liqcore.views.risk import charts as risk_charts, market as risk_market, what_ifs
from tests.loopback.server import VenueServer
from tests.maps import charts, maps

PARTS = ["Drag the price", "Leverage and stop", "200 trades", "Losing streaks", "Open risks", "Order ticket"]


def metrics(app):
    return {item.label: item.value.replace("\\", "") for item in app.metric}


def test_it_sizes_a_position_without_any_input_and_says_where_the_prices_are_from():
    app = open_page("risk.py")
    assert not app.exception
    assert not app.error
    assert app.success
    assert float(metrics(app)["Quantity, BTC"]) > 0
    assert "synthetic sample market" in words(app)


def test_the_numbers_are_those_of_the_core():
    app = open_page(
        "risk.py",
        entry="$60,000",
        stop="59 400",
        targets="61,200",
        leverage="20x",
        brackets="Own rate",
        fee="0.05",
        slippage="0.02",
        atr="",
        markgap="",
        fundingrate="0",
        hours="0",
    )
    plan = plan_trade(
        "long",
        60_000,
        59_400,
        10_000,
        risk=0.01,
        leverage=20,
        fee_rate=0.0005,
        slippage=0.0002,
        targets=(61_200,),
        maintenance_margin_rate=0.005,
    )
    shown = metrics(app)
    assert shown["Quantity, BTC"] == f"{plan.quantity:.6g}"
    assert shown["Liquidation"] == f"${plan.liquidation_price:,.0f}"
    assert shown["Reward to risk"] == f"{plan.reward_risk:.2f} R"


BAD = [
    ("stop", "30,000", "above the entry"),
    ("stop", "27,999", "entry"),
    ("stop", "", "Stop is empty"),
    ("entry", "moon", "Entry"),
    ("entry", "28.000", "28"),
    ("account", "0", "above zero"),
    ("account", "-5", "above zero"),
    ("account", "1e13", "larger than any venue"),
    ("leverage", "1000", "not offered"),
    ("leverage", "", "Leverage"),
    ("riskpercent", "0", "share of the account"),
    ("riskpercent", "150", "share of the account"),
    ("entry", "€28,000", "euros"),
]


def test_bad_input_gets_a_sentence_and_nothing_typed_is_lost():
    app = open_page("risk.py")
    for field, text, said in BAD:
        good = app.text_input(key=field).value
        app.text_input(key=field).set_value(text).run()
        assert not app.exception, (field, text)
        assert app.error, (field, text)
        assert said.lower() in words(app).lower().replace("\\", ""), (field, text)
        assert app.text_input(key=field).value == text
        assert charts(app), "the last plan, or the rejected one, stays on the page"
        assert "nan" not in " ".join(metrics(app).values()).lower()
        app.text_input(key=field).set_value(good)


def test_an_account_of_a_trillion_gives_a_sentence_or_a_plan_but_no_crash():
    app = open_page("risk.py")
    app.text_input(key="account").set_value("1e12").run()
    assert not app.exception
    assert app.error or app.success


def test_a_stop_beyond_liquidation_is_rejected_with_the_leverage_that_would_pass():
    app = open_page("risk.py", leverage="100", stop="27,000", entry="28,000")
    assert "Rejected" in app.error[0].value
    assert "highest leverage that passes" in app.error[0].value
    assert "not tradable" in words(app)
    app = open_page("risk.py", leverage="100", stop="27,000", entry="28,000", part="Order ticket")
    assert "No order." in app.code[0].value


def test_a_link_cannot_set_account_or_risk():
    app = open_page("risk.py", account="777", riskpercent="3")
    assert app.text_input(key="account").value == "10,000"
    assert app.text_input(key="riskpercent").value == "1"


def test_every_what_if_runs_for_both_directions():
    for number, part in enumerate(PARTS):
        app = open_page("risk.py", part=part, direction=("Long", "Short")[number % 2])
        assert not app.exception, part
        assert not app.error, part
        assert all(len(chart.proto.alt) > 40 for chart in charts(app))


def test_old_numbers_are_marked_and_give_no_ticket():
    app = open_page("risk.py", part="Order ticket")
    assert "Buy limit" in app.code[0].value
    app.text_input(key="stop").set_value("").run()
    assert any("Old numbers" in item.value for item in app.warning)
    assert not app.success
    assert not app.code


def test_turning_the_direction_mirrors_stop_and_targets():
    app = open_page("risk.py", entry="28,000", stop="27,700", targets="28,600; 29,000")
    (
        app.segmented_control(key="direction").set_value("short").run()
        if hasattr(app, "segmented_control")
        else app.button_group(key="direction").set_value(["short"]).run()
    )
    assert not app.exception
    assert app.text_input(key="stop").value == "28,300"
    assert app.text_input(key="targets").value == "27,400; 27,000"
    assert app.success


def test_a_stop_on_the_wrong_side_computes_no_liquidation():
    app = open_page("risk.py", stop="30,000", help="true")
    assert metrics(app)["Liquidation"] == "–"
    assert "cannot be liquidated" not in words(app)


def test_a_handed_over_level_with_clusters_is_drawn_and_broken_parts_are_named():
    zones = write_zones([Zone("long", 27_400, 27_600, 12e6), Zone("short", 28_500, 28_700, 22e6)])
    app = open_page("risk.py", level="28000", zones=zones + ";nonsense", lines="28,400")
    assert app.text_input(key="entry").value == "28,000"
    assert "2 clusters in view" in charts(app)[0].proto.alt
    assert any("nonsense" in item.value for item in app.warning)


def test_only_a_map_that_was_looked_at_is_said_to_show_nothing():
    sample = dataset.of_sample("violent")
    price = dataset.last_price(sample)
    alone = replace(sample, key="candles alone", liquidations=None)
    zones, said = risk_market.clusters(alone, price)
    assert not zones
    assert said.startswith("On the modelled map of")
    assert "neither" not in said
    assert "no other map" in said


def test_zones_survive_the_link_and_nothing_odd_gets_through():
    zones = tuple(Zone("long", 20_000.0 + k, 20_010.0 + k, 1e6 - 1_000 * k) for k in range(MOST))
    back, problems = read_zones(write_zones(zones))
    assert back == zones
    assert not problems
    for text in (
        "1:2:3",
        "a:b:long:c",
        "5:4:long:1",
        "-1:2:short:3",
        "1:2:both:3",
        "1:2:long:-3",
        ":::",
        "nan:2:long:1",
    ):
        assert read_zones(text)[0] == ()
        assert len(read_zones(text)[1]) == 1
    assert len(read_zones(";".join(["1:2:long:3"] * 50))[0]) == MOST


def test_a_shown_plan_can_be_loaded_again_and_drawn_in_pine():
    plan = plan_trade("short", 60_000, 60_600, 10_000, risk=0.01, leverage=5, targets=(58_000,))
    assert Plan.from_json(plan.to_json()) == plan
    pine = plan_to_pine(plan, "2026-03-01 10:00 UTC")
    assert pine.startswith("//@version=6\n")
    assert "accepted" in pine
    assert "10000" not in pine.replace("10,000", "10000"), "the account is not in the script"
    for price in (plan.entry, plan.stop, plan.liquidation_price, 58_000):
        assert f"{price:.2f}" in pine
    assert "REJECTED" in plan_to_pine(plan_trade("long", 60_000, 61_000, 10_000, risk=0.01), "now")


def test_kelly_needs_trades_that_were_not_used_to_find_the_rule():
    app = open_page("risk.py", part="200 trades", kelly="true", wins="55")
    assert any("out-of-sample" in item.value.lower() or "30" in item.value for item in app.error)
    app.number_input(key="measured").set_value(200).run()
    assert not app.error
    assert "quarter" in words(app).lower()


def test_every_mark_of_a_chart_has_rows_to_draw():
    """A layer without data is drawn as nothing at all, so the ruin and zero lines must bring their own
    row."""
    plan = plan_trade("long", 28_000, 27_700, 10_000, risk=0.01, leverage=10, targets=(28_600,))
    runs = simulate_trades(np.random.default_rng(1), win_rate=0.45, reward_risk=2.0, risk=0.01)
    for spec, _ in (risk_charts.fan(runs, 200), risk_charts.drag(price_drag(plan), plan, plan.entry)):
        for layer in spec["layer"]:
            rows = spec["datasets"][layer["data"]["name"]]
            used = {part["field"] for part in layer["encoding"].values() if "field" in part}
            assert len(rows) > 0
            assert used <= set(rows.columns)
    assert risk_charts.fan(runs, 200)[0]["datasets"]["ruin"]["level"].tolist() == [runs.ruin_level]


def quantity(app) -> float:
    return float(next(metric.value for metric in app.metric if metric.label == "Quantity, BTC"))


def test_several_entries_are_averaged_and_a_dearer_exit_makes_the_position_smaller():
    one = open_page(
        "risk.py", entry="60,000", stop="58,000", targets="66,000", leverage="5", brackets="Own rate"
    )
    two = open_page(
        "risk.py",
        entry="60,000",
        entries="59,000",
        stop="58,000",
        targets="66,000",
        leverage="5",
        brackets="Own rate",
    )
    assert not one.exception
    assert not two.exception
    # Half of it stands 1,000 nearer to the stop.
    assert quantity(two) > 1.2 * quantity(one)
    dear = open_page(
        "risk.py",
        entry="60,000",
        stop="58,000",
        targets="66,000",
        leverage="5",
        brackets="Own rate",
        exitfee="1",
    )
    assert quantity(dear) < quantity(one)
    assert any("cannot be read" in error.value for error in open_page("risk.py", entries="soon").error)


def test_what_is_left_of_the_day_decides_over_the_plan():
    app = open_page("risk.py", part="Open risks")
    assert any("This plan passes" in done.value for done in app.success)
    app.number_input(key="losttoday").set_value(290.0).run()
    assert any("daily limit" in error.value and "Rejected" in error.value for error in app.error)
    app.number_input(key="losttoday").set_value(0.0).run()
    assert any("This plan passes" in done.value for done in app.success)


def test_a_level_of_a_link_that_is_none_is_told():
    app = open_page("risk.py", level="soon")
    assert any("level of the link was not used" in warning.value for warning in app.warning)
    assert not app.exception


def test_the_plan_lies_on_the_map_and_a_dragged_line_changes_it():
    from liqcore.views.risk import on_map

    app = open_page("risk.py", onmap="true")
    assert not app.exception
    (shown,) = maps(app)
    drawn = {line["drag"]: line for line in shown.layers["levels"] if line["drag"]}
    assert {"entry", "stop", "target 1", "target 2"} <= set(drawn)
    plan_stop = float(app.text_input(key="stop").value.replace(",", ""))
    assert drawn["stop"]["price"] == plan_stop
    far = open_page("risk.py", onmap="true", entry="99,000", stop="98,000", targets="101,000")
    assert not maps(far)
    assert any("another market" in item.value for item in far.info)
    assert callable(on_map.take)


def test_a_link_carries_a_whole_trade_at_a_level():
    zones = (Zone("long", 27_800, 28_100, 5e6), Zone("short", 29_000, 29_200, 3e6))
    asks = plan_link(28_000, 28_400, 150, zones=zones, lines=(28_500,))
    app = open_page("risk.py", **asks)
    assert not app.exception
    assert app.text_input(key="entry").value == "28,000"
    assert asks["stop"] == "27,762", "beyond the cluster the entry stands in, by a quarter of the ATR"
    assert "direction" not in asks, "what the page starts with anyway would rewrite its address"
    assert read_zones(asks["zones"])[0] == zones
    assert app.text_input(key="lines").value == "28,500"
    above = plan_link(29_000, 28_400, 150)
    assert (above["direction"], above["stop"], above["targets"]) == ("short", "29,150", "28,700; 28,475")
    stopped = plan_link(28_400, 28_400, 150, stop=28_900)
    assert (stopped["direction"], stopped["targets"]) == ("short", "27,400; 26,650")
    aimed = plan_link(28_400, 28_400, 150, target=27_000)
    assert (aimed["direction"], aimed["stop"], aimed["targets"]) == ("short", "28,550", "27,000")


def test_a_link_says_short_and_the_page_starts_with_a_short_plan():
    app = open_page("risk.py", direction="short")
    assert not app.exception
    entry, stop = (float(app.text_input(key=key).value.replace(",", "")) for key in ("entry", "stop"))
    assert stop > entry
    assert app.success


def test_a_percent_field_is_answered_in_per_cent():
    app = open_page("risk.py")
    for field, text in (
        ("fee", "-1"),
        ("fee", "12"),
        ("exitfee", "50"),
        ("slippage", "-0.5"),
        ("slippage", "15"),
        ("fundingrate", "11"),
        ("gap", "99.5"),
        ("riskpercent", "100"),
    ):
        good = app.text_input(key=field).value
        app.text_input(key=field).set_value(text).run()
        said = words(app)
        assert app.error, (field, text)
        assert "fraction" not in said, (field, text)
        assert "Write 1 %" not in said, (field, text)
        app.text_input(key=field).set_value(good)


def test_a_plan_with_a_red_line_in_its_checklist_is_not_green():
    app = open_page("risk.py", entry="28,000", stop="27,700", targets="28,100")
    assert any("Not clean" in item.value for item in app.warning)
    assert not app.success


def test_cross_margin_keeps_the_ladder_to_scale_and_says_where_liquidation_is():
    app = open_page("risk.py", margin="cross", leverage="3", stop="27,990", entry="28,000", targets="28,600")
    assert "is below the picture" in charts(app)[0].proto.alt
    assert "is below the picture" in words(app)


def test_a_size_gives_its_risk_and_a_preset_fills_the_field():
    app = open_page("risk.py", entry="60,000", stop="59,400", targets="61,200", brackets="Own rate")
    pick(app, "riskkind", "size")
    app.text_input(key="quantity").set_value("0.25").run()
    assert quantity(app) == 0.25
    assert metrics(app)["Loss at the stop"] == f"${0.25 * (600 + 30 + 59_400 * 0.0007):,.0f}"
    pick(app, "riskkind", "percent")
    pick(app, "riskpreset", "2")
    assert app.text_input(key="riskpercent").value == "2"


def pick(app, key, value):
    app.button_group(key=key).set_value(value).run()


def test_what_the_library_knows_the_page_asks():
    app = open_page(
        "risk.py",
        entry="60,000.37",
        entries="59,000",
        parts="30; 70",
        targets="66,000",
        stop="58,000",
        brackets="Own rate",
        tick="0.5",
    )
    assert not app.exception
    assert not app.error
    small = open_page("risk.py", entry="60,000", stop="59,400", targets="61,200", smallest="50,000")
    assert any("below the smallest order" in item.value for item in small.error)
    far = open_page(
        "risk.py", entry="60,000", stop="58,000", margin="isolated", leverage="10", brackets="Own rate"
    )
    fee = open_page(
        "risk.py", entry="60,000", stop="58,000", leverage="10", brackets="Own rate", closingfee="0.06"
    )
    before, after = (float(metrics(one)["Liquidation"].strip("$").replace(",", "")) for one in (far, fee))
    assert after > before
    assert metrics(far)["Bankruptcy"] == "$54,000"
    far.text_input(key="added").set_value("100").run()
    assert float(metrics(far)["Liquidation"].strip("$").replace(",", "")) < before
    cross = open_page(
        "risk.py", margin="cross", leverage="50", entry="28,000", stop="27,980", targets="28,300"
    )
    cross.text_input(key="othermargin").set_value("9,900").run()
    assert not cross.exception
    assert quantity(cross) * 28_000 / 50 <= 100


def test_an_account_in_bitcoin_is_worth_its_entry():
    app = open_page("risk.py", entry="60,000", stop="58,000", targets="66,000")
    pick(app, "accountin", "BTC")
    app.text_input(key="accountbtc").set_value("2").run()
    assert not app.exception
    assert "of \\$120" in words(app)


@pytest.fixture
def with_clusters(monkeypatch):
    """The sample as it was fourteen hours before its end, when its map had a cluster of longs below price."""
    whole = loaders.sample("violent")
    end = whole.candles["time"].iloc[-1] - pd.Timedelta("14h")
    cut = {
        name: table[table["time"] < end].reset_index(drop=True)
        for name in ("candles", "liquidations", "open_interest", "funding")
        if (table := getattr(whole, name)) is not None
    }
    then = replace(whole, key="violent, earlier", **cut)
    monkeypatch.setattr(loaders, "sample", lambda name: then)
    return then


def test_the_ladder_shows_the_clusters_of_the_market_at_hand_by_itself(with_clusters):
    app = open_page("risk.py", data="violent", targets="26,400")
    assert "1 cluster in view" in charts(app)[0].proto.alt
    assert "clusters, from the synthetic sample market" in words(app)
    own = open_page("risk.py", zones="27900:28050:short:1200000")
    assert "clusters, from" not in words(own)
    far = open_page("risk.py", entry="99,000", stop="98,000", targets="101,000")
    assert "another market or another time" in words(far)
    assert "0 clusters in view." in charts(far)[0].proto.alt


def test_a_stop_inside_a_cluster_of_the_market_at_hand_is_flagged(with_clusters):
    zones, _ = risk_market.clusters(with_clusters, dataset.last_price(with_clusters))
    (below,) = [zone for zone in zones if zone.side == "long"]
    app = open_page("risk.py", data="violent", stop=f"{(below.low + below.high) / 2:,.1f}", targets="28,000")
    assert any(":material/flag:" in item.value and "cluster" in item.value for item in app.markdown)


def test_a_plan_begins_at_the_market_at_hand_and_a_link_stays_what_it_was():
    price = round(dataset.last_price(loaders.sample("calm")), 1)
    app = open_page("risk.py", data="calm")
    assert float(app.text_input(key="entry").value.replace(",", "")) == price
    start = risk_market.defaults()
    distance = float(app.text_input(key="stop").value.replace(",", "")) / price - 1
    assert abs(distance + start.atr_hour / start.price) < 1e-4
    for asked in ({"level": "26,500"}, {"entry": "26,500"}):
        linked = open_page("risk.py", data="calm", **asked)
        assert linked.text_input(key="entry").value == "26,500"
    app.text_input(key="entry").set_value("27,000").run()
    assert app.text_input(key="entry").value == "27,000"


def test_the_last_price_of_the_market_at_hand_moves_the_plan_and_steps_go_up_and_down():
    app = open_page("risk.py", data="calm", entry="28,000", stop="27,720", targets="28,560")
    price = dataset.last_price(loaders.sample("calm"))
    next(button for button in app.button if button.label == "Use last price").click().run()
    assert not app.exception
    entry, stop = (float(app.text_input(key=key).value.replace(",", "")) for key in ("entry", "stop"))
    assert entry == round(price, 1)
    assert abs(stop / entry - 0.99) < 1e-5
    app.button(key="leverage-up").click().run()
    assert app.text_input(key="leverage").value == "11"
    app.button(key="entry-up").click().run()
    up = float(app.text_input(key="entry").value.replace(",", ""))
    app.button(key="entry-down").click().run()
    down = float(app.text_input(key="entry").value.replace(",", ""))
    assert down < up
    assert up - down == 10
    app.text_input(key="leverage").set_value("ten").run()
    app.button(key="leverage-up").click().run()
    assert app.text_input(key="leverage").value == "ten", "what cannot be read is not thrown away"


def test_funding_is_paid_in_whole_payments():
    app = open_page("risk.py", hours="10", fundinghours="8")
    shown = next(item for item in app.metric if item.label == "Funding")
    assert shown.delta == "2 payments"
    short = open_page("risk.py", direction="short", hours="10", fundinghours="8")
    assert next(item for item in short.metric if item.label == "Funding").delta == "1 payment"


def test_brackets_of_a_venue_are_read_today_and_a_silent_one_leaves_a_rate_to_type(monkeypatch):
    assert "OKX is not asked" in words(open_page("risk.py", brackets="okx"))
    with VenueServer([]) as server:
        monkeypatch.setenv("HEATLAB_LOOPBACK", server.address)
        monkeypatch.delenv("HEATLAB_OFFLINE")
        st.cache_resource.clear()
        try:
            # Midnight may come while the page is drawn.
            days = {str(pd.Timestamp.now(tz="UTC").date())}
            app = open_page("risk.py", data="violent", brackets="okx", help="true")
            days.add(str(pd.Timestamp.now(tz="UTC").date()))
            assert not app.exception
            told = "3 brackets of OKX BTC-USDT-SWAP, read on {}: 0.4 % up to 10 BTC"
            assert any(told.format(day) in words(app) for day in days)
            assert "whole position" in words(app)
            assert "OKX counts the fee of closing" in words(app)
            for venue in ("bybit", "gate", "bitget", "binance"):
                assert "read on" in words(open_page("risk.py", data="violent", brackets=venue)), venue
            coin = open_page("risk.py", data="violent", brackets="binance-coin", contract="inverse")
            assert "BTCUSD_PERP, read on" in words(coin)
            server.fault("www.okx.com", "429")
            st.cache_data.clear()
            live_market.app().session().cache.clear()
            app = open_page("risk.py", data="violent", brackets="okx")
            assert not app.exception
            assert "type the rate of your bracket" in words(app)
            assert app.text_input(key="maintenance").value == "0.5"
        finally:
            st.cache_resource.clear()
            st.cache_data.clear()


def test_a_plan_saved_before_a_field_came_can_still_be_read():
    plan = plan_trade("long", 60_000, 59_400, 10_000, risk=0.01, leverage=5)
    held = json.loads(plan.to_json())
    del held["funding_payments"], held["maintenance_basis"]
    assert Plan.from_json(json.dumps(held)) == plan


@pytest.mark.parametrize("kinds", [("modelled", "realised"), ("realised",), ()])
def test_clusters_are_of_one_kind_which_is_named(monkeypatch, kinds):
    zone = Zone("long", 25_000, 25_100, 1e6)
    monkeypatch.setattr(risk_market, "_zones", lambda data, layer, key: (zone,) if layer in kinds else ())
    zones, said = risk_market.clusters(loaders.sample("violent"), 25_679)
    assert zones == ((zone,) if kinds else ())
    assert said.startswith(
        {"modelled": "Modelled", "realised": "Realised"}[kinds[0]] if kinds else "On neither map"
    )


def test_every_what_if_of_the_plan_as_the_page_opens_is_drawn() -> None:
    for part in what_ifs.PARTS:
        app = open_page("risk.py", data="calm", part=part)
        assert [one.value for one in app.error] == [], part
