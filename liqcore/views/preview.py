"""What a pasted link shows elsewhere: title, sentence and picture in the head of Streamlit's own page.

Streamlit serves one page for every address, whose title is its own. Those who show a link run no script, so
the tags are put in on the way out. `streamlit run app.py`, and hosts that run it so, serve the page as it is.
"""

from __future__ import annotations

import re
from html import escape
from importlib.resources import files
from typing import Final

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import FileResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PICTURE: Final = "preview.jpg"
_SIZE: Final = (1280, 640)
_SHOWS: Final = "A heatmap of where leveraged BTC positions would be closed, with the price over it"
_TITLE: Final = b"<title>Streamlit</title>"
# A name or number as a browser sends it; anything else is not written into a page.
_HOST: Final = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:\d{1,5})?")
# The page is changed, so it must come whole, plain and anew.
_NOT_ASKED: Final = (b"accept-encoding", b"if-none-match", b"if-modified-since", b"range")


class Preview:
    """ASGI middleware around the app."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = _asked(scope)
        if name == PICTURE:
            picture = FileResponse(
                str(files("liqcore.charts") / "assets" / PICTURE), headers={"Cache-Control": "max-age=86400"}
            )
            return await picture(scope, receive, send)
        tags = None if name is None else tags_of(name, _origin(scope))
        if tags is None:
            return await self.app(scope, receive, send)
        asked = [(key, value) for key, value in scope["headers"] if key.lower() not in _NOT_ASKED]
        held: list[Message] = []

        async def changed(message: Message) -> None:
            held.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                for part in _with_tags(held, tags):
                    await send(part)

        return await self.app({**scope, "headers": asked}, receive, changed)


def tags_of(name: str, origin: str | None) -> str | None:
    """The head of a page by its name, empty for the first; None where there is no such page."""
    from liqcore.views.shell import PAGES

    page = next((one for one in PAGES if one.name == name), PAGES[0] if not name else None)
    if page is None:
        return None
    title = "Heatlab · BTC liquidation heatmaps" if page is PAGES[0] else f"{page.title} · Heatlab"
    told = {
        "og:type": "website",
        "og:site_name": "Heatlab",
        "og:title": title,
        "og:description": page.help,
        "twitter:card": "summary_large_image",
    }
    if origin is not None:
        told |= {
            "og:url": f"{origin}/{name}",
            "og:image": f"{origin}/{PICTURE}",
            "og:image:width": str(_SIZE[0]),
            "og:image:height": str(_SIZE[1]),
            "og:image:alt": _SHOWS,
        }
    lines = [f"<title>{escape(title)}</title>", f'<meta name="description" content="{escape(page.help)}">']
    lines += [f'<meta property="{key}" content="{escape(value)}">' for key, value in told.items()]
    return "\n    ".join(lines)


def _asked(scope: Scope) -> str | None:
    """What a request asks for within the app: a page's name, or the picture's; None for all else."""
    if scope["type"] != "http" or scope["method"] != "GET":
        return None
    base = f"/{_base()}".rstrip("/")
    path: str = scope["path"]
    name = path.removeprefix(base).strip("/") if path.startswith(base) and not path.startswith("//") else None
    return None if name is None or "/" in name or (name and not re.fullmatch(r"[a-z.]+", name)) else name


def _base() -> str:
    return str(st.get_option("server.baseUrlPath") or "").strip("/")


def _origin(scope: Scope) -> str | None:
    """Scheme, host and path of the app as the asker knows them; None where the host is no host."""
    headers = Headers(scope=scope)
    host, scheme = headers.get("host", ""), headers.get("x-forwarded-proto", scope["scheme"])
    if not _HOST.fullmatch(host) or scheme not in ("http", "https"):
        return None
    return f"{scheme}://{host}/{_base()}".rstrip("/")


def _with_tags(held: list[Message], tags: str) -> list[Message]:
    start, body = held[0], b"".join(part.get("body", b"") for part in held[1:])
    headers = MutableHeaders(raw=list(start["headers"]))
    if start["status"] != 200 or not headers.get("content-type", "").startswith("text/html"):
        return held
    body = body.replace(_TITLE, tags.encode(), 1)
    for gone in ("etag", "last-modified"):
        if gone in headers:
            del headers[gone]
    headers["content-length"] = str(len(body))
    return [{**start, "headers": headers.raw}, {"type": "http.response.body", "body": body}]
