"""Times in every form they come in, and the sentences for those nobody can read."""

import re

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from liqcore import tables
from liqcore.tables import TableError

# What a reader can do about it: each error says one of these.
FIX = re.compile(r"\b(?:Remove|Write|Use|Check|Name)\b")


def times(*values: object, dtype: object = None) -> list[str]:
    out = tables.parse_time(pd.Series(list(values), name="time", dtype=dtype))  # type: ignore[call-overload]
    assert str(out.dtype) == tables.TIME_DTYPE
    return [str(moment.tz_localize(None)) for moment in out]


def time_complaint(*values: object) -> str:
    with pytest.raises(TableError) as caught:
        times(*values)
    text = str(caught.value)
    assert "'time'" in text
    assert FIX.search(text), text
    return text


MOMENT = pd.Timestamp("2026-03-01 14:30:15.123456", tz="UTC")


@pytest.mark.parametrize(("scale", "precision"), [(1, "s"), (10**3, "ms"), (10**6, "us"), (10**9, "ns")])
@pytest.mark.parametrize("form", [int, str, float])
def test_unix_time_is_told_by_its_size(scale: int, precision: str, form: type) -> None:
    whole = MOMENT.value // 1000 * scale // 10**6
    if form is float and precision == "ns":
        whole = whole // 10**9 * 10**9
    expected = pd.Timestamp(whole * (10**9 // scale)).floor("us")
    assert times(form(whole)) == [str(expected)]


def test_fractions_of_unix_seconds_survive() -> None:
    assert times(MOMENT.value / 1e9) == ["2026-03-01 14:30:15.123456"]


@pytest.mark.parametrize("year", [2009, 2017, 2026, 2099])
@pytest.mark.parametrize("scale", [1, 10**3, 10**6, 10**9])
def test_the_unit_is_right_in_every_year_that_is_let_in(year: int, scale: int) -> None:
    stamp = pd.Timestamp(f"{year}-06-01")
    assert times(int(stamp.timestamp()) * scale) == [str(stamp)]


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01 14:30:15",
        "2026-03-01T14:30:15Z",
        "2026-03-01T15:30:15+01:00",
        "2026-03-01 15:30:15 +0100",
        "2026-03-01 15:30:15+01",
        "20260301T143015Z",
        "2026-03-01 14:30:15 UTC",
        "2026/03/01 14:30:15",
        " 2026-03-01 14:30:15 ",
        "Mar 1, 2026 14:30:15",
        "2026-03-01 2:30:15 PM",
        "1 March 2026 14:30:15",
    ],
)
def test_common_ways_to_write_a_time(text: str) -> None:
    assert times(text) == ["2026-03-01 14:30:15"]


def test_datetimes_of_any_resolution_and_zone() -> None:
    wanted = ["2026-03-01 14:30:00"]
    for unit in ("s", "ms", "us", "ns"):
        naive = pd.Series(pd.DatetimeIndex(["2026-03-01 14:30"]).as_unit(unit))  # type: ignore[arg-type]
        for series in (
            naive,
            naive.dt.tz_localize("UTC"),
            naive.dt.tz_localize("UTC").dt.tz_convert("Asia/Kolkata"),
        ):
            out = tables.parse_time(series)
            assert [str(moment.tz_localize(None)) for moment in out] == wanted
    aware = pd.Timestamp("2026-03-01 14:30", tz="UTC")
    assert times(aware.tz_convert("Europe/Paris"), aware.tz_convert("Asia/Tokyo"), dtype=object) == wanted * 2


def test_offsets_across_a_clock_change_convert_each_by_its_own() -> None:
    # Paris went from +01:00 to +02:00 on 2026-03-29 and back on 2026-10-25.
    local = pd.date_range("2026-03-28 23:00", periods=5, freq="h", tz="UTC").tz_convert("Europe/Paris")
    autumn = pd.date_range("2026-10-24 23:00", periods=4, freq="h", tz="UTC").tz_convert("Europe/Paris")
    for hours in (local, autumn):
        wanted = [str(moment.tz_localize(None)) for moment in hours.tz_convert("UTC")]
        assert times(*(moment.isoformat() for moment in hours)) == wanted
        assert times(*hours, dtype=object) == wanted
        assert times(*hours) == wanted
    assert len({moment.utcoffset() for moment in local}) == 2


@pytest.mark.parametrize(
    "zoned",
    ["2026-03-01T14:30Z", "2026-03-01 14:30:00+00:00", "2026-03-01 14:30:00+00", "2026-03-01 14:30 UTC"],
)
def test_a_zone_in_some_rows_only_is_refused(zoned: str) -> None:
    plain = "2026-03-01 14:30:00"
    assert "mixes times with and without a time zone (first change in row 3)" in time_complaint(
        plain, plain, zoned
    )
    assert "first change in row 2" in time_complaint(zoned, plain, plain)
    assert "first change in row 3" in time_complaint("", zoned, plain)


def test_the_end_of_a_date_is_no_offset() -> None:
    assert times("31-03-2026", "31-03-2026 14:30") == ["2026-03-31 00:00:00", "2026-03-31 14:30:00"]


@pytest.mark.parametrize(
    "bad",
    [
        "soon",
        "now",
        "today",
        "14:30",
        "14:30:00.2026",
        "March",
        "03/01/26",
        "2026-02-30",
        "2026-13-01",
        "=1+1",
        "<html>",
    ],
)
def test_text_that_is_no_time_is_shown_with_its_row(bad: str) -> None:
    text = time_complaint("2026-03-01 14:30", bad)
    assert "row 2" in text
    assert bad in text
    assert "is not a time" in text


