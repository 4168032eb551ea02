"""What the engine is given: the tables as far as they are needed, how the market is looked at, and when."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.alerts.rules import RuleError, span
from liqcore.heat.bands import ClusterRule
from liqcore.tables import TableError

DAY = np.timedelta64(24, "h").astype("timedelta64[us]")
# Funding is judged against up to 90 readings of 8 hours.
_FUNDING_PAST = np.timedelta64(40 * 24, "h").astype("timedelta64[us]")


@dataclass(frozen=True)
class Settings:
    """How the market is looked at; the same for all rules of an engine.

    Attributes
    ----------
    timeframe : length of a bar and of a column of the maps. candles : length of the candles that are given.
    lookback : time before each UTC day that is seen with it; clusters older than that are given a new id at
        midnight, which the engine knows for the old one by place and side.
    window : columns over which clusters are measured, as `last` in `track_clusters`.
    bin_width, reach : share of price of a bin, and log-distance to either side that the maps cover.
    stale : a venue that sent nothing for so long does not count as fresh.
    delay : seconds that a closed bar, and an event, is given for late data before it is judged. What arrives
        later still counts in the bars after it, but what it would have told at its own bar is not told any
        more: live, make the delay as long as the slowest venue's lag.
    late : seconds that an event may come after the delay and still be told by a rule that is told of events.
    """

    timeframe: str = "5min"
    candles: str = "1min"
    lookback: str = "24h"
    window: int = 12
    bin_width: float = 0.001
    reach: float = 0.25
    stale: str = "1h"
    delay: float = 0.0
    late: float = 600.0
    clusters: ClusterRule = field(default_factory=ClusterRule)

    def __post_init__(self) -> None:
        for name in ("timeframe", "candles", "lookback", "stale"):
            span(name, getattr(self, name))
        if (
            DAY % self.step
            or tables.timeframe(self.lookback) % self.step
            or self.step % tables.timeframe(self.candles)
        ):
            raise RuleError(
                "The timeframe must divide a day and the lookback, and be a multiple of the candles given."
            )
        if not (
            1 <= self.window <= 500
            and 1e-4 <= self.bin_width <= 0.02
            and 0.02 <= self.reach <= 1
            and 0 <= self.delay <= 3_600
            and 0 <= self.late <= 3_600
        ):
            raise RuleError(
                "Settings: window 1 to 500, bin_width 0.0001 to 0.02, reach 0.02 to 1, delay and late 0 to"
                " 3,600 seconds."
            )

    @property
    def step(self) -> np.timedelta64:
        return tables.timeframe(self.timeframe)


@dataclass(frozen=True, eq=False)
class AlertData:
    """Tables as far as they are needed: from `needed_since` on, up to now.

    `heartbeats` has `time` and `venue`: when a venue was heard of without an event. `external` has `time` and
    `name`, and may have `side`, `price` and `text`: signals from outside, such as TradingView's.
    """

    liquidations: pd.DataFrame | None = None
    candles: pd.DataFrame | None = None
    open_interest: pd.DataFrame | None = None
    funding: pd.DataFrame | None = None
    heartbeats: pd.DataFrame | None = None
    external: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        for name in ("liquidations", "candles", "open_interest", "funding"):
            given = getattr(self, name)
            object.__setattr__(
                self, name, tables.empty(name) if given is None else tables.ensure(given, name)
            )
        for name, columns in (("heartbeats", ("time", "venue")), ("external", ("time", "name"))):
            object.__setattr__(self, name, _loose(getattr(self, name), name, columns))

    def between(self, start: np.datetime64, end: np.datetime64) -> AlertData:
        """The rows from `start` up to but without `end`; of funding also the past that tells what is
        usual."""
        cut = {
            name: rows_between(getattr(self, name), start, end)
            for name in ("liquidations", "candles", "open_interest", "heartbeats", "external")
        }
        return AlertData(**cut, funding=rows_between(self.funding, start - _FUNDING_PAST, end))


def needed_since(after: np.datetime64, settings: Settings) -> np.datetime64:
    """From when on tables are needed to judge the bars that close after a moment (funding: 40 days more)."""
    return _day(after) - tables.timeframe(settings.lookback)


def days(after: np.datetime64, now: np.datetime64, settings: Settings) -> list[np.datetime64]:
    """The UTC days with moments later than `after` that are judged at `now`."""
    last = judged(now, settings)
    return [] if last <= after else list(np.arange(_day(after), last, DAY))


def judged(now: np.datetime64, settings: Settings) -> np.datetime64:
    """The latest moment that is judged at `now`: the delay earlier."""
    return now.astype("datetime64[us]") - np.timedelta64(round(settings.delay * 1e6), "us")


def _day(moment: np.datetime64) -> np.datetime64:
    return moment.astype("datetime64[us]").astype("datetime64[D]").astype("datetime64[us]")


def rows_between(frame: pd.DataFrame | None, start: np.datetime64, end: np.datetime64) -> pd.DataFrame:
    micros = tables.microseconds(frame["time"])  # type: ignore[index]
    first, last = np.searchsorted(micros, [start.astype("int64"), end.astype("int64")])
    return frame.iloc[int(first) : int(last)].reset_index(drop=True)  # type: ignore[union-attr]


def _loose(frame: pd.DataFrame | None, name: str, columns: tuple[str, ...]) -> pd.DataFrame:
    if frame is None:
        frame = pd.DataFrame({column: pd.Series(dtype=object) for column in columns})
    missing = next((column for column in columns if column not in frame), None)
    if missing is not None:
        raise TableError(f"The {name} lack the column '{missing}'. They need {' and '.join(columns)}.")
    if str(frame["time"].dtype) == tables.TIME_DTYPE and frame["time"].is_monotonic_increasing:
        return frame
    frame = frame.reset_index(drop=True)
    return frame.assign(time=tables.parse_time(frame["time"])).sort_values(
        "time", kind="stable", ignore_index=True
    )
