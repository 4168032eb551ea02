"""What a heatmap says, in sentences made from its own numbers; no Streamlit here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from liqcore import wording
from liqcore.distances import away
from liqcore.heat.grid import HeatGrid

KIND_MEANING = {
    "realised": "Realised: positions that were closed by force.",
    "modelled": (
        "Modelled: where open positions would be closed, estimated from public data under the assumptions"
        " shown."
    ),
    "measured": "Measured: where positions that are publicly known would be closed.",
}
COMPLETENESS = {
    "all": "every liquidation",
    "sampled": "a sample",
    "unknown": "completeness unknown",
    "mixed": "partly sampled",
}


@dataclass(frozen=True)
class Note:
    """One thing to notice, with the place on the chart where it is."""

    title: str
    text: str
    time: np.datetime64
    price: float


def last_close(grid: HeatGrid, candles: pd.DataFrame | None) -> float | None:
    """The last price on the chart, or None without candles."""
    return None if candles is None or candles.empty else float(candles["close"].iloc[-1])


def provenance_line(grid: HeatGrid, synthetic: bool, now: pd.Timestamp | None = None) -> str:
    """One line that says which kind of heatmap this is, from which venues, how complete and how old."""
    facts = grid.provenance
    venues = ", ".join(
        f"{wording.venue(item.venue)} ({COMPLETENESS.get(item.completeness, item.completeness)})"
        for item in facts.venues
    )
    parts = [KIND_MEANING[grid.kind], f"Source: {facts.source}." if facts.source else ""]
    if grid.kind == "realised" and facts.model:
        # A record has no model: this is what one would put in its place.
        parts = [f"No record but {facts.source}."]
    if grid.kind == "realised":
        parts.append(f"Venues: {venues or 'none'}.")
    elif facts.venues:
        parts.append(f"Venues: {', '.join(wording.venues(facts.venue_names))}.")
    if facts.as_of is not None:
        parts.append(f"Data up to {wording.when(facts.as_of, now)}.")
    if synthetic:
        parts.append("Synthetic data, made by a simulator.")
    return " ".join(part for part in parts if part)


def takeaway(grid: HeatGrid, candles: pd.DataFrame | None, now: pd.Timestamp | None = None) -> str:
    """One sentence above the chart: the single largest thing on it."""
    if grid.kind == "realised":
        long, short = (float(values.sum(dtype=np.float64)) for values in (grid.long, grid.short))
        if long + short == 0:
            if grid.observed is not None and not grid.observed.any():
                return "Nobody listened in this window, so nothing is known of it. Choose another one."
            return "No liquidation falls into this window."
        t, p, side, amount = _hottest(grid)
        return (
            f"{wording.usd(long + short)} of positions were liquidated in this window,"
            f" {wording.share(long, long + short)} of it longs. The hottest cell: {wording.usd(amount)} of"
            f" {side}s at {_band(grid, p)} on {wording.when(grid.time_edges[t], now)}."
        )
    last = last_close(grid, candles)
    below, above = _nearest_bands(grid, last)
    if below is None and above is None:
        return "The model places no open positions into this window."
    parts = []
    if below is not None:
        parts.append(
            f"the hottest band below is {wording.usd(below[1])} of longs at"
            f" {_band(grid, below[0])}{_away(grid, below[0], last)}"
        )
    if above is not None:
        parts.append(
            f"the hottest band above is {wording.usd(above[1])} of shorts at"
            f" {_band(grid, above[0])}{_away(grid, above[0], last)}"
        )
    start = f"With price at {wording.price(last)}, " if last is not None else "At the end of the window, "
    return start + " and ".join(parts) + "."


def how_to_read(
    grid: HeatGrid, candles: pd.DataFrame | None, legend: tuple[float, float], scale: str, threshold: float
) -> list[str]:
    """The explanation beside the chart, one sentence or two a point, with the chart's own numbers."""
    points = [_meaning(grid), _colours(grid, legend, scale), _sides(grid, candles), _dark(grid, threshold)]
    gaps = int((~grid.observed).sum()) if grid.observed is not None else 0
    if gaps:
        points.append(
            f"**{gaps:,} of {grid.shape[0]:,} columns are hatched**: nobody recorded then. A gap is not a"
            " zero."
        )
    if grid.outside > 0:
        points.append(
            f"**Outside the drawn range:** {wording.usd(grid.outside)}"
            f" ({'was liquidated' if grid.kind == 'realised' else 'stands'} at prices or times you do not see"
            " here)."
        )
    points.append(_doubt(grid))
    return points


