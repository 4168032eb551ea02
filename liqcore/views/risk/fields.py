"""Fields of the risk page: what is typed stays, and what cannot be read is told below it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import streamlit as st

from liqcore import wording
from liqcore.risk.numbers import RiskError, parse_number
from liqcore.views import overlays
from liqcore.views.controls import LINK

PRIVATE: Final[dict[str, Any]] = {"persist_state": "session"}


class Form:
    """Fields that keep what was typed, and a sentence below each that cannot be read."""

    def __init__(self) -> None:
        self.problems: dict[str, str] = {}

    def number(
        self,
        label: str,
        key: str,
        start: str,
        *,
        percent: bool = False,
        optional: bool = False,
        private: bool = False,
        step: float = 0.0,
        check: Callable[[float], str | None] | None = None,
        **more: Any,
    ) -> float | None:
        """A text field read as a number; None, and a sentence below it, where that fails. With `step` it has
        buttons to go down and up by so much."""
        more |= {"live": True, **(PRIVATE if private else {"bind": LINK})}
        if step:
            with st.container(horizontal=True, vertical_alignment="bottom", gap="xxsmall"):
                text = st.text_input(label, value=start, key=key, width="stretch", **more)
                for sign, mark in ((-1, "−"), (1, "+")):
                    st.button(
                        mark,
                        key=f"{key}-{'down' if sign < 0 else 'up'}",
                        help=f"{'Less' if sign < 0 else 'More'} by {wording.field(step)}",
                        on_click=_go,
                        args=(key, start, sign * step),
                    )
        else:
            text = st.text_input(label, value=start, key=key, **more)
        if optional and not str(text or "").strip():
            return None
        try:
            value = parse_number(str(text or ""), label.split(",")[0], percent=percent)
            sentence = check(value) if check else None
        except RiskError as problem:
            value, sentence = float("nan"), str(problem)
        if sentence:
            self.problems[key] = sentence
            st.caption(f":red[:material/error: {wording.markdown(sentence)}]")
            return None
        return value


def _go(key: str, start: str, by: float) -> None:
    """One step, on the grid of steps; what cannot be read stays as it is."""
    try:
        held = parse_number(str(st.session_state.get(key, start)), key)
    except RiskError:
        return
    size = abs(by)
    st.session_state[key] = wording.field(max(round(held / size) * size + by, size))


def above_zero(name: str, most: float = 1e12) -> Callable[[float], str | None]:
    def check(value: float) -> str | None:
        if value <= 0:
            return f"{name} must be above zero. Type a positive number."
        return (
            f"{name} of {wording.whole(value)} is larger than any venue carries. Type a smaller number."
            if value > most
            else None
        )

    return check


def at_least(name: str, most: float = 1e12) -> Callable[[float], str | None]:
    def check(value: float) -> str | None:
        return None if 0 <= value <= most else f"{name} cannot be below zero, or so large. Type 0 for none."

    return check


def percent_check(name: str, low: float, high: float, like: str) -> Callable[[float], str | None]:
    """What a field in per cent takes; the bounds are fractions, and those of the library."""

    def check(value: float) -> str | None:
        return (
            None
            if low <= value <= high
            else (
                f"{name} of {wording.percent(value, exact=True)} is outside"
                f" {wording.percent(low, exact=True)} to {wording.percent(high, exact=True)}. Type it in per"
                f" cent, like {like}."
            )
        )

    return check


def several(form: Form, label: str, key: str, start: str, help: str) -> tuple[float, ...] | None:
    text = st.text_input(label, value=start, key=key, live=True, bind=LINK, help=help)
    levels, problems = overlays.parse_levels(str(text or ""))
    if problems:
        form.problems[key] = problems[0]
        st.caption(f":red[:material/error: {wording.markdown(problems[0])}]")
        return None
    return tuple(levels)


def maintenance_check(value: float) -> str | None:
    return None if 0 < value <= 0.5 else "The maintenance margin lies between 0 and 50 %. Type it like 0.5."


def shares_of(
    form: Form, text: str, targets: tuple[float, ...] | None, key: str = "shares", each: str = "a target"
) -> tuple[float, ...] | None:
    if not text.strip() or not targets:
        return None
    try:
        shares = tuple(parse_number(part, "A share", percent=True) for part in text.replace(";", " ").split())
    except RiskError as problem:
        shares, sentence = (), str(problem)
    else:
        sentence = (
            ""
            if len(shares) == len(targets) and min(shares) > 0 and abs(sum(shares) - 1) < 0.005
            else (
                f"Give one share {each} ({len(targets)}), together 100 %, for instance"
                f" {'; '.join(['50'] * 2) if len(targets) == 2 else '100'}."
            )
        )
    if sentence:
        form.problems[key] = sentence
        st.caption(f":red[:material/error: {wording.markdown(sentence)}]")
        return None
    return tuple(share / sum(shares) for share in shares)
