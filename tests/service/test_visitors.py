"""One session through all pages as a browser walks them: what one page leaves behind breaks no other."""

import asyncio
import random
from concurrent.futures import ThreadPoolExecutor

import aiohttp
import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState

from benchmarks.load.visitor import Told, Visitor
from liqcore.views.shell import PAGES
from tests.browser.browsing import serving

NAMES = [page.name for page in PAGES]


@pytest.fixture(scope="module")
def address():
    with serving() as found:
        yield found


async def walked(address: str, seed: int, visits: int, clicks: int) -> Told:
    """A visitor who opens pages at random, each after each sooner or later, and clicks what they show."""
    told, chance = Told(), random.Random(seed)
    async with aiohttp.ClientSession() as http:
        visitor = Visitor(address, http, seed, told)
        await visitor.open()
        for _ in range(visits):
            page = chance.choice(NAMES)
            await visitor.visit("" if page == NAMES[0] else page)
            for _ in range(clicks):
                await visitor.click()
        await visitor.socket.close()
    return told


def walk(*arguments, **more) -> Told:
    """In a thread of its own: a browser of other tests may hold this one's loop."""
    with ThreadPoolExecutor(1) as alone:
        return alone.submit(lambda: asyncio.run(walked(*arguments, **more))).result()


def test_pages_leave_nothing_behind_that_breaks_another(address):
    told = walk(address, seed=4, visits=14, clicks=1)
    assert told.faults == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_nothing_that_can_be_clicked_breaks_a_page(address, seed):
    told = walk(address, seed, visits=12, clicks=6)
    assert told.faults == []


class Watcher(Visitor):
    """A visitor who keeps what the last run sent."""

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.sent: list = []

    def _ended(self, told) -> bool:
        if told.WhichOneof("type") == "delta" and told.delta.WhichOneof("type") == "new_element":
            self.sent.append(told.delta.new_element)
        return super()._ended(told)

    async def act(self, label: str, value: float) -> list:
        """Move one slider by its label; what came back."""
        name, widget = next(
            (name, one) for name, one in self.widgets.items() if getattr(one.proto, "label", "") == label
        )
        state = WidgetState(id=name)
        state.double_array_value.data.append(value)
        self.states[name], self.sent = state, []
        assert await self._run(widget.fragment) is not None
        return self.sent


async def asked(address: str, page: str, query: str, label: str, value: float) -> tuple[list, str, Told]:
    told = Told()
    async with aiohttp.ClientSession() as http:
        visitor = Watcher(address, http, 1, told)
        await visitor.open()
        await visitor.visit(page, query)
        sent = await visitor.act(label, value)
        await visitor.socket.close()
        return sent, visitor.query, told


@pytest.mark.parametrize(
    ("page", "query", "label", "words"),
    [
        ("explore", "data=violent&tf=1h", "Drag the price", "would be liquidated on the way"),
        ("risk", "data=violent&direction=short", "Price moves by", "ignores the stop"),
    ],
)
def test_a_what_if_is_answered_alone_and_the_rest_of_the_address_stays(address, page, query, label, words):
    """The map, or the plan, above it is not drawn again."""
    with ThreadPoolExecutor(1) as alone:
        sent, after, told = alone.submit(
            lambda: asyncio.run(asked(address, page, query, label, 10.0))
        ).result()
    assert told.faults == []
    assert set(after.split("&")) >= {*query.split("&")}
    kinds = [one.WhichOneof("type") for one in sent]
    assert any(words in one.markdown.body for one in sent if one.WhichOneof("type") == "markdown")
    assert "bidi_component" not in kinds
    assert "heading" in kinds
    assert kinds.count("text_input") == 0
