"""The heatmap as data: what is drawn where, what a pointer can read, and what is said about it."""

import base64
import io
import json
import subprocess
import sys

import altair as alt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp
from liqcore.charts.chart import ChartError, heatmap_chart, log_spaced, shared_colour
from PIL import Image

from liqcore import tables
from liqcore.charts.data import candles_drawn
from liqcore.charts.palette import PaletteError, colour_scale, drawn_colours, usd
from liqcore.heat.grid import HeatGrid, Provenance, VenueCoverage
from liqcore.heat.realised import realised_heatmap

START = np.datetime64("2026-03-01", "us")
DIGITS = "".join(chr(code) for code in range(33, 127) if chr(code) != "|")
HOUR = np.timedelta64(3_600_000_000, "us")


def make_grid(kind="modelled", columns=48, bands=30, seed=1, log=True, density=0.5, **more):
    """Longs below and shorts above a wandering middle, some cells empty."""
    rng = np.random.default_rng(seed)
    edges = np.geomspace(50_000, 60_000, bands + 1) if log else np.linspace(50_000, 60_000, bands + 1)
    usd_cells = rng.lognormal(11, 2, (columns, bands)) * (rng.random((columns, bands)) < density)
    below = np.arange(bands) < bands // 2 + rng.integers(-2, 3, columns)[:, None]
    both = rng.random((columns, bands)) < 0.05
    return HeatGrid(
        kind=kind,
        time_edges=START + np.arange(columns + 1) * HOUR,
        price_edges=edges,
        long=usd_cells * (below | both),
        short=usd_cells * (~below | both) * 0.7,
        provenance=Provenance(
            "Sample market", tuple(VenueCoverage(name, "all") for name in ("okx", "bybit"))
        ),
        **more,
    )


def make_candles(count=48, step=HOUR, start=START, seed=2):
    rng = np.random.default_rng(seed)
    close = 55_000 * np.exp(np.cumsum(rng.normal(0, 0.002, count)))
    opened = np.append(close[0], close[:-1])
    volume = rng.lognormal(5, 1, count)
    return tables.candles(
        pd.DataFrame(
            {
                "time": start + np.arange(count) * step,
                "open": opened,
                "high": np.maximum(opened, close) * 1.001,
                "low": np.minimum(opened, close) * 0.999,
                "close": close,
                "volume": volume,
                "taker_buy_volume": volume * rng.uniform(0.2, 0.8, count),
            }
        )
    )


def data_of(chart):
    """The datasets as DataFrames."""
    return {
        name: part if isinstance(part, pd.DataFrame) else part.to_pandas()
        for name, part in chart.spec["datasets"].items()
    }


