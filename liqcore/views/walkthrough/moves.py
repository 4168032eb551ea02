"""The control of a step that the reader moves before answering, and what it says when it was moved."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd
import streamlit as st

from liqcore import wording
from liqcore.learn import moves
from liqcore.learn.moves import Moved
from liqcore.learn.scenarios import Scenario
from liqcore.learn.steps import StepView

_RELATIVE: Final = "By the map"


def control(chosen: Scenario, view: StepView) -> Moved | None:
    """Draw a step's control with its task; what the picture is after the move, None before one."""
    if view.move is None:
        return None
    st.markdown(f":material/touch_app: **Try it.** {wording.markdown(view.task)}")
    changed = _CONTROLS[view.move](chosen, view)
    if changed is not None:
        st.markdown(f":material/arrow_right_alt: {wording.markdown(changed.sentence)}")
    return changed


def lines(view: StepView) -> pd.DataFrame:
    """The step's lines; where the price is moved, with one to drag."""
    if view.move != "price":
        return view.levels
    price = float(st.session_state.get(_key(view), _last(view)))
    drag = pd.DataFrame([[price, "Drag the price", "price"]], columns=["price", "label", "drag"])
    return pd.concat([view.levels.assign(drag=""), drag], ignore_index=True)


def dragged(view: StepView, asked: dict[str, Any]) -> None:
    """Before the run that a dragged line starts: the slider goes where the line was let go."""
    if view.move == "price" and asked.get("what") == "price":
        low, high, notch = _prices(view)
        st.session_state[_key(view)] = min(max(round(float(asked["price"]) / notch) * notch, low), high)


def _key(view: StepView) -> str:
    return f"move-{view.name}-{view.number}"


def _last(view: StepView) -> float:
    return float(round(float(view.bars["close"].iloc[-1]) / 10) * 10)


def _prices(view: StepView) -> tuple[float, float, float]:
    """The lowest and the highest price of the slider, and its step, USD."""
    low, high = (float(edge) for edge in view.grid.price_edges[[0, -1]])
    return float(-(-low // 10) * 10), float(high // 10 * 10), 10.0


@st.cache_resource(max_entries=60, ttl="2h", show_spinner=False)
def _moved(_chosen: Scenario, name: str, number: int, kind: str, value: Any) -> Moved | None:
    made: dict[str, Any] = {
        "venue": moves.without,
        "time": moves.back,
        "scale": moves.pinned,
        "price": moves.priced,
    }
    moved: Moved | None = made[kind](_chosen, number, value)
    return moved


def _ask(chosen: Scenario, view: StepView, value: Any) -> Moved | None:
    return _moved(chosen, chosen.name, view.number, str(view.move), value)


def _venue(chosen: Scenario, view: StepView) -> Moved | None:
    left = st.pills(
        "Venues",
        view.venues,
        selection_mode="multi",
        default=view.venues,
        key=_key(view),
        persist_state="session",
        label_visibility="collapsed",
    )
    off = tuple(venue for venue in view.venues if venue not in (left or ()))
    if not off:
        return None
    if (moved := _ask(chosen, view, off)) is None:
        st.caption("No venue is left, so this is the map of all. Turn one on again.")
    return moved


def _time(chosen: Scenario, view: StepView) -> Moved | None:
    bars = int(
        st.slider(
            "Bars back",
            0,
            moves.most_bars_back(chosen, view.number),
            0,
            key=_key(view),
            persist_state="session",
        )
    )
    return _ask(chosen, view, bars) if bars else None


def _scale(chosen: Scenario, view: StepView) -> Moved | None:
    names = {_RELATIVE: None, **{wording.usd(top): top for top in moves.SCALES}}
    name = st.select_slider(
        "Strongest colour", list(names), format_func=wording.markdown, key=_key(view), persist_state="session"
    )
    top = names[str(name)]
    return None if top is None else _ask(chosen, view, top)


def _price(chosen: Scenario, view: StepView) -> Moved | None:
    low, high, notch = _prices(view)
    price = float(
        st.slider(
            "Price, USD", low, high, _last(view), notch, format="%d", key=_key(view), persist_state="session"
        )
    )
    return _ask(chosen, view, price) if price != _last(view) else None


_CONTROLS: Final = {"venue": _venue, "time": _time, "scale": _scale, "price": _price}
