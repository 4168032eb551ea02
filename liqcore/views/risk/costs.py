"""What a trade costs, in what steps it is placed, how long it lasts and what noise it meets."""

from __future__ import annotations

from typing import Any

import streamlit as st

from liqcore.views import links
from liqcore.views.risk import brackets
from liqcore.views.risk.fields import Form, above_zero, at_least, percent_check
from liqcore.views.risk.market import Defaults


def costs(form: Form, values: dict[str, Any]) -> None:
    """Fees, steps, funding and how long the trade lasts."""
    values["fee_rate"] = form.number(
        "Entry fee, % of the value",
        "fee",
        "0.05",
        percent=True,
        check=percent_check("A fee", -0.001, 0.1, "0.05"),
        help="A limit order usually pays the maker fee, a market order the taker fee.",
    )
    values["exit_fee_rate"] = form.number(
        "Exit fee, % of the value",
        "exitfee",
        "0.05",
        percent=True,
        check=percent_check("A fee", -0.001, 0.1, "0.05"),
        help="A stop is a market order and pays the taker fee.",
    )
    values["slippage"] = form.number(
        "Slippage at the stop, %",
        "slippage",
        "0.02",
        percent=True,
        check=percent_check("Slippage", 0.0, 0.1, "0.02"),
    )
    values["gap"] = form.number(
        "Jump through the stop, %",
        "gap",
        "2",
        percent=True,
        check=percent_check("The jump", 0.0, 0.99, "2"),
        help="For the worst case: price opens this far beyond the stop.",
    )
    linear = values["contract"] == "linear"
    # Not `step`, which is where a lesson stands: a visitor carries it from page to page.
    links.moved("step", "lot")
    values["step"] = form.number(
        "Quantity step, BTC" if linear else "Contract size, USD",
        "lot" if linear else "contractsize",
        "0.001" if linear else "100",
        check=above_zero("The step", 1e6),
    )
    values["tick"] = form.number(
        "Tick, USD",
        "tick",
        "0.1",
        check=at_least("The tick"),
        help="Entry, stop and targets are put on it. 0 leaves them as typed.",
    )
    values["minimum_notional"] = form.number(
        "Smallest order, USD",
        "smallest",
        "100" if linear else "0",
        check=at_least("The smallest order"),
        help="Venues refuse less: Binance takes no BTCUSDT order under 100 USDT.",
    )
    values["liquidation_fee_rate"] = form.number(
        "Closing fee within maintenance, %",
        "closingfee",
        "0",
        percent=True,
        check=percent_check("The closing fee", 0.0, 0.1, "0.06"),
        help="OKX and Gate count the taker fee of closing as maintenance. 0 for Binance.",
    )
    if (venue := brackets.counts_closing_fee()) and values["liquidation_fee_rate"] == 0:
        st.caption(f":orange[:material/info: {venue} counts the fee of closing here: type its taker fee.]")
    values["holding_hours"] = form.number(
        "Expected holding time, hours",
        "hours",
        "24",
        check=lambda value: (
            None if 0 <= value <= 8760 else "The holding time lies between 0 and a year of 8,760 hours."
        ),
    )
    values["funding_rate"] = form.number(
        "Funding, % a payment",
        "fundingrate",
        "0.01",
        percent=True,
        check=percent_check("Funding", -0.1, 0.1, "0.01"),
    )
    values["funding_interval_hours"] = form.number(
        "Funding interval, hours",
        "fundinghours",
        "8",
        check=lambda value: None if 0.5 <= value <= 24 else "Funding is paid every 1 to 24 hours, mostly 8.",
        help="Payments are whole: what you pay is counted up to the next one, what you get is not.",
    )


def noise(form: Form, values: dict[str, Any], start: Defaults) -> None:
    """What the stop must survive."""
    values["atr_1m"] = form.number(
        "One-minute ATR, USD",
        "atr",
        f"{start.atr_minute:g}",
        optional=True,
        check=lambda value: None if value >= 0 else "The ATR is a range and cannot be below zero.",
        help=(
            "Noise that the stop must survive; here that of the sample market. Empty: unknown, which the"
            " plan then says."
        ),
    )
    values["mark_last_gap"] = form.number(
        "Gap between mark and last price, USD",
        "markgap",
        "5",
        optional=True,
        check=lambda value: None if value >= 0 else "The gap cannot be below zero.",
    )
