"""One spelling each for what a person reads."""

import math
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from liqcore import wording

finite = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "$0"),
        (-0.0, "$0"),
        (-0.004, "$0"),
        (0.25, "$0.25"),
        (-0.25, "−$0.25"),
        (7, "$7"),
        (25, "$25"),
        (25.5, "$25.50"),
        (99.996, "$100"),
        (999, "$999"),
        (999.6, "$1.00k"),
        (1_234, "$1.23k"),
        (12_340, "$12.3k"),
        (999_600, "$1.00M"),
        (1_500_000, "$1.50M"),
        (9_996_000, "$10.0M"),
        (250e6, "$250M"),
        (1.5e9, "$1.50B"),
        (2e12, "$2.00T"),
        (-2_500, "−$2.50k"),
        (math.nan, "–"),
        (math.inf, "–"),
    ],
)
def test_money_has_one_spelling(value: float, text: str) -> None:
    assert wording.usd(value) == text


def test_a_gain_can_say_its_sign_and_nothing_gained_has_none() -> None:
    assert [wording.usd(value, signed=True) for value in (12.5, -3, 0.001, -0.001)] == [
        "+$12.50",
        "−$3",
        "$0",
        "$0",
    ]


@given(finite)
def test_an_amount_is_within_half_of_its_last_digit(value: float) -> None:
    shown = wording.usd(value)
    size = float(re.sub(r"[^\d.]", "", shown)) * {"k": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}.get(shown[-1], 1.0)
    assert (-size if shown.startswith("−") else size) == pytest.approx(value, rel=0.005001, abs=0.005001)
    assert size > 0 or shown == "$0"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (28_000, "$28,000"),
        (28_000.4, "$28,000"),
        (999.999, "$1,000"),
        (950.5, "$950.50"),
        (28.5, "$28.50"),
        (20, "$20"),
        (0.5123, "$0.5123"),
        (0.00012346, "$0.0001235"),
        (-0.0, "$0"),
        (None, "–"),
        (math.nan, "–"),
    ],
)
def test_a_price_has_one_spelling(value: float | None, text: str) -> None:
    assert wording.price(value) == text


def test_a_fine_axis_fixes_the_decimals_of_a_price() -> None:
    assert wording.price(28_000.25, digits=1) == "$28,000.2"
    assert wording.price(-0.001, digits=1) == "$0.0"


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (0.45, "45 %"),
        (1, "100 %"),
        (12.345, "1,234 %"),
        (0.0995, "10 %"),
        (0.05, "5 %"),
        (0.0123, "1.2 %"),
        (0.0042, "0.42 %"),
        (0.00005, "0.005 %"),
        (-0.012, "−1.2 %"),
        (-0.0, "0 %"),
        (None, "–"),
        (math.nan, "–"),
    ],
)
def test_per_cent_has_one_spelling(part: float | None, text: str) -> None:
    assert wording.percent(part) == text


def test_per_cent_can_keep_decimals_signs_and_what_somebody_set() -> None:
    assert wording.percent(0.0125, digits=2, signed=True) == "+1.25 %"
    assert wording.percent(-0.00001, digits=2, signed=True) == "0.00 %"
    assert wording.percent(0.125, exact=True) == "12.5 %"
    assert wording.percent(0.07, exact=True) == "7 %"


@pytest.mark.parametrize(
    ("part", "total", "text"),
    [
        (0, 5, "0 %"),
        (1, 0, "0 %"),
        (1, 1_000, "under 1 %"),
        (1, 2, "50 %"),
        (999, 1_000, "over 99 %"),
        (3, 3, "100 %"),
    ],
)
def test_a_share_never_rounds_to_none_or_all(part: float, total: float, text: str) -> None:
    assert wording.share(part, total) == text


@given(finite)
def test_nothing_ever_reads_as_a_negative_zero(value: float) -> None:
    for text in (
        wording.usd(value),
        wording.percent(value),
        wording.percent(value, digits=1),
        wording.decimal(value, 2),
        wording.decimal(value),
        wording.quantity(value),
        wording.r_multiple(value),
        wording.price(value),
        wording.duration(value),
    ):
        assert not re.fullmatch(r"−[^1-9]*", text)
        assert "-" not in text
        assert "e" not in text


@pytest.mark.parametrize(
    ("btc", "text"), [(0.125, "0.125 BTC"), (12.345, "12.3 BTC"), (4_560.4, "4,560 BTC"), (-0.0, "0 BTC")]
)
def test_a_quantity_has_one_spelling(btc: float, text: str) -> None:
    assert wording.quantity(btc) == text
    assert wording.quantity(0.12345678, exact=True) == "0.12345678 BTC"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.44, "0.4 s"),
        (5, "5 s"),
        (45, "45 s"),
        (60, "1 min"),
        (90, "1 min 30 s"),
        (3_599.7, "1 h"),
        (12_000, "3 h 20 min"),
        (12_031, "3 h 21 min"),
        (86_399, "1 d"),
        (86_400 * 2 + 3_600 * 3 + 59, "2 d 3 h"),
        (86_400 * 1_500, "1,500 d"),
        (-5_400, "−1 h 30 min"),
        (math.nan, "–"),
    ],
)
def test_a_duration_has_one_spelling(seconds: float, text: str) -> None:
    assert wording.duration(seconds) == text
    if math.isfinite(seconds):
        assert wording.duration(pd.Timedelta(seconds=seconds)) == text


