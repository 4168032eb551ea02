"""Units, zones and times that a file does not say, or says in an unusual place: right, asked or refused."""

from __future__ import annotations

import io
import json

import numpy as np
import pandas as pd
import pytest

from liqcore import tables
from liqcore.feeds import files
from liqcore.feeds.files import MappingNeeded
from liqcore.tables import TableError

N = 30
TIMES = pd.date_range("2025-03-10 12:00", periods=N, freq="1h", tz="UTC")
ISO = TIMES.strftime("%Y-%m-%dT%H:%M:%SZ")
CLOCK = TIMES.strftime("%Y-%m-%d %H:%M:%S")
MS = [int(one.timestamp() * 1000) for one in TIMES]
PRICE = 82_000.0
BTC = 80_000.0 + np.arange(N)
CANDLES = tables.candles(
    pd.DataFrame(
        {
            "time": TIMES - pd.Timedelta("1h"),
            **dict.fromkeys(("open", "close"), PRICE),
            "high": PRICE + 1,
            "low": PRICE - 1,
            "volume": 10.5,
        }
    )
)


def named(name: str, content: str) -> io.BytesIO:
    out = io.BytesIO(content.encode())
    out.name = name
    return out


def csv(name: str = "x.csv", /, **columns: object) -> io.BytesIO:
    return named(name, pd.DataFrame(columns).to_csv(index=False))


def interest(**columns: object) -> files.FileContents:
    return files.read(csv(time=ISO, **columns), candles=CANDLES)


# Open interest


@pytest.mark.parametrize(
    "columns",
    [
        {"oi": BTC * 100, "oiCcy": BTC, "oiUsd": BTC * PRICE},
        {"open_interest": BTC * 10_000, "open_interest_usd": BTC * PRICE},
        {"openInterestAmount": BTC * 100, "openInterestValue": BTC * PRICE},
        {"sumOpenInterest": (BTC * PRICE / 100), "sumOpenInterestValue": BTC},
        {"sumOpenInterest": BTC, "sumOpenInterestValue": BTC * PRICE},
        {"open_interest": BTC},
        {"open_interest": BTC * PRICE},
        {"open_interest_usd": BTC * PRICE},
        {"open_interest": BTC * PRICE, "exchange": "bitmex", "symbol": "XBTUSD"},
        {"open_interest": BTC, "exchange": "bybit", "symbol": "BTCUSDT"},
    ],
    ids=lambda columns: "+".join(columns),
)
def test_open_interest_is_btc_whatever_stands_beside_it(columns):
    found = interest(**columns)
    assert found.kind == "open_interest"
    np.testing.assert_allclose(found.table["quantity"], BTC, rtol=1e-6)


@pytest.mark.parametrize(
    "columns",
    [
        {"open_interest": BTC * 100},
        {"open_interest": BTC * 10_000},
        {"open_interest": BTC, "exchange": "okx", "symbol": "BTC-USDT-SWAP"},
        {"open_interest": BTC * 1_000, "exchange": "htx", "symbol": "BTC-USDT"},
    ],
    ids=str,
)
def test_open_interest_that_could_be_contracts_is_asked_for(columns):
    with pytest.raises(MappingNeeded, match="contracts or USD") as asked:
        interest(**columns)
    assert asked.value.missing == ("quantity_unit",)
    assert "contracts" in asked.value.choices["quantity_unit"]


def test_the_unit_of_open_interest_can_be_chosen():
    for venue, symbol, size in (("okx", "BTC-USDT-SWAP", 0.01), ("htx", "BTC-USDT", 0.001)):
        file = csv(time=ISO, exchange=venue, symbol=symbol, open_interest=BTC / size)
        found = files.read(file, mapping={"quantity_unit": "contracts"})
        np.testing.assert_allclose(found.table["quantity"], BTC)
    inverse = csv(time=ISO, exchange="okx", symbol="BTC-USD-SWAP", open_interest=BTC * PRICE / 100)
    found = files.read(inverse, mapping={"quantity_unit": "contracts"}, candles=CANDLES)
    np.testing.assert_allclose(found.table["quantity"], BTC)
    plain = csv(time=ISO, open_interest=BTC * PRICE / 100)
    found = files.read(plain, mapping={"quantity_unit": "100-USD contracts"}, candles=CANDLES)
    np.testing.assert_allclose(found.table["quantity"], BTC)
    with pytest.raises(TableError, match="without the venue"):
        files.read(csv(time=ISO, open_interest=BTC * 100), mapping={"quantity_unit": "contracts"})


