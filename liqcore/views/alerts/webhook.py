"""Signals from outside: the endpoint that server.py opens, the box it fills, and rules that wait for them on
the page."""

from __future__ import annotations

import os
from typing import Final

import streamlit as st

from liqcore import wording
from liqcore.alerts import desk as desks
from liqcore.alerts.channels import Secret
from liqcore.alerts.endpoint import LEAST_SECRET, Endpoint, SignalBox
from liqcore.alerts.observe import AlertData
from liqcore.alerts.webhook import EXAMPLE
from liqcore.views.alerts import live as alerts_live, session as alerts_session

PATH: Final = "/api/tradingview"
_VARIABLE: Final = "HEATLAB_WEBHOOK_SECRET"


@st.cache_resource(show_spinner=False)
def box() -> SignalBox:
    """The one box of this process: the server's thread fills it, every session reads it."""
    return SignalBox()


def endpoint() -> Endpoint:
    """The endpoint for server.py, with the owner's secret from the environment or the secrets file."""
    held = os.environ.get(_VARIABLE) or alerts_session.secrets().get("webhook_secret") or ""
    door = Endpoint(Secret(str(held)), lambda signal: box().put(signal))
    box().listening = door.open
    return door


def listen() -> None:
    """Judge what arrives while the page is open. On a hosted app signals are the owner's own."""
    if box().listening and (not alerts_session.hosted() or st.session_state.get("alerts_owner")):
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
        alerts_session.desk(), waiting, AlertData(external=box().table()), alerts_session.now()
    )
    alerts_session.put(held)
    if alerts:
        alerts_session.announce(alerts)
        alerts_session.send(alerts)
        st.rerun()


def draw() -> None:
    """How to make TradingView send here, and what came last."""
    st.subheader("From TradingView")
    if not box().listening:
        st.caption(
            f"A TradingView alert can be one of the conditions. Set {_VARIABLE} to a secret of at least"
            f" {LEAST_SECRET} characters and start the app with `streamlit run server.py` instead; a host"
            " that only runs a script goes without."
        )
        return
    st.markdown(
        f"Put this app's address with `{PATH}` behind it into the webhook field of the alert, and this into"
        " its message, with your secret:"
    )
    st.code(EXAMPLE, language="json", wrap_lines=True)
    last = box().last
    st.caption(
        "No signal has come yet."
        if last is None
        else (
            f"The last signal, {wording.markdown(last.name)}, came"
            f" {wording.age(last.time, alerts_session.now().tz_localize(None))} ago."
        )
    )
