"""Modelled liquidation levels: where open positions would be closed, estimated from public data.

The "flow identity" model. In every candle buys = sells = V and both sides of open interest change alike,
so that gross opens are V + ΔOI and gross closes V − ΔOI, half on each side. Opened quantity is spread
over leverage by who was the aggressor, over entries by the candle's range, and stands at its liquidation
price until price crosses it or its share of the closes takes it away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.heat.assumptions import Assumptions
from liqcore.heat.grid import GridError, HeatGrid, Provenance, VenueCoverage
from liqcore.heat.level_book import Deposits, Flows, Lattice, Outcome, lattice, run
from liqcore.heat.margin import bankruptcy_price, liquidation_price

MODELS: Final = ("flow-identity", "textbook")
# What remains of the volume after churn where open interest cannot calibrate it.
_DEFAULT_CHURN: Final = 0.5


def modelled_heatmap(
    candles: pd.DataFrame,
    open_interest: pd.DataFrame | None = None,
    funding: pd.DataFrame | None = None,
    model: Literal["flow-identity", "textbook"] | str = "flow-identity",
    assumptions: Assumptions | None = None,
    bins: int = 400,
    columns: int = 400,
    price_range: tuple[float, float] | None = None,
    time_edges: np.ndarray | None = None,
    venue: str | tuple[str, ...] = "unknown",
    source: str = "candles",
) -> HeatGrid:
    """Estimate where open positions would be liquidated, as a HeatGrid of kind `modelled`.

    Parameters
    ----------
    candles : candles table, oldest first; all of its history builds levels.
    open_interest : open interest table; several venues are summed. A value is used from its own time on,
        never earlier.
    funding : funding table; used only when `assumptions.funding_tilt` is above 0.
    model : `flow-identity`, or `textbook`: entry·(1 ∓ 1/leverage) for every taker trade, crossed by
        price and otherwise never closed.
    assumptions : the guesses; `Assumptions()` by default.
    bins : log-spaced price bins between `price_range`, by default 15 % beyond the traded range. They only
        draw: inside, the model's bins are at most 10 basis points wide and reach as far as levels can.
    columns : at most so many display columns, evenly spread over time.
    time_edges : (T + 1,) datetime64 edges to use instead of `columns`.
    venue, source : words for the provenance.

    Returns
    -------
    HeatGrid (T, bins) in USD at the liquidation price; a column is the state at its closing edge and is
    not observed where it holds no candle. `outside` is what stands beyond the price range at the end.
    `predicted` has one row a candle: `time`, `long` and `short` (USD the model says was liquidated),
    `standing_long`, `standing_short` and `open_interest` (BTC, after the candle).

    Raises
    ------
    TableError, GridError
        No candles; neither volume nor open interest; an unknown model; an empty price range.
    """
    if model not in MODELS:
        raise GridError(f"There is no model {model!r}. Known: {', '.join(MODELS)}.")
    guesses = assumptions or Assumptions()
    bars = tables.ensure(candles, "candles")
    if bars.empty:
        raise GridError("Modelled levels need candles, and there are none in this window.")
    inputs, flags = _inputs(bars, open_interest, funding, guesses, model)
    edges = _edges(inputs, columns) if time_edges is None else np.asarray(time_edges).astype("datetime64[us]")
    low, high = price_range or (float(inputs.low.min()) * 0.85, float(inputs.high.max()) * 1.15)
    if not (np.isfinite([low, high]).all() and 0 < low < high) or bins < 1:
        raise GridError(
            f"The price range {low:g} to {high:g} USD is empty. Give a low above zero and a higher high."
        )
    book = _lattice(inputs, guesses, model, low, high, bins)
    closing = inputs.closes_at
    snapshots = np.searchsorted(closing, edges[1:].astype("int64"), side="right") - 1
    blur = round(guesses.smoothing_bp / 1e4 / (book.log_step * book.parts))
    kept = book.window(blur)
    outcome = run(
        book, _book_flows(inputs, model, book), _deposits(inputs, guesses, model, book), snapshots, kept
    )
    # A column has data where a candle closed in it, or where a candle longer than the column covers it.
    first, last = np.searchsorted(closing, edges.astype("int64"), side="right")[:-1], snapshots
    inside = last >= first
    covered = np.append(inputs.opens_at, np.iinfo(np.int64).max)[np.minimum(last + 1, len(closing))] < edges[
        1:
    ].astype("int64")
    names = (venue,) if isinstance(venue, str) else venue
    return _grid(
        book,
        outcome,
        inputs,
        edges,
        (low, high),
        inside | covered,
        (kept, blur),
        Provenance(
            source=source,
            venues=tuple(VenueCoverage(name) for name in names),
            as_of=np.datetime64(int(closing[-1]), "us"),
            model=model,
            parameters=(
                tuple(guesses.describe().items())
                if model == "flow-identity"
                else (("Leverage of takers", guesses.describe()["Leverage of takers"]),)
            ),
            flags=flags,
        ),
    )


@dataclass(frozen=True)
class _Inputs:
    """Aligned arrays of length n: times in µs, prices, and per-side flows in BTC."""

    opens_at: np.ndarray
    closes_at: np.ndarray
    low: np.ndarray
    high: np.ndarray
    close: np.ndarray
    opened: np.ndarray
    closed: np.ndarray
    interest: np.ndarray
    interest_before: np.ndarray
    fade: np.ndarray
    buys: np.ndarray
    sells: np.ndarray
    long_taker: np.ndarray
    short_taker: np.ndarray


def _inputs(
    bars: pd.DataFrame,
    open_interest: pd.DataFrame | None,
    funding: pd.DataFrame | None,
    guesses: Assumptions,
    model: str,
) -> tuple[_Inputs, tuple[str, ...]]:
    opens_at = tables.microseconds(bars["time"])
    step = int(np.median(np.diff(opens_at))) if len(opens_at) > 1 else 60_000_000
    closes_at = np.minimum(opens_at + step, np.append(opens_at[1:], opens_at[-1] + step))
    volume = bars["volume"].to_numpy()
    known_volume = np.isfinite(volume)
    interest, old = _aligned(open_interest, closes_at, step)
    known_interest = np.isfinite(interest)
    if not known_volume.any() and (model == "textbook" or not known_interest.any()):
        raise GridError(
            "Modelled levels need volume or open interest, and the candles have no volume. Add an open"
            " interest file."
        )
    share = np.divide(
        bars["taker_buy_volume"].to_numpy(),
        volume,
        out=np.full(len(volume), np.nan),
        where=known_volume & (volume > 0),
    )
    taker = np.clip(np.where(np.isfinite(share), share, 0.5), 0.0, 1.0)
    volume = np.where(known_volume, volume, 0.0)
    before = np.concatenate([[np.nan], interest[:-1]])
    change = np.where(np.isfinite(before) & known_interest, interest - before, 0.0)
    lasting = volume * _lasting_share(volume, interest, step, guesses)
    opened = np.maximum((lasting + change) / 2, np.maximum(change, 0.0))
    closed = np.maximum(opened - change, 0.0)
    tilt = _funding_tilt(funding, closes_at, guesses.funding_tilt)
    inputs = _Inputs(
        opens_at=opens_at,
        closes_at=closes_at,
        low=bars["low"].to_numpy(),
        high=bars["high"].to_numpy(),
        close=bars["close"].to_numpy(),
        opened=opened,
        closed=closed,
        interest=interest,
        interest_before=before,
        # Levels fade through holes between candles too.
        fade=np.exp(-np.diff(closes_at, prepend=closes_at[0] - step) / 3.6e9 / guesses.holding_hours),
        buys=volume * taker,
        sells=volume * (1 - taker),
        long_taker=_tilted(taker, np.maximum(tilt, 0.0)),
        short_taker=_tilted(1 - taker, np.maximum(-tilt, 0.0)),
    )
    return inputs, _flags(model, known_volume, known_interest, np.isfinite(share), old, guesses)


def _aligned(
    open_interest: pd.DataFrame | None, closes_at: np.ndarray, step: int
) -> tuple[np.ndarray, np.ndarray]:
    """Open interest of all venues together as known at each close, and where a part of it is old.

    BTC; NaN before every venue is known. Old is more than three of the venue's own intervals, or candles.
    """
    total, old = np.full(len(closes_at), np.nan), np.zeros(len(closes_at), dtype=bool)
    if open_interest is None or not len(open_interest):
        return total, old
    table = tables.ensure(open_interest, "open_interest")
    total[:] = 0.0
    for _, part in table.groupby("venue", observed=True):
        times = tables.microseconds(part["time"])
        at = np.searchsorted(times, closes_at, side="right") - 1
        total += np.where(at >= 0, part["quantity"].to_numpy()[np.maximum(at, 0)], np.nan)
        interval = max(int(np.median(np.diff(times))) if len(times) > 1 else 0, step)
        old |= (at >= 0) & (closes_at - times[np.maximum(at, 0)] > 3 * interval)
    return total, old


def _lasting_share(volume: np.ndarray, interest: np.ndarray, step: int, guesses: Assumptions) -> np.ndarray:
    """Share of the volume that opens or closes something lasting, from what was known at each candle.

    With open interest and no stated churn it is set so that open interest turns over once in
    `holding_hours`: each side closes half the lasting volume.
    """
    if guesses.churn is not None:
        return np.full(len(volume), 1 - guesses.churn)
    known = np.isfinite(interest)
    seen = np.maximum(np.cumsum(known), 1)
    mean_interest = np.cumsum(np.where(known, interest, 0.0)) / seen
    mean_volume = np.cumsum(volume) / np.arange(1, len(volume) + 1)
    hours = step / 3.6e9
    with np.errstate(divide="ignore", invalid="ignore"):
        share = 2 * mean_interest * hours / (guesses.holding_hours * mean_volume)
    return np.where(known & np.isfinite(share), np.clip(share, 0.0, 1.0), 1 - _DEFAULT_CHURN)


def _funding_tilt(funding: pd.DataFrame | None, closes_at: np.ndarray, strength: float) -> np.ndarray:
    """strength·z of the funding known at each close, against its own past; positive where longs pay."""
    if strength == 0 or funding is None or not len(funding):
        return np.zeros(len(closes_at))
    rates = tables.ensure(funding, "funding").groupby("time")["rate"].mean()
    past = rates.shift(1).expanding(min_periods=9)
    z = ((rates - past.mean()) / past.std()).replace([np.inf, -np.inf], np.nan).fillna(0.0).clip(-3, 3)
    at = np.searchsorted(tables.microseconds(pd.Series(rates.index)), closes_at, side="right") - 1
    return np.where(at >= 0, strength * z.to_numpy()[np.maximum(at, 0)], 0.0)


def _tilted(share: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """The share with its odds multiplied by exp(shift)."""
    raised = share * np.exp(shift)
    return raised / (raised + 1 - share)


def _flags(
    model: str,
    volume: np.ndarray,
    interest: np.ndarray,
    split: np.ndarray,
    old: np.ndarray,
    guesses: Assumptions,
) -> tuple[str, ...]:
    flags = []
    if model == "textbook":
        return (
            (
                "Textbook formula: levels stand at the bankruptcy price, too far away, and nothing but price"
                " ever removes them."
            ),
        )
    if not interest.any():
        flags.append(
            "No open interest was given, so levels fade with an assumed holding time of"
            f" {guesses.holding_hours:g} hours."
        )
    elif not interest.all():
        flags.append(
            f"Open interest is missing for {100 * (1 - interest.mean()):.0f} % of the candles; levels fade by"
            " assumption there."
        )
    if old.any():
        flags.append(
            f"Open interest is out of date for {100 * old.mean():.0f} % of the candles; its last value is"
            " carried on there."
        )
    if not volume.any():
        flags.append("No volume was given, so only growth of open interest opens positions.")
    elif not split[volume].any():
        flags.append("No taker volume was given, so longs and shorts get the same leverage mix.")
    return tuple(flags)


def _edges(inputs: _Inputs, columns: int) -> np.ndarray:
    """Display edges on whole candles, evenly spread over time."""
    start, end = int(inputs.opens_at[0]), int(inputs.closes_at[-1])
    step = int(np.median(inputs.closes_at - inputs.opens_at))
    count = max(-(-(end - start) // step), 1)
    at = np.unique(np.linspace(0, count, min(max(columns, 1), count) + 1).round().astype(np.int64))
    return (start + at * step).astype("datetime64[us]")


def _ratios(guesses: Assumptions, model: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Liquidation price over entry for long and short (k,), and the shares of taker and maker mixes (k,).

    One entry a pair of leverage and margin multiple; a level that cannot be reached has share 0.
    """
    leverage = np.asarray(guesses.leverages)
    taker, maker = np.asarray(guesses.taker_mix), np.asarray(guesses.maker_mix)
    if model == "textbook":
        longs, shorts = bankruptcy_price("long", 1.0, leverage), bankruptcy_price("short", 1.0, leverage)
        weights = np.ones(1)
    else:
        margin = (np.asarray(guesses.margin_multiples)[:, None] / leverage).ravel()
        longs, shorts = (
            liquidation_price(
                side,
                1.0,
                None,
                guesses.maintenance_margin_rate,
                wallet_balance=margin,
                fee_rate=guesses.fee_rate,
            )
            for side in tables.SIDES
        )
        weights = np.asarray(guesses.margin_weights)
    taker, maker = (np.outer(weights, mix).ravel() for mix in (taker, maker))
    usable = (longs > 0) & (longs < 1) & (shorts > 1) & np.isfinite(shorts)
    return (
        np.where(usable, longs, 0.5),
        np.where(usable, shorts, 2.0),
        np.where(usable, taker, 0.0),
        np.where(usable, maker, 0.0),
    )