def read_cell(text, first, column, lowest):
    """USD of one cell from a band's string, as its documentation describes it; 0 where it is empty."""
    if first >= 0:
        pair = text[2 * (column - first) : 2 * (column - first) + 2] if column >= first else ""
    else:
        at = text.find("|" + DIGITS[column // 93] + DIGITS[column % 93])
        pair = text[at + 3 : at + 5] if at >= 0 else ""
    if pair in ("", "  "):
        return 0.0
    code = 1 + 93 * DIGITS.index(pair[0]) + DIGITS.index(pair[1])
    return 0.0 if code == 1 else (100 + (code - 2) % 900) * 10.0 ** ((code - 2) // 900 + lowest - 2)


def read_side(chart, side, shape):
    data = data_of(chart)
    lowest = int(data["frame"]["lowest"].iloc[0])
    bands = list(zip(data["bands"][side], data["bands"][f"first_{side}"], strict=True))
    return np.array(
        [[read_cell(text, first, column, lowest) for text, first in bands] for column in range(shape[0])]
    )


def three_digits(values):
    return np.array([[float(f"{value:.2e}") for value in row] for row in values])


def pixels_of(chart):
    address = data_of(chart)["heat"]["url"].iloc[0]
    image = Image.open(io.BytesIO(base64.b64decode(address.split(",")[1])))
    return np.asarray(image), image


def without_data(chart):
    return json.dumps({name: part for name, part in chart.spec.items() if name != "datasets"}, sort_keys=True)


grids = st.tuples(st.integers(1, 12), st.integers(1, 9)).flatmap(
    lambda shape: st.tuples(
        hnp.arrays(np.float32, shape, elements=st.sampled_from([0, 0, 0, 1, 7.5, 999.4, 12_345, 3e6, 2.5e8])),
        hnp.arrays(np.float32, shape, elements=st.sampled_from([0, 0, 1e3, 99_950, 4e7])),
        st.sampled_from(["realised", "modelled", "measured"]),
    )
)


@given(grids)
def test_every_cell_of_every_grid_can_be_read_back_to_three_digits(parts):
    long, short, kind = parts
    grid = HeatGrid(
        kind,
        START + np.arange(long.shape[0] + 1) * HOUR,
        np.linspace(100, 200, long.shape[1] + 1),
        long,
        short,
    )
    chart = heatmap_chart(grid)
    for side, values in (("long", long), ("short", short)):
        np.testing.assert_allclose(
            read_side(chart, side, long.shape), three_digits(values), rtol=1e-6, atol=1e-12, equal_nan=False
        )
    double = (long > 0) & (short > 0)
    np.testing.assert_allclose(
        read_side(chart, "total", long.shape),
        np.where(double, three_digits(grid.total), 0),
        rtol=1e-6,
        atol=1e-12,
        equal_nan=False,
    )


@pytest.mark.parametrize(("kind", "density"), [("modelled", 0.9), ("realised", 0.9), ("realised", 0.01)])
def test_hover_is_exact_and_small_on_dense_and_on_scattered_grids(kind, density):
    grid = make_grid(kind, columns=150, bands=60, density=density)
    chart = heatmap_chart(grid)
    for side in ("long", "short"):
        np.testing.assert_allclose(
            read_side(chart, side, grid.shape),
            three_digits(grid.side(side)),
            rtol=1e-6,
            atol=1e-12,
            equal_nan=False,
        )
    bands = data_of(chart)["bands"]
    sent = sum(bands[side].str.len().sum() for side in ("long", "short", "total"))
    cells = np.count_nonzero(grid.long) + np.count_nonzero(grid.short)
    assert sent <= 5.5 * cells if density < 0.1 else sent < 4.5 * cells


def test_amounts_far_below_the_largest_are_named_as_such_not_misread():
    values = np.array([[4e9, 3e-3, 12.0]], dtype=np.float32)
    grid = HeatGrid(
        "modelled", START + np.arange(2) * HOUR, np.linspace(100, 200, 4), values, np.zeros_like(values)
    )
    chart = heatmap_chart(grid)
    frame = data_of(chart)["frame"]
    assert frame["below"].iloc[0] == "less than $10"
    assert read_side(chart, "long", (1,)) == pytest.approx(np.array([[4e9, 0, 12]]))
    assert data_of(chart)["bands"]["long"].str.len().tolist() == [2, 2, 2], (
        "a tiny cell is filled all the same"
    )


@pytest.mark.parametrize("orientation", ["time-right", "price-right"])
def test_each_pixel_has_the_colour_of_its_cell(orientation):
    grid = make_grid()
    chart = heatmap_chart(grid, orientation=orientation)
    drawn, image = pixels_of(chart)
    by_price_and_time = drawn[::-1] if orientation == "time-right" else drawn.T[:, ::-1]
    scale = colour_scale(grid.total)
    expected = np.where(grid.total > 0, 1 + np.floor(scale.normalise(grid.total) * 254 + 0.5), 0)
    assert np.array_equal(by_price_and_time.T, expected)
    assert image.info["transparency"] == 0
    assert np.array_equal(np.array(image.getpalette()[3 : 3 * 256]).reshape(255, 3), drawn_colours("inferno"))


def test_picture_and_axes_share_edges_on_log_and_on_linear_bins():
    for log in (True, False):
        grid = make_grid(log=log)
        chart = heatmap_chart(grid)
        heat, frame = (data_of(chart)[name].iloc[0] for name in ("heat", "frame"))
        scale = next(
            layer["encoding"]["y"]["scale"]
            for layer in chart.spec["layer"]
            if "url" in layer.get("encoding", {}) and "y" in layer["encoding"]
        )
        assert scale["type"] == ("log" if log else "linear")
        assert (
            (heat["price_from"], heat["price_to"])
            == (50_000, 60_000)
            == (frame["price_from"], frame["price_to"])
        )
        steps = frame["price_origin"] + frame["price_step"] * np.arange(grid.shape[1] + 1)
        assert (np.exp(steps) if log else steps) == pytest.approx(grid.price_edges)
        assert heat["time_from"] == grid.time_edges[0].astype("int64") / 1000
        assert heat["time_to"] == grid.time_edges[-1].astype("int64") / 1000


def test_uneven_columns_are_drawn_at_their_exact_times():
    edges = START + np.array([0, 3, 5, 8, 9]) * HOUR
    values = np.arange(1, 9, dtype=np.float32).reshape(4, 2) * 1e4
    grid = HeatGrid("modelled", edges, np.array([100.0, 110, 120]), values, values * 0)
    chart = heatmap_chart(grid, scale="linear")
    drawn, _ = pixels_of(chart)
    assert drawn.shape == (2, 9), "one pixel an hour"
    assert [len(set(drawn[0, a:b])) for a, b in ((0, 3), (3, 5), (5, 8), (8, 9))] == [1, 1, 1, 1]
    assert len(set(drawn[0])) == 4
    frame = data_of(chart)["frame"].iloc[0]
    read = [
        93 * DIGITS.index(frame["time_bins"][k]) + DIGITS.index(frame["time_bins"][k + 1])
        for k in range(0, 18, 2)
    ]
    assert read == [0, 0, 0, 1, 1, 2, 2, 2, 3]
    assert data_of(chart)["columns"]["edge"].tolist() == (edges.astype("int64") / 1000).tolist()


@pytest.mark.parametrize("log", [True, False])
def test_a_short_last_bin_after_rebinning_keeps_its_place(log):
    grid = make_grid(columns=20, bands=31, log=log).rebin(time=3, price=4)
    chart = heatmap_chart(grid)
    assert log_spaced(grid.price_edges) is log
    frame = data_of(chart)["frame"].iloc[0]
    steps = frame["price_origin"] + frame["price_step"] * np.arange(frame["price_steps"] + 1)
    prices = np.exp(steps) if log else steps
    text = frame["price_bins"]
    bins = [93 * DIGITS.index(text[k]) + DIGITS.index(text[k + 1]) for k in range(0, len(text), 2)]
    starts = [bins.index(band) for band in range(grid.shape[1])] + [len(bins)]
    assert prices[starts] == pytest.approx(grid.price_edges, rel=1e-6)


def test_one_structure_is_one_description_whatever_the_data():
    first = heatmap_chart(make_grid(seed=1), make_candles(), profile=True, volume=True)
    other = heatmap_chart(
        make_grid(seed=5, columns=30, bands=17),
        make_candles(30),
        profile=True,
        volume=True,
        palette="cividis",
        scale="percentile",
        threshold=5e4,
        side="net",
        levels=pd.DataFrame({"price": [55e3], "label": ["a"]}),
    )
    assert without_data(first) == without_data(other), (
        "a changed description makes the browser build the chart anew"
    )
    assert without_data(first) != without_data(heatmap_chart(make_grid(), make_candles(), profile=True))
    assert len(data_of(first)["bands"]) != len(data_of(other)["bands"])


STRUCTURES = [
    {
        "orientation": orientation,
        "profile": extra,
        "volume": extra,
        "price_line": line,
        "zoom": zoom,
        "select": select,
        "title": title,
    }
    for orientation in ("time-right", "price-right")
    for extra, line, zoom, select, title in (
        (False, "candles", "shift", False, None),
        (True, "line", "off", True, "A title"),
        (True, "none", "wheel", True, None),
    )
]


@pytest.mark.parametrize("options", STRUCTURES)
@pytest.mark.parametrize("kind", ["realised", "modelled"])
def test_every_dataset_is_used_and_no_mark_has_the_themes_tooltip(kind, options):
    chart = heatmap_chart(make_grid(kind), make_candles(), **options)
    layers = chart.spec["layer"]
    assert {layer["data"]["name"] for layer in layers} == set(data_of(chart)), (
        "one that no layer uses breaks the next redraw"
    )
    assert next(iter(chart.spec["datasets"])) == "table", "the toolbar shows the first dataset only"
    assert all(layer["mark"]["tooltip"] is None for layer in layers), (
        "the theme's tooltips would print the picture"
    )


@pytest.mark.parametrize(("kind", "options"), [("modelled", STRUCTURES[1]), ("realised", STRUCTURES[3])])
def test_the_description_is_valid_vega_lite(kind, options):
    chart = heatmap_chart(make_grid(kind), make_candles(), **options)
    assert alt.LayerChart.from_dict(json.loads(without_data(chart)), validate=True).to_dict(validate=False)[
        "layer"
    ]


def test_times_are_numbers_so_that_no_browser_shifts_them():
    chart = heatmap_chart(
        make_grid(),
        make_candles(),
        marks=pd.DataFrame({"time": ["2026-03-01 05:00+02:00"], "price": [55e3], "label": ["x"]}),
    )
    for name, frame in data_of(chart).items():
        assert not any(pd.api.types.is_datetime64_any_dtype(kind) for kind in frame.dtypes), name
    assert (
        data_of(chart)["marks"]["time"].iloc[0]
        == pd.Timestamp("2026-03-01 03:00", tz="UTC").timestamp() * 1000
    )


def test_charts_need_neither_streamlit_nor_altair():
    code = (
        "import sys, liqcore.charts.chart; print([name for name in ('streamlit', 'altair', 'ccxt') if name in"
        " sys.modules])"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "[]"
    )


def test_scattered_events_are_rectangles_and_every_one_is_there():
    grid = make_grid("realised", columns=200, bands=80, density=0.02)
    chart = heatmap_chart(grid)
    cells = data_of(chart)["cells"]
    assert {(row.column, row.band) for row in cells.itertuples()} == set(
        zip(*(axis.tolist() for axis in np.nonzero(grid.total)), strict=True)
    )
    assert cells["time_from"].tolist() == (grid.time_edges[cells["column"]].astype("int64") / 1000).tolist()
    assert cells["price_to"].tolist() == grid.price_edges[cells["band"] + 1].tolist()
    assert (pixels_of(chart)[0] == 0).all()
    assert data_of(heatmap_chart(make_grid("realised", 300, 100, density=0.9)))["cells"].empty
    assert data_of(heatmap_chart(make_grid("modelled", density=0.02)))["cells"].empty


def test_gaps_are_gaps_not_zeros():
    seen = np.ones(48, dtype=bool)
    seen[[3, 4, 5, 20, 47]] = False
    grid = make_grid(observed=seen)
    chart = heatmap_chart(grid)
    gaps = data_of(chart)["gaps"]
    hours = (gaps - START.astype("int64") / 1000) / 3_600_000
    assert hours[["time_from", "time_to"]].to_numpy().tolist() == [[3, 6], [20, 21], [47, 48]]
    assert data_of(chart)["frame"]["gaps"].iloc[0] == "".join("0" if one else "1" for one in seen)
    assert "no data" in chart.legend
    assert "no data" in data_of(chart)["swatches"]["label"].tolist()
    whole = heatmap_chart(make_grid())
    assert data_of(whole)["gaps"].empty
    assert "no data" not in whole.legend


def test_threshold_hides_cells_from_the_picture_the_pointer_and_the_table():
    grid = make_grid()
    chart = heatmap_chart(grid, threshold=1e5)
    kept = grid.total >= np.float32(1e5)
    assert np.array_equal(pixels_of(chart)[0][::-1].T > 0, kept)
    assert np.array_equal(
        (read_side(chart, "long", grid.shape) + read_side(chart, "short", grid.shape)) > 0, kept
    )
    assert "$100k" in chart.legend
    assert data_of(chart)["frame"]["empty"].iloc[0] == "less than $100k"


@pytest.mark.parametrize("side", ["long", "short", "both", "net"])
def test_each_side_colours_its_own_usd(side):
    grid = make_grid()
    chart = heatmap_chart(grid, side=side)
    assert np.array_equal(pixels_of(chart)[0][::-1].T > 0, grid.side(side) != 0)
    bands = data_of(chart)["bands"]
    assert (bands["short"].str.len() > 0).any() == (side != "long")
    assert (bands["long"].str.len() > 0).any() == (side != "short")
    assert chart.colour.diverging == (side == "net")
    if side == "net":
        brighter = pixels_of(chart)[0][::-1].T
        assert (brighter[grid.net > 0] >= 128).all()
        assert (brighter[grid.net < 0] <= 128).all()


def test_a_shared_scale_is_used_as_it_is():
    pair = [make_grid(seed=1), make_grid(seed=2)]
    shared = shared_colour(pair, side="both")
    charts = [heatmap_chart(grid, colour=shared) for grid in pair]
    assert charts[0].colour is charts[1].colour is shared
    assert data_of(charts[0])["ticks"].equals(data_of(charts[1])["ticks"])
    with pytest.raises(ChartError, match="long minus short"):
        heatmap_chart(pair[0], side="net", colour=shared)


@given(st.lists(st.integers(0, 400), min_size=1, max_size=120, unique=True), st.integers(2, 60))
def test_merged_candles_say_what_the_candles_said(minutes, most):
    opened = START + np.sort(np.array(minutes)) * np.timedelta64(60_000_000, "us")
    rng = np.random.default_rng(len(minutes))
    prices = rng.uniform(90, 110, (len(opened), 2))
    bars = tables.candles(
        pd.DataFrame(
            {
                "time": opened,
                "open": prices[:, 0],
                "close": prices[:, 1],
                "high": prices.max(axis=1) + 1,
                "low": prices.min(axis=1) - 1,
                "volume": rng.uniform(1, 2, len(opened)),
            }
        )
    )
    result = candles_drawn(bars, START, START + 401 * np.timedelta64(60_000_000, "us"), most)
    drawn, step, origin = result.rows.to_pandas(), result.step, result.origin
    assert len(drawn) <= most + 1
    slot = ((tables.microseconds(bars["time"]) / 1000 - origin) // step).astype(int)
    for k, group in bars.groupby(slot):
        row = drawn.iloc[k]
        assert (row["open"], row["high"], row["low"], row["close"]) == (
            group["open"].iloc[0],
            group["high"].max(),
            group["low"].min(),
            group["close"].iloc[-1],
        )
        assert row["volume"] == pytest.approx(group["volume"].sum())
        assert row["time_to"] == origin + (k + 1) * step
    assert drawn["close"].notna().sum() == len(set(slot))


def test_at_most_five_hundred_candles_and_none_from_outside_the_window():
    grid = make_grid(columns=24)
    bars = make_candles(3_000, np.timedelta64(60_000_000, "us"))
    chart = heatmap_chart(grid, bars)
    drawn = data_of(chart)["candles"]
    assert 300 < len(drawn) <= 501
    assert drawn["time_to"].max() <= grid.time_edges[-1].astype("int64") / 1000 + 180_000
    assert any("merged" in note for note in chart.notes)


def test_price_line_is_the_last_close_before_now():
    bars, grid = make_candles(), make_grid()
    last = data_of(heatmap_chart(grid, bars))["frame"].iloc[0]
    assert last["now"] == bars["close"].iloc[-1]
    assert last["now_label"] == f"last ${bars['close'].iloc[-1]:,.0f}"
    earlier = data_of(heatmap_chart(grid, bars, now="2026-03-01 10:30"))["frame"].iloc[0]
    assert earlier["now"] == bars["close"].iloc[10]
    assert earlier["now_label"].startswith("now ")
    assert np.isnan(data_of(heatmap_chart(grid))["frame"]["now"].iloc[0])


@pytest.mark.parametrize("kind", ["modelled", "realised"])
def test_profile_and_curves_add_up_from_the_price(kind):
    grid, bars = make_grid(kind), make_candles()
    bands = data_of(heatmap_chart(grid, bars, profile=True))["bands"]
    price = bars["close"].iloc[-1]
    now = {
        side: grid.side(side)[-1] if grid.is_stock else grid.side(side).sum(axis=0)
        for side in ("long", "short")
    }
    assert bands["long_usd"].to_numpy() == pytest.approx(now["long"], rel=1e-5)
    assert (bands["long_share"] + bands["short_share"]).max() == pytest.approx(1)
    for row in bands.iloc[[0, 5, 20, 29]].itertuples():
        far = row.price_from if np.sqrt(row.price_from * row.price_to) < price else row.price_to
        assert row.way_usd == pytest.approx(sum(grid.on_the_way(price, far).values()), rel=1e-6)
    curves = data_of(heatmap_chart(grid, bars, profile=True))["curves"]
    assert curves.empty == (kind == "realised"), "past events do not wait on the way to a price"
    assert "long_usd" not in data_of(heatmap_chart(grid, bars))["bands"]


def slow_stretches(grid, side):
    """(usd, band, start, end) of each filled stretch, cell by cell."""
    out, values = [], grid.side(side)
    for band in range(grid.shape[1]):
        start = None
        for column in range(grid.shape[0] + 1):
            filled = column < grid.shape[0] and values[column, band] > 0
            if filled and start is None:
                start = column
            if not filled and start is not None:
                out.append((float(values[start:column, band].max()), band, start, column))
                start = None
    return out


def test_table_of_a_stock_has_each_stretch_largest_first():
    grid = make_grid(columns=10, bands=8)
    table = heatmap_chart(grid).table
    slow = sorted(
        ((*row, side) for side in ("long", "short") for row in slow_stretches(grid, side)), reverse=True
    )
    assert table["USD"].tolist() == [round(row[0]) for row in slow]
    for said, (_, band, start, end, side) in zip(table.itertuples(index=False), slow, strict=True):
        assert said[0] == f"${grid.price_edges[band]:,.0f} to ${grid.price_edges[band + 1]:,.0f}"
        assert said[1] == side
        assert said[3] == str(pd.Timestamp(grid.time_edges[start]))[:16]
        assert said[4] == ("still in place" if end == 10 else str(pd.Timestamp(grid.time_edges[end]))[:16])
        assert said[5:] == ("okx, bybit", "modelled, not observed")


def test_table_of_events_has_each_cell_and_keeps_all_usd():
    grid = make_grid("realised", columns=10, bands=8)
    table = heatmap_chart(grid).table
    assert table.groupby("Side")["USD"].sum().to_dict() == pytest.approx(
        {"long": grid.long.sum(dtype=float), "short": grid.short.sum(dtype=float)}, abs=len(table)
    )
    assert len(table) == np.count_nonzero(grid.long) + np.count_nonzero(grid.short)
    assert (table["Kind"] == "realised: these happened").all()


def test_what_does_not_fit_the_screen_is_joined_and_says_so():
    grid = make_grid("realised", columns=1_000, bands=500, density=0.05)
    chart = heatmap_chart(grid)
    columns, bands = len(data_of(chart)["columns"]) - 1, len(data_of(chart)["bands"])
    assert columns <= 480
    assert bands <= 400
    assert any("3 columns × 2 bands" in note for note in chart.notes)
    joined = grid.rebin(time=3, price=2)
    np.testing.assert_allclose(
        read_side(chart, "long", joined.shape),
        three_digits(joined.long),
        rtol=1e-6,
        atol=1e-12,
        equal_nan=False,
    )
    assert not any("Joined" in note for note in heatmap_chart(make_grid("modelled", 800, 300)).notes)


def test_realised_modelled_and_measured_never_share_a_word_for_what_they_show():
    said = {}
    for kind in ("realised", "modelled", "measured"):
        chart = heatmap_chart(make_grid(kind), make_candles())
        frame = data_of(chart)["frame"].iloc[0]
        said[kind] = " ".join(
            [
                chart.alt,
                chart.legend,
                frame["legend_title"],
                frame["legend_short"],
                frame["word_long"],
                frame["word_any"],
                frame["kind"],
            ]
        )
        assert frame["word_long"].endswith("long liquidations")
    own = {"realised": "ealised", "modelled": "stimated", "measured": "easured"}
    for kind, text in said.items():
        for other, word in own.items():
            assert (word in text) == (kind == other), (kind, word)


def test_alt_names_the_largest_band_its_distance_and_the_price():
    long, short = np.zeros((3, 4), np.float32), np.zeros((3, 4), np.float32)
    long[-1, 0], short[0, 3] = 2_340_000, 9e9
    grid = HeatGrid(
        "modelled",
        START + np.arange(4) * HOUR,
        np.array([27_000.0, 27_500, 28_000, 28_500, 29_000]),
        long,
        short,
    )
    bars = tables.candles(
        pd.DataFrame(
            {"time": [START], "open": [28_000], "high": [28_100], "low": [27_900], "close": [28_050]}
        )
    )
    text = heatmap_chart(grid, bars).alt
    assert (
        text
        == "Estimated liquidations (modelled) from Mar 01 to Mar 01, 2026. Largest at the end: $2.34M of long"
        " liquidations at $27,000 to $27,500, 2.0 % below the price. Price at the end $28,050."
    )
    empty = HeatGrid(
        "realised",
        START + np.arange(4) * HOUR,
        np.array([27_000.0, 27_500]),
        np.zeros((3, 1)),
        np.zeros((3, 1)),
    )
    assert "none recorded" in heatmap_chart(empty).alt
    assert len(heatmap_chart(empty).table) == 0


def test_legend_says_what_a_cell_is_since_usd_depend_on_its_size():
    assert "per $333 band" in heatmap_chart(make_grid(log=False)).legend
    assert "per $333 × 1 h cell" in heatmap_chart(make_grid("realised", log=False)).legend
    assert "per 0.61 % band" in heatmap_chart(make_grid()).legend


def test_marks_are_numbered_and_outlines_placed():
    marks = pd.DataFrame(
        {"time": [START + 4 * HOUR, START + 40 * HOUR], "price": [55e3, 56e3], "label": ["here", "there"]}
    )
    outlines = pd.DataFrame(
        {"time_from": [START], "time_to": [START + HOUR], "price_from": [51e3], "price_to": [52e3]}
    )
    data = data_of(heatmap_chart(make_grid(), marks=marks, outlines=outlines))
    assert data["marks"]["number"].tolist() == ["1", "2"]
    assert data["marks"]["flip"].tolist() == [False, True], (
        "a label near the right edge is written to the left"
    )
    assert data["outlines"]["time_to"].iloc[0] - data["outlines"]["time_from"].iloc[0] == 3_600_000


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"side": "up"}, "side 'up'"),
        ({"price_line": "dots"}, "price line"),
        ({"orientation": "left"}, "orientation"),
        ({"zoom": "x"}, "zoom"),
        ({"threshold": -1}, "threshold"),
        ({"threshold": float("nan")}, "threshold"),
        ({"marks": pd.DataFrame({"time": [START]})}, "lack the column 'price'"),
    ],
)
def test_options_that_cannot_be_drawn_are_said_in_one_sentence(options, words):
    with pytest.raises(ChartError, match=words):
        heatmap_chart(make_grid(), **options)


