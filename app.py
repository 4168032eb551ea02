"""Heatlab: page config, navigation and footer. Start it with `make run`."""

from liqcore.views import shell

shell.run()
