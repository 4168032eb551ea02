"""The frame of the alerts page: title and counts, its four views, what a link brings, and what is new."""

from __future__ import annotations

from typing import Final

import streamlit as st

from liqcore import wording
from liqcore.alerts import desk as desks
from liqcore.alerts.rules import Rule
from liqcore.alerts.sentences import sentence
from liqcore.views.alerts import builder as alerts_builder, session as alerts_session
from liqcore.views.alerts.builder import Around

_VIEWS: Final = {"build": "Build", "inbox": "Inbox", "rules": "Rules", "channels": "Channels"}


def title() -> None:
    """The page's title; the browser's tab says how many alerts are open."""
    count = desks.waiting(alerts_session.desk(), alerts_session.now())
    st.session_state["alerts_open"] = count
    st.set_page_config(page_title=f"{f'({count}) ' if count else ''}Alerts · Heatlab")
    st.title("Alerts")


def from_link(near: Around) -> None:
    """Take the rules of the address: the first into the sentence, the others onto the list."""
    more = alerts_builder.open_link(near)
    if more:
        new = alerts_session.add_rules(more)
        st.session_state["alerts_said"] = (
            f"The link brought {wording.count(len(more), 'more rule')}, {new:,} of them new; they are under"
            f" Rules{', as many as a session keeps' if len(more) > alerts_session.MOST_KEPT else ''}."
        )


def view() -> str:
    """Which of the four views is open, with what waits in them."""
    count, kept = desks.waiting(alerts_session.desk(), alerts_session.now()), len(alerts_session.rules())
    names = {
        **_VIEWS,
        "inbox": f"Inbox ({count:,})" if count else "Inbox",
        "rules": f"Rules ({kept:,})" if kept else "Rules",
    }
    # The address holds the plain name, whatever the count is.
    told = st.query_params.get("pane", "build")
    if "alerts" not in st.session_state:
        st.session_state["alerts"] = told if told in _VIEWS else "build"
    chosen = st.segmented_control(
        "View",
        list(names),
        format_func=lambda name: names[name],
        key="alerts",
        required=True,
        persist_state="session",
        label_visibility="collapsed",
    )
    if chosen == "build":
        st.query_params.pop("pane", None)
    elif told != chosen:
        st.query_params["pane"] = str(chosen)
    return str(chosen)


def news() -> bool:
    """What has just happened: a line, toasts, and a tone where wanted. Whether there was a line."""
    alerts_session.say_news()
    said = st.session_state.pop("alerts_said", None)
    if said:
        st.success(wording.markdown(str(said)), icon=":material/check_circle:")
    return bool(said)


def built(near: Around, channels: tuple[str, ...]) -> Rule | None:
    """The rule of the sentence; where that cannot be, the sentence why and the last rule that could."""
    alerts_builder.draw(near, channels)
    rule, problem = alerts_builder.read()
    if rule is None:
        st.error(wording.markdown(problem), icon=":material/error:")
        rule = last_rule()
        if rule is not None:
            st.caption(
                ":material/history: Below is the last sentence that worked:"
                f" {wording.markdown(sentence(rule))}"
            )
        return rule
    st.session_state["alerts_last"] = rule
    alerts_builder.share(rule)
    if len(rule.when.parts) > 1:
        st.caption(wording.markdown(sentence(rule)))
    return rule


def last_rule() -> Rule | None:
    """The rule of the sentence, or the last one that it said."""
    rule, _ = alerts_builder.read()
    return rule or st.session_state.get("alerts_last")
