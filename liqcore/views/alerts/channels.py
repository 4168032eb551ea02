"""Channels: where alerts go. Addresses are typed into a password field, kept in this session only, and shown
nowhere."""

from __future__ import annotations

import time
from typing import Any, Final

import pandas as pd
import streamlit as st

from liqcore import wording
from liqcore.alerts.alert import Alert
from liqcore.alerts.channels import Channel, ChannelError, QuietHours, Secret
from liqcore.alerts.guesses import UNNAMED, Guesses, same
from liqcore.views import owner
from liqcore.views.alerts import session as alerts_session, webhook as alerts_webhook

_ZONES: Final = (
    "UTC",
    "Europe/London",
    "Europe/Berlin",
    "America/New_York",
    "America/Los_Angeles",
    "Asia/Singapore",
    "Asia/Tokyo",
    "Australia/Sydney",
)
# Wrong passphrases a minute: of one network, and of all that never sent the right one.
_MOST_TRIES, _MOST_OF_ALL = 5, 60


def draw() -> None:
    """The page's own signals, the channels, a way to add one, and what could not be delivered."""
    alerts_session.collect()
    st.subheader("On this page")
    st.toggle(
        "Play a tone with new alerts",
        key="alerts_sound",
        persist_state="session",
        help="Browsers allow sound only after you have clicked somewhere on the page.",
    )
    st.caption(
        "Alerts told by toast pop up here; how many are open stands in the navigation and in the browser's"
        " tab."
    )
    st.subheader("Beyond this page")
    hosted = owner.hosted()
    if not owner.here():
        _unlock()
        return
    sender, problems = alerts_session.notifier()
    for sentence in problems:
        st.warning(wording.markdown(sentence), icon=":material/warning:")
    if not sender.channels:
        st.caption("No channel yet." if not hosted else "The owner's secrets hold no channel.")
    for channel in sender.channels:
        _row(channel, removable=not hosted)
    if not hosted:
        _add()
    _letters()
    alerts_webhook.draw()


def _unlock() -> None:
    """On a hosted app only its owner reaches channels: a passphrase from the secrets opens them for this
    session."""
    st.markdown(
        "This app is hosted for many people, so channels come from its owner's secrets only. You get toasts"
        " here, and the inbox."
    )
    phrase = alerts_session.secrets().get("passphrase")
    if not isinstance(phrase, str) or not phrase:
        return
    tries, caller = _guesses(), st.context.ip_address or UNNAMED
    with st.form("al_unlock", clear_on_submit=True, border=False, width=420):
        given = st.text_input("Owner's passphrase", type="password", autocomplete="off", key="al_phrase")
        # Never greyed out: nothing draws this page anew when the minute is over.
        pressed = st.form_submit_button("Unlock channels", icon=":material/lock_open:")
        if pressed and tries.begin(caller, now := time.monotonic()):
            if same(str(given or ""), phrase):
                tries.take_back(caller, now, right=True)
                owner.unlock()
                st.rerun()
            st.error("That is not the passphrase.", icon=":material/lock:")
    if tries.spent(caller, time.monotonic()):
        st.caption(
            f"Too many wrong passphrases came within {wording.duration(tries.seconds)}, so the app takes none"
            " for a while. Try again in a minute."
        )


# One count for all visitors: a new session would be a new start.
@st.cache_resource(show_spinner=False)
def _guesses() -> Guesses:
    return Guesses(_MOST_TRIES, 60.0, of_all=_MOST_OF_ALL)


def _row(channel: Channel, removable: bool) -> None:
    quiet = (
        f" · quiet from {channel.quiet.begin} to {channel.quiet.end} {channel.quiet.zone}"
        if channel.quiet
        else ""
    )
    limit = (
        f"at most {channel.limit} messages in {channel.per_minutes:g}"
        f" min{', joined' if channel.digest else ''}"
    )
    with st.container(border=True, gap="small"):
        st.markdown(f"**{wording.name(channel.name)}**  \n{channel.scheme}://{channel.url} · {limit}{quiet}")
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            test = st.button("Send a test", icon=":material/send:", key=f"al_test_{channel.name}")
            if removable:
                st.button(
                    "Forget",
                    icon=":material/delete:",
                    key=f"al_forget_{channel.name}",
                    type="tertiary",
                    on_click=_forget,
                    args=(channel.name,),
                )
        if test:
            _test(channel)


def _forget(name: str) -> None:
    alerts_session.notifier()[0].remove(name)


