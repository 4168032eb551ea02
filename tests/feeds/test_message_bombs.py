"""Frames of sockets and questions of assistants made to hurt: each ends in a sentence, and nothing else."""

import asyncio
import gzip
import json
import tracemalloc
import zlib
from contextlib import suppress

import pandas as pd
import pytest
from test_stream import EVENTS, LINES, rows_of, truth, until, world

from liqcore.feeds import FeedError
from liqcore.feeds.positions.answers import traders
from liqcore.feeds.venues import parse
from liqcore.feeds.venues.registry import VENUES
from liqcore.mcp.server import server
from liqcore.service.app import Owner


def packed(megabytes):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(megabytes)) + packer.flush()


BOMBS = {
    "deep lists": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"data":' * 100_000 + b"1" + b"}" * 100_000,
    "giant number": b'{"data":' + b"9" * 100_000 + b"}",
    "unpacks to 400 MB": packed(400),
    "packed and cut off": packed(1)[:-20],
    "no text": b"\xff\xfe\x00" * 1_000,
    "half a pair": b'{"e": "\\ud800", "data": "\\ud800"',
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_frame_made_to_hurt_is_broken_in_a_sentence_and_bounded(name):
    tracemalloc.start()
    try:
        with pytest.raises(FeedError, match="broken or cut off"):
            parse.decoded(VENUES["htx"], BOMBS[name])
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("venue", LINES)
def test_odd_values_in_a_frame_become_no_row(venue):
    for frame in (
        {"data": [{"price": float("inf")}] * 10_000},
        {"data": {f"k{at}": at for at in range(10_000)}},
        {"topic": "x" * 1_000_000, "channel": "x" * 1_000_000, "data": ["x"] * 100_000},
        [[1e308] * 12] * 10_000,
    ):
        try:
            told = parse.parse_message(VENUES[venue], frame, 1_700_000_000_000_000)
        except FeedError as problem:
            said = str(problem)
        else:
            assert told.rows == []
            said = told.trouble
        assert len(said) < 400
    assert traders({"channel": "trades", "data": [{"users": ["x" * 100_000, 1, None, {}]}] * 1_000}) == set()


async def thrown(here, venue, frame):
    """Send bytes as they are over the sockets of a venue."""

    async def throw():
        for one in [one for one in here.sockets.open if one.door.venue == venue]:
            # Who finds a frame too large hangs up before it has all come.
            with suppress(ConnectionError):
                await (one.socket.send_bytes if isinstance(frame, bytes) else one.socket.send_str)(frame)

    await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(throw(), here.server._loop))


def test_frames_made_to_hurt_cost_no_other_venue_and_nothing_after_them():
    venues = ("bybit", "htx", "okx")

    async def play():
        async with world(venues) as here:
            await here.live(venues)
            for bomb in (
                BOMBS["deep lists"].decode(),
                BOMBS["giant number"].decode(),
                '"' + "x" * 3_000_000 + '"',
            ):
                await thrown(here, "bybit", bomb)
            await thrown(here, "htx", BOMBS["unpacks to 400 MB"])
            await here.publish(venues)
            await until(lambda: all(len(set(rows_of(here.rows[venue]))) == len(EVENTS) for venue in venues))
            for venue in venues:
                assert rows_of(here.rows[venue]) == truth(EVENTS)
            await until(lambda: "broken or cut off" in here.last("bybit").message)
            assert here.last("okx").state == "live"
            # Larger than any frame: the connection is left and made anew.
            await thrown(here, "bybit", "x" * 6_000_000)
            await until(lambda: here.handshakes("bybit") > len(LINES["bybit"]))
            assert here.last("okx").state == "live"

    asyncio.run(play())


ODD = (
    ("market_map", {"market": "x" * 1_000_000}),
    ("market_map", {"market": "../../etc/passwd"}),
    ("market_map", {"market": "\u202e<script>\n[2026] forged"}),
    ("market_map", {"market": "calm", "bands": 10**400}),
    ("market_map", {"market": "calm", "kind": "x" * 100_000}),
    ("market_map", {"market": json.loads("[" * 200 + "]" * 200)}),
    ("read_level", {"level": float("inf"), "market": "calm"}),
    ("read_level", {"level": float("nan"), "market": "calm"}),
    ("read_level", {"level": "9" * 100_000, "market": "calm"}),
    ("read_level", {"level": 1e-300, "market": "calm"}),
    ("read_level", {"level": 1e300, "market": "calm"}),
    ("compare_venues", {"level": 1e300, "market": "calm"}),
    ("size_position", {"side": "long", "entry": 100, "stop": 90, "account": 1e3, "targets": [1e9] * 100_000}),
    ("size_position", {"side": "long", "entry": float("inf"), "stop": 90, "account": 1e3}),
    ("size_position", {"side": "long", "entry": 1e308, "stop": 1e-308, "account": 1e308, "leverage": 200}),
    ("size_position", {"side": "long", "entry": 100, "stop": 90, "account": float("nan")}),
    ("no_such_tool", {}),
)


@pytest.mark.parametrize(("tool", "given"), ODD)
def test_questions_made_to_hurt_get_a_short_sentence(tool, given, tmp_path, monkeypatch):
    from mcp.client import Client

    monkeypatch.setenv("HEATLAB_FOLDER", str(tmp_path))
    made = server(Owner.told({}, {"HEATLAB_OFFLINE": "1"}), lambda: pd.Timestamp.now(tz="UTC"))

    async def ask():
        async with Client(made) as client:
            return await client.call_tool(tool, given)

    try:
        told = asyncio.run(ask())
        said, wrong = " ".join(part.text for part in told.content), told.is_error
    except Exception as problem:
        said, wrong = str(problem), True
    if wrong:
        assert "Traceback" not in said
        assert 0 < len(said) < 3_000, len(said)
    assert "/etc/passwd" not in said or "There is no market" in said
    assert wrong or ("NaN" not in said and "Infinity" not in said)


def test_what_is_packed_well_is_still_read():
    assert parse.decoded(VENUES["htx"], gzip.compress(b'{"ping": 1}')) == {"ping": 1}
