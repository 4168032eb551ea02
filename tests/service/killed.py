"""Work that is killed on the way, for test_killed.py: reads `what stage folder` by line and does each in a
process of its own, which says each piece that was acknowledged."""

import os
import pathlib
import signal
import sys

import numpy as np
import sqlalchemy as sa

from liqcore.feeds.history import partitions, recording
from liqcore.feeds.history.partitions import Partitions
from liqcore.feeds.live import lines
from liqcore.feeds.live.store import arrivals, open_store
from liqcore.feeds.positions.book import AddressBook
from liqcore.feeds.positions.sweep import Sweep
from liqcore.feeds.venues.rows import LiquidationRow
from tests.feeds.history.test_partitions import BARS, MINUTE, START, bars

BEGIN = int(np.datetime64("2026-03-01T12:00", "us").astype("int64"))
PIECES, FATAL, EACH = 5, 3, 50


def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)


def say(number):
    print(number, flush=True)


def row(number):
    return LiquidationRow(
        BEGIN + number * 1_000_000,
        "gate",
        "BTC_USDT",
        "long",
        50_000.0 + number,
        0.5,
        25_000.0,
        "fill",
        "all",
    )


def store_of(folder):
    return open_store(f"sqlite:///{folder}/store.sqlite")


def after(owner, name, then=die):
    """Let a function of `owner` do its work, and die then."""
    whole = getattr(owner, name)

    def both(*arguments, **options):
        whole(*arguments, **options)
        then()

    setattr(owner, name, both)


def flush(folder, stage):
    store = store_of(folder)
    for number in range(PIECES):
        if number == FATAL and stage == "before the commit":
            sa.event.listen(store._engine, "commit", die)
        if number == FATAL and stage == "between the two tables":
            sa.event.listen(
                store._engine,
                "before_cursor_execute",
                lambda c, cursor, words, *_: die() if "heartbeats" in words else None,
            )
        batch = arrivals([row(number * EACH + one) for one in range(EACH)], BEGIN + 10**9, "import")
        store.add(batch, {("gate", BEGIN + number * MINUTE): (1, EACH)})
        if number == FATAL and stage == "after the commit":
            die()
        say(number)


def retention(folder, stage):
    store = store_of(folder)
    if stage == "before the commit":
        sa.event.listen(store._engine, "commit", die)
    store.prune(BEGIN + 100 * 1_000_000)
    die()


def fetch(folder, stage):
    kept = Partitions(folder)
    for number in range(PIECES):
        if number == FATAL:
            if stage == "half a file":

                def half(table, stream, **_):
                    stream.write(b"PAR1" + bytes(500))
                    stream.flush()
                    die()

                partitions.pq.write_table = half
            elif stage == "a whole file without its name":
                pathlib.Path.replace = die
            else:
                after(pathlib.Path, "replace")
        first = START + number * EACH * 5 * MINUTE
        kept.add(BARS, bars(first, EACH), [(first, first + EACH * 5 * MINUTE)], START)
        say(number)


_replace = pathlib.Path.replace


def unless_manifest(one, to):
    return die() if str(to).endswith(".json") else _replace(one, to)


def manifest(folder, stage):
    store = store_of(folder)
    for number in range(PIECES):
        if number == FATAL:
            pathlib.Path.replace = unless_manifest
        store.add(arrivals([row(number)], BEGIN + 10**9, "socket"), {("gate", BEGIN): (1, 1)})
        recording.write_day(store, f"{folder}/set", np.datetime64("2026-03-01"), BEGIN + 10**9)
        say(number)


def signals(folder, stage):
    kept = lines.Lines(pathlib.Path(folder) / "signals.jsonl", most=2)
    for number in range(PIECES):
        if number == FATAL:
            if stage == "half a line":
                with (pathlib.Path(folder) / "signals.jsonl").open("a") as file:
                    file.write('{"half')
                die()
            lines.os.replace = die if stage == "before the older half goes" else lines.os.replace
            if stage == "after the older half went":
                after(lines.os, "replace")
        kept.append(f'{{"number": {number}}}')
        say(number)


def sweep(folder, stage):
    book, asked = AddressBook(pathlib.Path(folder) / "accounts.sqlite"), []
    book.add([f"0x{number:040x}" for number in range(20)])

    def ask(question):
        asked.append(question)
        if len(asked) == 8:
            die()
        say(question.get("user", ""))
        return None

    Sweep(book, ask, lambda: BEGIN / 1e6, lambda seconds: None).run()


WORK = {one.__name__: one for one in (flush, retention, fetch, manifest, signals, sweep)}

if __name__ == "__main__":
    for line in sys.stdin:
        what, stage, folder = line.rstrip("\n").split("\t")
        child = os.fork()
        if not child:
            WORK[what](folder, stage)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(f"ended {os.waitstatus_to_exitcode(status)}", flush=True)