def what_if(grid: HeatGrid, candles: pd.DataFrame | None, target: float) -> str:
    """What the modelled map says would be liquidated on the way from the last price to `target`."""
    now = last_close(grid, candles)
    if now is None:
        return "Without candles there is no current price to start from."
    if abs(target / now - 1) < 1e-9:
        return "Move the slider: falling price liquidates longs, rising price liquidates shorts."
    on_the_way = grid.on_the_way(now, target)
    side = "long" if target < now else "short"
    standing = float(getattr(grid, side)[-1].sum(dtype=np.float64))
    verb, push = (
        ("fell", "selling, which pushes price further down")
        if side == "long"
        else ("rose", "buying, which pushes price further up")
    )
    amount = on_the_way[side]
    if amount <= 0:
        return f"If price {verb} to {wording.price(target)}, the model sees nothing to liquidate on the way."
    return (
        f"If price {verb} to {wording.price(target)}, the model says up to {wording.usd(amount)} of {side}s"
        f" would be liquidated on the way, {wording.share(amount, standing)} of all {side}s it holds in this"
        f" range. Those closings are forced {push}; how far is not something this map knows."
    )


def notes_for_beginners(grid: HeatGrid, candles: pd.DataFrame, now: pd.Timestamp | None = None) -> list[Note]:
    """Three things to notice on a heatmap, placed where they are: a hot band, a swept one, and the dark."""
    return (_notes_realised if grid.kind == "realised" else _notes_modelled)(grid, candles, now)


