"""Which venue's events come later than the others', and how clear that is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from liqcore import tables, wording
from liqcore.heat.lag import Lag, venue_lags
from liqcore.service.dataset import Dataset
from liqcore.views import loaders
from liqcore.views.compare import charts as compare_charts
from liqcore.views.compare.panels import Venues
from liqcore.views.controls import LINK
from liqcore.views.spoken import spoken


def lags(data: Dataset, found: Venues) -> None:
    """Which venue's events come later than the others', and what a listener's delay would do to that."""
    if found.events is None or found.events.empty:
        st.info("Lags need liquidations of two venues: add a liquidations file.", icon=":material/info:")
        return
    heard = False
    if data.lags:
        heard = st.toggle(
            "As a listener hears them",
            key="heard",
            bind=LINK,
            value=True,
            help=(
                "Adds each venue's delay from event to arrival to its events. Off: the times that the venues"
                " themselves print."
            ),
        )
    events = found.events
    measured = loaders.once(
        lambda: venue_lags(
            _delayed(events, data.lags) if heard else events,
            start=found.whole.time_edges[0],
            end=found.whole.time_edges[-1] + np.timedelta64(10, "m"),
        ),
        "lags as heard" if heard else "lags",
        found.key,
    )
    frame = lag_table(measured, data)
    if frame.empty:
        st.info(
            "Too few events to compare times: a venue needs 20 busy seconds in the window.",
            icon=":material/info:",
        )
        return
    spec, alt = compare_charts.lag_chart(frame)
    st.vega_lite_chart(spec=spec, key="lag", alt=alt, width="stretch")
    st.dataframe(
        spoken(
            frame.dropna(axis="columns", how="all").assign(Venue=wording.venues(frame["Venue"])),
            {
                "Later by, s": wording.decimal,
                "Sure": wording.percent,
                "Known delay, s": wording.decimal,
                "Measured delay, s": wording.decimal,
            },
        ),
        hide_index=True,
        width="stretch",
        placeholder=wording.NOTHING,
    )
    _how_clear(measured, list(frame["Venue"]))
    if heard and data.synthetic:
        st.caption(
            "The delays of this sample are known, and were added to its events here. The chart shows whether"
            " the method finds them again; it is no measurement of a real feed."
        )
    elif heard:
        st.caption(
            "Each venue's median delay, as measured while listening, was added to its events here. So this is"
            " what a listener lived through, and partly repeats that measurement; off shows the venues' own"
            " times."
        )
    st.caption(
        "By cross-correlation of event times in steps of one second. A lag counts only where it exceeds its"
        " own mirror image, and a sureness around a half is a guess. A late venue makes a cluster look as if"
        " it were still growing when it has long stopped."
    )


def _how_clear(measured: dict[str, Lag], names: list[str]) -> None:
    """The correlogram behind one venue's lag, the latest venue first."""
    st.subheader("How clear is it?")
    venue = str(
        st.segmented_control(
            "Venue",
            names,
            default=names[0],
            format_func=lambda one: wording.markdown(wording.venue(one)),
            key="lagvenue",
            bind=LINK,
            required=True,
        )
    )
    venue = venue if venue in measured else names[0]
    spec, alt = compare_charts.correlogram_chart(venue, measured[venue])
    st.vega_lite_chart(spec=spec, key="correlogram", alt=alt, width="stretch")
    st.markdown(wording.markdown(alt))


def lag_table(found: dict[str, Lag], data: Dataset) -> pd.DataFrame:
    """Lags as a table, latest venue first."""
    frame = pd.DataFrame(
        {
            "Venue": list(found),
            "Later by, s": [lag.seconds for lag in found.values()],
            "Sure": [lag.confidence for lag in found.values()],
            "Busy seconds": [lag.events for lag in found.values()],
            ("Known delay, s" if data.synthetic else "Measured delay, s"): [
                data.lags.get(name, np.nan) for name in found
            ],
        }
    )
    if data.slowest:
        frame["95 % within, s"] = [data.slowest.get(name, np.nan) for name in found]
    return frame.sort_values("Later by, s", ascending=False, kind="stable").reset_index(drop=True)


def _delayed(events: pd.DataFrame, delays: dict[str, float]) -> pd.DataFrame:
    late = events["venue"].astype(str).map(delays).fillna(0.0)
    return tables.liquidations(events.assign(time=events["time"] + pd.to_timedelta(late, unit="s")))
