"""Secrets of the owner outside the pages: in what objects say of themselves, in the store's errors, in the
console and in what assistants are told."""

import asyncio
import json
import logging
import pickle
import traceback

import pandas as pd
import pytest
from mcp.client import Client
from typer.testing import CliRunner

from liqcore.cli import _app
from liqcore.feeds.live.store import StoreError, open_store
from liqcore.mcp.server import server
from liqcore.service.app import App, Owner

PASSWORD = "storecanary61e0b7"
SECRETS = {
    "HEATLAB_WEBHOOK_SECRET": "webhookcanary19af03",
    "HEATLAB_PASSPHRASE": "phrasecanary77d2e4",
    "HEATLAB_CHANNEL_PAGER": "json://user:channelcanary52cc@127.0.0.1:9/x",
    "HEATLAB_MARKET": "s3://bucketcanary7d21:keycanary8e32@bucket/path",
    "COINGLASS_KEY": "coinglasscanary3b77",
    "COINANK_KEY": "coinankcanary9d10",
    "HEATLAB_STORE": f"postgresql+psycopg://user:{PASSWORD}@127.0.0.1:9/heatlab",
}
TABLE = {"passphrase": "passphrasecanary4a5d", "channels": {"night": "json://user:nightcanary0f6e@h/x"}}


def clean(text: str) -> bool:
    """Whether none of the secrets stands in a text: each holds this word."""
    return "canary" not in text


@pytest.fixture
def owner(tmp_path, monkeypatch) -> Owner:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HEATLAB_FOLDER", str(tmp_path))
    return Owner.told(TABLE, {**SECRETS, "HEATLAB_OFFLINE": "1"})


def test_objects_do_not_say_the_secrets_they_hold(owner: Owner, monkeypatch) -> None:
    monkeypatch.delenv("HEATLAB_MARKET")
    app = App(owner)
    for told in (owner, app, app.endpoint, app.box, app.real, vars(app), f"{owner.webhook_secret}"):
        assert clean(repr(told)), repr(told)
    with pytest.raises(TypeError, match="not written anywhere"):
        pickle.dumps(owner)


@pytest.mark.parametrize(
    "address",
    [
        SECRETS["HEATLAB_STORE"],
        f"postgresql://user:{PASSWORD}@127.0.0.1:9/heatlab",
        f"mysql://user:{PASSWORD}@127.0.0.1/heatlab",
        f"no address {PASSWORD}",
        f"postgresql+psycopg://user:{PASSWORD}@[::1/heatlab",
    ],
)
def test_a_store_that_cannot_be_opened_keeps_its_password(address: str, caplog, capfd) -> None:
    caplog.set_level(logging.DEBUG)
    said = []
    try:
        store = open_store(address)
        said += [store.problem, repr(store)]
        store.summary()
    except StoreError as problem:
        said.append("".join(traceback.format_exception(problem)))
    out = capfd.readouterr()
    for text in (*said, caplog.text, out.out, out.err):
        assert clean(text), text
    assert any(said)


ODD = (
    "", "../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "s3://x/y", "2024-13-45", "0000-00-00",
    "\x00", "a" * 9_000, "<b>", "{{7*7}}", "calm/../violent", "CALM", "1y" * 500, "🦀",
)  # fmt: skip


def test_assistants_are_told_no_secret_and_odd_markets_in_a_sentence(owner, monkeypatch) -> None:
    monkeypatch.delenv("HEATLAB_MARKET")
    calm = Owner.told(TABLE, {"HEATLAB_OFFLINE": "1", "HEATLAB_WEBHOOK_SECRET": "webhookcanary19af03"})
    made = server(calm, lambda: pd.Timestamp("2026-03-01", tz="UTC"))

    async def ask() -> list:
        found = []
        async with Client(made) as client:
            for market in ODD:
                found.append(await client.call_tool("market_map", {"market": market}))
            found.append(await client.call_tool("market_map", {"market": "calm"}))
        return found

    told = asyncio.run(ask())
    for market, one in zip(ODD, told, strict=False):
        assert one.is_error, market
        assert len(one.content[0].text) < 600
        assert "Traceback" not in one.content[0].text
    assert not told[-1].is_error
    assert clean(json.dumps([one.model_dump(mode="json") for one in told]))


@pytest.mark.parametrize("words", [["--help"], ["check", "nothing.csv"]])
def test_the_console_says_no_secret(owner, words: list[str], caplog, monkeypatch) -> None:
    caplog.set_level(logging.DEBUG)
    told = CliRunner().invoke(_app, words)
    assert clean(told.output + caplog.text + repr(told.exception))
    assert told.output
