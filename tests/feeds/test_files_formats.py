"""Known layouts and free column names: what each becomes, and what the reader says about it."""

import io
import zipfile

import numpy as np
import pandas as pd
import pytest

from liqcore import tables
from liqcore.feeds import files
from liqcore.tables import TableError

SNAPSHOT = "time,side,order_type,time_in_force,original_quantity,price,average_price,order_status,last_fill_quantity,accumulated_fill_quantity"  # noqa: E501
START = 1_705_276_800_000


class Upload(io.BytesIO):
    """A file object with a name and a size, as a page's upload widget gives it."""

    def __init__(self, name, data):
        super().__init__(data)
        self.name, self.size = name, len(data)


def upload(name, *lines):
    return Upload(name, ("\n".join(lines) + "\n").encode())


def snapshot(*rows, head=SNAPSHOT, name="snapshot.csv"):
    return upload(name, *([head] if head else []), *rows)


def order(minute, side, quantity, price=42_000.0, average=42_010.5, filled=None):
    filled = quantity if filled is None else filled
    return f"{START + 60_000 * minute},{side},LIMIT,IOC,{quantity},{price},{average},FILLED,{filled},{filled}"


def bars(count=96, freq="15min", start="2024-01-15", price=40_000.0, seed=3):
    """Candles of a random walk in which each bar opens at the close before."""
    rng = np.random.default_rng(seed)
    close = price * np.exp(np.cumsum(rng.normal(0, 0.002, count)))
    opened = np.concatenate([[price], close[:-1]])
    wide = np.abs(rng.normal(0, 0.001, (2, count)))
    return tables.candles(
        pd.DataFrame(
            {
                "time": pd.date_range(start, periods=count, freq=freq, tz="UTC"),
                "open": opened,
                "high": np.maximum(opened, close) * (1 + wide[0]),
                "low": np.minimum(opened, close) * (1 - wide[1]),
                "close": close,
                "volume": rng.lognormal(3, 1, count),
            }
        )
    )


# Binance liquidationSnapshot


def test_coin_margined_snapshot_from_the_archive():
    rows = [order(0, "SELL", 25), order(1, "BUY", 100, 42_100.0, 42_050.0)]
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "BTCUSD_PERP-liquidationSnapshot-2024-01-15.csv",
            "\n".join([SNAPSHOT, *(row for row in rows for _ in "12")]),
        )
    found = files.read(Upload("BTCUSD_PERP-liquidationSnapshot-2024-01-15.zip", sink.getvalue()))
    table = found.table
    assert table["side"].tolist() == ["long", "short"]
    assert table["notional"].tolist() == [2_500.0, 10_000.0]
    assert table["price"].tolist() == [42_010.5, 42_050.0]
    assert table["quantity"].to_numpy() == pytest.approx([2_500 / 42_010.5, 10_000 / 42_050])
    assert table["symbol"].unique().tolist() == ["BTCUSD_PERP"]
    assert table["price_kind"].unique().tolist() == ["fill"]
    assert table["completeness"].unique().tolist() == ["sampled"]
    assert (found.rows_read, found.rows_kept, found.doubled_dropped) == (4, 2, 2)
    assert (found.venues, found.unit, found.format) == (
        ("binance",),
        "100-USD contracts",
        "Binance liquidationSnapshot (COIN-M)",
    )
    assert "2 doubled rows were dropped" in found.summary
    assert any("told by the file name" in note for note in found.notes)


@pytest.mark.parametrize(
    ("name", "quantities", "unit", "how"),
    [
        ("BTCUSDT-liquidationSnapshot-2023-01-15.csv", (1, 2), "BTC", "file name"),
        ("BTCUSD_240329-liquidationSnapshot.csv", (1, 2), "100-USD contracts", "file name"),
        ("download.csv", (0.5, 2), "BTC", "fractions"),
        ("download (3).csv", (20, 2), "100-USD contracts", "whole numbers"),
    ],
)
def test_what_a_snapshot_counts_is_told_and_said(name, quantities, unit, how):
    found = files.read(
        snapshot(*(order(i, "SELL", quantity) for i, quantity in enumerate(quantities)), name=name)
    )
    assert found.unit == unit
    assert any(how in note for note in found.notes)
    expected = [100.0 * quantity if unit != "BTC" else quantity * 42_010.5 for quantity in quantities]
    assert found.table["notional"].to_numpy() == pytest.approx(expected)