def _notes_modelled(grid: HeatGrid, candles: pd.DataFrame, now: pd.Timestamp | None) -> list[Note]:
    last = float(candles["close"].iloc[-1])
    end = grid.time_edges[-1]
    notes = []
    below, above = _nearest_bands(grid, last)
    band = max((item for item in (below, above) if item is not None), key=lambda item: item[1], default=None)
    if band is not None:
        p, amount = band
        side, direction = ("long", "falls") if band is below else ("short", "rises")
        place = _column_since(grid, p, side)
        notes.append(
            Note(
                "A strong band is leverage, waiting",
                f"Around {wording.price(grid.price_centres[p])} the model sees {wording.usd(amount)} of"
                f" {side}s in one price bin, a slice of {usd_step(grid)}. If price {direction} there, they"
                " are closed by force. It does not say price will go there.",
                grid.time_edges[(place + grid.shape[0]) // 2],
                float(grid.price_centres[p]),
            )
        )
    swept = _swept(grid)
    if swept is not None:
        t, p, side, amount = swept
        notes.append(
            Note(
                "Where price went through, the band is gone",
                f"On {wording.when(grid.time_edges[t], now)} price reached"
                f" {wording.price(grid.price_centres[p])} and {wording.usd(amount)} of {side}s standing"
                " there vanished from the map: they were liquidated, or closed on the way.",
                grid.time_edges[t],
                float(grid.price_centres[p]),
            )
        )
    dark = _quiet(grid, last)
    notes.append(
        Note(
            "Empty means little was estimated, not safe",
            f"Around {wording.price(dark)} the map is nearly empty. Price can still go there; there is only"
            " less leverage in the way.",
            end - (end - grid.time_edges[0]) // 10,
            dark,
        )
    )
    return notes


def _notes_realised(grid: HeatGrid, candles: pd.DataFrame, now: pd.Timestamp | None) -> list[Note]:
    notes = []
    for side, move in (("long", "fell"), ("short", "rose")):
        values = getattr(grid, side)
        if values.any():
            t, p = np.unravel_index(int(values.argmax()), values.shape)
            notes.append(
                Note(
                    f"{side.capitalize()}s are closed while price {'falls' if side == 'long' else 'rises'}",
                    f"On {wording.when(grid.time_edges[t], now)} price {move} through"
                    f" {wording.price(grid.price_centres[p])} and {wording.usd(float(values[t, p]))} of"
                    f" {side}s were closed by force in a single cell.",
                    grid.time_edges[t],
                    float(grid.price_centres[p]),
                )
            )
    quiet = _quietest_day(grid)
    notes.append(
        Note(
            "Dark stretches are normal",
            f"Around {wording.when(grid.time_edges[quiet], now)} almost nothing was liquidated. Liquidations"
            f" come in bursts: the busiest tenth of the columns holds {wording.share(*_busiest_tenth(grid))}"
            " of the money.",
            grid.time_edges[quiet],
            float(candles["close"].iloc[min(int(quiet * len(candles) / grid.shape[0]), len(candles) - 1)]),
        )
    )
    return notes


def _meaning(grid: HeatGrid) -> str:
    cell = (
        f"{wording.adjective(grid.time_edges[1] - grid.time_edges[0])} column and a price bin of"
        f" {usd_step(grid)}"
    )
    if grid.kind == "realised":
        return f"**Each cell** adds up the US dollars of positions that *were* closed by force in one {cell}."
    return (
        "**Each cell** is an *estimate* of the US dollars of open positions that *would be* closed by force"
        f" if price came to that bin, as things stood in that column (one {cell})."
    )


def usd_step(grid: HeatGrid) -> str:
    """The width of a price bin: in dollars, or in per cent where the bins are log-spaced."""
    edges = grid.price_edges
    if grid.scale == "log":
        return wording.percent(edges[1] / edges[0] - 1)
    width = edges[1] - edges[0]
    return wording.price(width)


def _colours(grid: HeatGrid, legend: tuple[float, float], scale: str) -> str:
    low, high = legend
    meaning = {
        "log": "on a log scale, so each step of colour multiplies the amount",
        "linear": "on a linear scale, so a place twice as far along the legend is twice the amount",
        "percentile": "by rank: a colour says how a cell compares with the others, not how much it holds",
    }[scale]
    return (
        f"**Colours** run from {wording.usd(low)} to {wording.usd(high)} {meaning}. Strong is strong *on this"
        " legend*: compare two charts only with the same pinned legend."
    )


def _sides(grid: HeatGrid, candles: pd.DataFrame | None) -> str:
    if grid.kind == "realised":
        long, short = (float(values.sum(dtype=np.float64)) for values in (grid.long, grid.short))
        return (
            "**Who?** Longs are closed when price falls (forced selling), shorts when it rises (forced"
            f" buying). Here: {wording.usd(long)} of longs and {wording.usd(short)} of shorts."
        )
    now = last_close(grid, candles)
    long, short = (float(values[-1].sum(dtype=np.float64)) for values in (grid.long, grid.short))
    where = f" ({wording.price(now)})" if now is not None else ""
    return (
        f"**Who?** Below the last price{where} stand longs, {wording.usd(long)} in view; above it shorts,"
        f" {wording.usd(short)} in view."
    )


def _dark(grid: HeatGrid, threshold: float) -> str:
    shown = int(np.count_nonzero(grid.total > max(threshold, 0)))
    cells = grid.shape[0] * grid.shape[1]
    hidden = f" Cells under {wording.usd(threshold)} are hidden by your threshold." if threshold > 0 else ""
    what = "no liquidation was recorded" if grid.kind == "realised" else "little or nothing was estimated"
    return (
        f"**Empty** ({wording.share(cells - shown, cells)} of the cells) means that {what} there; it does not"
        f" mean safe.{hidden}"
    )


def _doubt(grid: HeatGrid) -> str:
    facts = grid.provenance
    if grid.kind == "realised":
        venues = ", ".join(
            f"{wording.venue(item.venue)}: {COMPLETENESS.get(item.completeness, item.completeness)}"
            for item in facts.venues
        )
        flags = " ".join(facts.flags)
        return (
            f"**Doubt it.** {venues + '. ' if venues else ''}{flags + ' ' if flags else ''}What happened here"
            " says nothing about what comes next."
        )
    flags = " ".join(facts.flags)
    return (
        f"**Doubt it.** Nobody outside the venues knows the open positions. {flags + ' ' if flags else ''}"
        "Sizes are relative and an upper bound; change the assumptions and watch the bands move."
    )


def _band(grid: HeatGrid, p: int) -> str:
    return f"{wording.price(grid.price_edges[p])} to {wording.price(grid.price_edges[p + 1])}"


def _away(grid: HeatGrid, p: int, now: float | None) -> str:
    if now is None:
        return ""
    return f", {wording.percent(abs(away(now, grid.price_edges[p], grid.price_edges[p + 1])))} away"


def _hottest(grid: HeatGrid) -> tuple[int, int, str, float]:
    side = "long" if grid.long.max() >= grid.short.max() else "short"
    values = getattr(grid, side)
    t, p = np.unravel_index(int(values.argmax()), values.shape)
    return int(t), int(p), side, float(values[t, p])


def _nearest_bands(
    grid: HeatGrid, now: float | None
) -> tuple[tuple[int, float] | None, tuple[int, float] | None]:
    """The hottest long bin below and short bin above the last price in the last column."""
    centres = grid.price_centres
    out: list[tuple[int, float] | None] = []
    for side, inside in (("long", centres < (now or np.inf)), ("short", centres > (now or 0.0))):
        column = np.where(inside, getattr(grid, side)[-1], 0.0)
        p = int(column.argmax())
        out.append((p, float(column[p])) if column[p] > 0 else None)
    return out[0], out[1]


def _column_since(grid: HeatGrid, p: int, side: str) -> int:
    """The column since which the bin has held at least half of what it holds at the end."""
    values = getattr(grid, side)[:, p]
    weak = np.flatnonzero(values < values[-1] / 2)
    return int(weak[-1]) + 1 if len(weak) else 0


def _swept(grid: HeatGrid) -> tuple[int, int, str, float] | None:
    """The largest bin that went from standing to empty between two columns: column, bin, side, USD."""
    best: tuple[int, int, str, float] | None = None
    for side in ("long", "short"):
        values = getattr(grid, side)
        lost = np.where(values[1:] <= 0, values[:-1], 0.0)
        if lost.size and lost.max() > (best[3] if best else 0.0):
            t, p = np.unravel_index(int(lost.argmax()), lost.shape)
            best = (int(t) + 1, int(p), side, float(lost[t, p]))
    return best


def _quiet(grid: HeatGrid, now: float) -> float:
    """The middle of the emptiest twelfth of the price range in the last column, away from price itself."""
    column = grid.total[-1].astype(np.float64)
    width = max(grid.shape[1] // 12, 1)
    sums = np.convolve(column, np.ones(width), "valid")
    centres = np.array([grid.price_centres[i + width // 2] for i in range(len(sums))])
    sums = np.where(np.abs(centres / now - 1) < 0.005, np.inf, sums)
    return float(centres[int(sums.argmin())])


def _quietest_day(grid: HeatGrid) -> int:
    amounts = grid.total.sum(axis=1, dtype=np.float64)
    width = max(grid.shape[0] // 12, 1)
    return int(np.convolve(amounts, np.ones(width), "valid").argmin()) + width // 2


def _busiest_tenth(grid: HeatGrid) -> tuple[float, float]:
    amounts = np.sort(grid.total.sum(axis=1, dtype=np.float64))[::-1]
    return float(amounts[: max(len(amounts) // 10, 1)].sum()), float(amounts.sum())