def test_day_or_month_is_decided_by_the_whole_column_or_not_at_all() -> None:
    assert times("12/03/2026 10:00", "13/03/2026 10:00") == ["2026-03-12 10:00:00", "2026-03-13 10:00:00"]
    assert times("03/12/2026 10:00", "03/13/2026 10:00") == ["2026-03-12 10:00:00", "2026-03-13 10:00:00"]
    assert times("24.12.2025 14:30", "01.02.2026") == ["2025-12-24 14:30:00", "2026-02-01 00:00:00"]
    for rows in (["01/03/2026", "02/03/2026"], ["13/03/2026", "03/13/2026"]):
        text = time_complaint(*rows)
        assert "row 1" in text
        assert rows[0] in text
        assert "year first" in text


@pytest.mark.parametrize("gap", ["", " ", None, np.nan, pd.NaT])
@pytest.mark.parametrize("other", ["2026-03-01 14:30", 1_772_375_415, "1772375415"])
def test_an_empty_time_is_an_empty_time_beside_text_and_beside_numbers(gap: object, other: object) -> None:
    text = time_complaint(other, other, gap)
    assert "row 3" in text
    assert "the time is empty" in text


@pytest.mark.parametrize(
    ("value", "year"),
    [
        (0, 1970),
        ("1970-01-01", 1970),
        (20_260_301, 1970),
        (-5, 1969),
        ("9999-12-31", 9999),
        ("2100-06-01", 2100),
        (pd.Timestamp("1999-01-01"), 1999),
        (np.datetime64("9999-01-01", "s"), 9999),
        (1_230_000_000, 2008),
    ],
)
def test_years_outside_bitcoin_are_named_with_their_likely_cause(value: object, year: int) -> None:
    text = time_complaint(value)
    assert f"year {year}" in text
    assert "row 1" in text
    assert "unit" in text


def test_unix_times_of_two_units_are_refused() -> None:
    seconds, milliseconds = 1_772_375_415, 1_772_375_415_000
    assert "row 3" in time_complaint(seconds, seconds, milliseconds)
    assert "row 2" in time_complaint(milliseconds, seconds, milliseconds)


@pytest.mark.parametrize("value", [np.inf, -np.inf, "1e400"])
def test_an_infinite_time_is_refused(value: object) -> None:
    assert "infinite" in time_complaint(value)


@pytest.mark.parametrize(("value", "kind"), [(True, "true/false"), (pd.Timedelta(5, "h"), "durations")])
def test_a_column_of_another_kind_is_no_time(value: object, kind: str) -> None:
    assert kind in time_complaint(value)


@settings(max_examples=20)
@given(
    st.lists(
        st.datetimes(pd.Timestamp("2009-01-04").to_pydatetime(), pd.Timestamp("2099-12-30").to_pydatetime()),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from(["iso", "zoned", "offset", "us", "datetime"]),
)
def test_one_moment_has_one_reading_however_it_is_written(moments: list, form: str) -> None:
    aware = pd.DatetimeIndex(moments, tz="UTC").as_unit("us")
    written = {
        "iso": lambda: [moment.isoformat(timespec="microseconds") for moment in moments],
        "zoned": lambda: [moment.isoformat(sep=" ") + "Z" for moment in moments],
        "offset": lambda: [moment.isoformat() for moment in aware.tz_convert("Asia/Kolkata")],
        "us": lambda: np.asarray(aware.asi8) if abs(np.median(aware.asi8)) >= 1e14 else moments,
        "datetime": lambda: aware.tz_convert("America/New_York"),
    }[form]()
    out = tables.parse_time(pd.Series(written))
    assert list(out) == list(aware)


# Small readers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("1m", 1),
        ("15min", 15),
        ("15m", 15),
        ("90 minutes", 90),
        ("1h", 60),
        ("4H", 240),
        ("1d", 1440),
        ("2 days", 2880),
        (np.timedelta64(5, "m"), 5),
        (pd.Timedelta("3h"), 180),
    ],
)
def test_timeframes(text: object, minutes: int) -> None:
    out = tables.timeframe(text)  # type: ignore[arg-type]
    assert out == np.timedelta64(minutes, "m")
    assert out.dtype == "timedelta64[us]"


@pytest.mark.parametrize(
    "text",
    [
        "1M",
        "1w",
        "0m",
        "m",
        "",
        "1.5h",
        "-1m",
        "99999999999999d",
        "fifteen",
        pd.Timedelta(0),
        pd.Timedelta("-1h"),
        None,
        5,
    ],
)
def test_what_is_no_timeframe_is_said(text: object) -> None:
    with pytest.raises(TableError, match="is not a timeframe"):
        tables.timeframe(text)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "moment",
    [
        "2026-03-01 14:30",
        "2026-03-01T15:30+01:00",
        pd.Timestamp("2026-03-01 14:30"),
        pd.Timestamp("2026-03-01 20:00", tz="Asia/Kolkata"),
        pd.Timestamp("2026-03-01 14:30").to_pydatetime(),
        np.datetime64("2026-03-01T14:30", "s"),
    ],
)
def test_one_moment_in_utc(moment: object) -> None:
    out = tables.to_datetime64(moment)
    assert out == np.datetime64("2026-03-01T14:30")
    assert out.dtype == "datetime64[us]"


@pytest.mark.parametrize(
    "moment", ["soon", "now", "14:30", "", None, pd.NaT, 1_772_375_415, 1.5, [1], "2026-13-01"]
)
def test_what_is_no_moment_is_said(moment: object) -> None:
    with pytest.raises(TableError, match="Write it like 2026-03-01 14:30"):
        tables.to_datetime64(moment)
