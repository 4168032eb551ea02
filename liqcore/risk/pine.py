"""A plan as a Pine script, so that its prices can be drawn on a TradingView chart."""

from __future__ import annotations

from liqcore import wording
from liqcore.risk.plan_data import Plan


def plan_to_pine(plan: Plan, made_at: str) -> str:
    """Pine v6 text that draws entry, stop, liquidation price and targets as labelled lines.

    Parameters
    ----------
    plan : an accepted or a rejected plan; a rejected one says so in the title.
    made_at : when the plan was made, in words, for the header.
    """
    lines = [("Entry", plan.entry, "color.white"), ("Stop", plan.stop, "color.orange")]
    if plan.liquidation_price is not None and plan.quantity > 0:
        lines.append(("Liquidation", plan.liquidation_price, "color.red"))
    lines += [
        (f"Target {number} ({wording.r_multiple(item.reward_risk, signed=False)})", item.price, "color.aqua")
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
indicator("Heatlab plan", overlay = true)
mark(float price, string words, color colour) =>
    line.new(bar_index - 50, price, bar_index, price, extend = extend.right, color = colour, style = line.style_dashed)
    label.new(bar_index + 5, price, words, style = label.style_label_left, color = color.new(colour, 70), textcolor = color.white)
if barstate.islast
{calls}
"""  # noqa: E501
