"""`python -m benchmarks.first_run`: what the first visitor of a fresh process waits for, and what it imports.

Starts the server, lets one visitor open the start page and another one after, beside a page of Streamlit
alone in the same run; then imports what the start page needs once more in a fresh interpreter and says what
was dearest. Nobody is asked for anything (HEATLAB_OFFLINE), so that the figures are those of this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import subprocess  # what is started is this project's own code
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil

from benchmarks.load.__main__ import served
from benchmarks.load.visitor import Told, Visitor

ROOT = Path(__file__).parents[1]
# The page as a visitor gets it; imports that only a server does are in it, those of this script are not.
_OPEN = "from streamlit.testing.v1 import AppTest; AppTest.from_file('app.py', default_timeout=120).run()"
_LINE = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \| (\s*)(\S+)")


@dataclass(frozen=True)
class Opened:
    """CPU seconds until the server answered, of the first page and of the second visitor's; memory in MB
    after each."""

    ready: float
    first: float
    second: float
    megabytes: tuple[float, float, float]
    wall: float


def opened(script: str, **settings: str) -> Opened:
    """A fresh server of `script`, and two visitors of its first page."""
    with served(script, **settings) as (base, pid):
        server = psutil.Process(pid)

        def spent() -> tuple[float, float]:
            return sum(server.cpu_times()[:2]), server.memory_info().rss / 1e6

        async def visit() -> float:
            told = Told()
            async with aiohttp.ClientSession() as http:
                visitor = Visitor(base, http, 1, told)
                await visitor.open()
                took = await visitor.visit("")
                await visitor.socket.close()
            if took is None or told.faults:
                raise SystemExit("\n".join(told.faults))
            return took

        ready, before = spent()
        wall = asyncio.run(visit())
        first, after = spent()
        asyncio.run(visit())
        second, then = spent()
    return Opened(ready, first - ready, second - first, (before, after, then), wall)


def imports(code: str = _OPEN) -> list[tuple[str, float, float]]:
    """Module, milliseconds of itself and with all that it brings, of everything that `code` imports."""
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code],
        cwd=ROOT,
        env=os.environ | {"HEATLAB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    return [(line[4], int(line[1]) / 1e3, int(line[2]) / 1e3) for line in _LINE.finditer(told)]


def by_package(found: list[tuple[str, float, float]], most: int) -> list[tuple[str, float, int]]:
    """Package, milliseconds of all its modules by themselves, and how many: the dearest first."""
    spent: dict[str, list[float]] = {}
    for name, own, _ in found:
        parts = name.split(".")
        spent.setdefault(".".join(parts[: 2 if parts[0] == "liqcore" else 1]), []).append(own)
    ordered = sorted(((sum(held), name, len(held)) for name, held in spent.items()), reverse=True)
    return [(name, total, count) for total, name, count in ordered[:most]]


def main() -> None:
    """See above."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--imports", type=int, default=12, help="so many of the dearest packages")
    reader.add_argument("--runs", type=int, default=3, help="the least of so many fresh processes counts")
    chosen = reader.parse_args()
    print(f"{'':<18}{'ready':>8}{'first page':>12}{'(wall)':>8}{'second':>8}   MB ready, first, second")
    for title, script in (("Streamlit alone", "benchmarks/apps/plain_app.py"), ("the app", "server.py")):
        held = []
        for _ in range(chosen.runs):
            with tempfile.TemporaryDirectory() as folder:
                held.append(opened(script, HEATLAB_OFFLINE="1", HEATLAB_FOLDER=folder))
        best = min(held, key=lambda one: one.ready + one.first)
        megabytes = ", ".join(f"{value:.0f}" for value in best.megabytes)
        seconds = f"{best.ready:7.2f}s{best.first:11.2f}s{best.wall:7.2f}s{best.second:7.2f}s"
        print(f"{title:<18}{seconds}   {megabytes}")
    found = imports()
    print(f"\n{len(found)} modules, {sum(own for _, own, _ in found):.0f} ms under -X importtime")
    for name, total, count in by_package(found, chosen.imports):
        print(f"{name:<28}{total:7.0f} ms{count:6} modules")


if __name__ == "__main__":
    main()
