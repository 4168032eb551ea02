"""Steps 1, 3 and 6 of a reading: the level, where the price is beside it, and what price, volume and funding
do."""

from __future__ import annotations

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.distances import away
from liqcore.market.candles import missing_before, taker_delta
from liqcore.market.flow import funding_extremes, momentum, open_interest_changes
from liqcore.market.levels import Levels, key_levels
from liqcore.market.patterns import candle_patterns
from liqcore.market.rules import SignalRules
from liqcore.market.signals import find_signals
from liqcore.market.swings import touches
from liqcore.reading.heat_steps import Place
from liqcore.reading.known import Known, finite
from liqcore.reading.report import ApproachStep, ClusterNear, LevelStep, PriceStep, Role

# Bars back over which the way of the price is told, and within which a signal counts as recent.
RECENT = 12
# ATR within which the price sits on a level, and by which its distance must change to count as a move.
_SITS = 0.5
# Half-height of a level that can be touched, in ATR, as `key_levels` has it.
_HALF = 0.125
# Bars for signals: the longest comparison with "usual" looks 200 back.
_SIGNAL_BARS = 300
_PATTERN_BARS = 60
# Taker purchases minus sales, as a share of volume, that count as one-sided.
ONE_SIDED = 0.05
RULES = SignalRules()


def level_step(
    known: Known, place: Place, role: Role | None, given: Levels | pd.DataFrame | None
) -> LevelStep:
    """Whether the market knows the level: key levels within the tolerance, and visits."""
    bars = known.bars
    if bars.empty:
        return LevelStep(
            role,
            (),
            0,
            None,
            0,
            (
                f"There are no candles, so whether {wording.price(place.level)} is a known level cannot be"
                " said.",
            ),
        )
    table = _key_levels(known, given)
    near = table[
        (np.abs(np.log(table["price"] / place.level)) <= place.tolerance)
        & (table["kind"].astype(str) != "own")
    ]
    half = np.array([_HALF * known.usual if known.usual else place.level * place.tolerance / 4])
    visits = int(touches(bars, place.level - half, place.level + half, np.array([-1]))[0][0])
    names = tuple(_name(row) for row in near.sort_values("strength", ascending=False).to_dict("records"))
    turns = int(near["turns"].sum())
    lines = [
        f"Read in bars of {known.timeframe}, {wording.count(len(bars), 'bar')} up to"
        f" {wording.when(known.moment)}."
    ]
    if known.price is not None:
        seen = {
            "support": "the price is, or mostly was, above it, so it is read as support",
            "resistance": "the price is, or mostly was, below it, so it is read as resistance",
            None: "it has no side yet",
        }[role]
        lines.append(f"The last price is {_beside(known, place)}; {seen}.")
    if names:
        lines.append(
            f"The market knows this level: within {wording.percent(place.tolerance, exact=True)} lie"
            f" {', '.join(names[:4])}."
        )
    else:
        lines.append(
            "No turning point and no volume level lies within"
            f" {wording.percent(place.tolerance, exact=True)}: so far the market has not marked this price."
        )
    lines.append(f"Price has visited it {wording.count(visits, 'time')} in these bars.")
    return LevelStep(role, names, turns, visits, len(bars), tuple(lines))


def _key_levels(known: Known, given: Levels | pd.DataFrame | None) -> pd.DataFrame:
    if given is None:
        return key_levels(known.bars, timeframe=known.step, count=None, spacing=0.0).table
    table = given.table if isinstance(given, Levels) else given
    return table[table["confirmed_at"] <= pd.Timestamp(known.moment, tz="UTC")]


def _name(row: dict) -> str:
    facts = [wording.count(int(row["turns"]), "turn")] if row["turns"] else []
    facts += [f"also {row['also']}"] if row["also"] else []
    return f"a {row['kind']} at {wording.price(row['price'])}{' (' + ', '.join(facts) + ')' if facts else ''}"


