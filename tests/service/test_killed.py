"""Processes that are killed at each stage of a flush, an import, a fetch, a sweep, of forgetting and of
recording: what was acknowledged is there, nothing is there twice, no half file is read, and what is left over
does not grow."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from liqcore.feeds.history.partitions import Partitions
from liqcore.feeds.history.recording import read_market, write_day
from liqcore.feeds.live.lines import Lines
from liqcore.feeds.live.store import arrivals, open_store
from liqcore.feeds.positions.book import AddressBook
from liqcore.feeds.positions.sweep import Sweep
from tests.feeds.history.test_partitions import BARS, MINUTE, START, bars
from tests.service.killed import BEGIN, EACH, FATAL, PIECES, row

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def killed():
    """Does work in a process that is killed on the way; what it said before, by line."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.service.killed"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )

    def run(what, stage, folder):
        server.stdin.write(f"{what}\t{stage}\t{folder}\n")
        server.stdin.flush()
        said = []
        while not (line := server.stdout.readline().rstrip("\n")).startswith("ended"):
            said.append(line)
        assert line == f"ended {-signal.SIGKILL}", "it was not killed"
        return said

    yield run
    server.stdin.close()
    server.wait(20)


def flushed(folder, number):
    store = open_store(f"sqlite:///{folder}/store.sqlite")
    assert store.problem == ""
    batch = arrivals([row(number * EACH + one) for one in range(EACH)], BEGIN + 10**9, "import")
    return store, store.add(batch)


@pytest.mark.parametrize("stage", ["before the commit", "between the two tables", "after the commit"])
def test_a_flush_or_an_import_is_whole_or_not_at_all(killed, tmp_path, stage):
    said = killed("flush", stage, tmp_path)
    assert said == [str(number) for number in range(FATAL)]
    store, new = flushed(tmp_path, FATAL)
    whole = stage == "after the commit"
    assert new == (0 if whole else EACH), "the piece under way is whole or not there"
    times = store.events()["time"]
    assert times == sorted({row(number).time for number in range((FATAL + 1) * EACH)})
    beats = store.heartbeats(0)
    assert beats["events"].tolist() == [EACH] * (FATAL + whole)
    store.close()


def test_forgetting_is_whole_or_not_at_all(killed, tmp_path):
    for number in range(PIECES):
        flushed(tmp_path, number)[0].close()
    killed("retention", "before the commit", tmp_path)
    store = open_store(f"sqlite:///{tmp_path}/store.sqlite")
    assert len(store.events()["id"]) == PIECES * EACH
    store.close()
    killed("retention", "after", tmp_path)
    store = open_store(f"sqlite:///{tmp_path}/store.sqlite")
    assert len(store.events()["id"]) == PIECES * EACH - 100
    store.close()


@pytest.mark.parametrize("stage", ["half a file", "a whole file without its name", "after it has its name"])
def test_a_fetch_goes_on_from_what_it_kept(killed, tmp_path, stage):
    length = EACH * 5 * MINUTE
    for _ in range(3):
        said = killed("fetch", stage, tmp_path)
        assert said == [str(number) for number in range(FATAL)]
    kept, whole = Partitions(str(tmp_path)), stage == "after it has its name"
    end = START + (FATAL + whole) * length
    assert len(kept.held(BARS, START, START + PIECES * length)) == (FATAL + whole) * EACH
    assert kept.missing(BARS, START, START + PIECES * length, START) == [(end, START + PIECES * length)]
    # Killed three times: one file that is over at most, and nobody reads it.
    left = [one for one in tmp_path.rglob("*") if one.is_file() and one.name not in ("part.parquet", ".lock")]
    assert len(left) <= 1
    assert kept.dataset("candles").count_rows() == (FATAL + whole) * EACH
    kept.add(BARS, bars(end, EACH), [(end, end + length)], START)
    assert not list(tmp_path.rglob("*.new"))
    assert kept.dataset("candles").count_rows() == (FATAL + whole + 1) * EACH


def test_a_recorder_leaves_no_half_manifest(killed, tmp_path):
    said = killed("manifest", "before its name", tmp_path)
    assert said == [str(number) for number in range(FATAL)]
    found = read_market(tmp_path / "set")
    assert [one["rows"]["liquidations"] for one in found.manifests] == [{"gate": FATAL}]
    assert len(found.liquidations) == FATAL + 1, "rows come before what is said of them"
    (tmp_path / "set" / "manifests" / "2026-02-28.json").write_text('{"day": "2026-02')
    assert len(read_market(tmp_path / "set").manifests) == 1
    store = open_store(f"sqlite:///{tmp_path}/store.sqlite")
    write_day(store, f"{tmp_path}/set", np.datetime64("2026-03-01"), BEGIN + 10**9)
    store.close()
    found = read_market(tmp_path / "set")
    assert found.manifests[-1]["rows"]["liquidations"] == {"gate": FATAL + 1}
    assert len(found.liquidations) == FATAL + 1


@pytest.mark.parametrize("stage", ["half a line", "before the older half goes", "after the older half went"])
def test_signals_of_before_are_there_and_the_next_one_is_not_swallowed(killed, tmp_path, stage):
    said = killed("signals", stage, tmp_path)
    assert said == [str(number) for number in range(FATAL)]
    kept = Lines(tmp_path / "signals.jsonl", most=10)
    kept.append('{"number": 9}')
    held = [line for line in kept.read() if line.endswith("}")]
    assert held[-1] == '{"number": 9}'
    assert '{"number": 2}' in held
    assert len(held) == len(set(held))


def test_a_sweep_goes_on_with_whom_it_has_not_asked(killed, tmp_path):
    said = killed("sweep", "", tmp_path)
    assert len(said) == 7
    book, asked = AddressBook(tmp_path / "accounts.sqlite"), []

    def ask(question):
        asked.append(question.get("user", ""))

    found = Sweep(book, ask, lambda: BEGIN / 1e6 + 60, lambda seconds: None).run()
    assert found.sweep["asked"].iloc[0] == 20
    # Whom the first process asked is asked once more only because nothing useful came of it.
    first = asked[: 20 - len(said)]
    assert len(set(first)) == len(first)
    assert not set(first) & set(said)
    book.close()
