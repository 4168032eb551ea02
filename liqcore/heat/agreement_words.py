"""What an Agreement says, in sentences with the numbers in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from liqcore import wording

if TYPE_CHECKING:
    from liqcore.heat.agreement import Agreement

# Prices that differ by more than this share are hardly of the same thing.
STRANGE_BASIS = 0.01


# The error rate of the two words that say that venues agree, measured in docs/honesty.md.
_ERROR = "With no level anywhere, venues seem to agree like this in at most 1 of 20 cases."


def sentence(made: Agreement, where: str) -> str:
    """The verdict with the venues that are for it, against it, and too small to tell."""
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
    text = (
        f"{wording.sentence_case(made.verdict)}: {wording.joined(list(made.hot))}"
        f" {'is' if len(made.hot) == 1 else 'are'} hot {where} on the {made.side}"
        f" side{_counts(made, made.hot)}"
    )
    if made.cold:
        text += f"; {wording.joined(list(made.cold))} would have shown it and {_do(made.cold)} not"
    if made.cannot_say:
        text += f"; {wording.joined(list(made.cannot_say))} cannot say{_too_few(made)}"
    if made.n_fresh < made.n_total:
        text += f"; {made.n_fresh} of {made.n_total} venues are fresh enough to count"
    text += "."
    if made.verdict in ("partly confirmed", "market-wide") and made.band_low is not None:
        text += f" {_ERROR}"
    return f"{text}{_spread(made)}"


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


def _spread(made: Agreement) -> str:
    """How the USD there is shared out; it decides nothing, but for one venue with nearly all of it."""
    if made.effective_venues is None:
        return ""
    text = f" The USD there is spread like {wording.decimal(made.effective_venues, 1)} equal venues"
    if made.dominating:
        top = next(view for view in made.venues if view.venue == made.dominating)
        text += f", {made.dominating} alone holds {wording.percent(top.share)}"
    if made.similarity is not None:
        text += f", and the shapes around it are {wording.percent(made.similarity)} alike"
    return text + "."


def caveats(made: Agreement, kind: str) -> tuple[str, ...]:
    out = []
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