def _beside(known: Known, place: Place) -> str:
    """The price, and how far it is from the level on which side."""
    price = known.price or 0.0
    if price == place.level:
        return f"{wording.price(price)}, right at the level"
    far = known.apart(abs(away(price, place.level)), price)
    return (
        f"{wording.price(price)}; {wording.price(place.level)} lies {far}"
        f" {'below' if price > place.level else 'above'} it"
    )


def role_of(known: Known, place: Place) -> tuple[Role | None, str | None]:
    """Support or resistance, from the side on which the price is, and that side.

    While the price sits on the level, the side on which it was for most of the last bars.
    """
    if known.price is None:
        return None, None
    closes = np.append(known.bars["close"].to_numpy(), known.price)
    margin = _sitting_distance(known, place)
    off = np.flatnonzero(np.abs(closes - place.level) > margin)
    last = closes[off[-1]] if off.size else closes[-1]
    usually = float(np.median(closes[-1 - RECENT :]))
    if len(closes) - 1 not in off and usually != place.level:
        last = usually
    if last == place.level:
        return None, None
    return ("support", "above") if last > place.level else ("resistance", "below")


def _sitting_distance(known: Known, place: Place) -> float:
    """USD within which the price sits on the level: the smaller of tolerance and half an ATR."""
    wide = place.tolerance * place.level
    return min(wide, _SITS * known.usual) if known.usual else wide


def approach_step(
    known: Known, place: Place, came_from: str | None, cluster: ClusterNear | None
) -> ApproachStep:
    """Where the price is beside the level and the cluster, and where it is going."""
    if known.price is None:
        return ApproachStep(
            "cannot say",
            None,
            None,
            None,
            None,
            None,
            ("There are no candles, so where the price is beside the level cannot be said.",),
        )
    level, price = place.level, known.price
    distance = abs(away(price, level))
    closes = known.bars["close"].to_numpy()
    before = float(closes[-1 - RECENT]) if len(closes) > RECENT else None
    state, text = _state(known, place, before)
    in_atr = None
    if before is not None and known.usual:
        in_atr = (abs(before - level) - abs(price - level)) / known.usual
    inside = None if cluster is None or cluster.from_price is None else cluster.from_price == 0
    lines = [text]
    if cluster is not None and cluster.from_price is not None:
        lines.append(
            f"The price is inside the nearest {cluster.side} cluster."
            if inside
            else (
                f"The nearest {cluster.side} cluster begins {known.apart(cluster.from_price, price)}"
                f" {'above' if cluster.low > price else 'below'} the price."
            )
        )
    if not known.usual:
        lines.append(
            "The usual range of a bar (ATR) is "
            + (
                "zero: the price stands still."
                if known.usual == 0
                else "not known yet, so distances are in per cent only."
            )
        )
    return ApproachStep(
        state,  # type: ignore[arg-type]
        distance,
        abs(price - level) / known.usual if known.usual else None,
        in_atr,
        came_from,  # type: ignore[arg-type]
        inside,
        tuple(lines),
    )


def _state(known: Known, place: Place, before: float | None) -> tuple[str, str]:
    level, price = place.level, known.price or 0.0
    here = f"The price is {_beside(known, place)}"
    sits = abs(price - level) <= _sitting_distance(known, place)
    if before is None:
        return (
            "sitting" if sits else "cannot say"
        ), f"{here}. There are too few bars to say where it is going."
    span = wording.duration(RECENT * known.step)
    # Half an ATR counts as a move, or a quarter of the tolerance where there is no ATR.
    least = _SITS * known.usual if known.usual else place.tolerance * level / 4
    moved = abs(before - level) - abs(price - level)
    then = known.apart(abs(away(before, level)), before)
    if (before - level) * (price - level) < 0 and not sits:
        return (
            "crossed",
            f"{here}: it crossed the level within the last {span}, coming from {wording.price(before)}.",
        )
    if sits:
        came = (
            f"it came from {wording.price(before)} {span} ago"
            if moved >= least
            else f"it was at {wording.price(before)} {span} ago"
        )
        return (
            "sitting",
            (
                f"The price ({wording.price(price)}) sits on {wording.price(level)},"
                f" {known.apart(abs(away(price, level)), price)} away; {came}."
            ),
        )
    if moved >= least:
        return ("approaching", f"{here}. The price is coming nearer: it was {then} away {span} ago.")
    if moved <= -least:
        return ("moving away", f"{here}. The price is moving away: it was {then} away {span} ago.")
    return "keeping its distance", f"{here}, about as far off as {span} ago."


