"""Measured heat: where positions that a venue publishes would be closed, by the venue's own prices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from liqcore import wording
from liqcore.heat.grid import GridError, HeatGrid, Provenance, VenueCoverage, whole_bins
from liqcore.heat.snapshots import Coverage, Snapshot, coverage, of_margin, snapshots

# A snapshot stands for the columns after it for at most this long; then there is a gap.
CARRIED: Final = np.timedelta64(12, "h").astype("timedelta64[us]")
CROSS: Final = "A cross margined position's price holds only while the account's other positions stand still."


def measured_heatmap(
    positions: pd.DataFrame | Sequence[Snapshot],
    sweeps: pd.DataFrame | None = None,
    margin: Literal["all", "cross", "isolated", "unknown"] = "all",
    bins: int = 400,
    price_range: tuple[float, float] | None = None,
    price_edges: np.ndarray | None = None,
    time_edges: np.ndarray | None = None,
    carried: np.timedelta64 = CARRIED,
    source: str = "positions",
) -> HeatGrid:
    """Where published positions would be liquidated, as a HeatGrid of kind `measured`.

    Parameters
    ----------
    positions : positions table of one venue, or its snapshots.
    sweeps : sweeps table, which tells open interest and which accounts were asked.
    margin : only positions of one margin mode.
    bins, price_range : log-spaced price bins, by default within a third of the mark price.
    price_edges, time_edges : edges to use instead, to lie on another map's. By default a column begins with
        each snapshot.
    carried : how long a snapshot stands for the columns after it; then columns are not observed.

    Returns
    -------
    HeatGrid in USD at the liquidation price; a column is what was known at its closing edge. `outside` is
    what stands beyond the prices in the last column. Positions without a price are in no cell: `parameters`
    and `flags` count them.

    Raises
    ------
    GridError
        No positions; positions of several venues; an empty price range.
    """
    held = snapshots(positions, sweeps) if isinstance(positions, pd.DataFrame) else list(positions)
    if not held:
        raise GridError("There are no measured positions. Sweep the venue's accounts, or read a file.")
    if len({one.venue for one in held}) > 1:
        raise GridError("These are positions of several venues. Draw one venue at a time.")
    if margin != "all":
        held = [of_margin(one, margin) for one in held]
    edges = _time_edges(held, carried) if time_edges is None else np.asarray(time_edges, "datetime64[us]")
    prices = (
        _price_edges(held[-1], bins, price_range) if price_edges is None else np.asarray(price_edges, float)
    )
    at, age = ages(held, edges)
    known = (at >= 0) & (age <= carried)
    long, short, beyond = _cells(held, prices)
    rows = np.where(known, at, 0)
    shown = [np.where(known[:, None], side[rows], 0.0) for side in (long, short)]
    outside = beyond[rows[-1]] if known[-1] else np.zeros(2)
    latest = held[max(int(at[-1]), 0)]
    facts = coverage(latest, edges[-1])
    return HeatGrid(
        kind="measured",
        time_edges=edges,
        price_edges=prices,
        long=shown[0],
        short=shown[1],
        outside_long=float(outside[0]),
        outside_short=float(outside[1]),
        observed=known,
        provenance=_provenance(latest, facts, source, margin),
    )


def ages(held: Sequence[Snapshot], time_edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each column the snapshot it shows (−1 before the first) and its age at the closing edge.

    (T,) int and (T,) timedelta64[us].
    """
    moments = np.array([one.at for one in held], dtype="datetime64[us]")
    closing = np.asarray(time_edges, "datetime64[us]")[1:]
    at = np.searchsorted(moments, closing, side="right") - 1
    return at, closing - moments[np.maximum(at, 0)]


