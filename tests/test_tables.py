"""The tables let clean data in unchanged and turn everything else away with a sentence."""

import io
import re

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from pandas.testing import assert_frame_equal

from liqcore import tables
from liqcore.tables import TableError

NAMES = sorted(tables.CHECKS)
# What a reader can do about it: each sentence of an error ends with one of these.
FIX = re.compile(r"\b(?:Add|Rename|Remove|remove|Write|Use|Check|Correct|Give|Keep|Name)\b")


def raw(table: str, rows: int = 3) -> pd.DataFrame:
    """A small table as a person would type it: text times, plain columns."""
    time = [f"2026-03-01 1{row}:30" for row in range(rows)]
    return pd.DataFrame(
        {
            "liquidations": {
                "time": time,
                "side": ["long"] * rows,
                "price": [60_000.0] * rows,
                "quantity": [0.5] * rows,
            },
            "candles": {
                "time": time,
                "open": [10.0] * rows,
                "high": [12.0] * rows,
                "low": [9.0] * rows,
                "close": [11.0] * rows,
                "volume": [5.0] * rows,
                "taker_buy_volume": [2.0] * rows,
            },
            "open_interest": {"time": time, "venue": ["okx"] * rows, "quantity": [1000.0] * rows},
            "funding": {
                "time": time,
                "venue": ["okx"] * rows,
                "rate": [0.0001] * rows,
                "interval_hours": [8.0] * rows,
            },
        }[table]
    )


def spoilt(table: str, column: str, value: object, row: int = 2) -> pd.DataFrame:
    """`raw` with one value replaced; rows count from 1."""
    frame = raw(table).astype({column: object})
    frame.loc[row - 1, column] = value
    return frame


def complaint(table: str, frame: object) -> str:
    with pytest.raises(TableError) as caught:
        tables.CHECKS[table](frame)  # type: ignore[arg-type]
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    assert FIX.search(text), text
    return text


# One bad value -----------------------------------------------------------------------------------

NUMBER = "is not a number"
BAD_VALUES = [
    ("liquidations", "price", 0.0, "not above zero"),
    ("liquidations", "price", -1.0, "not above zero"),
    ("liquidations", "price", np.nan, NUMBER),
    ("liquidations", "price", None, NUMBER),
    ("liquidations", "price", np.inf, "infinite"),
    ("liquidations", "price", "sixty", NUMBER),
    ("liquidations", "price", "60,000", NUMBER),
    ("liquidations", "quantity", 0.0, "not above zero"),
    ("liquidations", "quantity", -0.5, "not above zero"),
    ("liquidations", "quantity", np.nan, NUMBER),
    ("liquidations", "quantity", -np.inf, "infinite"),
    ("liquidations", "side", "up", "is not a side"),
    ("liquidations", "side", np.nan, "is not a side"),
    ("liquidations", "side", None, "is not a side"),
    ("liquidations", "side", 1, "is not a side"),
    ("liquidations", "side", "", "is not a side"),
    ("liquidations", "side", "SELL", "order side"),
    ("liquidations", "side", "Buy", "order side"),
    ("candles", "open", 0.0, "not above zero"),
    ("candles", "low", -3.0, "not above zero"),
    ("candles", "close", "n/a", NUMBER),
    ("candles", "high", np.inf, "infinite"),
    ("candles", "volume", -1.0, "negative"),
    ("candles", "volume", "many", NUMBER),
    ("candles", "volume", np.inf, "infinite"),
    ("candles", "taker_buy_volume", -1.0, "negative"),
    ("open_interest", "quantity", -1.0, "negative"),
    ("open_interest", "quantity", np.nan, NUMBER),
    ("open_interest", "quantity", np.inf, "infinite"),
    ("funding", "rate", np.nan, NUMBER),
    ("funding", "rate", np.inf, "infinite"),
    ("funding", "rate", "0.01%", NUMBER),
    ("funding", "rate", 0.5, "not a percentage"),
    ("funding", "rate", -0.5, "not a percentage"),
    ("funding", "interval_hours", 0.0, "not above zero"),
]


