"""How much of the past a map shows, how fine its bars are, and the days by which traders remember the
market."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np


@dataclass(frozen=True)
class Preset:
    """A span that can be chosen: `hours` shown, bars of `step`, `lead` hours before that fill the model with
    positions that are still open when the map begins, and the `columns` it is drawn in first."""

    name: str
    hours: int
    step: str
    lead: int
    columns: str

    @property
    def title(self) -> str:
        """The span as a label: `24 h`, `30 d`, `1 y`."""
        return f"{self.name[:-1]} {self.name[-1]}"


# A bar and a lead that need few requests each: old positions are in the model, and no bar is coarser than the
# columns a screen can show.
PRESETS: Final = {
    one.name: one
    for one in (
        Preset("12h", 12, "5m", 70, "15m"),
        Preset("24h", 24, "5m", 58, "15m"),
        Preset("3d", 72, "15m", 168, "15m"),
        Preset("7d", 168, "15m", 168, "30m"),
        Preset("14d", 336, "15m", 336, "1h"),
        Preset("30d", 720, "30m", 720, "2h"),
        Preset("90d", 2_160, "1h", 1_440, "4h"),
        Preset("180d", 4_320, "1h", 2_160, "12h"),
        Preset("1y", 8_760, "1h", 2_160, "1d"),
    )
}


def preset_for(hours: float) -> Preset:
    """The shortest preset that covers so many hours, the longest for more."""
    return next((one for one in PRESETS.values() if one.hours >= hours), PRESETS["1y"])


@dataclass(frozen=True)
class NamedDay:
    """A day that is taught: its date, what happened in one line, and the hours shown around it."""

    date: str
    name: str
    why: str
    before: int = 48
    after: int = 24

    @property
    def title(self) -> str:
        """The date with its name."""
        return f"{self.date} · {self.name}"

    @property
    def span(self) -> tuple[np.datetime64, np.datetime64]:
        """Start and end of what is shown, UTC."""
        day = np.datetime64(self.date, "us")
        return day - np.timedelta64(self.before, "h"), day + np.timedelta64(24 + self.after, "h")


NAMED_DAYS: Final = {
    one.date: one
    for one in (
        NamedDay("2020-03-12", "Black Thursday", "Bitcoin lost about half of its price within two days."),
        NamedDay("2021-05-19", "The May crash", "Leverage built up in the spring was closed within hours."),
        NamedDay("2022-06-18", "Below 20,000", "Forced sellers carried the price under the peak of 2017."),
        NamedDay("2022-11-09", "The fall of FTX", "A large venue stopped paying out while the price fell."),
        NamedDay("2023-08-17", "A quiet August ends", "Minutes of forced selling after weeks of calm."),
        NamedDay("2024-08-05", "The yen unwind", "Leverage in all markets was closed at once."),
        NamedDay("2025-10-10", "The largest day", "The most liquidations ever reported for one day."),
    )
}
