"""`python -m benchmarks.load`: so many visitors, so long, beside a plain Streamlit page in the same run.

Starts the stand-in for all venues, the app on it, and a page of Streamlit alone with as many widgets; the
same visitors click both. Prints seconds a click (median, 95 of 100, longest), refreshes of the live page,
faults, the server's processor time a click and its memory. With `--url` and `--pid` it clicks an app that
runs already. `--soak` goes on for a quarter of an hour, prints memory by the minute, and fails where it
grows.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import subprocess  # what is started is this project's own server
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import aiohttp
import numpy as np
import psutil

from benchmarks.load.visitor import Told, Visitor

ROOT = Path(__file__).parents[2]
# Page, address and how often it is somebody's: what a visitor of a public app does.
PAGES = (
    ("explore", "", 5),
    ("walkthrough", "", 2),
    ("compare", "", 2),
    ("live", "livepace=5+s", 2),
    ("risk", "", 1),
)
# Minutes until every cache has been filled, and the MB a minute after that which are growth: 3 % of what a
# process takes in twelve minutes.
SETTLED = 3
MOST_GROWTH = 2.0


async def one(
    base: str,
    http: aiohttp.ClientSession,
    seed: int,
    end: float,
    think: tuple[float, float],
    told: Told,
    pages: tuple[tuple[str, str, int], ...],
) -> None:
    """A visitor who opens a page, clicks it a few times, and goes on to another until the end."""
    visitor = Visitor(base, http, seed, told)
    await visitor.open()
    await asyncio.sleep(visitor.chance.uniform(0, think[1]))
    names = [page for page in pages for _ in range(page[2])]
    while time.monotonic() < end:
        page, query, _ = visitor.chance.choice(names)
        took = await visitor.visit(page, query)
        for _ in range(visitor.chance.randint(3, 7)):
            if took is None:
                return
            told.clicks.append((page or "page", took))
            await visitor.wait(visitor.chance.uniform(*think))
            if time.monotonic() >= end:
                break
            took = await visitor.click()
    await visitor.socket.close()


async def crowd(
    base: str,
    pid: int,
    sessions: int,
    seconds: float,
    think: tuple[float, float],
    pages: tuple[tuple[str, str, int], ...],
) -> tuple[Told, list[float], float]:
    """Everybody at once: what they saw, the server's memory in MB each second, its processor seconds."""
    told, memory, server = Told(), [], psutil.Process(pid)
    before, end = sum(server.cpu_times()[:2]), time.monotonic() + seconds
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        tasks = [
            asyncio.create_task(one(base, http, seed, end, think, told, pages)) for seed in range(sessions)
        ]
        while not all(task.done() for task in tasks):
            memory.append(server.memory_info().rss / 1e6)
            await asyncio.sleep(1)
        told.faults.extend(str(task.exception()) for task in tasks if task.exception())
    return told, memory, sum(server.cpu_times()[:2]) - before


def row(name: str, seconds: list[float]) -> str:
    """A line of the table: how many, the median, 95 of 100, the longest."""
    if not seconds:
        return f"{name:<24}     0"
    half, most, longest = np.quantile(seconds, (0.5, 0.95, 1.0))
    return f"{name:<24}{len(seconds):6}{half:9.2f}{most:9.2f}{longest:9.2f}"


def by_minute(memory: list[float]) -> list[float]:
    """The median of each whole minute of a memory told once a second."""
    return [float(np.median(memory[at : at + 60])) for at in range(0, len(memory) - 59, 60)]


def growth(memory: list[float]) -> float:
    """MB a minute by which memory grows once caches are filled: the median slope between any two minutes
    (Theil-Sen), so that one large answer in between does not count as growth."""
    minutes = np.array(by_minute(memory)[SETTLED:])
    if len(minutes) < 3:
        raise SystemExit(f"A soak needs at least {SETTLED + 3} minutes.")
    early, late = np.triu_indices(len(minutes), 1)
    return float(np.median((minutes[late] - minutes[early]) / (late - early)))


