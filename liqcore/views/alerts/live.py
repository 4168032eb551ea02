"""Live watching on the alerts page: switching it on, how it goes, and what it tells while the page is
open."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import streamlit as st

from liqcore import tables, wording
from liqcore.alerts import desk as desks
from liqcore.alerts.desk import Entry
from liqcore.alerts.rules import Rule, RuleError
from liqcore.alerts.sentences import sentence
from liqcore.distances import away
from liqcore.feeds.live.store import Store, StoreError
from liqcore.service import watch as alerts_watch
from liqcore.service.folder import watch_mark
from liqcore.service.watch import Orders
from liqcore.views import loaders, market as live_market, owner
from liqcore.views.alerts import session as alerts_session

_SEEN: Final = "alerts_live_seen"
_PACE: Final = "10s"
# A level further from the price than this share is likely one of another market.
_FAR: Final = 0.3
_SHOWN: Final = 10
# What the markets one can choose call the store.
_MARKET: Final = ("data", loaders.STORE)


def watching() -> bool:
    """Whether rules watch the live market and this visitor may know: on a hosted app they are the owner's."""
    return watch_mark().exists() and _allowed()


def watched() -> frozenset[str]:
    """Ids of the rules that watch live."""
    if not watching():
        return frozenset()
    try:
        found = alerts_watch.orders(_store())
    except (StoreError, RuleError):
        return frozenset()
    return frozenset(rule.id for rule in found.rules) if found else frozenset()


def sync() -> None:
    """Bring what was told live into this visitor's inbox, and announce what is new since the last run."""
    if not watching():
        return
    try:
        entries = alerts_watch.inbox(_store())
    except (StoreError, RuleError) as problem:
        st.session_state["alerts_live_problem"] = str(problem)
        return
    before = st.session_state.get(_SEEN)
    st.session_state[_SEEN] = frozenset(one.alert.id for one in entries)
    held = alerts_session.desk()
    live = {
        one.alert.id: replace(one, alert=replace(one.alert, explore=(_MARKET, *one.alert.explore)))
        for one in entries
    }
    if live:
        others = replace(held, entries=tuple(one for one in held.entries if one.alert.id not in live))
        merged = desks.receive(others, [one.alert for one in live.values()])
        alerts_session.put(
            replace(merged, entries=tuple(live.get(one.alert.id, one) for one in merged.entries))
        )
    # The first run of a session announces nothing: what is old is in the inbox.
    if before is not None and (new := [one.alert for name, one in live.items() if name not in before]):
        alerts_session.announce(new)


def told() -> frozenset[str]:
    """Ids of the alerts in this visitor's inbox that were told live."""
    return st.session_state.get(_SEEN, frozenset()) if watching() else frozenset()


def listen() -> None:
    """Look for new alerts while the page is open."""
    if watching():
        _listen()


@st.fragment(run_every=_PACE)
def _listen() -> None:
    try:
        entries = alerts_watch.inbox(_store())
    except (StoreError, RuleError):
        return
    if frozenset(one.alert.id for one in entries) != st.session_state.get(_SEEN, frozenset()):
        st.rerun()


def remember(entries: tuple[Entry, ...]) -> None:
    """Keep what was acknowledged or snoozed here for other sessions and for after a restart, too."""
    if watching():
        try:
            alerts_watch.mark(_store(), entries)
        except (StoreError, RuleError) as problem:
            st.session_state["alerts_said"] = f"This was not stored: {problem}"


