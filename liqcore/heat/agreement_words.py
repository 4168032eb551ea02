"""What an Agreement says, in sentences with the numbers in them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from liqcore import wording

if TYPE_CHECKING:
    from liqcore.heat.verdicts import Agreement

# Prices that differ by more than this share are hardly of the same thing.
STRANGE_BASIS = 0.01


# The error rate of the two words that say that venues agree, measured in docs/honesty.md.
_ERROR = "With no level anywhere, venues seem to agree like this in at most 1 of 20 cases."


def sentence(made: Agreement, where: str, cells: bool = False) -> str:
    """The verdict with the venues that are for it, against it, and too small to tell.

    `cells` says that no events were given, so that what holds most of the USD is a cell and not an order.
    """
    made = _spoken(made)
    if made.n_fresh == 0:
        return f"Cannot say: none of the {made.n_total} venues is fresh enough to count {where}."
    if made.n_fresh == 1:
        alone = next(view for view in made.venues if view.counted)
        return (
            f"Cannot say: only {alone.venue} is fresh enough to count {where}, and one venue confirms"
            " nothing."
        )
    if not made.hot:
        return _nothing(made, where)
    are = "is" if len(made.hot) == 1 else "are"
    names, side = wording.joined(list(made.hot)), f"{where} on the {made.side} side"
    if len(made.hot) > 1 and made.verdict == "cannot say":
        text = (
            f"Cannot say: {_one_order(made, cells)} of the USD {_where(made, where)} on the {made.side} side,"
            f" and that is no agreement. By number alone {names} {are} hot"
        )
    else:
        text = f"{wording.sentence_case(made.verdict)}: {names} {are} hot {side}"
    text += _counts(made, made.hot)
    if made.cold:
        text += f"; {wording.joined(list(made.cold))} would have shown it and {_do(made.cold)} not"
    if made.cannot_say:
        text += f"; {wording.joined(list(made.cannot_say))} cannot say{_too_few(made)}"
    if made.n_fresh < made.n_total:
        text += f"; {made.n_fresh} of {made.n_total} venues are fresh enough to count"
    text += "."
    if made.verdict in ("partly confirmed", "market-wide") and made.band_low is not None:
        text += f" {_ERROR}"
    return f"{text}{_spread(made, cells)}"


def _spoken(made: Agreement) -> Agreement:
    """The same with its venues as people call them."""

    def named(name: str | None) -> str | None:
        return None if name is None else wording.venue(name)

    def all_named(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(wording.venues(names))

    return replace(
        made,
        venues=tuple(replace(view, venue=wording.venue(view.venue)) for view in made.venues),
        hot=all_named(made.hot),
        cold=all_named(made.cold),
        cannot_say=all_named(made.cannot_say),
        busy=all_named(made.busy),
        sampled=all_named(made.sampled),
        largest_venue=named(made.largest_venue),
        dominating=named(made.dominating),
        lagging=named(made.lagging),
    )


def _one_order(made: Agreement, cells: bool) -> str:
    share = wording.percent(made.largest_order)
    if cells:
        return f"one cell of {made.largest_venue}, which may be a single order, holds {share}"
    return f"one order on {made.largest_venue} is {share}"


def _where(made: Agreement, where: str) -> str:
    """Where the largest order has so large a share: at the place, or in the band that venues have in
    common."""
    usd = sum(view.notional for view in made.venues if view.counted)
    share = max((view.largest or 0.0 for view in made.venues), default=0.0) / max(usd, 1e-9)
    if (made.largest_order or 0.0) <= share + 1e-9 or made.band_low is None or made.band_high is None:
        return where
    return f"in their common band {wording.price(made.band_low)} to {wording.price(made.band_high)}"


def _do(names: tuple[str, ...]) -> str:
    return "does" if len(names) == 1 else "do"


def _counts(made: Agreement, names: tuple[str, ...]) -> str:
    """Orders of some venues beside what the path explains, of realised maps."""
    views = [view for view in made.venues if view.venue in names and view.orders is not None]
    if not views:
        return ""
    parts = [f"{view.venue} {view.orders}, expected {wording.decimal(view.expected, 1)}" for view in views]
    return f" (orders: {'; '.join(parts)})"


def _too_few(made: Agreement) -> str:
    views = [view for view in made.venues if view.venue in made.cannot_say and view.total is not None]
    if not views:
        return ", because their maps are too empty there"
    parts = [f"{view.venue} had {view.total} in all" for view in views]
    return f", having too few liquidations to show a band like that ({', '.join(parts)})"


def _nothing(made: Agreement, where: str) -> str:
    if made.busy:
        return (
            f"Cannot say: {wording.joined(list(made.busy))} had more liquidations {where} than the path"
            " explains, but in busy moments only, and price happened to be here. That is a time, not a"
            " level."
        )
    return (
        f"Cannot say: nothing stands out on any of the {made.n_fresh} fresh venues {where} on the {made.side}"
        " side, so there is nothing to confirm."
    )


def _spread(made: Agreement, cells: bool) -> str:
    """How the USD there is shared out; it decides nothing, but for one venue or order with nearly all of
    it."""
    if made.effective_venues is None:
        return ""
    text = f" The USD there is spread like {wording.decimal(made.effective_venues, 1)} equal venues"
    if made.dominating:
        top = next(view for view in made.venues if view.venue == made.dominating)
        text += f", {made.dominating} alone holds {wording.percent(top.share)}"
    if (made.band_share or 0.0) > max((view.share or 0.0 for view in made.venues), default=0.0) + 0.05:
        text += f", one venue holds {wording.percent(made.band_share)} of the common band"
    if len(made.hot) == 1 and (made.largest_order or 0.0) > 0.5:
        text += f", and {_one_order(made, cells)} of it"
        text += "" if (at := _where(made, "")) == "" else f" {at}"
    if made.similarity is not None:
        text += f", and the shapes around it are {wording.percent(made.similarity)} alike"
    return text + "."


def caveats(made: Agreement, kind: str) -> tuple[str, ...]:
    made, out = _spoken(made), []
    for view in made.venues:
        if view.state == "stale":
            out.append(f"{view.venue} is stale ({wording.duration(view.age, 1)} old) and was left out.")
        elif view.state == "elsewhere":
            out.append(
                f"The map of {view.venue} does not reach this level and was left out. Check that its prices"
                " are in USD."
            )
        elif view.state == "silent":
            left = "" if view.counted else ", so it was left out"
            out.append(
                f"{view.venue} shows no heat at all lately: it may be quiet, or its feed may be broken{left}."
            )
        if abs(view.basis or 0.0) > STRANGE_BASIS:
            out.append(
                f"Prices of {view.venue} differ by {wording.percent(abs(view.basis or 0.0))} from the others."
                " Check that they are in the same currency."
            )
        if view.venue == made.lagging:
            out.append(
                f"{view.venue} is late by about {wording.duration(round(view.lag_seconds or 0))}: what it"
                " confirms, others showed before."
            )
    if made.sampled:
        out.append(
            f"Only a sample of the liquidations comes from {', '.join(made.sampled)}: shares of USD are not"
            " comparable."
        )
    if made.n_total > 1 and kind == "modelled":
        out.append(
            "All of these maps are modelled, with like assumptions from like public data. That they agree is"
            " weaker evidence than it seems: they can all be wrong in the same way."
        )
    return tuple(out)