def soaked(memory: list[float]) -> bool:
    """Print memory by the minute and whether it stays; False where it grows."""
    slope = growth(memory)
    print("memory by the minute, MB: " + " ".join(f"{value:.0f}" for value in by_minute(memory)))
    print(f"after {SETTLED} minutes it changes by {slope:+.1f} MB a minute (at most {MOST_GROWTH:g})")
    return slope <= MOST_GROWTH


def show(title: str, told: Told, memory: list[float], spent: float) -> None:
    """Print one run."""
    runs = len(told.clicks) + len(told.refreshes)
    print(f"\n{title}\n{'':<24}{'runs':>6}{'median':>9}{'95 %':>9}{'longest':>9}")
    print(row("clicks", [took for _, took in told.clicks]))
    for page in dict.fromkeys(page for page, _ in told.clicks):
        print(row(f"  {page}", [took for name, took in told.clicks if name == page]))
    print(row("refreshes", [took for _, took in told.refreshes]))
    print(
        f"faults {len(told.faults)}, server {1000 * spent / max(runs, 1):.0f} ms CPU and "
        f"{told.received / max(runs, 1) / 1000:.0f} kB a run, memory {memory[0]:.0f} MB at first, "
        f"{max(memory):.0f} MB at most, {memory[-1]:.0f} MB in the end"
    )
    for fault in dict.fromkeys(told.faults):
        print(f"  fault: {fault} ({told.faults.count(fault)} times)")


@contextmanager
def started(command: list[str], told: bool = False, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """A process of this project, stopped at the end."""
    # What a server says is only looked at where somebody asks for it: a pipe that nobody reads would stop it.
    log = None if os.environ.get("HEATLAB_LOAD_LOG") else subprocess.DEVNULL
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env=os.environ | settings,
        text=True,
        stdout=subprocess.PIPE if told else log,
        stderr=log,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def served(script: str, **settings: str) -> Iterator[tuple[str, int]]:
    """A Streamlit server of `script` that answers: its address and process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["-m", "streamlit", "run", script, "--server.port", str(port), "--server.headless", "true"]
    with started(command, **settings) as process:
        base = f"http://127.0.0.1:{port}"
        for _ in range(240):
            try:
                urllib.request.urlopen(base + "/_stcore/health", timeout=2).close()
                break
            except OSError:
                time.sleep(0.25)
        yield base, process.pid


def main() -> None:
    """See above."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--sessions", type=int, default=30)
    reader.add_argument("--seconds", type=float, default=180)
    reader.add_argument("--think", default="4,8", help="least and most seconds between clicks")
    reader.add_argument("--url", help="an app that runs already, with --pid")
    reader.add_argument("--pid", type=int)
    reader.add_argument("--no-baseline", action="store_true")
    reader.add_argument("--soak", action="store_true", help="900 seconds of the app alone; memory must stay")
    chosen = reader.parse_args()
    if chosen.soak:
        chosen.seconds, chosen.no_baseline = max(chosen.seconds, 900), True
    flat = True
    least, most = (float(part) for part in chosen.think.split(","))
    with ExitStack() as stack:
        if chosen.url:
            targets = [("the app", chosen.url, chosen.pid, PAGES)]
        else:
            venues = stack.enter_context(started(["-m", "tests.loopback.server", "--live"], told=True))
            address = venues.stdout.readline().strip().split("=", 1)[1]
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            base, pid = stack.enter_context(
                served("server.py", HEATLAB_LOOPBACK=address, HEATLAB_FOLDER=folder, HEATLAB_HOSTED="1")
            )
            targets = [("the app", base, pid, PAGES)]
        if not chosen.no_baseline:
            base, pid = stack.enter_context(served("benchmarks/apps/plain_app.py"))
            targets.insert(0, ("Streamlit alone", base, pid, (("", "", 1),)))
        for title, base, pid, pages in targets:
            told = asyncio.run(crowd(base, pid, chosen.sessions, chosen.seconds, (least, most), pages))
            show(
                f"{title}: {chosen.sessions} visitors for {chosen.seconds:.0f} s,"
                f" a click every {least:g} to {most:g} s",
                *told,
            )
            if chosen.soak:
                flat = soaked(told[1])
    if not flat:
        sys.exit("Memory grows.")


if __name__ == "__main__":
    main()
