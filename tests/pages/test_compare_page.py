"""The compare page: every view on the sample, one venue, and awkward markets."""

import math

import numpy as np
import pandas as pd
import pytest
import streamlit
from test_pages import open_page, words

from liqcore import tables
from liqcore.charts.times import Clock
from liqcore.feeds import files, samples
from liqcore.heat.clusters import track_clusters
from liqcore.heat.realised import realised_heatmap
from liqcore.heat.totals import TotalsBeside
from liqcore.views.compare.keyed import sentence, totals_chart
from tests.loopback.server import VenueServer
from tests.maps import charts

VIEWS = [
    "Side by side",
    "Difference",
    "Agreement",
    "Lag",
    "Without one",
    "Model and record",
    "Another map",
    "Other figures",
]


@pytest.mark.parametrize("layer", ["Realised", "Modelled"])
def test_every_view_runs_and_describes_its_charts(layer):
    # Lag, record and file do not depend on the layer.
    for view in VIEWS if layer == "Realised" else ["Side by side", "Difference", "Agreement", "Without one"]:
        app = open_page("compare.py", view=view, layer=layer)
        assert not app.exception, view
        assert not app.error, view
        assert bool(charts(app)) == ("ther " not in view), view
        assert all(len(chart.proto.alt) > 40 for chart in charts(app))


@pytest.mark.parametrize("layer", ["realised", "modelled"])
def test_agreement_of_modelled_maps_is_not_said_to_make_them_right(layer):
    app = open_page("compare.py", data="violent", view="agreement", layer=layer, help="true")
    said = next(item.value for item in app.markdown if "Agreement is not a forecast" in item.value)
    assert ("can all be wrong in the same way" in said) == (layer == "modelled")
    table = next(item.value for item in app.dataframe if "Shows it" in item.value.columns)
    assert ("Orders there" in table.columns) == (layer == "realised")
    assert "right about" not in said


def test_all_maps_share_one_legend_until_each_has_its_own():
    app = open_page("compare.py")
    assert len(charts(app)) == 6
    assert not any("own legend" in item.value for item in app.warning)
    app.toggle(key="ownscale").set_value(True).run()
    assert any("own legend" in item.value for item in app.warning)


def test_the_table_of_venues_adds_up_with_pandas():
    app = open_page("compare.py", span="All", tf="1h")
    table = next(item.value for item in app.dataframe if "Largest print" in item.value.columns).set_index(
        "Venue"
    )
    events = samples.load_sample("violent").liquidations
    usd = events.groupby(events["venue"].astype(str))["notional"].sum()
    assert table["USD"].to_dict() == pytest.approx(usd.to_dict(), rel=1e-6)
    assert table["Events"].sum() == len(events)
    assert "95 % within, s" not in table, "no column holds nothing"
    assert table.notna().any().all()


def test_the_lag_view_finds_the_venue_that_arrives_late():
    app = open_page("compare.py", view="Lag", span="All", tf="1h")
    assert "seconds after the others, Elm has" in words(app)
    table = app.dataframe[0].value
    assert table["Venue"].iloc[0] == "Elm"
    assert table["Later by, s"].iloc[0] == pytest.approx(90, abs=6)
    app.toggle(key="heard").set_value(False).run()
    assert "pairs of events" in words(app) or "stands out against its mirror image" in words(app)
    assert (app.dataframe[0].value["Later by, s"] == 0).all(), (
        "the times that the venues print are those of the events"
    )


def test_taking_a_venue_away_says_which_clusters_survive():
    held = samples.load_sample("violent")
    grid = realised_heatmap(held.liquidations, "1h", bins=80)
    found = track_clusters(grid, price=held.candles, liquidations=held.liquidations)
    moment = str(max(one.first_seen for one in found.clusters).astype("datetime64[s]"))
    app = open_page(
        "compare.py",
        data="violent",
        view="Without a venue",
        venue="Cedar",
        span="14 d",
        tf="1h",
        until=moment,
    )
    assert "without Cedar" in words(app)


