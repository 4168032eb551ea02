"""The real market of the past: fetched once from venues and public archives, kept in monthly partitions."""

from liqcore.extras import need

need("live")
