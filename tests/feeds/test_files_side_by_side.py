"""What stands beside the numbers and changes them: other lists, clocks, venues, lengths, money and copies."""

import json

import numpy as np
import pandas as pd
import pytest
from file_kinds import Kind, Upload, bars, events, micros, wrong

from liqcore.feeds import files
from liqcore.tables import TableError

LIQUIDATIONS = Kind("x", "liquidations", lambda truth: truth, "")
CANDLES = Kind("x", "candles", lambda truth: truth, "")


def csv(table, name="x.csv", **given):
    return files.read(Upload(name, pd.DataFrame(table).to_csv(index=False).encode()), **given)


def answer(document, name="x.json", **given):
    return files.read(Upload(name, json.dumps(document).encode()), **given)


def plain(**columns):
    truth = events()
    return pd.DataFrame(
        {
            "time": micros(truth["time"]) // 1000,
            **{name: truth[name] for name in ("price", "side", "quantity")},
        }
    ).assign(**columns)


def rows():
    return json.loads(plain().to_json(orient="records"))


def arrays():
    truth = bars().assign(time=micros(bars()["time"]) // 1000)
    return truth[["time", "open", "high", "low", "close", "volume"]].to_numpy().tolist()


# Lists side by side in one JSON document


def split(by):
    out = {}
    for row, name in zip(rows(), by, strict=True):
        out.setdefault(name, []).append(row)
    return out


@pytest.mark.parametrize(
    "document",
    [
        split([f"{row['side']}s" for row in rows()]),
        split(["binance"] * 10 + ["bybit"] * 14),
        split(["2025-03-10"] * 10 + ["2025-03-11"] * 14),
        {"ETH": [{**row, "price": row["price"] / 40} for row in rows()], "BTC": rows()},
        [{"data": {"list": part}} for part in (rows()[:9], rows()[9:])],
        {str(place): row for place, row in enumerate(rows())},
    ],
    ids=["sides", "venues", "days", "coins", "pages", "one row a name"],
)
def test_every_list_of_a_document_is_read(document):
    found = answer(document)
    assert not wrong(found, LIQUIDATIONS)
    if "bybit" in document:
        assert found.venues == ("binance", "bybit")


def test_the_list_of_bitcoin_is_read_and_pages_of_bars_are_joined():
    other = [[row[0], *(cell / 40 for cell in row[1:5]), row[5]] for row in arrays()]
    found = answer({"ETHUSDT": other, "BTCUSDT": arrays()})
    assert not wrong(found, CANDLES)
    assert any("'BTCUSDT' was read" in note for note in found.notes)
    assert not wrong(answer([arrays()[:15], arrays()[15:]]), CANDLES)


def test_lists_whose_names_say_nothing_are_not_chosen_between():
    with pytest.raises(TableError, match=r"several tables side by side \('before', 'after'\)"):
        answer({"before": rows()[:9], "after": rows()[9:]})


def test_a_market_beside_the_rows_is_believed_whatever_it_is_called():
    with pytest.raises(TableError, match="X:BTCEUR"):
        answer({"ticker": "X:BTCEUR", "results": arrays()})
    assert not wrong(answer({"ticker": "X:BTCUSD", "market": "spot", "results": arrays()}), CANDLES)


# Clocks


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York", "Asia/Kolkata"])
@pytest.mark.parametrize("names", [("time", "timestamp"), ("date", "unix")])
def test_unix_times_go_before_a_clock_of_another_zone(zone, names):
    local = events()["time"].dt.tz_convert(zone).dt.tz_localize(None).dt.strftime("%Y-%m-%d %H:%M:%S.%f")
    table = plain().rename(columns={"time": names[1]})
    assert not wrong(csv({names[0]: local, **table}), LIQUIDATIONS)


def test_the_close_of_a_bar_is_no_clock_of_another_zone():
    truth = bars()
    shown = truth["time"].dt.strftime("%Y-%m-%d %H:%M:%S")
    close = micros(truth["time"] + pd.Timedelta("15min")) // 1000
    found = csv({"time": shown, "unix": close, **truth.drop(columns=["time", "buys"])})
    assert not wrong(found, CANDLES)


def test_a_zone_in_the_lines_before_the_table_is_that_of_its_clocks():
    local = events()["time"].dt.tz_convert("Europe/Berlin").dt.tz_localize(None).astype(str)
    for before in ("# times in Europe/Berlin\n", "Report\nTime zone: Europe/Berlin\n\n"):
        found = files.read(Upload("x.csv", (before + plain(time=local).to_csv(index=False)).encode()))
        assert not wrong(found, LIQUIDATIONS)
        assert any("those of Europe/Berlin" in note for note in found.notes)
        assert not wrong(
            files.read(Upload("x.csv", (before + plain().to_csv(index=False)).encode())), LIQUIDATIONS
        )
    # A pair of coins is no zone.
    plain_clock = events()["time"].dt.tz_localize(None).astype(str)
    text = "# BTC/USDT of Binance/Futures\n" + plain(time=plain_clock).to_csv(index=False)
    assert not wrong(files.read(Upload("x.csv", text.encode())), LIQUIDATIONS)


def test_a_word_among_unix_times_is_named_with_its_own_row():
    text = plain().to_csv(index=False) + "Total,,,12.3\n"
    with pytest.raises(TableError, match="row 25: 'Total' is not a Unix time"):
        files.read(Upload("x.csv", text.encode()))


# Bars of several kinds at one time


@pytest.mark.parametrize(
    ("column", "one", "other"), [("exchange", "binance", "bybit"), ("interval", "15m", "1h")]
)
def test_bars_of_two_kinds_are_not_versions_of_one(column, one, other):
    truth = bars().drop(columns="buys")
    later = truth.assign(high=truth["high"] + 4, close=truth["close"] + 3)[
        :: 1 if column == "exchange" else 4
    ]
    table = pd.concat([truth.assign(**{column: one}), later.assign(**{column: other})])
    with pytest.raises(TableError, match=f"'{one}' and '{other}' in '{column}'"):
        csv(table)
    assert not wrong(csv(truth.assign(**{column: one})), CANDLES)


# What a venue counts


@pytest.mark.parametrize(
    ("name", "given"),
    [("okx_BTC_USDT_USDT_15m.csv", {}), ("x.csv", {"venue": "OKX"}), ("x.csv", {"column": "okx"})],
)
def test_a_volume_of_a_venue_that_counts_contracts_is_unknown(name, given):
    truth = bars().drop(columns="buys")
    column = {"exchange": given.pop("column")} if "column" in given else {}
    found = csv(truth.assign(volume=truth["volume"] * 100, **column), name, **given)
    assert found.table["volume"].isna().all()
    assert any("may count contracts" in note for note in found.notes)


def test_a_spot_market_of_such_a_venue_is_in_btc():
    assert not wrong(csv(bars().drop(columns="buys"), "okx_spot_BTC_USDT.csv"), CANDLES, volume=True)


def test_htx_bars_are_in_btc():
    truth = bars()
    data = [
        {
            "id": int(row.time.timestamp()),
            "open": row.open,
            "close": row.close,
            "low": row.low,
            "high": row.high,
            "amount": row.volume,
            "vol": round(row.volume * 2000),
            "count": 5,
        }
        for row in truth.itertuples()
    ]
    assert not wrong(
        answer({"ch": "market.BTC-USDT.kline.15min", "data": data}, "htx.json"), CANDLES, volume=True
    )


def test_a_column_of_other_money_is_seen_beside_a_column_of_coins():
    both = pd.concat([plain(base="BTC", quote="USDT"), plain(base="BTC", quote="EUR", price=70_000)])
    found = csv(both)
    assert not wrong(found, LIQUIDATIONS)
    assert any("24 rows were left out because they are priced in other money" in note for note in found.notes)


# Bars that are no prices


def test_bars_of_open_interest_are_told_by_the_files_name():
    held = bars()
    table = pd.DataFrame({"time": micros(held["time"]) // 1000}).assign(
        **{name: held[name] for name in ("open", "high", "low", "close")}
    )
    assert csv(table).kind == "candles"
    for name in ("BINANCE_BTCUSDT.P_OI, 15.csv", "coinglass-open-interest.csv"):
        found = csv(table, name)
        assert found.kind == "open_interest"
        assert found.table["quantity"].to_numpy() == pytest.approx(held["open"].to_numpy())
    with pytest.raises(TableError, match="bars of 'premium' and not of the price"):
        csv(table, "BTCUSDT-premium.csv")
    # Prices beside which open interest stands keep their kind.
    assert csv(table.assign(volume=held["volume"]), "ohlcv_oi.csv").kind == "candles"


# Rates and totals that are something else


def funding(rate, hours=8):
    return csv(
        {"time": pd.date_range("2025-03-01", periods=len(rate), freq=f"{hours}h"), "funding_rate": rate}
    )


def test_per_cent_of_an_hour_are_no_fraction():
    rate = np.random.default_rng(1).normal(1.25e-5, 5e-6, 60)
    assert funding(rate, 1).table["rate"].to_numpy() == pytest.approx(rate)
    with pytest.raises(TableError, match="may be in percent"):
        funding(rate * 100, 1)
    # The same number is a fraction that was paid where it is for eight hours, and told to be high.
    assert not funding(rate * 100).doubts
    assert funding(rate * 300).doubts[0].severity == 3


def totals(long, short):
    time = pd.date_range("2025-03-10", periods=len(long), freq="15min")
    candles = csv(bars().drop(columns="buys")).table
    return csv({"time": time, "long": long, "short": short}, candles=candles)


def test_shares_and_running_sums_are_no_totals():
    rng = np.random.default_rng(2)
    long, short, share = *rng.uniform(1e5, 3e6, (2, 40)), rng.uniform(0.4, 0.6, 40)
    found = totals(long, short).table
    assert found.loc[found["side"] == "long", "notional"].sum() == pytest.approx(long.sum())
    for whole in (1, 100):
        with pytest.raises(TableError, match="shares of longs and shorts"):
            totals(share * whole, (1 - share) * whole)
    with pytest.raises(TableError, match="only ever grow"):
        totals(long.cumsum(), short.cumsum())
    # Sums that begin anew at midnight run on all the same.
    with pytest.raises(TableError, match="only ever grow"):
        totals(*(np.concatenate([part[:25].cumsum(), part[25:].cumsum()]) for part in (long, short)))


def test_totals_that_a_chart_draws_downwards_are_read():
    long, short = np.random.default_rng(3).uniform(1e5, 3e6, (2, 40))
    found = totals(long, -short)
    assert found.table.loc[found.table["side"] == "short", "notional"].sum() == pytest.approx(short.sum())
    assert any("below zero" in note for note in found.notes)
    with pytest.raises(TableError, match="not above zero"):
        totals(long, np.where(np.arange(40) == 7, -short, short))


def test_cells_in_two_units_are_not_added_up():
    truth = events()
    coins = [f"{quantity} BTC" for quantity in truth["quantity"]]
    assert not wrong(csv(plain(quantity=coins)), LIQUIDATIONS)
    with pytest.raises(TableError, match=r"two units: '[0-9.]+ BTC' and '25.5 USDT'"):
        csv(plain(quantity=["25.5 USDT", *coins[1:]]))


# Copies


def test_a_stretch_that_is_told_twice_counts_once():
    whole = plain()
    found = csv(pd.concat([whole, whole]))
    assert not wrong(found, LIQUIDATIONS)
    assert found.doubled_dropped == 24
    assert "24 doubled rows were dropped" in found.summary
    # Two downloads that overlap by their half.
    many = pd.concat([plain(price=80_000 + at, time=plain()["time"] + at * 3_600_000) for at in range(4)])
    assert len(csv(pd.concat([many[:60], many[30:]])).table) == len(many)


def test_two_equal_liquidations_stay():
    found = csv(pd.concat([plain(), plain()[:3]]))
    assert len(found.table) == 27
    assert any("3 exact copies" in note for note in found.notes)


# What a word or a name beside the numbers changes


def deribit(marks):
    truth = events().assign(mark=marks)
    order = np.where(truth["side"] == "long", "sell", "buy")
    taken = np.where(truth["mark"] == "M", np.where(order == "buy", "sell", "buy"), order)
    return [
        {
            "trade_seq": place,
            "trade_id": str(place),
            "timestamp": int(row.time.timestamp() * 1000),
            "tick_direction": 0,
            "price": row.price,
            "liquidation": row.mark,
            "instrument_name": "BTC_USDC-PERPETUAL",
            "direction": direction,
            "amount": row.quantity,
        }
        for place, (row, direction) in enumerate(zip(truth.itertuples(), taken, strict=True))
    ]


def test_a_makers_liquidation_at_deribit_is_of_the_other_side():
    found = answer(deribit(["T", "M"] * 12))
    assert not wrong(found, LIQUIDATIONS)
    assert found.venues == ("deribit",)
    both = answer(deribit(["T", "M", "MT"] * 8))
    assert len(both.table) == 16
    assert any("against each other" in note for note in both.notes)
    with pytest.raises(TableError, match="ordinary trades"):
        answer(deribit(["T", None] * 12))


def test_a_dated_future_in_the_name_is_said():
    truth = bars().drop(columns="buys")
    assert any("dated future (BTCUSDT_250328)" in note for note in csv(truth, "BTCUSDT_250328-15m.csv").notes)
    assert not any("dated" in note for note in csv(truth, "BTCUSDT-15m-2025-03-10.csv").notes)


def test_an_open_interest_of_whole_numbers_is_doubted():
    held = np.round(8_000 + 40 * np.sin(np.arange(40)))
    table = {"time": bars()["time"], "open_interest": held}
    assert "whole numbers" in csv(table).doubts[0]
    assert not csv({**table, "open_interest": held + 0.25}).doubts
    assert not csv(table, venue="bybit", mapping={"quantity_unit": "BTC"}).doubts