@pytest.mark.parametrize(("table", "column", "value", "meaning"), BAD_VALUES)
def test_a_bad_value_is_named_with_column_row_and_fix(
    table: str, column: str, value: object, meaning: str
) -> None:
    text = complaint(table, spoilt(table, column, value))
    assert f"'{column}'" in text
    assert "row 2" in text
    assert meaning in text


def test_the_first_bad_row_counts_in_the_order_given_and_the_rest_are_counted() -> None:
    frame = raw("liquidations", 9).iloc[::-1]
    frame["price"] = [1.0, 1.0, 1.0, -7.0, 1.0, 0.0, 0.0, 1.0, 1.0]
    text = complaint("liquidations", frame)
    assert "row 4" in text
    assert "-7" in text
    assert "2 more rows" in text


def test_order_sides_are_refused_because_their_meaning_depends_on_the_venue() -> None:
    assert "depends on the venue" in complaint("liquidations", raw("liquidations").assign(side="sell"))


def test_sides_are_read_whatever_their_case_and_blanks() -> None:
    out = tables.liquidations(raw("liquidations").assign(side=["LONG", " Short ", "long"]))
    assert out["side"].tolist() == ["long", "short", "long"]


@pytest.mark.parametrize("name", ["price_kind", "completeness"])
def test_a_word_outside_the_vocabulary_is_refused_and_a_blank_is_unknown(name: str) -> None:
    text = complaint("liquidations", raw("liquidations").assign(**{name: ["unknown", "guess", "unknown"]}))
    assert f"'{name}'" in text
    assert "row 2" in text
    assert "is not one of" in text
    out = tables.liquidations(raw("liquidations").assign(**{name: ["", None, " "]}))
    assert out[name].tolist() == ["unknown"] * 3


def test_a_computed_notional_must_be_a_number_too() -> None:
    assert "'notional'" in complaint("liquidations", raw("liquidations").assign(price=1e200, quantity=1e200))
    tiny = raw("liquidations").drop(columns="quantity").assign(price=1e300, notional=1e-300)
    assert "'quantity'" in complaint("liquidations", tiny)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([True, False, True], "true/false"),
        (pd.to_datetime(["2026-01-01"] * 3), "times"),
        (pd.to_timedelta([1, 2, 3], unit="h"), "durations"),
    ],
)
def test_a_column_of_another_kind_is_no_price(values: object, kind: str) -> None:
    text = complaint("liquidations", raw("liquidations").assign(price=values))
    assert "'price'" in text
    assert kind in text


# Whole tables ------------------------------------------------------------------------------------

REQUIRED = [
    (table, column)
    for table, columns in {
        "liquidations": ("time", "side", "price"),
        "candles": ("time", "open", "high", "low", "close"),
        "open_interest": ("time", "quantity"),
        "funding": ("time", "rate"),
    }.items()
    for column in columns
]


@pytest.mark.parametrize(("table", "column"), REQUIRED)
def test_a_missing_column_is_named_with_those_found(table: str, column: str) -> None:
    frame = raw(table).rename(columns={column: "elsewhere"})
    text = complaint(table, frame)
    assert f"lack the column '{column}'" in text
    assert "elsewhere" in text


def test_liquidations_need_a_size() -> None:
    text = complaint("liquidations", raw("liquidations").drop(columns="quantity"))
    assert "'quantity'" in text
    assert "'notional'" in text


@pytest.mark.parametrize("table", NAMES)
def test_duplicated_columns_are_refused(table: str) -> None:
    frame = raw(table)
    frame = pd.concat([frame, frame[["time"]]], axis=1)
    assert "two columns named 'time'" in complaint(table, frame)


@pytest.mark.parametrize("table", NAMES)
@pytest.mark.parametrize("thing", [None, [1, 2], "events.csv", pd.Series([1.0])])
def test_only_a_table_is_a_table(table: str, thing: object) -> None:
    with pytest.raises(TableError, match=r"must be a table \(pandas DataFrame\)"):
        tables.CHECKS[table](thing)  # type: ignore[arg-type]
    with pytest.raises(TableError, match=r"must be a table \(pandas DataFrame\)"):
        tables.ensure(thing, table)  # type: ignore[arg-type]


