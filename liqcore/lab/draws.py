"""Chance, day by day: everything random in the simulated market that does not depend on its state.

Two machines must agree to the last digit, so only numpy's PCG64 bit stream is used (NEP 19 fixes it for all
versions) and turned into distributions here. Logarithms, powers and cosines may differ in the last bit
between machines; what comes from them is rounded to a coarse step (tick, lot, whole minute) before it is
stored or compared, so that such a bit is lost. Each day has its own streams, so that a market of one day is
the first day of a market of fourteen, and each purpose has its own, so that prices do not change with the
number of positions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from liqcore.lab import driver
from liqcore.lab.driver import LEGS, Drive
from liqcore.lab.world import LEVERAGES, LOT, MINUTES_PER_DAY, Regime, VenueSpec

_PRICE, _FLOW, _ENTRY, _BASIS, _CHURN, _HISTORY, _OPENING, _DRIVER = range(8)
_ENTRY_COLUMNS: Final = 12
_HISTORY_MINUTES: Final = 10 * MINUTES_PER_DAY
_WOBBLE: Final = 0.98
# A world with news and swings of volatility moves so much more than its usual minute says.
_HISTORY_SWING: Final = 1.9
# No more new positions than this find their way in a minute.
_CROWDED: Final = 600.0


@dataclass(frozen=True)
class Entries:
    """New positions in the order in which they open, N rows.

    `venue` and `tier` (index into LEVERAGES) are int64, `side_draw` uniform, `size` lots, `margin_multiple`
    of the minimum, `stop`, `taker` and `tops_up` bool, `take` the profit to close at as a multiple of the
    margin (infinite for none), `life` whole minutes.
    """

    venue: np.ndarray
    tier: np.ndarray
    side_draw: np.ndarray
    size: np.ndarray
    margin_multiple: np.ndarray
    stop: np.ndarray
    take: np.ndarray
    life: np.ndarray
    taker: np.ndarray
    tops_up: np.ndarray


@dataclass(frozen=True)
class Day:
    """One day of chance. T = 1440 minutes, V venues.

    `drive` is what the day is like, `basis` (T, V) a fraction, `jitter` (T, LEGS) uniform, `first_entry`
    (T+1,) offsets into `entries`, `churn` (T, V) lots that other parties trade in a minute of usual flow,
    `buying` (T, V) uniform.
    """

    drive: Drive
    basis: np.ndarray
    jitter: np.ndarray
    first_entry: np.ndarray
    entries: Entries
    churn: np.ndarray
    buying: np.ndarray


@dataclass(frozen=True)
class Carry:
    """What one day hands to the next: the state of its drive and each venue's wobble of the basis."""

    drive: driver.Carry
    wobble: tuple[float, ...]


@dataclass(frozen=True)
class Chance:
    """Where chance comes from: the seed, and from minute `branch_minute` on another one."""

    seed: int
    branch_minute: int | None = None
    branch_seed: int = 0

    def rows(self, stream: int, day: int, rows: int, columns: int) -> np.ndarray:
        """(rows, columns) uniforms of a stream of rows that are minutes of the day."""
        before = (
            rows
            if self.branch_minute is None
            else min(max(self.branch_minute - day * MINUTES_PER_DAY, 0), rows)
        )
        return self.spliced(stream, day, before, rows - before, columns, skip=before)

    def spliced(
        self, stream: int, day: int, before: int, after: int, columns: int, skip: int = 0
    ) -> np.ndarray:
        """(before + after, columns) uniforms: the first from the seed, the rest from the branch's (after
        `skip` rows)."""
        first = uniforms(self.seed, (stream, day), before * columns).reshape(before, columns)
        if not after:
            return first
        rest = uniforms(self.seed, (stream, day, self.branch_seed), (skip + after) * columns).reshape(
            -1, columns
        )
        return np.concatenate([first, rest[skip:]])