def test_an_empty_domain_is_refused_in_words():
    with pytest.raises(PaletteError, match="empty"):
        heatmap_chart(make_grid(), domain=(5e5, 5e5))


@pytest.mark.real_data
@pytest.mark.parametrize("bins", [100, 300])
def test_recorded_events_stay_exact_where_merging_neighbours_would_not_help(real_data, bins):
    events = pd.read_parquet(real_data / "J_2026-03_04_pacifica" / "liq_events_pacifica.parquet")
    liquidations = tables.liquidations(
        pd.DataFrame(
            {
                "time": events["ts"],
                "venue": "pacifica",
                "side": events["position"].str.lower(),
                "price": events["price"],
                "quantity": events["qty"],
                "notional": events["usd"],
            }
        )
    )
    grid = realised_heatmap(liquidations, timeframe="2h", bins=bins)
    chart = heatmap_chart(grid)
    np.testing.assert_allclose(
        read_side(chart, "long", grid.shape), three_digits(grid.long), rtol=1e-6, atol=1e-12, equal_nan=False
    )
    filled = grid.total > 0
    alone = filled & ~np.vstack([np.zeros((1, bins), bool), filled[:-1]])
    assert alone.sum() > 0.9 * filled.sum(), "nearly every event cell starts its own run along time"
    assert len(data_of(chart)["cells"]) == filled.sum()
    assert usd(chart.table["USD"].iloc[0]) in chart.alt
