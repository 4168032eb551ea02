"""Answers for all sessions under keys that name a moment, or one of very many views."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any, TypeVar

import streamlit as st

from liqcore.service.shared import Shared

T = TypeVar("T")


@st.cache_resource(show_spinner=False)
def _all(what: str, most: int, seconds: float) -> Shared[Any]:
    return Shared(most, lambda _: 1, seconds)


def for_all(most: int, seconds: float = math.inf) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Keep the `most` answers of a function that were asked for last, for so many seconds.

    As with `st.cache_resource`, all who ask the same are given one answer, which must not be changed, and
    arguments whose names begin with `_` tell no two questions apart. Streamlit keeps a lock and the name of
    each key it was ever asked for; this keeps nothing of an answer that is gone. Arguments come by place.
    """

    def decorate(make: Callable[..., T]) -> Callable[..., T]:
        seen = [place for place, name in enumerate(signature(make).parameters) if not name.startswith("_")]
        what = f"{make.__module__}.{make.__qualname__}"

        @wraps(make)
        def get(*arguments: Any) -> T:
            answers: Shared[T] = _all(what, most, seconds)
            return answers.get(tuple(arguments[place] for place in seen), lambda: make(*arguments))

        return get

    return decorate
