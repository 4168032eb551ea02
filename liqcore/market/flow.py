"""Momentum and order flow beside the price: RSI, MACD, funding, open interest, taker volume.

Comparisons with "usual" use past readings only, by median and median absolute deviation, so that one
crash does not make the next one look normal.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.market.candles import closed_by, macd_of, missing_before, rsi_of, taker_delta
from liqcore.market.rules import Batch, SignalRules
from liqcore.market.swings import stamps, turning_points

RSI_STATES: Final = ("oversold", "weak", "neutral", "strong", "overbought")
_HOUR: Final = 3_600_000_000
_CHUNK: Final = 8_192
DEFAULT: Final = SignalRules()


def robust_z(values: np.ndarray, window: int, minimum: int, floor: float) -> np.ndarray:
    """(N,) distance of each value from the median of the `window` values before it, in robust deviations.

    The deviation is 1.4826 · MAD, but at least `floor`. NaN for the first `minimum` values. The value itself
    is not part of its past.
    """
    out = np.full(len(values), np.nan)
    padded = np.concatenate([np.full(window, np.nan), values])
    past = np.lib.stride_tricks.sliding_window_view(padded, window)[: len(values)]
    for begin in range(minimum, len(values), _CHUNK):
        rows = past[begin : begin + _CHUNK]
        middle = np.median if begin >= window else np.nanmedian
        centre = middle(rows, axis=1)
        spread = middle(np.abs(rows - centre[:, None]), axis=1)
        out[begin : begin + _CHUNK] = (values[begin : begin + _CHUNK] - centre) / np.maximum(
            1.4826 * spread, floor
        )
    return out


def momentum(
    candles: pd.DataFrame,
    at: object = None,
    timeframe: str | np.timedelta64 | None = None,
    rules: SignalRules = DEFAULT,
) -> pd.DataFrame:
    """State of RSI and MACD at every closed bar.

    Returns
    -------
    DataFrame `time`, `known_at`, `rsi`, `rsi_state` (`oversold`, `weak` below 45, `neutral`, `strong`
    above 55, `overbought`; missing while unknown), `macd`, `macd_signal`, `macd_histogram` (USD).
    """
    checked, step = closed_by(candles, at, timeframe)
    strength, average = rsi_of(checked, step), macd_of(checked, step)
    state = np.select(
        [
            np.isnan(strength),
            strength <= rules.rsi_low,
            strength < 45.0,
            strength <= 55.0,
            strength < rules.rsi_high,
        ],
        [-1, 0, 1, 2, 3],
        4,
    )
    micros = tables.microseconds(checked["time"])
    return pd.DataFrame(
        {
            "time": stamps(micros),
            "known_at": stamps(micros + step.astype("int64")),
            "rsi": strength,
            "rsi_state": pd.Categorical.from_codes(state, categories=pd.Index(RSI_STATES), ordered=True),
            "macd": average.line,
            "macd_signal": average.signal,
            "macd_histogram": average.histogram,
        }
    )


def funding_extremes(funding: pd.DataFrame, rules: SignalRules = DEFAULT) -> pd.DataFrame:
    """How unusual each funding rate is beside the venue's own past.

    Returns
    -------
    The funding table with `rate_8h` (fraction per 8 hours), `z` (robust, past readings only; NaN for the
    first ones of a venue) and `extreme` (bool: far above the past and positive, where longs pay and are
    crowded, or far below it and negative).
    """
    out = tables.ensure(funding, "funding").copy()
    out["rate_8h"] = out["rate"] * 8.0 / out["interval_hours"]
    rate, venue = out["rate_8h"].to_numpy(), out["venue"].array.codes
    z = np.full(len(out), np.nan)
    for code in range(len(out["venue"].cat.categories)):
        mine = np.flatnonzero(venue == code)
        z[mine] = robust_z(rate[mine], rules.funding_window, rules.past_minimum, rules.funding_floor)
    out["z"] = z
    out["extreme"] = (np.abs(np.nan_to_num(z)) >= rules.extreme_z) & (z * rate > 0)
    return out


def open_interest_changes(
    candles: pd.DataFrame,
    open_interest: pd.DataFrame,
    at: object = None,
    timeframe: str | np.timedelta64 | None = None,
    rules: SignalRules = DEFAULT,
) -> pd.DataFrame:
    """Change of open interest and of price up to each bar's open, and how unusual the former is.

    Venues publish open interest late, so a bar is given what was stamped at its open, never what came
    during it. Venues are added up where they have a reading no older than 2 bars (at least 2 hours) at both
    ends.

    Returns
    -------
    DataFrame `time`, `known_at`, `change` (fraction over `rules.open_interest_bars`), `price_change`
    (fraction), `z`, `extreme` (bool); NaN where unknown.
    """
    checked, step = closed_by(candles, at, timeframe)
    readings = tables.ensure(open_interest, "open_interest")
    length, micros = int(step.astype("int64")), tables.microseconds(checked["time"])
    earlier = micros - rules.open_interest_bars * length
    oldest = max(2 * length, 2 * _HOUR)
    before, gained = np.zeros(len(micros)), np.zeros(len(micros))
    stamped, venue = tables.microseconds(readings["time"]), readings["venue"].array.codes
    quantity = readings["quantity"].to_numpy()
    for code in range(len(readings["venue"].cat.categories)):
        mine = venue == code
        now, then = (_latest(stamped[mine], quantity[mine], moments, oldest) for moments in (micros, earlier))
        both = ~np.isnan(now) & ~np.isnan(then)
        before += np.where(both, then, 0.0)
        gained += np.where(both, now - then, 0.0)
    change = gained / np.where(before > 0, before, np.nan)
    known = ~np.isnan(change)
    z = np.full(len(micros), np.nan)
    z[known] = robust_z(
        change[known], rules.open_interest_window, rules.past_minimum, rules.open_interest_floor
    )
    opens = checked["open"].to_numpy()
    return pd.DataFrame(
        {
            "time": stamps(micros),
            "known_at": stamps(micros + length),
            "change": change,
            "price_change": opens / _latest(micros, opens, earlier, 0) - 1.0,
            "z": z,
            "extreme": (
                (np.abs(np.nan_to_num(z)) >= rules.extreme_z)
                & (np.abs(np.nan_to_num(change)) >= rules.open_interest_change)
            ),
        }
    )


def _latest(stamped: np.ndarray, values: np.ndarray, moments: np.ndarray, oldest: int) -> np.ndarray:
    """The last value stamped at or before each moment, NaN when older than `oldest` µs."""
    if not len(stamped):
        return np.full(len(moments), np.nan)
    place = np.searchsorted(stamped, moments, "right") - 1
    fresh = (place >= 0) & (moments - stamped[np.maximum(place, 0)] <= oldest)
    return np.where(fresh, values[np.maximum(place, 0)], np.nan)


def momentum_signals(candles: pd.DataFrame, step: np.timedelta64, rules: SignalRules) -> list[Batch]:
    """RSI leaving an extreme, and MACD crossing its average."""
    value, averages = rsi_of(candles, step), macd_of(candles, step)
    before = np.append(np.nan, value[:-1]) if len(value) else value
    up, down = (
        (before <= rules.rsi_low) & (value > rules.rsi_low),
        (before >= rules.rsi_high) & (value < rules.rsi_high),
    )
    row = np.flatnonzero(up | down)
    side = np.where(up[row], 1, -1)
    turned = Batch(
        "rsi turn",
        row,
        side,
        np.nan,
        np.minimum(np.maximum(rules.rsi_low - before[row], before[row] - rules.rsi_high) / 15.0 + 0.25, 1.0),
        [
            f"RSI came back from {'oversold' if rising > 0 else 'overbought'}: {wording.decimal(old, 1)},"
            f" now {wording.decimal(new, 1)}."
            for rising, old, new in zip(side, before[row], value[row], strict=True)
        ],
    )
    histogram, close = averages.histogram, candles["close"].to_numpy()
    # Averages of a price that stands still differ by rounding; that is no crossing.
    histogram = np.where(np.abs(histogram) < 1e-9 * close, 0.0, histogram)
    last = np.append(np.nan, histogram[:-1]) if len(histogram) else histogram
    up, down = (last <= 0) & (histogram > 0), (last >= 0) & (histogram < 0)
    row = np.flatnonzero(up | down)
    side = np.where(up[row], 1, -1)
    line, average = averages.line[row], averages.signal[row]
    crossed = Batch(
        "macd cross",
        row,
        side,
        np.nan,
        np.minimum(np.abs(histogram[row] - last[row]) / np.maximum(np.abs(line), 1e-12), 1.0),
        [
            f"MACD crossed {'above' if rising > 0 else 'below'} its average ({wording.usd(fast)}"
            f" against {wording.usd(slow)})."
            for rising, fast, slow in zip(side, line, average, strict=True)
        ],
    )
    return [turned, crossed]


def funding_signals(
    candles: pd.DataFrame, step: np.timedelta64, funding: pd.DataFrame, rules: SignalRules
) -> Batch:
    """Funding that becomes extreme: crowded longs speak against them, crowded shorts likewise."""
    state = funding_extremes(funding, rules)
    begins = state["extreme"].to_numpy(dtype=bool, copy=True)
    venue = state["venue"].array.codes
    for code in range(len(state["venue"].cat.categories)):
        mine = np.flatnonzero(venue == code)
        begins[mine[1:]] &= ~state["extreme"].to_numpy(dtype=bool)[mine[:-1]]
    micros, length = tables.microseconds(candles["time"]), int(step.astype("int64"))
    row = np.searchsorted(micros, tables.microseconds(state["time"]), "right") - 1
    # Only inside a bar that is there: a rate from a gap has no bar at whose close it was known.
    inside = (
        (row >= 0) & (tables.microseconds(state["time"]) - micros[np.maximum(row, 0)] < length)
        if len(micros)
        else row > 0
    )
    picked = state[begins & inside]
    z = picked["z"].to_numpy()
    return Batch(
        "funding extreme",
        row[begins & inside],
        np.where(z > 0, -1, 1),
        np.nan,
        np.minimum(np.abs(z) / (2.0 * rules.extreme_z), 1.0),
        [
            f"Funding on {venue} is {wording.percent(rate, signed=True)} per 8 h,"
            f" {wording.decimal(abs(far), 1)} robust deviations {'above' if far > 0 else 'below'} its past"
            f" median: {'longs pay and are' if far > 0 else 'shorts pay and are'} crowded."
            for venue, rate, far in zip(picked["venue"], picked["rate_8h"], z, strict=True)
        ],
    )


def open_interest_signals(
    candles: pd.DataFrame, step: np.timedelta64, open_interest: pd.DataFrame, rules: SignalRules
) -> Batch:
    """Open interest that jumps or drops: new positions back the move, closed ones spend it."""
    state = open_interest_changes(candles, open_interest, timeframe=step, rules=rules)
    extreme, moved = state["extreme"].to_numpy(dtype=bool), np.nan_to_num(state["price_change"].to_numpy())
    row = np.flatnonzero(extreme & ~np.append(False, extreme[:-1])[: len(extreme)] & (moved != 0.0))
    change, moved, z = state["change"].to_numpy()[row], moved[row], state["z"].to_numpy()[row]
    return Batch(
        "open interest change",
        row,
        (np.sign(change) * np.sign(moved)).astype(np.int64),
        np.nan,
        np.minimum(np.abs(z) / (2.0 * rules.extreme_z), 1.0),
        [
            f"Open interest {'rose' if part > 0 else 'fell'} {wording.percent(abs(part))} in"
            f" {rules.open_interest_bars} bars ({wording.decimal(abs(far), 1)} robust deviations) while the"
            f" price {'rose' if way > 0 else 'fell'} {wording.percent(abs(way))}:"
            f" {'new positions back the move' if part > 0 else 'the move closes positions rather than opening them'}."  # noqa: E501
            for part, way, far in zip(change, moved, z, strict=True)
        ],
    )


def divergence_signals(candles: pd.DataFrame, step: np.timedelta64, rules: SignalRules) -> list[Batch]:
    """A higher high of the price on net selling since the last high, or a lower low on net buying."""
    delta, volume = taker_delta(candles), candles["volume"].to_numpy()
    # Running counts, so that a span with an unknown bar can be told from one without.
    unknown, sums, traded = (
        np.cumsum(np.isnan(delta)),
        np.cumsum(np.nan_to_num(delta)),
        np.cumsum(np.nan_to_num(volume)),
    )
    gaps = np.cumsum(missing_before(candles, step))
    turns = turning_points(candles, rules.pivot_bars)
    out = []
    for kind, side in ((0, -1), (1, 1)):
        mine = turns.kind == kind
        row, price, confirmed = turns.row[mine], turns.price[mine], turns.confirmed_row[mine]
        first, second, known = row[:-1], row[1:], confirmed[1:]
        pushed = sums[second] - sums[first]
        hit = (
            (second - first <= rules.divergence_bars)
            & (unknown[second] == unknown[first])
            & (gaps[known] == gaps[first])
            & (side * (price[1:] - price[:-1]) < 0)
            & (side * pushed > 0)
        )
        pushed, share = (
            pushed[hit],
            np.abs(pushed[hit]) / np.maximum(traded[second] - traded[first], 1e-12)[hit],
        )
        what, way, which = ("high", "sold", "higher") if side < 0 else ("low", "bought", "lower")
        out.append(
            Batch(
                "cvd divergence",
                known[hit],
                side,
                price[1:][hit],
                np.minimum(share / 0.2, 1.0),
                [
                    f"The {what} at {wording.price(new)} is {which} than the one at {wording.price(old)}"
                    f" {bars} bars before, but takers {way} {wording.quantity(abs(net))} net in between"
                    f" ({wording.percent(part)} of the volume)."
                    for new, old, bars, net, part in zip(
                        price[1:][hit], price[:-1][hit], (second - first)[hit], pushed, share, strict=True
                    )
                ],
            )
        )
    return out
