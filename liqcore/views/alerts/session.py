"""What the alerts page holds for one visitor: rules, desk and channels. Nothing of it is in the address or in
a cache."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd
import streamlit as st

from liqcore import wording
from liqcore.alerts import desk as desks
from liqcore.alerts.alert import Alert
from liqcore.alerts.channels import Channel, ChannelError, channels_of
from liqcore.alerts.desk import Desk, Letter
from liqcore.alerts.notify import Delivery, Notifier
from liqcore.alerts.rules import Rule
from liqcore.service.app import with_environment
from liqcore.views import keys, owner

TOAST: Final = "toast"
MOST_KEPT: Final = 200
_RATE: Final = 22_050


def now() -> pd.Timestamp:
    """The moment of this run, UTC."""
    return pd.Timestamp.now(tz="UTC")


def desk() -> Desk:
    """This visitor's desk."""
    return st.session_state.get("alerts_desk", Desk())


def put(new: Desk) -> None:
    """Keep a desk, and the number that the navigation shows."""
    st.session_state["alerts_desk"] = new
    st.session_state["alerts_open"] = desks.waiting(new, now())


def rules() -> tuple[Rule, ...]:
    """The rules that this visitor keeps."""
    return st.session_state.get("alerts_rules", ())


def keep_rules(new: Iterable[Rule]) -> None:
    """Keep these rules instead."""
    st.session_state["alerts_rules"] = tuple(new)


def add_rules(new: Iterable[Rule]) -> int:
    """Keep rules besides those that are kept already, as far as there is room; returns how many are new.

    An equal rule only takes the new name and channels.
    """
    held = {rule.id: rule for rule in rules()}
    before = len(held)
    for rule in new:
        if rule.id in held or len(held) < MOST_KEPT:
            held[rule.id] = rule
    keep_rules(held.values())
    return len(held) - before


def secrets() -> dict[str, Any]:
    """The table `alerts` of the owner's secrets, with what the environment adds."""
    return with_environment(keys.alerts())


@st.cache_resource(show_spinner=False)
def _owners_notifier() -> tuple[Notifier, tuple[str, ...]]:
    # One for all sessions of a hosted app, so that its limits hold for all of them together.
    return _filled(Notifier((), hosted=True))


def _filled(notifier: Notifier) -> tuple[Notifier, tuple[str, ...]]:
    found, problems = channels_of(secrets()["channels"])
    refused = []
    for channel in found:
        try:
            notifier.add(channel)
        except ChannelError as problem:
            refused.append(str(problem))
    return notifier, (*problems, *refused)


def notifier() -> tuple[Notifier, tuple[str, ...]]:
    """Who sends for this visitor, and what is wrong with channels of the secrets. Hosted: nobody until the
    owner has unlocked."""
    if owner.hosted():
        return _owners_notifier() if owner.here() else (Notifier((), hosted=True), ())
    if "alerts_notifier" not in st.session_state:
        st.session_state["alerts_notifier"] = _filled(Notifier((), attempts=2, back_off=1.0))
    return st.session_state["alerts_notifier"]


def channel_names() -> tuple[str, ...]:
    """What a rule can tell by: the page itself, and this visitor's channels."""
    return (TOAST, *(channel.name for channel in notifier()[0].channels))


def add_channel(channel: Channel) -> None:
    """One channel more for this session; ChannelError where it cannot work or the app is hosted."""
    if owner.hosted():
        raise ChannelError("A hosted app takes channels from its owner's secrets only.")
    if channel.name == TOAST:
        raise ChannelError("'toast' is the page itself. Give the channel another name.")
    notifier()[0].add(channel)


def send(alerts: Iterable[Alert], wait: float = 4.0) -> Delivery:
    """Hand alerts to their channels; what fails is on the desk's list afterwards."""
    sender, _ = notifier()
    done = sender.deliver(list(alerts), wait)
    collect()
    return done


def collect() -> None:
    """Take what channels could not deliver onto the desk; a slow channel may have given up only now."""
    found = notifier()[0].take_dead_letters()
    if found:
        put(
            desks.bury(
                desk(),
                [
                    Letter(one.channel, one.alert, wording.iso(one.time), one.attempts, one.reason)
                    for one in found
                ],
            )
        )


def retry() -> Delivery:
    """Try all dead letters again, each with the channel that failed."""
    cleared, letters = desks.exhume(desk())
    put(cleared)
    return send([replace(one.alert, tell=(one.channel,)) for one in letters])


def announce(alerts: Iterable[Alert]) -> None:
    """Remember what to say on the next run: the page is drawn anew so that navigation and title count it."""
    st.session_state["alerts_news"] = [*st.session_state.get("alerts_news", []), *alerts]


def say_news() -> None:
    """A toast, and a tone where wanted, for what has come in since the last run."""
    news = st.session_state.pop("alerts_news", [])
    shown = [alert for alert in news if TOAST in alert.tell]
    if shown:
        # One toast: several would cover a phone's screen.
        more = f" And {len(shown) - 1:,} more, in the inbox." if len(shown) > 1 else ""
        st.toast(
            f"**{wording.name(shown[-1].name)}.** {wording.markdown(shown[-1].sentence)}{more}",
            icon=":material/notifications_active:",
        )
    if news and st.session_state.get("alerts_sound"):
        st.audio(tone(), sample_rate=_RATE, autoplay=True, width=200)


def tone() -> np.ndarray:
    """Two short notes, (samples,) in −1 to 1, that fade in and out so that they do not click."""
    time = np.arange(int(0.14 * _RATE)) / _RATE
    fade = np.minimum(1, np.minimum(time, time[-1] - time) / 0.02)
    return np.concatenate([0.25 * fade * np.sin(2 * np.pi * pitch * time) for pitch in (660.0, 880.0)])
