"""What a rule would have done: when it would have told, how early, and how that compares with chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.alerts.alert import Alert
from liqcore.alerts.chance import Chance, against_chance
from liqcore.alerts.engine import start, step
from liqcore.alerts.inputs import DAY, AlertData, Settings
from liqcore.alerts.rules import KINDS, Condition, Group, Rule, RuleError
from liqcore.alerts.sentences import sentence
from liqcore.distances import away
from liqcore.market.candles import resample

FIRINGS: Final = (
    "time",
    "rule",
    "name",
    "sentence",
    "what",
    "level",
    "side",
    "price",
    "usd",
    "kind",
    "agreement",
    "completeness",
    "distance",
    "lead_minutes",
    "outcome",
)
SUMMARY: Final = (
    "rule",
    "name",
    "sentence",
    "firings",
    "per_day",
    "judged",
    "touched",
    "lead_minutes",
    "false_alarms",
    "base_false_alarms",
    "separate",
    "separate_touched",
    "chance_p",
    "controls",
    "control_per_day",
    "control_judged",
    "control_false_alarms",
    "note",
)
_DEFAULT: Final = Settings()


@dataclass(frozen=True, eq=False)
class Replay:
    """What rules would have told.

    Attributes
    ----------
    firings : one row an alert, columns `FIRINGS`, in order of time. `distance` is the share of price between
        the close and the level; `outcome` is `touched`, `not touched`, `already there` or `too late to tell`
        (the data end before the horizon does); `lead_minutes` from the alert to the touch.
    summary : one row a rule, columns `SUMMARY`. `judged` counts the firings of which the outcome is known and
        that did not begin at the level, `touched` the touches among them, `lead_minutes` is their median.
        `false_alarms` is the share that was not touched. `separate` of the judged firings have horizons that
        do not overlap and enough past to be held against, `separate_touched` of them were touched;
        `base_false_alarms` is what levels as far away, on the same side, at earlier moments as lively gave,
        and `chance_p` how often chance alone comes out so far from it (see `chance`). `control_per_day` and
        `control_false_alarms` are those of the same rule at `controls` levels that were as far from the price
        when the replay began, of which `control_judged` firings are known. NaN where unknown.
    alerts : the alerts themselves. notes : sentences on what limits all this. days : length of the replay.
    """

    firings: pd.DataFrame
    summary: pd.DataFrame
    alerts: tuple[Alert, ...]
    notes: tuple[str, ...]
    days: float


def replay(
    rules: Sequence[Rule],
    data: AlertData,
    rng: np.random.Generator,
    *,
    begin: object = None,
    end: object = None,
    settings: Settings = _DEFAULT,
    horizon: str = "4h",
    controls: int = 4,
    progress: Callable[[float], None] | None = None,
) -> Replay:
    """Run rules over the past as the engine would have run them live.

    Parameters
    ----------
    rng : for the control levels and moments; the same seed gives the same figures.
    begin, end : moments in UTC; by default one lookback after the data begin, and the end of the data.
    horizon : time within which a touch of the level counts. controls : control levels a rule; 0 for none.
    progress : called after each UTC day with the share that is done.

    Raises
    ------
    RuleError
        No data, or a window that holds none.
    """
    first, last = _window(data, begin, end, settings)
    days = float((last - first) / DAY)
    prices = _prices(data, settings, last)
    reach = max(int(tables.timeframe(horizon) // settings.step), 1)
    others = {rule.id: _controls(rule, prices.at(first), rng, controls) for rule in rules if rule.enabled}
    flat = [one for group in others.values() for one in group]
    # One walk over the maps for the rules and their controls together: making the maps is what takes the
    # time.
    own = {rule.id for rule in rules}
    _, both = step(
        [*rules, *flat],
        start(first),
        data,
        last,
        settings,
        "quick",
        bare={one.id for one in flat} - own,
        progress=progress,
    )
    alerts = tuple(one for one in both if one.rule in own)
    told, judged = _judge(alerts, prices, reach, settings), _judge(both, prices, reach, settings)
    rows = [_summary(rule, told, others.get(rule.id, []), judged, days, prices, reach, rng) for rule in rules]
    return Replay(told, pd.DataFrame(rows, columns=list(SUMMARY)), alerts, _notes(rules, prices, days), days)


@dataclass(frozen=True, eq=False)
class _Prices:
    """Bars up to the end of the replay, (T,): close time in microseconds, close, lowest and highest in
    USD."""

    time: np.ndarray
    close: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def at(self, moment: np.datetime64) -> float | None:
        """The last close up to a moment, or the first one; None without bars."""
        bar = int(np.searchsorted(self.time, moment.astype("int64"), "right")) - 1
        return float(self.close[max(bar, 0)]) if len(self.close) else None

    def ahead(self, reach: int) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest price in the `reach` bars after each bar; NaN where they are not all there."""
        out = np.full((2, len(self.close)), np.nan)
        if len(self.close) > reach:
            out[0, :-reach] = np.lib.stride_tricks.sliding_window_view(self.low[1:], reach).min(axis=1)
            out[1, :-reach] = np.lib.stride_tricks.sliding_window_view(self.high[1:], reach).max(axis=1)
        return out[0], out[1]


