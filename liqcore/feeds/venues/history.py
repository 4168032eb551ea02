"""Liquidation history of each venue, through the endpoint and the windows that really give it.

The unified calls of ccxt are not used here: their sides, units and times are wrong on every venue that has
them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.feeds.rest.session import Answer, FeedSession
from liqcore.feeds.status import FeedError, SourceStatus
from liqcore.feeds.venues.parse import parse_rows, to_table
from liqcore.feeds.venues.registry import VENUES, Venue
from liqcore.feeds.venues.rows import LiquidationRow

MOST_PAGES: Final = 400
_HOUR: Final = 3_600_000


@dataclass(frozen=True)
class Fetched:
    """A table and how it was had; `status.state` is `live` for a full answer, `partial`, `stale`, or an
    error's state."""

    table: pd.DataFrame
    status: SourceStatus
    requests: int = 0


# A page: the answer as sent, and the contract where the answer does not name it.
_Pages = Iterator[tuple[Answer, str | None]]


def liquidation_history(session: FeedSession, venue: str, start: object, end: object) -> Fetched:
    """BTC liquidations of one venue from `start` to `end` (UTC), each once, as far back as the venue tells.

    Never raises for a venue's trouble: what was read before it is in the table, and the status says the rest.

    Raises
    ------
    FeedError
        The venue has no row or no history, or `start` is not before `end`.
    """
    row = VENUES.get(venue)
    if row is None or venue not in _PAGES:
        raise FeedError(
            f"{row.name if row else venue!r} has no public history of liquidations. Choose one of"
            f" {', '.join(_PAGES)}.",
            venue=venue,
        )
    first, last = (int(tables.to_datetime64(moment).astype("int64")) // 1_000 for moment in (start, end))
    if first >= last:
        raise FeedError("The start of the history is not before its end. Swap them.", venue=venue)
    rows: list[LiquidationRow] = []
    answers: list[Answer] = []
    trouble: FeedError | None = None
    try:
        for answer, symbol in _PAGES[venue](session, row, first, last):
            answers.append(answer)
            try:
                rows += parse_rows(venue, answer.data, symbol)
            except FeedError as problem:
                rows += problem.rows
                trouble = trouble or problem
    except FeedError as problem:
        trouble = problem
    except (KeyError, TypeError, AttributeError, IndexError, ValueError, OverflowError):
        trouble = FeedError(
            f"{row.name} sent an answer of another shape than it documents. It is tried again later.",
            venue=venue,
        )
    kept = [one for one in dict.fromkeys(rows) if first * 1_000 <= one.time <= last * 1_000]
    table = to_table(kept)
    return Fetched(table, _status(row, table, answers, trouble), len(answers))


def liquidation_histories(
    session: FeedSession, venues: Iterable[str], start: object, end: object
) -> dict[str, Fetched]:
    """`liquidation_history` of several venues; the trouble of one does not touch the others."""
    out: dict[str, Fetched] = {}
    for venue in venues:
        try:
            out[venue] = liquidation_history(session, venue, start, end)
        except FeedError as problem:
            out[venue] = Fetched(tables.empty("liquidations"), replace(problem.status(venue), state="off"))
    return out


def _status(
    venue: Venue, table: pd.DataFrame, answers: list[Answer], trouble: FeedError | None
) -> SourceStatus:
    last = np.datetime64(int(tables.microseconds(table["time"])[-1]), "us") if len(table) else None
    base = SourceStatus(
        venue.id, "live", venue.completeness_words, last_event=last, completeness=venue.completeness
    )
    old = [answer for answer in answers if answer.stale]
    if trouble is not None:
        state = "partial" if len(table) else trouble.state
        return replace(base, state=state, message=str(trouble), retry_after=trouble.retry_after)
    if old:
        age = max(answer.age for answer in old)
        return replace(
            base,
            state="stale",
            age=age,
            message=f"This is {_span(age)} old: {old[0].reason or 'the venue did not answer.'}",
        )
    return base


def _span(seconds: float) -> str:
    return f"{seconds:,.0f} seconds" if seconds < 120 else f"{seconds / 60:,.0f} minutes"


def _windows(first: int, last: int, length: int) -> Iterator[tuple[int, int]]:
    """Windows of at most `length` ms, newest first, so that what is cut short is the oldest."""
    for upper in range(last, first, -length):
        yield max(first, upper - length), upper


def _gate(session: FeedSession, venue: Venue, first: int, last: int) -> _Pages:
    # Seconds, and at most an hour; a full page means that the window was cut, so it is halved.
    todo = [
        (symbol, *window)
        for symbol in venue.symbols
        for window in _windows(first // 1000, last // 1000 + 1, 3_600)
    ][::-1]
    for _ in range(MOST_PAGES):
        if not todo:
            return
        symbol, lower, upper = todo.pop()
        settle = "btc" if symbol in venue.inverse else "usdt"
        query = {"contract": symbol, "from": lower, "to": upper, "limit": 1000}
        answer = session.fetch(
            f"https://api.gateio.ws/api/v4/futures/{settle}/liq_orders",
            query,
            headers={"X-Gate-Size-Decimal": "1"},
        )
        yield _listed(answer), None
        if len(answer.data) >= 1000 and upper - lower > 1:
            middle = (lower + upper) // 2
            todo += [(symbol, lower, middle), (symbol, middle, upper)]
    raise _too_long(venue)


def _htx(session: FeedSession, venue: Venue, first: int, last: int) -> _Pages:
    # The coin-margined contract has an older address with words of its own, which tells no page size: it is
    # asked until a page is empty.
    contracts: tuple[tuple[str, str, str, int, int, dict[str, Any]], ...] = (
        (
            "v5/market/liquidation_orders",
            "id",
            "from",
            100,
            2 * _HOUR,
            {"contract_code": venue.linear[0], "limit": 100},
        ),
        (
            "swap-api/v3/swap_liquidation_orders",
            "query_id",
            "from_id",
            1,
            48 * _HOUR,
            {"contract": venue.inverse[0], "trade_type": 0},
        ),
    )
    cut = False
    for path, number, mark, full, length, which in contracts:
        left = MOST_PAGES
        for lower, upper in _windows(first, last, length):
            query: dict[str, Any] | None = {**which, "start_time": lower, "end_time": upper, "direct": "prev"}
            while query is not None and left:
                left -= 1
                answer = session.fetch(f"https://api.hbdm.com/{path}", query)
                yield answer, None
                ids = [int(one[number]) for one in answer.data["data"]]
                more = len(ids) >= full and min(ids) < query.get(mark, min(ids) + 1)
                query = {**query, mark: min(ids)} if more else None
            cut = cut or query is not None
    # One contract that is too long must not cost the other its history.
    if cut:
        raise _too_long(venue)


def _bitget(session: FeedSession, venue: Venue, first: int, last: int) -> _Pages:
    groups = (("USDT-FUTURES", "BTCUSDT"), ("USDC-FUTURES", "BTCPERP"), ("COIN-FUTURES", "BTCUSD"))
    pages = 0
    for category, symbol in groups:
        query: dict[str, Any] = {"category": category, "symbol": symbol, "limit": 100}
        while True:
            pages += 1
            if pages > MOST_PAGES:
                raise _too_long(venue)
            answer = session.fetch("https://api.bitget.com/api/v3/market/liquidations", query)
            yield answer, None
            found = answer.data["data"]
            rows, mark = found["list"], found.get("cursor")
            if (
                not rows
                or not mark
                or mark == query.get("cursor")
                or min(int(one["ts"]) for one in rows) < first
            ):
                break
            query = {**query, "cursor": mark}


def _okx(session: FeedSession, venue: Venue, first: int, last: int) -> _Pages:
    for symbol in venue.symbols:
        query: dict[str, Any] = {
            "instType": "SWAP",
            "instFamily": symbol.removesuffix("-SWAP"),
            "state": "filled",
            "limit": 100,
            "after": last + 1,
        }
        for _ in range(MOST_PAGES):
            answer = session.fetch("https://www.okx.com/api/v5/public/liquidation-orders", query)
            yield answer, None
            times = [int(detail["ts"]) for entry in answer.data["data"] for detail in entry["details"]]
            # One millisecond of overlap, because several events share a time; the doubles are dropped.
            if not times or min(times) < first or min(times) + 1 >= query["after"]:
                break
            query = {**query, "after": min(times) + 1}
        else:
            raise _too_long(venue)


def _bitfinex(session: FeedSession, venue: Venue, first: int, last: int) -> _Pages:
    # Three requests a minute are allowed, so a second page would cost the visitor 20 seconds.
    query = {"start": first, "end": last, "limit": 500, "sort": -1}
    yield _listed(session.fetch("https://api-pub.bitfinex.com/v2/liquidations/hist", query)), None


def _deribit(session: FeedSession, venue: Venue, first: int, last: int) -> _Pages:
    for symbol in (*venue.inverse, *venue.linear):
        upper = last
        for _ in range(MOST_PAGES):
            query = {
                "instrument_name": symbol,
                "start_timestamp": first,
                "end_timestamp": upper,
                "count": 1000,
                "sorting": "desc",
            }
            answer = session.fetch(
                "https://www.deribit.com/api/v2/public/get_last_trades_by_instrument_and_time", query
            )
            yield answer, symbol
            trades = answer.data["result"]["trades"]
            oldest = min((int(one["timestamp"]) for one in trades), default=first)
            if not answer.data["result"].get("has_more") or oldest >= upper:
                break
            upper = oldest
        else:
            raise _too_long(venue)


def _kraken(session: FeedSession, venue: Venue, first: int, last: int) -> _Pages:
    for symbol in venue.symbols:
        upper: pd.Timestamp = pd.Timestamp(last, unit="ms", tz="UTC")
        for _ in range(5):
            query = {"symbol": symbol, "lastTime": upper.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
            answer = session.fetch("https://futures.kraken.com/derivatives/api/v3/history", query)
            yield answer, symbol
            times = pd.to_datetime(
                [one["time"] for one in answer.data["history"]], utc=True, format="ISO8601"
            )
            if (
                len(times) < 100
                or times.min() >= upper
                or times.min() < pd.Timestamp(first, unit="ms", tz="UTC")
            ):
                break
            upper = times.min()


def _dydx(session: FeedSession, venue: Venue, first: int, last: int) -> _Pages:
    upper = pd.Timestamp(last, unit="ms", tz="UTC").strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    url = f"https://indexer.dydx.trade/v4/trades/perpetualMarket/{venue.linear[0]}"
    answer = session.fetch(url, {"limit": 1000, "createdBeforeOrAt": upper})
    _listed(replace(answer, data=answer.data["trades"]))
    yield answer, None


def _listed(answer: Answer) -> Answer:
    if not isinstance(answer.data, list):
        raise TypeError("no list")
    return answer


def _too_long(venue: Venue) -> FeedError:
    return FeedError(
        f"The history of {venue.name} takes more than {MOST_PAGES} requests; the oldest part is left out. Ask"
        " for fewer hours.",
        venue=venue.id,
    )


_PAGES: Final[dict[str, Callable[[FeedSession, Venue, int, int], _Pages]]] = {
    "bitget": _bitget,
    "gate": _gate,
    "htx": _htx,
    "okx": _okx,
    "bitfinex": _bitfinex,
    "deribit": _deribit,
    "kraken": _kraken,
    "dydx": _dydx,
}
