"""What a visitor brings through the page: a month at once, candles only, liquidations only, doubts,
questions."""

import io

import numpy as np
import pandas as pd
from test_pages import open_page, words

from liqcore import tables
from liqcore.service import dataset, together
from liqcore.service.dataset import ViewSettings
from tests.maps import charts


def candle_csv(start="2025-03-01", count=96, wick=None):
    rng = np.random.default_rng(7)
    close = np.round(82_000 + np.cumsum(rng.normal(0, 40, count)), 1)
    opened = np.concatenate([[82_000.0], close[:-1]])
    frame = pd.DataFrame(
        {
            "time": pd.date_range(start, periods=count, freq="15min", tz="UTC").astype(str),
            "open": opened,
            "high": np.maximum(opened, close) + 20,
            "low": np.minimum(opened, close) - 20,
            "close": close,
            "volume": 50.0 + np.arange(count) % 3,
        }
    )
    if wick is not None:
        frame.loc[wick, "low"] = 0.1
    return frame.to_csv(index=False).encode()


def event_csv(start="2025-03-01", count=200, price=82_000.0, seed=3):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "time": pd.date_range(start, periods=count, freq="7min", tz="UTC").astype(str),
            "side": rng.choice(["long", "short"], count),
            "price": price + np.round(rng.normal(0, 50, count), 1),
            "qty": 0.5,
        }
    )
    return frame.to_csv(index=False).encode()


def upload(app, *files):
    app.file_uploader(key="uploads").set_value([(name, data, "text/csv") for name, data in files]).run()
    assert not app.exception
    return app


def test_a_month_of_daily_files_is_one_table_with_one_summary():
    days = pd.date_range("2025-03-01", periods=31, freq="D")
    app = open_page("explore.py", data="files")
    upload(
        app,
        *((f"candles-{day:%Y-%m-%d}.csv", candle_csv(f"{day:%Y-%m-%d}")) for day in days),
        *((f"liqs_{day:%Y-%m-%d}.csv", event_csv(f"{day:%Y-%m-%d}", 24, seed=day.day)) for day in days),
    )
    titles = [item.label for item in app.expander if "files:" in item.label]
    assert len(titles) == 2
    assert any("31 files: 2,976 rows of candles" in title for title in titles)
    assert any("31 files: 744 rows of liquidations" in title for title in titles)
    assert charts(app)
    assert not app.error
    assert "liqs" in words(app), "daily files of one name are one venue"
    assert "liqs_2025" not in " ".join(item.value for item in app.caption)


def test_candles_alone_open_on_modelled_and_liquidations_alone_show_no_error():
    app = upload(open_page("explore.py", data="files"), ("candles.csv", candle_csv(count=400)))
    assert app.session_state["layer"] == "modelled"
    assert charts(app)
    assert not app.error
    app = upload(open_page("explore.py", data="files"), ("liqs.csv", event_csv()))
    assert app.session_state["layer"] == "realised"
    assert charts(app)
    assert not app.error
    assert any("needs candles" in item.value for item in app.info)


def test_the_window_follows_the_liquidations_and_not_longer_candles():
    app = upload(
        open_page("explore.py", data="files", span="1 d"),
        ("candles.csv", candle_csv("2025-03-01", 96 * 20)),
        ("liqs.csv", event_csv("2025-03-05")),
    )
    assert charts(app)
    assert not any("window" in item.value.lower() for item in app.error)
    held = list(app.session_state["held_files"].values())
    data = together.combine([contents for _, contents in held], [name for name, _ in held], "mine")
    last = held[1][1].end
    for layer, end in (("realised", last.ceil("15min")), ("modelled", pd.Timestamp("2025-03-21", tz="UTC"))):
        view = dataset.window(data, ViewSettings(layer=layer, timeframe="15m", hours=24.0))
        assert pd.Timestamp(view.end, tz="UTC") == end


def test_the_worst_doubts_stand_on_the_screen_and_one_wick_does_not_flatten_the_map():
    app = upload(
        open_page("explore.py", data="files"),
        ("candles.csv", candle_csv(count=300, wick=200)),
        ("liqs.csv", event_csv(price=120_000.0)),
    )
    assert any("lie inside the candle" in item.value for item in app.error)
    assert any("drawn clipped" in item.value for item in app.warning)
    assert charts(app)
    read = together.combine(
        [found for _, found in app.session_state["held_files"].values()], ["a", "b"], "mine"
    )
    view = dataset.window(read, ViewSettings(layer="realised", timeframe="15m", hours=None))
    assert view.low > 70_000, "the map shows where price was, not where one cell said it was"


def test_two_candle_files_that_disagree_are_named():
    other = candle_csv().replace(b",50.0\n", b",49.0\n")
    app = upload(open_page("explore.py", data="files"), ("one.csv", candle_csv()), ("two.csv", other))
    assert any("one.csv" in item.value and "two.csv" in item.value for item in app.error)


