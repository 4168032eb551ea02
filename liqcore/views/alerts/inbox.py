"""The inbox: what rules have told, with what speaks against it as large as what speaks for it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import pandas as pd
import streamlit as st

from liqcore import wording
from liqcore.alerts import desk as desks
from liqcore.alerts.desk import Entry
from liqcore.alerts.engine import start, step
from liqcore.alerts.rules import Rule
from liqcore.service.dataset import Dataset
from liqcore.views import links, panels, shell
from liqcore.views.alerts import (
    live as alerts_live,
    session as alerts_session,
    trial as alerts_replay,
    words as alerts_words,
)

_PAGE: Final = 8
_STATES: Final = {"open": "Open", "snoozed": "Snoozed", "acknowledged": "Done", "": "All"}
_KINDS: Final = {"": "Any map", "realised": "Realised", "modelled": "Modelled"}
_SIDES: Final = {"": "Any side", "long": "Longs", "short": "Shorts", "both": "Both"}
_SNOOZES: Final = {"1 h": 1, "4 h": 4, "1 d": 24}
_PLAYS: Final = {"12 h": 12, "1 d": 24, "3 d": 72}
_COLOUR: Final = {
    "market-wide": "green",
    "partly confirmed": "blue",
    "isolated": "orange",
    "cannot say": "gray",
}


def draw(data: Dataset | None, rule: Rule | None, said: bool = False) -> None:
    """Filters, the alerts that pass them, downloads, and a way to fill the inbox from the market at hand,
    where there is one. An empty inbox is explained unless something was just `said`."""
    now = alerts_session.now()
    held = alerts_session.desk()
    if data is not None:
        _play(data, rule)
    if not held.entries and said:
        return
    if not held.entries:
        st.info(
            (
                "Nothing has been told yet. Play the market at hand through your rules to see what an alert"
                " looks like."
                if data is not None
                else "Nothing has been told yet."
            ),
            icon=":material/inbox:",
        )
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        state = links.choice(
            "Show", {name or "all": _counted(held, name, now) for name in _STATES}, "open", "inbox"
        )
        kind = links.select("Map", _KINDS, "alertkind", width=130)
        side = links.select("Side", _SIDES, "alertside", width=120)
        names = sorted({one.alert.name for one in held.entries})
        by = st.selectbox(
            "Rule",
            ["", *names],
            format_func=lambda name: name or "Any rule",
            key="al_by",
            width=260,
            persist_state="session",
        )
    entries = desks.chosen(
        held, now, "" if state == "all" else state, str(kind or ""), str(side or ""), str(by or "")
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        ids = tuple(one.alert.id for one in entries)
        st.button(
            f"Acknowledge all {len(ids):,}" if len(ids) > 1 else "Acknowledge",
            icon=":material/done_all:",
            key="al_all",
            disabled=not any(one.state(now) != "acknowledged" for one in entries),
            on_click=_acknowledge,
            args=(ids, True),
        )
        stamp = wording.file_mark(now)
        st.download_button(
            "CSV",
            lambda: desks.to_csv(entries, now),
            f"heatlab-alerts-{stamp}.csv",
            "text/csv",
            key="al_csv",
            icon=":material/download:",
            on_click="ignore",
            disabled=not ids,
        )
        st.download_button(
            "JSON",
            lambda: desks.to_json(entries, now),
            f"heatlab-alerts-{stamp}.json",
            "application/json",
            key="al_json",
            icon=":material/download:",
            on_click="ignore",
            disabled=not ids,
        )
    if not entries:
        st.caption("No alert passes these filters.")
    pages = max(math.ceil(len(entries) / _PAGE), 1)
    page = int(st.pagination(pages, key="al_page")) if pages > 1 else 1
    live = alerts_live.told()
    for entry in entries[(page - 1) * _PAGE : page * _PAGE]:
        _card(entry, now, live)


def _counted(held: desks.Desk, state: str, now: pd.Timestamp) -> str:
    return f"{_STATES[state]} {len(desks.chosen(held, now, state)):,}"


def _play(data: Dataset, rule: Rule | None) -> None:
    """Run the rules over the end of the market, as if it were happening."""
    running = [one for one in alerts_session.rules() if one.enabled] or ([rule] if rule is not None else [])
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        length = links.choice(
            "Play the last",
            tuple(_PLAYS),
            "1 d",
            "alertplay",
            help="Of the market chosen above. Played alerts go to the inbox only, not to your channels.",
        )
        count = wording.count(len(running), "rule") if alerts_session.rules() else "the rule you are building"
        if st.button(
            f"Play through {count}",
            icon=":material/play_arrow:",
            type="primary",
            key="al_play",
            disabled=not running,
        ):
            panels.attempt(_played, data, running, _PLAYS[length])


def _played(data: Dataset, running: list[Rule], hours: int) -> None:
    settings = alerts_replay.settings_for(data, "15min")
    end = data.span[1].ceil("15min")
    begin = max(end - pd.Timedelta(hours=hours), data.span[0] + pd.Timedelta(settings.lookback))
    bar = st.progress(0.0, "Playing bar by bar")

    def progress(share: float) -> None:
        bar.progress(share, "Playing bar by bar")

    _, alerts = step(
        running, start(begin), alerts_replay.market_tables(data), end, settings, progress=progress
    )
    held = {one.alert.id for one in alerts_session.desk().entries}
    new = [alert for alert in alerts if alert.id not in held]
    # The link of a played alert also says on which market.
    market = ("data", str(st.session_state.get("data")))
    alerts_session.put(
        desks.receive(
            alerts_session.desk(),
            [replace(alert, explore=(market, *alert.explore)) for alert in alerts],
            "replay",
        )
    )
    alerts_session.announce(new)
    st.session_state["alerts_said"] = (
        f"{wording.count(len(new), 'new alert')} from {wording.when(begin, alerts_session.now())} to"
        f" {wording.when(end, alerts_session.now())}."
        if new
        else (
            f"Nothing new was told between {wording.when(begin, alerts_session.now())} and"
            f" {wording.when(end, alerts_session.now())}."
        )
    )
    st.rerun()


def _card(entry: Entry, now: pd.Timestamp, live: frozenset[str]) -> None:
    alert = entry.alert
    state = entry.state(now)
    with st.container(border=True, key=f"al_card_{alert.id}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
            st.badge(
                alert.kind.capitalize(),
                color="violet" if alert.kind == "modelled" else "primary",
                icon=(
                    ":material/insights:" if alert.kind == "modelled" else ":material/local_fire_department:"
                ),
            )
            st.badge(f"Venues: {alert.agreement}", color=_COLOUR.get(alert.agreement, "gray"))  # type: ignore[arg-type]
            if entry.alert.id in live:
                st.badge("Live", color="green", icon=":material/sensors:")
            if entry.origin == "replay":
                st.badge("Played", color="gray", icon=":material/history:")
            if state == "snoozed":
                st.badge(
                    f"Until {wording.when(entry.snoozed, alerts_session.now())}",
                    color="gray",
                    icon=":material/snooze:",
                )
            st.caption(
                f"{wording.when(alert.time, alerts_session.now())} · {wording.name(alert.name)}",
                width="content",
            )
        left, right = st.columns(2, gap="medium")
        with left:
            st.markdown("**For it**\n" + _points(alerts_words.evidence(alert)))
        with right:
            st.markdown("**Against it**\n" + _points(alerts_words.counter_evidence(alert)))
        st.caption(wording.markdown(alerts_words.facts_line(alert)))
        _actions(entry, state)


def _points(sentences: list[str]) -> str:
    return "\n".join(f"- {wording.markdown(text)}" for text in sentences)


def _actions(entry: Entry, state: str) -> None:
    alert, ids = entry.alert, (entry.alert.id,)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if state == "acknowledged":
            st.button(
                "Open again",
                icon=":material/undo:",
                key=f"al_undo_{alert.id}",
                on_click=_acknowledge,
                args=(ids, False),
            )
        else:
            st.button(
                "Acknowledge",
                icon=":material/done:",
                key=f"al_ack_{alert.id}",
                on_click=_acknowledge,
                args=(ids, True),
            )
            with st.popover("Snooze", icon=":material/snooze:", key=f"al_pop_{alert.id}"):
                for name, hours in _SNOOZES.items():
                    st.button(
                        f"For {name}",
                        key=f"al_snooze_{name}_{alert.id}",
                        type="tertiary",
                        on_click=_snooze,
                        args=(ids, hours),
                    )
        st.page_link(
            shell.path("explore"),
            label="See it on the map",
            icon=":material/grid_on:",
            query_params=dict(alert.explore),
        )


def _acknowledge(ids: tuple[str, ...], done: bool) -> None:
    alerts_session.put(desks.acknowledge(alerts_session.desk(), ids, done))
    _remember(ids)


def _snooze(ids: tuple[str, ...], hours: int) -> None:
    alerts_session.put(
        desks.snooze(alerts_session.desk(), ids, alerts_session.now() + pd.Timedelta(hours=hours))
    )
    _remember(ids)


def _remember(ids: tuple[str, ...]) -> None:
    alerts_live.remember(tuple(one for one in alerts_session.desk().entries if one.alert.id in ids))
