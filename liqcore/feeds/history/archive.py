"""The public archive of Binance USD-M: bars, open interest and funding of BTC since 2019, keyless, by file.

Each file is a zip with one CSV, and beside it stands its SHA-256. Months are files of their own once they are
over; days until then. Since 2025 times are in microseconds, before in milliseconds, and a month may hold
both; some files have a header and some none. Nothing says that the files may be handed on, so they are
fetched for the visitor who asks and kept in the visitor's own folder only.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from liqcore import tables
from liqcore.feeds.status import FeedError

if TYPE_CHECKING:
    from liqcore.feeds.rest.session import FeedSession

HOST: Final = "https://data.binance.vision"
VENUE: Final = "binance"
SYMBOL: Final = "BTCUSDT"
COIN_VENUE: Final = "binance-coin"
COIN_SYMBOL: Final = "BTCUSD_PERP"
Kind = Literal["candles", "open_interest", "funding", "liquidations"]
# A month of one-minute bars is 6 MB unpacked; what claims to be far more is not one of these files.
_MOST_UNPACKED: Final = 200_000_000
# What zipfile, zlib, pyarrow and numpy raise over bytes that are made to hurt: a password (RuntimeError), an
# unknown packing (NotImplementedError), words where numbers belong (TypeError).
_UNREADABLE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    pa.ArrowException,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    RuntimeError,
    OSError,
    OverflowError,
)
_DAY: Final = np.timedelta64(1, "D")


@dataclass(frozen=True)
class ArchiveFile:
    """One file: what it holds and the span [start, end) it stands for, µs since 1970 UTC."""

    kind: Kind
    step: str
    url: str
    start: int
    end: int


def files(kind: Kind, step: str, start: int, end: int, now: int) -> list[ArchiveFile]:
    """The files that cover [start, end): months that are over, and days of the months that are not.

    A file appears a few hours after its day, so today and yesterday are left to the venue itself.
    """
    first, last = (np.datetime64(moment, "us").astype("datetime64[D]") for moment in (start, end - 1))
    published = np.datetime64(now, "us").astype("datetime64[D]") - 2
    days = np.arange(first, min(last, published) + 1)
    if not len(days):
        return []
    # The month before may still be in the making during the first days of the next.
    whole = (np.datetime64(now, "us") - 3 * _DAY).astype("datetime64[M]")
    months = days.astype("datetime64[M]")
    found: list[ArchiveFile] = []
    if kind == "open_interest":
        found = [_file(kind, step, "daily", day) for day in days]
    else:
        found = [_file(kind, step, "monthly", month) for month in np.unique(months[months < whole])]
        found += (
            [_file(kind, step, "daily", day) for day in days[months >= whole]] if kind == "candles" else []
        )
    return found


def snapshot(day: np.datetime64) -> ArchiveFile:
    """The liquidations of one day of the contract settled in BTC."""
    name = f"{COIN_SYMBOL}-liquidationSnapshot-{day}"
    start, end = (int(one.astype("datetime64[us]").astype("int64")) for one in (day, day + _DAY))
    url = f"{HOST}/data/futures/cm/daily/liquidationSnapshot/{COIN_SYMBOL}/{name}.zip"
    return ArchiveFile("liquidations", "event", url, start, end)


def read(session: FeedSession, file: ArchiveFile) -> pd.DataFrame:
    """The rows of one file as a checked table, after its checksum was compared.

    Raises
    ------
    Missing
        The archive has no such file: the day is too young, or was never published.
    FeedError
        The file is cut off, is not what its checksum says, or holds something else.
    """
    data = session.download(file.url)
    told = session.download(f"{file.url}.CHECKSUM").decode("ascii", "replace").split()
    if not told or hashlib.sha256(data).hexdigest() != told[0].lower():
        raise FeedError(
            f"The archive's file {_name(file)} is not what its checksum says. It is left out and asked again."
        )
    try:
        return parse(file, _unzipped(data))
    except _UNREADABLE as problem:
        raise FeedError(
            f"The archive's file {_name(file)} cannot be read. It is left out and asked again."
        ) from problem


def parse(file: ArchiveFile, text: bytes) -> pd.DataFrame:
    """The rows of an unpacked file as a checked table; rows outside its span are dropped."""
    raw = _columns(text) if file.kind != "liquidations" else None
    if file.kind == "candles":
        table = _candles(raw)
    elif file.kind == "open_interest":
        table = _open_interest(raw)
    elif file.kind == "liquidations":
        table = _liquidations(file, text)
    else:
        table = _funding(raw)
    time = tables.microseconds(table["time"])
    return table[(time >= file.start) & (time < file.end)].reset_index(drop=True)


def _file(kind: Kind, step: str, length: str, at: np.datetime64) -> ArchiveFile:
    date = str(at)
    folder, name = {
        "candles": (f"klines/{SYMBOL}/{step}", f"{SYMBOL}-{step}-{date}"),
        "open_interest": (f"metrics/{SYMBOL}", f"{SYMBOL}-metrics-{date}"),
        "funding": (f"fundingRate/{SYMBOL}", f"{SYMBOL}-fundingRate-{date}"),
    }[kind]
    start, end = (int(one.astype("datetime64[us]").astype("int64")) for one in (at, at + 1))
    return ArchiveFile(kind, step, f"{HOST}/data/futures/um/{length}/{folder}/{name}.zip", start, end)


def _name(file: ArchiveFile) -> str:
    return file.url.rsplit("/", 1)[1]


def _unzipped(data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        inside = [one for one in packed.infolist() if one.filename.endswith(".csv")]
        if len(inside) != 1 or inside[0].file_size > _MOST_UNPACKED:
            raise zipfile.BadZipFile("not one CSV of a believable size")
        # By its limit: without one zipfile unpacks everything before it looks at what was claimed.
        with packed.open(inside[0]) as stream:
            return stream.read(_MOST_UNPACKED)


def _columns(text: bytes) -> pa.Table:
    """The CSV as it is; columns named by its header, or c0, c1, … where the first row is data already."""
    begin = text.lstrip(b"\xef\xbb\xbf")[:1]
    options = pacsv.ReadOptions(autogenerate_column_names=begin.isdigit())
    found = pacsv.read_csv(io.BytesIO(text), read_options=options)
    return found.rename_columns([f"c{name[1:]}" if begin.isdigit() else name for name in found.column_names])


def _number(raw: pa.Table, *names: str) -> np.ndarray:
    for name in names:
        if name in raw.column_names:
            return pc.cast(raw[name], pa.float64()).to_numpy(zero_copy_only=False)
    raise KeyError(names[0])


def _times(raw: pa.Table, *names: str) -> pd.DatetimeIndex:
    """Unix times, each row in ms or µs by its size, so that one file may hold both."""
    for name in names:
        if name in raw.column_names:
            number = raw[name].to_numpy()
            return pd.to_datetime(np.where(number < 1e14, number * 1_000, number), unit="us", utc=True)
    raise KeyError(names[0])


def _candles(raw: pa.Table) -> pd.DataFrame:
    names = ("open", "high", "low", "close", "volume")
    frame = pd.DataFrame({"time": _times(raw, "open_time", "c0")})
    for place, name in enumerate(names, 1):
        frame[name] = _number(raw, name, f"c{place}")
    frame["taker_buy_volume"] = _number(raw, "taker_buy_volume", "taker_buy_base_asset_volume", "c9")
    return tables.candles(frame.drop_duplicates("time", keep="last"))


def _open_interest(raw: pa.Table) -> pd.DataFrame:
    stamped = raw["create_time" if "create_time" in raw.column_names else "c0"].to_pandas()
    # Some rows are stamped a second or two late; they stand for the full five minutes before.
    time = pd.to_datetime(stamped, utc=True).dt.floor("1min")
    frame = pd.DataFrame({"time": time, "venue": VENUE, "quantity": _number(raw, "sum_open_interest", "c2")})
    # A count of nothing is a hole in the record, not a market without positions.
    frame = frame[frame["quantity"] > 0]
    return tables.open_interest(frame.drop_duplicates("time", keep="last"))


def _liquidations(file: ArchiveFile, text: bytes) -> pd.DataFrame:
    """As the reader of such files understands them: each row stands twice, amounts are contracts of 100
    USD."""
    from liqcore.feeds import files as brought

    if len(text.splitlines()) < 2:
        return tables.empty("liquidations")
    named = io.BytesIO(text)
    named.name = _name(file).replace(".zip", ".csv")
    return brought.read(named, kind="liquidations", venue=COIN_VENUE).table


def _funding(raw: pa.Table) -> pd.DataFrame:
    frame = pd.DataFrame({"time": _times(raw, "calc_time", "c0"), "venue": VENUE})
    frame["interval_hours"] = _number(raw, "funding_interval_hours", "c1")
    frame["rate"] = _number(raw, "last_funding_rate", "c2")
    frame["time"] = frame["time"].dt.floor("1min")
    return tables.funding(frame.drop_duplicates("time", keep="last"))
