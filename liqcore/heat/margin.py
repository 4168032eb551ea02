"""Liquidation and bankruptcy prices and maintenance brackets, as `liqcore.margins` defines them.

The formulas live one layer below, because a heatmap and a trade plan must use the same ones.
"""

from liqcore.margins import (
    Contract,
    MarginError,
    TierTable,
    bankruptcy_price,
    liquidation_price,
    liquidation_price_in_tiers,
)

__all__ = [
    "Contract",
    "MarginError",
    "TierTable",
    "bankruptcy_price",
    "liquidation_price",
    "liquidation_price_in_tiers",
]
