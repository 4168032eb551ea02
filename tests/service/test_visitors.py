"""One session through all pages as a browser walks them: what one page leaves behind breaks no other."""

import asyncio
import random
from concurrent.futures import ThreadPoolExecutor

import aiohttp
import pytest

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