def draw_day(
    chance: Chance,
    day: int,
    regime: Regime,
    venues: tuple[VenueSpec, ...],
    carry: Carry,
    *,
    minute_of_week: int,
    drift: np.ndarray,
    noise: np.ndarray,
    activity: np.ndarray,
) -> tuple[Day, Carry]:
    """Draw day number `day` (0 is the first), which begins so many minutes after a Monday's midnight, UTC.

    `drift` (T,) is added to the minute's log-return; `noise` and `activity` (T,) scale volatility and flow.
    """
    minutes = MINUTES_PER_DAY
    u = chance.rows(_PRICE, day, minutes, 2 * LEGS)
    drive, driven = driver.drive(
        chance.rows(_DRIVER, day, minutes, driver.COLUMNS),
        student4(u[:, :LEGS]) / np.sqrt(2),
        regime,
        carry.drive,
        minute_of_week=minute_of_week,
        drift=drift,
        noise=noise,
        activity=activity,
    )
    basis, wobble = _basis(chance.rows(_BASIS, day, minutes, len(venues)), regime, venues, carry.wobble)
    rates = np.minimum(regime.opens * drive.flow**regime.entry_law, _CROWDED)
    counts = poisson(rates, chance.rows(_FLOW, day, minutes, 1)[:, 0])
    first_entry = np.concatenate([[0], np.cumsum(counts)])
    before = (
        minutes
        if chance.branch_minute is None
        else min(max(chance.branch_minute - day * minutes, 0), minutes)
    )
    split = int(first_entry[before])
    entries = _entries(
        chance.spliced(_ENTRY, day, split, int(first_entry[-1]) - split, _ENTRY_COLUMNS), regime, venues
    )
    churned = chance.rows(_CHURN, day, minutes, 2 * len(venues))
    churn = _churn(churned[:, : len(venues)], regime, venues)
    out = Day(drive, basis, u[:, LEGS:], first_entry, entries, churn, churned[:, len(venues) :])
    return out, Carry(driven, wobble)


def draw_opening(
    chance: Chance, regime: Regime, venues: tuple[VenueSpec, ...]
) -> tuple[Entries, np.ndarray, np.ndarray]:
    """The positions that may be open when the market begins, as a long-running market would have them.

    Returns
    -------
    entries (N rows), their ages in minutes (N,) int64, and `history` (H+1,): the index some minutes before
    the start as a multiple of the first price, so that `history[a]` is a minutes ago and `history[0]` is 1.
    """
    taus = holding_times(regime)
    shares = np.array([venue.share for venue in venues])
    expected = regime.opens * shares[:, None] * leverage_mixes(regime, venues) * taus
    count = int(np.rint(expected.sum()))
    expected = expected if count else np.ones_like(expected)
    u = uniforms(chance.seed, (_OPENING, 0), count * (_ENTRY_COLUMNS + 1)).reshape(count, _ENTRY_COLUMNS + 1)
    cells = np.searchsorted(np.cumsum(expected.ravel()) / expected.sum(), u[:, 0], side="right")
    venue, tier = np.divmod(np.minimum(cells, expected.size - 1), len(LEVERAGES))
    entries = _entries(u[:, :_ENTRY_COLUMNS], regime, venues, venue, tier)
    ages = np.minimum(np.floor(-np.log1p(-u[:, _ENTRY_COLUMNS]) * taus[tier]), _HISTORY_MINUTES).astype(
        np.int64
    )
    steps = student4(uniforms(chance.seed, (_HISTORY, 0), _HISTORY_MINUTES)) * (
        _HISTORY_SWING * regime.volatility / np.sqrt(2)
    )
    return entries, ages, np.concatenate([[1.0], np.exp(np.cumsum(steps))])


def uniforms(seed: int, key: tuple[int, ...], count: int) -> np.ndarray:
    """(count,) float64 in [0, 1), multiples of 2⁻⁵³, from the PCG64 stream that `seed` and `key` name."""
    stream = np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key))
    return (stream.random_raw(count) >> np.uint64(11)) * 2.0**-53


def holding_times(regime: Regime) -> np.ndarray:
    """Mean holding time of each of LEVERAGES, minutes."""
    return regime.holding * (10.0 / np.array(LEVERAGES)) ** regime.lifetime_exponent


def leverage_mixes(regime: Regime, venues: tuple[VenueSpec, ...]) -> np.ndarray:
    """(V, tiers) part of each venue's new positions at each of LEVERAGES."""
    mixes = np.array([venue.leverage_mix for venue in venues]) * np.array(LEVERAGES) ** regime.leverage_tilt
    return np.asarray(mixes / mixes.sum(axis=1, keepdims=True))


def student4(u: np.ndarray) -> np.ndarray:
    """Student's t with 4 degrees of freedom (variance 2) from uniforms, cut at ±10.

    The quantile has a closed form: W. T. Shaw, "Sampling Student's T distribution", J. Comp. Finance 9
    (2006).
    """
    u = np.clip(u, 1e-12, 1 - 1e-12)
    alpha = np.sqrt(4 * u * (1 - u))
    size = 2 * np.sqrt(np.maximum(np.cos(np.arccos(alpha) / 3) / alpha - 1, 0.0))
    return np.clip(np.where(u < 0.5, -size, size), -10.0, 10.0)


