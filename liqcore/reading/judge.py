"""What the six steps add up to: a claim, what speaks for and against it, and what would settle it.

Each observation stands beside how often it holds at prices chosen by chance, as far from price; what they are
worth together is told by the rank among these.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from liqcore import wording
from liqcore.heat.bands import ClusterRule
from liqcore.reading.base_rates import AT_LEVEL, NEAR_ATR, NEAR_TOLERANCES, Balance, Weighed
from liqcore.reading.heat_steps import Place, band_words
from liqcore.reading.known import Known
from liqcore.reading.price_steps import ONE_SIDED, RULES
from liqcore.reading.report import (
    AgreementStep,
    ApproachStep,
    ChangeStep,
    ClusterNear,
    ClustersStep,
    Condition,
    Evidence,
    LevelStep,
    PriceStep,
    Role,
)

PERSISTENT: Final = 0.5
_FADING: Final = ("swept", "dissipated", "shrank")
_RISING: Final = ("grew", "re-emerged")
KIND_NOTE: Final = {
    "realised": (
        "The map is realised: it shows liquidations that already happened. Those positions are gone, so a"
        " band tells where trading was forced, not what is still waiting."
    ),
    "modelled": (
        "The map is modelled: an estimate of positions that would be closed if price came there, from assumed"
        " leverage. Nobody has seen these positions."
    ),
    "measured": (
        "The map is measured: positions that are open and would be closed if price came there, as far as they"
        " are public. They can be closed or given more margin at any time."
    ),
}


@dataclass(frozen=True)
class Steps:
    """The six steps together."""

    level: LevelStep
    clusters: ClustersStep
    approach: ApproachStep
    change: ChangeStep
    agreement: AgreementStep
    price: PriceStep


def claim(place: Place, role: Role | None, kind: str) -> str:
    """The sentence for and against which evidence is sorted."""
    heat = (
        "liquidations were concentrated there lately"
        if kind == "realised"
        else "liquidations would be concentrated there"
    )
    if role is None:
        return f"The claim that is weighed: {wording.price(place.level)} matters, because {heat}."
    return (
        f"The claim that is weighed: {wording.price(place.level)} matters as {role}: {heat}, and price turns"
        " there rather than passing through."
    )


@dataclass
class _Sheet:
    """Evidence as it is collected: each piece beside the rate at which it holds at prices chosen by
    chance."""

    weighed: Weighed
    for_: list[Evidence] = field(default_factory=list)
    against: list[Evidence] = field(default_factory=list)

    def put(self, speaks_for: bool, step: int, text: str, name: str = "", absent: bool = False) -> None:
        """Add an observation; `absent` where it is that one does not hold."""
        rate = self.weighed.rates.get(name)
        base = None if rate is None else 1 - rate.base_rate if absent else rate.base_rate
        item = Evidence(
            step, text, name, base, self.weighed.controls if rate else 0, rate.worth if rate else None
        )
        (self.for_ if speaks_for else self.against).append(item)


def evidence(
    known: Known, place: Place, steps: Steps, weighed: Weighed
) -> tuple[list[Evidence], list[Evidence]]:
    """Observations for and against the claim; when none is against, what has not been tested."""
    sheet = _Sheet(weighed)
    _level(sheet, place, steps.level)
    _heat(sheet, known, place, steps)
    if steps.agreement.verdict in ("market-wide", "partly confirmed"):
        sheet.put(True, 5, steps.agreement.sentences[0], "venues")
    elif steps.agreement.verdict == "isolated" or len(steps.agreement.hot) > 1:
        sheet.put(False, 5, steps.agreement.sentences[0], "venues", absent=True)
    elif steps.agreement.n_fresh >= 2:
        text = f"Nothing stands out there on two of {steps.agreement.n_fresh} fresh venues."
        sheet.put(False, 5, text, "venues", absent=True)
    _price(sheet, place, steps, known.grid.kind if known.grid is not None else "realised")
    if not sheet.against:
        gaps = wording.joined(untested(place, steps))
        sheet.put(
            False,
            0,
            f"Nothing measured here contradicts it, which is not a confirmation. Not tested: {gaps}.",
        )
    return sheet.for_, sheet.against


def _level(sheet: _Sheet, place: Place, level: LevelStep) -> None:
    if level.bars == 0:
        return
    if level.known_as:
        sheet.put(True, 1, f"The price chart marks it too: {level.known_as[0]}.", "marked")
    else:
        text = (
            "Neither a turning point nor a volume level of the price lies within"
            f" {wording.percent(place.tolerance, exact=True)}."
        )
        sheet.put(False, 1, text, "marked", absent=True)


def _heat(sheet: _Sheet, known: Known, place: Place, steps: Steps) -> None:
    grid, near, change = known.grid, steps.clusters.nearest, steps.change
    if grid is None or band_words(grid, place):
        return
    if near is None or not near.at_level:
        sheet.put(False, 2, f"No hot band lies {place.words}.", "band", absent=True)
    else:
        sheet.put(True, 2, _band_words(near, grid.kind, place), "band")
    told = [
        (kind in _FADING, text)
        for _, kind, text in change.events
        if kind in (*_FADING, *_RISING) and (near is None or f"{near.side} cluster" in text)
    ]
    # What clusters did is part of how heat changed, and is told with it.
    said = f" {told[-1][1]}" if told else ""
    amounts = f"{wording.usd(change.now or 0)} against {wording.usd(change.before or 0)} before."
    if change.direction in ("growing", "new"):
        sheet.put(True, 4, f"Heat there is {change.direction}: {amounts}{said}", "more")
    elif change.direction == "shrinking":
        sheet.put(False, 4, f"Heat there is shrinking: {amounts}{said}", "less")


def _band_words(near: ClusterNear, kind: str, place: Place) -> str:
    """One sentence on a band: how much, how many, how long, and whether it is one print."""
    where = f"{wording.price(near.low)} to {wording.price(near.high)}"
    if kind != "realised":
        steady = "persistent" if near.persistence >= PERSISTENT else "fleeting"
        return (
            f"A {near.side} cluster of {wording.usd(near.notional)} lies there ({where}),"
            f" {wording.decimal(near.ratio, 1)} times the smooth profile; it is {steady}: it stood out in"
            f" {wording.percent(near.persistence)} of the last {wording.count(place.last, 'column')}."
        )
    text = f"{wording.usd(near.notional)} of {near.side} positions were liquidated there ({where})"
    if near.orders is not None and near.expected is not None:
        stays = wording.count(near.visits or 1, "stay") + " of price"
        text += (
            f": {wording.count(near.orders, 'liquidation')} where the path explains"
            f" {wording.decimal(near.expected, 1)}, in {stays}"
        )
    if near.single_print:
        text += f". Most of the USD is one print ({wording.percent(near.largest_share)}), perhaps one trader"
    return f"{text}."


def _is_near(place: Place, approach: ApproachStep) -> bool:
    if approach.distance_atr is not None:
        return approach.distance_atr <= NEAR_ATR
    return approach.distance is not None and approach.distance <= NEAR_TOLERANCES * place.tolerance


def _price(sheet: _Sheet, place: Place, steps: Steps, kind: str) -> None:
    price, role = steps.price, steps.level.role
    if steps.approach.state == "moving away":
        text = f"The price is moving away from {wording.price(place.level)}, so it is not being tested."
        sheet.put(False, 3, text, "leaving")
    elif steps.approach.state == "crossed":
        sheet.put(False, 3, f"The price went through {wording.price(place.level)} lately.", "crossed")
    change = price.open_interest_change
    if price.open_interest_extreme and change and kind != "realised":
        sheet.put(
            change > 0,
            6,
            f"Open interest {'rose' if change > 0 else 'fell'} by {wording.percent(abs(change))} lately,"
            f" which is extreme: {'new positions were opened' if change > 0 else 'many positions are gone'}.",
        )
    if role is None or not _is_near(place, steps.approach):
        return
    holds = "bullish" if role == "support" else "bearish"
    for group, chosen in (("action", True), ("momentum", False)):
        found = [one for one in price.signals if (one[1] in AT_LEVEL) == chosen]
        for way in ("bullish", "bearish"):
            texts = [
                f"{names} ({side}). {text}"
                for names, side, text in _latest_of_each(tuple(found))
                if side == way
            ]
            if texts:
                speaks = way == holds
                sheet.put(speaks, 6, " ".join(texts), f"{group} {'for' if speaks else 'against'}")
    for name, bullish, text in _leaning(price):
        with_it = bullish == (holds == "bullish")
        end = f"that leans towards the {role} {'holding' if with_it else 'giving way'}."
        sheet.put(with_it, 6, f"{text}: {end}", f"{name} {'for' if with_it else 'against'}")


def _leaning(price: PriceStep) -> list[tuple[str, bool, str]]:
    """What funding, RSI and takers say: name, whether it is bullish, and the words."""
    out = []
    if price.funding_extreme and price.funding_8h:
        crowd = "longs pay and are" if price.funding_8h > 0 else "shorts pay and are"
        rate = wording.percent(price.funding_8h, signed=True)
        out.append(("funding", price.funding_8h < 0, f"Funding is extreme ({rate} per 8 h, {crowd} crowded)"))
    if price.rsi is not None and price.rsi_state in ("weak", "strong"):
        text = f"RSI is {wording.whole(price.rsi)} ({price.rsi_state})"
        out.append(("rsi", price.rsi_state == "strong", text))
    if price.taker_share is not None and abs(price.taker_share) >= ONE_SIDED:
        way = "purchases" if price.taker_share > 0 else "sales"
        text = f"Taker {way} outweigh by {wording.percent(abs(price.taker_share))} of the volume"
        out.append(("takers", price.taker_share > 0, text))
    return out


def _latest_of_each(signals: tuple[tuple[str, str, str, str], ...]) -> list[tuple[str, str, str]]:
    """The latest signal of each name, at a level of each name and side; those of one bar and side are one
    observation."""
    latest = {
        (name, side if name in AT_LEVEL else ""): (when, side, name, text)
        for when, name, side, text in signals
    }
    for way, other in (("bullish", "bearish"), ("bearish", "bullish")):
        # A breakout that failed since is told by its failure.
        if latest.get(("false breakout", other), ("",))[0] > latest.get(("breakout", way), ("~",))[0]:
            del latest["breakout", way]
    merged: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for when, side, name, text in sorted(latest.values()):
        merged.setdefault((when, side), []).append((name, text))
    return [
        (
            wording.sentence_case(" and ".join(name for name, _ in found)),
            side,
            " ".join(text for _, text in found),
        )
        for (_, side), found in merged.items()
    ]


def untested(place: Place, steps: Steps) -> list[str]:
    """What this reading did not, or could not, look at, as parts of a sentence."""
    gaps = []
    if not _is_near(place, steps.approach):
        far = steps.approach.distance
        gaps.append(
            "how price reacts there" + ("" if far is None else f" (it is {wording.percent(far)} away)")
        )
    if steps.agreement.verdict == "cannot say":
        gaps.append("whether other venues show the same")
    if steps.price.funding_8h is None:
        gaps.append("funding")
    if steps.price.open_interest_change is None:
        gaps.append("open interest")
    if steps.price.taker_share is None:
        gaps.append("who was pushing (taker volume)")
    return [
        *gaps,
        "other timeframes",
        "news",
        "whether bands like this one were followed by turns more often than other prices",
    ]


def missing(known: Known, place: Place, steps: Steps) -> tuple[str, ...]:
    """Sentences on what is missing, old or too short, each once."""
    lines = list(known.notes)
    outside = band_words(known.grid, place) if known.grid is not None else None
    if outside:
        lines.append(outside)
    bars, price = known.bars, steps.price
    if len(bars) and price.rsi is None:
        lines.append(
            f"There are only {wording.count(len(bars), 'bar')} of {known.timeframe} since the last gap or in"
            " all: RSI, MACD and ATR need more."
        )
    elif len(bars) and price.macd_histogram is None:
        lines.append("There are too few bars since the last gap for MACD.")
    if len(bars) and known.usual == 0:
        lines.append(
            "The price did not move in the last bars, so its usual range (ATR) is zero: signals cannot be"
            " measured and distances are in per cent only."
        )
    if len(bars) and price.volume_ratio is None:
        lines.append(
            "Volume is zero or unknown in most of the last bars, so a breakout cannot be told by volume."
        )
    if len(bars) and price.taker_share is None:
        lines.append(
            "There is no complete taker split of the volume for the last bars, so who was pushing cannot be"
            " told."
        )
    if price.funding_8h is None:
        lines.append(
            "No funding was given." if known.funding is None else "There is no funding up to this moment."
        )
    if price.open_interest_change is None:
        lines.append(
            "No open interest was given."
            if known.open_interest is None
            else "Open interest is missing or too old beside the last bar."
        )
    near = steps.clusters.nearest
    if (
        known.grid is not None
        and known.grid.kind == "realised"
        and known.liquidations is None
        and near is not None
    ):
        lines.append(
            "The single liquidations were not given, so one large print cannot be told from many small ones."
        )
    if steps.agreement.n_total < 2:
        lines.append("Fewer than two venues were compared: agreement is unknown.")
    return tuple(dict.fromkeys(lines))


def conditions(
    known: Known, place: Place, steps: Steps, rule: ClusterRule
) -> tuple[tuple[Condition, ...], tuple[Condition, ...]]:
    """What would confirm and what would invalidate the claim, with prices."""
    near, role, frame = steps.clusters.nearest, steps.level.role, known.timeframe
    margin = RULES.tolerance * known.usual if known.usual else place.level * place.tolerance / 4
    measure = (
        f"{RULES.tolerance:g} ATR"
        if known.usual
        else f"{wording.percent(place.tolerance / 4, exact=True)}, because ATR is not known"
    )
    above, below = place.level + margin, place.level - margin
    confirm, refuse = [], []
    inside, beyond = ("above", "below") if role == "support" else ("below", "above")
    hold, fail = (above, below) if role == "support" else (below, above)
    if role is not None:
        confirm.append(
            Condition(
                f"A bar of {frame} that comes to {wording.price(place.level)} and closes back {inside}"
                f" {wording.price(hold)} ({measure} off): a rejection or a recapture.",
                hold,
            )
        )
        refuse.append(
            Condition(
                f"A close of a {frame} bar {beyond} {wording.price(fail)} ({measure} off), above all with at"
                f" least {RULES.volume_ratio:g} times the usual volume: a breakout through the {role}. A"
                f" close back within {RULES.false_breakout_bars} bars would make it a false one.",
                fail,
            )
        )
    else:
        confirm.append(
            Condition(
                f"A touch of {wording.price(place.level)} from either side with a close back on that side.",
                place.level,
            )
        )
        refuse.append(
            Condition(f"Price passing {wording.price(place.level)} without a reaction.", place.level)
        )
    if near is not None and near.at_level:
        confirm.append(
            Condition(
                f"The {near.side} cluster still holds {wording.usd(near.notional)} or more and stands out"
                f" {place.last} columns from now.",
                near.centre,
            )
        )
        refuse.append(
            Condition(
                f"The {near.side} cluster falls below {wording.usd(near.notional * rule.decay)} without price"
                f" crossing {wording.price(near.low)} to {wording.price(near.high)}: it dissipated.",
                near.centre,
            )
        )
    else:
        confirm.append(
            Condition(
                f"A cluster appears {place.words} and stands out in at least half of the next {place.last}"
                " columns.",
                place.level,
            )
        )
        refuse.append(Condition(f"Still no cluster {place.words} when price arrives.", place.level))
    shown = steps.agreement.verdict in ("partly confirmed", "market-wide")
    text = (
        f"At least {len(steps.agreement.hot)} venues still show a band of their own {place.words} then"
        if shown
        else f"Two or more fresh venues show a band of their own {place.words}"
    )
    confirm.append(Condition(f"{text}.", place.level))
    return tuple(confirm), tuple(refuse)


def balance(known: Known, place: Place, weighed: Weighed) -> Balance:
    """The verdict of the controls; `cannot say` without heat at the level."""
    if known.grid is None or band_words(known.grid, place):
        return "cannot say"
    return weighed.balance


def summary(known: Known, place: Place, steps: Steps, weighed: Weighed, verdict: str) -> str:
    """One cautious sentence on what is there, and one on how the observations stand."""
    near, role = steps.clusters.nearest, steps.level.role
    name = f"{wording.price(place.level)} as {role}" if role else wording.price(place.level)
    if known.grid is None or (outside := band_words(known.grid, place)) is not None:
        there = outside if known.grid is not None else "No column of the map had closed by then"
        return f"Cannot say: {there or ''}".rstrip(".") + "."
    if near is not None and near.at_level:
        what = {
            "realised": (
                f"{wording.usd(near.notional)} of {near.side} positions were liquidated around"
                f" {wording.price(place.level)} lately"
            ),
            "modelled": (
                f"the model puts {wording.usd(near.notional)} of {near.side} positions around"
                f" {wording.price(place.level)}"
            ),
            "measured": (
                f"{wording.usd(near.notional)} of {near.side} positions stand around"
                " {wording.price(place.level)}"
            ),
        }[known.grid.kind]
    else:
        what = f"the map shows no hot band {place.words}"
    state = {
        "sitting": "the price is there now",
        "approaching": "the price is coming nearer",
        "moving away": "the price is moving away",
        "crossed": "the price went through it lately",
        "keeping its distance": "the price is keeping its distance",
        "cannot say": "where the price is going is unknown",
    }[steps.approach.state]
    text = f"{what[0].upper()}{what[1:]}; {state}."
    moment = wording.when(known.moment)
    if not weighed.controls:
        return (
            f"{text} There is too little past to compare {name} with other prices (cannot say), up to"
            f" {moment}."
        )
    many = round(weighed.rank * (weighed.controls + 1))
    return (
        f"{text} What is seen there speaks {verdict} {name}: {many - 1} of {weighed.controls} prices as far"
        " from price, at earlier moments, looked as good or better. That is how unusual it looks up to"
        f" {moment}, and no forecast.".replace("speaks mixed", "is mixed about").replace(
            "speaks cannot say", "cannot be weighed for"
        )
    )
