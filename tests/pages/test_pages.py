"""Every page runs, says what to look at, describes its charts, and survives every control."""

import io
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from liqcore.feeds import files, samples
from tests.maps import charts, headings

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path.name for path in (ROOT / "pages").glob("*.py"))
# What these show comes from a network, which tests have not; they have tests of their own.
LIVE = ("live.py", "sources.py")
OFFLINE = [name for name in PAGES if name not in LIVE]


def open_page(name: str = "start.py", framed: bool = True, **query: str) -> AppTest:
    """One run of a page; not `framed`, the guard brings it back into the frame, with navigation and
    footer."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    if name != "start.py":
        app.switch_page(f"pages/{name}")
    if not framed:
        app.session_state["_framed"] = False
    for key, value in query.items():
        app.query_params[key] = value
    return app.run()


def words(app: AppTest) -> str:
    return "\n".join(
        str(item.value)
        for kind in ("markdown", "caption", "error", "warning", "info", "success")
        for item in getattr(app, kind)
    )


@pytest.mark.parametrize("name", OFFLINE)
def test_a_page_runs_describes_its_charts_and_says_what_is_synthetic_and_no_advice(name: str) -> None:
    app = open_page(name, framed=False)
    assert not app.exception
    assert len(headings(app)) == 1
    assert len(app.markdown) > 1
    found, until = charts(app), time.monotonic() + 30
    if not found:
        # A rule is tried in the background, and drawn at a later look.
        later = open_page(name)
        while not (found := charts(later)) and time.monotonic() < until:
            time.sleep(0.2)
            later.run()
    assert found
    for chart in found:
        assert len(chart.proto.alt) > 40
        assert "$" in chart.proto.alt
        assert any(kind in chart.proto.alt.lower() for kind in ("realised", "modelled", "liquidat"))
    assert "ynthetic" in words(app)
    assert words(app).lower().count("financial advice") == 1


@pytest.mark.parametrize("name", LIVE)
def test_a_live_page_says_once_that_nothing_is_advice(name: str) -> None:
    assert words(open_page(name, framed=False)).lower().count("financial advice") == 1


def test_the_kind_of_heatmap_is_always_said() -> None:
    assert "Realised: positions that were closed by force." in words(
        open_page("explore.py", layer="Realised")
    )
    modelled = words(open_page("explore.py"))
    assert "Modelled: where open positions would be closed" in modelled


def test_without_a_network_the_first_market_is_the_sample_and_one_line_says_why() -> None:
    app = open_page("start.py")
    told = [item.value for item in app.caption if "HEATLAB_OFFLINE is set" in item.value]
    # One line for the map; the other is the footer's.
    assert len(told) == 2
    assert "sample market, which is synthetic" in words(app)
    assert not app.error
    assert not app.warning


@pytest.mark.parametrize(
    "query",
    [
        {"layer": "Modelled", "side": "Longs", "range": "±5 %"},
        {"side": "Shorts", "scale": "Percentile", "volume": "false"},
        {"side": "Net", "price": "Line"},
        {"tf": "1m", "span": "6 h", "bins": "400"},
        {"tf": "1d", "span": "All", "colours": "cividis"},
        {"span": "12 h", "pin": "true", "profile": "false"},
        {"logprice": "true", "scale": "Linear", "zoom": "true"},
        {"price": "None", "axes": "Price →", "min": "$100k"},
        {"axes": "Price →", "layer": "Modelled", "logprice": "true"},
        {"data": "Sample: calm fortnight", "venues": "Alder"},
        {"layer": "Modelled", "model": "Textbook formula", "move": "8"},
        {"layer": "Modelled", "compare": "true"},
        {"tf": "nonsense", "span": "forever", "bins": "-3", "side": "up"},
        {"range": "Custom", "low": "50000", "high": "100"},
    ],
    ids=lambda query: "&".join(f"{key}={value}" for key, value in query.items()),
)
def test_every_setting_in_the_address_gives_a_chart_or_a_sentence(query: dict[str, str]) -> None:
    app = open_page("explore.py", **query)
    assert not app.exception
    assert charts(app) or app.error


def test_an_impossible_window_keeps_the_last_good_view() -> None:
    app = open_page("explore.py")
    app.selectbox(key="tf").set_value("1m")
    app.button_group(key="span").set_value("All").run()
    assert not app.exception
    assert any("timeframe" in item.value for item in app.error)
    assert "last view that worked" in words(app)
    assert charts(app)


def test_moving_the_price_names_the_side_that_is_liquidated() -> None:
    app = open_page("explore.py", range="±20 %")
    app.slider(key="move").set_value(-6.0).run()
    down = {item.label: item.value for item in app.metric}
    app.slider(key="move").set_value(6.0).run()
    up = {item.label: item.value for item in app.metric}
    assert down["Longs liquidated"] != "$0"
    assert down["Shorts liquidated"] == "$0"
    assert up["Longs liquidated"] == "$0"
    assert up["Shorts liquidated"] != "$0"


def test_a_setting_changes_the_address_and_the_address_the_setting() -> None:
    app = open_page("explore.py", tf="4h", span="7 d")
    assert app.selectbox(key="tf").value == "4h"
    assert app.session_state["span"] == "7 d"


def _uploaded(app: AppTest, name: str, content: bytes) -> AppTest:
    app.file_uploader(key="uploads").set_value((name, content, "text/csv")).run()
    return app


def _own_files(events: bool = True) -> bytes:
    sample = samples.load_sample("violent")
    table = sample.liquidations.iloc[:4000] if events else sample.candles.iloc[:3000]
    return files.write_table(table, "csv")


def test_uploaded_liquidations_and_candles_make_a_heatmap() -> None:
    app = open_page("explore.py", data="Your own files")
    assert not charts(app)
    _uploaded(app, "events.csv", _own_files())
    assert not app.exception
    assert charts(app)
    assert "ynthetic" not in " ".join(item.value for item in app.caption if "Realised:" in item.value)


def test_a_bad_file_is_refused_with_a_sentence_and_the_good_one_stays() -> None:
    app = open_page("explore.py", data="Your own files")
    _uploaded(app, "events.csv", _own_files())
    app.file_uploader(key="uploads").set_value(
        [
            ("events.csv", _own_files(), "text/csv"),
            ("broken.csv", b"<html><body>not a table</body></html>", "text/csv"),
        ]
    ).run()
    assert not app.exception
    assert any("broken.csv" in item.value for item in app.error)
    assert charts(app)


def test_candles_alone_give_modelled_levels_and_say_why_events_are_missing() -> None:
    app = open_page("explore.py", data="Your own files", layer="Modelled", help="true")
    _uploaded(app, "klines.csv", _own_files(events=False))
    assert not app.exception
    assert charts(app)
    assert "open interest" in words(app)


def test_a_table_with_unknown_columns_asks_for_them() -> None:
    app = open_page("explore.py", data="Your own files")
    frame = pd.DataFrame(
        {
            "wann": pd.date_range("2026-03-01", periods=30, freq="min").astype(str),
            "seite": ["long", "short"] * 15,
            "kurs": np.linspace(27_000, 28_000, 30),
            "menge": 0.5,
        }
    )
    buffer = io.StringIO()
    frame.to_csv(buffer, index=False)
    _uploaded(app, "fremd.csv", buffer.getvalue().encode())
    assert not app.exception
    boxes = {box.label: box for box in app.selectbox if box.key and box.key.startswith("map-")}
    assert boxes
    for label, column in (("Time", "wann"), ("Side", "seite"), ("Price", "kurs"), ("Quantity", "menge")):
        if label in boxes:
            boxes[label].set_value(column)
    next(button for button in app.button if button.label == "Use these columns").click().run()
    assert not app.exception
    assert charts(app)


@pytest.mark.parametrize("name", ["explore.py", "compare.py", "alerts.py", "practice.py", "lab.py"])
@pytest.mark.parametrize("market", ["store", "days"])
def test_a_market_that_holds_nothing_says_so_in_one_notice_and_asks_for_no_files(
    name: str, market: str
) -> None:
    where = {"data": market, "question": "disagree"} if name == "lab.py" else {"data": market}
    app = open_page(name, **where)
    assert not app.exception
    notices = [item.value for kind in ("info", "warning", "error") for item in getattr(app, kind)]
    assert len(notices) == 1, notices
    assert not any("Add a" in notice for notice in notices)
