"""Events that come late: heard by rules told of events, counted where they come too late, and the same live
as in a replay."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
from test_alert_engine import QUICK, market, rule

from liqcore.alerts.engine import State, start, step
from liqcore.alerts.inputs import AlertData, needed_since
from liqcore.alerts.rules import Condition

BEGIN, END = pd.Timestamp("2026-03-01 23:40"), pd.Timestamp("2026-03-02 00:50")
SECOND = np.timedelta64(1, "s")
LIVE = replace(QUICK, delay=60.0, late=600.0)
ON_EVENT = rule(Condition("large liquidation", minimum=300_000, on="event"), cool_down="1m", name="event")
RULES = [
    ON_EVENT,
    rule(Condition("large liquidation", minimum=300_000), name="bar"),
    rule(Condition("balance flips"), name="flips"),
    rule(Condition("heat grows", 28_000, "long", by=0.5), name="grows"),
]


def live(data: AlertData, lag: pd.Series, rules=RULES, settings=LIVE, every="60s", begin=BEGIN):
    """Alerts of looks at this pace, each with what had arrived by then; `lag` seconds an event."""
    arrived = data.liquidations["time"] + pd.to_timedelta(lag, unit="s")
    state, out = start((begin - pd.Timedelta(seconds=settings.delay)).to_datetime64()), []
    for now in pd.date_range(begin, END, freq=every):
        state = State.from_dict(json.loads(json.dumps(state.to_dict())))
        there = replace(data, liquidations=data.liquidations[(arrived <= now.tz_localize("UTC")).to_numpy()])
        known = there.between(needed_since(state.until, settings), now.to_datetime64() + SECOND)
        state, alerts = step(rules, state, known, now.to_datetime64(), settings, "quick")
        out += alerts
    return out


def told(alerts) -> set[tuple[str, str, float | None]]:
    return {(one.name, one.time, one.price) for one in alerts}


def replayed(data: AlertData, rules=RULES):
    first = (BEGIN - pd.Timedelta(seconds=LIVE.delay)).to_datetime64()
    return step(rules, start(first), data, END.to_datetime64(), LIVE, "quick")[1]


def test_what_would_have_been_told_is_told_although_events_come_up_to_a_minute_late() -> None:
    data, rng = market(2), np.random.default_rng(2)
    lag = pd.Series(rng.choice([0.2, 3.0, 45.0, 58.0], len(data.liquidations)))
    expected = replayed(data)
    assert {"event", "bar"} <= {one.name for one in expected}
    assert told(live(data, lag)) == told(expected)


def one_late(lag: float, settings=LIVE, begin=BEGIN):
    """What a rule on events tells of one event at 23:59:50 that comes so many seconds late."""
    data = market(1)
    event = data.liquidations.iloc[[0]].assign(
        time=pd.DatetimeIndex(["2026-03-01 23:59:50"], tz="UTC").astype(data.liquidations["time"].dtype),
        notional=900_000.0,
    )
    data = replace(data, liquidations=event)
    return live(data, pd.Series([lag], index=event.index), [ON_EVENT], settings, begin=begin)


def test_an_event_is_heard_late_across_midnight_and_once() -> None:
    for lag in (0.0, 45.0, 590.0):
        (heard,) = one_late(lag)
        assert heard.time.startswith("2026-03-01T23:59:50"), lag
    assert not one_late(2_000.0)
    assert not one_late(200.0, replace(LIVE, late=0.0)), "the fault of before: silent after the delay"


def test_what_happened_before_a_rule_watched_is_not_told_however_late_it_comes() -> None:
    assert not one_late(300.0, begin=pd.Timestamp("2026-03-02 00:02"))


def test_a_rule_that_was_off_hears_nothing_of_that_time() -> None:
    data = market(1)
    event = data.liquidations.iloc[[0]].assign(
        time=pd.DatetimeIndex(["2026-03-01 23:50:30"], tz="UTC").astype(data.liquidations["time"].dtype),
        notional=900_000.0,
    )
    data = replace(data, liquidations=event)
    state = start(BEGIN.to_datetime64())
    moments = [pd.Timestamp(f"2026-03-01 {at}").to_datetime64() for at in ("23:48", "23:53", "23:56")]
    empty = replace(data, liquidations=event.iloc[:0])
    state, _ = step([ON_EVENT], state, empty, moments[0], LIVE, "quick")
    state, _ = step([], state, data, moments[1], LIVE, "quick")
    assert state.rules.get(ON_EVENT.id) is None or state.rules[ON_EVENT.id].since is None
    _, alerts = step([ON_EVENT], state, data, moments[2], LIVE, "quick")
    assert not alerts
