"""Answers for assistants over the Model Context Protocol."""

from liqcore.extras import need

need("mcp")
