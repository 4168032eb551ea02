"""Liquidation history of each venue, through the endpoint and the windows that really give it.

The unified calls of ccxt are not used here: their sides, units and times are wrong on every venue that has
them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.feeds.status import FeedError, SourceStatus
from liqcore.feeds.venues.parse import parse_message, to_table
from liqcore.feeds.venues.registry import VENUES, venue as row_of
from liqcore.feeds.venues.rows import LiquidationRow
from liqcore.feeds.venues.venue import Venue

if TYPE_CHECKING:
    from liqcore.feeds.rest.session import Answer, FeedSession


@dataclass(frozen=True)
class Fetched:
    """A table and how it was had; `status.state` is `live` for a full answer, `partial`, `stale`, or an
    error's state. `left_out` counts, by name, the bitcoin contracts and topics that are not read."""

    table: pd.DataFrame
    status: SourceStatus
    requests: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)


def liquidation_history(session: FeedSession, venue: str, start: object, end: object) -> Fetched:
    """BTC liquidations of one venue from `start` to `end` (UTC), each once, as far back as the venue tells.

    Never raises for a venue's trouble: what was read before it is in the table, and the status says the rest.

    Raises
    ------
    FeedError
        The venue has no row or no history, or `start` is not before `end`.
    """
    row = row_of(venue)
    if row.history is None:
        having = ", ".join(name for name, one in VENUES.items() if one.history)
        raise FeedError(
            f"{row.name} has no public history of liquidations. Choose one of {having}.", venue=row.id
        )
    first, last = (int(tables.to_datetime64(moment).astype("int64")) // 1_000 for moment in (start, end))
    if first >= last:
        raise FeedError("The start of the history is not before its end. Swap them.", venue=row.id)
    rows: list[LiquidationRow] = []
    answers: list[Answer] = []
    left_out: Counter[str] = Counter()
    trouble: FeedError | None = None
    try:
        for answer, symbol in row.history.pages(session, row, first, last):
            answers.append(answer)
            try:
                found = parse_message(row, answer.data, round(session.clock() * 1e6), symbol)
            except FeedError as problem:
                trouble = trouble or problem
                continue
            rows += found.rows
            left_out += found.left_out
            if found.trouble:
                trouble = trouble or FeedError(found.trouble, venue=row.id)
    except FeedError as problem:
        trouble = problem
    except (KeyError, TypeError, AttributeError, IndexError, ValueError, OverflowError):
        trouble = FeedError(
            f"{row.name} sent an answer of another shape than it documents. It is tried again later.",
            venue=row.id,
        )
    kept = [one for one in dict.fromkeys(rows) if first * 1_000 <= one.time <= last * 1_000]
    table = to_table(kept)
    return Fetched(table, _status(row, table, answers, trouble), len(answers), dict(left_out))


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
    return wording.duration(round(seconds))
