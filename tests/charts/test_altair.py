"""The static chart shows the grid's own cells at their own prices and times, and stays small."""

import base64
import io
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from PIL import Image

import liqcore as lq
from liqcore.charts.altair import MAX_BYTES
from liqcore.charts.ladder import ladder_spec
from liqcore.charts.palette import PaletteError
from liqcore.risk.handover import Zone

HOUR = np.timedelta64(1, "h")
START = np.datetime64("2026-03-01T00:00", "us")


def a_grid(columns: int, bands: int, kind: Any = "realised", log: bool = False, **more: Any) -> lq.HeatGrid:
    edges = np.geomspace if log else np.linspace
    nothing = np.zeros((columns, bands), dtype=np.float32)
    return lq.HeatGrid(
        kind,
        START + np.arange(columns + 1) * HOUR,
        edges(20_000, 40_000, bands + 1),
        more.pop("long", nothing),
        more.pop("short", nothing),
        **more,
    )


def some_candles(count: int, step: np.timedelta64 = HOUR) -> pd.DataFrame:
    close = 30_000 + np.cumsum(np.random.default_rng(3).normal(0, 20, count))
    opened = np.append(30_000, close[:-1])
    return lq.candles(
        pd.DataFrame(
            {
                "time": pd.to_datetime(START + np.arange(count) * step, utc=True),
                "open": opened,
                "high": np.maximum(opened, close) + 5,
                "low": np.minimum(opened, close) - 5,
                "close": close,
                "volume": 1.0,
                "taker_buy_volume": 0.5,
            }
        )
    )


def rows_of(chart: Any, mark: str) -> list[dict[str, Any]]:
    """The data of the first layer of a mark."""
    spec = chart.to_dict()
    (layer, *_) = (one for one in spec["layer"] if one["mark"]["type"] == mark)
    return spec["datasets"][layer.get("data", spec.get("data"))["name"]]


def picture(chart: Any) -> tuple[np.ndarray, dict[str, Any]]:
    """(height, width) palette indices of the heat, the first row on top, and where its corners are."""
    (row,) = rows_of(chart, "image")
    packed = base64.b64decode(row["url"].removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(packed))), row


@given(st.booleans(), st.integers(1, 90), st.integers(1, 90), st.data())
def test_a_cell_is_drawn_where_its_price_and_time_are(log: bool, columns: int, bands: int, data: Any) -> None:
    at = data.draw(st.integers(0, columns - 1)), data.draw(st.integers(0, bands - 1))
    heat = np.zeros((columns, bands), dtype=np.float32)
    heat[at] = 5e6
    grid = a_grid(columns, bands, log=log, long=heat)
    pixels, corners = picture(lq.chart(grid))
    low, high = (np.log(corners[name]) if log else corners[name] for name in ("low", "high"))
    y, x = np.nonzero(pixels)
    assert len(y)
    rows, across = pixels.shape
    price = high - (y + 0.5) / rows * (high - low)
    price = np.exp(price) if log else price
    time = corners["start"] + (x + 0.5) / across * (corners["end"] - corners["start"])
    hour = (time - START.astype("datetime64[ms]").astype(int)) / 3.6e6
    assert (np.searchsorted(grid.price_edges, price) - 1 == at[1]).all()
    assert (np.floor(hour) == at[0]).all()


def test_what_is_joined_to_fit_is_added_up_and_drawn() -> None:
    heat = np.zeros((3_000, 900), dtype=np.float32)
    heat[np.arange(0, 3_000, 500), np.arange(0, 900, 150)] = 1e6  # single cells that sampling would miss
    pixels, _ = picture(lq.chart(a_grid(3_000, 900, short=heat)))
    assert pixels.shape[0] <= 210
    assert pixels.shape[1] <= 380
    assert np.count_nonzero(pixels) == 6


@pytest.mark.parametrize("side", ["both", "net"])
def test_even_noise_stays_under_150_kb(side: Any) -> None:
    noise = np.random.default_rng(1).lognormal(10, 2, (2, 700, 500)).astype(np.float32)
    seen = np.random.default_rng(2).random(700) > 0.5
    grid = a_grid(700, 500, long=noise[0], short=noise[1], observed=seen)
    chart = lq.chart(grid, some_candles(700), side=side, levels=[25_000, 30_000, 35_000])
    assert len(json.dumps(chart.to_dict(), separators=(",", ":"))) <= MAX_BYTES == 150_000


