"""Liquidations that the public archive keeps of days long past, for want of a venue that still tells them.

The only such files are those of Binance COIN-M, 2023-06-25 to 2024-10-14: at most one liquidation a second of
a contract that is smaller than the market's largest, so a sample of one venue. Files of USD-M are listed
nowhere any more.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from liqcore.feeds.history import archive
from liqcore.feeds.history.archive import ArchiveFile
from liqcore.feeds.history.liquidations import Realised, kept_liquidations
from liqcore.feeds.history.partitions import Partitions, Series
from liqcore.feeds.status import FeedError, Missing

if TYPE_CHECKING:
    from liqcore.feeds.rest.session import FeedSession

VENUE: Final = archive.COIN_VENUE
FIRST: Final = np.datetime64("2023-06-25", "D")
LAST: Final = np.datetime64("2024-10-14", "D")
SERIES: Final = Series("liquidations", VENUE, "event")
TOLD: Final = (
    "Liquidations are those of Binance COIN-M alone, from its public archive: at most one a second, so a"
    " sample of one venue."
)
UNTOLD: Final = (
    "No public source tells the liquidations of these days without a key: Binance's archive holds those of"
    f" {FIRST} to {LAST}, and venues tell the last days only. Look at the modelled levels, or add a file of"
    " liquidations."
)
_AT_ONCE: Final = 4


def files(start: int, end: int) -> list[ArchiveFile]:
    """The files of the days of [start, end), µs since 1970 UTC, that the archive holds."""
    first, last = (np.datetime64(moment, "us").astype("datetime64[D]") for moment in (start, end - 1))
    days = np.arange(max(first, FIRST), min(last, LAST) + 1)
    return [archive.snapshot(day) for day in days]


def snapshots(
    start: int, end: int, session: FeedSession, kept: Partitions, stop: threading.Event | None = None
) -> Realised:
    """Liquidations of [start, end), µs: what is kept, and each file that is not, asked for once.

    Nothing is raised for a file that fails: `Realised.problems` says it, and its day stays uncovered.
    """
    now, halt = int(session.clock() * 1e6), stop or threading.Event()
    missing = kept.missing(SERIES, start, end, now)
    wanted = [one for one in files(start, end) if any(a < one.end and b > one.start for a, b in missing)]

    def ask(file: ArchiveFile) -> str:
        if halt.is_set():
            return ""
        try:
            kept.add(SERIES, archive.read(session, file), [(file.start, file.end)], now)
        except Missing:
            return ""
        except FeedError as problem:
            return str(problem)
        except (OSError, TimeoutError):
            return "What was fetched cannot be kept on this disk, so it is fetched again next time."
        return ""

    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="heatlab-snapshots") as pool:
        problems = [said for said in pool.map(ask, wanted) if said]
    return replace(
        kept_snapshots(start, end, kept), problems=tuple(dict.fromkeys(problems)), requests=2 * len(wanted)
    )


def kept_snapshots(start: int, end: int, kept: Partitions) -> Realised:
    """What is kept of them, asking nobody."""
    return kept_liquidations(start, end, kept, (VENUE,))


__all__ = ["FIRST", "LAST", "TOLD", "UNTOLD", "files", "kept_snapshots", "snapshots"]
