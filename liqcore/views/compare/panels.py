"""The compare page's venues, and its views side by side, difference, what-if, and model against record."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd
import streamlit as st

from liqcore import wording
from liqcore.heat.bands import ClusterRule
from liqcore.heat.clusters import Cluster, find_clusters
from liqcore.heat.comparison import difference, model_hits, venue_table, without_venue
from liqcore.heat.grid import HeatGrid, merge
from liqcore.service import dataset
from liqcore.service.dataset import Dataset, ViewSettings
from liqcore.views import explain, heat, links, loaders, overlays, panels
from liqcore.views.compare import charts as compare_charts
from liqcore.views.controls import LINK
from liqcore.views.spoken import Voice, spoken

VIEWS: Final = {
    "venues": "Side by side",
    "difference": "Difference",
    "agreement": "Agreement",
    "lag": "Lag",
    "without": "Without one",
    "record": "Model and record",
    "file": "Another map",
    "figures": "Other figures",
    "measured": "Measured",
    "churn": "Churn",
    "position": "My position",
}
RULE: Final = ClusterRule()
LAST: Final = 12
# As many as Explore draws by default, so that both show the same cells.
_BINS: Final = 150
_TABLE_CONFIG: Final = {
    "Share": st.column_config.ProgressColumn(
        format="%.1f %%", min_value=0, max_value=100, help="Of the USD of all these venues together."
    ),
    "Longs": st.column_config.NumberColumn(help="The share of longs in the venue's USD."),
    "Largest print": st.column_config.NumberColumn(
        help="The share of the largest single liquidation in the venue's USD."
    ),
    "Age, h": st.column_config.NumberColumn(
        format="%.1f", help="Hours since its last event before the end of the window."
    ),
    "Arrives after, s": st.column_config.NumberColumn(
        format="%.1f", help="From event to arrival, where the data hold it."
    ),
    "95 % within, s": st.column_config.NumberColumn(
        format="%.1f",
        help="Seconds within which 95 % of its live events arrived; measured for the live market only.",
    ),
    "Basis, bp": st.column_config.NumberColumn(
        help="Median distance of its prices from the index, in hundredths of a per cent."
    ),
}
_VOICES: Final[dict[str, Voice]] = {
    "USD": wording.usd,
    **dict.fromkeys(("Longs", "Largest print"), partial(wording.percent, digits=1)),
    "Basis, bp": partial(wording.decimal, digits=1, signed=True),
}


@dataclass(frozen=True, eq=False)
class Venues:
    """The maps of all venues with the same edges, their sum, and the candles behind them."""

    grids: dict[str, HeatGrid]
    whole: HeatGrid
    bars: pd.DataFrame | None
    candles: pd.DataFrame | None
    events: pd.DataFrame | None
    # From when ages are counted; None in a past window, where venues are judged beside each other.
    now: np.datetime64 | None
    # Tells caches these maps apart from others.
    key: str

    @property
    def path(self) -> pd.DataFrame | None:
        """The finest candles at hand: the path of price that a realised map is judged against."""
        return self.bars if self.whole.is_stock or self.candles is None else self.candles

    @property
    def flow_events(self) -> pd.DataFrame | None:
        """The events behind realised maps."""
        return None if self.whole.is_stock else self.events


def venues_of(data: Dataset, settings: ViewSettings) -> Venues | None:
    """One map a venue, or None and a sentence where there are fewer than two."""
    names = settings.venues or _with_heat(data, settings)
    settings = replace(settings, bins=min(settings.bins, _BINS))
    if len(names) < 2:
        only = wording.venue(names[0]) if names else "none"
        st.info(
            f"A comparison needs two venues or more; this market has {len(names)} ({only}) with"
            f" {'liquidations' if settings.layer == 'realised' else 'candles of its own'}. Open the sample"
            " market, or add files of another venue.",
            icon=":material/compare_arrows:",
        )
        return None
    grids = {name: loaders.heatmap(data, replace(settings, venues=(name,))) for name in names}
    # What happened adds up; so the sum is the map that the other pages draw.
    together = settings if set(names) == set(data.venues) else replace(settings, venues=tuple(names))
    whole = loaders.heatmap(data, together) if settings.layer == "realised" else merge(list(grids.values()))
    candles, events = dataset.until_end(data, together)
    now = dataset.moment_of(settings, whole.time_edges[-1], candles)
    bars = loaders.price_bars(data, settings)
    return Venues(grids, whole, bars, candles, events, now, f"{data.key}|{together!r}")


def first_layer(data: Dataset) -> str:
    """What venues are compared by first: what happened, where two of them tell it."""
    told = () if data.liquidations is None else data.liquidations["venue"].unique()
    return "realised" if len(told) > 1 or not data.venue_candles else "modelled"


def _with_heat(data: Dataset, settings: ViewSettings) -> tuple[str, ...]:
    if settings.layer == "modelled":
        return tuple(data.venue_candles)
    if data.liquidations is None:
        return ()
    return tuple(name for name in data.venues if (data.liquidations["venue"] == name).any())


def clusters_of(found: Venues) -> list[Cluster]:
    """The clusters of the sum of all venues, most USD first."""
    return loaders.once(
        lambda: find_clusters(found.whole, LAST, price=found.path, rule=RULE, liquidations=found.flow_events),
        "clusters",
        found.key,
    )


def side_by_side(data: Dataset, settings: ViewSettings, found: Venues) -> None:
    """One heatmap a venue and the sum, on one pinned scale, and a table of what each printed."""
    own = st.toggle(
        "Each map on its own scale",
        key="ownscale",
        bind=LINK,
        help="Shows the shape of small venues. Colours can then not be compared.",
    )
    if own:
        st.warning(
            "Each map has its own legend now: the same colour means different amounts on different maps.",
            icon=":material/warning:",
        )
    maps = {"All venues": found.whole, **found.grids}
    line = explain.provenance_line(found.whole, data.synthetic, now=pd.Timestamp.now(tz="UTC"))
    heat.bar("map-All venues")
    with st.grid(3, min_column_width=330, gap="small"):
        for number, (name, grid) in enumerate(maps.items()):
            with st.container():
                heat.heatmap(
                    grid,
                    found.bars,
                    key=f"map-{name}",
                    note=line,
                    caption=wording.venue(name),
                    heading=None if number else "Compare venues",
                    height=300,
                    controls="none" if number else "full",
                    group="venues",
                    shared=not own,
                    address=not number,
                    strips=False,
                )
    st.caption(
        wording.markdown(explain.provenance_line(found.whole, data.synthetic, now=pd.Timestamp.now(tz="UTC")))
    )
    if found.events is not None and len(found.events):
        st.subheader("What each venue printed")
        table(data, found)


def table(data: Dataset, found: Venues) -> None:
    """One row a venue: events, USD, share, sides, age, delay, basis, completeness, and what to be careful
    about."""
    frame = loaders.once(
        lambda: venue_table(
            found.events,  # type: ignore[arg-type]
            start=found.whole.time_edges[0],
            end=found.whole.time_edges[-1],
            index=found.candles,
            delays=data.lags,
        ),
        "printed",
        found.key,
    ).copy()
    place = list(frame.columns).index("delay_seconds") + 1
    frame.insert(place, "95 % within, s", [data.slowest.get(str(name), np.nan) for name in frame["venue"]])
    # What no venue here tells is no column; what is said of it stands below.
    shown = (
        frame.dropna(axis="columns", how="all")
        # A bar is shown with its own number, which no voice changes.
        .assign(venue=wording.venues(frame["venue"]), share=100 * frame["share"])
        .rename(
            columns={
                "venue": "Venue",
                "events": "Events",
                "usd": "USD",
                "share": "Share",
                "long_share": "Longs",
                "largest_share": "Largest print",
                "age_hours": "Age, h",
                "delay_seconds": "Arrives after, s",
                "basis_bp": "Basis, bp",
                "completeness": "Completeness",
                "price_kind": "Price is",
            }
        )
        .drop(columns="note")
    )
    st.dataframe(
        spoken(shown, _VOICES),
        hide_index=True,
        width="stretch",
        placeholder=wording.NOTHING,
        column_config=_TABLE_CONFIG,
    )
    careful = frame[frame["note"] != ""]
    if len(careful):
        st.markdown(
            "\n".join(
                f"- **{wording.name(wording.venue(venue))}**: {note[0].lower()}{note[1:]}"
                for venue, note in zip(careful["venue"], careful["note"], strict=True)
            )
        )
    if frame["delay_seconds"].isna().all():
        st.caption(
            "When an event arrived is not in this data, so latency cannot be told; only recordings made while"
            " listening hold it."
        )


def one_against_the_rest(found: Venues) -> None:
    """A venue minus the rest, each as a share of its own total."""
    venue = venue_choice(found)
    sides = {"both": "Both", "long": "Longs", "short": "Shorts"}
    side: Any = links.choice("Side", sides, "both", "apartside")
    apart, name = difference(found.grids, venue, side), wording.venue(venue)
    spec, alt = compare_charts.difference_chart(apart, found.grids[venue], links.clock())
    if np.isnan(apart.overlap):
        st.info(
            f"{wording.markdown(name)} or the rest has no heat in this window, so there is nothing to"
            " subtract.",
            icon=":material/info:",
        )
        return
    st.markdown(
        wording.markdown(
            f"**{name} ({wording.usd(apart.venue_usd)}) and the rest ({wording.usd(apart.rest_usd)}) have"
            f" {wording.percent(apart.overlap)} of their heat in the same cells; their shapes are"
            f" {wording.percent(apart.similarity)} alike.** Orange: {name} has more of its heat there than"
            " the others have of theirs; blue: less."
        )
    )
    st.vega_lite_chart(spec=spec, key="difference", alt=alt, width="stretch")
    st.caption(
        "Both are shares of their own totals, so that a large venue is not different by its size alone. With"
        " few events in a cell even two like venues share few cells: a longer timeframe or fewer bins tell"
        " noise from a difference."
    )


def what_without(found: Venues, clusters: list[Cluster], data: Dataset) -> None:
    """Take a venue away and see which clusters are left."""
    if not clusters:
        st.info(
            "No cluster stands out at the end of this map, so there is nothing that could vanish:"
            " liquidations lie where price was. Without a venue one may still appear.",
            icon=":material/info:",
        )
    venue = venue_choice(found)
    rest = merge([grid for name, grid in found.grids.items() if name != venue])
    events = found.flow_events
    left = None if events is None else events[events["venue"] != venue]
    after = find_clusters(rest, LAST, price=found.path, rule=RULE, liquidations=left)
    heat.bar("without-All venues")
    for column, (name, grid, boxes) in zip(
        st.columns(2, gap="small"),
        (("All venues", found.whole, clusters), (f"Without {wording.venue(venue)}", rest, after)),
        strict=True,
    ):
        with column:
            panels.heatmap(
                grid,
                found.bars,
                data,
                f"without-{name}",
                height=360,
                heading="Compare venues" if grid is found.whole else None,
                caption=name,
                group="without",
                shared=True,
                controls="full" if grid is found.whole else "none",
                boxes=overlays.outlines(boxes[:4], grid),
                strips=False,
            )
    for cluster in clusters[:4]:
        outcome = without_venue(
            found.grids, venue, cluster, last=LAST, price=found.path, rule=RULE, liquidations=events
        )
        st.markdown(
            f"- :material/{'check_circle' if outcome.survives else 'cancel'}:"
            f" {wording.markdown(outcome.sentence)}"
        )


def model_and_record(data: Dataset, settings: ViewSettings) -> None:
    """Modelled levels and realised liquidations side by side, and whether the one lay where the other
    happened."""
    both = [
        loaders.heatmap(
            data, replace(settings, layer=layer, price_range=_common_range(data, settings), price_scale="log")
        )
        for layer in ("modelled", "realised")
    ]
    bars = loaders.price_bars(data, settings)
    for column, grid, name in zip(
        st.columns(2, gap="small"),
        both,
        ("Modelled: what would be closed", "Realised: what was closed"),
        strict=True,
    ):
        with column:
            panels.heatmap(
                grid,
                bars,
                data,
                f"record-{grid.kind}",
                height=380,
                heading="Compare venues" if grid.kind == "modelled" else None,
                caption=name,
                group="record",
                strips=False,
            )
    candles, _ = dataset.until_end(data, settings)
    if candles is None:
        return
    model, record = both
    st.markdown(f"**{wording.markdown(model_hits(model, record, candles).sentence)}**")
    st.caption(
        "It compares only prices that were traded, and says nothing about where price goes. The two maps have"
        " legends of their own: a standing level and an event are different things, and their USD cannot be"
        " compared cell by cell."
    )
    if data.synthetic:
        st.caption(
            "This market is simulated. How a model does here says nothing about how it does on a real one."
        )


def _common_range(data: Dataset, settings: ViewSettings) -> tuple[float, float]:
    view = dataset.window(data, replace(settings, layer="modelled"))
    return view.low, view.high


def venue_choice(found: Venues) -> str:
    """The venue in question, in the address."""
    return str(
        st.segmented_control(
            "Venue",
            list(found.grids),
            default=next(iter(found.grids)),
            format_func=lambda one: wording.markdown(wording.venue(one)),
            key="venue",
            bind=LINK,
            required=True,
        )
    )


def how_to_read(found: Venues, clusters: list[Cluster]) -> None:
    """The explanation with this market's own numbers."""
    totals = {
        name: (
            float(grid.total.sum(dtype=np.float64))
            if not grid.is_stock
            else float(grid.total[-1].sum(dtype=np.float64))
        )
        for name, grid in found.grids.items()
    }
    whole = sum(totals.values())
    first = max(totals, key=lambda name: totals[name])
    sampled = [item.venue for item in found.whole.provenance.venues if item.completeness == "sampled"]
    points = [
        (
            "**One scale.** All maps share one legend, so that a venue that is faint here is small beside the"
            f" others, not empty. {wording.venue(first)} holds {wording.share(totals[first], whole)} of the"
            f" {wording.usd(whole)}."
        ),
        (
            "**A cluster on one venue only** may be one trader, and confirms nothing. One that several fresh"
            " venues show at the same price is hardly a single trader's."
        ),
        (
            f"**{wording.count(len(clusters), 'cluster')}** {'stands' if len(clusters) == 1 else 'stand'} out"
            if clusters
            else "**No cluster** stands out"
        )
        + " on the sum of the venues"
        + (
            f"; the largest is {wording.usd(clusters[0].notional)} of {clusters[0].side}s near"
            f" {wording.price(clusters[0].centre)}."
            if clusters
            else "."
        ),
    ]
    if sampled:
        points.append(
            f"**Sampled:** {', '.join(wording.venues(sampled))} report only a part of their liquidations."
            " Their USD are lower bounds, and shares of them understate."
        )
    points.append(
        "**Agreement is not a forecast.** Venues share traders, prices and rules. "
        + (
            "Maps that are modelled from like public data with like assumptions can all be wrong in the same"
            " way."
            if found.whole.is_stock
            else "That they agree tells of what happened, and nothing of what follows."
        )
    )
    with st.expander("How to read this", icon=":material/school:", key="help", bind=LINK, on_change="rerun"):
        st.markdown("\n".join(f"- {wording.markdown(point)}" for point in points))
