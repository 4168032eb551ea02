"""The plan's prices as lines on a market's map; a line that is dragged changes the plan."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from liqcore import wording
from liqcore.heat.grid import HeatGrid
from liqcore.risk.plan_data import Plan
from liqcore.service.dataset import Dataset
from liqcore.views import panels
from liqcore.views.controls import LINK
from liqcore.views.risk import market


def draw(plan: Plan, data: Dataset | None) -> None:
    """A fold with the modelled map of the market at hand, the plan's lines and what stands on the way."""
    with st.expander(
        "The plan on the map", icon=":material/grid_on:", key="onmap", bind=LINK, on_change="rerun"
    ) as opened:
        if not opened.open:
            return
        found = market.drawn(data)
        if data is None or found is None:
            st.info("Add a candles file, or choose the sample market.", icon=":material/upload_file:")
            return
        grid, bars = found
        last = float(bars["close"].iloc[-1])
        if abs(plan.entry / last - 1) > market.FAR:
            st.info(
                wording.markdown(
                    f"This market ends at {wording.price(last)} and the plan's entry is"
                    f" {wording.price(plan.entry)}: it is a plan for another market or another time."
                ),
                icon=":material/info:",
            )
            return
        panels.heatmap(
            grid, bars, data, "risk-map", height=460, levels=lines(plan, grid), what=True, on_asked=take
        )
        st.caption("Drag a line to change the plan; the numbers above follow when you let go.")


def lines(plan: Plan, grid: HeatGrid) -> pd.DataFrame | None:
    """Entry, stop, targets and the liquidation price that lie on the map; all but the last can be dragged."""
    rows = [("entry", plan.entry, "Entry"), ("stop", plan.stop, "Stop")]
    rows += [
        (f"target {number}", target.price, f"Target {number}")
        for number, target in enumerate(plan.targets, 1)
    ]
    if plan.liquidation_price is not None:
        rows.append(("", plan.liquidation_price, "Liquidation"))
    low, high = grid.price_edges[[0, -1]]
    shown = [
        (name, price, f"{words} {wording.price(price)}") for name, price, words in rows if low < price < high
    ]
    return pd.DataFrame(shown, columns=["drag", "price", "label"]) if shown else None


def take(asked: dict[str, Any]) -> None:
    """Before the run that a dragged line starts: its price goes into the plan's field."""
    what, price = str(asked.get("what", "")), wording.whole(float(asked["price"]))
    if what in ("entry", "stop"):
        st.session_state[what] = price
    elif what.startswith("target "):
        targets = [
            part.strip() for part in str(st.session_state.get("targets", "")).split(";") if part.strip()
        ]
        number = int(what.removeprefix("target ")) - 1
        if number < len(targets):
            targets[number] = price
            st.session_state["targets"] = "; ".join(targets)
