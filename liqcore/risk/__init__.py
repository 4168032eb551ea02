"""From a level to a position that cannot ruin you: sizing, the gate before liquidation, plans and what-ifs.

Pure functions and frozen dataclasses; see `plan_trade`, and `what_if` for curves, sweeps and luck.
"""

from liqcore.risk.levels import (
    StopSuggestion,
    TargetSuggestion,
    measured_move,
    suggest_stops,
    suggest_targets,
)
from liqcore.risk.numbers import RiskError, parse_number
from liqcore.risk.plan import plan_trade
from liqcore.risk.plan_data import Check, Fill, Plan, Target
from liqcore.risk.sizing import (
    Kelly,
    RiskBudget,
    average_entry,
    break_even,
    daily_budget,
    funding_cost,
    kelly,
    net_reward_risk,
    risk_per_btc,
    round_down,
    size_position,
)
from liqcore.risk.what_if import (
    MonteCarlo,
    Sweep,
    losing_streak_paths,
    losing_streaks,
    price_drag,
    simulate_trades,
    streak_cost,
    sweep_leverage,
)

__all__ = [
    "Check",
    "Fill",
    "Kelly",
    "MonteCarlo",
    "Plan",
    "RiskBudget",
    "RiskError",
    "StopSuggestion",
    "Sweep",
    "Target",
    "TargetSuggestion",
    "average_entry",
    "break_even",
    "daily_budget",
    "funding_cost",
    "kelly",
    "losing_streak_paths",
    "losing_streaks",
    "measured_move",
    "net_reward_risk",
    "parse_number",
    "plan_trade",
    "price_drag",
    "risk_per_btc",
    "round_down",
    "simulate_trades",
    "size_position",
    "streak_cost",
    "suggest_stops",
    "suggest_targets",
    "sweep_leverage",
]