def test_the_symbol_column_of_a_snapshot_goes_before_the_file_name():
    head = SNAPSHOT.replace("time,side", "time,symbol,side")
    row = order(0, "SELL", 3).replace(",SELL", ",BTCUSDT,SELL")
    found = files.read(snapshot(row, head=head, name="BTCUSD_PERP.csv"))
    assert (found.unit, found.table["symbol"].iloc[0], found.table["quantity"].iloc[0]) == (
        "BTC",
        "BTCUSDT",
        3.0,
    )


def test_snapshot_without_header_and_without_fill():
    found = files.read(
        snapshot(
            order(0, "SELL", 0.5), order(1, "BUY", 0.25, average=0, filled=0), head=None, name="BTCUSDT.csv"
        )
    )
    assert found.format == "Binance liquidationSnapshot (USD-M)"
    assert found.table["quantity"].tolist() == [0.5]
    assert any("no fill" in note for note in found.notes)


def test_snapshot_of_another_coin_is_refused():
    with pytest.raises(TableError, match="'ETH', and only BTC"):
        files.read(snapshot(order(0, "SELL", 3), name="ETHUSDT-liquidationSnapshot-2023-01-15.csv"))


def test_a_mapping_can_overrule_the_unit_of_a_snapshot():
    found = files.read(snapshot(order(0, "SELL", 3), name="x.csv"), mapping={"quantity_unit": "BTC"})
    assert found.table["quantity"].iloc[0] == 3.0


# Candles


def kline(step, volume=12.5, quote=750_000.0, taker=6.25, taker_quote=375_000.0, unit=1000):
    start = (1_709_251_200 + 60 * step) * unit
    return (
        f"{start},60000,60010,59990,60005,{volume},{start + 60 * unit - 1},{quote},90,{taker},{taker_quote},0"
    )


@pytest.mark.parametrize("unit", [1000, 1_000_000], ids=["ms", "us"])
@pytest.mark.parametrize(
    "head",
    [
        None,
        "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore",
    ],
)
def test_klines_with_and_without_header(unit, head):
    found = files.read(
        upload("BTCUSDT-1m.csv", *([head] if head else []), *(kline(i, unit=unit) for i in range(5)))
    )
    assert (found.kind, found.format, found.unit) == ("candles", "Binance klines", "BTC")
    assert str(found.start) == "2024-03-01 00:00:00+00:00"
    assert found.table["taker_buy_volume"].tolist() == [6.25] * 5
    assert found.table["volume"].tolist() == [12.5] * 5


def test_coin_margined_klines_are_turned_into_btc():
    rows = [kline(i, volume=60_000, quote=100.0, taker=30_000, taker_quote=50.0) for i in range(5)]
    found = files.read(upload("BTCUSD_PERP-1m-2024-03.csv", *rows))
    assert found.table["volume"].tolist() == [100.0] * 5
    assert found.table["taker_buy_volume"].tolist() == [50.0] * 5
    assert "100-USD contracts" in found.unit


def test_volume_in_usd_is_left_alone_for_the_home_notional():
    head = "timestamp,open,high,low,close,trades,volume,vwap,homeNotional,foreignNotional"
    found = files.read(
        upload(
            "x.csv",
            head,
            *(f"2020-03-01T00:0{i}:00Z,8000,8010,7990,8000,9,80000,8000,10,80000" for i in range(5)),
        )
    )
    assert found.table["volume"].tolist() == [10.0] * 5