def upload(app, **parts):
    app.file_uploader(key="uploads").set_value(
        [(f"{name}.csv", files.write_table(table, "csv"), "text/csv") for name, table in parts.items()]
    ).run()
    assert not app.exception
    return app


def market(venues=("north", "south"), events=400, flat=False):
    rng = np.random.default_rng(4)
    time = pd.date_range("2026-03-01", periods=600, freq="5min", tz="UTC")
    close = np.full(600, 30_000.0) if flat else 30_000 * np.exp(np.cumsum(rng.normal(0, 0.001, 600)))
    candles = tables.candles(
        pd.DataFrame(
            {
                "time": time,
                "open": close,
                "high": close + (0 if flat else 10),
                "low": close - (0 if flat else 10),
                "close": close,
                "volume": 0.0 if flat else 5.0,
                "taker_buy_volume": 0.0 if flat else 2.0,
            }
        )
    )
    at = np.sort(rng.integers(0, 600, events))
    liquidations = tables.liquidations(
        pd.DataFrame(
            {
                "time": time[at] + pd.to_timedelta(np.arange(events) % 300, unit="s"),
                "venue": rng.choice(venues, events),
                "symbol": "BTCUSDT",
                "side": rng.choice(["long", "short"], events),
                "price": close[at].round(1),
                "quantity": rng.exponential(1, events) + 0.01,
                "price_kind": "fill",
                "completeness": "all",
            }
        )
    )
    return liquidations, candles


def test_one_venue_alone_is_told_that_it_cannot_be_compared():
    liquidations, candles = market(venues=("lone",))
    app = upload(
        open_page("compare.py", data="Your own files", span="All", tf="1h"),
        liquidations=liquidations,
        candles=candles,
    )
    assert any("two venues" in item.value and "lone" in item.value for item in app.info)


@pytest.mark.parametrize("case", ["three events", "other currency", "no overlap", "flat", "day gap"])
def test_awkward_markets_give_a_page_and_a_sentence(case):
    liquidations, candles = market(flat=case == "flat")
    if case == "three events":
        few = market(venues=("tiny",), events=3)[0]
        liquidations = tables.liquidations(pd.concat([liquidations, few]).drop(columns="notional"))
    elif case == "other currency":
        south = (liquidations["venue"] == "south").to_numpy()
        liquidations = tables.liquidations(
            liquidations.drop(columns="notional").assign(
                price=np.where(south, liquidations["price"] * 150, liquidations["price"])
            )
        )
    elif case == "no overlap":
        south = (liquidations["venue"] == "south").to_numpy()
        liquidations = tables.liquidations(
            liquidations.assign(
                time=liquidations["time"].where(~south, liquidations["time"] + pd.Timedelta("9D"))
            )
        )
    elif case == "day gap":
        candles = candles[
            (candles["time"] < "2026-03-01T06:00Z") | (candles["time"] > "2026-03-02T06:00Z")
        ].reset_index(drop=True)
    view, said = {
        "three events": ("Side by side", "too few to judge"),
        "other currency": ("Side by side", "far from the index"),
        "no overlap": ("Agreement", "was left out"),
        "flat": ("Model and record", "nothing can be compared"),
        "day gap": ("Model and record", "prices that were traded"),
    }[case]
    app = upload(
        open_page("compare.py", data="Your own files", view=view, span="All", tf="1h"),
        liquidations=liquidations,
        candles=candles,
    )
    assert said in " ".join([words(app), *(item.value for item in [*app.info, *app.error, *app.warning])])


def test_a_venue_whose_record_stops_early_is_left_out_and_not_counted_as_one_that_disagrees():
    liquidations, candles = market(events=800)
    stops = (liquidations["venue"] == "south") & (
        liquidations["time"] > liquidations["time"].iloc[-1] - pd.Timedelta("1D")
    )
    app = upload(
        open_page("compare.py", data="Your own files", view="Agreement", span="All", tf="1h"),
        liquidations=liquidations[~stops].reset_index(drop=True),
        candles=candles,
    )
    assert app.dataframe[0].value.set_index("Venue")["Counted"].to_dict() == {"north": True, "south": False}
    assert "Cannot say" in words(app)
    assert "was left out" in words(app)


