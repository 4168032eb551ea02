"""A day or a span of the real market, fetched for the console and kept where the app finds it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pandas as pd

from liqcore import tables, wording
from liqcore.feeds.history.market import market
from liqcore.feeds.history.partitions import Partitions
from liqcore.feeds.history.presets import NAMED_DAYS, PRESETS, NamedDay
from liqcore.feeds.history.snapshots import TOLD, snapshots
from liqcore.service.app import Owner
from liqcore.service.asking import feed_session
from liqcore.service.real import NAMED_LEAD, made_of


def fetched(span: str, progress: Callable[[float, str], None], owner: Owner | None = None) -> tuple[str, ...]:
    """Fetch a span and keep it; sentences on what came and where it lies.

    Raises
    ------
    TableError
        The span is none, or nothing came.
    """
    told = owner or Owner.told({})
    session = feed_session(told)
    try:
        end = pd.Timestamp(session.clock(), unit="s", tz="UTC").floor("us")
        if span in PRESETS:
            preset = PRESETS[span]
            start, step, lead = end - pd.Timedelta(hours=preset.hours), preset.step, float(preset.lead)
        else:
            start, end = (pd.Timestamp(edge, tz="UTC") for edge in _day(span, end).span)
            step, lead = "5m", NAMED_LEAD
        kept = Partitions(told.market)
        found = market(start, end, step, session, kept, lead=lead, progress=progress)
        edges = [int(edge.value // 1_000) for edge in (start, end)]
        past = snapshots(edges[0], edges[1], session, kept)
    finally:
        session.shut()
    if found.candles.empty:
        raise tables.TableError(f"Nothing came of {span}. {' '.join(found.problems)}".strip())
    realised = (
        (f"{wording.count(len(past.table), 'liquidation')}. {' '.join([TOLD, *past.problems])}",)
        if len(past.table) or past.problems
        else ()
    )
    return (
        f"{len(found.candles):,} bars of {found.step}, {wording.period(start, end)}. {made_of(found)}",
        *realised,
        f"Kept in {told.market}, where the app finds it.",
    )


def _day(text: str, now: pd.Timestamp) -> NamedDay:
    if text in NAMED_DAYS:
        return NAMED_DAYS[text]
    names = ", ".join(PRESETS)
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        raise tables.TableError(
            f"{text!r} is no day and no span. Write a day like 2024-08-05, or one of {names}."
        )
    try:
        day = pd.Timestamp(text, tz="UTC")
    except ValueError:
        raise tables.TableError(f"There is no day {text}. Write one like 2024-08-05.") from None
    if not pd.Timestamp("2019-09-08", tz="UTC") <= day < now:
        raise tables.TableError(f"{text} lies outside what is archived: from 2019-09-08 to today.")
    return NamedDay(text, text, "")


__all__ = ["fetched"]
