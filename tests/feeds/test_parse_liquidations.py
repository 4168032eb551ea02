"""What each venue's message means: side, quantity, USD and time, or one sentence."""

import json

import pytest
from hypothesis import given, strategies as st

from liqcore import tables
from liqcore.feeds import FeedError, parse_liquidations
from liqcore.feeds.venues import registry
from liqcore.feeds.venues.parse import decoded, parse_message
from liqcore.feeds.venues.registry import VENUES
from liqcore.feeds.venues.rows import MOST_AHEAD
from tests.loopback.dialects import DIALECTS
from tests.loopback.truth import T

NOW = T * 1000


def told(kind):
    """Every message of a kind in the dialects, with its venue."""
    return [
        (venue, message)
        for dialect in DIALECTS.values()
        for venue, messages in getattr(dialect, kind).items()
        for message in messages
    ]


SAMPLES = [(venue, *sample) for venue, sample in told("samples")]
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


def test_every_venue_is_whole():
    assert {sample[0] for sample in SAMPLES} == {name for name, venue in VENUES.items() if venue.liquidations}
    for name, venue in VENUES.items():
        assert venue.id == name
        assert venue.price_kind in tables.PRICE_KINDS
        assert venue.completeness in tables.COMPLETENESS
        assert set(dict(venue.contract)) <= set(venue.symbols)
        assert venue.liquidations == (venue.history is not None or venue.socket) == (venue.parse is not None)
        assert venue.completeness_words.endswith(".")
        assert registry.at(f"https://{venue.hosts[0]}.example") is venue
    places = [venue.reference for venue in VENUES.values() if venue.reference]
    assert places == sorted(set(places)), "two venues stand at one place among the references"


@pytest.mark.parametrize(
    ("name", "venue"),
    [
        ("binanceusdm", "binance"),
        ("Binance USD-M", "binance"),
        ("binancecoinm", "binance-coin"),
        ("BINANCE_COIN", "binance-coin"),
        ("OKX", "okx"),
        ("okex", "okx"),
        ("gateio", "gate"),
        ("Gate.io", "gate"),
        ("huobi", "htx"),
        ("HTX", "htx"),
        ("krakenfutures", "kraken"),
        ("cryptofacilities", "kraken"),
        (" dYdX ", "dydx"),
    ],
)
def test_a_venue_is_found_by_every_name_it_goes_by(name, venue):
    assert registry.venue(name).id == venue


@pytest.mark.parametrize("venue", sorted(VENUES))
def test_ids_of_ccxt_are_read_in_any_case(venue):
    row = VENUES[venue]
    samples = [message for name, _, message, _ in SAMPLES if name == venue]
    for name in (row.ccxt, row.ccxt.upper(), row.name, row.id.title(), *row.aliases):
        for message in samples:
            table = parse_liquidations(name, message, arrived=NOW)
            assert table.equals(parse_liquidations(venue, message, arrived=NOW))
            assert set(table["venue"]) == {venue}


def test_no_two_venues_share_a_name():
    names = [
        registry._plain(name)
        for row in VENUES.values()
        for name in {registry._plain(one) for one in (row.id, row.name, row.ccxt, *row.aliases)}
    ]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("venue", "name", "message", "expected"),
    SAMPLES,
    ids=[f"{venue}: {name}" for venue, name, _, _ in SAMPLES],
)
def test_a_message_means_what_the_venue_says(venue, name, message, expected):
    table = parse_liquidations(venue, message, arrived=NOW)
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
            assert parse_liquidations(venue, text, arrived=NOW).equals(table)


@pytest.mark.parametrize(("venue", "message"), told("quiet"))
def test_other_messages_hold_no_liquidations(venue, message):
    assert parse_liquidations(venue, message, arrived=NOW).empty


