"""Numbers as people type them: read as meant, or refused with a sentence, never misread by a factor."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, strategies as st

from liqcore.risk import RiskError, parse_number

READ = {
    "$28,000": 28000,
    "28,000": 28000,
    "28 000": 28000,
    "28\u00a0000": 28000,
    "28\u202f000": 28000,
    "28'000": 28000,
    "28_000": 28000,
    "28,000.50": 28000.5,
    "28.000,5": 28000.5,
    "28.000.000,25": 28_000_000.25,
    "28.000.000": 28_000_000,
    "1,234,567.89": 1_234_567.89,
    "28 000,5": 28000.5,
    "1,5": 1.5,
    "1.5": 1.5,
    ",5": 0.5,
    ".5": 0.5,
    "0,005": 0.005,
    "0.005": 0.005,
    "1234,567": 1234.567,
    "1234.567": 1234.567,
    "28.0000": 28.0,
    "USD 28,000": 28000,
    "28000 USDT": 28000,
    "0.15 BTC": 0.15,
    "20x": 20,
    "20×": 20,
    "28k": 28000,
    "1.5m": 1_500_000,
    "1e12": 1e12,
    "5e-4": 0.0005,
    "-5": -5,
    "−5": -5,
    "-$5": -5,
    "+3": 3,
    "  7 ": 7,
    "28,000\n": 28000,
    "٢٨": 28,
    "２８": 28,
    "0": 0,
}


@pytest.mark.parametrize(("typed", "number"), READ.items())
def test_reads_what_is_meant(typed, number):
    assert parse_number(typed) == pytest.approx(number, rel=1e-15)


@pytest.mark.parametrize("value", [28, 28.0, np.float32(28), np.int64(28), Decimal("28")])
def test_takes_any_real_number(value):
    assert parse_number(value) == 28.0


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "   ",
        "abc",
        "nan",
        "inf",
        "-inf",
        "1e999",
        "--5",
        "+-5",
        "$",
        "-",
        "k",
        "x",
        "1,23,456",
        "28 00",
        "1.234.56",
        "1,234.567.8",
        "12,34,567.8",
        "1 2",
        "28,00,0",
        "5;3",
        "=1+1",
        "0x10",
        "1e5.5",
        "9" * 41,
        None,
        [28],
        True,
        float("nan"),
        float("inf"),
        10**400,
        3j,
    ],
)
def test_refuses_what_is_no_number(typed):
    with pytest.raises(RiskError, match=r"^The stop .*\.|^The stop: .*\.") as error:
        parse_number(typed, "The stop")
    assert "Traceback" not in str(error.value)


@pytest.mark.parametrize(
    ("typed", "readings"), [("28.000", ("28000", "28.000")), ("$1.500", ("1500", "1.500"))]
)
def test_names_both_readings_of_an_ambiguous_point(typed, readings):
    with pytest.raises(RiskError, match="can mean") as error:
        parse_number(typed)
    assert all(reading in str(error.value) for reading in readings)


def test_the_advice_for_an_ambiguous_point_works():
    assert parse_number("28.0000") == 28.0
    assert parse_number("28000") == 28000.0


@pytest.mark.parametrize(
    ("typed", "word"), [("€28,000", "euros"), ("28 GBP", "pounds"), ("5 %", "percentage"), ("", "empty")]
)
def test_says_what_is_wrong(typed, word):
    with pytest.raises(RiskError, match=word):
        parse_number(typed)


def test_a_percent_field_returns_a_fraction():
    assert [parse_number(typed, percent=True) for typed in ("1", "1 %", "1,0%", 1)] == [0.01] * 4


@given(st.integers(0, 10**12), st.sampled_from([",", " ", "'", "_", "\u00a0"]))
def test_grouped_whole_numbers_round_trip(number, separator):
    assert parse_number(f"{number:,}".replace(",", separator)) == number


@given(st.decimals(0, 10**9, places=2))
def test_english_and_continental_decimals_agree(number):
    english = f"{number:,.2f}"
    continental = english.translate(str.maketrans(",.", ".,"))
    assert parse_number(english) == parse_number(continental) == float(number)


@given(st.text(max_size=60))
def test_any_text_is_a_finite_number_or_a_sentence(typed):
    try:
        number = parse_number(typed)
    except RiskError as error:
        sentence = str(error)
        number = 0.0
    else:
        sentence = "Read."
    assert np.isfinite(number)
    assert sentence.endswith(".")
