"""Two visitors at once in one process, and an owner with secrets: nothing of the one reaches another, and no
secret reaches anybody, a log, a link or a file.

Each types and uploads what nobody else would, wherever a page has a field, and keeps every byte that the
server sends.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import aiohttp
import numpy as np
import pandas as pd
import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

from benchmarks.load.visitor import Told, Visitor
from liqcore.views.shell import PAGES
from tests.browser.browsing import serving

# Whose they are: nothing of these may be found anywhere but with their provider.
OWNERS = {
    "provider key": "cglasscanary4f1b77",
    "key of the environment": "cankcanary90ab31",
    "webhook secret": "webhookcanary5512ee",
    "passphrase": "passphrasecanary77c0",
    "channel": "pagercanary1d44token",
    "channel of the environment": "envpagercanary8e2f",
}
# What no browser would send as an address, and what no page is called.
RAW = (
    "%", "%ff%fe=%00", "&&&=&", "=", "data=calm&data=violent&data", "data=..%2f..%2fetc%2fpasswd",
    "%C0%AF=%C0%AF", "tf=%ud800", "data[]=calm&data[x]=1", "embed=true&embed_options=x",
    "x=" + "y" * 150_000, "&".join(["a=1"] * 3_000),
)  # fmt: skip
NO_PAGES = ("../../etc/passwd", "nowhere", "explore/../risk", "%2e%2e", "<b>", "a" * 5_000)
PRESSED = (
    "Test the key",
    "Fetch now",
    "Ask Hyperliquid",
    "Unlock channels",
    "Keep this rule",
    "Read this level",
)
WALK = [
    ("explore", "data=files"),
    ("explore", "data=calm&layer=realised&read=true"),
    ("compare", "data=calm&view=position&myfrom=address"),
    ("compare", "data=calm&view=figures"),
    ("compare", "data=calm&view=file&otherfrom=key"),
    ("risk", "data=calm"),
    ("practice", "data=calm"),
    ("alerts", "data=calm&test=Off"),
    ("alerts", "data=calm&pane=channels"),
    ("sources", ""),
    ("walkthrough", ""),
]


class Typist(Visitor):
    """A visitor who fills every field with what is theirs alone, and keeps all that is told them."""

    def __init__(self, base: str, http: aiohttp.ClientSession, name: str, told: Told) -> None:
        super().__init__(base, http, 1, told)
        self.name, self.word = name, f"canary{name}zq"
        self.price = f"27{sum(map(ord, name)) % 900 + 100}.{sum(map(ord, name)) % 97:02}7"
        self.address = "0x" + (name.encode().hex() * 40)[:40]
        self.heard: list[bytes] = []
        self.fields: dict[str, str] = {}
        self.uploaders: list[str] = []
        self.buttons: dict[str, str] = {}
        self.urls: object = None
        self.session, self.begun = "", 0

    async def visit(self, page: str, query: str = "") -> float | None:
        self.fields, self.uploaders, self.buttons, self.begun = {}, [], {}, len(self.heard)
        return await super().visit(page, query)

    async def fill(self, text: str, label: str = "") -> None:
        """Type this into every field of the page, or into those with such a label."""
        for name, said in self.fields.items():
            if label in said:
                self.states[name] = WidgetState(id=name, string_value=text)
        await self._run("")

    async def press(self) -> None:
        """Press what sends something somewhere."""
        for label, name in list(self.buttons.items()):
            if label in PRESSED:
                self.states[name] = WidgetState(id=name, trigger_value=True)
                await self._run("")
                self.states.pop(name, None)

    async def forget(self) -> None:
        name = self.buttons["Delete my data"]
        self.states = {name: WidgetState(id=name, trigger_value=True)}
        await self._run("")
        self.states = {}

    async def upload(self, **files: bytes) -> None:
        """Drop files on the first place for them, as the browser does it."""
        ask = BackMsg()
        ask.file_urls_request.request_id = "1"
        ask.file_urls_request.session_id = self.session
        ask.file_urls_request.file_names.extend(files)
        await self.socket.send_bytes(ask.SerializeToString())
        while self.urls is None:
            self._heard((await self.socket.receive(20)).data)
        async with self.http.get(f"{self.base}/_stcore/health") as answer:
            token = answer.cookies["_streamlit_xsrf"].value
        state = WidgetState(id=self.uploaders[0])
        for (name, body), urls in zip(files.items(), self.urls, strict=True):
            form = aiohttp.FormData()
            form.add_field("file", body, filename=f"{name}.csv", content_type="text/csv")
            place = f"{self.base}{urls.upload_url}"
            async with self.http.put(place, data=form, headers={"X-Xsrftoken": token}) as answer:
                assert answer.status == 204, await answer.text()
            info = state.file_uploader_state_value.uploaded_file_info.add()
            info.file_id, info.name, info.size = urls.file_id, f"{name}.csv", len(body)
            info.file_urls.CopyFrom(urls)
        self.states[state.id] = state
        await self._run("")

    def _heard(self, data: bytes) -> None:
        from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

        told = ForwardMsg()
        told.ParseFromString(data)
        self._ended(told)

    def _ended(self, told) -> bool:
        self.heard.append(told.SerializeToString())
        kind = told.WhichOneof("type")
        if kind == "new_session" and told.new_session.initialize.session_id:
            self.session = told.new_session.initialize.session_id
        if kind == "file_urls_response":
            self.urls = list(told.file_urls_response.file_urls)
        return super()._ended(told)

    def _see(self, element, delta) -> None:
        super()._see(element, delta)
        kind = element.WhichOneof("type")
        if kind in ("text_input", "text_area"):
            self.fields[getattr(element, kind).id] = getattr(element, kind).label
        elif kind == "file_uploader":
            self.uploaders.append(element.file_uploader.id)
        elif kind == "button":
            self.buttons[element.button.label.split("] ")[-1].strip()] = element.button.id

    @property
    def mine(self) -> tuple[str, ...]:
        return self.word, self.price, self.address

    @property
    def heard_since(self) -> str:
        """What the page that is open has told."""
        return b"".join(self.heard[self.begun :]).decode("latin1")

    @property
    def all_heard(self) -> str:
        return unquote(b"\n".join(self.heard).decode("latin1"))


def files_of(name: str) -> dict[str, bytes]:
    """Events of a venue that only this visitor has, and candles; both visitors' have the same names."""
    rng = np.random.default_rng(len(name))
    time = pd.date_range("2026-03-01", periods=200, freq="5min")
    close = 27_500 * np.exp(np.cumsum(rng.normal(0, 0.001, 200)))
    bars = pd.DataFrame(
        {"time": time, "open": close, "high": close + 9, "low": close - 9, "close": close, "volume": 5.0}
    )
    events = pd.DataFrame(
        {
            "time": time,
            "venue": f"canary{name}zq",
            "symbol": "BTCUSDT",
            "side": np.where(rng.random(200) > 0.5, "long", "short"),
            "price": close.round(1),
            "quantity": 1.5,
        }
    )
    return {"events": events.to_csv(index=False).encode(), "candles": bars.to_csv(index=False).encode()}


