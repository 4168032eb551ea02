"""The running app without a screen."""

from liqcore.extras import need

need("live")
