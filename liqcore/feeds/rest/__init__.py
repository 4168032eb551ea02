"""REST answers from venues and aggregators: one polite session, cached and limited."""

from liqcore.extras import need

need("live")
