"""The report that a reading is: six steps, what is missing, what speaks for and against, and what would
settle it.

Everything in it is text, numbers, None and tuples of these, so that it can be written as JSON, kept in a
session and compared. Times are ISO text in UTC, prices and heat USD, distances shares of price.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from liqcore import wording

Side = Literal["long", "short"]
Role = Literal["support", "resistance"]


class ReadingError(ValueError):
    """A reading that cannot be made of what was asked, said in one sentence."""


@dataclass(frozen=True)
class LevelStep:
    """Step 1. `known_as` names the key levels within the tolerance; `touches` counts visits of the price."""

    role: Role | None
    known_as: tuple[str, ...]
    turns: int
    touches: int | None
    bars: int
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class ClusterNear:
    """A cluster beside the level. `distance` is from its nearest edge to the level, `from_price` to the
    price.

    `at_level` says whether it lies within the tolerance; `single_print` whether one event is more than half
    of it (None where events were not given or do not exist). `age_hours` is observed time, `since` the moment
    from which a realised one counts.
    """

    id: str
    side: Side
    low: float
    centre: float
    high: float
    notional: float
    at_level: bool
    distance: float
    distance_atr: float | None
    from_price: float | None
    from_price_atr: float | None
    first_seen: str
    from_the_start: bool
    age_hours: float
    persistence: float
    z: float | None
    events: int | None
    largest_share: float | None
    single_print: bool | None
    venues: tuple[str, ...]
    orders: int | None = None
    expected: float | None = None
    ratio: float | None = None
    chance: float | None = None
    visits: int | None = None
    since: str = ""


@dataclass(frozen=True)
class ClustersStep:
    """Step 2. `at_level` most USD first; `nearest` is the one that matters for the level, there or
    elsewhere."""

    at_level: tuple[ClusterNear, ...]
    nearest: ClusterNear | None
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class ApproachStep:
    """Step 3. `state` of the price towards the level; `came_from` the side of the level on which it was
    last."""

    state: Literal["sitting", "approaching", "moving away", "keeping its distance", "crossed", "cannot say"]
    distance: float | None
    distance_atr: float | None
    moved_atr: float | None
    came_from: Literal["above", "below"] | None
    in_cluster: bool | None
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class ChangeStep:
    """Step 4. Heat within the tolerance now and before, robust z of now beside its own past, recent
    events."""

    direction: Literal["growing", "shrinking", "steady", "new", "empty", "cannot say"]
    now: float | None
    before: float | None
    ratio: float | None
    z: float | None
    events: tuple[tuple[str, str, str], ...]
    """(time, kind, sentence) of what happened to clusters at the level lately, oldest first."""
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class AgreementStep:
    """Step 5. The verdict of `liqcore.heat.agreement` and its numbers; `cannot say` without maps by venue."""

    verdict: Literal["isolated", "partly confirmed", "market-wide", "cannot say"]
    n_fresh: int
    n_total: int
    share: float | None
    effective_venues: float | None
    similarity: float | None
    hot: tuple[str, ...]
    stale: tuple[str, ...]
    dominating: str | None
    lagging: str | None
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class PriceStep:
    """Step 6. What the price did at the level lately, and momentum, volume, funding and open interest.

    `signals` are (known at, name, `bullish` or `bearish`, sentence), oldest first. `taker_share` is taker
    purchases minus taker sales as a share of the volume of the last bars (-1 to 1), `volume_ratio` the last
    bar's volume over the median of the bars before, `funding_8h` a fraction, `open_interest_change` a
    fraction.
    """

    signals: tuple[tuple[str, str, str, str], ...]
    patterns: tuple[str, ...]
    rsi: float | None
    rsi_state: str | None
    macd_histogram: float | None
    volume_ratio: float | None
    taker_share: float | None
    funding_8h: float | None
    funding_extreme: bool | None
    open_interest_change: float | None
    open_interest_extreme: bool | None
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Condition:
    """Something to wait for, with the price at which it happens where it has one."""

    text: str
    price: float | None = None


@dataclass(frozen=True)
class Evidence:
    """One observation and the step (1 to 6) it comes from; 0 for what has not been looked at.

    `base_rate` is the share of `controls` prices, chosen by chance as far from price, at which the same
    holds, and `worth` what it is worth in the verdict (0 on average there); None where it was not compared.
    Observations of one `name` are one piece.
    """

    step: int
    text: str
    name: str = ""
    base_rate: float | None = None
    controls: int = 0
    worth: float | None = None

    @property
    def sentence(self) -> str:
        """The observation, and how often it holds anyway."""
        if self.base_rate is None or not self.controls:
            return self.text
        return f"{self.text} The same holds for {round(self.base_rate * 100)} of 100 prices as far away."


@dataclass(frozen=True)
class Reading:
    """A level read in six steps.

    Attributes
    ----------
    level, low, high : USD; heat counts within [low, high], the tolerance (a share of price) around the level.
    side : the side that was asked for, None for both. kind, kind_note : of the map, and what that means.
    moment : the data's time; nothing known later was used. timeframe : of the bars. price, atr : USD or None.
    claim : what the evidence is weighed for. balance : how the level ranks among prices chosen by chance, as
    far from price.
    step_level ... step_price : the six steps. missing : what is missing, stale or too short.
    evidence_for, evidence_against : observations; the latter is never empty.
    confirm, invalidate : what would settle it. summary : one or two sentences.
    """

    level: float
    low: float
    high: float
    tolerance: float
    side: Side | None
    kind: Literal["realised", "modelled", "measured"]
    kind_note: str
    moment: str
    timeframe: str
    price: float | None
    atr: float | None
    claim: str
    balance: Literal["mostly for", "mixed", "mostly against", "cannot say"]
    summary: str
    step_level: LevelStep
    step_clusters: ClustersStep
    step_approach: ApproachStep
    step_change: ChangeStep
    step_agreement: AgreementStep
    step_price: PriceStep
    evidence_for: tuple[Evidence, ...]
    evidence_against: tuple[Evidence, ...]
    confirm: tuple[Condition, ...]
    invalidate: tuple[Condition, ...]
    missing: tuple[str, ...]

    @property
    def steps(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """(title, sentences) of the six steps, in order."""
        return (
            ("Timeframe and level", self.step_level.sentences),
            ("Clusters near it", self.step_clusters.sentences),
            ("Approaching or sitting", self.step_approach.sentences),
            ("Rate of change", self.step_change.sentences),
            ("Agreement across venues", self.step_agreement.sentences),
            ("Price action and context", self.step_price.sentences),
        )

    @property
    def sections(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """(title, sentences) of what follows the steps; evidence for and against in the same shape."""
        nothing = ("Nothing so far.",)
        return (
            ("What speaks for it", tuple(item.sentence for item in self.evidence_for) or nothing),
            ("What speaks against it", tuple(item.sentence for item in self.evidence_against)),
            ("What would confirm it", tuple(item.text for item in self.confirm)),
            ("What would invalidate it", tuple(item.text for item in self.invalidate)),
            ("What is missing", self.missing or ("Nothing that this reading looks for.",)),
        )

    @property
    def title(self) -> str:
        return (
            f"{wording.price(self.level)} in bars of {self.timeframe}, {wording.when(self.moment)}"
            f" ({self.kind} map)"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, text, numbers and None, ready for `json.dumps`."""
        return {name: _plain(value) for name, value in asdict(self).items()}

    def to_text(self) -> str:
        """The report as plain text."""
        parts = [self.title, self.summary, self.kind_note]
        parts += [_block(f"{i}. {title}", lines) for i, (title, lines) in enumerate(self.steps, 1)]
        parts += [self.claim, *(_block(title, lines) for title, lines in self.sections)]
        return "\n\n".join(parts)

    def to_markdown(self) -> str:
        """The report as Markdown, in which names from outside are shown as they are written."""
        parts = [f"**{self.summary}**", self.kind_note]
        parts += [f"**{i}. {title}**\n\n{_bullets(lines)}" for i, (title, lines) in enumerate(self.steps, 1)]
        parts += [self.claim, *(f"**{title}**\n\n{_bullets(lines)}" for title, lines in self.sections)]
        return "\n\n".join((f"### {wording.markdown(self.title)}", *map(wording.markdown, parts)))


def _bullets(lines: tuple[str, ...]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _block(title: str, lines: tuple[str, ...]) -> str:
    return f"{title}\n{_bullets(lines)}"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (tuple, list)) else value