def _lattice(
    inputs: _Inputs, guesses: Assumptions, model: str, low: float, high: float, bins: int
) -> Lattice:
    longs, shorts, _, _ = _ratios(guesses, model)
    return lattice(
        low, high, bins, float(inputs.low.min() * longs.min()), float(inputs.high.max() * shorts.max())
    )


def _book_flows(inputs: _Inputs, model: str, book: Lattice) -> Flows:
    low_bin, high_bin = (book.bin(np.log(price / book.low)) for price in (inputs.low, inputs.high))
    if model == "textbook":
        unknown = np.full(len(low_bin), np.nan)
        return Flows(low_bin, high_bin, np.zeros(len(low_bin)), unknown, unknown, np.ones(len(low_bin)))
    return Flows(low_bin, high_bin, inputs.closed, inputs.interest_before, inputs.interest, inputs.fade)


def _deposits(inputs: _Inputs, guesses: Assumptions, model: str, book: Lattice) -> Deposits:
    """New levels of a run of candles: every entry × leverage × margin multiple."""
    longs, shorts, taker, maker = _ratios(guesses, model)
    kernel = guesses.entry_kernel
    # In logarithms a level is its entry plus a constant, so a chunk is two additions.
    log_longs, log_shorts = (np.log(ratio) - np.log(book.low) for ratio in (longs, shorts))

    def make(begin: int, stop: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        part = slice(begin, stop)
        if model == "textbook":
            entries = np.log(inputs.close[part])[:, None]
            long_sizes = inputs.buys[part][:, None] * taker
            short_sizes = inputs.sells[part][:, None] * taker
        else:
            low, high = inputs.low[part, None], inputs.high[part, None]
            entries = np.log(low + (high - low) * kernel)
            opened = inputs.opened[part, None] / len(kernel)
            long_sizes, short_sizes = (
                np.tile(
                    opened * (share[part, None] * taker + (1 - share[part, None]) * maker), (1, len(kernel))
                )
                for share in (inputs.long_taker, inputs.short_taker)
            )
        long_bins, short_bins = (
            book.bin(entries[:, :, None] + offset).reshape(len(entries), -1)
            for offset in (log_longs, log_shorts)
        )
        return long_bins, long_sizes, short_bins, short_sizes

    return make


def _grid(
    book: Lattice,
    outcome: Outcome,
    inputs: _Inputs,
    edges: np.ndarray,
    price_range: tuple[float, float],
    observed: np.ndarray,
    blur: tuple[slice, int],
    provenance: Provenance,
) -> HeatGrid:
    kept, half = blur
    margin = (book.first - kept.start) // book.parts
    shown = (_blurred(outcome.rows, half) if half else outcome.rows)[:, :, margin : margin + book.drawn]
    price_edges = book.edges
    price_edges[0], price_edges[-1] = price_range
    beyond = np.maximum(
        (outcome.last * book.centres).sum(axis=1) - shown[:, -1].sum(axis=1, dtype=np.float64), 0.0
    )
    return HeatGrid(
        kind="modelled",
        time_edges=edges,
        price_edges=price_edges,
        long=shown[0],
        short=shown[1],
        outside_long=float(beyond[0]),
        outside_short=float(beyond[1]),
        observed=observed,
        provenance=provenance,
        predicted=pd.DataFrame(
            {
                "time": pd.DatetimeIndex(inputs.opens_at.astype("datetime64[us]"), tz="UTC"),
                "long": outcome.crossed_usd[:, 0],
                "short": outcome.crossed_usd[:, 1],
                "standing_long": outcome.standing[:, 0],
                "standing_short": outcome.standing[:, 1],
                "open_interest": inputs.interest,
            }
        ),
    )


def _blurred(usd: np.ndarray, half: int) -> np.ndarray:
    """Rows blurred along price by a triangle that falls to nothing beyond `half` bins; USD only moves."""
    kernel = np.concatenate([np.arange(1, half + 2), np.arange(half, 0, -1)]).astype(np.float32)
    kernel /= kernel.sum()
    padded = np.pad(usd, ((0, 0), (0, 0), (half, half)))
    out = np.zeros_like(usd)
    for shift, weight in enumerate(kernel):
        out += weight * padded[:, :, shift : shift + usd.shape[2]]
    return out
