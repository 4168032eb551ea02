"""A store that is truncated, replaced, locked, full or read-only under a collector that runs: each is a
sentence, nothing heard is lost, and nothing of another program or a newer version is touched."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from liqcore.feeds.history.partitions import Partitions
from liqcore.feeds.live.collector import Collector
from liqcore.feeds.live.lines import Lines
from liqcore.feeds.live.store import SCHEMA, Arrival, Store, open_store, set_aside
from tests.feeds.history.test_partitions import BARS, MINUTE, START, bars
from tests.feeds.test_collector_faults import QUICK, Source, badge, event, micros, until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def hearing(tmp_path, monkeypatch):
    """A collector that has written 42 events, its source and its file."""
    monkeypatch.setattr("liqcore.feeds.live.collector._HOME", 0.2)
    file, source = tmp_path / "kept" / "store.sqlite", Source()
    collector = Collector(open_store(f"sqlite:///{file}"), {"bybit": source}, config=QUICK)
    collector.start()
    until(lambda: collector.collecting and source.begun == 1)
    source.deliver("bybit", [event(number) for number in range(40)], micros())
    twin = event(999)
    source.deliver("bybit", [twin, twin], micros())
    until(lambda: len(collector.window.events()) == 42 and collector.window.market() is not None)
    yield collector, source, file
    assert collector.stop()


def ends_with(hearing, count):
    """Everything heard is in the file, once, after what is heard next."""
    collector, source, file = hearing
    until(lambda: collector.store.url == collector.store.wanted, what=lambda: collector.snapshot())
    source.send(5_000)
    until(lambda: len(collector.window.events()) == count, what=lambda: collector.snapshot())
    until(lambda: badge(collector).state == "live", what=lambda: badge(collector))
    with sqlite3.connect(file) as held:
        assert held.execute("SELECT count(*) FROM events").fetchone()[0] == count


@pytest.mark.parametrize("how", ["empty", "half", "header only", "no tables"])
def test_a_store_that_is_damaged_in_its_place_is_set_aside_and_filled_from_memory(hearing, how):
    collector, source, file = hearing
    with sqlite3.connect(file) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if how == "no tables":
            other.execute("DROP TABLE events")
    size = file.stat().st_size
    if how in ("empty", "half"):
        os.truncate(file, 0 if how == "empty" else size // 8_192 * 4_096)
    elif how == "header only":
        with file.open("r+b") as held:
            held.seek(4_096)
            held.write(bytes(size - 4_096))
    source.send(41)
    until(lambda: "damaged" in collector.snapshot().problem, what=lambda: collector.snapshot())
    assert "It was set aside as store.sqlite.damaged-" in collector.snapshot().problem
    assert "events of the last 24 hours were written from memory" in collector.snapshot().problem
    ends_with(hearing, 44)


def test_a_folder_in_the_place_of_the_file_is_said_and_left_when_it_is_gone(hearing):
    collector, source, file = hearing
    for one in (file, *file.parent.glob("store.sqlite-*")):
        one.unlink(missing_ok=True)
    file.mkdir()
    until(lambda: "cannot be written" in collector.snapshot().problem, what=lambda: collector.snapshot())
    assert "kept in memory and is lost when the app stops" in collector.snapshot().problem
    source.send(42)
    until(lambda: collector.snapshot().waiting == 0)
    file.rmdir()
    until(lambda: "can be written again" in collector.snapshot().problem, what=lambda: collector.snapshot())
    ends_with(hearing, 44)


@pytest.mark.parametrize("whose", ["newer", "another program's"])
def test_another_store_in_its_place_is_left_as_it_is(hearing, whose, tmp_path):
    collector, source, file = hearing
    other = tmp_path / "other.sqlite"
    if whose == "newer":
        store = Store(f"sqlite:///{other}")
        store.set_note("schema", str(SCHEMA + 1))
        store.close()
    else:
        with sqlite3.connect(other) as made:
            made.execute("CREATE TABLE events (what TEXT)")
            made.execute("INSERT INTO events VALUES ('mine')")
    kept = other.read_bytes()
    os.replace(other, file)
    for one in file.parent.glob("store.sqlite-*"):
        one.unlink()
    words = "newer version" if whose == "newer" else "another program"
    until(lambda: words in collector.snapshot().problem, what=lambda: collector.snapshot())
    source.send(42)
    until(lambda: len(collector.window.events()) >= 1)
    time.sleep(0.5)
    assert file.read_bytes()[100:] == kept[100:]
    file.unlink()
    ends_with(hearing, 44)


def test_a_store_locked_for_long_costs_nothing_and_is_said(hearing):
    collector, source, file = hearing
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    source.send(43)
    until(lambda: "locked by another program" in badge(collector).message, what=lambda: badge(collector))
    assert badge(collector).state == "partial"
    assert "waits in memory (1 events" in badge(collector).message
    holder.execute("COMMIT")
    holder.close()
    ends_with(hearing, 44)


def test_a_disk_that_is_full_is_said_and_what_was_heard_is_written_when_there_is_room(hearing, caplog):
    collector, source, _ = hearing
    room = [True]

    def small(connection, record, *_):
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages if not room[0] else 1_000_000}")

    sa.event.listen(collector.store._engine, "checkout", small)
    room[0] = False
    source.deliver("bybit", [event(number) for number in range(1_000, 3_000)], micros())
    until(lambda: "The disk is full" in badge(collector).message, what=lambda: badge(collector))
    assert badge(collector).state == "partial"
    assert "waits in memory (2,000 events" in badge(collector).message
    assert "The disk is full" in collector.snapshot().problem
    room[0] = True
    ends_with(hearing, 2_043)
    # A process that only collects has no page to say it on, and tells it once however often it tries.
    lines = [one.getMessage() for one in caplog.records if one.name == Collector.__module__]
    assert [line.partition(",")[0] for line in lines] == ["The disk is full", "The store is written again."]


def test_a_store_that_could_not_be_opened_is_told_to_the_log_by_whoever_collects(tmp_path, caplog):
    (tmp_path / "file").write_text("no folder")
    store = open_store(f"sqlite:///{tmp_path}/file/store.sqlite")
    Collector(store, {}, config=QUICK)
    lines = [one.getMessage() for one in caplog.records if one.name == Collector.__module__]
    assert len(lines) == 1
    assert "kept in memory and is lost when the app stops" in lines[0]
    store.close()


def test_damage_after_damage_leaves_a_few_files_and_no_heap(tmp_path):
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    for number in range(12):
        (tmp_path / "store.sqlite").write_bytes(b"no database " * 600)
        for old in tmp_path.glob("*.damaged-*"):
            old.rename(f"{str(old)[:-15]}20260101-{number:06d}")
        set_aside(url)
    assert len(list(tmp_path.glob("*.damaged-*"))) <= 9


def test_what_the_system_refuses_for_now_is_no_damage(tmp_path, monkeypatch):
    held, span = Partitions(str(tmp_path)), (START, START + 15 * MINUTE)
    held.add(BARS, bars(START, 3), [span], START)

    def refused(*_):
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr("liqcore.feeds.history.partitions._FILES.read", refused)
        assert held.held(BARS, *span).empty
        with pytest.raises(OSError, match="Too many"):
            held.add(BARS, bars(START + 15 * MINUTE, 3), [span], START)
    assert len(held.held(BARS, *span)) == 3
    assert not list(tmp_path.rglob("*.damaged"))


def test_a_partition_on_a_full_disk_is_a_sentence_of_the_system_and_leaves_what_is_held(tmp_path):
    held, span = Partitions(str(tmp_path)), (START, START + 15 * MINUTE)
    held.add(BARS, bars(START, 3), [span], START)
    # What is written there meets a disk without room.
    next(tmp_path.rglob("part.parquet")).with_name(".part.new").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        held.add(BARS, bars(START + 15 * MINUTE, 3), [span], START)
    assert len(held.held(BARS, *span)) == 3


def test_signals_on_a_full_disk_or_in_a_folder_that_went_away_cost_their_memory_alone(tmp_path, monkeypatch):
    kept = Lines(tmp_path / "kept" / "signals.jsonl")
    kept.append("one")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", full)
        kept.append("lost")
    assert kept.read() == ["one"]
    shutil.rmtree(tmp_path / "kept")
    kept.append("two")
    assert kept.read() == ["two"]


READ_ONLY = """
import json, logging, os, sys
folder, user = sys.argv[1], int(sys.argv[2])
from liqcore.feeds.live.store import open_store, arrivals
from liqcore.feeds.rest.session import open_session
from liqcore.feeds.live.lines import Lines
from liqcore.service.census import Census
from liqcore.feeds.history.partitions import Partitions
from tests.feeds.history.test_partitions import BARS, MINUTE, START, bars
from tests.feeds.test_collector_faults import event
from pathlib import Path
if user:
    os.setgid(user), os.setuid(user)