def panel() -> None:
    """Whether rules watch the live market, how the last look went, and the switch."""
    st.subheader("Watch the live market")
    if not _allowed():
        st.caption(
            "On a hosted app only its owner lets rules watch live. Here they are tested, and played through"
            " the market at hand."
        )
        return
    kept = [rule for rule in alerts_session.rules() if rule.enabled]
    if not watch_mark().exists():
        st.caption(
            "Your rules are judged once a minute on what this app collects, also while nobody has the page"
            " open, as long as the app runs. Alerts come into the inbox, and go to the channels of the"
            " secrets or the environment; channels typed in here belong to this session alone."
        )
        _switch(f"Watch live with {_counted(len(kept))}", "al_watch", bool(kept))
        return
    try:
        found, told = alerts_watch.orders(_store()), alerts_watch.report(_store())
    except (StoreError, RuleError) as problem:
        st.error(wording.markdown(str(problem)), icon=":material/error:")
        st.button("Stop watching", icon=":material/stop_circle:", key="al_unwatch", on_click=_stop)
        return
    if found is None:
        st.caption("The store has lost the rules that it watched. Start again.")
        _switch(f"Watch live with {_counted(len(kept))}", "al_watch", bool(kept))
        return
    st.markdown(
        f":material/radar: **{_counted(len(found.rules))}** watch{'es' if len(found.rules) == 1 else ''} the"
        f" live market since {wording.when(found.since, alerts_session.now())}, by bars of"
        f" {found.bars.replace('min', ' min').replace('1h', '1 h')}."
    )
    st.markdown(
        "\n".join(
            f"- {wording.name(rule.name)}: {wording.markdown(sentence(rule))}"
            for rule in found.rules[:_SHOWN]
        )
    )
    if len(found.rules) > _SHOWN:
        st.caption(f"And {len(found.rules) - _SHOWN:,} more.")
    st.caption(_state(told, found))
    # What the store does not take no rule can judge.
    if stuck := live_market.collector().snapshot().problem:
        st.warning(wording.markdown(stuck), icon=":material/database_off:")
    for sentence_told in _far(found):
        st.warning(wording.markdown(sentence_told), icon=":material/straighten:")
    for lost in told.undelivered:
        st.warning(f"Not delivered: {wording.markdown(lost)}", icon=":material/mark_email_unread:")
    with st.container(horizontal=True, gap="small"):
        same = {(rule.id, rule.name, rule.tell) for rule in kept} == {
            (rule.id, rule.name, rule.tell) for rule in found.rules
        }
        if kept and not same:
            _switch(f"Watch {_counted(len(kept))} instead", "al_watch_again", True)
        if {rule.id for rule in found.rules} - {rule.id for rule in alerts_session.rules()}:
            st.button(
                "Edit them here",
                icon=":material/edit_note:",
                key="al_watch_edit",
                on_click=_bring,
                args=(found.rules,),
                help=(
                    "Puts the watched rules on the list above. What you change there takes effect when you"
                    " let it watch instead."
                ),
            )
        st.button("Stop watching", icon=":material/stop_circle:", key="al_unwatch", on_click=_stop)


def _far(found: Orders) -> list[str]:
    """A sentence for each rule whose level is nowhere near the live price, as one built on the sample market
    is."""
    candles = None if (market := live_market.collector().window.market()) is None else market.candles
    if candles is None or candles.empty:
        return []
    price = float(candles["close"].iloc[-1])
    levels = {
        rule.name: [part.level for part in rule.when.conditions if part.level is not None]
        for rule in found.rules
    }
    return [
        f"'{name}' watches {wording.price(level)}, while the live price is {wording.price(price)}: it can"
        " hardly tell anything there."
        for name, held in levels.items()
        for level in held[:1]
        if abs(away(price, level)) > _FAR
    ]


def _state(told: alerts_watch.Report, found: Orders) -> str:
    if not told.moment or told.moment < found.since[:19]:
        return "The first look comes after the next round of questions, within a minute or two."
    age = wording.age(tables.to_datetime64(told.moment), alerts_session.now().tz_localize(None))
    reached = f", up to {wording.when(told.until, alerts_session.now())}" if told.until else ""
    look = (
        f"Last look {age} ago{reached}; it took {wording.duration(told.seconds)}."
        f" {wording.count(told.told, 'alert')} told since the inbox was begun. A closed bar waits"
        f" {wording.duration(alerts_watch.DELAY)} for what comes late; a rule told of events hears them"
        f" {wording.duration(alerts_watch.LATE)} longer."
    )
    if told.too_late:
        look += (
            f" {wording.sentence_case(wording.count(told.too_late, 'event'))} came later than that and"
            f" {'was' if told.too_late == 1 else 'were'} told by no rule."
        )
    return f":material/error: {wording.markdown(told.problem)} {look}" if told.problem else look


def _switch(label: str, key: str, possible: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        bars = st.selectbox(
            "Bars",
            alerts_watch.BARS,
            index=1,
            key=f"{key}_bars",
            format_func=lambda name: str(name).replace("min", " min").replace("1h", "1 h"),
            width=110,
        )
        st.button(
            label, icon=":material/radar:", key=key, disabled=not possible, on_click=_start, args=(str(bars),)
        )
    if not possible:
        st.caption("Keep a rule first, and switch it on.")


def _start(bars: str) -> None:
    try:
        alerts_watch.give_orders(
            _store(),
            [rule for rule in alerts_session.rules() if rule.enabled],
            bars,
            wording.iso(alerts_session.now()),
        )
        watch_mark().parent.mkdir(parents=True, exist_ok=True)
        watch_mark().touch()
    except (StoreError, RuleError, OSError) as problem:
        st.session_state["alerts_said"] = f"Watching could not begin: {problem}"


def _bring(rules: tuple[Rule, ...]) -> None:
    alerts_session.add_rules(rules)


def _stop() -> None:
    try:
        alerts_watch.stop(_store())
    except (StoreError, RuleError) as problem:
        st.session_state["alerts_said"] = str(problem)
    try:
        watch_mark().unlink(missing_ok=True)
    except OSError as problem:
        st.session_state["alerts_said"] = (
            "The rules rest, and begin again with the app, because its folder cannot be written"
            f" ({problem.strerror})."
        )


def _counted(number: int) -> str:
    return wording.count(number, "rule")


def _allowed() -> bool:
    return owner.here()


def _store() -> Store:
    return live_market.collector().store
