"""An alert: what changed, where, on which data, how far venues agree, what speaks against it, and a link to
see it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.alerts.hits import Hit
from liqcore.alerts.inputs import AlertData, Settings
from liqcore.alerts.observe import Frames, observe
from liqcore.alerts.rules import Rule
from liqcore.alerts.venue_votes import Place, Question
from liqcore.heat.grid import least_complete
from liqcore.heat.verdicts import verdict
from liqcore.reading import ReadingError, read_level

KIND_NOTE: Final = {
    "realised": "Realised: liquidations that happened.",
    "modelled": "Modelled: where open positions would be liquidated, by an estimate from public data.",
}


# A reading takes a good part of a second, and at one moment thousands of rules may have something to tell.
MOST_READ: Final = 8
_NO_FACTS: Final[dict[str, Any]] = {"venues": (), "completeness": "unknown", "stale": (), "data_age": None}


@dataclass(frozen=True)
class Alert:
    """Something a rule watched for that came true. Text, numbers, None and tuples only, ready for JSON.

    Attributes
    ----------
    id : the same for the same alert, however the data was fed. rule, name : id and name of the rule.
    time : ISO, UTC, of the bar's close or the event. sentence : what happened, with the numbers.
    what, side, cluster : kind of condition, `long`, `short` or `both`, and the id of the cluster if one is
    concerned.
    level, price : USD, where the rule looked and where it happened. usd : the heat concerned.
    before, after, unit : what changed from what to what.
    venues : (name, completeness) of the fresh venues. completeness : of all together. stale : venues that are
    not fresh.
    data_age : seconds from the newest data to `time`. kind : `realised` or `modelled`, kind_note what that
    means.
    agreement : verdict on whether venues agree there. against : what speaks against it; only where details
    were asked for.
    explore : query parameters of the explore page that show the same view. tell : names of channels.
    """

    id: str
    rule: str
    name: str
    time: str
    sentence: str
    what: str
    side: str
    level: float | None
    price: float | None
    usd: float
    before: float | None
    after: float | None
    unit: str
    cluster: str | None
    venues: tuple[tuple[str, str], ...]
    completeness: str
    stale: tuple[str, ...]
    data_age: float | None
    kind: str
    kind_note: str
    agreement: str
    against: tuple[str, ...]
    explore: tuple[tuple[str, str], ...]
    tell: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, text, numbers and None."""
        out = asdict(self)
        return {
            **out,
            "explore": dict(self.explore),
            **{
                name: [list(x) if isinstance(x, tuple) else x for x in out[name]]
                for name in ("venues", "stale", "against", "tell")
            },
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Alert:
        """The alert of `to_dict`."""
        more = {item.name: data[item.name] for item in fields(cls)}
        more.update({name: tuple(data[name]) for name in ("stale", "against", "tell")})
        return cls(
            **{
                **more,
                "venues": tuple((venue, complete) for venue, complete in data["venues"]),
                "explore": tuple(data["explore"].items()),
            }
        )


def ask_venues(hits: Iterable[Hit], frames: Frames) -> None:
    """Ask venues about all of these hits together, which costs less than one by one when alerts are made."""
    asked: list[Question] = []
    for hit in hits:
        place, bar = _level(hit), _bar(hit, frames)
        if place is not None and hit.heat == "realised":
            fresh = _fresh(frames, hit.heat, bar)
            asked += _questions(bar, float(place), hit.side, hit.within, fresh)
    if asked:
        frames.votes.ask_together(asked)


def make_alert(rule: Rule, hit: Hit, frames: Frames, data: AlertData, detail: str) -> Alert:
    """The alert for a hit of a rule; `detail` is `full` with the reading's counter-evidence, `quick` without,
    or `bare`."""
    moment = np.datetime64(hit.time, "us")
    bar = _bar(hit, frames)
    facts = (
        _NO_FACTS
        if detail == "bare"
        else frames.keep(("facts", hit.heat, bar, hit.time), lambda: _facts(frames, hit.heat, bar, hit.time))
    )
    place, side = _level(hit), hit.side
    where = hit.heat, bar, place, side, hit.within
    verdict = (
        "cannot say"
        if place is None or detail == "bare"
        else frames.keep(
            ("verdict", *where), lambda: _verdict(frames, hit.heat, bar, float(place), side, hit.within)
        )
    )
    against: tuple[str, ...] = ()
    if detail == "full" and place is not None:
        read = frames.keep(("read", bar), set)
        if len(read | {where}) > MOST_READ:
            against = (
                f"Not read: rules told about more than {MOST_READ} levels at this moment. The link reads it.",
            )
        else:
            read.add(where)
            against = frames.keep(
                ("against", *where),
                lambda: _against(
                    data, frames.settings, frames.edges[bar + 1], hit.heat, float(place), side, hit.within
                ),
            )
    return Alert(
        id=f"{rule.id}-{hit.time}-{hit.what.replace(' ', '_')}-{hit.key}"[:200],
        rule=rule.id,
        name=rule.name,
        time=f"{np.datetime_as_string(moment, unit='s')}Z",
        sentence=hit.words,
        what=hit.what,
        side=side,
        level=hit.level,
        price=_said(hit.price),
        usd=_said(hit.usd) or 0.0,
        before=_said(hit.before),
        after=_said(hit.after),
        unit=hit.unit,
        cluster=hit.cluster,
        kind=hit.heat,
        kind_note=KIND_NOTE[hit.heat],
        agreement=verdict,
        against=against,
        explore=explore_link(hit, frames.settings),
        tell=rule.tell,
        **facts,
    )


def explore_link(hit: Hit, settings: Settings) -> tuple[tuple[str, str], ...]:
    """Query parameters of the explore page that show the map as it was, with the level marked and read."""
    # The page offers these lengths; the next longer one shows the same.
    length = next((name for name in tables.TIMEFRAMES if tables.timeframe(name) >= settings.step), "1d")
    hour = -(-hit.time // 3_600_000_000) * 3_600_000_000
    until = str(np.datetime_as_string(np.datetime64(int(hour), "us"), unit="s"))
    out = [("layer", hit.heat), ("tf", length), ("span", "1 d"), ("until", until), ("side", hit.side)]
    place = _level(hit)
    if place is not None:
        out += [("level", f"{place:.10g}"), ("mylevels", f"{place:.10g}"), ("read", "true")]
    return tuple(out)


def _facts(frames: Frames, heat: str, bar: int, time: int) -> dict[str, Any]:
    """Venues, completeness and age of the data at the close of a bar, and of events up to a time
    (microseconds)."""
    names = frames.names(heat)
    fresh = _fresh(frames, heat, bar)
    if heat == "modelled":
        last = frames.candles["time"][(frames.bar_of(frames.candles["time"]) <= bar)]
        age = (
            float(time - tables.microseconds(last)[-1] - frames.settings.step.astype("int64")) / 1e6
            if len(last)
            else None
        )
        return dict(
            venues=tuple((venue, "unknown") for venue in fresh),
            completeness="unknown",
            stale=tuple(sorted(set(names) - set(fresh))),
            data_age=age,
        )
    flags, newest = {}, 0
    for venue in names:
        times, worst = frames.keep(("worst", venue), lambda venue=venue: _worst(frames, venue))
        known = int(np.searchsorted(times, time, "right"))
        flags[venue] = ("all", "unknown", "sampled")[int(worst[known - 1])] if known else "unknown"
        newest = max(newest, int(times[known - 1]) if known else 0)
    news = max((int(frames.heard(venue)[bar]) for venue in names), default=0)
    news = max(news, newest)
    venues = tuple((venue, flags[venue]) for venue in fresh)
    return dict(
        venues=venues,
        completeness=least_complete(complete for _, complete in venues),
        stale=tuple(sorted(set(names) - set(fresh))),
        data_age=float(time - news) / 1e6 if news > 0 else None,
    )


def _worst(frames: Frames, venue: str) -> tuple[np.ndarray, np.ndarray]:
    """Times of a venue's events, and how incomplete its feed had been by each at worst (0 all, 1 unknown, 2
    sampled)."""
    events = frames.recent.liquidations
    mine = events[(events["venue"] == venue).to_numpy()]  # type: ignore[index]
    rank = (
        mine["completeness"].astype(str).map({"all": 0, "unknown": 1, "sampled": 2}).to_numpy(dtype=np.int64)
    )
    return tables.microseconds(mine["time"]), np.maximum.accumulate(rank)


def _bar(hit: Hit, frames: Frames) -> int:
    """The last bar that had closed by then: a running bar does not count, even where it is known by now."""
    return int((hit.time - frames.edges[0].astype("int64")) // frames.settings.step.astype("int64")) - 1


def _level(hit: Hit) -> float | None:
    return hit.level if hit.level is not None else hit.price


def _fresh(frames: Frames, heat: str, bar: int) -> tuple[str, ...]:
    return tuple(venue for venue in frames.names(heat) if frames.fresh(heat, venue)[bar])


def _questions(bar: int, level: float, side: str, within: float, fresh: tuple[str, ...]) -> list[Question]:
    names = [name for name in tables.SIDES if side in ("both", name)]
    return [Question(Place(name, level, within), bar, fresh) for name in names]


def _verdict(frames: Frames, heat: str, bar: int, level: float, side: str, within: float) -> str:
    """In the words of `liqcore.heat.verdicts`, by its rule, from the frames that all rules share."""
    fresh = _fresh(frames, heat, bar)
    if heat == "realised":
        asked = _questions(bar, level, side, within, fresh)
        many, few, share, order = max(frames.votes.agreed(one) for one in asked)
        return verdict(many, few, len(fresh), share, order)
    hot = {venue for venue in fresh if frames.hot(heat, venue, side, level, within)[bar]}
    usd = [float(frames.near(heat, venue, side, level, within)[bar]) for venue in fresh]
    largest = max(usd, default=0.0) / sum(usd) if sum(usd) > 0 else 0.0
    return verdict(len(hot), len(fresh) - len(hot), len(fresh), largest)


def _against(
    data: AlertData,
    settings: Settings,
    moment: np.datetime64,
    heat: str,
    level: float,
    side: str,
    within: float,
) -> tuple[str, ...]:
    """What the reading of the level says against it, from data known at the moment and nothing later."""
    still = replace(settings, delay=0.0)
    before = moment - np.timedelta64(1, "us")
    frames = observe(data, still, before.astype("datetime64[D]").astype("datetime64[us]"), moment)
    grid = frames.grid(heat)
    if grid is None or frames.candles.empty:
        return ("There are no candles to read the level by.",)
    # The venues that the alert's own verdict asked, which need no second look at their age.
    by_venue = {
        venue: one
        for venue in frames.names(heat)
        if (one := frames.grid(heat, venue)) is not None and frames.fresh(heat, venue)[-1]
    }
    try:
        reading = read_level(
            grid,
            frames.data.candles,  # type: ignore[arg-type]
            level=level,
            side=None if side == "both" else side,  # type: ignore[arg-type]
            tolerance=within,
            by_venue=by_venue,
            liquidations=_given(frames.data.liquidations),
            open_interest=_given(frames.data.open_interest),
            funding=_given(frames.data.funding),
            at=moment,
            now=moment,
            as_of=dict.fromkeys(by_venue, moment),
            timeframe=settings.timeframe,
            rule=settings.clusters,
            last=settings.window,
        )
    except (ReadingError, tables.TableError) as problem:
        return (f"The level could not be read: {problem}",)
    return tuple(item.text for item in reading.evidence_against)


def _given(frame: pd.DataFrame | None) -> pd.DataFrame | None:
    return None if frame is None or frame.empty else frame


def _said(value: float | None) -> float | None:
    # Sums over more or fewer rows differ in their last digits, and the same alert must not.
    return round(float(value), 6) if value is not None and np.isfinite(value) else None
