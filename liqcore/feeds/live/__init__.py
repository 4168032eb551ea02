"""Liquidations as they happen: sockets, store, collector and the window that is drawn."""

from liqcore.extras import need

need("live")
