"""Messages of exchanges as a recorder kept them, and answers of their REST: right, or refused."""

import io
import json

import pandas as pd
import pytest

from liqcore.feeds import files
from liqcore.tables import TableError

AT = 1_741_600_800_123


def read(name, told, **asked):
    """A JSON file of one document, or JSON lines of a list of messages."""
    text = "\n".join(map(json.dumps, told)) if name.endswith("l") else json.dumps(told)
    source = io.BytesIO(text.encode())
    source.name = name
    return files.read(source, **asked)


def sums(found):
    """USD of longs and shorts."""
    usd = found.table.groupby("side", observed=False)["notional"].sum()
    return float(usd["long"]), float(usd["short"])


def okx(symbol, *details):
    return {
        "instId": symbol,
        "instType": "SWAP",
        "details": [
            {"bkPx": price, "posSide": position, "side": side, "sz": size, "ts": str(AT + place)}
            for place, (position, side, price, size) in enumerate(details)
        ],
    }


OKX = [
    okx("BTC-USDT-SWAP", ("short", "buy", "82000", "5"), ("net", "sell", "81000", "10")),
    okx("BTC-USD-SWAP", ("long", "sell", "81500", "3")),
    okx("ETH-USDT-SWAP", ("long", "sell", "2100", "900")),
]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("orders.json", {"code": "0", "msg": "", "data": OKX}),
        ("orders.json", OKX),
        (
            "frames.jsonl",
            [
                {"event": "subscribe", "arg": {"channel": "liquidation-orders", "instType": "SWAP"}},
                *({"arg": {"channel": "liquidation-orders"}, "data": [one]} for one in OKX),
            ],
        ),
        ("kept.jsonl", [{"received": AT + 9, "venue": "okx", "message": {"data": [one]}} for one in OKX]),
    ],
    ids=["answer", "its data", "frames", "in an envelope"],
)
def test_okx_tells_every_detail_of_every_contract(name, told):
    found = read(name, told)
    # Contracts of 0.01 BTC and of 100 USD; a net position is told by the order.
    assert sums(found) == pytest.approx((10 * 0.01 * 81_000 + 300, 5 * 0.01 * 82_000))
    assert found.venues == ("okx",)
    assert set(found.table["price_kind"]) == {"bankruptcy"}
    assert any("ETH-USDT-SWAP" in note for note in found.notes), "the other coin is counted"
    assert ("1 message was left out" in " ".join(found.notes)) == (name == "frames.jsonl")


def bybit(topic, *rows):
    return {"topic": topic, "type": "snapshot", "ts": AT, "data": list(rows)}


BYBIT = [
    bybit("allLiquidation.BTCUSDT", {"T": AT, "s": "BTCUSDT", "S": "Buy", "v": "0.5", "p": "80000"}),
    bybit(
        "allLiquidation.BTCUSDT",
        {"T": AT + 1, "s": "BTCUSDT", "S": "Sell", "v": "0.1", "p": "81000"},
        {"T": AT + 2, "s": "BTCUSDT", "S": "Sell", "v": "0.2", "p": "81000"},
    ),
]


@pytest.mark.parametrize("name", ["frames.jsonl", "frames.json"])
def test_bybits_frames_tell_the_position(name):
    found = read(name, BYBIT)
    assert sums(found) == pytest.approx((40_000, 24_300))
    assert found.format == "Bybit's own liquidation messages"
    assert sums(read("one.json", BYBIT[0])) == pytest.approx((40_000, 0)), "one frame is a file too"


def test_messages_of_other_topics_are_counted_and_never_summed_twice():
    older = {"symbol": "BTCUSDT", "side": "Buy", "size": "0.5", "price": "80000", "updatedTime": AT}
    found = read(
        "frames.jsonl",
        [
            {"success": True, "op": "subscribe"},
            *BYBIT,
            {"topic": "liquidation.BTCUSDT", "data": older},
            {"topic": "tickers.BTCUSDT", "data": {"symbol": "BTCUSDT", "lastPrice": "80000"}},
            {"op": "pong"},
        ],
    )
    assert sums(found) == pytest.approx((40_000, 24_300))
    notes = " ".join(found.notes)
    assert "2 messages were left out for another topic" in notes
    assert "liquidation.BTCUSDT" in notes
    assert "2 messages were left out for holding no rows" in notes


