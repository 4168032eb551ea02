"""Do venues agree at a level, and is a cluster one print or many?"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import pandas as pd
import streamlit as st

from liqcore import wording
from liqcore.heat.agreement import agreement, agreement_by_price
from liqcore.heat.clusters import Cluster, side_at
from liqcore.heat.concentration import concentration
from liqcore.service import dataset
from liqcore.service.dataset import Dataset
from liqcore.views import loaders, overlays, panels
from liqcore.views.compare import charts as compare_charts
from liqcore.views.compare.panels import LAST, RULE, Venues, clusters_of
from liqcore.views.controls import LINK
from liqcore.views.spoken import Voice, spoken

# Share of price within which a level is asked about, as a reading asks.
TOLERANCE: Final = 0.005
_CLUSTERS: Final = 12
_APART: Final = "From the others, bp"
_VOICES: Final[dict[str, Voice]] = {
    "USD here": wording.usd,
    "Share of the USD here": partial(wording.percent, digits=1),
    _APART: partial(wording.decimal, digits=1, signed=True),
    "Sure": wording.percent,
}


def level_choice(found: Venues, clusters: list[Cluster]) -> float | None:
    """The level to ask about: typed, or the middle of the largest cluster."""
    wanted = float(clusters[0].centre) if clusters else _last_price(found)
    typed = st.text_input(
        "Level, USD",
        key="level",
        bind=LINK,
        placeholder=wording.whole(wanted) if wanted else "28,000",
        width=220,
        help="Empty takes the middle of the largest cluster, or the last price where none stands out.",
    )
    levels, problems = overlays.parse_levels(str(typed or ""))
    for sentence in problems:
        st.warning(wording.markdown(sentence), icon=":material/warning:")
    level = levels[0] if levels else wanted
    if level is not None and not found.whole.price_edges[0] < level < found.whole.price_edges[-1]:
        st.warning(
            wording.markdown(
                f"{wording.price(level)} lies outside the drawn prices, so no venue can be hot there. Choose"
                " a wider price range in Settings."
            ),
            icon=":material/warning:",
        )
    return level


def agree(data: Dataset, found: Venues, level: float | None, clusters: list[Cluster]) -> None:
    """The aggregate with the number of hot venues beside it, and the verdict at the level."""
    left, right = st.columns([3, 2], gap="small")
    with left:
        lines = (
            None
            if level is None
            else pd.DataFrame({"price": [level], "label": [f"{wording.price(level)} in question"]})
        )
        panels.heatmap(
            found.whole,
            found.bars,
            data,
            "agreement-map",
            height=466,
            levels=lines,
            heading="Compare venues",
            caption="All venues",
            strips=False,
        )
    told: dict[str, Any] = {
        "now": found.now,
        "as_of": dataset.heard_until(data, found.grids, found.whole.time_edges[-1]),
        "price": found.path,
        "rule": RULE,
        "liquidations": found.flow_events,
    }
    along = loaders.once(lambda: agreement_by_price(found.grids, LAST, **told), "along", found.key)
    spec, alt = compare_charts.agreement_chart(along, level)
    with right:
        st.vega_lite_chart(spec={**spec, "height": 514}, key="agreement-price", alt=alt, width="stretch")
        st.caption(
            "How many venues have a cluster of their own at each price: longs to the left, shorts to the"
            " right. A cluster stands out among all prices; the verdict below asks about one level only, so"
            " fewer orders can be enough."
        )
    if level is None:
        st.caption("No cluster stands out. Type a level above to ask about it.")
        return
    side = side_at(clusters, level, TOLERANCE)
    verdict = loaders.once(
        lambda: agreement(found.grids, level, TOLERANCE, side=side, last=LAST, **told),
        f"agreement at {level!r}",
        found.key,
    )
    icon = {"market-wide": "groups", "partly confirmed": "group", "isolated": "person", "cannot say": "help"}[
        verdict.verdict
    ]
    with st.container(border=True):
        st.markdown(
            f":material/{icon}: **{verdict.verdict.capitalize()} at"
            f" {wording.markdown(wording.price(level))}:**"
            f" {wording.markdown(verdict.sentence.partition(': ')[2])}"
        )
        for caveat in verdict.caveats:
            st.markdown(f"- {wording.markdown(caveat)}")
    st.dataframe(
        # What a modelled map has none of, orders for one, is no column.
        spoken(_agreement_table(verdict.to_frame()).dropna(axis="columns", how="all"), _VOICES),
        hide_index=True,
        width="stretch",
        placeholder=wording.NOTHING,
        column_config={
            "Path explains": st.column_config.NumberColumn(
                format="%.1f",
                help="Orders that price's path alone puts there, by the least favourable explanation.",
            ),
            _APART: st.column_config.NumberColumn(
                help=(
                    "By how much its liquidations of this side lie above those of the other venues at the"
                    " same time, in hundredths of a per cent."
                )
            ),
            "Late by, s": st.column_config.NumberColumn(format="%.0f"),
            "Sure": st.column_config.NumberColumn(
                help="How sure the lag is. Around a half or below, it is a guess."
            ),
        },
    )
    _one_or_many(found)
    if st.session_state.get("data") == loaders.OWN:
        st.caption(
            "A file does not say until when each venue was listened to. A venue without recent events is"
            " therefore left out, not counted as one that disagrees."
        )


def _one_or_many(found: Venues) -> None:
    """For each cluster of the sum: is it one print, perhaps one trader, or many?"""
    clusters = clusters_of(found)
    if found.whole.kind != "realised" or found.events is None or not clusters:
        return
    st.subheader("One whale, or many traders?")
    made = [(one, concentration(one, found.events, found.candles)) for one in clusters[:_CLUSTERS]]
    rows = pd.DataFrame(
        [
            {
                "Cluster": f"{wording.price(one.low)} to {wording.price(one.high)}",
                "Side": f"{one.side}s",
                "USD": prints.notional,
                "Events": prints.events,
                "Largest print": prints.largest_share,
                "Venues": ", ".join(wording.venues(prints.venues)),
                "Made of": "mostly one print" if prints.single_print else "many prints",
            }
            for one, prints in made
            if prints.events
        ]
    )
    if rows.empty:
        return
    st.dataframe(
        spoken(rows, {"USD": wording.usd, "Largest print": partial(wording.percent, digits=1)}),
        hide_index=True,
        width="stretch",
        placeholder=wording.NOTHING,
    )
    lone = int((rows["Made of"] == "mostly one print").sum())
    st.caption(
        f"{lone} of {len(rows)} clusters {'is' if lone == 1 else 'are'} mostly one print: one trader, or one"
        " glitch, and no crowd."
        if lone
        else (
            f"None of the {len(rows)} clusters rests on a single print; the largest print anywhere is"
            f" {wording.percent(rows['Largest print'].max())} of its cluster."
        )
    )


def _agreement_table(frame: pd.DataFrame) -> pd.DataFrame:
    shown = frame[
        [
            name
            for name in (
                "venue",
                "state",
                "counted",
                "shows",
                "orders",
                "expected",
                "total",
                "notional",
                "share",
                "basis",
                "lag_seconds",
                "lag_confidence",
            )
            if name in frame
        ]
    ]
    shown = shown.assign(**({"basis": 1e4 * shown["basis"].astype(float)} if "basis" in shown else {}))
    shown["venue"] = wording.venues(shown["venue"])
    return shown.rename(
        columns={
            "venue": "Venue",
            "state": "State",
            "counted": "Counted",
            "shows": "Shows it",
            "orders": "Orders there",
            "expected": "Path explains",
            "total": "Orders in all",
            "notional": "USD here",
            "share": "Share of the USD here",
            "basis": _APART,
            "lag_seconds": "Late by, s",
            "lag_confidence": "Sure",
        }
    )


def _last_price(found: Venues) -> float | None:
    return float(found.bars["close"].iloc[-1]) if found.bars is not None and len(found.bars) else None