def _cells(held: Sequence[Snapshot], edges: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(S, P) USD of longs and of shorts in each snapshot, and (S, 2) beyond the edges."""
    count, bins = len(held), len(edges) - 1
    price, quantity, short = (
        np.concatenate([np.asarray(read(one.positions)) for one in held])
        for read in (
            lambda table: table["liquidation_price"],
            lambda table: table["quantity"],
            lambda table: table["side"] == "short",
        )
    )
    which = np.repeat(np.arange(count), [len(one.positions) for one in held])
    told = np.isfinite(price)
    price, usd = price[told], (quantity * price)[told]
    row = short[told] * count + which[told]
    # One bin more below and above; the topmost edge belongs to the last bin, as in np.histogram.
    place = np.searchsorted(edges, price, side="right")
    place[price == edges[-1]] = bins
    cells = np.bincount(row * (bins + 2) + place, usd, minlength=2 * count * (bins + 2))
    cells = cells.reshape(2, count, bins + 2)
    return cells[0, :, 1:-1], cells[1, :, 1:-1], (cells[:, :, 0] + cells[:, :, -1]).T


def _time_edges(held: Sequence[Snapshot], carried: np.timedelta64) -> np.ndarray:
    """An edge at each snapshot, at the end of a snapshot's life before a gap, and one before the first: a
    column shows what was known at its closing edge."""
    moments = np.unique(np.array([one.at for one in held], dtype="datetime64[us]"))
    steps = np.diff(moments)
    first = moments[0] - (
        np.median(steps.astype("int64")).astype("timedelta64[us]") if len(steps) else 60_000_000
    )
    ends = moments[:-1][steps > carried] + carried
    late = moments[1:][steps > carried] - np.timedelta64(1, "us")
    return np.unique(np.concatenate([[first], moments, ends, late]))


def _price_edges(latest: Snapshot, bins: int, price_range: tuple[float, float] | None) -> np.ndarray:
    price = latest.price
    low, high = price_range or (price / 1.5, price * 1.5)
    bins = whole_bins(bins)
    if not (np.isfinite([low, high]).all() and 0 < low < high):
        raise GridError("The price range is empty. Give a low above zero and a higher high.")
    return np.geomspace(low, high, bins + 1)


def _provenance(latest: Snapshot, facts: Coverage, source: str, margin: str) -> Provenance:
    held = latest.positions
    priced = held["liquidation_price"].notna()
    bare = held[~priced]
    parameters: tuple[tuple[str, Any], ...] = (
        ("Share of open interest", facts.words),
        ("Positions", len(held)),
        (
            "Without a liquidation price",
            f"{wording.count(len(bare), 'position')}, {wording.usd(bare['notional'].sum())}",
        ),
        ("Margin", margin),
        ("Mark price", wording.price(latest.price) if np.isfinite(latest.price) else "not known"),
    )
    return Provenance(
        source=source,
        venues=(
            VenueCoverage(
                latest.venue,
                "sampled" if facts.is_part else "all",
                "mark",
                int(priced.sum()),
                float((held["quantity"] * held["liquidation_price"]).sum()),
            ),
        ),
        as_of=latest.at,
        parameters=parameters,
        flags=tuple(_flags(latest, facts, len(bare))),
    )


def _flags(latest: Snapshot, facts: Coverage, bare: int) -> list[str]:
    flags = []
    if facts.is_part:
        flags.append(f"This map is a {facts.words}: heat that is missing may be elsewhere.")
    if np.isfinite(facts.imbalance) and abs(facts.imbalance) > 0.05:
        flags.append(
            f"Longs of {wording.quantity(facts.long_btc)} were seen against shorts of"
            f" {wording.quantity(facts.short_btc)}; a full census has equally many."
        )
    if bare:
        flags.append(
            f"{wording.count(bare, 'position')} ({wording.percent(facts.unpriced_usd)} of USD) without a"
            " liquidation price: this coin alone cannot liquidate them, so they are in no band."
        )
    if facts.cross > 0:
        flags.append(CROSS)
    if facts.failed:
        flags.append(f"{wording.count(facts.failed, 'account')} did not answer and may be missing.")
    price = latest.price
    held = latest.positions
    wrong = np.where(
        held["side"] == "long", held["liquidation_price"] > price, held["liquidation_price"] < price
    )
    if wrong.any():
        flags.append(
            f"{wording.count(int(wrong.sum()), 'position')} with a liquidation price on the far side of the"
            " mark price: hedged by the account's other positions, or told late."
        )
    return flags
