"""The face of a venue: what it trades, what its words mean, and how each of its public data is asked for.

One file a venue fills this in (`VENUES` in it, a row each); `registry` finds the files. Everybody else goes
by these fields and never by a venue's name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import pandas as pd

from liqcore.feeds.venues.rows import Found

if TYPE_CHECKING:
    from liqcore.feeds.rest.session import Answer, FeedSession
    from liqcore.margins import TierTable

SideMeaning = Literal["order", "position", "flag", "none"]
ALL_CONTRACTS: Final = "all contracts"
LINEAR: Final = "the contracts settled in stablecoins"
INVERSE: Final = "the contracts settled in BTC"


class Message(NamedTuple):
    """One message as a parser gets it: decoded JSON, its arrival in µs since 1970 UTC (the time of an event
    that carries none), and the contract asked for, where an answer does not name it."""

    data: Any
    arrived: int
    symbol: str | None = None


class Tick(NamedTuple):
    """The price of a venue's reference contract at a moment: µs since 1970 UTC, USD."""

    time: int
    price: float


@dataclass(frozen=True)
class Line:
    """One socket of a venue.

    `covers` names in words what it carries. `subscribe` are the frames sent after opening, of which `asked`
    are answered with a confirmation or a refusal; `{now}` in a frame becomes the seconds since 1970. `ping`
    is the text sent every `every` seconds, None for a ping of the WebSocket protocol. `silence` is the
    longest time, in seconds, without any frame.
    """

    url: str
    covers: str
    subscribe: tuple[str, ...]
    asked: int
    ping: str | None = None
    every: float = 20.0
    silence: float = 65.0


@dataclass(frozen=True)
class Meaning:
    """What a frame is besides liquidations.

    `answer` must be sent back; `confirmed` says that a subscription stands; `refused` are the venue's words
    for one that does not; `reconnect` that the venue asks for a new connection.
    """

    answer: str | None = None
    confirmed: bool = False
    refused: tuple[str, ...] = ()
    reconnect: bool = False


Pages = Iterator["tuple[Answer, str | None]"]


@dataclass(frozen=True)
class History:
    """How a venue's past liquidations are asked for.

    `pages(session, venue, first, last)` yields each answer as sent, newest first, from `first` to `last` (ms
    since 1970 UTC), with the contract asked for; what is in an answer is read by the venue's parser. `words`
    say how far back it reaches. `whole_seconds`: its times are rounded, so an event that the socket told too
    cannot be recognised. `short`: it ends after so many rows, so only what it reaches back to is covered.
    """

    pages: Callable[[FeedSession, Venue, int, int], Pages]
    words: str
    whole_seconds: bool = False
    short: bool = False


@dataclass(frozen=True)
class Series:
    """How one series of market data is asked for.

    `read(session, venue, timeframe, first, last)` gives the rows from `first` to `last` (ms since 1970 UTC)
    in the columns and units of the house: candles with volume in BTC, `time, venue, quantity` in BTC for open
    interest, `time, rate, venue, interval_hours` for funding (which takes no notice of `timeframe`). It asks
    as many pages of `most` rows as that takes. `reach` is how many days back the venue tells, None for as far
    as it has traded, 0.0 for the present only; `in_all` how many rows it keeps whatever their timeframe.
    """

    read: Callable[[FeedSession, Venue, str, int, int], pd.DataFrame]
    most: int = 1000
    reach: float | None = None
    in_all: int | None = None


def _nothing(message: Any) -> Any:
    return None


@dataclass(frozen=True)
class Venue:
    """What is known about one venue's BTC contracts and its public data.

    `linear` and `inverse` are the venue's own names of its BTC perpetuals, and `contract` holds, for each of
    them, how many BTC (linear) or USD (inverse) one unit of quantity is. `side` says what the venue's word
    for the side names: the `order` that closed the position (a sell closes a long), the `position` itself (a
    buy is a long), a `flag` on ordinary trades, or `none` where no liquidations are published.

    `ccxt` and `aliases` are further names it is known by, `ccxt_market` fields of ccxt's market that differ
    from what its names suggest, `hosts` the parts of addresses that tell an answer is its own, `geo_statuses`
    the HTTP statuses by which it refuses a country, `slow` addresses with the requests allowed in so many
    seconds. `reference` is its place (1 is first) among the venues whose candles stand for the market, 0
    where they are not asked for it. `unified` is ccxt's name of the contract that `candles`, `open_interest`,
    `funding` and `tiers` are about; `tiers(session, venue, day)` reads its maintenance brackets of today,
    None where it tells none without a key.

    `totals` are liquidated USD by interval and side (`time, venue, long, short`), where the venue adds them
    up.

    `tick(data)` is the newest price of the contract that `candles` are about, where a frame carries one.

    `parse(venue, message)` reads the liquidations of a REST answer or a frame, `refusal(data)` is what an
    answer complains about, or None, and `meaning(data)` what a frame is besides.
    """

    id: str
    name: str
    ccxt: str
    hosts: tuple[str, ...]
    side: SideMeaning
    price_kind: str
    completeness: str
    completeness_words: str
    linear: tuple[str, ...] = ()
    inverse: tuple[str, ...] = ()
    contract: tuple[tuple[str, float], ...] = ()
    unified: str = "BTC/USDT:USDT"
    ccxt_market: tuple[tuple[str, str], ...] = ()
    aliases: tuple[str, ...] = ()
    refuses: tuple[str, ...] = ()
    geo_statuses: tuple[int, ...] = ()
    slow: tuple[tuple[str, int, float], ...] = ()
    reference: int = 0
    parse: Callable[[Venue, Message], list[Found]] | None = None
    refusal: Callable[[Any], str | None] = _nothing
    lines: tuple[Line, ...] = ()
    meaning: Callable[[Any], Meaning] = lambda data: Meaning()
    tick: Callable[[Any], Tick | None] = _nothing
    history: History | None = None
    candles: Series | None = None
    taker_volume: bool = False
    open_interest: Series | None = None
    funding: Series | None = None
    totals: Series | None = None
    tiers: Callable[[FeedSession, Venue, str], TierTable] | None = None

    @property
    def liquidations(self) -> bool:
        """Whether the venue publishes liquidations at all, in history or live."""
        return self.side != "none"

    @property
    def socket(self) -> bool:
        """Whether it sends liquidations live."""
        return bool(self.lines)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every BTC symbol, linear first."""
        return self.linear + self.inverse

    def contract_size(self, symbol: str) -> float:
        """BTC (linear) or USD (inverse) of one unit of quantity; 1.0 where it counts in BTC or USD itself."""
        return dict(self.contract).get(symbol, 1.0)