@pytest.mark.parametrize("unit", [None, "BTC", "USD", "contracts", "100-USD contracts"])
@pytest.mark.parametrize("broken", [1, N])
def test_a_word_among_open_interest_is_named_with_its_row(unit, broken):
    held = [*BTC.astype(str)[:-broken], *["long"] * broken]
    with pytest.raises(TableError, match=r"'long' is not a number") as told:
        files.read(csv(time=ISO, oi=held), mapping={} if unit is None else {"quantity_unit": unit})
    assert f"row {N - broken + 1}" in str(told.value)


def test_open_interest_in_millions_is_refused():
    with pytest.raises(TableError, match="thousands or millions"):
        interest(open_interest_usd=BTC * PRICE / 1e6)


# Liquidations and volume


def events(**columns: object) -> dict[str, object]:
    given = {"time": ISO, "price": PRICE + np.arange(N) / 2, "side": ["long", "short"] * (N // 2)}
    return {**given, **columns}


def test_whole_numbers_without_a_venue_are_asked_for():
    with pytest.raises(MappingNeeded, match="whole numbers") as asked:
        files.read(csv(**events(quantity=np.arange(1, N + 1))))
    assert asked.value.missing == ("quantity_unit",)
    found = files.read(csv(**events(quantity=np.arange(1, N + 1))), mapping={"quantity_unit": "BTC"})
    assert found.table["quantity"].sum() == N * (N + 1) / 2
    assert len(files.read(csv(**events(quantity=np.arange(1, N + 1) / 100))).table) == N


def test_liquidations_of_less_than_any_order_are_doubted():
    many = {name: list(value) * 2 for name, value in events(notional=np.full(N, 0.31)).items()}
    # Twice the same rows would be one download told twice.
    many["price"] = [price + (row >= N) / 10 for row, price in enumerate(many["price"])]
    assert files.read(csv(**many)).doubts[0].severity == 3
    assert "thousands, millions" in files.read(csv(**many)).doubts[0]


def bars(volume: object) -> files.FileContents:
    return files.read(csv(time=ISO, open=PRICE, high=PRICE + 5, low=PRICE - 5, close=PRICE, volume=volume))


def test_a_volume_of_whole_numbers_is_doubted():
    assert any("whole numbers" in doubt for doubt in bars(np.arange(N) + 400).doubts)
    assert not any("whole numbers" in doubt for doubt in bars(np.arange(N) + 400.25).doubts)


# Funding


@pytest.mark.parametrize("name", ["funding_rate", "funding rate %", "funding_rate_pct"])
def test_a_percent_sign_in_the_cell_is_read_once(name):
    found = files.read(csv(**{"time": ISO, name: ["0.0125%"] * N}))
    assert found.kind == "funding"
    np.testing.assert_allclose(found.table["rate"], 0.000125)


def test_rates_that_bitcoin_never_paid_are_refused():
    with pytest.raises(TableError, match="in percent"):
        files.read(csv(time=ISO, funding_rate=np.full(N, 0.0125)))


def test_an_hour_is_one_hour():
    notes = " ".join(files.read(csv(time=ISO, funding_rate=np.full(N, 0.0001))).notes)
    assert "1 hour taken" in notes


# Clocks


@pytest.mark.parametrize(
    ("column", "hours"),
    [
        ("Time (Europe/Berlin)", 1),
        ("Date [New York]", -4),
        ("Time (Tokyo)", 9),
        ("Time (UTC)", 0),
        ("Time", 0),
    ],
)
def test_a_zone_in_the_columns_name_is_kept(column, hours):
    found = files.read(
        csv(**{column: CLOCK, **{k: v for k, v in events().items() if k != "time"}, "quantity": 0.5})
    )
    assert found.start == TIMES[0] - pd.Timedelta(hours=hours)


@pytest.mark.parametrize(
    "column", ["Time (EST)", "Time [CET]", "Local time", "timestamp (IST)", "local_time"]
)
def test_a_clock_that_is_only_called_another_is_asked_for(column):
    table = {column: CLOCK, **{k: v for k, v in events().items() if k != "time"}, "quantity": 0.5}
    with pytest.raises(TableError, match="which is not UTC"):
        files.read(csv(**table))
    found = files.read(csv(**table), zone="Europe/Berlin")
    assert found.start == TIMES[0] - pd.Timedelta("1h")


def test_utc_goes_before_local():
    local = (TIMES + pd.Timedelta("8h")).strftime("%Y-%m-%d %H:%M:%S")
    table = {"Date(Local)": local, "Date(UTC)": CLOCK, **events(quantity=0.5)}
    del table["time"]
    assert files.read(csv(**table)).start == TIMES[0]


def test_times_to_come_are_doubted_when_the_moment_is_known():
    now = TIMES[-1]
    rows = [*ISO[:-1], "2035-03-08T10:00:00Z"]
    late = files.read(csv(**events(time=rows, quantity=0.5)), now=now)
    assert (late.doubts[0].severity, late.doubts[0].split(",")[0]) == (3, "1 row lies in the future")
    assert not any("future" in note for note in files.read(csv(**events(quantity=0.5)), now=now).notes)


def test_answers_of_a_coin_settled_market_are_in_btc():
    rows = [
        {
            "pair": "BTCUSD",
            "sumOpenInterest": str(round(btc * 820)),
            "sumOpenInterestValue": str(btc),
            "timestamp": ms,
        }
        for btc, ms in zip(BTC, MS, strict=True)
    ]
    found = files.read(named("openInterestHist.json", json.dumps(rows)), candles=CANDLES)
    np.testing.assert_allclose(found.table["quantity"], BTC)


# Rows that are no liquidations

HIT = np.arange(N) % 6 == 0


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("liquidation", HIT),
        ("is_liquidation", np.zeros(N, dtype=bool)),
        ("liquidation", np.where(HIT, "T", "none")),
        ("isLiquidation", np.where(HIT, "Y", "N")),
        ("liquidated", HIT.astype(int)),
        ("liquidation", np.where(HIT, "T", "")),
        ("type", np.where(HIT, "liquidation", "market")),
        ("order_type", np.where(HIT, "LIQUIDATION", "LIMIT")),
        ("reason", np.where(HIT, "liq", "order")),
        ("event", np.where(HIT, "Liquidated", "")),
    ],
)
def test_rows_that_the_file_does_not_call_liquidations_are_refused(column, values):
    table = events(quantity=0.5, **{column: values})
    with pytest.raises(TableError, match="does not call liquidations"):
        files.read(csv(**table))
    with pytest.raises(TableError, match="does not call liquidations"):
        files.read(
            csv(**table), mapping={"time": "time", "side": "side", "price": "price", "quantity": "quantity"}
        )


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("liquidation", np.ones(N, dtype=bool)),
        ("type", "liquidation"),
        ("exchange", np.where(HIT, "Liquid", "binance")),
        ("note", np.where(HIT, "partial", "full")),
        ("liquidation_price", PRICE),
    ],
)
def test_files_of_liquidations_only_are_read(column, values):
    assert len(files.read(csv(**events(quantity=0.5, **{column: values}))).table) == N