out = {}
store = open_store(f"sqlite:///{folder}/store.sqlite")
out["store"] = [store.problem, store.add(arrivals([event(1)], 2 * 10**15, "socket"))]
session = open_session(folder, loopback="127.0.0.1:9")
out["answers"] = type(session.cache).__name__
Lines(Path(folder) / "signals.jsonl").append("one")
census = Census(Path(folder), f"{folder}/market", lambda: None, hosted=False, environment={})
census.switch(True, local=True)
out["census"] = census.progress(local=True).problem
try:
    Partitions(f"{folder}/market").add(BARS, bars(START, 3), [(START, START + 15 * MINUTE)], START)
except OSError as problem:
    out["market"] = problem.strerror or str(problem)
out["held"] = len(Partitions(f"{folder}/market").held(BARS, START, START + 15 * MINUTE))
print(json.dumps(out), flush=True)
os._exit(0)
"""


@pytest.mark.parametrize("filled", [False, True], ids=["empty", "with files"])
def test_a_folder_that_cannot_be_written_costs_memory_and_ends_nothing(filled):
    folder = Path(tempfile.mkdtemp(prefix="heatlab-read-only-"))
    if filled:
        open_store(f"sqlite:///{folder}/store.sqlite").close()
        with sqlite3.connect(folder / "answers.sqlite") as made:
            made.execute("CREATE TABLE responses (key TEXT PRIMARY KEY, value BLOB, expires INTEGER)")
        Partitions(f"{folder}/market").add(BARS, bars(START, 3), [(START, START + 15 * MINUTE)], START)
    root = os.geteuid() == 0
    for place in (folder, *folder.rglob("*")):
        place.chmod((0o755 if place.is_dir() else 0o644) if root else 0o555 if place.is_dir() else 0o444)
    command = [sys.executable, "-c", READ_ONLY, str(folder), "65534" if root else "0"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=90, cwd=ROOT, check=False)
    finally:
        for place in (folder, *folder.rglob("*")):
            place.chmod(0o755)
        shutil.rmtree(folder)
    assert told.stdout, told.stderr
    out = json.loads(told.stdout)
    assert "cannot be written" in out["store"][0]
    assert out["store"][1] == 1, "it is kept in memory"
    assert out["answers"] == "MemoryAnswers"
    assert "cannot be written" in out["census"]
    assert "ermission" in out["market"]
    assert out["held"] == (3 if filled else 0)
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize(
    "address", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite+pysqlite:///:memory:"]
)
def test_every_spelling_of_a_store_in_memory_is_one(address):
    store = open_store(address)
    assert (store.url, store.problem, store.path) == ("sqlite://", "", None)
    assert store.add([Arrival(event(1), micros(), 0, "socket")]) == 1
    assert len(store.liquidations()) == 1, "threads share its one connection"
    store.close()


@pytest.mark.parametrize(
    "address", ["sqlite", "sqlite:/x", "sqlite:////proc/none/x", "postgresql://[::1/x", "a b://c"]
)
def test_an_odd_address_of_a_store_is_a_sentence_and_memory(address):
    store = open_store(address)
    assert store.url == "sqlite://"
    assert "kept in memory" in store.problem
    store.close()
