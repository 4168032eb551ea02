"""What is written is read back equal, opens elsewhere, and runs nowhere."""

import csv
import gzip
import io
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from liqcore import tables
from liqcore.feeds import files
from liqcore.heat.grid import GridError, HeatGrid, Provenance, VenueCoverage
from liqcore.tables import TableError

MOMENTS = st.integers(1_300_000_000_000_000, 4_000_000_000_000_000)
AMOUNTS = st.floats(1e-9, 1e9, allow_nan=False, width=64)
LABELS = st.sampled_from(["binance", "okx", "Börse 7", 'quo"ted', "com,ma", "bybit"])


@st.composite
def liquidation_tables(draw):
    rows = draw(
        st.lists(
            st.tuples(
                MOMENTS,
                LABELS,
                LABELS,
                st.sampled_from(tables.SIDES),
                AMOUNTS,
                AMOUNTS,
                AMOUNTS,
                st.sampled_from(tables.PRICE_KINDS),
                st.sampled_from(tables.COMPLETENESS),
            ),
            min_size=1,
            max_size=12,
        )
    )
    frame = pd.DataFrame(rows, columns=list(tables.LIQUIDATIONS))
    return tables.liquidations(frame.assign(time=pd.to_datetime(frame["time"], unit="us", utc=True)))


@st.composite
def candle_tables(draw):
    rows = draw(
        st.lists(
            st.tuples(MOMENTS, *[AMOUNTS] * 4, st.none() | AMOUNTS, st.floats(0, 1)),
            min_size=1,
            max_size=12,
            unique_by=lambda row: row[0],
        )
    )
    frame = pd.DataFrame(
        [
            (
                time,
                o,
                max(prices),
                min(prices),
                c,
                np.nan if volume is None else volume,
                np.nan if volume is None else volume * share,
            )
            for time, o, *prices, volume, share in rows
            for c in [prices[0]]
        ],
        columns=list(tables.CANDLES),
    )
    return tables.candles(frame.assign(time=pd.to_datetime(frame["time"], unit="us", utc=True)))


@st.composite
def venue_tables(draw):
    kind = draw(st.sampled_from(["open_interest", "funding"]))
    value = st.floats(0, 1e6) if kind == "open_interest" else st.floats(-0.1, 0.1)
    rows = draw(
        st.lists(
            st.tuples(MOMENTS, LABELS, value, st.sampled_from([1.0, 4.0, 8.0])),
            min_size=1,
            max_size=12,
            unique_by=lambda row: row[:2],
        )
    )
    frame = pd.DataFrame(rows, columns=["time", "venue", "value", "interval_hours"])
    name = "quantity" if kind == "open_interest" else "rate"
    frame = frame.rename(columns={"value": name}).assign(
        time=pd.to_datetime(frame["time"], unit="us", utc=True)
    )
    return tables.CHECKS[kind](frame[list(tables.COLUMNS[kind])])


@pytest.mark.parametrize("format", ["csv", "csv.gz", "parquet"])
@settings(max_examples=15)
@given(table=liquidation_tables() | candle_tables() | venue_tables())
def test_tables_come_back_equal(format, table):
    data = files.write_table(table, format)
    found = files.read(data)
    pd.testing.assert_frame_equal(found.table, table)
    assert found.format.startswith("Heatlab")
    assert found.rows_read == found.rows_kept == len(table)
    assert files.write_table(table, format) == data


def one(**changes):
    return tables.liquidations(
        pd.DataFrame(
            {
                "time": ["2024-03-01T00:00:00.000001Z"],
                "side": ["long"],
                "price": [60_000.0],
                "quantity": [0.1],
                **changes,
            }
        )
    )


def test_csv_is_plain_for_others():
    text = files.write_table(one(venue=["okx"])).decode()
    assert (
        text == "time,venue,symbol,side,price,quantity,notional,price_kind,completeness\n"
        "2024-03-01 00:00:00.000001Z,okx,BTC,long,60000,0.1,6000,unknown,unknown\n"
    )
    assert gzip.decompress(files.write_table(one(venue=["okx"]), "csv.gz")).decode() == text
    assert pd.read_parquet(io.BytesIO(files.write_table(one(), "parquet")))["time"].iloc[0] == pd.Timestamp(
        "2024-03-01T00:00:00.000001Z"
    )


@pytest.mark.parametrize("label", ["=1+1", "+cmd", "-2", "@SUM(A1)", '=HYPERLINK("http://x","y")', '=a,"b"'])
def test_formulas_are_disarmed_in_csv(label):
    data = files.write_table(one(venue=[label]))
    cells = next(csv.DictReader(io.StringIO(data.decode())))
    assert cells["venue"] == "'" + label
    back = files.read(data).table
    assert back["venue"].iloc[0] == "'" + label
    assert files.write_table(back) == data


def test_only_the_four_tables_are_written_and_formats_are_named():
    with pytest.raises(TableError, match="Only liquidations, candles"):
        files.write_table(pd.DataFrame({"a": [1]}))
    with pytest.raises(TableError, match=r"csv, csv\.gz, parquet"):
        files.write_table(one(), "xlsx")