@pytest.mark.parametrize("table", NAMES)
def test_a_frame_without_columns_lacks_the_time(table: str) -> None:
    assert "lack the column 'time' (found: none)" in complaint(table, pd.DataFrame())


@pytest.mark.parametrize("table", NAMES)
def test_an_empty_table_is_a_table(table: str) -> None:
    for out in (tables.CHECKS[table](raw(table).iloc[:0]), tables.empty(table)):
        assert tuple(out.columns) == tables.COLUMNS[table]
        assert len(out) == 0
        assert str(out["time"].dtype) == tables.TIME_DTYPE
        assert tables.ensure(out, table) is out


@pytest.mark.parametrize("table", NAMES)
def test_unsorted_rows_are_sorted_and_the_input_is_left_alone(table: str) -> None:
    frame = raw(table).iloc[[2, 0, 1]]
    before = frame.copy()
    out = tables.CHECKS[table](frame)
    assert out["time"].is_monotonic_increasing
    assert_frame_equal(out, tables.CHECKS[table](raw(table)))
    assert_frame_equal(frame, before)
    assert list(out.index) == [0, 1, 2]


@pytest.mark.parametrize("table", ["candles", "open_interest", "funding"])
def test_exact_repeats_are_dropped_and_conflicting_ones_refused(table: str) -> None:
    frame = raw(table)
    assert_frame_equal(tables.CHECKS[table](pd.concat([frame, frame])), tables.CHECKS[table](frame))
    value = {"candles": "close", "open_interest": "quantity", "funding": "rate"}[table]
    other = frame.iloc[[1]].assign(**{value: frame[value].iloc[1] * 0.99})
    text = complaint(table, pd.concat([frame, other]))
    assert "two different rows for Mar 01, 2026, 11:30 UTC" in text
    assert "clock change" in text


def test_candles_that_differ_only_in_an_unknown_volume_conflict_but_two_unknowns_are_equal() -> None:
    frame = raw("candles").drop(columns=["volume", "taker_buy_volume"])
    assert len(tables.candles(pd.concat([frame, frame]))) == len(frame)


def test_equal_liquidations_can_both_be_real() -> None:
    frame = raw("liquidations")
    assert len(tables.liquidations(pd.concat([frame, frame]))) == 2 * len(frame)


def test_two_venues_may_report_one_moment() -> None:
    frame = raw("open_interest")
    assert len(
        tables.open_interest(pd.concat([frame, frame.assign(venue="bybit", quantity=7.0)]))
    ) == 2 * len(frame)


@pytest.mark.parametrize(
    ("change", "meaning"),
    [
        ({"high": 8.0}, "the high is below the low"),
        ({"close": 13.0}, "the close lies outside"),
        ({"close": 8.0}, "the close lies outside"),
        ({"taker_buy_volume": 5.1}, "taker_buy_volume is larger than volume"),
    ],
)
def test_impossible_candles_are_refused_with_their_row(change: dict[str, float], meaning: str) -> None:
    frame = raw("candles")
    frame.loc[1, list(change)] = list(change.values())
    text = complaint("candles", frame)
    assert meaning in text
    assert "row 2" in text


def test_a_bar_may_open_at_the_previous_close_and_its_volume_may_be_unknown() -> None:
    frame = raw("candles").assign(open=20.0, volume=["5", None, "None"]).drop(columns="taker_buy_volume")
    out = tables.candles(frame)
    assert out["open"].tolist() == [20.0] * 3
    assert out["volume"].iloc[0] == 5.0
    assert out["volume"].iloc[1:].isna().all()
    assert out["taker_buy_volume"].isna().all()


def test_what_is_left_out_gets_the_stated_default() -> None:
    out = tables.liquidations(raw("liquidations"))
    first = out.iloc[0]
    assert tuple(first[["venue", "symbol", "price_kind", "completeness"]]) == (
        "unknown",
        "BTC",
        "unknown",
        "unknown",
    )
    assert tables.funding(raw("funding")[["time", "rate"]])["interval_hours"].tolist() == [8.0] * 3
    assert (
        tables.open_interest(raw("open_interest")[["time", "quantity"]])["venue"].tolist() == ["unknown"] * 3
    )