def test_trades_of_a_recording_stay_refused():
    row = {
        "T": AT,
        "s": "BTCUSDT",
        "S": "Buy",
        "v": "0.5",
        "p": "80000",
        "L": "PlusTick",
        "i": "a",
        "BT": False,
    }
    with pytest.raises(TableError, match=r"trades|side"):
        read("frames.jsonl", [bybit("publicTrade.BTCUSDT", row)] * 3)


def order(symbol, side, filled, price, at):
    held = {"s": symbol, "S": side, "o": "LIMIT", "f": "IOC", "q": "9", "p": "1", "ap": price, "X": "FILLED"}
    return {"e": "forceOrder", "E": at, "o": {**held, "l": "0.001", "z": filled, "T": at}}


FORCED = [
    order("BTCUSDT", "SELL", "0.5", "80000", AT),
    order("BTCUSDT", "BUY", "0.1", "81000", AT + 1),
    order("BTCUSD_PERP", "BUY", "7", "81000", AT + 2),
]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("frames.jsonl", FORCED),
        ("frames.json", FORCED),
        ("frames.jsonl", [{"stream": "btcusdt@forceOrder", "data": one} for one in FORCED]),
        (
            "frames.jsonl",
            [{"result": None, "id": 1}, FORCED[0], {"e": "aggTrade", "s": "BTCUSDT"}, *FORCED[1:]],
        ),
    ],
    ids=["lines", "list", "combined streams", "with confirmations"],
)
def test_forced_orders_count_what_was_filled_at_the_average_price(name, told):
    found = read(name, told)
    assert sums(found) == pytest.approx((40_000, 8_100 + 700))
    assert found.format == "Binance's own forced orders"
    assert set(found.table["completeness"]) == {"sampled"}
    assert any("Aster" in note for note in found.notes)


def test_asters_forced_orders_are_its_own_where_the_file_says_so():
    assert read("aster.jsonl", FORCED[:2]).venues == ("aster",)
    assert read("frames.jsonl", FORCED[:2], venue="aster").venues == ("aster",)


def test_bitmex_orders_need_a_time_and_are_counted_once():
    order = {"orderID": "a", "symbol": "XBTUSD", "side": "Sell", "price": 80_000, "leavesQty": 5_000}
    with pytest.raises(TableError, match="no time of their own"):
        read("bitmex.jsonl", [{"table": "liquidation", "action": "insert", "data": [order]}] * 2)
    rows = [
        {"timestamp": "2025-03-10T10:00:00Z", **order},
        {"timestamp": "2025-03-10T10:00:01Z", **order, "leavesQty": 2_000},
        {"timestamp": "2025-03-10T10:00:02Z", **order, "orderID": "b", "side": "Buy", "leavesQty": 700},
    ]
    found = read("bitmex.json", rows)
    assert sums(found) == pytest.approx((5_000, 700))
    assert any("already told" in note for note in found.notes)


@pytest.mark.parametrize("side", [{"direction": "sell"}, {"side": "sell", "position_side": "long"}])
def test_htx_counts_contracts(side):
    moment = {"created_at": AT, "price": 80_000} if "direction" in side else {}
    moment = moment or {"liquidation_time": AT, "bankrupt_price": 80_000}
    rows = [{"contract_code": "BTC-USDT", "volume": "13", "offset": "close", **moment, **side}]
    found = read("htx.json", {"code": 200, "data": rows})
    assert sums(found) == pytest.approx((13 * 0.001 * 80_000, 0))


