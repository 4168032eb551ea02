"""One sweep: every known account asked once for what it holds, slowly, and again from where it was
stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from liqcore import clocks, tables
from liqcore.feeds.history.partitions import Partitions, Series
from liqcore.feeds.positions import answers
from liqcore.feeds.positions.answers import OddAnswer
from liqcore.feeds.positions.book import HLP, AddressBook
from liqcore.feeds.status import FeedError, RateLimited
from liqcore.heat.snapshots import Snapshot, snapshots

if TYPE_CHECKING:
    from liqcore.feeds.rest.session import FeedSession

INFO: Final = "https://api.hyperliquid.xyz/info"
LEADERBOARD: Final = "https://stats-data.hyperliquid.xyz/Mainnet/leaderboard"
# An account's state weighs 2 of the 1,200 a minute that the venue allows an address; half of that is used.
A_MINUTE: Final = 300
_MARKET_WEIGHS: Final = 10  # in accounts
_DAY: Final = 86_400_000_000
_PATIENCE: Final = 3
_POSITIONS: Final = Series("positions", answers.VENUE, "event")
_SWEEPS: Final = Series("sweeps", answers.VENUE, "event")

Ask = Callable[[dict[str, str]], Any]


@dataclass(frozen=True)
class Found:
    """What a whole sweep found, as checked tables."""

    positions: pd.DataFrame
    sweep: pd.DataFrame


@dataclass
class Sweep:
    """Asks all accounts of a book; `clock` tells seconds since 1970, `sleep` waits.

    `ask` puts a question to the venue and gives its JSON; it raises FeedErrors. `go_on` is looked at before
    each question.
    """

    book: AddressBook
    ask: Ask
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    go_on: Callable[[], bool] = lambda: True
    a_minute: int = A_MINUTE
    _slot: float = field(default=0.0, init=False)
    _steady: Callable[[], float] = field(init=False)

    def __post_init__(self) -> None:
        self._steady = clocks.beside(self.clock)

    def run(self) -> Found | None:
        """Ask everybody, those who failed once more at the end; None where it was stopped before.

        Called again after a stop, even by another process, it goes on with whom it has not asked.
        """
        began, now = int(self.book.fact("began", 0)), self._now()
        # After the clock was set back, who was asked at a time to come would not be asked until then.
        self.book.forget_ahead(now)
        if not began or began > now:
            began = now
            self.book.put("began", began)
        for turn in (self.book.due, self.book.failed):
            for address in turn(began):
                if not self.go_on():
                    return None
                self._one(address)
        if self._now() < began:
            # The clock was set back on the way: who was asked since the beginning is not known any more.
            self.book.put("began", 0)
            return self.run()
        interest, mark = self._market()
        found = self._found(began, interest, mark)
        self.book.put("began", 0)
        return found

    def _one(self, address: str) -> None:
        try:
            told = answers.state(self._asked({"type": "clearinghouseState", "user": address}))
        # Neither is told further: its words could hold the address.
        except (FeedError, OddAnswer):
            self.book.miss(address, self._now())
            return
        at = self._now()
        row = answers.row(self.book.name(address), told)
        self.book.note(address, at, None if row is None else row | {"time": at}, told.value)

    def _asked(self, question: dict[str, str], weighs: int = 1) -> Any:
        for _ in range(_PATIENCE):
            self._wait(weighs)
            try:
                return self.ask(question)
            except RateLimited as problem:
                self._slot = self._steady() + (problem.retry_after or 60.0)
        raise RateLimited("The venue asks for a pause again and again.")

    def _wait(self, weighs: int) -> None:
        now = self._steady()
        start = max(now, self._slot)
        if start > now:
            self.sleep(start - now)
        self._slot = start + weighs * 60.0 / self.a_minute

    def _market(self) -> tuple[float, float]:
        try:
            return answers.market(self._asked({"type": "metaAndAssetCtxs"}, _MARKET_WEIGHS))
        except FeedError:
            return answers.market(None)

    def _found(self, began: int, interest: float, mark: float) -> Found:
        rows = self.book.rows(began)
        told = tables.positions(pd.DataFrame(rows)) if rows else tables.empty("positions")
        facts = {"time": self._now(), "venue": answers.VENUE, "began": began, **self.book.counts(began)}
        return Found(
            told, tables.sweeps(pd.DataFrame([{**facts, "open_interest": interest, "mark_price": mark}]))
        )

    def _now(self) -> int:
        return int(self.clock() * 1e6)


def asker(session: FeedSession) -> Ask:
    """Questions to the venue past the cache of answers, in which an address would come to rest."""
    return lambda question: session.ask_privately(INFO, question)


def refresh(book: AddressBook, session: FeedSession, now: int) -> int:
    """Write down the venue's leaderboard and its own vaults, once a day; the number of new accounts.

    Raises
    ------
    FeedError
        The leaderboard did not come, or is none; the book stays as it was.
    """
    if 0 <= now - int(book.fact("leaders", 0)) < _DAY:
        return 0
    try:
        told = answers.leaders(session.ask_privately(LEADERBOARD))
    except OddAnswer as problem:
        raise FeedError(str(problem)) from problem
    new = book.add(told) + book.add(_vaults(session))
    book.put("leaders", now)
    return new


def _vaults(session: FeedSession) -> list[str]:
    try:
        told = session.ask_privately(INFO, {"type": "vaultDetails", "vaultAddress": HLP})
        return [HLP, *told["relationship"]["data"]["childAddresses"]]
    except (FeedError, KeyError, TypeError):
        return [HLP]


def keep(store: Partitions, found: Found) -> None:
    """Put a sweep to rest beside the market's tables; OSError where it could not be written."""
    last = found.sweep.iloc[-1]
    end = int(tables.microseconds(found.sweep["time"])[-1]) + 1
    span = [(int(last["began"]), end)]
    store.add(_POSITIONS, found.positions, span, end)
    # Last, so that a sweep that is told has its positions.
    store.add(_SWEEPS, found.sweep, span, end)


def held(store: Partitions, start: int, end: int) -> list[Snapshot]:
    """The snapshots at rest that ended from `start` to `end` (µs since 1970), oldest first."""
    told = store.held(_SWEEPS, start, end)
    if told.empty:
        return []
    return snapshots(store.held(_POSITIONS, int(told["began"].min()), end), told)