def test_a_level_outside_the_window_is_said():
    app = open_page("compare.py", view="Agreement", level="99000")
    assert not app.exception
    assert any("outside" in item.value for item in app.warning)


def test_an_exported_map_is_compared_with_ours_and_another_file_is_refused():
    app = open_page("explore.py", layer="Modelled")
    from liqcore.service import dataset

    held = samples.load_sample("violent")
    grid = dataset.heatmap(
        dataset.Dataset(
            key="v", label="v", synthetic=True, candles=held.candles, open_interest=held.open_interest
        ),
        dataset.ViewSettings(layer="modelled"),
    )
    app = open_page("compare.py", view="Against another map")
    app.file_uploader(key="otherfile").set_value(
        ("map.json", files.write_grid(grid, "json"), "application/json")
    ).run()
    assert not app.exception
    assert "hottest bands are hot in ours too" in words(app)
    app.file_uploader(key="otherfile").set_value(("map.json", b"[1, 2", "application/json")).run()
    assert not app.exception
    assert app.error


def test_an_aggregators_map_comes_by_key_and_the_key_stays_secret(monkeypatch):
    secret = "my-own-key-4711"
    with VenueServer([]) as server:
        monkeypatch.setenv("HEATLAB_LOOPBACK", server.address)
        monkeypatch.setenv("COINGLASS_KEY", "")
        monkeypatch.delenv("HEATLAB_OFFLINE")
        streamlit.cache_resource.clear()
        _, candles = market()
        dear = candles.assign(**{name: candles[name] * 5 / 3 for name in ("open", "high", "low", "close")})
        app = upload(
            open_page(
                "compare.py",
                data="Your own files",
                view="Against another map",
                otherfrom="By key, from an aggregator",
                span="All",
                tf="1h",
            ),
            candles=dear,
        )
        assert next(button for button in app.button if button.label == "Fetch now").disabled
        app.text_input(key="typed-coinglass_key").set_value(secret).run()
        assert server.count("coinglass") == 0, "nothing is asked before the button"
        next(button for button in app.button if button.label == "Fetch now").click().run()
        assert not app.exception
        assert "CoinGlass, model 1, fetched" in words(app)
        assert len(charts(app)) == 2
        server.fault("open-api-v4.coinglass.com", "429")
        app.selectbox(key="othermap").set_value("CoinGlass, model 2").run()
        next(button for button in app.button if button.label == "Fetch now").click().run()
        assert not app.exception
        assert app.error
        assert "CoinGlass, model 1, fetched" in words(app), "what was held stays"
        assert secret not in words(app) + str(app.query_params) + " ".join(item.value for item in app.error)
    streamlit.cache_resource.clear()


def test_a_keyed_sources_totals_open_interest_and_funding_stand_beside_ours(monkeypatch):
    secret = "my-own-key-4711"
    with VenueServer([]) as server:
        monkeypatch.setenv("HEATLAB_LOOPBACK", server.address)
        monkeypatch.setenv("COINALYZE_KEY", "")
        monkeypatch.delenv("HEATLAB_OFFLINE")
        streamlit.cache_resource.clear()
        app = open_page("compare.py", data="violent", view="Against other figures", span="All", tf="1h")
        assert next(button for button in app.button if button.label == "Fetch now").disabled
        app.text_input(key="typed-coinalyze_key").set_value(secret).run()
        assert server.count("coinalyze") == 0, "nothing is asked before the button"
        next(button for button in app.button if button.label == "Fetch now").click().run()
        assert not app.exception
        said = words(app)
        for part in (
            "Coinalyze: Binance's BTCUSDT contract, fetched",
            "Newest: Coinalyze 2.5 BTC",
            "No full hour of Coinalyze's totals lies within the liquidations of this market",
            "The market above is invented",
        ):
            assert part in said, part
        assert app.dataframe[-1].value["Source"].iloc[0] == "Coinalyze"
        server.fault("api.coinalyze.net", "429")
        next(button for button in app.button if button.label == "Fetch now").click().run()
        assert app.error
        assert "Newest: Coinalyze" in words(app), "what was held stays"
        assert secret not in words(app) + str(app.query_params) + " ".join(item.value for item in app.error)
    streamlit.cache_resource.clear()


