"""Conditions on heat: its change near a level, clusters and what happens to them, venues, and the balance of
sides."""

from __future__ import annotations

import numpy as np
import pandas as pd

from liqcore import wording
from liqcore.alerts.hits import Hit, at_least, latched, rises, shifted, window_sum
from liqcore.alerts.observe import Frames
from liqcore.alerts.rules import Condition
from liqcore.alerts.sentences import share_words, span_words
from liqcore.heat.clusters import ClusterEvent

# USD. A change of less, and growth out of nothing to less, is not worth telling, whatever its ratio.
_LEAST_CHANGE, _FROM_NOTHING = 1_000.0, 50_000.0
# USD of both sides without which there is no balance to speak of.
_LEAST_BALANCE = 10_000.0
# Bars of the past without which nothing is called unusual.
_PAST = 20
# Bars in a row for which venues must not agree before they have stopped agreeing.
_PATIENCE = 3
_EVENTS = {
    "cluster appears": ("appeared",),
    "cluster grows": ("grew",),
    "cluster shrinks": ("shrank",),
    "cluster shifts": ("shifted",),
    "cluster swept": ("swept",),
    "cluster dissipates": ("dissipated",),
    "cluster re-emerges": ("re-emerged", "appeared"),
}


def heat_changes(part: Condition, frames: Frames, release: float) -> list[Hit]:
    """Heat near the level grows, shrinks or spikes against the same time before, in all or on so many fresh
    venues.

    Growth is now / before − 1, loss 1 − now / before. A spike is the robust z of the change in USD against
    its own past, (x − median) / (1.4826 MAD), with 1.2533 times the mean absolute deviation where most
    changes are zero (Iglewicz and Hoaglin, 1993).
    """
    threshold = float(part.by or 0.0)
    pairs = {venue: _now_and_before(part, frames, venue) for venue in frames.names(part.heat)}
    fresh = {venue: frames.fresh(part.heat, venue) for venue in pairs}
    zero = np.zeros(frames.size)
    total = (
        sum((np.where(fresh[venue], now, 0.0) for venue, (now, _) in pairs.items()), zero),
        sum((np.where(fresh[venue], before, 0.0) for venue, (_, before) in pairs.items()), zero),
    )
    strength = _STRENGTH[part.kind]
    each = (
        {}
        if part.venues == 1
        else {venue: np.where(fresh[venue], strength(part, *pair), -np.inf) for venue, pair in pairs.items()}
    )
    value = (
        strength(part, *total)
        if part.venues == 1
        else at_least(list(each.values()), part.venues, frames.size)
    )
    on = latched(value >= threshold, ~(value >= threshold * release))
    where = (
        f"{_side(part)}{_heat_word(part)} within {share_words(part.within)} of {wording.price(part.level)}"
    )
    verb = {"heat grows": "grew", "heat shrinks": "shrank", "heat spikes": "spiked"}[part.kind]
    out = []
    for bar in rises(on).tolist():
        now, before = float(total[0][bar]), float(total[1][bar])
        odd = (
            f" ({wording.decimal(value[bar], 1)} robust deviations)"
            if part.kind == "heat spikes" and np.isfinite(value[bar])
            else ""
        )
        said = (
            f"The {where} {verb} from {wording.usd(before)} to {wording.usd(now)} in"
            f" {span_words(part.over)}{odd}."
        )
        if each:
            # All together may have gone the other way meanwhile.
            who = [wording.venue(venue) for venue, strong in each.items() if strong[bar] >= threshold]
            much = "" if part.kind == "heat spikes" else f" by {share_words(part.by)} or more"
            said = (
                f"The {where} {verb}{much} in {span_words(part.over)} on {len(who)} venues"
                f" ({', '.join(who)}){odd}; all venues together went from {wording.usd(before)} to"
                f" {wording.usd(now)}."
            )
        out.append(
            _hit(part, frames, bar, f"{part.kind}-{frames.edges[bar + 1]}", part.side, now, before, now, said)
        )
    return out


def _now_and_before(part: Condition, frames: Frames, venue: str) -> tuple[np.ndarray, np.ndarray]:
    bars = frames.bars(part.over)
    heat = frames.near(part.heat, venue, part.side, part.level, part.within)

    def pair() -> tuple[np.ndarray, np.ndarray]:
        now = window_sum(heat, bars) if part.heat == "realised" else heat
        return now, np.nan_to_num(shifted(now, bars))

    return frames.keep(("pair", part.heat, venue, part.side, part.level, part.within, bars), pair)


def _growth(part: Condition, now: np.ndarray, before: np.ndarray) -> np.ndarray:
    ratio = np.where(before > 0, now / np.where(before > 0, before, 1.0) - 1, np.inf)
    counts = np.where(
        before > 0, now - before >= max(part.minimum, _LEAST_CHANGE), now >= max(part.minimum, _FROM_NOTHING)
    )
    return np.where(counts, ratio, -np.inf)


