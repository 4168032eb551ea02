"""What the browser draws in tests: one map by default, `?mode=` for others; grids that a test can build
again."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pandas as pd
import streamlit as st

from liqcore import tables
from liqcore.heat.grid import HeatGrid, Provenance, VenueCoverage

START = np.datetime64("2026-03-28", "us")  # a European clock change falls into the window
HOUR = np.timedelta64(3_600_000_000, "us")


def grid(kind: str, seed: int = 1) -> HeatGrid:
    """`modelled`: unequal columns and log bins; `dense`, `sparse`: events; with a gap and an outlier;
    `empty`."""
    rng = np.random.default_rng(seed)
    columns, bands, density = {
        "modelled": (60, 40, 0.6),
        "dense": (120, 90, 0.8),
        "sparse": (60, 40, 0.08),
        "empty": (12, 10, 0.0),
    }[kind]
    usd = rng.lognormal(11, 2, (columns, bands)) * (rng.random((columns, bands)) < density)
    if density:
        usd[30, 20] = 4e8
    below = np.arange(bands) < bands // 2
    both = rng.random((columns, bands)) < 0.1
    stock = kind == "modelled"
    steps = rng.integers(1, 3, columns) if stock else np.ones(columns, int)
    seen = np.ones(columns, bool)
    if density:
        seen[10:14] = False
    usd[~seen] = 0
    return HeatGrid(
        "modelled" if stock else "realised",
        START + np.append(0, np.cumsum(steps)) * HOUR,
        (np.geomspace if stock else np.linspace)(50_000, 60_000, bands + 1),
        usd * (below | both),
        usd * (~below | both) * 0.7,
        Provenance("Sample market", (VenueCoverage("okx", "all"),)),
        observed=seen,
    )


def bars(count: int = 60) -> pd.DataFrame:
    close = 55_000 * np.exp(np.cumsum(np.random.default_rng(2).normal(0, 0.002, count)))
    return tables.candles(
        pd.DataFrame(
            {
                "time": START + np.arange(count) * HOUR,
                "open": np.append(close[0], close[:-1]),
                "high": close * 1.001,
                "low": close * 0.999,
                "close": close,
                "volume": 10.0,
                "taker_buy_volume": 6.0,
            }
        )
    )


def main() -> None:
    from liqcore.views import heat

    st.set_page_config(layout="wide")
    heat.code()
    asked = st.query_params
    kind = asked.get("kind", "modelled")
    if asked.get("mode") == "many":
        places = [*st.columns(3), *st.columns(3)]
        for number, place in enumerate(places):
            with place:
                heat.heatmap(
                    grid("dense", number + 1),
                    bars(),
                    key=f"map{number}",
                    height=260,
                    group="many",
                    shared=True,
                    controls="none" if number else "full",
                    strips=False,
                )
        return
    seed = int(st.number_input("Seed", 1, 9, 1))
    boxes = pd.DataFrame(
        {
            "time_from": [START + 2 * HOUR] * 2,
            "time_to": [START + 40 * HOUR] * 2,
            "price_from": [52_000.0, 52_300.0],
            "price_to": [53_000.0, 53_200.0],
            "side": ["long", "long"],
            "label": ["Longs $1.00M", "Longs $2.00M"],
        }
    )
    drawn = heat.heatmap(
        grid(kind, seed),
        bars(int(asked.get("candles", "60"))),
        key="map",
        note="Synthetic, for tests.",
        heading="A map",
        boxes=boxes,
        levels=(
            pd.DataFrame({"price": [54_000.0], "label": ["$54,000 stop"], "drag": ["stop"]})
            if "plan" in asked
            else None
        ),
        height=int(asked.get("height", "480")),
        address=True,
        replay=True,
        what=True,
        pick=True,
        actions=(("read", "Read this level"),),
    )
    st.session_state["clicks"] = st.session_state.get("clicks", 0) + 1
    st.code(f"run {st.session_state['clicks']} picked {drawn.picked} asked {drawn.asked}")
    st.write("text " * 4000)


if __name__ == "__main__":
    main()