def test_only_quote_volume_is_divided_by_the_close():
    found = files.read(
        upload(
            "x.csv",
            "date,open,high,low,close,Volume USDT",
            *(f"2024-03-0{i},50000,51000,49000,50000,100000" for i in range(1, 5)),
        )
    )
    assert found.table["volume"].tolist() == [2.0] * 4
    assert any("USD" in note for note in found.notes)


@pytest.mark.parametrize("stamp", ["{unix}", "{iso}Z", "{iso}+02:00"])
def test_chart_export_with_indicators(stamp):
    rows = []
    for i in range(4):
        moment = pd.Timestamp("2024-03-01") + i * pd.Timedelta("15min")
        rows.append(
            f"{stamp.format(unix=int(moment.timestamp()), iso=moment.isoformat())},60000,60100,59900,60050,{'' if i == 0 else 60_000 + i},=1,7"  # noqa: E501
        )
    found = files.read(
        upload("BITSTAMP_BTCUSD, 15.csv", "time,Open,HIGH,low,Close,EMA,Plot,Plot", *reversed(rows))
    )
    assert found.format.startswith("Chart export")
    assert len(found.table) == 4
    assert found.table["volume"].isna().all()
    assert list(found.extra.columns) == ["time", "EMA", "Plot (2)"]
    assert found.extra["EMA"].tolist()[1:] == [60_001.0, 60_002.0, 60_003.0]
    pd.testing.assert_series_equal(found.extra["time"], found.table["time"])


def test_chart_export_with_volume():
    found = files.read(
        upload(
            "x.csv",
            "time,open,high,low,close,Volume",
            "1709251200,60000,60100,59900,60050,12",
            "1709252100,60050,60100,59900,60000,3",
        )
    )
    assert found.table["volume"].tolist() == [12.0, 3.0]
    assert found.extra is None


def test_candles_without_header_in_two_orders():
    rows = [f"{1_709_251_200 + 900 * i},60000,60100,59900,60050,{5 + i}" for i in range(6)]
    swapped = [f"{1_709_251_200 + 900 * i},60000,60050,60100,59900,{5 + i}" for i in range(6)]
    first, second = files.read(upload("a.csv", *rows)), files.read(upload("b.csv", *swapped))
    pd.testing.assert_frame_equal(first.table, second.table)
    assert any("open, close, high, low" in note for note in second.notes)


# Coinalyze, CoinGlass-like totals and events without price


def test_coinalyze_exports_by_file_name():
    oi = files.read(
        upload(
            "BTCUSDT_PERP.A_open-interest-history.csv",
            *(f"2024-06-20 0{i}:00:00,{100 + i},200,50,{150 + i}" for i in range(5)),
        )
    )
    assert (oi.kind, oi.venues) == ("open_interest", ("binance",))
    assert oi.table["quantity"].tolist() == [100.0, 101.0, 102.0, 103.0, 104.0]
    ohlcv = files.read(
        upload(
            "BTCUSDT_PERP.A_ohlcv-history.csv",
            *(f"2024-06-20 0{i}:00:00,60100,60200,60050,60150,9,4,30,20" for i in range(5)),
        )
    )
    assert ohlcv.table["taker_buy_volume"].tolist() == [4.0] * 5
    assert any("no time zone" in note for note in ohlcv.notes)
    with pytest.raises(TableError, match="ratios"):
        files.read(
            upload(
                "BTCUSDT_PERP.A_long-short-ratio-history.csv",
                *(f"2024-06-20 0{i}:00:00,2.4,71,29" for i in range(5)),
            )
        )