@dataclass
class Walked:
    """What came of the walk: the visitors, what was said by the server, and what is at rest afterwards."""

    visitors: list[Typist]
    faults: list[str]
    log: str = ""
    rest: str = ""
    after: dict[str, str] = field(default_factory=dict)


async def walk(one: Typist) -> None:
    await one.open()
    await one.visit("explore", "data=files")
    await one.upload(**files_of(one.name))
    for page, query in WALK:
        await one.visit(page, query)
        await one.fill(one.price)
        await one.fill(one.word)
        if "position" in query:
            await one.fill(one.address, "address")
        await one.press()


async def walk_astray(one: Typist) -> None:
    """Addresses as no browser writes them."""
    await one.open()
    for query in RAW:
        await one.visit("walkthrough", query)
        assert "research and education" in one.heard_since, query[:80]
    for page in NO_PAGES:
        await one.visit(page)


async def walk_as_owner(one: Typist) -> None:
    await one.open()
    await one.visit("alerts", "data=calm&pane=channels")
    await one.fill(OWNERS["passphrase"], "passphrase")
    await one.press()
    assert "pager" in one.all_heard, "the channels are open"
    for page, query in (
        ("sources", ""),
        ("compare", "data=calm&view=figures"),
        ("alerts", "alerts=channels"),
    ):
        await one.visit(page, query)
        for label in ("Test the key", "Fetch now", "Send a test"):
            if name := one.buttons.get(label):
                one.states[name] = WidgetState(id=name, trigger_value=True)
                await one._run("")
                one.states.pop(name)


