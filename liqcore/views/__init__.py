"""The only package that knows Streamlit: a room a page, and the pieces that pages share."""

from liqcore.extras import need

need("app")