def test_totals_need_candles_and_get_a_price_inside_their_interval():
    rows = [f"2024-01-15 0{i}:00:00,{1 + i},{0 if i == 2 else 0.5}" for i in range(6)]
    rows.insert(4, rows[3])
    name = "BTCUSDT_PERP.A_liquidation-history.csv"
    with pytest.raises(files.MappingNeeded, match="candles") as question:
        files.read(upload(name, *rows))
    assert question.value.missing == ("price",)
    candles = bars()
    found = files.read(upload(name, *rows), candles=candles)
    assert found.doubled_dropped == 1
    assert found.table.groupby("side", observed=True)["quantity"].sum().to_dict() == {
        "long": 21.0,
        "short": 2.5,
    }
    hour = candles.iloc[8:12]
    low, high = hour["low"].min(), hour["high"].max()
    at = found.table[found.table["time"] == "2024-01-15 02:00"]
    assert at["side"].tolist() == ["long"]
    assert at["price"].iloc[0] == pytest.approx(low + (high - low) / 4)
    assert found.table["price_kind"].unique().tolist() == ["estimated"]
    assert any("no prices" in note for note in found.notes)
    assert any("total of 1 h" in note for note in found.notes)


def test_totals_beside_candles_in_one_file_use_those():
    lines = [f"{1_705_276_800 + 3600 * i},40000,40400,40000,40200,5,{1000 * i},500" for i in range(5)]
    found = files.read(
        upload(
            "x.csv",
            "timestamp,price_open,price_high,price_low,price_close,vol,liquidation_long_usd,liquidation_short_usd",
            *lines,
        ),
        kind="liquidations",
    )
    assert found.table["price"].unique().tolist() == [40_300.0, 40_100.0]
    assert found.table["notional"].sum() == 10_000 + 2_500


EVENTS = "ts,position,side,usd,exchange,symbol"


def event(minute, position="long", usd=1_000, second=30):
    return f"2024-01-15T{minute // 60:02d}:{minute % 60:02d}:{second:02d}Z,{position},SELL,{usd},binance_usdm,BTCUSDT"  # noqa: E501


def test_events_without_price_take_it_from_their_candle():
    candles = bars()
    rows = [event(20), event(50, "short"), event(60 * 23 + 59)]
    with pytest.raises(files.MappingNeeded, match="no price"):
        files.read(upload("x.csv", EVENTS, *rows))
    found = files.read(upload("x.csv", EVENTS, *rows), candles=candles)
    one, two = candles.iloc[1], candles.iloc[3]
    assert found.table["price"].iloc[0] == pytest.approx(one["low"] + (one["high"] - one["low"]) / 4)
    assert found.table["price"].iloc[1] == pytest.approx(two["high"] - (two["high"] - two["low"]) / 4)
    assert found.table["quantity"].to_numpy() == pytest.approx(1000 / found.table["price"].to_numpy())
    assert (found.venues, found.table["completeness"].iloc[0]) == (("binance",), "sampled")


def test_events_outside_the_candles_are_counted_or_refused():
    holed = bars().drop(index=range(4, 8)).reset_index(drop=True)
    rows = [event(20), event(70), event(90), event(130)]
    found = files.read(upload("x.csv", EVENTS, *rows), candles=holed)
    assert len(found.table) == 2
    assert any(note.startswith("2 rows were left out because no candle covers") for note in found.notes)
    with pytest.raises(TableError, match="do not cover"):
        files.read(upload("x.csv", EVENTS, *rows), candles=bars(start="2023-01-15"))


def test_a_shifted_clock_is_noticed_when_candles_are_there():
    candles = bars(count=96 * 7, seed=5)
    pick = np.arange(20, 600)
    at = pd.DataFrame(
        {
            "time": candles["time"].iloc[pick] + pd.Timedelta("7min"),
            "side": "long",
            "price": candles["close"].iloc[pick],
            "quantity": 1.0,
        }
    )
    on_time = files.read(at.to_csv(index=False).encode(), candles=candles)
    late = files.read(
        at.assign(time=at["time"] + pd.Timedelta("330min")).to_csv(index=False).encode(), candles=candles
    )
    assert not any("clock" in note for note in on_time.notes)
    assert any("5.5 hours back" in note and "UTC+5.5" in note for note in late.notes)


