"""The axis of time of the charts beside the map: in UTC, or by the clock of the reader's own browser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

# As the map writes it: the clock of 24 hours, and the day where one begins. Vega's own choice is 09 PM.
_TICK: Final = "{f}(datum.value, {f}(datum.value, '%H:%M') === '00:00' ? '%b %d' : '%H:%M')"


@dataclass(frozen=True)
class Clock:
    """Whose clock a chart is read by: UTC, or with `zone`, as `Europe/Berlin`, that of the browser, which
    is there. Data stay in UTC whichever it is."""

    zone: str | None = None

    @property
    def title(self) -> str:
        """What stands at the axis."""
        return f"Time, {self.zone or 'UTC'}"

    @property
    def scale(self) -> str:
        """The type of Vega's scale."""
        return "time" if self.zone else "utc"

    @property
    def axis(self) -> dict[str, Any]:
        """An axis of Vega-Lite that says whose time it is."""
        return {"title": self.title, "labelExpr": self.tick, "labelOverlap": True, "grid": False}

    @property
    def tick(self) -> str:
        """The label of a tick, as an expression of Vega."""
        return _TICK.replace("{f}", "timeFormat" if self.zone else "utcFormat")

    def unit(self, name: str) -> str:
        """A unit of time, as `hoursminutes`, of this clock."""
        return name if self.zone else f"utc{name}"


UTC: Final = Clock()
