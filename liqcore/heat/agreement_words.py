"""What an Agreement says, in sentences with the numbers in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from liqcore import wording

if TYPE_CHECKING:
    from liqcore.heat.agreement import Agreement

# Prices that differ by more than this share are hardly of the same thing.
STRANGE_BASIS = 0.01


def sentence(made: Agreement, where: str) -> str:
    out_of = f"{made.n_fresh} of {made.n_total} venues are fresh enough to count"
    if made.n_fresh == 0:
        return f"Cannot say: none of the {made.n_total} venues is fresh enough to count {where}."
    if made.n_fresh == 1:
        alone = next(view for view in made.venues if view.counted)
        does = "is hot there" if alone.hot else "shows nothing there"
        return (
            f"Cannot say: only {alone.venue} is fresh enough to count {where} ({does}), and one venue"
            " confirms nothing."
        )
    if not made.hot:
        return (
            f"Cannot say: there is nothing to confirm, because none of the {made.n_fresh} fresh venues is hot"
            f" {where} on the {made.side} side."
        )
    words = {"isolated": "Isolated", "partly confirmed": "Partly confirmed", "market-wide": "Market-wide"}[
        made.verdict
    ]
    names = ", ".join(made.hot)
    text = (
        f"{words}: {len(made.hot)} of {made.n_fresh} fresh venues ({names})"
        f" {'is' if len(made.hot) == 1 else 'are'} hot {where} on the {made.side} side"
    )
    if made.n_fresh < made.n_total:
        text += f"; {out_of}"
    if made.effective_venues is not None:
        text += f". The USD there is spread like {wording.decimal(made.effective_venues, 1)} equal venues"
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
