"""Delivery of alerts: each channel on its own thread, with limits, quiet hours, retries, and a list of what
failed."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Final

from liqcore import clocks, wording
from liqcore.alerts.addresses import Resolver, public_only, short_answers, system_resolver
from liqcore.alerts.alert import Alert
from liqcore.alerts.channels import HOSTED_SCHEMES, Channel, ChannelError, Hush, check_address, masked
from liqcore.extras import need

_MOST_WAITING: Final = 1_000
_MOST_DEAD: Final = 500
_DIGEST_LINES: Final = 30


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True)
class DeadLetter:
    """An alert that could not be delivered: where to, since when, after how many attempts and why
    (masked)."""

    channel: str
    alert: Alert
    time: dt.datetime
    attempts: int
    reason: str


@dataclass(frozen=True)
class Delivery:
    """What a call brought, by name of channel: `sent` alerts, `waiting` ones (quiet, limited or being sent),
    `failed` ones."""

    sent: dict[str, int]
    waiting: dict[str, int]
    failed: dict[str, int]


@dataclass
class _Box:
    """One channel's queue; `busy` while a thread works on it."""

    channel: Channel
    waiting: deque[Alert] = field(default_factory=deque)
    under_way: list[Alert] = field(default_factory=list)
    times: deque[float] = field(default_factory=deque)
    busy: bool = False
    sent: int = 0
    failed: int = 0
    done: threading.Event = field(default_factory=threading.Event)