def _test(channel: Channel) -> None:
    with st.spinner(f"Sending to {channel.name}"):
        done = alerts_session.send([test_alert(channel.name, alerts_session.now())], wait=12.0)
    if done.sent.get(channel.name):
        st.success("Sent. Look whether it has arrived.", icon=":material/mark_email_read:")
    elif done.failed.get(channel.name):
        st.error("It could not be delivered; why stands below.", icon=":material/error:")
    else:
        st.info(
            "It waits: the channel is slow, quiet or at its limit. If it fails, it appears below.",
            icon=":material/hourglass_top:",
        )


def test_alert(channel: str, now: pd.Timestamp) -> Alert:
    """A message that nobody takes for a real alert."""
    return Alert(
        id=f"test-{now.isoformat()}",
        rule="test",
        name="Heatlab test",
        time=wording.iso(now),
        sentence="This is a test: alerts of your rules arrive here.",
        what="test",
        side="both",
        level=None,
        price=None,
        usd=0.0,
        before=None,
        after=None,
        unit="",
        cluster=None,
        venues=(),
        completeness="unknown",
        stale=(),
        data_age=None,
        kind="realised",
        kind_note="No market data is behind it.",
        agreement="cannot say",
        against=(),
        explore=(),
        tell=(channel,),
    )


def _add() -> None:
    with st.expander(
        "Add a channel", icon=":material/add_alert:", expanded=not alerts_session.notifier()[0].channels
    ):
        st.caption(
            "The address in [Apprise's notation](https://appriseit.com/services/): Telegram `tgram://`,"
            " Discord `discord://`, Slack `slack://`, e-mail `mailto://`, ntfy `ntfys://`, a webhook"
            " `jsons://`. It stays in this session, is shown nowhere, and is never part of a link or a file."
        )
        with st.form("al_channel", clear_on_submit=False, border=False):
            with st.grid(2, min_column_width=260, gap="small"):
                name = st.text_input("Name", key="al_channel_name", placeholder="phone", max_chars=40)
                url = st.text_input(
                    "Address",
                    key="al_channel_url",
                    type="password",
                    placeholder="ntfys://…",
                    autocomplete="off",
                )
            with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
                limit = st.number_input(
                    "At most, messages an hour", 1, 1_000, 20, key="al_channel_limit", width=190
                )
                begin = st.text_input("Quiet from", key="al_channel_from", placeholder="22:00", width=110)
                end = st.text_input("to", key="al_channel_to", placeholder="07:00", width=110)
                zone = st.selectbox(
                    "Time zone", _ZONES, key="al_channel_zone", accept_new_options=True, width=190
                )
                digest = st.toggle(
                    "Join what waits",
                    key="al_channel_digest",
                    help="Always one message for all that is waiting.",
                )
            if st.form_submit_button("Add", icon=":material/add:", type="primary"):
                _try_to_add(
                    str(name or "").strip(),
                    str(url or "").strip(),
                    int(limit),
                    str(begin or "").strip(),
                    str(end or "").strip(),
                    str(zone or "UTC"),
                    bool(digest),
                )


def _try_to_add(name: str, url: str, limit: int, begin: str, end: str, zone: str, digest: bool) -> None:
    try:
        quiet = QuietHours(begin, end, zone) if begin or end else None
        alerts_session.add_channel(Channel(name, Secret(url), quiet, limit, 60.0, digest))
    except ChannelError as problem:
        st.error(wording.markdown(str(problem)), icon=":material/error:")
        return
    # The address leaves the form with the run that took it.
    for key in ("al_channel_name", "al_channel_url"):
        st.session_state.pop(key, None)
    st.session_state["alerts_said"] = f"The channel '{name}' is ready. Rules can tell by it now."
    st.rerun()


def _letters() -> None:
    """What could not be delivered, and another try."""
    letters = alerts_session.desk().letters
    if not letters:
        return
    st.subheader("Not delivered")
    st.dataframe(
        pd.DataFrame(
            {
                "Time (UTC)": [pd.Timestamp(one.time) for one in letters],
                "Channel": [one.channel for one in letters],
                "Alert": [one.alert.name for one in letters],
                "Attempts": [one.attempts for one in letters],
                "Why": [one.reason for one in letters],
            }
        ).iloc[::-1],
        hide_index=True,
        width="stretch",
        column_config=_COLUMNS,
        placeholder=wording.NOTHING,
    )
    if st.button(f"Try {'all ' if len(letters) > 1 else ''}again", icon=":material/replay:", key="al_retry"):
        with st.spinner("Sending"):
            done = alerts_session.retry()
        st.session_state["alerts_said"] = (
            f"{sum(done.sent.values()):,} sent, {sum(done.failed.values()):,} failed again,"
            f" {sum(done.waiting.values()):,} waiting."
        )
        st.rerun()


_COLUMNS: Final[dict[str, Any]] = {"Time (UTC)": st.column_config.DatetimeColumn(format="MMM DD, HH:mm")}
