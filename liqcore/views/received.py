"""How much strangers may bring: Streamlit bounds a file, and neither their number nor what all of them hold.

Without a bound one visitor fills the memory of a hosted process in seconds, and all others lose their
sessions with it. `streamlit run app.py` goes without this.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

import streamlit as st
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.runtime import Runtime

from liqcore.service.app import hosted

MINE: Final = 240 << 20
ALL: Final = 480 << 20
_PATH: Final = re.compile(r"/_stcore/upload_file/([^/]+)/[^/]+/?")
_FULL: Final = (
    "This file is not taken: with it, the files {whose} would hold more memory than there is for them."
    " Remove some, or start the app on your own machine."
)


class Received:
    """ASGI middleware that takes a file only where there is room for it, counted before it is read."""

    # Whether this process has one, which pages tell those who bring files.
    stands = False

    def __init__(self, app: ASGIApp) -> None:
        Received.stands = True
        self.app = app
        # Bytes by session that are on their way.
        self._coming: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = _PATH.search(scope["path"]) if scope["type"] == "http" and scope["method"] == "PUT" else None
        if asked is None or not hosted():
            return await self.app(scope, receive, send)
        session, size, held = asked[1], _size(scope), _held()
        mine = held.get(session, 0) + self._coming[session] + size
        whole = sum(held.values()) + self._coming.total() + size
        if mine > MINE or whole > ALL:
            sentence = _FULL.format(whose="of this visit" if mine > MINE else "of all visitors")
            return await PlainTextResponse(sentence, 413)(scope, receive, send)
        self._coming[session] += size
        try:
            return await self.app(scope, receive, send)
        finally:
            self._coming[session] -= size
            # Names of sessions that are over are not kept.
            self._coming += Counter()


def _size(scope: Scope) -> int:
    """What a request says that it brings; the most that is taken where it does not say."""
    told = Headers(scope=scope).get("content-length", "")
    most = int(st.get_option("server.maxUploadSize")) << 20
    return min(int(told), most) if told.isascii() and told.isdigit() and len(told) < 20 else most


def _held() -> dict[str, int]:
    """Bytes of uploads by session."""
    if not Runtime.exists():
        return {}
    storage = getattr(Runtime.instance().uploaded_file_mgr, "file_storage", {})
    return {
        session: sum(len(one.data) for one in list(files.values()))
        for session, files in list(storage.items())
    }
