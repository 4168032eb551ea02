"""Liquidations as they happen, from many venues at once."""

from liqcore.views import shell

shell.require_frame()

from liqcore.views import controls
from liqcore.views.live import page as live_page
from liqcore.views.measured import panels as measured_panels

bar = controls.toolbar(5)
market = live_page.source(bar)
view, pace = live_page.view(market, bar)
with bar.below:
    shell.asks("live")
    live_page.modelled(market, view)
    live_page.screen(market, view, pace)
measured_panels.beside(None, None, market.data())
live_page.explained(market)
