"""One visitor of a Streamlit app: speaks the browser's protocol, keeps the widgets a page shows, clicks them.

As the browser does it, a click sends the state of every widget, the page's address and, where the widget
lives in a fragment, that fragment alone; parts that refresh themselves are asked for at their own pace, and
messages that were sent once are named by their hash instead of sent again.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

# Widgets that choose what is seen; a click on one keeps the visitor on the page.
CLICKED = ("button_group", "selectbox", "checkbox", "slider")
_STOPPED_EARLY = 2  # ScriptFinishedStatus: the script was begun anew before its end


@dataclass
class Widget:
    """Something that can be clicked, and the fragment it lives in."""

    kind: str
    proto: object
    fragment: str


@dataclass
class Told:
    """What a visitor saw: seconds a click, by page; seconds a refresh, by page; faults; bytes received."""

    clicks: list[tuple[str, float]] = field(default_factory=list)
    refreshes: list[tuple[str, float]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    received: int = 0


class Visitor:
    """A session on `base`, for example `http://127.0.0.1:8501`."""

    def __init__(self, base: str, http: aiohttp.ClientSession, seed: int, told: Told) -> None:
        self.base, self.http, self.told = base, http, told
        self.chance = random.Random(seed)
        self.page = self.query = ""
        self.widgets: dict[str, Widget] = {}
        self.states: dict[str, WidgetState] = {}
        self.hashes: set[str] = set()
        self.paces: dict[str, float] = {}
        self._due: dict[str, float] = {}

    async def open(self) -> None:
        """Connect as a browser does."""
        self.socket = await self.http.ws_connect(
            self.base.replace("http", "ws", 1) + "/_stcore/stream",
            max_msg_size=0,
            protocols=("streamlit",),
            headers={"Origin": self.base},
        )

    async def visit(self, page: str, query: str = "") -> float | None:
        """Open a page by its name; its seconds, None where it failed."""
        self.widgets, self.states, self.paces, self._due = {}, {}, {}, {}
        self.page, self.query = page, query
        return await self._run("")

    async def click(self) -> float | None:
        """Click one widget of the page at random; its seconds, None where the page has none or failed."""
        names = [name for name, one in self.widgets.items() if self._choices(one)]
        if not names:
            return await self._run("")
        name = self.chance.choice(names)
        widget = self.widgets[name]
        self.states[name] = self.chance.choice(self._choices(widget))
        return await self._run(widget.fragment)

    async def wait(self, seconds: float) -> None:
        """Read for a while; parts that refresh themselves are asked for when they are due."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            due = min(self._due.values(), default=end)
            await asyncio.sleep(max(min(left, due - time.monotonic()), 0))
            for fragment in [name for name, when in self._due.items() if when <= time.monotonic()]:
                took = await self._run(fragment)
                if took is not None:
                    self.told.refreshes.append((self.page, took))
                if fragment in self.paces:
                    self._due[fragment] = time.monotonic() + self.paces[fragment]

    async def _run(self, fragment: str, patience: float = 60) -> float | None:
        ask = BackMsg()
        ask.rerun_script.page_name, ask.rerun_script.query_string = self.page, self.query
        ask.rerun_script.fragment_id = fragment
        ask.rerun_script.widget_states.widgets.extend(self.states.values())
        ask.rerun_script.cached_message_hashes.extend(self.hashes)
        begun = time.monotonic()
        await self.socket.send_bytes(ask.SerializeToString())
        while (left := patience - (time.monotonic() - begun)) > 0:
            try:
                message = await self.socket.receive(left)
            except TimeoutError:
                break
            if message.type != aiohttp.WSMsgType.BINARY:
                self.told.faults.append(f"{self.page}: the connection ended")
                return None
            self.told.received += len(message.data)
            told = ForwardMsg()
            told.ParseFromString(message.data)
            if self._ended(told):
                return time.monotonic() - begun
        self.told.faults.append(f"{self.page}: no answer in {patience:.0f} s")
        return None

    def _ended(self, told: ForwardMsg) -> bool:
        kind = told.WhichOneof("type")
        if told.metadata.cacheable and told.hash:
            self.hashes.add(told.hash)
        if kind == "delta" and told.delta.WhichOneof("type") == "new_element":
            self._see(told.delta.new_element, told.delta)
        elif kind == "page_info_changed":
            self.query = told.page_info_changed.query_string
        elif kind == "new_session" and not told.metadata.run.fragment_ids:
            # Everything is drawn anew, also where a part of the page asked for it.
            self.widgets, self.paces, self._due = {}, {}, {}
        elif kind == "auto_rerun":
            name, pace = told.auto_rerun.fragment_id, told.auto_rerun.interval
            self.paces[name] = pace
            self._due.setdefault(name, time.monotonic() + pace)
        elif kind == "stop_auto_rerun":
            self.paces.pop(told.stop_auto_rerun.fragment_id, None)
            self._due.pop(told.stop_auto_rerun.fragment_id, None)
        return kind == "script_finished" and told.script_finished != _STOPPED_EARLY

    def _see(self, element: Element, delta: Delta) -> None:
        kind = element.WhichOneof("type")
        if kind == "exception":
            self.told.faults.append(
                f"{self.page}: {element.exception.type} {element.exception.message[:120]}"
            )
        if kind not in CLICKED:
            return
        shown = getattr(element, kind)
        if not shown.disabled and not shown.form_id:
            self.widgets[shown.id] = Widget(kind, shown, delta.fragment_id)

    @staticmethod
    def _choices(widget: Widget) -> list[WidgetState]:
        return _CHOICES[widget.kind](widget.proto)


def _of_options(
    proto: object, put: Callable[[WidgetState, str], None], options: list[str]
) -> list[WidgetState]:
    made = []
    for option in options:
        state = WidgetState(id=proto.id)
        put(state, option)
        made.append(state)
    return made


def _into_array(state: WidgetState, option: str) -> None:
    state.string_array_value.data.append(option)


def _into_string(state: WidgetState, option: str) -> None:
    state.string_value = option


def _slider(proto: object) -> list[WidgetState]:
    # Number sliders only, at a tenth, a half and nine tenths: a slider of options sends its text.
    if proto.options or len(proto.default) != 1 or not proto.step:
        return []
    made = []
    for share in (0.1, 0.5, 0.9):
        steps = round(share * (proto.max - proto.min) / proto.step)
        state = WidgetState(id=proto.id)
        state.double_array_value.data.append(proto.min + steps * proto.step)
        made.append(state)
    return made


_CHOICES: dict[str, Callable[..., list[WidgetState]]] = {
    "button_group": lambda proto: _of_options(proto, _into_array, [one.content for one in proto.options]),
    "selectbox": lambda proto: _of_options(proto, _into_string, list(proto.options)),
    "checkbox": lambda proto: [WidgetState(id=proto.id, bool_value=value) for value in (False, True)],
    "slider": _slider,
}
