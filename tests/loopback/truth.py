"""One made-up market that every venue tells in words of its own, and the pieces a venue's dialect is made of.

The events are the truth; a dialect (`DIALECT` in `tests/feeds/venues/test_<venue>.py`) renders those that a
question asks for, in the venue's shape, units and side. All venues tell the same bars of the same market, so
that a test can say what each answer must become, and a venue refuses what its own documentation refuses.
Dialects are written from documentation and recorded frames, apart from the code that reads them: units, sides
and refusals are repeated there on purpose, and every frame carries something that must be left out.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from liqcore import tables

# The market's now in ms; a test or a server that plays the present sets it.
NOW = 1_790_000_000_000
# The moment of the samples, in ms.
T = 1_790_000_000_123
MINUTE = 60_000
HOUR = 3_600_000
END = np.datetime64(NOW, "ms")
START = END - np.timedelta64(6, "h")


@dataclass(frozen=True)
class Event:
    """One liquidation as it happened: `time` in ms, `side` of the position, BTC and USD."""

    time: int
    side: str
    price: float
    quantity: float


# Events of a second contract, by its name, that has a history of its own; a test puts them here.
MORE: dict[str, list[Event]] = {}


class Refused(Exception):
    """The venue says no: HTTP status and body."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(str(body))
        self.status, self.body = status, body


@dataclass(frozen=True)
class Reply:
    """What a venue answers to one frame: `frames` to send, `symbols` now subscribed, whether the frame was a
    `pong`."""

    frames: tuple[Any, ...] = ()
    symbols: tuple[str, ...] = ()
    pong: bool = False


@dataclass(frozen=True)
class Door:
    """One address: its venue, the answer to a frame, the frames of some events on a symbol, events a frame at
    most. `lenient` where what does not exist is confirmed like what does."""

    venue: str
    answer: Callable[[Any], Reply]
    frames: Callable[[list[Event], str], list[Any]]
    most: int
    greeting: tuple[Any, ...] = ()
    ping: Any = None
    gzip: bool = False
    snapshot: Callable[[list[Event], str], Any] | None = None
    lenient: bool = False


Rest = Callable[[list[Event], str, Mapping[str, Any]], Any]
# Name, message, and what it must mean: (side, BTC, USD, microseconds) of each liquidation.
Sample = tuple[str, Any, list[tuple[str, float, float, int]]]


@dataclass(frozen=True)
class Dialect:
    """How one file's venues speak.

    `rest` answers (events, path, query) by host, `doors` are its sockets by address. By venue: `samples` of
    messages with what they mean, `quiet` messages without liquidations, `refused` messages with words of the
    refusal, `left_out` messages with the names that must be counted, and `day`, the requests that all minute
    bars of a day take (`volume` is False where the unit of its volume is not known). `recorded` names the
    recordings of other people's that its parser must read.
    """

    rest: Mapping[str, Rest] = field(default_factory=dict)
    doors: Mapping[str, Door] = field(default_factory=dict)
    samples: Mapping[str, Sequence[Sample]] = field(default_factory=dict)
    quiet: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    refused: Mapping[str, Sequence[tuple[Any, str]]] = field(default_factory=dict)
    left_out: Mapping[str, Sequence[tuple[Any, dict[str, int]]]] = field(default_factory=dict)
    day: Mapping[str, int] = field(default_factory=dict)
    volume: bool = True
    recorded: Mapping[str, str] = field(default_factory=dict)


def made_events(count: int = 240, hours: float = 6.0, seed: int = 7) -> list[Event]:
    """Liquidations of the last hours, whole seconds apart, in lots that every venue's contract can
    express."""
    chance = random.Random(seed)
    moments = sorted(chance.sample(range(int(hours * 3600)), count))
    return [
        Event(
            NOW - int(hours * 3_600_000) + second * 1000,
            chance.choice(("long", "short")),
            50_000.0 + chance.randrange(400) * 5,
            chance.randrange(1, 90) / 100,
        )
        for second in moments
    ]


def order(event: Event) -> str:
    """The order that closed the position."""
    return "sell" if event.side == "long" else "buy"


def held(event: Event) -> str:
    """The position itself."""
    return "buy" if event.side == "long" else "sell"


def iso(moment: int) -> str:
    return (
        datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


def since(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def text(value: float) -> str:
    return f"{value:.10f}".rstrip("0").rstrip(".")


def texts(*numbers: float) -> list[str]:
    return [f"{number:.10g}" for number in numbers]


def contracts(one: Event, symbol: str, size: float, inverse: tuple[str, ...]) -> str:
    """The quantity in contracts of `size` BTC, or of `size` USD for an inverse symbol."""
    return text(one.quantity * one.price / size if symbol in inverse else one.quantity / size)


# A span by every name that a venue has for it.
SPANS = {
    name: length * MINUTE
    for length, names in {
        1: "1m 1 1min 1MIN",
        5: "5m 5 5min 5MINS",
        15: "15m 15 15min 15MINS",
        30: "30m 30 30min 30MINS",
        60: "1h 1H 60 60m 60min 1HOUR",
        240: "4h 4H 240 240m 4hour 4HOURS",
        1440: "1d 1D D 1440 1day 1DAY 1Dutc",
    }.items()
    for name in names.split()
}


def hours(count: int) -> list[int]:
    """The last full hours in ms, oldest first."""
    return [NOW // HOUR * HOUR - back * HOUR for back in range(count)][::-1]


def bar(moment: int) -> tuple[float, float, float, float, float]:
    """Open, high, low, close in USD and volume in BTC of the bar that starts at `moment` (ms); no two minutes
    of a day are alike."""
    base = 50_000.0 + moment // MINUTE % 1440
    return base, base + 60.0, base - 55.0, base + 10.0, 2.0 + moment // MINUTE % 7


def bars(first: int, last: int, span: int) -> list[int]:
    """The starts of the bars from `first` to `last` (ms), both included, that exist by now."""
    return list(range(-(-first // span) * span, min(last, NOW) // span * span + 1, span))


def open_interest(moment: int) -> float:
    """BTC held open at a moment (ms)."""
    return 30_000.0 + moment // (5 * MINUTE) % 288


def rows_of(events: list[Event]) -> list[tuple[int, str, float, float]]:
    """The truth, as `rows` shows it."""
    return sorted(
        (event.time * 1000, event.side, round(event.price, 6), round(event.quantity, 9)) for event in events
    )


def rows(table: pd.DataFrame) -> list[tuple[int, str, float, float]]:
    """Time in µs, side, price and BTC of a liquidations table."""
    return sorted(
        zip(
            tables.microseconds(table["time"]).tolist(),
            table["side"].astype(str),
            table["price"].round(6),
            table["quantity"].round(9),
            strict=True,
        )
    )