def price_step(known: Known, place: Place) -> PriceStep:
    """Signals at the level in the last bars, and the state of momentum, volume, funding and open interest."""
    bars = known.bars.iloc[-_SIGNAL_BARS:].reset_index(drop=True)
    if bars.empty:
        return PriceStep(
            (),
            (),
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            ("There are no candles, so price action cannot be read.",),
        )
    since = pd.Timestamp(known.moment - RECENT * known.step, tz="UTC")
    funding, interest = _since(known.funding, bars, known, 120), _since(known.open_interest, bars, known, 0)
    found = find_signals(bars, [place.level], timeframe=known.step).table
    found = found[(found["known_at"] > since) & (found["level"].isna() | (found["level"] == place.level))]
    signals = tuple(
        (wording.iso(when), str(name), str(way), str(text))
        for when, name, way, text in zip(
            found["known_at"], found["name"], found["side"], found["evidence"], strict=True
        )
    )
    state = momentum(bars, timeframe=known.step).iloc[-1]
    rsi, histogram = finite(state["rsi"]), finite(state["macd_histogram"])
    rsi_state = str(state["rsi_state"]) if rsi is not None else None
    ratio, takers = _volume(bars), takers_of(bars, known.step)
    rate, crowded = _funding(funding)
    changed, extreme = _interest(bars, interest, known)
    patterns = _patterns(bars, known, place)
    lines = [
        f"{wording.when(when)}: {wording.sentence_case(name)} ({side}). {text}"
        for when, name, side, text in signals[-6:]
    ]
    if not any(
        name in ("rejection", "recapture", "breakout", "false breakout", "retest")
        for _, name, _, _ in signals
    ):
        lines.append(
            f"In the last {wording.count(min(RECENT, len(bars)), 'bar')} no rejection, recapture or breakout"
            f" was seen at {wording.price(place.level)}."
        )
    lines += [f"Candle pattern near the level, {text}." for text in patterns]
    lines.append(_momentum_words(rsi, rsi_state, histogram))
    lines += _flow_words(ratio, takers, rate, crowded, changed, extreme, min(RECENT, len(bars)))
    return PriceStep(
        signals,
        patterns,
        rsi,
        rsi_state,
        histogram,
        ratio,
        takers,
        rate,
        crowded,
        changed,
        extreme,
        tuple(lines),
    )


def _since(frame: pd.DataFrame | None, bars: pd.DataFrame, known: Known, days: int) -> pd.DataFrame | None:
    """Rows from a little before the bars on: what is older is not compared with."""
    if frame is None or frame.empty:
        return None
    first = (
        bars["time"].iloc[0] - pd.Timedelta(days=days) - 6 * pd.Timedelta(known.step) - pd.Timedelta(hours=2)
    )
    begin = int(
        np.searchsorted(tables.microseconds(frame["time"]), tables.to_datetime64(first).astype("int64"))
    )
    return frame.iloc[begin:] if begin < len(frame) else None


def _volume(bars: pd.DataFrame) -> float | None:
    """The last bar's volume over the median of the bars before it."""
    volume = bars["volume"].to_numpy()
    past = volume[-1 - RULES.volume_bars : -1]
    past = past[np.isfinite(past)]
    if len(past) < RULES.volume_bars // 2 or np.median(past) <= 0:
        return None
    return finite(volume[-1] / np.median(past))


