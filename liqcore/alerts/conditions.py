"""Each kind of condition as a function of the frames: the moments at which it came true."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.alerts.heat_conditions import balance, cluster_events, heat_changes, price_near, venues_agree
from liqcore.alerts.hits import Hit, rises
from liqcore.alerts.observe import Frames
from liqcore.alerts.rules import SIGNAL_KINDS, Condition
from liqcore.market.flow import funding_extremes
from liqcore.market.rules import SignalRules


def hits_of(part: Condition, frames: Frames, release: float) -> list[Hit]:
    """The moments in the frames at which a condition came true, in order of time; pure and causal."""
    found = frames.keep((part, release), lambda: _function(part.kind)(part, frames, release))
    return found


def _function(kind: str) -> Callable[[Condition, Frames, float], list[Hit]]:
    if kind.startswith("heat "):
        return heat_changes
    if kind.startswith("cluster "):
        return cluster_events
    if kind in SIGNAL_KINDS:
        return _signals
    return {
        "large liquidation": _large,
        "price near cluster": price_near,
        "venues agree": venues_agree,
        "venues stop agreeing": venues_agree,
        "balance flips": balance,
        "funding extreme": _funding,
        "source stale": _stale,
        "external": _external,
    }[kind]


def _close(frames: Frames, bar: int) -> int:
    return int(frames.edges[bar + 1].astype("int64"))


def _large(part: Condition, frames: Frames, release: float) -> list[Hit]:
    events = (frames.recent if part.on == "event" else frames.data).liquidations
    usd, price = events["notional"].to_numpy(), events["price"].to_numpy()  # type: ignore[index]
    keep = usd >= part.minimum
    if part.level is not None:
        keep &= np.abs(np.log(price / part.level)) <= part.within
    for column, wanted in (("side", part.side if part.side != "both" else ""), ("venue", part.name)):
        if wanted:
            keep &= (events[column].astype(str).str.casefold() == wanted.casefold()).to_numpy()  # type: ignore[index]
    chosen = events.iloc[np.flatnonzero(keep)]  # type: ignore[union-attr]
    micros, out = tables.microseconds(chosen["time"]), []
    repeats: dict[str, int] = {}
    for bar, time, venue, side, one, size in zip(
        frames.bar_of(chosen["time"]).tolist(),
        micros.tolist(),
        chosen["venue"],
        chosen["side"],
        chosen["price"],
        chosen["notional"],
        strict=True,
    ):
        name = f"{venue}-{time}-{side}-{one:.10g}-{size:.10g}"
        repeats[name] = repeats.get(name, 0) + 1
        out.append(
            Hit(
                time if part.on == "event" else _close(frames, bar),
                bar,
                f"{name}-{repeats[name]}",
                part.kind,
                str(side),
                part.level,
                float(one),
                float(size),
                0.0,
                float(size),
                "USD",
                f"A {side} liquidation of {wording.usd(size)} happened at {wording.price(one)} on {venue}.",
                "realised",
                part.within,
                event=part.on == "event",
            )
        )
    return sorted(out, key=lambda hit: hit.time)


def _funding(part: Condition, frames: Frames, release: float) -> list[Hit]:
    funding = frames.data.funding
    if funding is None or funding.empty:
        return []
    state = funding_extremes(funding, SignalRules(extreme_z=float(part.by or 3.0)))
    out = []
    for venue, mine in state.groupby("venue", observed=True):
        if part.name and part.name.casefold() != str(venue).casefold():
            continue
        extreme, z = mine["extreme"].to_numpy(dtype=bool), mine["z"].to_numpy()
        bars = frames.bar_of(mine["time"])
        # The first reading has none before it, and readings before the stretch are only the past to compare
        # with.
        for row in rises(extreme).tolist():
            way = "high" if z[row] > 0 else "low"
            if bars[row] < 0 or part.way not in ("any", way):
                continue
            before, after = (float(mine["rate_8h"].iloc[at]) for at in (row - 1, row))
            out.append(
                Hit(
                    _close(frames, int(bars[row])),
                    int(bars[row]),
                    f"{venue}-{mine['time'].iloc[row].isoformat()}",
                    part.kind,
                    "long" if way == "high" else "short",
                    None,
                    None,
                    0.0,
                    before,
                    after,
                    "per 8 h",
                    f"Funding on {venue} went from {wording.percent(before, signed=True)} to"
                    f" {wording.percent(after, signed=True)} per 8 h, {wording.decimal(abs(z[row]), 1)}"
                    " robust deviations from what is usual there.",
                    "realised",
                    part.within,
                )
            )
    return sorted(out, key=lambda hit: (hit.time, hit.key))


def _stale(part: Condition, frames: Frames, release: float) -> list[Hit]:
    limit, out = tables.timeframe(part.over).astype("int64"), []
    for venue in frames.venues:
        if part.name and part.name.casefold() != venue.casefold():
            continue
        heard = frames.heard(venue)
        age = frames.edges[1:].astype("int64") - heard
        for bar in rises((age > limit) & (heard > 0)).tolist():
            last = wording.when(np.datetime64(int(heard[bar]), "us"))
            minutes = float(age[bar]) / 6e7
            out.append(
                Hit(
                    _close(frames, bar),
                    bar,
                    f"{venue}-{heard[bar]}",
                    part.kind,
                    "both",
                    None,
                    None,
                    0.0,
                    0.0,
                    minutes,
                    "minutes",
                    f"{venue} sent nothing for {wording.duration(60 * minutes)}, since {last}: what"
                    " follows is without it.",
                    "realised",
                    part.within,
                )
            )
    return sorted(out, key=lambda hit: (hit.time, hit.key))


def _signals(part: Condition, frames: Frames, release: float) -> list[Hit]:
    table = frames.signals(part.level)
    keep = (table["name"] == part.kind) & (table["level"] == part.level)
    if part.way != "any":
        keep &= table["side"] == part.way
    close, out = frames.prices["close"], []
    for row in table[keep].itertuples():
        bar = int(row.bar)  # type: ignore[arg-type]
        out.append(
            Hit(
                _close(frames, bar),
                bar,
                f"{row.side}-{frames.edges[bar]}",
                part.kind,
                "long" if row.side == "bullish" else "short",
                part.level,
                float(close[bar]),
                0.0,
                float(close[bar - 1]) if bar else None,
                float(close[bar]),
                "price",
                str(row.evidence),
                "realised",
                part.within,
            )
        )
    return out


def _external(part: Condition, frames: Frames, release: float) -> list[Hit]:
    table: pd.DataFrame = (frames.recent if part.on == "event" else frames.data).external  # type: ignore[assignment]
    chosen = table[(table["name"].astype(str).str.casefold() == part.name.casefold()).to_numpy(dtype=bool)]
    again, out = chosen.groupby("time").cumcount().tolist(), []
    for number, (bar, time) in enumerate(
        zip(frames.bar_of(chosen["time"]).tolist(), tables.microseconds(chosen["time"]).tolist(), strict=True)
    ):
        row = chosen.iloc[number]
        price = row.get("price")
        text = row.get("text")
        said = f": {text}" if isinstance(text, str) and text else ""
        side = row.get("side")
        out.append(
            Hit(
                time if part.on == "event" else _close(frames, bar),
                bar,
                f"{time}-{again[number]}",
                part.kind,
                side if isinstance(side, str) and side in ("long", "short") else "both",
                None,
                float(price) if isinstance(price, (int, float, np.number)) and price > 0 else None,
                0.0,
                None,
                None,
                "",
                f"The external signal {row['name']} arrived{said}.",
                "realised",
                part.within,
                event=part.on == "event",
            )
        )
    return out