def test_the_form_offers_the_symbol_and_other_coins_are_left_out():
    frame = pd.read_csv(io.BytesIO(event_csv()))
    frame = frame.set_axis(["wann", "seite", "kurs", "menge"], axis=1)
    frame["was"] = ["BTC perpetual one", "Ether two"] * (len(frame) // 2)
    app = upload(open_page("explore.py", data="files"), ("fremd.csv", frame.to_csv(index=False).encode()))
    boxes = {box.label: box for box in app.selectbox if box.key and box.key.startswith("map-")}
    assert "Symbol" in boxes
    for label, column in (("Time", "wann"), ("Price", "kurs"), ("Quantity", "menge"), ("Symbol", "was")):
        boxes[label].set_value(column)
    next(button for button in app.button if button.label == "Use these columns").click().run()
    assert not app.exception
    assert any("BTC rows" in item.value for item in app.error), (
        "a symbol that names no coin is not taken for BTC"
    )


def test_clocks_without_a_zone_can_be_those_of_berlin():
    frame = pd.DataFrame(
        {
            "time": pd.date_range("2025-03-10 10:00", periods=30, freq="min").strftime("%Y-%m-%d %H:%M"),
            "side": "long",
            "price": 82_000.5,
            "qty": np.linspace(0.1, 0.4, 30),
        }
    )
    app = upload(open_page("explore.py", data="files"), ("liqs.csv", frame.to_csv(index=False).encode()))
    app.selectbox(key="upload-zone").set_value("Europe/Berlin").run()
    assert not app.exception
    held = list(app.session_state["held_files"].values())
    assert str(held[0][1].start) == "2025-03-10 09:00:00+00:00"


def test_totals_beside_candles_are_read_as_both_when_asked():
    frame = pd.read_csv(io.BytesIO(candle_csv()))
    frame["liquidation_long_usd"] = 1_000_000.0
    frame["liquidation_short_usd"] = 200_000.0
    app = upload(open_page("explore.py", data="files"), ("export.csv", frame.to_csv(index=False).encode()))
    next(toggle for toggle in app.toggle if toggle.key.startswith("totals-")).set_value(True).run()
    assert not app.exception
    kinds = sorted(contents.kind for _, contents in app.session_state["held_files"].values())
    assert kinds == ["candles", "liquidations"]
    table = next(
        item.table for _, item in app.session_state["held_files"].values() if item.kind == "liquidations"
    )
    assert table["notional"].sum() == 96 * 1_200_000.0
    assert tables.ensure(table, "liquidations") is table


def test_dated_futures_are_named_and_left_out_by_a_switch():
    text = event_csv().decode()
    head, *rows = text.strip().split("\n")
    mixed = [f"{row},{'BTCUSDT_250328' if at % 5 == 0 else 'BTCUSDT'}" for at, row in enumerate(rows)]
    app = upload(
        open_page("explore.py", data="files"), ("events.csv", "\n".join([f"{head},symbol", *mixed]).encode())
    )
    assert any("200 rows of liquidations" in item.label for item in app.expander)
    (switch,) = [item for item in app.toggle if "dated futures" in item.label]
    assert "BTCUSDT\\_250328" in switch.label or "BTCUSDT_250328" in switch.label
    switch.set_value(True).run()
    assert not app.exception
    assert any("160 rows of liquidations" in item.label for item in app.expander)
    next(item for item in app.toggle if "dated futures" in item.label).set_value(False).run()
    assert any("200 rows of liquidations" in item.label for item in app.expander)


def test_a_file_of_dated_futures_only_stays_when_they_are_to_be_left_out():
    head, *rows = event_csv().decode().strip().split("\n")
    dated = "\n".join([f"{head},symbol", *(f"{row},BTCUSDT_250328" for row in rows)])
    app = upload(open_page("explore.py", data="files"), ("events.csv", dated.encode()))
    next(item for item in app.toggle if "dated futures" in item.label).set_value(True).run()
    assert not app.exception
    assert any("no BTC rows" in item.value for item in app.warning)
    assert any("200 rows of liquidations" in item.label for item in app.expander)


def test_a_range_of_ones_own_begins_around_liquidations_that_come_without_candles():
    app = open_page("explore.py", data="Your own files", range="Custom")
    rows = pd.DataFrame(
        {
            "time": pd.date_range("2025-03-01", periods=40, freq="15min", tz="UTC").astype(str),
            "venue": "alder",
            "side": ["long", "short"] * 20,
            "price": 95_000.0 + np.arange(40) * 10,
            "notional": 50_000.0,
        }
    )
    app.file_uploader(key="uploads").set_value(
        [("liquidations.csv", rows.to_csv(index=False).encode(), "text/csv")]
    ).run()
    assert not app.exception
    low, high = (app.number_input(key=key).value for key in ("low", "high"))
    assert (low, high) == (85_900.0, 104_900.0)
    assert charts(app)


def test_the_files_of_one_visit_hold_so_much_memory_on_an_app_that_others_visit(monkeypatch):
    monkeypatch.setattr("liqcore.views.uploads._ROOM", 13_000)
    files = [(f"{number}.csv", candle_csv(f"2025-03-{number + 1:02}")) for number in range(4)]
    for hosted, held in (("0", 4), ("1", 2)):
        monkeypatch.setenv("HEATLAB_HOSTED", hosted)
        app = open_page("explore.py", data="files")
        upload(app, *files)
        assert len(app.session_state["held_files"]) == held
        assert ("with this one they would hold more" in words(app)) is (hosted == "1")
        assert charts(app), "what was held is still shown"
    # The first file is never the one too many.
    monkeypatch.setattr("liqcore.views.uploads._ROOM", 1)
    app = open_page("explore.py", data="files")
    upload(app, files[0])
    assert len(app.session_state["held_files"]) == 1