def test_one_column_a_market_becomes_one_row_a_venue():
    head = "ts,BTC/USD - Bybit_short,BTC/USD - Bybit_long,BTC/USDT - Bybit_long,BTC/USDT - Gate.io_long"
    found = files.read(
        upload("x.csv", head, "2024-01-15,100,200,300,", "2024-01-16,1,2,3,4"), candles=bars(count=200)
    )
    first = found.table[found.table["time"] == "2024-01-15"]
    assert first.set_index("side")["notional"].to_dict() == {"long": 500.0, "short": 100.0}
    assert set(found.venues) == {"bybit", "gate"}
    interest = files.read(
        upload("x.csv", "ts,BTC/USD - Bybit,BTC/USDT - Huobi", "2024-01-16,4e9,2e9", "2024-01-17,4e9,2e9"),
        candles=bars(count=200),
    )
    assert set(interest.venues) == {"bybit", "htx"}
    day_before = bars(count=200)["close"].iloc[95]
    assert interest.table["quantity"].max() == pytest.approx(4e9 / day_before)


# Free column names


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("timestamp,side,price,quantity", "1709251200,long,60000,2"),
        ("ts,direction,px,size", "1709251200000,Long,60000,2"),
        ("date,position,fillPrice,qty", "2024-03-01,LONG,60000,2"),
        ("Open Time,Position Side,avg_price,amount", "2024-03-01 00:00:00,longs,60000,2"),
        ("datetime;side;price;notional", "2024-03-01T00:00Z;long;60000;120000"),
        ("T,S,s,ap,z", "1709251200000,SELL,BTCUSDT,60000,2"),
        ("time\tside\tprice\tturnover", "1709251200000000\tl\t60000\t120000"),
    ],
)
def test_common_names_are_recognised(head, row):
    table = files.read_liquidations(f"{head}\n{row}\n{row}\n".encode(), venue="binance")
    assert table.loc[0, ["side", "price", "quantity", "notional"]].tolist() == [
        "long",
        60_000.0,
        2.0,
        120_000.0,
    ]
    assert str(table["time"].iloc[0]) == "2024-03-01 00:00:00+00:00"
    assert table["venue"].unique().tolist() == ["binance"]


@pytest.mark.parametrize("venue", ["Binance", "OKX", "huobi", "BitMEX"])
def test_buy_and_sell_of_venues_that_speak_of_orders_need_no_question(venue):
    text = f"time,side,price,usd,exchange\n1709251200,sell,60000,1,{venue}\n1709251201,BUY,60000,1,{venue}\n".encode()  # noqa: E501
    assert files.read_liquidations(text)["side"].tolist() == ["long", "short"]


@pytest.mark.parametrize("venue", ["Bybit", "gate.io", "bitget"])
def test_a_table_that_a_tool_wrote_is_not_read_by_the_words_of_a_venue_that_speaks_of_positions(venue):
    text = f"time,side,price,usd,exchange\n1709251200,sell,60000,1,{venue}\n1709251201,BUY,60000,1,{venue}\n".encode()  # noqa: E501
    with pytest.raises(files.MappingNeeded, match="position") as question:
        files.read(text)
    asked = question.value
    assert asked.choices["side_meaning"] == ("order", "position", "each venue's own")
    answers = {
        choice: files.read(text, kind=asked.kind, mapping={"side_meaning": choice}).table["side"].tolist()
        for choice in asked.choices["side_meaning"]
    }
    assert answers == {
        "order": ["long", "short"],
        "position": ["short", "long"],
        "each venue's own": ["short", "long"],
    }


@pytest.mark.parametrize(
    ("venue", "symbol", "worth"),
    [
        ("okx", "BTC-USDT-SWAP", 1_800.0),
        ("okx", "BTC-USD-SWAP", 300.0),
        ("gate.io", "BTC_USDT", 18.0),
        ("BitMEX", "XBTUSD", 3.0),
        ("deribit", "BTC-PERPETUAL", 3.0),
    ],
)
def test_a_venue_that_counts_contracts_is_never_read_as_btc(venue, symbol, worth):
    text = f"time,side,price,qty,exchange,symbol\n1709251200,long,60000,3,{venue},{symbol}\n".encode()
    with pytest.raises(files.MappingNeeded, match="unit") as question:
        files.read(text)
    assert question.value.missing == ("quantity_unit",)
    table = files.read(text, mapping={"quantity_unit": "contracts"}).table
    assert table["notional"].tolist() == pytest.approx([worth])
    with pytest.raises(files.MappingNeeded, match="size of a contract"):
        files.read(
            text.replace(symbol.encode(), b"BTC-USDC-SWAP").replace(venue.encode(), b"okx"),
            mapping={"quantity_unit": "contracts"},
        )


