"""A plan as a Pine script, so that its prices can be drawn on a TradingView chart."""

from __future__ import annotations

from typing import Final

from liqcore import wording
from liqcore.risk.plan_data import Plan

# Read on a light chart as on a dark one; the entry and all words take the chart's own colour of text.
_STOP: Final = "#d9660a"
_LIQUIDATION: Final = "#d1352b"
_TARGET: Final = "#0f9380"


def plan_to_pine(plan: Plan, made_at: str) -> str:
    """Pine v6 text that draws entry, stop, liquidation price and targets as labelled lines.

    Parameters
    ----------
    plan : an accepted or a rejected plan; a rejected one says so in the title.
    made_at : when the plan was made, in words, for the header.
    """
    lines = [("Entry", plan.entry, "chart.fg_color"), ("Stop", plan.stop, _STOP)]
    if plan.liquidation_price is not None and plan.quantity > 0:
        lines.append(("Liquidation", plan.liquidation_price, _LIQUIDATION))
    lines += [
        (f"Target {number} ({wording.r_multiple(item.reward_risk, signed=False)})", item.price, _TARGET)
        for number, item in enumerate(plan.targets, 1)
    ]
    state = (
        "accepted"
        if plan.passes
        else "accepted with doubts"
        if plan.accepted
        else "REJECTED, not to be traded"
    )
    calls = "\n".join(
        f'    mark({price:.2f}, "{name} {wording.price(price, exact=True)}", {colour})'
        for name, price, colour in lines
    )
    return f"""//@version=6
// A {plan.side} plan made at {made_at}: {state}. Prices only; account and size are not in this script.
indicator("Heatlab plan", overlay = true, max_lines_count = 50, max_labels_count = 50)
var array<label> notes = array.new<label>()
mark(float price, string words, color colour) =>
    int left = math.max(bar_index - 50, 0)
    line.new(left, price, bar_index + 1, price, extend = extend.right, color = colour, style = line.style_dashed, width = 2)
    color faint = color.new(colour, 80)
    label note = label.new(bar_index + 5, price, words, style = label.style_label_left, color = faint, textcolor = chart.fg_color)
    array.push(notes, note)
// Drawn once, on the last bar that had closed when the script began; then the names follow the newest closed bar.
if barstate.islastconfirmedhistory
{calls}
if barstate.isrealtime and barstate.isconfirmed
    for note in notes
        label.set_x(note, bar_index + 5)
"""  # noqa: E501