def takers_of(bars: pd.DataFrame, step: np.timedelta64) -> float | None:
    """Taker purchases minus sales over the volume of the last bars, where all of it is known and no bar is
    missing."""
    part = bars.iloc[-RECENT:]
    delta, volume = taker_delta(part), part["volume"].to_numpy()
    if np.isnan(delta).any() or volume.sum() <= 0 or missing_before(part, step).any():
        return None
    return finite(delta.sum() / volume.sum())


def _funding(funding: pd.DataFrame | None) -> tuple[float | None, bool | None]:
    """The median over venues of the latest rate per 8 hours, and whether it is extreme on any."""
    if funding is None:
        return None, None
    state = funding_extremes(funding)
    latest = pd.Series(np.arange(len(state))).groupby(state["venue"].array.codes).last().to_numpy()
    return finite(np.median(state["rate_8h"].to_numpy()[latest])), bool(
        state["extreme"].to_numpy()[latest].any()
    )


def _interest(
    bars: pd.DataFrame, interest: pd.DataFrame | None, known: Known
) -> tuple[float | None, bool | None]:
    if interest is None:
        return None, None
    row = open_interest_changes(
        bars.iloc[-1 - RULES.open_interest_window :].reset_index(drop=True), interest, timeframe=known.step
    ).iloc[-1]
    change = finite(row["change"])
    return change, bool(row["extreme"]) if change is not None else None


def _patterns(bars: pd.DataFrame, known: Known, place: Place) -> tuple[str, ...]:
    """Patterns that ended in the last three bars, one of which came to the level."""
    last = bars.iloc[-3:]
    reach = _SITS * (known.usual or 0.0)
    if not ((last["low"] <= place.level + reach) & (last["high"] >= place.level - reach)).any():
        return ()
    found = candle_patterns(bars.iloc[-_PATTERN_BARS:].reset_index(drop=True), timeframe=known.step)
    found = found[found["time"] >= last["time"].iloc[0]]
    told = zip(found["time"], found["name"], found["side"].astype(str), found["meaning"], strict=True)
    # The same pattern in two bars is told once, the later one.
    latest = {(name, side): (when, name, side, meaning) for when, name, side, meaning in told}
    return tuple(
        f"{wording.when(when)}: {name} ({side}), {meaning}"
        for when, name, side, meaning in sorted(latest.values())
    )


def _momentum_words(rsi: float | None, state: str | None, histogram: float | None) -> str:
    if rsi is None:
        return "There are too few bars for RSI and MACD."
    text = f"RSI is {wording.whole(rsi)} ({state}; a convention: below 30 oversold, above 70 overbought)"
    if histogram is None:
        return text + "; there are too few bars for MACD."
    return (
        text + f"; MACD is {wording.usd(abs(histogram))} {'above' if histogram > 0 else 'below'} its average."
    )


def _flow_words(
    ratio: float | None,
    takers: float | None,
    rate: float | None,
    crowded: bool | None,
    changed: float | None,
    extreme: bool | None,
    bars: int,
) -> list[str]:
    lines = []
    if ratio is not None:
        lines.append(
            f"The last bar's volume is {wording.decimal(ratio, 1)} times the median of the"
            f" {RULES.volume_bars} bars before."
        )
    if takers is not None:
        way = "purchases" if takers > 0 else "sales"
        lines.append(
            f"Taker {way} outweigh by {wording.percent(abs(takers))} of the volume of the last"
            f" {wording.count(bars, 'bar')}."
        )
    if rate is not None:
        payer = "longs pay shorts" if rate > 0 else "shorts pay longs" if rate < 0 else "nobody pays"
        lines.append(
            f"Funding is {wording.percent(rate, signed=True)} per 8 h"
            f" ({payer}){', extreme beside its own past' if crowded else ', not extreme'}."
        )
    if changed is not None:
        lines.append(
            f"Open interest changed by {wording.percent(changed, signed=True)} over"
            f" {RULES.open_interest_bars} bars{', extreme' if extreme else ', not extreme'}."
        )
    return lines