@pytest.mark.real_data
def test_recorded_events_of_a_venue_and_totals_of_others_are_compared(real_data):
    folder = real_data / "J_2026-03_04_pacifica"
    names = ["candles_perp_15m.parquet", "liq_events_pacifica.parquet", "coinglass_30m.parquet"]
    app = open_page("compare.py", data="Your own files", span="All", tf="4h")
    app.file_uploader(key="uploads").set_value(
        [(name, (folder / name).read_bytes(), "application/octet-stream") for name in names]
    ).run()
    assert not app.exception
    assert len(charts(app)) == 3
    table = next(item.value for item in app.dataframe if "Largest print" in item.value.columns).set_index(
        "Venue"
    )
    raw = pd.read_parquet(folder / names[1])
    usd = (raw["price"].astype(float) * raw["qty"].astype(float)).sum()
    assert table.loc["pacifica", "Events"] == len(raw)
    assert table.loc["pacifica", "USD"] == pytest.approx(usd, rel=1e-6)
    for view in ("Agreement", "Model and record"):
        app = open_page("compare.py", data="Your own files", span="All", tf="4h", view=view)
        app.file_uploader(key="uploads").set_value(
            [(name, (folder / name).read_bytes(), "application/octet-stream") for name in names]
        ).run()
        assert not app.exception, view
        assert charts(app), view


@pytest.mark.real_data
def test_seven_recorded_venues_add_up(real_data):
    folder = real_data / "B_2023-02_06_btc28k"
    names = ["candles_perp_5m.parquet", "liq_daily_by_exchange.parquet"]
    app = open_page("compare.py", data="Your own files", span="All", tf="1d")
    app.file_uploader(key="uploads").set_value(
        [(name, (folder / name).read_bytes(), "application/octet-stream") for name in names]
    ).run()
    assert not app.exception
    assert len(charts(app)) == 8, "seven venues and their sum"
    table = next(item.value for item in app.dataframe if "Largest print" in item.value.columns).set_index(
        "Venue"
    )
    raw = pd.read_parquet(folder / names[1])
    columns = [name for name in raw if name.endswith(("_long", "_short"))]
    of = [name.split(" - ")[1].rsplit("_", 1)[0].lower().replace("huobi", "htx") for name in columns]
    total = raw[columns].sum().groupby(of).sum()
    assert table["USD"].rename(str.lower).sort_index().to_dict() == pytest.approx(
        total.sort_index().to_dict(), rel=1e-6
    )


@pytest.mark.parametrize(
    ("ours", "said"),
    [
        (5.0, "50 % of it"),
        (19.0, "190 % of it"),
        (35.0, "3.5 times as much"),
        (2e9, "over 1,000 times as much"),
    ],
)
def test_more_than_another_counts_is_said_in_times(ours, said):
    told = TotalsBeside(pd.DataFrame({"time": range(4)}), ours, 10.0, correlation=math.nan)
    assert said in sentence(told, "Coinalyze")


def test_ours_and_theirs_are_drawn_on_one_scale():
    times = pd.to_datetime(["2024-03-01 00:00", "2024-03-01 00:00", "2024-03-01 01:00"])
    told = {"side": ["long", "short", "long"], "ours": [2.0, 1.0, 0.0], "theirs": [3.0, 4.0, 1.0]}
    frame = pd.DataFrame({"time": times, **told})
    for column in ("ours", "theirs"):
        drawn = totals_chart(frame, column, "Coinalyze", Clock()).to_dict()
        ((rows),) = drawn["datasets"].values()
        assert [one["usd"] for one in rows] == told[column]
        assert [one["side"] for one in rows] == ["Longs", "Shorts", "Longs"]
        assert drawn["encoding"]["y"]["scale"]["domain"] == [0, 7.0]
