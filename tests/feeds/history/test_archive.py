"""The public archive read through the stand-in: whole months and days, and every way in which a file can
fail."""

import hashlib
import io
import zipfile
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from liqcore.feeds.history import archive
from liqcore.feeds.rest.session import open_session
from liqcore.feeds.status import FeedError, Missing
from tests.loopback import truth
from tests.loopback.server import VenueServer
from tests.loopback.truth import bar

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


def test_files_cover_a_span_without_overlap_and_leave_the_newest_days_to_the_venue():
    now = us("2025-10-20T12:00")
    found = archive.files("candles", "1h", us("2025-07-15"), us("2025-10-20"), now)
    assert [one.url.rsplit("/", 1)[1] for one in found[:3]] == [
        f"BTCUSDT-1h-2025-0{month}.zip" for month in (7, 8, 9)
    ]
    assert [one.url.rsplit("-", 1)[1] for one in found[3:]] == [f"{day:02d}.zip" for day in range(1, 19)]
    edges = [(one.start, one.end) for one in found]
    assert all(a[1] == b[0] for a, b in pairwise(edges))
    assert archive.files("candles", "1h", us("2025-10-19"), us("2025-10-20"), now) == []
    # The month that has just ended may not be packed yet.
    early = archive.files("candles", "1h", us("2025-09-29"), us("2025-10-01"), us("2025-10-02"))
    assert all("daily" in one.url for one in early)
    assert len(archive.files("open_interest", "5m", us("2025-09-28"), us("2025-10-03"), now)) == 5


@pytest.mark.parametrize("date", ["2024-08-05", "2024-08-06", "2025-03-10", "2025-03-11"])
def test_a_day_of_bars_is_the_venues_day_in_both_units_with_and_without_a_header(session, date, monkeypatch):
    monkeypatch.setattr(truth, "NOW", us("2025-10-20") // 1000)
    (file,) = archive.files("candles", "1m", us(date), us(date) + DAY, us(date) + 10 * DAY)[:1] or [None]
    assert "daily" in file.url
    found = archive.read(session, file)
    assert len(found) == 1440
    assert found["time"].iloc[0] == pd.Timestamp(date, tz="UTC")
    for row in found.iloc[[0, 700, 1439]].itertuples():
        wanted = bar(int(row.time.timestamp() * 1000))
        assert (row.open, row.high, row.low, row.close, row.volume) == pytest.approx(wanted)
        assert row.taker_buy_volume == pytest.approx(wanted[4] / 4)


def test_a_month_of_open_interest_and_funding(session, monkeypatch):
    monkeypatch.setattr(truth, "NOW", us("2025-10-20") // 1000)
    now = us("2025-10-20")
    (day,) = archive.files("open_interest", "5m", us("2025-03-10"), us("2025-03-11"), now)
    table = archive.read(session, day)
    assert len(table) == 288
    assert table["time"].dt.second.eq(0).all()
    assert table["quantity"].iloc[12] == 90_060.0
    (month,) = archive.files("funding", "8h", us("2025-03-01"), us("2025-04-01"), now)
    rates = archive.read(session, month)
    assert len(rates) == 93
    assert rates["time"].iloc[1] == pd.Timestamp("2025-03-01 08:00", tz="UTC")
    assert rates["rate"].unique().tolist() == [0.0001]


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("bad-checksum", FeedError, "not what its checksum says"),
        ("truncated", FeedError, "checksum"),
        ("missing-file", Missing, "has no file"),
        ("html", FeedError, "broken or cut off"),
        ("451", FeedError, "refuses requests from the country"),
        ("429", FeedError, "asks for a pause of 7 s"),
        ("500", FeedError, "trouble of its own"),
    ],
)
def test_every_fault_is_one_sentence(server, session, fault, kind, words, monkeypatch):
    monkeypatch.setattr(truth, "NOW", us("2025-10-20") // 1000)
    (file,) = archive.files("candles", "1h", us("2025-03-10"), us("2025-03-11"), us("2025-03-20"))
    server.fault("data.binance.vision", fault)
    with pytest.raises(kind, match=words) as raised:
        archive.read(session, file)
    assert str(raised.value).count("\n") == 0


def test_one_file_may_hold_both_units_and_a_header_in_the_way_of_data_is_refused():
    file = archive.ArchiveFile("candles", "1h", "x/y.zip", us("2025-01-01"), us("2025-01-02"))
    rows = [
        f"{us('2025-01-01T00:00') // 1000},1,2,1,2,5,0,0,0,1,0,0",
        f"{us('2025-01-01T01:00')},2,3,2,3,6,0,0,0,2,0,0",
    ]
    table = archive.parse(file, "\n".join(rows).encode())
    assert table["time"].dt.hour.tolist() == [0, 1]
    assert table["taker_buy_volume"].tolist() == [1.0, 2.0]


def test_a_zip_that_claims_too_much_is_refused(monkeypatch):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as one:
        one.writestr("a.csv", b"0" * 10_000)
    monkeypatch.setattr(archive, "_MOST_UNPACKED", 5_000)
    with pytest.raises(zipfile.BadZipFile, match="believable"):
        archive._unzipped(packed.getvalue())


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"a,b\n",
        b"x" * 100,
        b"1,2\n" * 3,
        b"\x00" * 500,
        b"open_time,open\nwhen,much\n",
        b"c" * 40 + b"\n1\n",
    ],
)
@pytest.mark.parametrize("kind", ["candles", "open_interest", "funding"])
def test_a_file_of_something_else_is_one_sentence_even_where_its_checksum_fits(text, kind):
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("x.csv", text)
    locked = bytearray(sink.getvalue())
    locked[6] |= 1
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    for data in (sink.getvalue(), bytes(locked), sink.getvalue()[:40], b"PK\x05\x06" + bytes(18)):
        told = hashlib.sha256(data).hexdigest().encode()
        answers = SimpleNamespace(download=lambda url, d=data, t=told: t if url.endswith("CHECKSUM") else d)
        one = archive.ArchiveFile(kind, "1m", f"{archive.HOST}/x.zip", 0, 2**60)
        with pytest.raises(FeedError, match=r"cannot be read\. It is left out"):
            archive.read(answers, one)