def grid(seed=0, **changes):
    rng = np.random.default_rng(seed)
    shape = (6, 5)
    facts = {
        "kind": "modelled",
        "time_edges": np.datetime64("2024-03-01T00:00", "us") + np.arange(7) * np.timedelta64(900, "s"),
        "price_edges": np.geomspace(50_000, 60_000, 6),
        "long": np.round(rng.exponential(1e5, shape), 2) * (rng.random(shape) > 0.5),
        "short": np.round(rng.exponential(1e5, shape), 2) * (rng.random(shape) > 0.5),
        "outside_long": 12.5,
        "outside_short": 0.25,
        "observed": np.array([True, True, False, True, True, False]),
        "provenance": Provenance(
            source='test, "quoted"',
            venues=(
                VenueCoverage("okx", "sampled", "bankruptcy", 7, 1234.5),
                VenueCoverage("=cmd", "all", "fill", 1, 2.0),
            ),
            as_of=np.datetime64("2024-03-01T01:30", "us"),
            model="flow-identity",
            parameters=(("leverages", (5, 10.5)), ("decay", 0.5), ("note", None)),
            flags=("No open interest.", "Second."),
        ),
    }
    return HeatGrid(**{**facts, **changes})


@pytest.mark.parametrize(
    "changes",
    [{}, {"kind": "realised"}, {"price_edges": np.linspace(50_000, 60_000, 6)}, {"provenance": Provenance()}],
)
def test_heatmaps_come_back_from_json(changes):
    made = grid(**changes)
    back = files.read_grid(files.write_grid(made, "json"))
    assert back.kind == made.kind
    assert back.provenance == made.provenance
    np.testing.assert_array_equal(back.time_edges, made.time_edges)
    np.testing.assert_array_equal(back.price_edges, made.price_edges)
    np.testing.assert_array_equal(back.observed, made.observed)
    np.testing.assert_allclose(back.long, made.long, atol=0.005)
    np.testing.assert_allclose(back.short, made.short, atol=0.005)
    assert (back.outside_long, back.outside_short) == (made.outside_long, made.outside_short)


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_heatmaps_as_cells_conserve_usd(format):
    made = grid()
    data = files.write_grid(made, format)
    cells = pd.read_csv(io.BytesIO(data)) if format == "csv" else pd.read_parquet(io.BytesIO(data))
    assert cells.groupby("side", observed=True)["usd"].sum().to_numpy() == pytest.approx(
        [made.long.sum(dtype=float), made.short.sum(dtype=float)]
    )
    assert cells["kind"].unique().tolist() == ["modelled"]
    assert not cells["venues"].iloc[0].startswith("=")
    assert {"time_from", "time_to", "price_from", "price_to", "completeness"} <= set(cells)
    if format == "csv":
        assert data.startswith(b"time_from,")


def test_the_json_has_the_shape_others_read_with_candles():
    bars = tables.candles(
        pd.DataFrame(
            {
                "time": [1_709_251_200, 1_709_252_100],
                "open": [1.0, 2.0],
                "high": [3.0, 3.0],
                "low": [1.0, 1.0],
                "close": [2.0, 3.0],
            }
        )
    )
    document = json.loads(files.write_grid(grid(), "json", candles=bars))
    assert len(document["y_axis"]) == 5
    assert document["price_candlesticks"][0][:2] == [1_709_251_200, "1"]
    assert all(len(cell) == 3 for cell in document["liquidation_leverage_data"])


def coinglass(cells, levels=(90.0, 100.0, 110.0), closes=("95", "105"), wrap=True, **changes):
    found = {
        "y_axis": list(levels),
        "liquidation_leverage_data": cells,
        "price_candlesticks": [
            [1_722_676_500 + 300 * i, "95", "106", "94", close, "5"] for i, close in enumerate(closes)
        ],
        **changes,
    }
    return json.dumps({"code": "0", "data": found} if wrap else found).encode()


@pytest.mark.parametrize("wrap", [True, False])
def test_coinglass_sides_come_from_the_close_of_each_column(wrap):
    found = files.read_grid(coinglass([[0, 0, 5.0], [0, 1, 7.0], [1, 1, 11.0], [1, 2, 13.0]], wrap=wrap))
    assert found.kind == "modelled"
    np.testing.assert_array_equal(found.long, [[5, 0, 0], [0, 11, 0]])
    np.testing.assert_array_equal(found.short, [[0, 7, 0], [0, 0, 13]])
    np.testing.assert_array_equal(found.price_edges, [85, 95, 105, 115])
    assert str(found.time_edges[0]) == "2024-08-03T09:15:00.000000"
    assert np.diff(found.time_edges).astype(int).tolist() == [300_000_000] * 2
    assert any("does not tell sides" in flag for flag in found.provenance.flags)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (coinglass([[0, 124, 5.0]]), "outside its axes"),
        (coinglass([[-1, 0, 5.0]]), "outside its axes"),
        (coinglass([[0, 0, -5.0]]), "negative"),
        (coinglass([[0, 0]]), "incomplete"),
        (coinglass([], levels=(90.0,)), "two price levels"),
        (coinglass([], levels=(90.0, 80.0)), "ascend"),
        (coinglass([[0, 0, float("nan")]]), "NaN"),
        (b"{}", "no heatmap"),
        (b"[1]", "no heatmap"),
        (b'{"y_axis": [', "cut off"),
        (b"time,side\n1,2\n", "JSON"),
        (
            files.write_grid(grid(), "json").replace(b'"modelled"', b'"guessed"'),
            "realised, modelled or measured",
        ),
        (files.write_grid(grid(), "json").replace(b'"time_edges"', b'"edges"'), "incomplete"),
    ],
)
def test_broken_heatmaps_say_what_is_wrong(document, words):
    with pytest.raises(GridError, match=words):
        files.read_grid(document)
