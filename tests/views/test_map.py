"""The map as it is sent: every cell and candle can be read back, and what is said about them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

from liqcore import tables
from liqcore.charts import data as chart_data, payload
from liqcore.charts.data import ChartError, candles_drawn
from liqcore.charts.palette import PALETTES
from liqcore.charts.picture import MOST_BANDS, MOST_COLUMNS, Look, picture, shown_cells
from liqcore.heat.grid import HeatGrid, Provenance, VenueCoverage
from tests.maps import amounts, unpacked

ROOT = Path(__file__).resolve().parents[2]
START = np.datetime64("2026-03-01", "us")
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


def three_digits(values):
    return np.array([[float(f"{value:.2e}") for value in row] for row in values])


def sent(grid, candles=None, **options):
    return unpacked(picture(grid, candles, **options).payload("map"))


grids = st.tuples(st.integers(1, 12), st.integers(1, 9)).flatmap(
    lambda shape: st.tuples(
        hnp.arrays(np.float32, shape, elements=st.sampled_from([0, 0, 0, 1, 7.5, 999.4, 12_345, 3e6, 4e8])),
        hnp.arrays(np.float32, shape, elements=st.sampled_from([0, 0, 1e3, 99_950, 4e7])),
        st.sampled_from(["realised", "modelled", "measured"]),
    )
)


@given(grids)
def test_every_cell_of_every_grid_can_be_read_back_to_three_digits(parts):
    long, short, kind = parts
    edges = np.cumsum(np.append(0, np.arange(1, long.shape[0] + 1)))
    grid = HeatGrid(kind, START + edges * HOUR, np.geomspace(100, 200, long.shape[1] + 1), long, short)
    head, arrays = sent(grid)
    assert head["shape"] == list(grid.shape)
    assert (head["kind"], head["stock"]) == (kind, kind != "realised")
    np.testing.assert_array_equal(arrays["time_edges"], grid.time_edges.astype("int64") / 1000)
    np.testing.assert_array_equal(arrays["price_edges"], grid.price_edges)
    for side in ("long", "short"):
        cells = getattr(grid, side)
        read = amounts(arrays[side], head["lowest"])
        np.testing.assert_array_equal(read > 0, cells > 0)
        clear = cells >= 10.0 ** head["lowest"]
        np.testing.assert_allclose(read[clear], three_digits(cells)[clear], rtol=1e-6)


def test_amounts_far_below_the_largest_are_named_as_such_not_misread():
    cells = np.array([[5e9, 0.2, 0, 30.0]], np.float32)
    grid = HeatGrid("realised", START + np.arange(2) * HOUR, np.arange(1.0, 6.0), cells, np.zeros_like(cells))
    head, arrays = sent(grid)
    assert arrays["long"].tolist()[0][1:3] == [1, 0], "less than what keeps its digits, and nothing"
    assert 0 < amounts(arrays["long"], head["lowest"])[0, 1] <= 10.0 ** head["lowest"]


def test_a_full_map_is_small_and_equal_cells_are_packed_once():
    rng = np.random.default_rng(3)
    levels = np.cumsum(rng.normal(0, 0.02, (800, 300)), axis=0) + rng.normal(11, 1, 300)
    cells = np.exp(levels).astype(np.float32)
    grid = HeatGrid(
        "modelled",
        START + np.arange(801) * HOUR,
        np.linspace(5e4, 6e4, 301),
        cells * (cells > 4e4),
        0 * cells,
    )
    first = picture(grid, make_candles(800))
    assert len(first.payload("map")) < 800 * 300 * 2
    packed = payload.cells(grid)
    assert picture(grid, make_candles(400)).payload("map") != first.payload("map")
    assert payload.cells(grid) is packed
    one, two = (
        json.loads(payload.identity(part) and json.dumps(unpacked(part)[0]))
        for part in (first.payload("map"), first.payload("other", Look(side="net")))
    )
    assert one["id"] == two["id"], "the id tells the same cells whatever is said about them"


def test_columns_continue_the_map_that_was_sent():
    grid, bars = make_grid("realised", columns=20, density=0.2), make_candles(20)
    start = HeatGrid("realised", grid.time_edges[:16], grid.price_edges, grid.long[:15], grid.short[:15])
    drawn = candles_drawn(bars, grid.time_edges[0], grid.time_edges[-1])
    base = picture(start, bars).payload("live")
    lowest = unpacked(base)[0]["lowest"]
    part = payload.columns(
        grid,
        drawn,
        first=14,
        kept=14,
        lowest=lowest,
        candle_first=14,
        target="live",
        base=payload.identity(base),
    )
    head, arrays = unpacked(part)
    assert (head["role"], head["first"], head["shape"]) == ("columns", 14, [6, 30])
    assert head["base"] == unpacked(base)[0]["id"]
    read = amounts(arrays["long"], lowest)
    clear = grid.long[14:] >= 10.0**lowest
    np.testing.assert_allclose(read[clear], three_digits(grid.long[14:])[clear], rtol=1e-6)
    np.testing.assert_allclose(arrays["close"], bars["close"].iloc[14:], rtol=1e-6)
    assert len(part) < 5_000


def test_gaps_are_gaps_not_zeros():
    seen = np.ones(48, bool)
    seen[10:14] = seen[40] = False
    grid = make_grid("realised", observed=seen)
    head, _ = sent(grid)
    hour = 3_600_000
    first = START.astype("int64") / 1000
    assert head["gaps"] == [[first + 10 * hour, first + 14 * hour], [first + 40 * hour, first + 41 * hour]]
    assert any("a gap, not a zero" in note for note in picture(grid).notes)
    assert sent(make_grid())[0]["gaps"] == []


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
    drawn, step, origin = pd.DataFrame(result.rows), result.step, result.origin
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
    assert drawn["close"].notna().sum() == len(set(slot))


def test_candles_are_sent_as_they_were_and_none_from_outside_the_window():
    grid = make_grid(columns=24)
    bars = make_candles(3_000, np.timedelta64(60_000_000, "us"))
    head, arrays = sent(grid, bars)
    assert head["candle_step"] == 60_000
    assert len(arrays["close"]) == 24 * 60
    assert head["candle_origin"] + 60_000 * len(arrays["close"]) <= grid.time_edges[-1].astype("int64") / 1000
    np.testing.assert_allclose(arrays["high"], bars["high"].iloc[: 24 * 60], rtol=1e-6)
    many = picture(make_grid(columns=100), make_candles(6_000, np.timedelta64(60_000_000, "us")))
    assert len(many.bars.rows["close"]) <= chart_data.CANDLES_DRAWN
    assert any("joined" in note for note in many.notes)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_no_one_or_two_candles_and_an_empty_grid_make_a_map(count):
    empty = make_grid("realised", columns=3, density=0)
    head, arrays = sent(empty, make_candles(count) if count else None)
    assert len(arrays["close"]) == count
    assert "none recorded" in head["alt"]


def test_what_does_not_fit_a_screen_is_joined_and_says_so():
    grid = make_grid("realised", columns=4_000, bands=700, density=0.02)
    drawn, by = shown_cells(grid)
    assert by == (3, 2)
    assert drawn.shape[0] <= MOST_COLUMNS
    assert drawn.shape[1] <= MOST_BANDS
    assert drawn.total.sum(dtype=float) == pytest.approx(grid.total.sum(dtype=float), rel=1e-6)
    assert any("3 columns × 2 bands" in note for note in picture(grid).notes)
    assert not picture(make_grid("modelled", 800, 300)).notes


def test_realised_modelled_and_measured_never_share_a_word_for_what_they_show():
    own = {"realised": "ealised", "modelled": "stimated", "measured": "easured"}
    for kind in own:
        made = picture(make_grid(kind), make_candles())
        said = " ".join(
            [made.alt, made.words.legend(made.colour(Look())), made.words.title(), made.words.subject]
        )
        for other, word in own.items():
            assert (word in said) == (kind == other), (kind, word)


def test_alt_names_the_largest_band_its_distance_and_the_price():
    long, short = np.zeros((3, 4), np.float32), np.zeros((3, 4), np.float32)
    long[-1, 0], short[0, 3] = 2_340_000, 9e9
    edges = np.array([27_000.0, 27_500, 28_000, 28_500, 29_000])
    grid = HeatGrid("modelled", START + np.arange(4) * HOUR, edges, long, short)
    bars = tables.candles(
        pd.DataFrame(
            {"time": [START], "open": [28_000], "high": [28_100], "low": [27_900], "close": [28_050]}
        )
    )
    assert (
        picture(grid, bars).alt
        == "Estimated liquidations (modelled), Mar 01, 2026, 00:00 to Mar 01, 2026, 03:00 UTC. Largest at the"
        " end: $2.34M of long liquidations at $27,000 to $27,500, 2 % below the price. Price at the end"
        " $28,050."
    )


def test_the_legend_says_what_a_cell_is_since_usd_depend_on_its_size():
    assert picture(make_grid(log=False)).words.unit == "USD per $333 band"
    assert picture(make_grid("realised", log=False)).words.unit == "USD per $333 × 1 h cell"
    assert picture(make_grid()).words.unit == "USD per 0.61 % band"


def test_marks_are_numbered_and_boxes_and_levels_placed():
    made = picture(
        make_grid(),
        marks=pd.DataFrame(
            {"time": [START, START + HOUR], "price": [55e3, 56e3], "label": ["here", "there"]}
        ),
        boxes=pd.DataFrame(
            {"time_from": [START], "time_to": [START + HOUR], "price_from": [51e3], "price_to": [52e3]}
        ),
        levels=pd.DataFrame({"price": [55e3], "label": ["entry"], "drag": ["entry"]}),
    )
    assert [(mark["number"], mark["label"]) for mark in made.layers["marks"]] == [(1, "here"), (2, "there")]
    assert made.layers["boxes"][0]["time_to"] - made.layers["boxes"][0]["time_from"] == 3_600_000
    assert made.layers["levels"] == [{"price": 55e3, "label": "entry", "drag": "entry"}]
    head, _ = unpacked(payload.layers("map", **made.layers))
    assert (head["role"], head["target"], head["layers"]) == ("layers", "map", made.layers)
    with pytest.raises(ChartError, match="lack the column 'price'"):
        picture(make_grid(), marks=pd.DataFrame({"time": [START]}))


def test_the_palettes_of_both_grounds_are_sent_in_full():
    head, _ = unpacked(payload.palettes())
    for ground in ("dark", "light"):
        assert set(head["palettes"][ground]) == {*PALETTES, "net"}
        assert {len(colours) for colours in head["palettes"][ground].values()} == {255 * 6}


def test_maps_need_neither_streamlit_nor_altair():
    code = (
        "import sys, liqcore.charts.picture; print([name for name in ('streamlit', 'altair', 'ccxt') if name"
        " in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True, cwd=ROOT).strip() == "[]"


FRONTEND = ROOT / "frontend" / "heat"
NODE = shutil.which("node")


@pytest.mark.skipif(NODE is None, reason="node is needed only to change the map's code")
def test_the_pure_parts_of_the_maps_code_pass_their_own_tests():
    if not (FRONTEND / "node_modules").exists():
        pytest.skip("run `npm ci` in frontend/heat first")
    done = subprocess.run([NODE, "--test", "test/"], cwd=FRONTEND, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.skipif(NODE is None, reason="node is needed only to change the map's code")
def test_the_committed_bundle_is_what_the_source_builds(tmp_path):
    if not (FRONTEND / "node_modules" / "esbuild").exists():
        pytest.skip("run `npm ci` in frontend/heat first")
    subprocess.check_call([NODE, "build.mjs", str(tmp_path / "heat.js")], cwd=FRONTEND)
    kept = ROOT / "liqcore" / "charts" / "assets" / "heat.js"
    assert kept.read_bytes() == (tmp_path / "heat.js").read_bytes(), "run `npm run build` in frontend/heat"