@pytest.mark.parametrize("venues", [["okx ", "", None], pd.Categorical(["okx ", "", None])])
def test_venue_labels_are_trimmed_and_blanks_are_unknown(venues: object) -> None:
    out = tables.liquidations(raw("liquidations").assign(venue=venues))
    assert out["venue"].tolist() == ["okx", "unknown", "unknown"]


def test_extra_columns_are_left_behind() -> None:
    out = tables.liquidations(raw("liquidations").assign(note="=1+1"))
    assert tuple(out.columns) == tables.LIQUIDATIONS


def test_a_time_error_reaches_through_every_table() -> None:
    for table in NAMES:
        text = complaint(table, spoilt(table, "time", "yesterday"))
        assert "Column 'time', row 2" in text


def test_microseconds_are_a_view_of_the_table() -> None:
    table = tables.liquidations(raw("liquidations"))
    values = tables.microseconds(table["time"])
    assert values.dtype == np.int64
    assert values[0] == pd.Timestamp("2026-03-01 10:30").value // 1000
    assert np.shares_memory(values, table["time"].array.view("i8"))  # type: ignore[attr-defined]


# Whatever comes in -------------------------------------------------------------------------------

amounts = st.floats(1e-6, 1e9, allow_nan=False)
# A check is a hundred small pandas calls, and four tables share each property.
few = settings(max_examples=8)
moments = st.integers(pd.Timestamp("2015-01-01").value // 1000, pd.Timestamp("2030-01-01").value // 1000)
labels = st.sampled_from(["okx", "bybit", "Binance", "x y"])


@st.composite
def frames(draw: st.DrawFn, table: str) -> pd.DataFrame:
    """Valid tables, unsorted, with and without their optional columns."""
    size = draw(st.integers(0, 6))

    def column(values: st.SearchStrategy) -> list:
        return draw(st.lists(values, min_size=size, max_size=size))

    unique = draw(st.lists(moments, min_size=size, max_size=size, unique=table != "liquidations"))
    frame = {"time": pd.to_datetime(np.array(unique, dtype="int64"), unit="us", utc=True)}
    if table == "liquidations":
        frame |= {"side": column(st.sampled_from(tables.SIDES)), "price": column(amounts)}
        size_given = draw(st.sampled_from([("quantity",), ("notional",), ("quantity", "notional")]))
        frame |= {name: column(amounts) for name in size_given}
        optional = {
            "venue": labels,
            "symbol": labels,
            "price_kind": st.sampled_from(tables.PRICE_KINDS),
            "completeness": st.sampled_from(tables.COMPLETENESS),
        }
    elif table == "candles":
        low = np.array(column(amounts))
        high = low * (1 + np.array(column(st.floats(0, 1))))
        frame |= {"open": low, "high": high, "low": low, "close": (low + high) / 2}
        volume = np.array(column(st.one_of(st.just(np.nan), st.floats(0, 1e6))), dtype="float64")
        optional = {}
        if draw(st.booleans()):
            frame |= {
                "volume": volume,
                "taker_buy_volume": volume * np.array(column(st.floats(0, 1)), dtype="float64"),
            }
    elif table == "open_interest":
        frame |= {"quantity": column(st.floats(0, 1e7))}
        optional = {"venue": labels}
    else:
        frame |= {"rate": column(st.floats(-0.1, 0.1))}
        optional = {"venue": labels, "interval_hours": st.floats(0.5, 24)}
    frame |= {name: column(values) for name, values in optional.items() if draw(st.booleans())}
    return pd.DataFrame(frame)


def rows_of(frame: pd.DataFrame) -> list[tuple]:
    """The rows as a sorted list: a bag, since rows of one time may stand in any order."""
    return sorted(
        map(
            tuple,
            frame.astype(object)
            .fillna("none")
            .astype({"time": "int64"}, errors="ignore")
            .astype(str)
            .to_numpy(),
        )
    )


@pytest.mark.parametrize("table", NAMES)
@few
@given(data=st.data())
def test_checking_twice_changes_nothing_and_ensure_returns_the_same_object(
    table: str, data: st.DataObject
) -> None:
    once = tables.CHECKS[table](data.draw(frames(table)))
    assert_frame_equal(tables.CHECKS[table](once), once)
    assert tables.ensure(once, table) is once
    assert tuple(once.columns) == tables.COLUMNS[table]


@pytest.mark.parametrize("table", NAMES)
@few
@given(data=st.data())
def test_the_order_of_rows_does_not_matter(table: str, data: st.DataObject) -> None:
    frame = data.draw(frames(table))
    order = data.draw(st.permutations(range(len(frame))))
    one, other = tables.CHECKS[table](frame), tables.CHECKS[table](frame.iloc[list(order)])
    assert one["time"].tolist() == other["time"].tolist()
    assert rows_of(one) == rows_of(other)
    assert (one.dtypes == other.dtypes).all()


@pytest.mark.parametrize("table", NAMES)
@few
@given(data=st.data())
def test_what_was_given_comes_back(table: str, data: st.DataObject) -> None:
    frame = data.draw(frames(table)).sort_values("time", kind="stable", ignore_index=True)
    out = tables.CHECKS[table](frame)
    assert len(out) == len(frame)
    for name in frame.columns:
        given_values, kept = frame[name], out[name]
        if name == "time":
            assert kept.tolist() == given_values.tolist()
        elif pd.api.types.is_numeric_dtype(given_values) and len(frame):
            np.testing.assert_array_equal(kept.to_numpy(), given_values.to_numpy())
        else:
            assert kept.tolist() == given_values.tolist()


@pytest.mark.parametrize("table", NAMES)
@few
@given(data=st.data())
def test_a_checked_table_survives_a_file(table: str, data: st.DataObject) -> None:
    once = tables.CHECKS[table](data.draw(frames(table)))
    text = once.to_csv(index=False)
    again = tables.CHECKS[table](pd.read_csv(io.StringIO(text), dtype={"venue": str, "symbol": str}))
    for name in once.columns:
        assert again[name].isna().equals(once[name].isna())
        assert again[name].dropna().tolist() == once[name].dropna().tolist(), name


@few
@given(data=st.data())
def test_the_missing_one_of_quantity_and_notional_is_computed(data: st.DataObject) -> None:
    frame = data.draw(frames("liquidations"))
    out = tables.liquidations(frame)
    if not {"quantity", "notional"} <= set(frame.columns):
        np.testing.assert_allclose(out["notional"], out["price"] * out["quantity"], rtol=1e-12)
    assert (out["notional"] > 0).all()
    assert (out["quantity"] > 0).all()


# `ensure` ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"completeness": "all"},
        {"price_kind": ["fill", "mark", "fill"]},
        {"venue": ["okx", "okx", "bybit"]},
        {"symbol": "BTC-PERP"},
        {"side": pd.Categorical(["short", "short", "long"], categories=["short", "long"])},
        {"price": [1, 2, 3]},
        {"venue": pd.Categorical(["okx", None, "okx"])},
    ],
)
def test_a_table_edited_after_its_check_is_checked_again(change: dict) -> None:
    edited = tables.liquidations(raw("liquidations")).assign(**change)
    out = tables.ensure(edited, "liquidations")
    assert out is not edited
    assert tables.ensure(out, "liquidations") is out
    name = next(iter(change))
    assert out[name].tolist() == [("unknown" if pd.isna(value) else value) for value in edited[name]]


def test_a_shuffled_table_and_one_in_local_time_are_checked_again() -> None:
    table = tables.liquidations(raw("liquidations"))
    assert_frame_equal(tables.ensure(table.iloc[[1, 2, 0]], "liquidations"), table)
    local = table.assign(time=table["time"].dt.tz_convert("Asia/Kolkata"))
    assert_frame_equal(tables.ensure(local, "liquidations"), table)


def test_a_selection_of_rows_needs_no_new_check() -> None:
    table = tables.liquidations(raw("liquidations"))
    part = table[table["price"] > 0].iloc[1:]
    assert tables.ensure(part, "liquidations") is part
