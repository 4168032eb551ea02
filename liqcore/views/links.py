"""Choices that are part of the address by a name that stays: rewording a label breaks no link."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import streamlit as st

from liqcore.charts.times import UTC, Clock

# What addresses said while they still held labels, by control. Links like that are about, and open for ever.
_ONCE: Final[Mapping[str, Mapping[str, str]]] = {
    "data": {
        "Sample: violent fortnight": "violent",
        "Sample: calm fortnight": "calm",
        "Live: what was collected": "store",
        "Your own files": "files",
    },
    "layer": {"Realised": "realised", "Modelled": "modelled"},
    "span": {"1 d": "24h", "All": "1y"},
    "side": {"Both": "both", "Longs": "long", "Shorts": "short", "Net": "net"},
    "price": {"Candles": "candles", "Line": "line", "None": "none"},
    "scale": {"Auto": "auto", "Log": "log", "Linear": "linear", "Percentile": "percentile"},
    "axes": {"Time →": "time-right", "Price →": "price-right"},
    "model": {"Flow identity": "flow-identity", "Textbook formula": "textbook"},
    "alertkind": {"Realised": "realised", "Modelled": "modelled"},
    "alertside": {"Longs": "long", "Shorts": "short", "Both": "both"},
    "livefrom": {"Live venues": "live", "Sample replay": "replay"},
    "livevenue": {"All exchanges": "all"},
    "view": {
        "Without a venue": "without",
        "Against another map": "file",
        "Against other figures": "figures",
        "Model against measured": "measured",
    },
}
# What the map itself reads from an address.
_LOOKS: Final[Mapping[str, frozenset[str]]] = {
    "side": frozenset({"both", "long", "short", "net"}),
    "scale": frozenset({"auto", "log", "logarithmic", "linear", "percentile"}),
    "colours": frozenset({"inferno", "viridis", "cividis"}),
    "price": frozenset({"candles", "line", "none"}),
}


def choice(
    label: str, options: Mapping[str, str] | Sequence[str], default: str, key: str, **more: Any
) -> str:
    """A segmented control that never returns nothing; its option's name is in the address."""
    names = _names(options)
    _take(key, names, default)
    chosen = st.segmented_control(
        label, list(names), format_func=lambda name: names[name], key=key, required=True, **more
    )
    # A label that is no option any more, as a slow browser may send, comes back as nothing.
    return _keep(key, str(chosen) if chosen in names else default, default)


def select(
    label: str, options: Mapping[str, str] | Sequence[str], key: str, default: str | None = None, **more: Any
) -> str:
    """A list to choose one of; its option's name is in the address. It starts with the first option."""
    names = _names(options)
    first = next(iter(names)) if default is None else default
    _take(key, names, first)
    chosen = st.selectbox(label, list(names), format_func=lambda name: names[name], key=key, **more)
    return _keep(key, str(chosen) if chosen in names else first, first)


def asked(key: str, options: Mapping[str, str] | Sequence[str], default: str) -> str:
    """What a control that is drawn later will show: by the address, else what it showed last."""
    _take(key, _names(options), default)
    return str(st.session_state[key])


def clock() -> Clock:
    """Whose clock charts are read by: UTC, or the visitor's own where that was chosen."""
    if asked("times", ("utc", "local"), "utc") != "local":
        return UTC
    # The browser tells the name, so it may be anything.
    zone = st.context.timezone or ""
    return Clock(zone if re.fullmatch(r"[A-Za-z0-9_+/-]{1,40}", zone) else "your own")


def asked_number(key: str, default: int) -> int:
    """What a field of numbers that is drawn later will show."""
    return whole(str(st.session_state.get(key, st.query_params.get(key, default))), default)


def whole(text: str, default: int) -> int:
    """A whole number of an address. Signs that only look like digits, or too many of them, are none."""
    return int(text) if re.fullmatch(r"[0-9]{1,12}", text) else default


def endless() -> dict[str, str]:
    """What the address holds that is infinite or no number: bound fields of whole numbers fail on it."""
    found = {}
    for name in st.query_params:
        for value in st.query_params.get_all(name):
            with suppress(ValueError):
                if not math.isfinite(float(value)):
                    found[name] = value
    return found


def ignored(asked: Mapping[str, str]) -> list[str]:
    """Of what an address asked before a page was drawn, the `name=value` that came to nothing.

    A control takes its name out of the address where it shows its default; where it shows another value than
    was asked, the value named nothing.
    """
    return [f"{name}={value}" for name, value in asked.items() if _came_to_nothing(name, value)]


def _came_to_nothing(name: str, value: str) -> bool:
    if name in _LOOKS:
        return value.casefold() not in _LOOKS[name] | set(map(str.casefold, _ONCE.get(name, {})))
    if name in st.query_params or name not in st.session_state:
        return False
    held, once = st.session_state[name], _ONCE.get(name.partition("_")[0], {})
    said = {label.casefold(): told for label, told in once.items()}.get(value.casefold(), value)
    try:
        return float(said) != float(held)
    except (TypeError, ValueError):
        return str(held).casefold() != said.casefold() and held != [said]


def moved(once: str, now: str) -> None:
    """Open links of the time when a control had another name in them."""
    if once in st.query_params and now not in st.query_params:
        st.query_params[now] = st.query_params.pop(once)


def switched(once: str, key: str, now: str) -> None:
    """Open links of the time when a choice of `key` was a switch of its own, `once=true` in them."""
    if st.query_params.get(once, "").casefold() == "true":
        del st.query_params[once]
        if key not in st.query_params:
            st.query_params[key] = now


def _names(options: Mapping[str, str] | Sequence[str]) -> Mapping[str, str]:
    return options if isinstance(options, Mapping) else {name: name for name in options}


def _take(key: str, names: Mapping[str, str], default: str) -> None:
    """Before the control is drawn: what a new address says, by name or by a label of then or now."""
    word, held = st.query_params.get(key), st.session_state.get(key)
    if held in names and _seen(key) in st.session_state and word == st.session_state[_seen(key)]:
        # Said again: what another page's control of this name held would else be gone when this one is drawn.
        st.session_state[key] = held
        return
    said = (word or "").casefold()
    labels = {label.casefold(): name for name, label in names.items()}
    once = {label.casefold(): name for label, name in _ONCE.get(key.partition("_")[0], {}).items()}
    found = next((name for name in names if name.casefold() == said), labels.get(said, once.get(said)))
    if found in names:
        st.session_state[key] = found
    elif held not in names:
        st.session_state[key] = default


def _keep(key: str, chosen: str, default: str) -> str:
    """After the control is drawn: the address says what it shows, and nothing where that is the default."""
    word = st.query_params.get(key)
    told = None if chosen == default else chosen
    if word != told:
        if told is None:
            st.query_params.pop(key, None)
        else:
            st.query_params[key] = told
    st.session_state[_seen(key)] = told
    return chosen


def _seen(key: str) -> str:
    return f"_address-{key}"