def test_venues_with_both_meanings_in_one_file():
    text = b"time,side,price,usd,exchange\n1709251200,sell,60000,1,okx\n1709251201,sell,60000,1,bybit\n"
    found = files.read(text, mapping={"side_meaning": "each venue's own"})
    assert found.table["side"].tolist() == ["long", "short"]


def test_an_unknown_venue_must_say_what_buy_means():
    text = b"time,side,price,qty\n1709251200,sell,60000,1\n1709251201,buy,60000,2\n"
    with pytest.raises(files.MappingNeeded, match="order") as question:
        files.read(text)
    asked = question.value
    assert asked.missing == ("side_meaning",)
    assert asked.choices == {"side_meaning": ("order", "position")}
    answers = {
        choice: (
            files.read(text, kind=asked.kind, mapping={**asked.guess, "side_meaning": choice})
            .table["side"]
            .tolist()
        )
        for choice in ("order", "position")
    }
    assert answers == {"order": ["long", "short"], "position": ["short", "long"]}


def test_a_person_can_complete_the_mapping():
    text = b"when,what,at,much\n1709251200,long,60000,1\n1709251260,short,60010,2\n"
    with pytest.raises(files.MappingNeeded) as question:
        files.read(text, kind="liquidations")
    asked = question.value
    assert asked.columns == ("when", "what", "at", "much")
    assert (asked.missing, asked.kind, asked.guess) == (
        ("time", "quantity"),
        "liquidations",
        {"side": "what"},
    )
    mapping = {"time": "when", "side": "what", "price": "at", "quantity": "much"}
    assert files.read(text, kind=asked.kind, mapping=mapping).table["quantity"].tolist() == [1.0, 2.0]
    with pytest.raises(TableError, match="'nowhere', which the file does not have"):
        files.read(text, mapping={**mapping, "price": "nowhere"})


def test_columns_without_names_can_be_mapped_too():
    text = b"1709251200,long,60000,1\n1709251260,short,60010,2\n"
    with pytest.raises(files.MappingNeeded) as question:
        files.read(text)
    assert question.value.columns == ("column 1", "column 2", "column 3", "column 4")
    table = files.read_liquidations(
        text, mapping={"time": "column 1", "side": "column 2", "price": "column 3", "quantity": "column 4"}
    )
    assert table["side"].tolist() == ["long", "short"]


def test_quantity_in_another_unit_can_be_named():
    text = b"time,side,price,amount\n1709251200,long,50000,100\n1709251201,long,50000,300\n"
    for unit, notional in (("USD", 100.0), ("100-USD contracts", 10_000.0), ("BTC", 5_000_000.0)):
        found = files.read(text, mapping={"quantity_unit": unit})
        assert (found.unit, found.table["notional"].iloc[0]) == (unit, notional)
    with pytest.raises(files.MappingNeeded, match="not believable") as question:
        files.read(text)
    assert question.value.missing == ("quantity_unit",)


def test_a_quantity_that_contradicts_the_usd_column_is_not_used():
    found = files.read(
        b"time,side,price,qty,usd\n1709251200,long,50000,19,30000\n1709251201,long,50000,11,20000\n"
    )
    assert found.table["notional"].tolist() == [30_000.0, 20_000.0]
    assert found.table["quantity"].tolist() == [0.6, 0.4]
    assert any("not in BTC" in note for note in found.notes)


