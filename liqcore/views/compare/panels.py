"""The views of the compare page: side by side, difference, agreement, lag, what-if, and model against
record."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
import streamlit as st

from liqcore import tables, wording
from liqcore.heat.agreement import agreement, agreement_by_price
from liqcore.heat.bands import ClusterRule
from liqcore.heat.clusters import Cluster, find_clusters, side_at
from liqcore.heat.comparison import difference, model_hits, venue_table, without_venue
from liqcore.heat.concentration import concentration
from liqcore.heat.grid import HeatGrid, merge
from liqcore.heat.lag import Lag, venue_lags
from liqcore.service import dataset
from liqcore.service.dataset import Dataset, ViewSettings
from liqcore.views import explain, heat, links, loaders, overlays, panels
from liqcore.views.compare import charts as compare_charts
from liqcore.views.controls import LINK

VIEWS: Final = {
    "venues": "Side by side",
    "difference": "Difference",
    "agreement": "Agreement",
    "lag": "Lag",
    "without": "Without a venue",
    "record": "Model and record",
    "file": "Against another map",
    "figures": "Against other figures",
    "measured": "Model against measured",
    "churn": "Churn",
    "position": "My position",
}
RULE: Final = ClusterRule()
_LAST: Final = 12
# As many as Explore draws by default, so that both show the same cells.
_BINS: Final = 150
# Share of price within which a level is asked about, as a reading asks.
TOLERANCE: Final = 0.005
_CLUSTERS: Final = 12
# Decimals of a share: tenths of a per cent.
_TENTHS: Final = 3
_TABLE_CONFIG: Final = {
    "USD": st.column_config.NumberColumn(format="compact"),
    "Share": st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1),
    "Longs": st.column_config.NumberColumn(format="percent"),
    "Largest print": st.column_config.NumberColumn(
        format="percent", help="The share of the largest single liquidation in the venue's USD."
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
        format="%+.1f", help="Median distance of its prices from the index, in hundredths of a per cent."
    ),
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
        lambda: find_clusters(
            found.whole, _LAST, price=found.path, rule=RULE, liquidations=found.flow_events
        ),
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
    st.dataframe(
        frame.dropna(axis="columns", how="all")
        .assign(venue=wording.venues(frame["venue"]))
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
        .round(dict.fromkeys(("Share", "Longs", "Largest print"), _TENTHS)),
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
    along = loaders.once(lambda: agreement_by_price(found.grids, _LAST, **told), "along", found.key)
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
        lambda: agreement(found.grids, level, TOLERANCE, side=side, last=_LAST, **told),
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
        _agreement_table(verdict.to_frame()),
        hide_index=True,
        width="stretch",
        placeholder=wording.NOTHING,
        column_config={
            "USD here": st.column_config.NumberColumn(format="compact"),
            "Path explains": st.column_config.NumberColumn(
                format="%.1f",
                help="Orders that price's path alone puts there, by the least favourable explanation.",
            ),
            "Share of the USD here": st.column_config.NumberColumn(format="percent"),
            "Basis, bp": st.column_config.NumberColumn(format="%+.1f"),
            "Late by, s": st.column_config.NumberColumn(format="%.0f"),
            "Sure": st.column_config.NumberColumn(
                format="percent", help="How sure the lag is. Around a half or below, it is a guess."
            ),
        },
    )
    _one_or_many(found)
    if not data.synthetic:
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
        rows.round({"Largest print": _TENTHS}),
        hide_index=True,
        width="stretch",
        placeholder=wording.NOTHING,
        column_config={
            "USD": st.column_config.NumberColumn(format="compact"),
            "Largest print": st.column_config.NumberColumn(format="percent"),
        },
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
            "basis": "Basis, bp",
            "lag_seconds": "Late by, s",
            "lag_confidence": "Sure",
        }
    ).round({"Share of the USD here": _TENTHS, "Sure": 2})


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
        frame.dropna(axis="columns", how="all")
        .assign(Venue=wording.venues(frame["Venue"]))
        .round({"Sure": 2}),
        hide_index=True,
        width="stretch",
        placeholder=wording.NOTHING,
        column_config={"Sure": st.column_config.NumberColumn(format="percent")},
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
    after = find_clusters(rest, _LAST, price=found.path, rule=RULE, liquidations=left)
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
            found.grids, venue, cluster, last=_LAST, price=found.path, rule=RULE, liquidations=events
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


def _last_price(found: Venues) -> float | None:
    return float(found.bars["close"].iloc[-1]) if found.bars is not None and len(found.bars) else None


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
            "**A cluster on one venue only** may be one trader. A cluster that several fresh venues show at"
            " the same price is the market's. One venue alone confirms nothing."
        ),
        f"**{wording.count(len(clusters), 'cluster')}** {'stands' if len(clusters) == 1 else 'stand'} out on"
        " the sum of the venues"
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
        "**Agreement is not a forecast.** Venues share traders, prices and rules; that they agree says that"
        " the map is right about now, not about what follows."
    )
    with st.expander("How to read this", icon=":material/school:", key="help", bind=LINK, on_change="rerun"):
        st.markdown("\n".join(f"- {wording.markdown(point)}" for point in points))
