"""The real market against the stand-in, which takes 100 ms for each answer: to the first map, again, and the
archive."""

import io
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from liqcore.feeds.history import archive
from liqcore.feeds.rest.session import open_session
from liqcore.service import dataset
from liqcore.service.dataset import ViewSettings
from liqcore.service.real import RealMarkets
from tests.loopback import archive as made, truth
from tests.loopback.server import VenueServer

# Waiting for answers is most of it, so these are seconds of the clock.
COLD = {"24h": 2.5, "30d": 4.0, "1y": 12.0}
MEMORY = """
import sys, time
sys.path.insert(0, "benchmarks")
from liqcore.feeds.rest.session import open_session
from liqcore.service import dataset
from liqcore.service.real import RealMarkets
session = open_session(loopback=sys.argv[1])
real = RealMarkets(lambda: session, sys.argv[2])
look = real.look("1y", 60)
dataset.heatmap(look.data, dataset.ViewSettings(layer="modelled", hours=8760.0, timeframe="1d"))
real.stop()
print(int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]) / 1e3)
"""


@pytest.fixture(scope="module")
def server():
    truth.NOW = int(time.time()) * 1000
    with VenueServer(delay=0.1) as one:
        yield one


def drawn(real, name):
    begun = time.perf_counter()
    look = real.look(name, 30)
    hours = {"24h": 24.0, "30d": 720.0, "1y": 8_760.0}[name]
    columns = {"24h": "15m", "30d": "2h", "1y": "1d"}[name]
    grid = dataset.heatmap(look.data, ViewSettings(layer="modelled", hours=hours, timeframe=columns))
    assert grid.long.sum() > 0
    return time.perf_counter() - begun


@pytest.mark.parametrize("name", COLD)
def test_the_first_real_map_comes_in_time_and_again_at_once(server, tmp_path, name):
    # What is paid once a process is not a matter of the market.
    with open_session(loopback=server.address) as session:
        first = RealMarkets(lambda: session, str(tmp_path / "warm"))
        drawn(first, "24h")
        first.stop()
    with open_session(loopback=server.address) as session:
        real = RealMarkets(lambda: session, str(tmp_path / "market"))
        cold = drawn(real, name)
        warm = drawn(real, name)
        real.stop()
        quiet = RealMarkets(lambda: session, str(tmp_path / "market"), offline=True)
        kept = drawn(quiet, name)
    print(f"\n{name}: cold {cold:.2f} s, warm {warm:.2f} s, from the disk alone {kept:.2f} s")
    assert cold < COLD[name]
    assert max(warm, kept) < 1.0


def test_a_year_of_minutes_of_the_archive_is_read_at_a_million_bars_a_second():
    now = int(np.datetime64("2026-02-01", "us").astype("int64"))
    start = int(np.datetime64("2025-01-01", "us").astype("int64"))
    files = archive.files("candles", "1m", start, now - 31 * 86_400_000_000, now)
    assert len(files) == 12
    text = {}
    for file in files:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as one:
            one.writestr("a.csv", made.klines(file.start // 1000, file.end // 1000, 60_000))
        text[file] = packed.getvalue()
    begun = time.process_time()
    bars = sum(len(archive.parse(file, archive._unzipped(data))) for file, data in text.items())
    seconds = time.process_time() - begun
    print(f"\n{bars:,} bars of 12 files in {seconds:.2f} s of CPU: {bars / seconds / 1e6:.2f} M a second")
    assert bars == 365 * 1_440
    assert bars / seconds > 1e6


def test_a_process_with_the_map_of_a_year_stays_small(server, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, server.address, str(tmp_path)],
        cwd=Path(__file__).parents[1], capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    used = float(done.stdout)
    print(f"\nthe process that fetched and drew a year: {used:.0f} MB")
    assert used < 400
