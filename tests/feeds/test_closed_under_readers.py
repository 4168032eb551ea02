"""A connection that is closed while other threads read through it. Each in a process of its own: SQLite takes
the whole process with it where nobody waits for the readers."""

import subprocess
import sys

import pytest

ANSWERS = """
from liqcore.feeds.rest.answers import StoredAnswers

held = StoredAnswers(folder / "answers.sqlite").redirects
for one in range(50):
    held[str(one)] = "x" * 20_000

def read():
    for one in range(50):
        held.get(str(one))

def close():
    held._trouble(sqlite3.OperationalError("gone"))
    held.rest = 1e-9

def after():
    held.rest = 1e-9
    return len(held["49"])
"""

ACCOUNTS = """
from liqcore.feeds.positions.book import AddressBook

held = [AddressBook(folder / "accounts.sqlite")]
held[0].add(f"0x{one:040x}" for one in range(20_000))

def read():
    held[0].due(1)

def close():
    held[0].close()
    held[0] = AddressBook(folder / "accounts.sqlite")
    time.sleep(0.003)

def after():
    return held[0].count()
"""

MEMORY = """
import sqlalchemy
from liqcore.feeds.live.store import Store
from liqcore.feeds.venues.rows import LiquidationRow
from liqcore.feeds.live.store import Arrival

def filled():
    store = Store("sqlite://")
    told = ("bybit", "BTCUSDT", "long", 5e4, 0.1, 5e3, "fill", "all")
    rows = (LiquidationRow(1_700_000_000_000_000 + one, *told) for one in range(2_000))
    store.add([Arrival(row, row.time, 0, "socket") for row in rows])
    return store

held = [filled()]

def read():
    with contextlib.suppress(sqlalchemy.exc.SQLAlchemyError):
        held[0].liquidations(0)

def close():
    old, held[0] = held[0], filled()
    old.close()

def after():
    return len(held[0].liquidations(0))
"""

AROUND = """
import contextlib, logging, sqlite3, sys, threading, time
from pathlib import Path

logging.disable(logging.CRITICAL)
folder = Path(sys.argv[1])
{0}
until = time.monotonic() + 1.5

def again(what):
    while time.monotonic() < until:
        with contextlib.suppress(sqlite3.Error):
            what()

threads = [threading.Thread(target=again, args=(one,)) for one in (*[read] * 6, close)]
for one in threads:
    one.start()
for one in threads:
    one.join()
print(after())
"""


@pytest.mark.parametrize(
    ("held", "left"),
    [(ANSWERS, "20000"), (ACCOUNTS, "20000"), (MEMORY, "2000")],
    ids=["answers", "accounts", "store in memory"],
)
def test_a_connection_that_is_closed_under_its_readers_ends_no_process(held, left, tmp_path):
    asked = [sys.executable, "-c", AROUND.format(held), str(tmp_path)]
    ended = subprocess.run(asked, capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stdout.strip()) == (0, left), ended.stderr[-500:]
