"""What each venue's message means: side, quantity, USD and time, or one sentence."""

import json

import pytest
from hypothesis import given, strategies as st
from venue_samples import QUIET, SAMPLES, T

from liqcore import tables
from liqcore.feeds import FeedError, parse_liquidations
from liqcore.feeds.venues.parse import PARSERS, parse_rows
from liqcore.feeds.venues.registry import VENUES

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "data",
                    "topic",
                    "o",
                    "e",
                    "arg",
                    "channel",
                    "list",
                    "trades",
                    "type",
                    "result",
                    "params",
                    "history",
                    "contents",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def test_every_venue_with_liquidations_has_a_parser_and_a_sample():
    expected = {name for name, venue in VENUES.items() if venue.liquidations}
    assert set(PARSERS) == expected
    assert {sample[0] for sample in SAMPLES} == expected
    for name, venue in VENUES.items():
        assert venue.id == name
        assert venue.price_kind in tables.PRICE_KINDS
        assert venue.completeness in tables.COMPLETENESS
        assert set(dict(venue.contract)) <= set(venue.symbols)
        assert venue.liquidations == (venue.history or venue.socket)
        assert venue.completeness_words.endswith(".")


@pytest.mark.parametrize(
    ("venue", "name", "message", "expected"),
    SAMPLES,
    ids=[f"{venue}: {name}" for venue, name, _, _ in SAMPLES],
)
def test_a_message_means_what_the_venue_says(venue, name, message, expected):
    table = parse_liquidations(venue, message)
    found = list(
        zip(
            table["side"],
            table["quantity"],
            table["notional"],
            tables.microseconds(table["time"]),
            strict=True,
        )
    )
    assert [row[0] for row in found] == [row[0] for row in expected]
    for row, wanted in zip(found, expected, strict=True):
        assert row[1] == pytest.approx(wanted[1], rel=1e-12)
        assert row[2] == pytest.approx(wanted[2], rel=1e-12)
        assert row[3] == wanted[3]
    assert set(table["venue"]) == {venue}
    assert set(table["completeness"]) == {VENUES[venue].completeness}
    assert set(table["price_kind"]) == {VENUES[venue].price_kind}
    assert tables.ensure(table, "liquidations") is table
    if not isinstance(message, bytes):
        for text in (json.dumps(message), json.dumps(message).encode()):
            assert parse_liquidations(venue, text).equals(table)


@pytest.mark.parametrize(("venue", "message"), QUIET)
def test_other_messages_hold_no_liquidations(venue, message):
    assert parse_liquidations(venue, message).empty


@pytest.mark.parametrize(
    ("venue", "message", "words"),
    [
        ("bybit", '{"topic":"allLiq', "broken or cut off"),
        ("htx", b"\x1f\x8bnot gzip", "broken or cut off"),
        ("bybit", {"retCode": 10001, "retMsg": "params error", "result": {}}, "params error"),
        (
            "okx",
            {"code": "50015", "msg": "Either parameter uly or instFamily is required", "data": []},
            "Either parameter",
        ),
        ("gate", {"label": "INVALID_PARAM_VALUE", "message": "invalid from"}, "invalid from"),
        ("bitfinex", ["error", 10020, "limit: invalid"], "limit: invalid"),
        ("deribit", {"jsonrpc": "2.0", "error": {"code": 10029, "message": "not_found"}}, "not_found"),
        ("bitget", {"code": "00000", "data": {"list": "nothing"}}, "where a list"),
        (
            "bitget",
            {
                "code": "00000",
                "data": {
                    "list": [
                        {
                            "symbol": "BTCUSDT",
                            "side": "buy",
                            "price": "50000",
                            "amount": "21000",
                            "ts": str(T),
                        }
                    ]
                },
            },
            "too large for BTC",
        ),
        ("nowhere", {}, "Known venues"),
    ],
)
def test_garbage_is_one_sentence(venue, message, words):
    with pytest.raises(FeedError, match=words) as caught:
        parse_liquidations(venue, message)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")
    assert caught.value.state == "error"


@pytest.mark.parametrize(
    "change",
    [
        {"S": "Hold"},
        {"v": "many"},
        {"p": "0"},
        {"p": None},
        {"T": 5},
        {"T": "soon"},
        {"v": True},
        {"v": "nan"},
    ],
)
def test_one_bad_row_does_not_cost_the_others(change):
    good = {"T": T, "s": "BTCUSDT", "S": "Buy", "v": "0.1", "p": "50000"}
    with pytest.raises(FeedError, match="row 2") as caught:
        parse_rows("bybit", {"topic": "allLiquidation.BTCUSDT", "data": [good, {**good, **change}, good]})
    assert [row.side for row in caught.value.rows] == ["long", "long"]


def test_history_that_does_not_name_its_contract_takes_the_one_asked_for():
    message = next(sample[2] for sample in SAMPLES if sample[0] == "kraken" and sample[1] == "history")
    table = parse_liquidations("kraken", message, symbol="PI_XBTUSD")
    assert table["notional"].tolist() == [pytest.approx(0.2)]
    assert table["symbol"].tolist() == ["PI_XBTUSD"]


@given(venue=st.sampled_from(sorted(VENUES)), message=JSON)
def test_whatever_arrives_is_rows_or_a_sentence(venue, message):
    try:
        rows = parse_rows(venue, message)
    except FeedError as problem:
        rows = list(problem.rows)
    assert all(row.quantity > 0 and row.notional > 0 for row in rows)


def test_recorded_messages_are_read(real_data):
    """Frames recorded from the venues: nothing in them is refused, and the known ones mean what they must."""
    feeds = {
        "deribit": "deribit",
        "bitfinex": "bitfinex",
        "binance futures": "binance",
        "binance delivery": "binance-coin",
        "cryptofacilities": "kraken",
        "huobi": "htx",
        "bybit": "bybit",
        "dydx-v4": "dydx",
        "bitget": "bitget",
        "okex": "okx",
    }
    lines = (real_data / "messages" / "tardis_node_recorded.jsonl").read_text().splitlines()
    read = {}
    for record in map(json.loads, lines):
        venue = next((name for words, name in feeds.items() if words in record["test"]), None)
        if venue is not None:
            read.setdefault(venue, []).extend(
                (row.side, row.quantity) for row in parse_rows(venue, record["message"])
            )
    assert read["binance"] == [("short", 0.014)]
    assert read["deribit"] == [("long", pytest.approx(1120 / 4469.5)), ("long", pytest.approx(2500 / 4458.5))]
    assert ("long", pytest.approx(0.227)) in read["htx"]