def test_other_coins_are_left_out_and_said():
    text = "time,symbol,side,price,qty,usd\n" + "\n".join(
        f"170925120{i},{symbol},long,60000,1,60000"
        for i, symbol in enumerate(["BTCUSDT", "ETHUSDT", "XBTUSD", "BTC-USD-SWAP", "ETHBTC", "PF_XBTUSD"])
    )
    found = files.read(text.encode())
    assert found.table["symbol"].tolist() == ["BTCUSDT", "XBTUSD", "BTC-USD-SWAP", "PF_XBTUSD"]
    assert any("2 rows were left out because they are about other coins" in note for note in found.notes)


def test_open_interest_by_name_in_btc_and_usd():
    head = "create_time,symbol,sum_open_interest,sum_open_interest_value"
    found = files.read(
        upload(
            "BTCUSDT-metrics.csv",
            head,
            *(f"2024-01-15 00:{5 * i:02d}:00,BTCUSDT,{80_000 if i != 3 else 0},3.2e9" for i in range(6)),
        )
    )
    assert (found.kind, found.unit) == ("open_interest", "BTC")
    assert found.table["quantity"].tolist() == [80_000.0] * 5
    assert any("zero" in note for note in found.notes)
    dollars = upload("x.csv", "time,oi", *(f"2024-01-15 0{i}:00:00,4e9" for i in range(1, 6)))
    with pytest.raises(TableError, match="in USD"):
        files.read(dollars)
    candles = bars()
    table = files.read_open_interest(dollars, candles=candles)
    assert table["quantity"].to_numpy() == pytest.approx(
        4e9 / candles["close"].iloc[[3, 7, 11, 15, 19]].to_numpy()
    )


def test_funding_interval_and_percent():
    found = files.read(
        upload(
            "x.csv",
            "calc_time,last_funding_rate",
            *(f"{1_709_251_200_000 + 4 * 3_600_000 * i + 7 * i},0.0001" for i in range(9)),
        )
    )
    assert (found.kind, found.table["interval_hours"].unique().tolist()) == ("funding", [4.0])
    percent = files.read_funding(
        upload("x.csv", "time,funding rate %", *(f"2024-03-0{i},0.01" for i in range(1, 8)))
    )
    assert percent["rate"].tolist() == [0.0001] * 7
    with pytest.raises(TableError, match="may be in percent"):
        files.read(upload("x.csv", "time,funding_rate", *(f"2024-03-0{i},0.01" for i in range(1, 8))))
    doubted = files.read(upload("x.csv", "time,funding_rate", *(f"2024-03-0{i},0.004" for i in range(1, 8))))
    assert any("may be in percent" in note for note in doubted.notes)
    signed = files.read(upload("x.csv", "time,funding rate %", *(f"2024-03-0{i},0.01%" for i in range(1, 8))))
    assert signed.table["rate"].tolist() == [0.0001] * 7


def test_asking_for_the_wrong_kind_is_said():
    klines = b"\n".join(kline(i).encode() for i in range(5))
    with pytest.raises(TableError, match="holds candles, not liquidations"):
        files.read_liquidations(klines)
    with pytest.raises(TableError, match="A table is one of"):
        files.read(klines, kind="trades")


def test_paths_that_cannot_be_read(tmp_path):
    for source, words in (
        (tmp_path / "none.csv", "does not exist"),
        (tmp_path, "is a folder"),
        ("https://a.b/c.csv", "web address"),
        (42, "path of a file"),
    ):
        with pytest.raises(TableError, match=words):
            files.read(source)
    closed = io.BytesIO(b"x")
    closed.close()
    with pytest.raises(TableError, match="closed"):
        files.read(closed)


def test_too_many_rows_are_refused_before_parsing(monkeypatch):
    from liqcore.feeds.files import table as read_table

    monkeypatch.setattr(read_table, "MAX_ROWS", 50)
    frame = bars(60)
    for data in (files.write_table(frame), files.write_table(frame, "parquet")):
        with pytest.raises(TableError, match="at most 50 are read"):
            files.read(data)