class Notifier:
    """Sends alerts to channels; the only part of the alerts that talks to the network.

    Parameters
    ----------
    channels : their names must differ. hosted : refuse private, loopback and link-local addresses, also
        behind redirects and names that resolve there, and services that are not on the network.
    relays : private addresses of the owner's own that may be used all the same when hosted.
    attempts, back_off : tries of a message, and seconds before the second one, doubled each time.
    clock, sleep, resolve : for tests; by default the real ones.

    Raises
    ------
    ChannelError
        Two channels of one name, or an address that is of no known service or not allowed when hosted.
    """

    def __init__(
        self,
        channels: Iterable[Channel],
        *,
        hosted: bool = False,
        attempts: int = 4,
        back_off: float = 2.0,
        clock: Callable[[], dt.datetime] = _utc_now,
        sleep: Callable[[float], None] = time.sleep,
        resolve: Resolver = system_resolver,
        relays: Collection[str] = (),
    ) -> None:
        self._boxes: dict[str, _Box] = {}
        self._hosted, self._attempts, self._back_off = hosted, max(int(attempts), 1), back_off
        # Limits are counted by a clock that nobody sets: else a channel is silent until the old time is back.
        self._steady = clocks.steady if clock is _utc_now else lambda: clock().timestamp()
        self._clock, self._sleep, self._resolve, self._relays = clock, sleep, resolve, tuple(relays)
        self._lock = threading.Lock()
        self._dead: deque[DeadLetter] = deque(maxlen=_MOST_DEAD)
        for channel in channels:
            self.add(channel)

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels in the order they were added."""
        with self._lock:
            return tuple(box.channel for box in self._boxes.values())

    def add(self, channel: Channel) -> None:
        """One channel more, or ChannelError as for the constructor."""
        check_channel(channel, self._hosted)
        with self._lock:
            if channel.name in self._boxes:
                raise ChannelError(f"Two channels are called '{channel.name}'. Rename one of them.")
            self._boxes[channel.name] = _Box(channel)

    def remove(self, name: str) -> None:
        """Forget a channel and what waits for it; a message under way is not stopped."""
        with self._lock:
            self._boxes.pop(name, None)

    def pending(self) -> frozenset[tuple[str, str]]:
        """Channel and id of each alert that is neither sent nor given up: held back, or being tried. A new
        process has to send them."""
        with self._lock:
            return frozenset(
                (name, alert.id)
                for name, box in self._boxes.items()
                for alert in (*box.under_way, *box.waiting)
            )

    @property
    def dead_letters(self) -> tuple[DeadLetter, ...]:
        """What could not be delivered, oldest first; at most 500."""
        with self._lock:
            return tuple(self._dead)

    def take_dead_letters(self) -> tuple[DeadLetter, ...]:
        """The dead letters, taken off the list: for a desk that keeps them."""
        with self._lock:
            dead, self._dead = tuple(self._dead), deque(maxlen=_MOST_DEAD)
            return dead

    def deliver(self, alerts: Sequence[Alert] = (), wait: float = 15.0) -> Delivery:
        """Queue alerts for the channels that they name, and send what may be sent now.

        Call it without alerts, too, every minute or so: that sends what quiet hours and limits held back. It
        returns after `wait` seconds at the latest; a channel that hangs goes on by itself and holds up no
        other. Names that are no channel here (such as `toast`) are left to others.
        """
        with self._lock:
            boxes = dict(self._boxes)
            before = {name: (box.sent, box.failed) for name, box in boxes.items()}
            for name, box in boxes.items():
                for alert in alerts:
                    if name in alert.tell:
                        self._queue(box, alert)
                if box.waiting and not box.busy:
                    box.busy = True
                    box.done.clear()
                    threading.Thread(
                        target=self._work, args=(box,), name=f"alerts to {name}", daemon=True
                    ).start()
        end = time.monotonic() + wait
        for box in boxes.values():
            if box.busy:
                box.done.wait(max(end - time.monotonic(), 0.0))
        with self._lock:
            return Delivery(
                {name: box.sent - before[name][0] for name, box in boxes.items()},
                {name: len(box.waiting) for name, box in boxes.items()},
                {name: box.failed - before[name][1] for name, box in boxes.items()},
            )

    def retry(self) -> Delivery:
        """Take everything off the dead-letter list and try again."""
        with self._lock:
            dead, self._dead = list(self._dead), deque(maxlen=_MOST_DEAD)
            for letter in dead:
                if (box := self._boxes.get(letter.channel)) is not None:
                    self._queue(box, letter.alert)
        return self.deliver()

    def _queue(self, box: _Box, alert: Alert) -> None:
        if len(box.waiting) >= _MOST_WAITING:
            self._bury(
                box,
                box.waiting.popleft(),
                0,
                f"More than {_MOST_WAITING:,} alerts were waiting for this channel.",
            )
        box.waiting.append(alert)

    def _bury(self, box: _Box, alert: Alert, attempts: int, reason: str) -> None:
        """Give an alert up; `reason` is a sentence of ours, or masked."""
        box.failed += 1
        self._dead.append(DeadLetter(box.channel.name, alert, self._clock(), attempts, reason))

    def _work(self, box: _Box) -> None:
        """Send what may be sent, message by message, until nothing may."""
        try:
            while batch := self._take(box):
                reason, attempts = self._try(box.channel, batch)
                with self._lock:
                    for alert in batch:
                        if reason is None:
                            box.sent += 1
                        else:
                            self._bury(box, alert, attempts, reason)
                    box.under_way = []
        finally:
            with self._lock:
                box.under_way, box.busy = [], False
                box.done.set()

    def _take(self, box: _Box) -> list[Alert]:
        """The alerts of the next message; empty where nothing may be sent now. A digest where several have to
        share one."""
        channel, now, mark = box.channel, self._clock(), self._steady()
        with self._lock:
            while box.times and mark - box.times[0] >= 60 * channel.per_minutes:
                box.times.popleft()
            left = channel.limit - len(box.times)
            if not box.waiting or left <= 0 or (channel.quiet is not None and channel.quiet.holds(now)):
                return []
            count = len(box.waiting) if channel.digest or left == 1 or len(box.waiting) > left else 1
            box.times.append(mark)
            box.under_way = [box.waiting.popleft() for _ in range(count)]
            return box.under_way

    def _try(self, channel: Channel, batch: Sequence[Alert]) -> tuple[str | None, int]:
        """Reason of the failure, None for success; and the attempts it took."""
        title, body = message(batch)
        reason: str | None = ""
        for attempt in range(1, self._attempts + 1):
            reason, final = self._send(channel, title, body)
            if reason is None or final:
                return reason, attempt
            if attempt < self._attempts:
                self._sleep(self._back_off * 2 ** (attempt - 1))
        return reason, self._attempts

    def _send(self, channel: Channel, title: str, body: str) -> tuple[str | None, bool]:
        """One attempt: reason of the failure or None, and whether it makes no sense to try again."""
        refused: list[str] = []
        with (
            Hush() as said,
            short_answers(),
            public_only(self._resolve, self._relays) if self._hosted else nullcontext(refused) as refused,
        ):
            try:
                plugin = _plugin(channel)
                sent = bool(plugin is not None and plugin.notify(body=body, title=title))  # type: ignore[attr-defined]
            # A service's plugin may fail in any way; one channel must not take the others with it.
            except Exception as problem:
                sent = False
                said.append(f"{type(problem).__name__}: {problem}")
        if refused:
            return (
                (
                    "The channel leads to an address inside the host's own network, which a hosted app does"
                    " not talk to."
                ),
                True,
            )
        return (
            (None, True)
            if sent
            else (masked(said[-1], channel)[:300] if said else "The service did not take the message.", False)
        )


def check_channel(channel: Channel, hosted: bool = False) -> None:
    """ChannelError where the address is of no known service, or of one that a hosted app must not use."""
    check_address(channel)
    with Hush():
        plugin = _plugin(channel)
        if hosted and not ({channel.scheme, *_protocols(channel, plugin)} & HOSTED_SCHEMES):
            raise ChannelError(
                f"The channel '{channel.name}' uses a service that a hosted app does not offer. Take"
                " Telegram, Discord, Slack, e-mail, ntfy or a webhook."
            )
        if plugin is None:
            raise ChannelError(
                f"The address of the channel '{channel.name}' is not one that Apprise knows. Check it against"
                " Apprise's list of services."
            )


def message(batch: Sequence[Alert]) -> tuple[str, str]:
    """Title and text of a message for one alert, or of a digest for several."""
    if len(batch) == 1:
        one = batch[0]
        lines = [
            one.sentence,
            f"{wording.when(one.time)}. {one.kind_note} Agreement of venues: {one.agreement}.",
        ]
        if one.venues:
            lines.append(
                f"Venues: {', '.join(wording.venue(name) for name, _ in one.venues)} ({one.completeness} of"
                " their liquidations)."
            )
        if one.against:
            lines.append("Against it: " + " ".join(one.against[:3]))
        return wording.letter(" ".join(one.name.split())), wording.letter("\n".join(lines))
    lines = [f"{one.time[11:16]} {one.name}: {one.sentence}" for one in batch[-_DIGEST_LINES:]]
    if len(batch) > _DIGEST_LINES:
        lines.insert(0, f"The latest {_DIGEST_LINES} of them (times in UTC):")
    return f"{len(batch):,} alerts", wording.letter("\n".join(lines))


def _protocols(channel: Channel, plugin: object | None) -> set[str]:
    """What Apprise calls the service behind an address as its own pages give it (https://discord.com/…)."""
    if channel.scheme != "https":
        return set()
    told = (getattr(plugin, name, None) for name in ("protocol", "secure_protocol"))
    return {word for one in told for word in ([one] if isinstance(one, str) else one or ())}


def _plugin(channel: Channel) -> object | None:
    need("live")
    # Apprise costs a good part of a second to load, and only those who send need it.
    import apprise

    try:
        return apprise.Apprise.instantiate(channel.url.reveal(), suppress_exceptions=True)
    except Exception:
        return None