@given(st.integers(0, 10**8), st.integers(1, 4))
def test_a_duration_is_within_half_of_its_last_unit(seconds: int, units: int) -> None:
    shown = wording.duration(seconds, units)
    pairs = re.findall(r"([\d,]+) (d|h|min|s)", shown)
    per = {"d": 86_400, "h": 3_600, "min": 60, "s": 1}
    total = sum(int(many.replace(",", "")) * per[unit] for many, unit in pairs)
    order = list(per)
    finest = per[order[min(order.index(pairs[0][1]) + units - 1, 3)]]
    assert len(pairs) <= units
    assert abs(total - seconds) <= max(finest, 1) / 2 or shown == wording.duration(total, units)
    assert all(
        int(many.replace(",", "")) < {"h": 24, "min": 60, "s": 60}.get(unit, 10**9) for many, unit in pairs
    )


def test_spans_before_a_noun_and_ages() -> None:
    assert wording.adjective(np.timedelta64(15, "m")) == "15-minute"
    assert wording.adjective(pd.Timedelta(hours=4)) == "4-hour"
    assert wording.adjective(86_400) == "1-day"
    now = pd.Timestamp("2026-03-01", tz="UTC")
    assert [wording.age(now - pd.Timedelta(seconds=s), now) for s in (5, 300, 7_200, 259_200, -9)] == [
        "5 s",
        "5 min",
        "2 h",
        "3 d",
        "0 s",
    ]


def test_counts_take_their_plural() -> None:
    assert wording.count(1, "bar") == "1 bar"
    assert wording.count(0, "bar") == "0 bars"
    assert wording.count(1_200, "copy", "copies") == "1,200 copies"


def test_a_moment_is_utc_on_24_hours_and_says_another_year() -> None:
    now = pd.Timestamp("2026-06-01", tz="UTC")
    moment = pd.Timestamp("2026-04-20 15:30:05", tz="UTC")
    assert wording.when(moment, now) == "Apr 20, 15:30 UTC"
    assert wording.when(moment, now, seconds=True) == "Apr 20, 15:30:05 UTC"
    assert wording.when(moment - pd.DateOffset(years=2), now) == "Apr 20, 2024, 15:30 UTC"
    assert wording.when(moment) == "Apr 20, 2026, 15:30 UTC"
    assert wording.when(np.datetime64("2026-04-20"), now) == "Apr 20, 00:00 UTC"
    assert wording.when(pd.Timestamp("2026-04-20 01:00", tz="Asia/Tokyo"), now) == "Apr 19, 16:00 UTC"
    assert wording.when(pd.NaT, now) == "–"
    assert wording.iso(moment) == "2026-04-20T15:30:05Z"
    assert wording.period("2026-04-20", "2026-04-22T12:00", now) == "Apr 20, 00:00 to Apr 22, 12:00 UTC"


def test_lists_cases_and_markdown() -> None:
    assert wording.joined(["a", "b", "c"]) == "a, b and c"
    assert wording.joined(["a", "b"], "or") == "a or b"
    assert wording.joined([]) == ""
    assert wording.sentence_case("macd and rsi fall") == "MACD and RSI fall"
    assert wording.markdown(wording.markdown("$1 to $2")) == r"\$1 to \$2"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("![p](http://e.co/p.png)", "!\\[p\\](http:\u2060//e.co/p.png)"),
        ("\\[x](y)", "\\[x\\](y)"),
        ("\\\\[x](y)", "\\\\\\[x\\](y)"),
        ("\\\\$a\\\\$", "\\\\\\$a\\\\\\$"),
        (":red[gain] ::note", ":\u2060red\\[gain\\] :\u2060:\u2060note"),
        (":material/home: :+1: at 12:30:45", ":\u2060material/home: :\u2060+1: at 12:30:45"),
        ("&lt;b&gt; & &#58;", "\\&lt;b\\&gt; & \\&#58;"),
        ("# A\n> b\n#1", "\\# A\n\\> b\n#1"),
        ("www.e.co, a@e.co, @you", "www\u2060.e.co, a@\u2060e.co, @you"),
        ("a\u202eb\u2066c\u200fd", "abcd"),
        ("**own** *words*\n- one", "**own** *words*\n- one"),
    ],
)
def test_names_from_outside_lose_their_meaning_in_markdown(written, shown) -> None:
    assert wording.markdown(written) == shown
    assert wording.markdown(shown) == shown


@pytest.mark.parametrize("written", ["__init__.csv", "a*b*c", "x**y", "~1~ $2", "_liq_[x].csv", "BTC_USDT_1"])
def test_a_name_is_no_emphasis(written) -> None:
    shown = wording.name(written)
    assert wording.name(shown) == wording.markdown(shown) == shown
    assert not re.search(r"(?<!\\)[*_~\[\]$]", shown)
    assert re.sub(r"\\(?=[*_~\[\]$])", "", shown) == written


def test_file_sizes() -> None:
    sizes = (800, 1_234, 45_000, 3.4 * 1024**2, 60 * 1024**2)
    assert [wording.file_size(many) for many in sizes] == ["800 B", "1.2 kB", "44 kB", "3.4 MB", "60 MB"]


def test_venues_are_spelled_as_their_own_files_do() -> None:
    from liqcore.feeds.venues.registry import VENUES

    # Files say Binance of all its contracts together, which is not the venue that is asked alone.
    named = {name: row.name for name, row in VENUES.items()} | {"binance": "Binance"}
    assert {name: wording.venue(name) for name in VENUES} == named
    assert wording.venue("my desk") == "my desk"