def market(volume: np.ndarray) -> files.FileContents:
    """Candles of a walk with these volumes."""
    rng = np.random.default_rng(4)
    close = np.round(82_000 + np.cumsum(rng.normal(0, 60, len(volume))), 1)
    opened = np.concatenate([[82_000.0], close[:-1]])
    return files.read(
        csv(
            time=pd.date_range("2025-03-10", periods=len(volume), freq="5min").strftime("%Y-%m-%dT%H:%M:%SZ"),
            open=opened,
            high=np.maximum(opened, close) + 20,
            low=np.minimum(opened, close) - 20,
            close=close,
            volume=volume,
        )
    )


def test_volumes_that_no_market_had_and_a_unit_that_changes_are_doubted():
    usual = np.round(np.random.default_rng(3).lognormal(4, 0.8, 300), 3)
    crash = np.where(np.arange(300) == 150, usual * 60, usual)
    for volume in (usual, crash, np.where(np.arange(300) < 150, usual, 8 * usual)):
        assert not any("volume" in doubt.lower() for doubt in market(volume).doubts)
    spike = market(np.where(np.arange(300) == 150, usual * 2_000, usual))
    assert (spike.doubts[0].severity, "not believable" in spike.doubts[0]) == (3, True)
    changed = market(np.where(np.arange(300) < 150, usual / 1_000, usual))
    assert (changed.doubts[0].severity, "unit changes" in changed.doubts[0]) == (3, True)


@pytest.mark.parametrize(
    ("time", "volume", "beside"),
    [("startedAt", "baseTokenVolume", "usdVolume"), ("time", "volumefrom", "volumeto")],
)
def test_names_that_some_sources_give_time_and_volume(time, volume, beside):
    held = np.arange(N) + 400.5
    bar = {"open": PRICE, "high": PRICE + 5, "low": PRICE - 5, "close": PRICE}
    found = files.read(csv(**{time: ISO, **bar, volume: held, beside: held * PRICE}))
    assert found.unit == "BTC"
    np.testing.assert_allclose(found.table["volume"], held)
