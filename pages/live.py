"""Liquidations as they happen, from many venues at once."""

from liqcore.views import shell

shell.require_frame()

from liqcore.views import controls
from liqcore.views.live import page as live_page

bar = controls.toolbar(6)
market = live_page.source(bar)
kind = live_page.kind(market, bar)
view, pace = live_page.view(market, bar)
with bar.below:
    if kind == "measured":
        live_page.measured(market, view)
    elif kind == "modelled":
        live_page.modelled(market, view)
    live_page.screen(market, view, pace, kind == "realised")
live_page.explained(market)
