"""Does a level predict? Touches of levels fixed beforehand, beside matched controls from the past only.

A study is made in two steps. `observe` turns bars and levels into sums by day, which add up over venues,
months and machines; `conclude` turns the sums into effects, intervals and words. What is asked was fixed
beforehand (`QUESTIONS`): all of it is told, and corrected for how much was asked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd
from scipy import stats

from liqcore import tables
from liqcore.lab.blocks import Interval, block_of, holm, sign_flips
from liqcore.lab.controls import matched
from liqcore.lab.touches import NEVER, Bars, Outcomes, Touches, window_sums

MINUTES: Final = (5, 15, 60, 240)
SIDES: Final = ("long", "short")
_PAIRS: Final = ("question", "side", "minutes")
# Liquidations and volume are counted over this long from the touch on.
_AROUND: Final = 15
# Fewer days than this make no interval worth the name.
FEW_BLOCKS: Final = 8


@dataclass(frozen=True)
class Question:
    """One thing a study asks of every level.

    Attributes
    ----------
    name, words : the id, and what is compared.
    unit : of the figures: `share`, `minutes`, `log move`, `USD` or `log ratio`.
    worth : the least difference that would matter to somebody; smaller ones count as none.
    registered : whether it is one of those the p-values are corrected for.
    timed : whether it is asked at each of `MINUTES` after the touch.
    """

    name: str
    words: str
    unit: str
    worth: float
    registered: bool
    timed: bool


QUESTIONS: Final = (
    Question("touched", "Price reaches the level", "share", 0.03, True, False),
    Question("wait", "Time until it does", "minutes", 15.0, False, False),
    Question("move", "Move after the touch, onward positive", "log move", 0.0010, True, True),
    Question("beyond", "Furthest onward", "log move", 0.0010, False, True),
    Question("back", "Furthest back", "log move", 0.0010, False, True),
    Question("rejected", "Turns back by a usual move or more", "share", 0.05, True, True),
    Question("broken", "Goes on by a usual move or more", "share", 0.05, False, True),
    Question("liquidated", "Liquidated around the touch", "USD", 1.0e5, False, False),
    Question("volume", "Volume around the touch", "log ratio", 0.10, False, False),
)
QUESTION: Final = {one.name: one for one in QUESTIONS}
_REGISTERED: Final = len(SIDES) * sum(len(MINUTES) if one.timed else 1 for one in QUESTIONS if one.registered)


@dataclass(frozen=True)
class Levels:
    """Levels fixed at the close of a bar: `bar` (N,), `price` (N,) USD, `side` (N,) +1 above (shorts would be
    closed), −1 below (longs)."""

    bar: np.ndarray
    price: np.ndarray
    side: np.ndarray


@dataclass(frozen=True)
class Design:
    """How a study is made; part of what its figures are cited with.

    `hours` until a level must be touched, `memory_days` how far back controls may lie, `controls` a level,
    `refractory_minutes` between touches of one side that count.
    """

    hours: float = 4.0
    memory_days: float = 90.0
    controls: int = 10
    drawn: int = 120
    refractory_minutes: float = 60.0


def observe(
    candles: pd.DataFrame,
    levels: Levels,
    rng: np.random.Generator,
    liquidations: pd.DataFrame | None = None,
    design: Design | None = None,
) -> pd.DataFrame:
    """Sums by question, side, horizon and pair of days: the day of the level and that of its controls.

    Returns
    -------
    DataFrame question, side, minutes (0 where not timed), day, control_day, n (events, split evenly over
    their controls), hot, control (sums of the outcome). Tables of several venues or months concatenate.
    """
    design = design or Design()
    bars = Bars.of(candles)
    reach = bars.count(design.hours * 60)
    horizons = {minutes: bars.count(minutes) for minutes in MINUTES}
    outcomes = Outcomes(bars, tuple(horizons.values()), reach)
    settled = reach + max(horizons.values())
    usable = (
        (levels.bar + settled < len(bars.close)) & np.isfinite(outcomes.felt[levels.bar]) & (levels.bar >= 0)
    )
    bar, price, side = levels.bar[usable], levels.price[usable], levels.side[usable]
    away = np.log(price / bars.close[bar])
    controls = matched(
        bar, away, bars.close, outcomes.felt, settled, bars.count(design.memory_days * 1_440), rng,
        design.controls, design.drawn,
    )  # fmt: skip
    known = controls.known
    bar, price, side, away = bar[known], price[known], side[known], away[known]
    beside = controls.bar[known]
    asked = _Asked(bars, Touches(bars, reach), outcomes, horizons, _events(liquidations, bars))
    hot = asked.answers(bar, price, side)
    wide = np.broadcast_to(side[:, None], beside.shape)
    control = asked.answers(beside, bars.close[beside] * np.exp(away)[:, None], wide)
    fresh = _separate(hot["_touch"][:, 0].astype(np.int64), side, bars.count(design.refractory_minutes))
    day, other = (block_of(bars.time[which]) for which in (bar, beside))
    return _summed(hot, control, fresh, side, day, other)


@dataclass(frozen=True)
class _Asked:
    """Answers to all questions for levels of any shape (N,) or (N, K)."""

    bars: Bars
    touches: Touches
    outcomes: Outcomes
    horizons: dict[int, int]
    events: dict[int, np.ndarray] | None

    def answers(self, bar: np.ndarray, price: np.ndarray, side: np.ndarray) -> dict[str, np.ndarray]:
        shape = bar.shape if bar.ndim == 2 else (*bar.shape, 1)
        bar, price, side = (values.reshape(shape) for values in (bar, price, side))
        touch = self.touches.first(bar, price, side)
        hit = touch != NEVER
        minute = self.bars.step / 6e7
        out = {
            "_touch": touch.astype(float),
            "touched": hit.astype(float),
            "wait": np.where(hit, (touch - bar) * minute, np.nan),
        }
        felt = self.outcomes.felt[bar]
        for minutes, many in self.horizons.items():
            after = self.outcomes.after(touch, price, side, many)
            usual = felt * np.sqrt(many)
            blank = np.where(np.isfinite(after.move), 0.0, np.nan)
            out |= {
                f"move@{minutes}": after.move,
                f"beyond@{minutes}": after.beyond,
                f"back@{minutes}": after.back,
                f"rejected@{minutes}": (after.move <= -usual) + blank,
                f"broken@{minutes}": (after.move >= usual) + blank,
            }
        many, here = self.bars.count(_AROUND), np.where(hit, touch, 0)
        blank = np.where(hit, 0.0, np.nan)
        if self.events is not None:
            below = window_sums(self.events[-1], here, many)
            out["liquidated"] = np.where(side > 0, window_sums(self.events[1], here, many), below) + blank
        day = self.bars.count(1_440)
        usual = window_sums(self.bars.volume, bar - day, day) / day * many
        volume = window_sums(self.bars.volume, here, many)
        with np.errstate(divide="ignore", invalid="ignore"):
            out["volume"] = np.where((usual > 0) & (volume > 0), np.log(volume / usual), np.nan) + blank
        return out


def _events(liquidations: pd.DataFrame | None, bars: Bars) -> dict[int, np.ndarray] | None:
    """USD liquidated in each bar by side: −1 longs, +1 shorts."""
    if liquidations is None or liquidations.empty:
        return None
    place = np.searchsorted(bars.time, tables.microseconds(liquidations["time"]), "right") - 1
    long = (liquidations["side"] == "long").to_numpy()
    usd = liquidations["notional"].to_numpy(dtype=float)
    inside = place >= 0
    return {
        sign: np.bincount(place[inside & which], usd[inside & which], len(bars.time))
        for sign, which in ((-1, long), (1, ~long))
    }


def _separate(touch: np.ndarray, side: np.ndarray, apart: int) -> np.ndarray:
    """(N,) which touches count as events: of several of one side within `apart` bars only the first."""
    keep = np.zeros(len(touch), dtype=bool)
    for sign in (-1, 1):
        mine = np.flatnonzero((side == sign) & (touch != NEVER))
        mine = mine[np.argsort(touch[mine], kind="stable")]
        moments, at = touch[mine], 0
        while at < len(mine):
            keep[mine[at]] = True
            at = int(np.searchsorted(moments, moments[at] + apart, "left"))
    return keep


def _summed(
    hot: dict[str, np.ndarray],
    control: dict[str, np.ndarray],
    fresh: np.ndarray,
    side: np.ndarray,
    day: np.ndarray,
    other: np.ndarray,
) -> pd.DataFrame:
    pair = np.stack([np.broadcast_to(day[:, None], other.shape), other], axis=-1)
    parts = []
    for key in hot:
        if key.startswith("_"):
            continue
        name, _, minutes = key.partition("@")
        mine, theirs = hot[key][:, 0], control[key]
        counts = np.isfinite(mine) & (fresh | (name == "touched"))
        has = np.isfinite(theirs) & counts[:, None]
        share = has / np.maximum(has.sum(axis=1, keepdims=True), 1)
        for sign, label in ((-1, "long"), (1, "short")):
            chosen = has & (side == sign)[:, None]
            if not chosen.any():
                continue
            days, place = np.unique(pair[chosen], axis=0, return_inverse=True)
            weight = share[chosen]
            value = np.broadcast_to(mine[:, None], has.shape)[chosen]
            parts.append(
                pd.DataFrame(
                    {
                        "question": name,
                        "side": label,
                        "minutes": int(minutes or 0),
                        "day": days[:, 0],
                        "control_day": days[:, 1],
                        "n": np.bincount(place, weight),
                        "hot": np.bincount(place, weight * value),
                        "control": np.bincount(place, weight * theirs[chosen]),
                    }
                )
            )
    columns = [*_PAIRS, "day", "control_day", "n", "hot", "control"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


@dataclass(frozen=True, eq=False)
class Study:
    """What a study found.

    `effects` has one row a question, side and horizon: hot, control, difference with `low` and `high`, n,
    blocks, p (paired, whole days change places), holm, detectable, verdict, registered. `walk` has the
    difference in each quarter of the time. `verdict` is the whole in words.
    """

    effects: pd.DataFrame
    walk: pd.DataFrame
    verdict: str
    points: tuple[str, ...] = field(default=())


def conclude(sums: pd.DataFrame, rng: np.random.Generator) -> Study:
    """Effects, intervals and words from the sums of one or many `observe`."""
    rows, walks = [], []
    first, last = (sums["day"].min(), sums["day"].max()) if len(sums) else (0, 0)
    # Years are cut into weeks, so that blocks stay few enough and what lasts over midnight stays in one.
    length = 1 if last - first <= 365 else 7
    edges = np.linspace(first, last + 1, 5)
    for (name, side, minutes), part in sums.groupby(list(_PAIRS), sort=False):
        found, p = _effect(part, length, rng)
        n = float(part["n"].sum())
        key = {"question": str(name), "side": str(side), "minutes": int(str(minutes))}
        rows.append(
            {
                **key,
                "hot": part["hot"].sum() / n,
                "control": part["control"].sum() / n,
                "difference": found.value,
                "low": found.low,
                "high": found.high,
                "detectable": found.detectable,
                "n": round(n),
                "blocks": found.blocks,
                "p": p,
                "registered": QUESTION[str(name)].registered,
            }
        )
        quarter = np.digitize(part["day"], edges[1:-1])
        for number in range(4):
            some = part[quarter == number]
            many = some["n"].sum()
            difference = (some["hot"].sum() - some["control"].sum()) / many if many else np.nan
            walks.append({**key, "quarter": number + 1, "difference": difference, "n": round(many)})
    effects = pd.DataFrame(rows)
    if effects.empty:
        return Study(effects, pd.DataFrame(walks), _NOTHING)
    family = effects["registered"].to_numpy()
    corrected = np.full(len(effects), np.nan)
    corrected[family] = holm(effects["p"].to_numpy()[family])
    effects["holm"] = corrected
    effects["verdict"] = [_verdict(row) for row in effects.to_dict("records")]
    return Study(effects, pd.DataFrame(walks), _whole(effects), _points(effects))


def _effect(part: pd.DataFrame, length: int, rng: np.random.Generator) -> tuple[Interval, float]:
    """Mean difference of events and their controls, with errors that hang together within the days of events
    and within those of controls, which events of several days share (two-way clusters: Cameron, Gelbach and
    Miller, 2011)."""
    n, gap = part["n"].to_numpy(), (part["hot"] - part["control"]).to_numpy()
    value = float(gap.sum() / n.sum())
    off = gap - value * n
    blocks, mine = np.unique(part["day"].to_numpy() // length, return_inverse=True)
    _, theirs = np.unique(part["control_day"].to_numpy() // length, return_inverse=True)
    events, shared, cells = (
        float((np.bincount(place, off) ** 2).sum())
        for place in (mine, theirs, mine * (theirs.max() + 1) + theirs)
    )
    count = len(blocks)
    if count < 2:
        return Interval(value, np.nan, np.nan, count), np.nan
    error = np.sqrt(max(events + shared - cells, events) * count / (count - 1)) / n.sum()
    half = float(stats.t.ppf(0.975, count - 1)) * error
    flipped = sign_flips(np.bincount(mine, gap), rng)
    normal = 2 * float(stats.t.sf(abs(value) / error, count - 1)) if error > 0 else 1.0
    return Interval(value, value - half, value + half, count), max(flipped, normal)


def _verdict(row: dict) -> str:
    p = row["holm"] if row["registered"] else row["p"]
    if row["blocks"] < FEW_BLOCKS or not np.isfinite(p):
        return "cannot tell"
    if p < 0.05:
        return "supported"
    worth = QUESTION[row["question"]].worth
    return "not supported" if -worth <= row["low"] and row["high"] <= worth else "cannot tell"


_NOTHING: Final = "Cannot tell with this much data: no level had enough alike moments in its past."


def _whole(effects: pd.DataFrame) -> str:
    family = effects[effects["registered"]]
    found = family[family["verdict"] == "supported"]
    if len(found):
        return f"Supported: {len(found)} of {len(family)} registered comparisons differ from their controls."
    # Nothing is ruled out by comparisons that could not be made, such as moves after touches that never came.
    if len(family) == _REGISTERED and (family["verdict"] == "not supported").all():
        return "Not supported: hot levels did as their controls did, to within what would matter."
    return "Cannot tell with this much data: no registered comparison differs, and not all are narrow enough."


def _points(effects: pd.DataFrame) -> tuple[str, ...]:
    """What was found, in order of interest."""
    touched = effects[effects["question"] == "touched"]
    drawn = touched[(touched["verdict"] == "supported") & (touched["difference"] > 0)]
    out = []
    if len(drawn):
        out.append("Price reached hot levels more often than matched ones: attraction.")
    elif len(touched):
        out.append("Price did not reach hot levels more often than matched ones: no attraction was seen.")
    moved = effects[(effects["question"] == "move") & (effects["verdict"] == "supported")]
    if len(moved):
        on = (moved["difference"] > 0).all()
        out.append(
            "After the touch price went further on than at matched levels: continuation."
            if on
            else (
                "After the touch price turned back more than at matched levels: rejection."
                if (moved["difference"] < 0).all()
                else (
                    "After the touch moves differed from matched levels, onward at some horizons and back at"
                    " others."
                )
            )
        )
    return tuple(out)
