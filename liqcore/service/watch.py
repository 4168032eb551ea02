"""Rules that watch the live market while nobody looks: a look after each round of the collector's questions.

Nothing here draws. Rules, what the engine remembers and the inbox are notes in the store, so that a restart
goes on where the last process stopped. An alert is stored before it is sent, and sent again where a process
ended in between.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.alerts import desk as desks, rule_text
from liqcore.alerts.desk import Desk, Entry, Letter
from liqcore.alerts.engine import State, set_back
from liqcore.alerts.inputs import AlertData, Settings, needed_since
from liqcore.alerts.notify import Notifier
from liqcore.alerts.rules import Rule, RuleError
from liqcore.feeds.live import figures as live_figures
from liqcore.feeds.live.collector import Collector, Poll
from liqcore.feeds.live.polling import PRICE_VENUES
from liqcore.feeds.live.store import Store, StoreError
from liqcore.heat.grid import GridError
from liqcore.tables import TableError

RULES: Final = "alert_rules"
STATE: Final = "alert_state"
INBOX: Final = "alert_inbox"
MARKS: Final = "alert_marks"
REPORT: Final = "alert_report"
# Live events arrive within seconds, those of venues that are asked within a minute. What comes later than
# this still counts in the bars after its own, and rules that are told of events hear it for ten minutes more.
DELAY: Final = 60.0
LATE: Final = 600.0
BARS: Final = ("5min", "15min", "30min", "1h")
_LOOKBACK: Final = "4h"
# Prices further ahead (µs) than this are those of a clock that was right.
_AHEAD: Final = 300_000_000
# After a longer break the past is not told any more: it would be a flood of old news.
_LONGEST_BREAK: Final = np.timedelta64(24, "h")
_FUNDING_PAST: Final = 40 * 86_400_000_000


@dataclass(frozen=True)
class Orders:
    """What is watched: rules, the length of the bars they are judged by, and since when (ISO, UTC)."""

    rules: tuple[Rule, ...]
    bars: str
    since: str

    def settings(self) -> Settings:
        """How the engine looks at the live market."""
        return Settings(timeframe=self.bars, candles="1min", lookback=_LOOKBACK, delay=DELAY, late=LATE)


@dataclass(frozen=True)
class Report:
    """How the last look went: when and up to when (ISO, UTC), seconds it took, alerts ever told, what is
    wrong, if anything, how many events came too late to be told since watching began, and up to which arrival
    (µs) those were counted."""

    moment: str = ""
    until: str = ""
    seconds: float = 0.0
    told: int = 0
    problem: str = ""
    undelivered: tuple[str, ...] = ()
    too_late: int = 0
    looked: int = 0


def give_orders(store: Store, rules: Sequence[Rule], bars: str, now: str) -> Orders:
    """Watch these rules from now on. What the engine remembers of rules that stay is kept; StoreError,
    RuleError."""
    before = orders(store)
    made = Orders(tuple(rules), bars, before.since if before else now)
    made.settings()
    if before is None or before.bars != bars:
        store.set_note(STATE, "")
    store.set_note(
        RULES,
        json.dumps(
            {"bars": made.bars, "since": made.since, "rules": json.loads(rule_text.rules_to_json(made.rules))}
        ),
    )
    return made


def stop(store: Store) -> None:
    """Watch nothing any more; the inbox stays."""
    store.set_note(RULES, "")
    store.set_note(STATE, "")


def orders(store: Store) -> Orders | None:
    """What is watched, None for nothing. RuleError where the note cannot be read."""
    text = store.note(RULES)
    if not text:
        return None
    try:
        facts = json.loads(text)
        return Orders(
            rule_text.rules_from_json(json.dumps(facts["rules"])), str(facts["bars"]), str(facts["since"])
        )
    except (ValueError, KeyError, TypeError):
        raise RuleError(
            "The rules in the store cannot be read. Stop watching, and start again with the rules you keep."
        ) from None


def report(store: Store) -> Report:
    """How the last look went."""
    with suppress(ValueError, TypeError):
        facts = json.loads(store.note(REPORT) or "{}")
        return Report(**{**facts, "undelivered": tuple(facts.get("undelivered", ()))})
    return Report()


def inbox(store: Store) -> tuple[Entry, ...]:
    """What was told live, newest first, with what a page has acknowledged or snoozed."""
    held, marks = _inbox(store)[0], _marks(store)
    return tuple(
        (
            replace(one, acknowledged=bool(marks[one.alert.id][0]), snoozed=marks[one.alert.id][1])
            if one.alert.id in marks
            else one
        )
        for one in held.entries
    )


def mark(store: Store, entries: Sequence[Entry]) -> None:
    """Remember what was acknowledged or snoozed on a page; alerts that were not told live are left out."""
    live = {one.alert.id for one in _inbox(store)[0].entries}
    marks = {name: state for name, state in _marks(store).items() if name in live}
    marks.update({one.alert.id: [one.acknowledged, one.snoozed] for one in entries if one.alert.id in live})
    store.set_note(MARKS, json.dumps(marks))


@dataclass
class Watch:
    """A collector's poll with a look at the rules after it.

    Parameters
    ----------
    poll : what is asked for in each round.
    notifier : who sends; None for nobody.
    external : signals from outside, as `AlertData.external`.
    """

    poll: Poll
    notifier: Notifier | None = None
    external: Callable[[], pd.DataFrame] | None = None

    def __call__(self, collector: Collector) -> float:
        # Only minutes that had ended when the questions were asked have their last price.
        asked = collector.now()
        wait = self.poll(collector)
        if collector.collecting and not collector.stopping:
            self.look(collector, asked)
        return wait

    def look(self, collector: Collector, now: int) -> None:
        """Judge what has happened up to a moment (µs), store it, and send it. Whatever fails stands in the
        report; nothing is raised."""
        store, begun, wanted = collector.store, time.monotonic(), None
        try:
            wanted = orders(store)
            if wanted is None:
                return
            _until_written(collector)
            until, problem = self._advance(store, wanted, now)
            self._send(store)
        # Rules must never end the collecting, whatever is wrong with them or with the data.
        except Exception as error:
            told = isinstance(error, (StoreError, RuleError, TableError, GridError))
            problem = (
                str(error)
                if told
                else (
                    f"The rules could not be judged ({type(error).__name__}). They are tried again in a"
                    " minute."
                )
            )
            until = ""
        # A store that is broken here was broken above, and that is what is told.
        with suppress(StoreError, RuleError):
            held, _ = _inbox(store)
            before = report(store)
            lost = tuple(
                f"{one.channel}, {wording.when(one.time)}: {one.reason}" for one in held.letters[-5:]
            )
            made = Report(
                _iso(now),
                until,
                round(time.monotonic() - begun, 3),
                len(held.entries),
                problem,
                lost,
                before.too_late + _came_too_late(store, wanted, before.looked, now),
                now,
            )
            store.set_note(REPORT, json.dumps(vars(made)))

    def _advance(self, store: Store, wanted: Orders, now: int) -> tuple[str, str]:
        """Up to when (ISO, UTC) has been judged, and a sentence where something to judge by has not come
        yet."""
        moment, settings = np.datetime64(now, "us"), wanted.settings()
        text = store.note(STATE)
        state = State.from_dict(json.loads(text)) if text else None
        if state is not None:
            if state.until > moment:
                _right_clock(store, now)
                state = set_back(state, moment, settings)
            if moment - state.until > _LONGEST_BREAK:
                state = None
        held, unsent = _inbox(store)
        since = needed_since(moment if state is None else state.until, settings)
        data = (
            AlertData()
            if state is None
            else self.read(store, int(since.astype("datetime64[us]").astype("int64")))
        )
        desk, alerts = desks.advance(replace(held, state=state), wanted.rules, data, moment, settings)
        if alerts:
            # First what was told, then up to when: a process that ends in between tells the same again, and
            # the inbox knows it.
            known = {one.alert.id for one in held.entries}
            names = [] if self.notifier is None else [channel.name for channel in self.notifier.channels]
            asked = {
                one.id: tuple(name for name in names if name in one.tell)
                for one in alerts
                if one.id not in known
            }
            _keep_inbox(store, desk, {**unsent, **asked})
        if desk.state is None:
            return "", ""
        store.set_note(STATE, json.dumps(desk.state.to_dict()))
        return f"{desk.state.until}Z", "" if state is None else _waits(wanted, data)

    def read(self, store: Store, since: int) -> AlertData:
        """The market from a moment (µs) on, as the store holds it."""
        candles, interest, funding = (
            store.series(kind, first)
            for kind, first in (
                ("candles", since),
                ("open_interest", since),
                ("funding", since - _FUNDING_PAST),
            )
        )
        beats = store.heartbeats(since)
        return AlertData(
            store.liquidations(since),
            live_figures.joined_candles(candles, PRICE_VENUES) if len(candles) else None,
            interest[["time", "venue", "quantity"]] if len(interest) else None,
            funding[["time", "venue", "rate", "interval_hours"]] if len(funding) else None,
            pd.DataFrame(
                {
                    "time": (
                        pd.to_datetime(beats["minute"].to_numpy(np.int64), unit="us", utc=True).astype(
                            tables.TIME_DTYPE
                        )
                    ),
                    "venue": beats["venue"].to_numpy(),
                }
            ),
            self.external() if self.external is not None else None,
        )

    def _send(self, store: Store) -> None:
        if self.notifier is None:
            return
        held, unsent = _inbox(store)
        # What this process holds back already is not handed over twice.
        busy = self.notifier.pending()
        left = [
            (
                one.alert,
                tuple(name for name in unsent.get(one.alert.id, ()) if (name, one.alert.id) not in busy),
            )
            for one in reversed(held.entries)
        ]
        # Asked without alerts, too: that sends what quiet hours and limits held back.
        self.notifier.deliver([replace(alert, tell=names) for alert, names in left if names], wait=4.0)
        # Only what is sent or given up leaves the outbox: the rest is the next process's, should this one
        # end.
        waiting: dict[str, tuple[str, ...]] = {}
        for name, alert_id in sorted(self.notifier.pending()):
            waiting[alert_id] = (*waiting.get(alert_id, ()), name)
        dead = [
            Letter(one.channel, one.alert, wording.iso(one.time), one.attempts, one.reason)
            for one in self.notifier.take_dead_letters()
        ]
        if waiting != unsent or dead:
            _keep_inbox(store, desks.bury(held, dead), waiting)


def _right_clock(store: Store, now: int) -> None:
    """RuleError where prices lie ahead of now (µs): the clock that was set back is wrong. Judged by it, rules
    would tell old news, and tell them again later."""
    ahead = store.series("candles", now + _AHEAD)
    if len(ahead):
        span = wording.duration(round((int(tables.microseconds(ahead["time"])[-1]) - now) / 6e7) * 60)
        raise RuleError(
            f"This computer's clock is {span} behind the prices in the store, so the rules rest. Set it."
        )


def _waits(wanted: Orders, data: AlertData) -> str:
    """What some rule needs and the store does not hold yet, in a sentence; empty where nothing is missing."""
    parts = [part for rule in wanted.rules for part in rule.when.conditions]
    missing = []
    if data.candles is None or data.candles.empty:
        missing.append("candles (for prices and modelled levels)")
    elif any(part.heat == "modelled" for part in parts) and (
        data.open_interest is None or data.open_interest.empty
    ):
        missing.append("open interest (modelled levels are rougher without it)")
    if any(part.kind.startswith("funding") for part in parts) and (
        data.funding is None or data.funding.empty
    ):
        missing.append("funding")
    return (
        f"The store does not hold any {' or '.join(missing)} yet. Rules that need it wait." if missing else ""
    )


def _came_too_late(store: Store, wanted: Orders | None, looked: int, now: int) -> int:
    """Events that arrived since the last look (µs) and happened too long before it for any rule to tell."""
    if wanted is None or not looked:
        return 0
    began = int(tables.to_datetime64(wanted.since).astype("datetime64[us]").astype("int64"))
    # A clock that was set back must not hide what comes until its old time is there again.
    looked = min(looked, now)
    ended = looked - round((DELAY + LATE) * 1e6)
    return store.late(looked, now, began, ended) if ended > began else 0


def _until_written(collector: Collector, patience: float = 20.0) -> None:
    """Wait until what the round brought is in the store, or the store has not taken it for too long."""
    end = time.monotonic() + patience
    while collector.snapshot().waiting and time.monotonic() < end and not collector.stopping:
        time.sleep(0.05)


def _inbox(store: Store) -> tuple[Desk, dict[str, tuple[str, ...]]]:
    """The desk without the engine's state, and by id of an alert the channels that have it still to send."""
    text = store.note(INBOX)
    if not text:
        return Desk(), {}
    try:
        facts: Any = json.loads(text)
        return Desk.from_dict(facts["desk"]), {
            str(name): tuple(channels) for name, channels in dict(facts["unsent"]).items()
        }
    except (ValueError, KeyError, TypeError):
        raise RuleError(
            "The inbox in the store cannot be read. Stop watching and remove the store: alerts are then"
            " collected anew."
        ) from None


def _keep_inbox(store: Store, desk: Desk, unsent: Mapping[str, Sequence[str]]) -> None:
    store.set_note(
        INBOX,
        json.dumps(
            {
                "desk": replace(desk, state=None).to_dict(),
                "unsent": {name: list(channels) for name, channels in unsent.items() if channels},
            },
            ensure_ascii=False,
            separators=(",", ":"),
        ),
    )


def _marks(store: Store) -> dict[str, list[Any]]:
    with suppress(ValueError):
        found = json.loads(store.note(MARKS) or "{}")
        return found if isinstance(found, dict) else {}
    return {}


def _iso(micros: int) -> str:
    return f"{np.datetime64(micros, 'us').astype('datetime64[s]')}Z"
