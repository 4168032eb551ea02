"""The lesson on a real crash: fetched, never bundled, and told only where it is at hand."""

from __future__ import annotations

from typing import Final

import numpy as np
import streamlit as st

from liqcore import wording
from liqcore.feeds.history.presets import NAMED_DAYS
from liqcore.heat.grid import HeatGrid
from liqcore.learn.crash import Fall, fall_of, tell
from liqcore.service.dataset import Dataset, ViewSettings
from liqcore.views import loaders, panels
from liqcore.views.controls import LINK
from liqcore.views.walkthrough import quiz

DATE: Final = "2024-08-05"
NAME: Final = f"real-{DATE}"
TITLE: Final = f"A real day: {NAMED_DAYS[DATE].name}, August 2024"


def lesson() -> None:
    """The four steps; a sentence where the day is not at hand."""
    st.caption(
        "Real prices, and levels that are modelled from them. Who was liquidated that day nobody published in"
        " full, so nothing here says so."
    )
    data = loaders.day(DATE)
    if data is None or data.candles is None:
        st.markdown("The ten made-up scenarios need no network: choose one above.")
        return
    midnight = np.datetime64(DATE, "us")
    fall = fall_of(data.candles, midnight)
    steps = tell(fall, midnight, lambda moment: _map(data, fall, moment))
    number = int(st.pagination(len(steps), key="realstep", bind=LINK, max_visible_pages=len(steps)))
    step = steps[number - 1]
    settings = _settings(data, fall, step.at)
    left, right = st.columns([3, 2], gap="large")
    with left:
        panels.heatmap(
            loaders.heatmap(data, settings), loaders.price_bars(data, settings), data, "real", height=470
        )
    with right:
        st.markdown(f"##### {step.number}. {step.title}")
        st.markdown(wording.markdown(step.text))
        quiz.question(NAME, step)


def _settings(data: Dataset, fall: Fall, until: np.datetime64) -> ViewSettings:
    """The map up to a moment, always on the prices of the whole fall."""
    top = max(fall.before, fall.start, fall.end)
    return ViewSettings(
        layer="modelled",
        timeframe="30m",
        hours=36.0 if until > np.datetime64(DATE, "us") else 24.0,
        until=until,
        bins=120,
        price_range=(0.95 * fall.lowest, 1.04 * top),
    )


def _map(data: Dataset, fall: Fall, moment: np.datetime64) -> HeatGrid:
    return loaders.heatmap(data, _settings(data, fall, moment))


__all__ = ["DATE", "NAME", "TITLE", "lesson"]
