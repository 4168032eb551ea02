"""Rules that watch the map for you: built as a sentence, tested at once, told in an inbox and by channels."""

from liqcore import wording
from liqcore.views import shell

shell.require_frame()

import streamlit as st

from liqcore.views import loaders, panels
from liqcore.views.alerts import (
    builder as alerts_builder,
    channels as alerts_channels,
    inbox as alerts_inbox,
    live as alerts_live,
    page as alerts_page,
    rules as alerts_rules,
    session as alerts_session,
    trial as alerts_replay,
    webhook as alerts_webhook,
)

alerts_live.sync()
alerts_page.title()
st.markdown(
    "Look for a rule that tells early and is seldom wrong: say it as a sentence, and see what it would have"
    " told."
)

data = panels.attempt(loaders.pick)
for note in data.notes if data is not None else ():
    st.warning(wording.markdown(note), icon=":material/warning:")

near = None if data is None else alerts_builder.around(data)
if near is not None:
    alerts_page.from_link(near)
view = alerts_page.view()
said = alerts_page.news()
alerts_live.listen()
alerts_webhook.listen()

if view == "inbox":
    alerts_inbox.draw(data, None if near is None else alerts_page.last_rule(), said)
elif view == "rules":
    alerts_rules.draw()
elif view == "channels":
    alerts_channels.draw()
elif data is None or near is None:
    loaders.bring("Add files with liquidations or candles, or choose the sample market above.")
else:
    rule = alerts_page.built(near, alerts_session.channel_names())
    if rule is None:
        shell.end_page()
    alerts_rules.keep_button(rule)
    st.subheader("What it would have told")
    how = alerts_replay.choices()
    told = panels.attempt(alerts_replay.tested, rule, data, how)
    if told is not None:
        alerts_replay.draw(rule, told, data, how)