def poisson(rates: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Poisson counts by inversion, one for each rate and uniform (int64)."""
    counts = np.zeros(len(rates), dtype=np.int64)
    term = np.exp(-rates)
    below = term.copy()
    top = int(rates.max() + 12 * np.sqrt(rates.max()) + 20) if len(rates) else 0
    for k in range(1, top):
        open_ = u > below
        if not open_.any():
            break
        counts += open_
        term = term * rates / k
        below = below + term
    return counts


def _basis(
    u: np.ndarray, regime: Regime, venues: tuple[VenueSpec, ...], wobble: tuple[float, ...]
) -> tuple[np.ndarray, tuple[float, ...]]:
    now = np.array(wobble)
    out = np.empty(u.shape)
    steps = (u - 0.5) * np.sqrt(12 * (1 - _WOBBLE * _WOBBLE)) * regime.basis_wobble
    for minute, step in enumerate(steps):
        now = _WOBBLE * now + step
        out[minute] = now
    return (out + np.array([venue.basis_bp for venue in venues])) / 10_000, tuple(
        float(value) for value in now
    )


def _entries(
    u: np.ndarray,
    regime: Regime,
    venues: tuple[VenueSpec, ...],
    venue: np.ndarray | None = None,
    tier: np.ndarray | None = None,
) -> Entries:
    if venue is None or tier is None:
        shares = np.cumsum([spec.share for spec in venues])
        venue = np.minimum(np.searchsorted(shares, u[:, 0], side="right"), len(venues) - 1)
        ladder = np.cumsum(leverage_mixes(regime, venues), axis=1)
        tier = np.minimum((u[:, 1][:, None] >= ladder[venue]).sum(axis=1), len(LEVERAGES) - 1)
    leverage = np.array(LEVERAGES, dtype=np.float64)[tier]
    size = np.minimum(regime.size_minimum * (1 - u[:, 2]) ** (-1 / regime.size_tail), regime.size_maximum)
    size = size * np.sqrt(np.minimum(10.0 / leverage, 1.0))
    extra = np.where(u[:, 3] < regime.cross_share, -np.log1p(-u[:, 4]) * regime.cross_margin, 0.0)
    gain = 0.3 - np.log1p(-u[:, 11]) * max(regime.take_at - 0.3, 0.0)
    life = -np.log1p(-u[:, 6]) * holding_times(regime)[tier]
    return Entries(
        venue=venue.astype(np.int64),
        tier=tier.astype(np.int64),
        side_draw=u[:, 7],
        size=np.maximum(np.rint(size / LOT), 1).astype(np.int64),
        margin_multiple=1 + np.rint(extra * 1_000) / 1_000,
        stop=u[:, 5] < regime.stop_share,
        take=np.where(u[:, 10] < regime.take_share, np.rint(gain * 1_000) / 1_000, np.inf),
        life=1 + np.floor(life).astype(np.int64),
        taker=u[:, 8] >= regime.maker_share,
        tops_up=u[:, 9] < regime.top_up_share,
    )


def _churn(u: np.ndarray, regime: Regime, venues: tuple[VenueSpec, ...]) -> np.ndarray:
    """(T, V) lots that other parties trade among themselves in a minute of usual flow."""
    shares = np.array([venue.share for venue in venues])
    return regime.churn * regime.opens * mean_size(regime) / LOT * shares * (0.5 + u * u * 1.5)


def churned(flow: float, move: float, usual: np.ndarray, buying: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(V,) lots traded among other parties in a minute of such flow and move, and how many a buyer took.

    Whole tenths of a BTC: nobody needs more digits, and files of the tables stay small.
    """
    lots = np.rint(usual * flow / 100).astype(np.int64) * 100
    part = np.clip(0.5 + 0.18 * math.tanh(move) + 0.2 * (buying - 0.5), 0.0, 1.0)
    return lots, np.rint(lots * part / 100).astype(np.int64) * 100


def mean_size(regime: Regime) -> float:
    """Mean of the cut Pareto distribution of position sizes before leverage shrinks it, BTC."""
    low, high, tail = regime.size_minimum, max(regime.size_maximum, regime.size_minimum), regime.size_tail
    if abs(tail - 1) < 1e-9:
        return float(low * (1 + np.log(high / low)))
    return float(low * (tail - (low / high) ** (tail - 1)) / (tail - 1))
