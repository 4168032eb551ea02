"""Signals from outside: what came through the webhook, and rules that wait for it on the page."""

from __future__ import annotations

import streamlit as st

from liqcore import wording
from liqcore.alerts import desk as desks
from liqcore.alerts.endpoint import LEAST_SECRET
from liqcore.alerts.inputs import AlertData
from liqcore.alerts.webhook import EXAMPLE
from liqcore.service.app import WEBHOOK_PATH, WEBHOOK_SECRET
from liqcore.views import market as live_market, owner
from liqcore.views.alerts import live as alerts_live, session as alerts_session


def listen() -> None:
    """Judge what arrives while the page is open. On a hosted app signals are the owner's own."""
    if live_market.app().box.listening and owner.here():
        _listen()


@st.fragment(run_every="5s")
def _listen() -> None:
    # What watches live is judged by the collector, and told from there.
    live = alerts_live.watched()
    waiting = [
        rule
        for rule in alerts_session.rules()
        if rule.enabled
        and rule.id not in live
        and any(part.kind == "external" for part in rule.when.conditions)
    ]
    if not waiting:
        return
    held, alerts = desks.advance(
        alerts_session.desk(),
        waiting,
        AlertData(external=live_market.app().box.table()),
        alerts_session.now(),
    )
    alerts_session.put(held)
    if alerts:
        alerts_session.announce(alerts)
        alerts_session.send(alerts)
        st.rerun()


def draw() -> None:
    """How to make TradingView send here, and what came last."""
    st.subheader("From TradingView")
    if not live_market.app().box.listening:
        st.caption(
            f"A TradingView alert can be one of the conditions. Set {WEBHOOK_SECRET} to a secret of at least"
            f" {LEAST_SECRET} characters and start the app with `make run` or `streamlit run server.py`; a"
            " host that only runs a script goes without."
        )
        return
    st.markdown(
        f"Put this app's address with `{WEBHOOK_PATH}` behind it into the webhook field of the alert, and"
        " this into its message, with your secret:"
    )
    st.code(EXAMPLE, language="json", wrap_lines=True)
    st.caption(
        "`side` may be buy, sell, long, short or flat, or be left out, as `price` and `text` may. Other"
        " fields, such as `{{timenow}}`, are taken and not used: the time of arrival counts. The same message"
        " within a second is told once."
    )
    last = live_market.app().box.last
    st.caption(
        "No signal has come yet."
        if last is None
        else (
            f"The last signal, {wording.name(last.name)}, came"
            f" {wording.age(last.time, alerts_session.now().tz_localize(None))} ago."
        )
    )
