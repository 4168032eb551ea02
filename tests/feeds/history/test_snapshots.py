"""Liquidations of the public archive: read once, counted once, kept with the span they stand for."""

import numpy as np
import pytest

from liqcore.feeds.history import snapshots
from liqcore.feeds.history.partitions import Partitions
from liqcore.feeds.history.presets import NAMED_DAYS
from liqcore.feeds.rest.session import open_session
from tests.loopback.server import VenueServer

DAY = 86_400_000_000


def us(text):
    return int(np.datetime64(text, "us").astype("int64"))


@pytest.fixture(scope="module")
def server():
    with VenueServer() as made:
        yield made


@pytest.fixture
def session(server):
    server.clear()
    made = open_session(loopback=server.address, per_second=1000)
    yield made
    made.shut()


def test_a_named_day_has_its_liquidations_once_in_dollars_and_positions(server, session, tmp_path):
    start, end = (int(edge.astype("int64")) for edge in NAMED_DAYS["2024-08-05"].span)
    found = snapshots.snapshots(start, end, session, Partitions(str(tmp_path)))
    days = (end - start) // DAY
    assert len(found.table) == 48 * days
    # Sells close longs; contracts are of 100 USD, and each row of the file stands twice.
    usd = found.table.groupby("side", observed=True)["notional"].sum().to_dict()
    assert usd == pytest.approx({"long": 24 * 700.0 * days, "short": 24 * 300.0 * days})
    assert set(found.table["venue"]) == {"binance-coin"}
    assert set(found.table["completeness"]) == {"sampled"}
    assert found.covered == {"binance-coin": [(start, end)]}
    assert found.requests == 2 * days == len(server.requests)
    server.clear()
    again = snapshots.snapshots(start, end, session, Partitions(str(tmp_path)))
    assert not server.requests
    assert again.table.equals(found.table)


def test_days_without_files_are_not_asked_for_and_not_covered(server, session, tmp_path):
    kept = Partitions(str(tmp_path))
    assert snapshots.snapshots(us("2025-10-09"), us("2025-10-12"), session, kept).covered == {}
    assert not server.requests
    edge = snapshots.snapshots(us("2024-10-13"), us("2024-10-17"), session, kept)
    assert edge.covered == {"binance-coin": [(us("2024-10-13"), us("2024-10-15"))]}
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("fault", "words"), [("bad-checksum", "checksum"), ("truncated", "checksum"), ("missing-file", "")]
)
def test_a_file_at_fault_leaves_its_day_uncovered_and_is_asked_again(server, session, tmp_path, fault, words):
    start, end = us("2024-08-05"), us("2024-08-06")
    server.fault("data.binance.vision", fault)
    found = snapshots.snapshots(start, end, session, Partitions(str(tmp_path)))
    assert len(found.table) == 0
    assert found.covered == {}
    assert words in " ".join(found.problems)
    server.clear()
    session.resume()
    assert len(snapshots.snapshots(start, end, session, Partitions(str(tmp_path))).table) == 48
