"""The live page as a whole: which collector is watched, at what pace, and the part that redraws itself."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import streamlit as st

from liqcore import wording
from liqcore.feeds.live.collector import Feed, Snapshot
from liqcore.feeds.live.playback import SPEEDS, Playback, ReplayClock
from liqcore.service.dataset import Dataset, ViewSettings
from liqcore.views import controls, links, loaders, market as live_market, shell
from liqcore.views.controls import Toolbar
from liqcore.views.live import panels as live_panels
from liqcore.views.live.panels import LiveView
from liqcore.views.measured import panels as measured_panels, source as positions

_REPLAY: Final = "replay"
_PLAYED: Final = "live_played"
_SEEN: Final = "live_first_seen"
_MODEL_PACE: Final = 60.0
# Half the price range of measured positions, as a share: most stand further away than an hour's price goes.
_NEAR: Final = 0.1


@dataclass(frozen=True, eq=False)
class Watched:
    """The collector on the screen, what to call it, and its clock where it is a replay."""

    collector: Feed
    label: str
    synthetic: bool
    tag: str
    clock: ReplayClock | None = None

    def data(self) -> Dataset | None:
        """What it holds as a market."""
        if isinstance(self.collector, Playback):
            return live_market.played(self.collector, self.label)
        return live_market.dataset(self.collector, self.label, self.synthetic, self.tag)


def source(bar: Toolbar) -> Watched:
    """Live venues, or the sample market played again."""
    with bar.places[0]:
        chosen = links.choice(
            "Source",
            {"live": "Live", _REPLAY: "Replay"},
            "live",
            "livefrom",
            on_change=_suit_kind,
            label_visibility="collapsed",
            help=(
                "Live: public data of many exchanges, straight from them. Replay: the synthetic sample"
                " market, as if its news came now."
            ),
        )
        if chosen != _REPLAY:
            return Watched(live_market.collector(), "Live", False, "live")
    with bar.drawer:
        speed = st.select_slider(
            "Speed",
            SPEEDS,
            value=60,
            format_func=lambda value: "Pause" if value == 0 else f"{value}×",
            key="livespeed",
            bind=controls.LINK,
        )
        if st.button(
            "Begin again", icon=":material/replay:", help="From the morning of the sample's violent day."
        ):
            st.session_state.pop(_PLAYED, None)
    held = st.session_state.get(_PLAYED)
    if held is None:
        held = st.session_state[_PLAYED] = live_market.replayed("violent")
    held.clock.run_at(float(speed))
    return Watched(held, held.reel.label, True, f"replay-{id(held)}", held.clock)


def _suit_kind() -> None:
    """Another source begins with the map that suits it."""
    st.session_state["livekind"] = "realised" if st.session_state["livefrom"] == _REPLAY else "modelled"


def kind(market: Watched, bar: Toolbar) -> str:
    """What the map shows: `modelled`, `realised` or `measured`. A replay is there to watch events come."""
    links.switched("measured", "livekind", "measured")
    with bar.places[1]:
        return links.choice(
            "Kind",
            {"modelled": "Modelled", "realised": "Realised", **controls.MEASURED},
            "modelled" if market.clock is None else "realised",
            "livekind",
            label_visibility="collapsed",
            help=(
                "Modelled: where open positions would be liquidated, by an estimate. Realised: the"
                " liquidations of this window as they come. Measured: where positions that a venue publishes"
                " would be."
            ),
        )


def view(market: Watched, bar: Toolbar) -> tuple[LiveView, float | None]:
    """What to show and how often to look again; None stands still."""
    chosen = live_panels.view_controls(market.collector, bar)
    with bar.drawer:
        pace = st.selectbox(
            "Refresh",
            list(live_panels.PACES),
            key="livepace",
            bind=controls.LINK,
            help="How often this page looks again.",
        )
    with bar.places[5]:
        paused = st.toggle(
            "Pause", key="livepause", bind=controls.LINK, help="The picture stands still; collecting goes on."
        )
    return chosen, None if paused else live_panels.PACES[str(pace)]


def screen(market: Watched, view: LiveView, pace: float | None, realised: bool) -> None:
    """The part that redraws itself, with the map where it shows what happens."""
    st.fragment(_screen, run_every=pace, key="live-screen")(market, view, realised)


def _screen(market: Watched, view: LiveView, realised: bool) -> None:
    held = market.collector
    snapshot, events, now = held.snapshot(), held.window.events(), held.now()
    data, tick = market.data(), None
    if data is not None and market.clock is None:
        data, tick = live_market.with_ticks(held, data)
    if snapshot.problem:
        st.warning(wording.markdown(snapshot.problem), icon=":material/database_off:")
    _said_when_nothing_comes(market, snapshot, len(events))
    if realised:
        live_panels.heat(
            held, data, snapshot, view, market.label, market.synthetic, None if market.clock else market.tag
        )
    st.caption(live_panels.clock_line(now, None if market.clock is None else market.clock.speed))
    if market.clock is None:
        shell.asks("live")
    st.markdown(live_panels.badges(snapshot))
    place = st.container()
    shared = market.clock is None
    sums = (live_panels.shared_lists if shared else live_panels.lists)(held, view)
    with place:
        live_panels.figures(data, sums, now, None if tick is None else tick.time)
    st.subheader("Who was heard when")
    (live_panels.shared_coverage if shared else live_panels.coverage)(held, view.hours, links.clock())
    opened = st.expander(
        "Every source: state, age and why",
        icon=":material/sensors:",
        expanded=live_panels.nothing_live(snapshot),
        key="live-sources",
        on_change="rerun",
    )
    if opened.open:
        opened.dataframe(
            live_panels.status_table(snapshot), hide_index=True, width="stretch", placeholder=wording.NOTHING
        )


def _said_when_nothing_comes(market: Watched, snapshot: Snapshot, held: int) -> None:
    """After a few seconds without any source, say so, what there is, and what can be done."""
    if market.clock is None and live_market.app().owner.offline:
        have = "What was collected before is shown below." if held else "Nothing was collected before."
        st.info(
            f"No exchange is asked, because HEATLAB_OFFLINE is set. {have} Choose **Replay** above to"
            " see this page at work.",
            icon=":material/wifi_off:",
        )
        return
    begun = st.session_state.setdefault(_SEEN, time.monotonic())
    if market.clock is not None or not live_panels.nothing_live(snapshot):
        return
    waiting = any(status.state in ("off", "partial", "live") for status in snapshot.statuses)
    if waiting and time.monotonic() - begun < 4.5:
        st.info("Asking the venues. History comes first, then live events.", icon=":material/sync:")
        return
    have = (
        f"The store holds {held:,} liquidations of the last hours, which are shown below."
        if held
        else "The store holds nothing yet."
    )
    st.warning(
        f"No venue can be heard from here: the table of sources at the end says why for each. {have} It is"
        " tried again on its own. Without a network, choose **Replay** above: the same page, fed by a"
        " synthetic market.",
        icon=":material/wifi_off:",
    )


def modelled(market: Watched, view: LiveView) -> None:
    """Where open positions would be closed, drawn anew every minute; venues are asked for the market once."""
    st.fragment(_modelled, run_every=_MODEL_PACE, key="live-model")(market, view)


def _modelled(market: Watched, view: LiveView) -> None:
    data = None if market.clock is not None else loaders.real(view.hours)
    live_panels.modelled(market.data() if data is None else data, view.hours)


def measured(market: Watched, view: LiveView) -> None:
    """Positions that a venue publishes, under the price of the window; drawn anew every minute."""
    positions.controls()
    st.fragment(_measured, run_every=_MODEL_PACE, key="live-measured")(market, view)


def _measured(market: Watched, view: LiveView) -> None:
    data = None if market.clock is not None else loaders.real(view.hours)
    data = market.data() if data is None else data
    priced = data is not None and data.candles is not None and not data.candles.empty
    settings = ViewSettings(layer="measured", timeframe=view.timeframe, hours=view.hours, reach=_NEAR)
    measured_panels.shown(
        data if priced else None, settings if priced else None, st.container(), "Live market", 420
    )


def explained(market: Watched) -> None:
    """What the page shows, in one sentence a venue."""
    opened = st.expander(
        "What am I looking at?", icon=":material/school:", key="help", bind="query-params", on_change="rerun"
    )
    if not opened.open:
        return
    with opened:
        st.markdown(
            "- **Realised liquidations**: positions that were closed by force, as venues tell it. Each cell"
            " adds up the dollars of one stretch of time and price.\n- **Long** means a long position was"
            " liquidated (price fell into it), **short** a short one (price rose into it), whatever word the"
            " venue uses.\n- **Sums are no truth.** Binance and OKX push at most one liquidation a second and"
            " contract, so a cascade looks smaller than it was. Venues that send everything and venues that"
            " send a sample are added up here only with that warning.\n- **The price of an event** is a fill"
            " on some venues and the bankruptcy price on others, which lies about half a per cent further."
            " The tape says which.\n- **Late** is the time from the event to its arrival here. It includes"
            " the difference between the venue's clock and this computer's.\n- **A blank in the coverage is a"
            " gap**: nobody listened. It does not mean that nothing happened."
        )
        notes = live_panels.sampling_notes(market.collector.snapshot())
        if notes:
            st.markdown(
                "What each venue leaves out:\n"
                + "\n".join(f"- {wording.markdown(note) if '*' not in note else note}" for note in notes)
            )