def browser() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))


async def all_walks(base: str) -> Walked:
    told = Told()
    async with AsyncExitStack() as browsers:
        one, other, owner, astray = [
            Typist(base, await browsers.enter_async_context(browser()), name, told)
            for name in ("alpha", "omega", "owner", "astray")
        ]
        await asyncio.gather(walk(one), walk(other), walk_as_owner(owner), walk_astray(astray))
        found = Walked([one, other, owner], told.faults)
        before = {who.name: len(who.heard) for who in found.visitors}
        await one.forget()
        for who in (one, other):
            await who.visit("explore", "data=files")
            await who.visit("sources")
            found.after[who.name] = unquote(b"".join(who.heard[before[who.name] :]).decode("latin1"))
        for who in found.visitors:
            await who.socket.close()
    return found


@pytest.fixture(scope="module")
def walked(tmp_path_factory) -> Walked:
    folder = tmp_path_factory.mktemp("hosted")
    kept, log, secrets = folder / "kept", folder / "log", folder / "secrets.toml"
    secrets.write_text(
        f'coinglass_key = "{OWNERS["provider key"]}"\n[alerts]\npassphrase = "{OWNERS["passphrase"]}"\n'
        f'[alerts.channels]\npager = "json://user:{OWNERS["channel"]}@127.0.0.1:9/x"\n'
    )
    with (
        log.open("wb") as said,
        serving(
            log=said,
            STREAMLIT_SECRETS_FILES=str(secrets),
            HEATLAB_HOSTED="1",
            HEATLAB_FOLDER=str(kept),
            HEATLAB_STORE=f"sqlite:///{kept}/store.sqlite",
            HEATLAB_WEBHOOK_SECRET=OWNERS["webhook secret"],
            COINANK_KEY=OWNERS["key of the environment"],
            HEATLAB_CHANNEL_NIGHT=f"json://user:{OWNERS['channel of the environment']}@127.0.0.1:9/x",
        ) as base,
        ThreadPoolExecutor(1) as alone,
    ):
        found = alone.submit(lambda: asyncio.run(all_walks(base))).result()
    found.log = log.read_text("latin1")
    found.rest = "".join(
        f"{path}\n" + path.read_bytes().decode("latin1") for path in Path(kept).rglob("*") if path.is_file()
    )
    return found


def test_what_one_visitor_brings_and_types_reaches_no_other(walked: Walked) -> None:
    assert walked.faults == []
    for who in walked.visitors[:2]:
        for word in who.mine:
            # An address is told back to nobody, not even to who typed it.
            assert word in who.all_heard or word == who.address, "taken, or this test tells nothing"
            for other in walked.visitors:
                assert other is who or word not in other.all_heard, (who.name, word, other.name)


def test_nobody_learns_the_name_of_anothers_session(walked: Walked) -> None:
    """Whoever knew it could take it up where its visitor lost the connection, and drop files in it."""
    for who in walked.visitors:
        assert len(who.session) >= 32
        for other in walked.visitors:
            assert other is who or who.session not in other.all_heard
        assert who.session not in walked.log + walked.rest


def test_no_secret_of_the_owner_reaches_anybody(walked: Walked) -> None:
    for who in walked.visitors:
        for what, secret in OWNERS.items():
            # Not even the owner's own browser is told one back.
            assert secret not in who.all_heard, (what, who.name)


def test_no_secret_and_nothing_of_a_visitor_is_in_a_log_or_a_file(walked: Walked) -> None:
    hidden = [*OWNERS.values(), *(word for who in walked.visitors for word in who.mine)]
    for word in hidden:
        assert word not in walked.log, walked.log[max(walked.log.find(word) - 300, 0) :][:600]
        assert word not in walked.rest, walked.rest[max(walked.rest.find(word) - 300, 0) :][:600]
    assert "Traceback" not in walked.log


def test_deleting_my_data_deletes_mine_and_nobody_elses(walked: Walked) -> None:
    one, other = walked.visitors[:2]
    for word in one.mine:
        assert word not in walked.after["alpha"], word
    assert other.word in walked.after["omega"], "the other's files are still there"


def test_all_pages_with_fields_were_walked() -> None:
    """A new page belongs into the walk, unless it has no place to type or to drop anything."""
    left = {"start", "live", "lab"}
    assert {page for page, _ in WALK} | left == {page.name for page in PAGES}