def gate(*rows, channel="futures.public_liquidates"):
    return {"time": AT // 1000, "channel": channel, "event": "update", "result": list(rows)}


def liquidated(contract, price, size, at=AT):
    return {"contract": contract, "price": price, "size": size, "time": at // 1000, "time_ms": at}


GATE = [
    gate(liquidated("BTC_USDT", "80000", 5_000), liquidated("BTC_USDT", "81000", "-1000", AT + 1)),
    gate(liquidated("BTC_USD", "80500", 300), liquidated("ETH_USDT", "2100", 70)),
]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("frames.jsonl", [{"channel": "futures.public_liquidates", "event": "subscribe"}, *GATE]),
        ("frames.json", GATE),
        ("kept.jsonl", [{"received": AT, "message": one} for one in GATE]),
        (
            "both.jsonl",
            [
                *GATE,
                gate(
                    {"id": 1, "size": -108, "create_time": AT // 1000, "price": "80000"},
                    channel="futures.trades",
                ),
            ],
        ),
    ],
    ids=["lines", "list", "in an envelope", "beside trades"],
)
def test_gates_frames_name_the_position_by_the_sign(name, told):
    found = read(name, told)
    # Contracts of 0.0001 BTC and of 1 USD.
    assert sums(found) == pytest.approx((0.5 * 80_000 + 300, 0.1 * 81_000))
    assert found.format == "Gate's own liquidation messages"
    assert found.venues == ("gate",)
    assert any("ETH_USDT" in note for note in found.notes)


def test_one_frame_of_gate_is_a_file_and_rows_without_their_topic_are_asked():
    assert sums(read("one.json", GATE[0])) == pytest.approx((40_000, 8_100))
    with pytest.raises(TableError, match="side"):
        read("rows.json", GATE[0]["result"])


BITGET = [
    {"symbol": "BTCUSDT", "side": "buy", "price": "80000", "amount": "0.5", "ts": str(AT)},
    {"symbol": "BTCUSD", "side": "sell", "price": "81000", "amount": "0.1", "ts": str(AT + 1)},
    {"symbol": "ETHUSDT", "side": "sell", "price": "2100", "amount": "9", "ts": str(AT + 2)},
]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "frames.jsonl",
            [{"arg": {"instType": "usdt-futures", "topic": "liquidation"}, "data": [one]} for one in BITGET],
        ),
        ("one.json", {"arg": {"instType": "usdt-futures", "topic": "liquidation"}, "data": BITGET}),
        ("bitget.json", {"code": "00000", "msg": "success", "data": {"list": BITGET, "cursor": "9"}}),
    ],
    ids=["frames", "one frame", "answer"],
)
def test_bitget_tells_the_position_and_counts_btc_on_every_contract(name, told):
    found = read(name, told)
    assert sums(found) == pytest.approx((40_000, 8_100))
    assert found.venues == ("bitget",)
    assert set(found.table["price_kind"]) == {"bankruptcy"}


def test_five_columns_that_anybody_may_have_are_not_taken_for_bitgets():
    with pytest.raises(TableError, match="side"):
        read("answer.json", {"code": "00000", "data": {"list": BITGET}})


def totals(symbol, *bars):
    return {
        "symbol": symbol,
        "history": [{"t": 1_741_600_800 + 3_600 * at, "l": long, "s": short} for at, long, short in bars],
    }


HOURS = pd.DataFrame(
    {
        "time": pd.date_range("2025-03-10 09:00", periods=6, freq="h", tz="UTC"),
        "open": 80_000.0,
        "high": 80_400.0,
        "low": 79_600.0,
        "close": 80_000.0,
        "volume": 100.0,
    }
)


def test_coinalyze_tells_several_symbols_in_one_answer():
    answer = [
        totals("BTCUSDT_PERP.A", (0, 1e6, 2e5), (1, 3e5, 0)),
        totals("BTCUSD.6", (0, 2e5, 1e5)),
        totals("ETHUSDT_PERP.A", (0, 9e6, 9e6)),
    ]
    found = read("coinalyze.json", answer, candles=HOURS)
    assert sums(found) == pytest.approx((1.5e6, 3e5))
    assert found.table.groupby("venue", observed=True)["notional"].sum().to_dict() == pytest.approx(
        {"binance": 1.5e6, "bybit": 3e5}
    )
    assert any("ETHUSDT_PERP.A" in note for note in found.notes)
    assert read("coinalyze.json", answer[:1], candles=HOURS).venues == ("binance",)
    with pytest.raises(TableError, match=r"ETHUSDT_PERP\.A"):
        read("coinalyze.json", answer[2:], candles=HOURS)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"code": "0", "msg": "", "data": []}, "holds no rows"),
        ({"code": "51000", "msg": "Parameter instFamily error", "data": []}, "instFamily"),
        ({"retCode": 10001, "retMsg": "params error", "result": {}}, "params error"),
        ({"note": "nothing"}, "no table"),
    ],
)
def test_an_answer_without_rows_says_why(answer, words):
    with pytest.raises(TableError, match=words):
        read("answer.json", answer)