def test_candles_are_joined_exactly() -> None:
    candles = some_candles(6_000, np.timedelta64(5, "m"))
    grid = a_grid(500, 10)
    rows = pd.DataFrame(rows_of(lq.chart(grid, candles), "rule"))
    step = pd.Timedelta(5, "min") * -(-6_000 // 239)
    parts = [part for _, part in candles.groupby(candles["time"].dt.floor(step))]
    assert len(rows) == len(parts) <= 240
    assert rows["open"].tolist() == pytest.approx([part["open"].iloc[0] for part in parts], abs=0.01)
    assert rows["high"].tolist() == pytest.approx([part["high"].max() for part in parts], abs=0.01)
    assert rows["low"].tolist() == pytest.approx([part["low"].min() for part in parts], abs=0.01)
    assert rows["close"].tolist() == pytest.approx([part["close"].iloc[-1] for part in parts], abs=0.01)


def test_candles_outside_the_map_are_left_out() -> None:
    grid = a_grid(10, 10)
    assert len(rows_of(lq.chart(grid, some_candles(48)), "rule")) == 10
    later = some_candles(48).assign(time=lambda rows: rows["time"] + pd.Timedelta(days=9))
    assert len(lq.chart(grid, later).layer) == 2


def test_times_nobody_watched_are_gaps() -> None:
    seen = np.ones(12, dtype=bool)
    seen[[0, 4, 5, 11]] = False
    gaps = pd.DataFrame(rows_of(lq.chart(a_grid(12, 5, observed=seen)), "rect"))
    hours = (gaps[["start", "end"]] - START.astype("datetime64[ms]").astype(int)) / 3.6e6
    assert hours.to_numpy().tolist() == [[0, 1], [4, 6], [11, 12]]


def test_a_chart_says_kind_venues_completeness_and_the_largest_cell() -> None:
    sample = lq.load_sample("calm")
    one = sample.liquidations[sample.liquidations["venue"] == "Birch"]
    chart = lq.chart(lq.realised_heatmap(one))
    said = " ".join([chart.title.text, *chart.title.subtitle])
    assert all(
        word in said for word in ("Realised", "these happened", "Birch", "every liquidation", "UTC", "2026")
    )
    grid = lq.realised_heatmap(sample.liquidations)
    assert "some complete, some sampled" in " ".join(lq.chart(grid).title.subtitle)
    heat = np.zeros((4, 4), dtype=np.float32)
    heat[1, 2] = 2.5e6
    assert "$2.50M at $30,000 to $35,000" in str(lq.chart(a_grid(4, 4, long=heat)).description)
    narrow = lq.HeatGrid("realised", START + np.arange(5) * HOUR, 30_000 + 0.5 * np.arange(5), heat, heat)
    assert "$30,001.00 to $30,001.50" in str(lq.chart(narrow).description)
    assert ", Mar 01, 2026. The" in str(lq.chart(narrow).description)
    assert "No cell holds anything" in str(lq.chart(a_grid(4, 4)).description)
    modelled = lq.chart(lq.modelled_heatmap(sample.candles))
    assert "not observed" in " ".join(modelled.title.subtitle)


def test_a_modelled_map_tells_of_its_end_only() -> None:
    heat = np.zeros((4, 4), dtype=np.float32)
    heat[0, 3], heat[3, 0] = 9e9, 1e6
    assert "at the end holds $1.00M" in str(lq.chart(a_grid(4, 4, "modelled", long=heat)).description)


def test_the_colours_are_explained_in_usd() -> None:
    heat = np.geomspace(1e4, 1e7, 100, dtype=np.float32).reshape(10, 10)
    chart = lq.chart(a_grid(10, 10, long=heat), domain=(1e4, 1e7))
    legend = chart.to_dict()["layer"][1]["encoding"]["color"]["legend"]
    assert legend["values"][0] == 0
    assert legend["values"][-1] == pytest.approx(1)
    assert "$10" in legend["labelExpr"]
    assert "$10" in legend["labelExpr"].split(":")[-2]


def test_what_cannot_be_drawn_is_said() -> None:
    grid = a_grid(4, 4)
    with pytest.raises(lq.GridError, match="long, short, net, not 'left'"):
        lq.chart(grid, side="left")  # type: ignore[arg-type]
    with pytest.raises(PaletteError, match="jet"):
        lq.chart(grid, palette="jet")


def test_the_profile_adds_up_to_the_grid_and_its_curves_start_at_the_price() -> None:
    heat = np.random.default_rng(5).lognormal(10, 1, (2, 20, 400)).astype(np.float32)
    grid = a_grid(20, 400, "modelled", long=heat[0], short=heat[1])
    drawn = lq.profile(grid, 30_000)
    bars, curve = (pd.DataFrame(rows_of(drawn, mark)) for mark in ("rect", "line"))
    assert bars["usd"].sum() == pytest.approx(float(grid.total[-1].sum()), rel=1e-6)
    assert len(bars) <= 2 * 150
    assert curve.loc[curve["price"] == 30_000, "usd"].tolist() == [0, 0]
    assert (curve.loc[curve["side"] == "long", "price"] <= 30_000).all()
    ends = curve.groupby("side")["usd"].max()
    assert ends["long"] == pytest.approx(grid.on_the_way(30_000, 20_000)["long"], rel=1e-5)
    assert ends["short"] == pytest.approx(grid.on_the_way(30_000, 40_000)["short"], rel=1e-5)
    assert len(json.dumps(drawn.to_dict())) < MAX_BYTES


def test_charts_stand_side_by_side() -> None:
    grid = a_grid(4, 4)
    assert len((lq.chart(grid) | lq.profile(grid)).to_dict()["hconcat"]) == 2


def test_a_ladder_shows_the_plan_in_order_and_names_the_clusters_it_leaves_out() -> None:
    plan = lq.plan_trade("long", 60_000, 59_400, 10_000, risk=0.01, leverage=20, targets=(61_200, 63_000))
    # A band six times the smooth profile around it, far below the plan.
    edges = np.geomspace(25_500, 34_500, 301)
    middle = np.sqrt(edges[1:] * edges[:-1])
    heat = 2e6 * np.exp(-15 * np.abs(np.log(middle / 30_000)))
    heat = heat * np.random.default_rng(3).lognormal(0, 0.15, (6, 300))
    heat = (heat * np.where(np.abs(np.log(middle / 28_800)) < 0.001, 6, 1)).astype(np.float32)
    times = START + np.arange(7) * HOUR
    grid = lq.HeatGrid("modelled", times, edges, heat * (middle < 30_000), heat * (middle >= 30_000))
    clusters = lq.find_clusters(grid, price=np.full(6, 30_000.0))
    assert len(clusters) == 1
    chart = lq.ladder(plan, clusters, levels=[60_600, 90_000])
    rungs = pd.DataFrame(rows_of(chart, "rule"))
    assert rungs["price"].is_monotonic_increasing
    for name, price in (("Entry", 60_000), ("Stop", 59_400), ("Liquidation", plan.liquidation_price)):
        assert rungs.loc[rungs["name"] == name, "price"].tolist() == [pytest.approx(price)]
    assert rungs["name"].str.startswith("Target").sum() == 2
    assert rungs.loc[rungs["name"] == "Key level", "price"].tolist() == [60_600]
    assert (rungs["place"].diff().dropna() > 0).all()
    assert "entry $60,000, stop $59,400" in str(chart.description)
    assert f"{len(clusters)} below it" in str(chart.description)


@pytest.mark.parametrize("side", ["long", "short"])
@pytest.mark.parametrize("many", [0, 1, 3])
def test_the_ladder_of_the_page_is_the_ladder(side: str, many: int) -> None:
    s = 1 if side == "long" else -1
    targets = [60_000 + s * (900 + 500 * number) for number in range(many)]
    plan = lq.plan_trade(side, 60_000, 60_000 - s * 600, 10_000, risk=0.01, leverage=20, targets=targets)
    zones = [
        Zone(name, 60_000 + 150 * number, 60_100 + 150 * number, 1e6 * (number + 1))
        for number, name in enumerate(["long", "short", "long"][:many])
    ]
    levels = [60_000 + 250 * number for number in range(many)]
    whole = lq.ladder(plan, zones, levels, height=300).to_dict()
    spec, words = ladder_spec(plan, zones, levels, height=300)
    again, _ = ladder_spec(plan, zones, levels, height=300)
    assert spec == again
    assert words == whole.pop("description")

    def filled(chart: dict[str, Any]) -> dict[str, Any]:
        rows = chart.pop("datasets")
        chart["layer"] = [{**layer, "data": rows[layer["data"]["name"]]} for layer in chart["layer"]]
        return chart

    assert filled(spec) == filled(whole)
