"""The webhook's door: a small ASGI endpoint that takes TradingView's messages, and the box in which they
wait.

No framework: any ASGI server can put it under a path, and what it says does not depend on one.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd

from liqcore.alerts.channels import Secret
from liqcore.alerts.guesses import Guesses
from liqcore.alerts.webhook import (
    EXAMPLE,
    MAX_BYTES,
    ExternalSignal,
    WebhookError,
    external_table,
    parse_tradingview,
)

Message = MutableMapping[str, Any]
LEAST_SECRET: Final = 16
MOST_WAITING: Final = 1_000
# TradingView gives up after three seconds; the answer must have left before.
PATIENCE: Final = 2.5
SAME_WITHIN: Final = np.timedelta64(1, "s")
# Wrong secrets from one network before it must wait, for how many seconds, and from all strange ones
# together: a proxy that passes forged addresses on makes many of one.
MOST_WRONG, WRONG_FOR, MOST_OF_ALL = 10, 60.0, 600
_TYPES: Final = ("application/json", "text/plain", "text/json", "")


class SignalBox:
    """Signals that have arrived, for all threads of a process; the oldest of more than 1,000 go.

    `written` are those that this process and others have written down, in order, or None where they are the
    same as when it was asked last; `keep` writes one down, and says whether it could.
    """

    def __init__(
        self,
        written: Callable[[], Iterable[ExternalSignal] | None] = lambda: None,
        keep: Callable[[ExternalSignal], bool] = lambda signal: False,
    ) -> None:
        self._lock, self._written, self._keep = threading.Lock(), written, keep
        self._held: deque[ExternalSignal] = deque(maxlen=MOST_WAITING)
        # What could not be written stands in this process alone.
        self._own: deque[ExternalSignal] = deque(maxlen=MOST_WAITING)
        self.listening = False

    def put(self, signal: ExternalSignal) -> bool:
        """Keep a signal; False where the same came within the last second, as it does when a sender tries
        again: it is told once."""
        with self._lock:
            for one in reversed(self._all()):
                apart = signal.time - one.time
                if apart > SAME_WITHIN:
                    break
                # Those of a clock that was set back since lie ahead, and are others.
                if apart >= -SAME_WITHIN and replace(one, time=signal.time) == signal:
                    return False
            self._held.append(signal)
            if not self._keep(signal):
                self._own.append(signal)
            return True

    def _all(self) -> deque[ExternalSignal]:
        written = self._written()
        if written is not None:
            mixed = sorted([*written, *self._own], key=lambda one: one.time) if self._own else written
            self._held = deque(mixed, maxlen=MOST_WAITING)
        return self._held

    def table(self) -> pd.DataFrame:
        """All signals held, as the `external` table of `AlertData`."""
        with self._lock:
            held = list(self._all())
        return external_table(held)

    @property
    def last(self) -> ExternalSignal | None:
        """The signal that came last."""
        with self._lock:
            held = self._all()
            return held[-1] if held else None


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Endpoint:
    """`POST` of TradingView's JSON; every answer is one plain sentence, and none says more of the secret than
    that it is wrong.

    Parameters
    ----------
    secret : what the body must carry. One of under 16 characters could be guessed and keeps the door shut.
    put : takes each signal, from the server's thread.
    clock, patience : for tests; by default the real clock and 2.5 seconds for the whole request.
    """

    def __init__(
        self,
        secret: Secret,
        put: Callable[[ExternalSignal], object],
        *,
        clock: Callable[[], dt.datetime] = _utc_now,
        patience: float = PATIENCE,
    ) -> None:
        self._secret, self._put, self._clock, self._patience = secret, put, clock, patience
        self._wrong = Guesses(MOST_WRONG, WRONG_FOR, of_all=MOST_OF_ALL)

    @property
    def open(self) -> bool:
        """Whether it takes anything: with a secret that is long enough."""
        return len(self._secret.reveal()) >= LEAST_SECRET

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """One request, as ASGI calls it."""
        if scope["type"] != "http":
            return
        more: list[tuple[bytes, bytes]] = []
        try:
            async with asyncio.timeout(self._patience):
                status, said = await self._answer(scope, receive)
        except TimeoutError:
            status, said = 408, "The message took too long to arrive. Send it again."
        except WebhookError as problem:
            status, said = problem.status, str(problem)
        except ConnectionError:
            return
        if status == 429:
            more.append((b"retry-after", str(round(WRONG_FOR)).encode()))
        if status == 405:
            more.append((b"allow", b"POST"))
        if status in (408, 413):
            # What is still on its way is not read.
            more.append((b"connection", b"close"))
        body = (said + "\n").encode()
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            *more,
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _answer(
        self, scope: MutableMapping[str, Any], receive: Callable[[], Awaitable[Message]]
    ) -> tuple[int, str]:
        if not self.open:
            raise WebhookError(
                f"The webhook is switched off: its owner has set no secret of {LEAST_SECRET} characters or"
                " more.",
                503,
            )
        if scope["method"] != "POST":
            raise WebhookError(
                "This address takes TradingView's messages by POST. Put it into the alert's webhook field.",
                405,
            )
        headers = {name.lower(): value for name, value in scope["headers"]}
        kind = headers.get(b"content-type", b"").decode("latin1").split(";")[0].strip().lower()
        if kind not in _TYPES:
            raise WebhookError(
                f"The message must be JSON text. In TradingView's message box write: {EXAMPLE}", 415
            )
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length[:12]) > MAX_BYTES:
            raise _too_large()
        caller = str((scope.get("client") or ("",))[0])
        if self._wrong.spent(caller, self._clock().timestamp()):
            raise _too_many()
        body = await _body(receive)
        # Once more, now that nothing is waited for: many bodies held back at once are no way around it.
        now = self._clock().timestamp()
        if not self._wrong.begin(caller, now):
            raise _too_many()
        try:
            signal = parse_tradingview(body, self._secret.reveal(), self._clock())
        except WebhookError as problem:
            if problem.status != 403:
                self._wrong.take_back(caller, now, right=problem.status == 422)
            raise
        self._wrong.take_back(caller, now, right=True)
        return 200, "Taken." if self._put(signal) is not False else "Taken before: the same came just now."


async def _body(receive: Callable[[], Awaitable[Message]]) -> bytes:
    """The body, read no further than the limit, whatever its length was said to be."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BYTES:
            raise _too_large()
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def _too_many() -> WebhookError:
    return WebhookError(
        "Too many messages with a wrong secret came from this address. Wait a minute, and copy the secret"
        " from the settings of this app.",
        429,
    )


def _too_large() -> WebhookError:
    return WebhookError(f"The message is larger than {MAX_BYTES // 1024} kB. Shorten it.", 413)