def _loss(part: Condition, now: np.ndarray, before: np.ndarray) -> np.ndarray:
    counts = before - now >= max(part.minimum, _LEAST_CHANGE)
    return np.where(counts, 1 - now / np.where(before > 0, before, 1.0), -np.inf)


def _spike(part: Condition, now: np.ndarray, before: np.ndarray) -> np.ndarray:
    change = pd.Series(now - before)
    middle = change.expanding(_PAST).median().shift(1)
    off = (change - middle).abs()
    spread = 1.4826 * off.expanding(_PAST).median().shift(1)
    spread = spread.where(spread > 0, 1.2533 * off.expanding(_PAST).mean().shift(1)).clip(lower=_LEAST_CHANGE)
    z = ((change - middle) / spread).to_numpy()
    return np.where((change.to_numpy() >= max(part.minimum, _LEAST_CHANGE)) & np.isfinite(z), z, -np.inf)


_STRENGTH = {"heat grows": _growth, "heat shrinks": _loss, "heat spikes": _spike}


def cluster_events(part: Condition, frames: Frames, release: float) -> list[Hit]:
    """What happened to clusters of the map of all venues, near the level where one is given."""
    story = frames.story(part.heat)
    if story is None:
        return []
    kinds = _EVENTS[part.kind]
    died: list[tuple[float, str]] = []
    out = []
    for event in story.events:
        if (
            event.kind in kinds
            and _wanted(part, event)
            and (part.kind != "cluster re-emerges" or event.kind == "re-emerged" or _known(event, died, part))
        ):
            bar = int((event.time - frames.edges[0]) // frames.settings.step) - 1
            said = (
                event.sentence
                if event.kind != "appeared" or part.kind == "cluster appears"
                else f"Heat is back where a {event.side} cluster had gone: {event.sentence}"
            )
            out.append(
                _hit(
                    part,
                    frames,
                    bar,
                    event.cluster,
                    event.side,
                    max(event.after, 0.0),
                    event.before,
                    event.after,
                    said,
                    event.centre,
                    event.cluster,
                )
            )
        if event.kind in ("swept", "dissipated"):
            died.append((event.centre, event.side))
    return out


def _known(event: ClusterEvent, died: list[tuple[float, str]], part: Condition) -> bool:
    return any(
        side == event.side and abs(np.log(centre / event.centre)) <= part.within for centre, side in died
    )


def _wanted(part: Condition, event: ClusterEvent) -> bool:
    if (
        event.at_start
        or part.side not in ("both", event.side)
        or max(event.before, event.after) < part.minimum
    ):
        return False
    if part.level is None:
        return True
    level, was, now = part.level, event.centre_before, event.centre
    if part.way == "across":
        return (was - level) * (now - level) < 0
    low, high = level * np.exp(-part.within), level * np.exp(part.within)
    near = event.low <= high and event.high >= low
    if part.way == "towards":
        return near and abs(now - level) < abs(was - level)
    return near or (part.kind == "cluster shifts" and low <= was <= high)


def price_near(part: Condition, frames: Frames, release: float) -> list[Hit]:
    """Price closes within so many ATR of the edge of a cluster, coming from further away."""
    found, story = frames.bands(part.heat), frames.story(part.heat)
    if found is None or story is None:
        return []
    bands, bar, owner = found
    edges, price = bands.edges, frames.prices
    low, high, close, atr = edges[bands.low], edges[bands.high], price["close"][bar], price["atr"][bar]
    keep = (bands.notional >= part.minimum) & np.isfinite(atr) & (atr > 0) & np.isfinite(close)
    if part.side != "both":
        keep &= bands.side == (part.side == "short")
    distance = np.maximum(np.maximum(low - close, close - high), 0.0)[keep] / atr[keep]
    bar, owner, usd, centre, short = (
        bar[keep],
        owner[keep],
        bands.notional[keep],
        bands.centre[keep],
        bands.side[keep],
    )
    out, threshold = [], float(part.by or 1.0)
    for cluster in np.unique(owner[distance <= threshold]).tolist():
        mine = np.flatnonzero(owner == cluster)
        away = np.full(frames.size, np.inf)
        away[bar[mine]] = distance[mine]
        near = latched(away <= threshold, away > threshold / release)
        at = dict(zip(bar[mine].tolist(), mine.tolist(), strict=True))
        name = story.clusters[cluster].id
        for when in rises(near).tolist():
            row = at[when]
            middle, side = float(centre[row]), "short" if short[row] else "long"
            before = float(away[when - 1]) if np.isfinite(away[when - 1]) else None
            out.append(
                _hit(
                    part,
                    frames,
                    when,
                    name,
                    side,
                    float(usd[row]),
                    before,
                    float(away[when]),
                    f"Price ({wording.price(price['close'][when])}) came within"
                    f" {wording.decimal(away[when], 2)} ATR of the {side} cluster near"
                    f" {wording.price(middle)} with {wording.usd(float(usd[row]))}.",
                    middle,
                    name,
                    "ATR",
                )
            )
    return sorted(out, key=lambda hit: (hit.time, hit.key))


def venues_agree(part: Condition, frames: Frames, release: float) -> list[Hit]:
    """So many fresh venues have a cluster near the level, or no longer have for three bars, though enough are
    fresh."""
    names = frames.names(part.heat)
    fresh = np.array([frames.fresh(part.heat, venue) for venue in names]).reshape(len(names), frames.size)
    hot = np.array(
        [frames.hot(part.heat, venue, part.side, float(part.level or 0), part.within) for venue in names]
    ).reshape(fresh.shape)
    count, number = (hot & fresh).sum(axis=0), fresh.sum(axis=0)
    lately = pd.Series(count).rolling(_PATIENCE, min_periods=1).max().to_numpy()
    on = latched(count >= part.venues, lately < part.venues)
    bars = (
        rises(on)
        if part.kind == "venues agree"
        else np.array([bar for bar in rises(~on) if number[bar] >= part.venues], dtype=int)
    )
    verb = "show" if part.kind == "venues agree" else "still show"
    out = []
    for bar in bars.tolist():
        who = [venue for venue, shown in zip(names, (hot & fresh)[:, bar], strict=True) if shown]
        usd = sum(
            float(
                window_sum(
                    frames.near(part.heat, venue, part.side, part.level, part.within), frames.settings.window
                )[bar]
            )
            for venue in who
        )
        out.append(
            _hit(
                part,
                frames,
                bar,
                f"{part.kind}-{frames.edges[bar + 1]}",
                part.side,
                usd,
                float(count[bar - 1]),
                float(count[bar]),
                f"{count[bar]} of {number[bar]} fresh venues {verb} {_side(part)}heat within"
                f" {share_words(part.within)} of"
                f" {wording.price(part.level)}{': ' + ', '.join(who) if who else ''}.",
                unit="venues",
            )
        )
    return out


def balance(part: Condition, frames: Frames, release: float) -> list[Hit]:
    """The majority side of the heat near the level, or on the whole map, changes by more than the margin
    asked for."""
    bars, usd = frames.bars(part.over), {}
    for side in ("long", "short"):
        heat = sum(
            (
                frames.near(part.heat, venue, side, part.level, part.within)
                for venue in frames.names(part.heat)
            ),
            np.zeros(frames.size),
        )
        usd[side] = window_sum(heat, bars) if part.heat == "realised" else heat
    total = usd["long"] + usd["short"]
    share = np.where(total > 0, usd["long"] / np.where(total > 0, total, 1.0), 0.5)
    known, margin = total >= max(part.minimum, _LEAST_BALANCE), float(part.by or 0.6)
    longs, shorts = known & (share >= margin), known & (share <= 1 - margin)
    mostly = {"to long": latched(longs, shorts), "to short": latched(shorts, longs)}
    out, where = (
        [],
        (
            "on the whole map"
            if part.level is None
            else f"within {share_words(part.within)} of {wording.price(part.level)}"
        ),
    )
    for way, state in mostly.items():
        other = mostly["to short" if way == "to long" else "to long"]
        for bar in rises(state).tolist():
            if part.way in ("any", way) and other[bar - 1]:
                side = way.removeprefix("to ")
                now = float(share[bar])
                out.append(
                    _hit(
                        part,
                        frames,
                        bar,
                        f"{way}-{frames.edges[bar + 1]}",
                        side,
                        float(total[bar]),
                        float(share[bar - 1]),
                        now,
                        f"The heat {where} flipped to {side}s:"
                        f" {wording.percent(now if side == 'long' else 1 - now)} of"
                        f" {wording.usd(float(total[bar]))} in {span_words(part.over)}.",
                        unit="share of longs",
                    )
                )
    return sorted(out, key=lambda hit: (hit.time, hit.key))


def _hit(
    part: Condition,
    frames: Frames,
    bar: int,
    key: str,
    side: str,
    usd: float,
    before: float | None,
    after: float | None,
    words: str,
    price: float | None = None,
    cluster: str | None = None,
    unit: str = "USD",
) -> Hit:
    return Hit(
        int(frames.edges[bar + 1].astype("int64")),
        bar,
        key,
        part.kind,
        side,
        part.level,
        part.level if price is None else price,
        usd,
        before,
        after,
        unit,
        words,
        part.heat,
        part.within,
        cluster,
        None if cluster is None else frames.births(part.heat)[cluster],
    )


def _side(part: Condition) -> str:
    return "" if part.side == "both" else f"{part.side} "


def _heat_word(part: Condition) -> str:
    return "liquidations" if part.heat == "realised" else "modelled levels"
