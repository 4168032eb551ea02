"""Gate's socket against Gate's own totals: agreement, the other way round, and too little to tell."""

import numpy as np
import pandas as pd
import pytest

from liqcore.feeds.live.sides import side_status
from liqcore.feeds.live.store import arrivals, open_store
from liqcore.feeds.live.window import LiveWindow
from liqcore.feeds.rest.session import open_session
from liqcore.feeds.status import FeedError
from liqcore.feeds.venues.market import totals
from liqcore.feeds.venues.rows import LiquidationRow
from tests.loopback import truth
from tests.loopback.server import VenueServer
from tests.loopback.truth import made_events

STEP = 300_000_000
START = int(np.datetime64("2026-03-01T12:00", "us").astype("int64"))
LIVE = (START, START + 20 * STEP)


@pytest.fixture
def heard(tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'store.sqlite'}")

    def make(sides):
        rows = [
            LiquidationRow(START + n * STEP + 7_000_000, "gate", "BTC_USDT", side, 50_000.0, 0.5, 25_000.0, "fill", "all")  # noqa: E501
            for n, side in enumerate(sides)
        ]  # fmt: skip
        store.add(arrivals(rows, LIVE[1], "socket"), {})
        window = LiveWindow(store)
        window.refresh(LIVE[1])
        return window.events()

    yield make
    store.close()


def told(sides):
    return pd.DataFrame(
        {
            "time": pd.to_datetime(START + np.arange(len(sides)) * STEP, unit="us", utc=True),
            "venue": "gate",
            "long": [25_000.0 * (side == "long") for side in sides],
            "short": [25_000.0 * (side == "short") for side in sides],
        }
    )


SIDES = ["long", "short", "short", "long", "long", "long", "short", "long"]
SWAPPED = ["short" if side == "long" else "long" for side in SIDES]


def test_sides_that_agree_and_sides_the_other_way_round(heard):
    events = heard(SIDES)
    assert side_status("gate", events, told(SIDES), LIVE).state == "live"
    wrong = side_status("gate", events, told(SWAPPED), LIVE)
    assert wrong.state == "partial"
    assert "8 of 8 intervals" in wrong.message
    assert "other way round" in wrong.message


def test_what_was_not_heard_to_its_end_says_nothing(heard):
    events = heard(SIDES)
    assert side_status("gate", events, told(SWAPPED), (START, START + 5 * STEP)).state == "off"
    assert side_status("gate", events, told(SWAPPED)[:0], LIVE).state == "off"
    assert side_status("bybit", events, told(SWAPPED), LIVE).state == "off"


def test_the_totals_of_the_venue_are_read_by_side():
    with VenueServer(made_events(60)) as server, open_session(loopback=server.address) as session:
        end = pd.Timestamp(truth.NOW, unit="ms", tz="UTC")
        found = totals(session, "gate", end - pd.Timedelta(hours=6), end)
        for side in ("long", "short"):
            wanted = sum(one.quantity * one.price for one in server.events if one.side == side)
            assert found[side].sum() == pytest.approx(wanted)
        with pytest.raises(FeedError, match="does not add"):
            totals(session, "bybit", end - pd.Timedelta(hours=6), end)
