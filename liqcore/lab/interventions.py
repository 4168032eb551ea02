"""What can be put into a simulated market on purpose: positions, news, and faults of a feed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from liqcore import tables
from liqcore.lab.world import LOT, Side, SimulationError


@dataclass(frozen=True)
class Crowd:
    """Many positions of one side on one venue, opened one after the other from `at` on.

    Parameters
    ----------
    at : when the first one opens (anything that reads as a time, UTC).
    quantity : BTC, all positions together, in equal parts.
    entry_low, entry_high : USD; entries are spread evenly from low to high and booked at these prices,
        as positions handed over from an earlier trade are. None: at the venue's price of the moment.
    leverage : of each; margin is the minimum, without stop-loss and take-profit.
    positions, minutes : how many, and over how many minutes they open.
    hours : of usual trading for which they stay unless liquidated; a rout shortens them.
    """

    at: object
    venue: str
    side: Side
    quantity: float
    entry_low: float | None = None
    entry_high: float | None = None
    leverage: float = 10.0
    positions: int = 50
    minutes: int = 30
    hours: float = 240.0

    def __post_init__(self) -> None:
        if (self.entry_low is None) != (self.entry_high is None):
            raise SimulationError("A crowd needs both entry_low and entry_high, or neither.")
        if (
            self.entry_low is not None
            and self.entry_high is not None
            and not 0 < self.entry_low <= self.entry_high
        ):
            raise SimulationError("A crowd's entry_low must be above zero and not above entry_high.")
        if self.positions < 1 or self.minutes < 1 or self.quantity / self.positions < LOT:
            raise SimulationError(
                f"A crowd needs one or more positions of at least {LOT} BTC, opened over one or more minutes."
            )
        _check_position(self.side, self.quantity, self.leverage, self.hours)

    @property
    def lots(self) -> int:
        """Size of each position."""
        return max(round(self.quantity / self.positions / LOT), 1)


@dataclass(frozen=True)
class Whale:
    """One large position. `entry` None means the venue's price at that moment; see `Crowd` for the rest."""

    at: object
    venue: str
    side: Side
    quantity: float
    leverage: float = 10.0
    entry: float | None = None
    hours: float = 240.0

    def __post_init__(self) -> None:
        self.as_crowd()

    def as_crowd(self) -> Crowd:
        """The same position as a crowd of one."""
        return Crowd(
            self.at,
            self.venue,
            self.side,
            self.quantity,
            self.entry,
            self.entry,
            self.leverage,
            1,
            1,
            self.hours,
        )


@dataclass(frozen=True)
class PriceDrift:
    """News that is nobody's trade: extra log-return of the index from `start` to `end`.

    Give `change` (a fraction of the price, spread evenly over the minutes) or `target` (USD: the index is
    led there and arrives in the last minute, whatever else happens on the way). `noise` scales the usual
    volatility and `activity` the number of new positions and other trades in these minutes.
    """

    start: object
    end: object
    change: float | None = None
    target: float | None = None
    noise: float = 1.0
    activity: float = 1.0

    def __post_init__(self) -> None:
        if (self.change is None) == (self.target is None):
            raise SimulationError("A price drift needs either change or target.")
        if (self.change is not None and self.change <= -1) or (self.target is not None and self.target <= 0):
            raise SimulationError("A price drift cannot take the price to zero or below.")
        if self.noise < 0 or self.activity < 0:
            raise SimulationError("A price drift's noise and activity must be zero or more.")


@dataclass(frozen=True)
class FeedDelay:
    """Liquidations of one venue from `start` to `end` arrive `seconds` later than its usual lag."""

    start: object
    end: object
    venue: str
    seconds: float

    def __post_init__(self) -> None:
        if self.seconds < 0:
            raise SimulationError("A feed delay must be zero seconds or more.")


@dataclass(frozen=True)
class FeedOutage:
    """Liquidations of one venue from `start` to `end` never arrive; they happen all the same."""

    start: object
    end: object
    venue: str


Intervention = Crowd | Whale | PriceDrift | FeedDelay | FeedOutage


@dataclass(frozen=True)
class Branch:
    """From `at` on, chance is drawn with another `seed`: many futures of one past."""

    at: object
    seed: int


def minute_of(moment: object, start: Any) -> int:
    """Minutes from the start of the market to `moment`; a time before it raises SimulationError.

    Times after the end are let through: what lies there has not happened yet, so that a shorter market is
    the beginning of a longer one with the same interventions.
    """
    offset = int((tables.to_datetime64(moment) - start).astype("int64") // 60_000_000)
    if offset < 0:
        raise SimulationError(f"{moment} lies before the simulated market, which begins {start} UTC.")
    return offset


def _check_position(side: str, quantity: float, leverage: float, hours: float) -> None:
    if side not in tables.SIDES:
        raise SimulationError(f"{side!r} is not a side. Write long or short.")
    if not 0 < quantity < 1e6 or not 1 <= leverage <= 100 or hours <= 0:
        raise SimulationError(
            "A position needs a quantity above zero (and under a million BTC), a leverage of 1 to 100 and"
            " hours above zero."
        )
