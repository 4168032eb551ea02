"""What assistants are told, asked with the protocol's own client: in process, over stdio and over HTTP."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time

import pandas as pd
import pytest
import requests
from mcp import StdioServerParameters
from mcp.client import Client

import liqcore as lq
from liqcore import tables
from liqcore.feeds import samples
from liqcore.feeds.history.partitions import Partitions
from liqcore.feeds.positions.sweep import Found, keep
from liqcore.mcp.server import server
from liqcore.service.app import Owner
from tests.browser.browsing import ROOT
from tests.loopback import truth
from tests.loopback.server import VenueServer

TOOLS = {"market_map", "read_level", "compare_venues", "size_position", "scoreboard"}


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.setenv("HEATLAB_FOLDER", str(tmp_path))
    return server(Owner.told({}, {"HEATLAB_OFFLINE": "1"}), lambda: pd.Timestamp.now(tz="UTC"))


def asked(target, *questions):
    async def ask():
        async with Client(target) as client:
            return [await client.call_tool(name, given) for name, given in questions]

    return asyncio.run(ask())


def answer(result):
    assert not result.is_error, result.content
    return result.structured_content


def test_there_are_five_tools_each_told_and_none_trades(made):
    async def listed():
        async with Client(made) as client:
            return (await client.list_tools()).tools, client.instructions

    tools, instructions = asyncio.run(listed())
    assert {tool.name for tool in tools} == TOOLS
    assert all(tool.description for tool in tools)
    assert "Nothing here trades" in instructions
    assert not any(word in tool.name for tool in tools for word in ("order", "buy", "sell", "trade"))


def test_a_map_says_its_kind_venues_age_and_doubts_and_its_sums_are_the_grids(made):
    modelled, realised = (
        answer(one)
        for one in asked(
            made,
            ("market_map", {"market": "violent", "kind": "modelled"}),
            ("market_map", {"market": "violent", "kind": "realised", "bands": 3}),
        )
    )
    about = realised["about"]
    assert about["kind"] == "realised"
    assert about["synthetic"] is True
    assert set(about["venues"]) == {venue.name for venue in samples.load_sample("violent").venues}
    assert about["data_up_to"].endswith("Z")
    assert any("no financial advice" in doubt for doubt in about["doubts"])
    assert modelled["about"]["model"]
    assert modelled["about"]["kind"] == "modelled"
    assert len(realised["hottest_bands"]) == 3
    usd = [row["usd"] for row in modelled["hottest_bands"]]
    assert usd == sorted(usd, reverse=True)
    # Longs are closed below the price, shorts above it, and wider reaches hold no less.
    for row in modelled["hottest_bands"]:
        assert (row["away"] <= 0) == (row["side"] == "long")
    sums = [(row["longs_below"], row["shorts_above"]) for row in modelled["usd_within"]]
    assert sums == sorted(sums)
    json.dumps([modelled, realised], allow_nan=False)


def test_measured_positions_are_a_part_with_their_age_and_are_never_set_beside_another_price(
    made, tmp_path, monkeypatch
):
    moment = pd.Timestamp.now(tz="UTC") - pd.Timedelta(minutes=5)
    positions = tables.check(
        pd.DataFrame(
            {
                "time": moment,
                "venue": "hyperliquid",
                "account": ["a", "b", "c"],
                "side": ["long", "long", "short"],
                "quantity": [2.0, 1.0, 4.0],
                "notional": [120_000.0, 60_000.0, 240_000.0],
                "entry": [60_000.0, 61_000.0, 59_000.0],
                "liquidation_price": [55_000.0, 50_000.0, 65_000.0],
                "leverage": [10.0, 5.0, 10.0],
                "margin": "isolated",
            }
        ),
        "positions",
    )
    swept = {"time": [moment], "venue": "hyperliquid", "began": moment, "open_interest": 40.0}
    swept |= {"mark_price": 60_000.0, "asked": 3, "answered": 3}
    found = Found(positions, tables.check(pd.DataFrame(swept), "sweeps"))
    none, of_sample = asked(
        made, ("market_map", {"kind": "measured"}), ("market_map", {"market": "calm", "kind": "measured"})
    )
    assert none.is_error
    assert of_sample.is_error
    assert "HEATLAB_POSITIONS" in none.content[0].text
    keep(Partitions(str(tmp_path / "market")), found)
    monkeypatch.setenv("HEATLAB_MARKET", str(tmp_path / "market"))
    app = server(Owner.told({}, {"HEATLAB_OFFLINE": "1"}), lambda: pd.Timestamp.now(tz="UTC"))
    # Asked of an invented market, it still is the real one's: its own mark price, nothing synthetic.
    (read,) = asked(app, ("market_map", {"market": "calm", "kind": "measured"}))
    told = answer(read)
    about = told["about"]
    assert (about["kind"], about["synthetic"], list(about["venues"])) == ("measured", False, ["hyperliquid"])
    assert about["completeness"].startswith("part")
    assert 240 < about["seconds_old"] < 600
    assert told["last_price"] == 60_000
    assert told["usd_within"][-1] == {"within": 0.1, "longs_below": 110_000.0, "shorts_above": 260_000.0}
    assert told["clusters"] == []


def test_a_level_is_read_as_the_library_reads_it_with_its_base_rates(made):
    (read,) = asked(made, ("read_level", {"level": 26_000, "market": "violent", "kind": "modelled"}))
    told = answer(read)
    assert "of 100 prices as far away" in told["text"]
    assert told["reading"]["level"] == 26_000
    assert told["reading"]["kind"] == "modelled"


@pytest.mark.parametrize("level", [25_100, 25_550, 26_000])
def test_venues_are_compared_as_the_level_is_read(made, level):
    compared, read = (
        answer(one)
        for one in asked(
            made,
            ("compare_venues", {"level": level, "market": "violent"}),
            ("read_level", {"level": level, "market": "violent", "kind": "realised"}),
        )
    )
    assert compared["about"]["kind"] == "realised"
    assert compared["verdict"] in {"market-wide", "partly confirmed", "isolated", "cannot say"}
    assert compared["n_total"] == len(compared["about"]["venues"])
    assert compared["n_fresh"] > 1
    assert all(sentence in read["text"] for sentence in compared["sentences"])


def test_a_size_is_the_librarys_to_the_cent_and_a_bad_plan_is_refused(made):
    given = {"side": "long", "entry": 60_000, "stop": 59_400, "account": 10_000, "leverage": 20}
    good, bad = asked(
        made, ("size_position", given), ("size_position", {**given, "leverage": 150, "stop": 55_000})
    )
    plan = lq.plan_trade(
        side="long", entry=60_000, stop=59_400, account=10_000, risk=0.01, leverage=20, fee_rate=0.0005
    )
    assert answer(good)["plan"]["quantity"] == pytest.approx(plan.quantity, rel=1e-12)
    assert answer(good)["accepted"] is plan.accepted
    assert answer(bad)["accepted"] is False
    assert answer(bad)["reasons"]


def test_the_scoreboard_says_what_it_was_made_from(made):
    (read,) = asked(made, ("scoreboard", {}))
    told = answer(read)
    assert told["note"]
    assert told["rows"]


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (("market_map", {"market": "2031-01-01"}), "There is no market"),
        (("market_map", {"market": "24h"}), "HEATLAB_OFFLINE"),
        (("size_position", {"side": "long", "entry": 1, "stop": -1, "account": 1}), "greater than 0"),
    ],
)
def test_what_cannot_be_told_is_one_sentence(made, question, words):
    (read,) = asked(made, question)
    assert read.is_error
    text = read.content[0].text
    assert words in text
    assert "Traceback" not in text


@pytest.mark.parametrize(
    "given", [0, -1, 1e-320, 1e13, 1e308, float("inf"), "inf", "nan", 10**400, True, None, []]
)
def test_what_is_no_price_is_refused_by_every_tool_that_takes_one(made, given):
    plan = {"side": "long", "entry": 60_000, "stop": 59_400, "account": 10_000}
    questions = [
        ("read_level", {"market": "calm", "level": given}),
        ("compare_venues", {"market": "calm", "level": given}),
        *(("size_position", {**plan, name: given}) for name in ("entry", "stop", "account")),
        ("size_position", {**plan, "targets": [given]}),
        ("size_position", {**plan, "leverage": given, "maintenance_percent": given}),
    ]
    for question, told in zip(questions, asked(made, *questions), strict=True):
        text = told.content[0].text
        # An account of next to nothing is an amount, with which no plan comes about.
        assert told.is_error or told.structured_content["accepted"] is False, question
        assert "Traceback" not in text
        assert len(text) < (1_000 if told.is_error else 5_000)
        # What was asked is not told back as something else.
        assert given in (float("inf"), "inf") or " inf " not in text, text


def test_a_market_is_only_ever_one_of_the_names(made):
    hostile = [
        "../../etc/passwd",
        "calm\0",
        "calm/../violent",
        " calm",
        "violent\n",
        "x" * 1_000_000,
        "\u202ecalm",
    ]
    for told in asked(made, *(("market_map", {"market": name}) for name in hostile)):
        text = told.content[0].text
        assert told.is_error
        assert "There is no market" in text
        assert len(text) < 1_000
        assert "\u202e" not in text


def test_the_real_market_is_asked_for_and_its_age_told(tmp_path, monkeypatch):
    monkeypatch.setenv("HEATLAB_FOLDER", str(tmp_path))
    monkeypatch.setattr(truth, "NOW", int(time.time()) * 1000)
    with VenueServer() as venues:
        owner = Owner.told({}, {"HEATLAB_LOOPBACK": venues.address})
        made = server(owner, lambda: pd.Timestamp.now(tz="UTC"))
        (read,) = asked(made, ("market_map", {"market": "24h"}))
    about = answer(read)["about"]
    assert about["synthetic"] is False
    assert "binance" in about["venues"]
    assert about["seconds_old"] is not None


def test_over_stdio_the_console_command_answers(tmp_path):
    surroundings = {**os.environ, "HEATLAB_OFFLINE": "1", "HEATLAB_FOLDER": str(tmp_path)}
    ours = StdioServerParameters(
        command=sys.executable, args=["-m", "liqcore", "mcp"], env=surroundings, cwd=str(ROOT)
    )
    (read,) = asked(ours, ("scoreboard", {}))
    assert answer(read)["rows"]


def test_over_http_it_listens_on_this_machine_only(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "liqcore", "mcp", "--http", str(port)],
        cwd=ROOT,
        env={**os.environ, "HEATLAB_OFFLINE": "1", "HEATLAB_FOLDER": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with socket.socket() as knock:
                if knock.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        (read,) = asked(f"http://127.0.0.1:{port}/mcp", ("scoreboard", {}))
        assert answer(read)["rows"]
        # A page in a browser whose name was bent to this machine is sent away, and so is one from elsewhere.
        for header, refusal in (
            ({"Host": f"evil.example:{port}"}, 421),
            ({"Origin": "https://evil.example"}, 403),
        ):
            said = requests.post(f"http://127.0.0.1:{port}/mcp", json={}, headers=header, timeout=20)
            assert said.status_code == refusal
        assert process.poll() is None
    finally:
        process.terminate()
        process.wait(20)