def _window(
    data: AlertData, begin: object, end: object, settings: Settings
) -> tuple[np.datetime64, np.datetime64]:
    found = [frame["time"] for frame in (data.candles, data.liquidations) if frame is not None and len(frame)]
    if not found:
        raise RuleError(
            "There are no candles and no liquidations to test the rules on. Choose a market or add files."
        )
    spans = [tables.microseconds(times) for times in found]
    step = int(settings.step.astype("int64"))
    low, high = min(int(one[0]) for one in spans), max(int(one[-1]) for one in spans)
    first = (
        np.datetime64(low // step * step, "us") + tables.timeframe(settings.lookback)
        if begin is None
        else tables.to_datetime64(begin)
    )
    last = np.datetime64(high // step * step + step, "us") if end is None else tables.to_datetime64(end)
    if first >= last:
        raise RuleError(
            "The data are too short to test a rule: clusters need hours before the first bar that is judged."
            " Bring a longer stretch."
        )
    return first, last


def _prices(data: AlertData, settings: Settings, last: np.datetime64) -> _Prices:
    if data.candles is None or data.candles.empty:
        return _Prices(*(np.empty(0) for _ in range(4)))
    bars = resample(data.candles, settings.timeframe, source=settings.candles)
    time = tables.microseconds(bars["time"]) + int(settings.step.astype("int64"))
    keep = time <= last.astype("int64")
    return _Prices(time[keep], *(bars[name].to_numpy()[keep] for name in ("close", "low", "high")))


def _judge(alerts: Sequence[Alert], prices: _Prices, reach: int, settings: Settings) -> pd.DataFrame:
    rows = []
    low, high = prices.ahead(reach)
    for alert in alerts:
        place = alert.level if alert.level is not None else alert.price
        moment = int(tables.to_datetime64(alert.time).astype("int64"))
        bar = int(np.searchsorted(prices.time, moment, "right")) - 1
        distance, lead, outcome = np.nan, np.nan, "too late to tell"
        if place is not None and bar >= 0:
            distance = away(float(prices.close[bar]), place)
            if prices.low[bar] <= place <= prices.high[bar]:
                outcome = "already there"
            elif np.isfinite(low[bar]):
                outcome = (
                    "touched"
                    if low[bar] <= place <= high[bar] or _jumped(prices, bar, place, low[bar], high[bar])
                    else "not touched"
                )
        if outcome == "touched":
            after = slice(bar + 1, bar + 1 + reach)
            way = prices.low[after] <= place if place < prices.close[bar] else prices.high[after] >= place
            lead = float(prices.time[bar + 1 + int(np.argmax(way))] - moment) / 6e7
        rows.append(
            (
                pd.Timestamp(alert.time),
                alert.rule,
                alert.name,
                alert.sentence,
                alert.what,
                alert.level,
                alert.side,
                alert.price,
                alert.usd,
                alert.kind,
                alert.agreement,
                alert.completeness,
                distance,
                lead,
                outcome,
            )
        )
    out = pd.DataFrame(rows, columns=list(FIRINGS))
    return out.assign(time=pd.to_datetime(out["time"], utc=True).astype(tables.TIME_DTYPE))


def _jumped(prices: _Prices, bar: int, place: float, low: float, high: float) -> bool:
    """Price may pass a level between two bars."""
    return (place < prices.close[bar] and low <= place) or (place > prices.close[bar] and high >= place)


def _controls(rule: Rule, price: float | None, rng: np.random.Generator, count: int) -> list[Rule]:
    """The same rule at levels about as far (±25 %) from the price when the replay begins, on both sides in
    turn: nothing that happens later chooses them."""
    if count == 0 or price is None or not any(part.level is not None for part in rule.when.conditions):
        return []
    stretch = rng.uniform(0.75, 1.25, count)
    return [
        replace(rule, when=_moved(rule.when, price, sign * factor))
        for sign, factor in zip(np.resize([-1.0, 1.0], count), stretch, strict=True)
    ]


def _moved(part: Group, price: float, factor: float) -> Group:
    """Levels put at `factor` times their log distance from the price; below zero on its other side."""

    def move(one: Condition) -> Condition:
        if one.level is None:
            return one
        # A level on the other side of the price is approached from there: what was bullish is bearish.
        way, side = one.way, one.side
        if factor < 0:
            way = {"bullish": "bearish", "bearish": "bullish"}.get(way, way)
            side = (
                {"long": "short", "short": "long"}.get(side, side)
                if "side" in KINDS[one.kind].takes
                else side
            )
        return replace(one, level=price * (one.level / price) ** factor, way=way, side=side)

    return replace(
        part,
        parts=tuple(
            move(one) if isinstance(one, Condition) else _moved(one, price, factor) for one in part.parts
        ),
    )


def _summary(
    rule: Rule,
    told: pd.DataFrame,
    others: Sequence[Rule],
    judged: pd.DataFrame,
    days: float,
    prices: _Prices,
    reach: int,
    rng: np.random.Generator,
) -> tuple[object, ...]:
    mine = told[told["rule"] == rule.id]
    known = mine[mine["outcome"].isin(["touched", "not touched"])]
    control = judged[judged["rule"].isin([one.id for one in others])]
    lead = float(known["lead_minutes"].median()) if known["lead_minutes"].notna().any() else np.nan
    others_known = control[control["outcome"].isin(["touched", "not touched"])]
    chance = _chance(known, prices, reach, rng)
    few = (
        f"Only {wording.count(len(known), 'firing')} can be judged: too few to tell a rate from chance."
        if len(known) < 20
        else ""
    )
    return (
        rule.id,
        rule.name,
        sentence(rule),
        len(mine),
        len(mine) / days,
        len(known),
        int((known["outcome"] == "touched").sum()),
        lead,
        _false_alarms(known),
        1 - chance.expected,
        chance.separate,
        chance.touched,
        chance.p,
        len(others),
        len(control) / days / len(others) if others else np.nan,
        len(others_known),
        _false_alarms(others_known),
        few,
    )


def _false_alarms(known: pd.DataFrame) -> float:
    return float((known["outcome"] == "not touched").mean()) if len(known) else np.nan


def _chance(known: pd.DataFrame, prices: _Prices, reach: int, rng: np.random.Generator) -> Chance:
    moments = tables.microseconds(known["time"])
    return against_chance(
        np.searchsorted(prices.time, moments, "right") - 1,
        np.log1p(known["distance"].to_numpy(float)),
        (known["outcome"] == "touched").to_numpy(),
        prices.time,
        prices.close,
        prices.ahead(reach),
        reach,
        rng,
    )


def _notes(rules: Sequence[Rule], prices: _Prices, days: float) -> tuple[str, ...]:
    notes = []
    if not len(prices.close):
        notes.append(
            "There are no candles: what needs a price cannot be judged, and no touch of a level is known."
        )
    else:
        low, high = float(prices.low.min()), float(prices.high.max())
        for rule in rules:
            far = [
                part.level
                for part in rule.when.conditions
                if part.level is not None and not low * 0.75 <= part.level <= high * 1.25
            ]
            if far:
                notes.append(
                    f"The rule '{rule.name}' looks at {wording.price(far[0])}, far outside the prices here"
                    f" ({wording.price(low)} to {wording.price(high)}): it is bound to stay quiet."
                )
    if days < 7:
        notes.append(
            f"The replay covers {wording.duration(86_400 * days)}: that shows how a rule behaves, not whether"
            " it is any good."
        )
    return tuple(notes)