@pytest.mark.parametrize(
    ("venue", "message", "words"),
    [
        ("bybit", '{"topic":"allLiq', "broken or cut off"),
        ("htx", b"\x1f\x8bnot gzip", "broken or cut off"),
        ("nowhere", {}, "Known venues"),
        *((venue, *refused) for venue, refused in told("refused")),
    ],
)
def test_garbage_is_one_sentence(venue, message, words):
    with pytest.raises(FeedError, match=words) as caught:
        parse_liquidations(venue, message, arrived=NOW)
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
    message = {"topic": "allLiquidation.BTCUSDT", "data": [good, {**good, **change}, good]}
    with pytest.raises(FeedError, match="row 2") as caught:
        parse_liquidations("bybit", message, arrived=NOW)
    assert [row.side for row in caught.value.rows] == ["long", "long"]


@pytest.mark.parametrize(("venue", "name", "message", "expected"), SAMPLES)
def test_what_is_dated_in_the_future_is_refused_with_the_reason(venue, name, message, expected):
    """Five minutes are a clock that is wrong; more cannot have happened."""
    early = min(row[3] for row in expected) - MOST_AHEAD
    assert len(parse_liquidations(venue, message, arrived=early)) == len(expected)
    with pytest.raises(FeedError, match=r"in the future .* refused") as caught:
        parse_liquidations(venue, message, arrived=early - 1_000_000 * 86_400)
    assert VENUES[venue].name in str(caught.value)
    assert "dated 1 d in the future" in str(caught.value)
    assert caught.value.rows == ()


def test_one_event_of_the_future_does_not_cost_the_others():
    rows = [
        {"T": moment, "s": "BTCUSDT", "S": "Buy", "v": "0.1", "p": "50000"}
        for moment in (T, T + 40 * 86_400_000, T + 1)
    ]
    found = parse_message(VENUES["bybit"], {"topic": "allLiquidation.BTCUSDT", "data": rows}, NOW)
    assert [row.time for row in found.rows] == [T * 1000, (T + 1) * 1000]
    assert "dated 40 d in the future" in found.trouble


@pytest.mark.parametrize(("venue", "case"), told("left_out"))
def test_what_is_not_read_is_counted_and_named(venue, case):
    message, names = case
    table = parse_liquidations(venue, message, arrived=NOW)
    assert table.attrs["left_out"] == names


def test_other_coins_are_not_worth_a_word():
    for venue, message in [(name, message) for name, _, message, _ in SAMPLES] + told("quiet"):
        if venue != "hyperliquid":
            assert "left_out" not in parse_liquidations(venue, message, arrived=NOW).attrs


@given(venue=st.sampled_from(sorted(VENUES)), message=JSON)
def test_whatever_arrives_is_rows_or_a_sentence(venue, message):
    try:
        rows = parse_message(VENUES[venue], message, NOW).rows
    except FeedError:
        rows = []
    assert all(row.quantity > 0 and row.notional > 0 for row in rows)


def read_all_of(venue, message):
    found = parse_message(VENUES[venue], decoded(VENUES[venue], message), NOW)
    assert found.trouble == ""
    return found.rows


def test_recorded_messages_are_read(real_data):
    """Frames recorded from the venues: nothing in them is refused, and the known ones mean what they must."""
    feeds = {words: name for dialect in DIALECTS.values() for words, name in dialect.recorded.items()}
    lines = (real_data / "messages" / "tardis_node_recorded.jsonl").read_text().splitlines()
    read = {}
    for record in map(json.loads, lines):
        venue = next((name for words, name in feeds.items() if words in record["test"]), None)
        if venue is not None:
            read.setdefault(venue, []).extend(
                (row.side, row.quantity) for row in read_all_of(venue, record["message"])
            )
    assert read["binance"] == [("short", 0.014)]
    assert read["deribit"] == [("long", pytest.approx(1120 / 4469.5)), ("long", pytest.approx(2500 / 4458.5))]
    assert ("long", pytest.approx(0.227)) in read["htx"]
