"""Reading the price beside the heat: longer bars, indicators, volume at price, levels and signals."""

from liqcore.market.candles import Macd, atr, bar_length, cvd, macd, resample, rsi, taker_delta, true_range
from liqcore.market.flow import funding_extremes, momentum, open_interest_changes
from liqcore.market.levels import Levels, key_levels
from liqcore.market.patterns import candle_patterns
from liqcore.market.profile import VolumeProfile, volume_profile
from liqcore.market.rules import SignalRules
from liqcore.market.signals import Signals, find_signals
from liqcore.market.swings import pivots, swing_zones

__all__ = [
    "Levels",
    "Macd",
    "SignalRules",
    "Signals",
    "VolumeProfile",
    "atr",
    "bar_length",
    "candle_patterns",
    "cvd",
    "find_signals",
    "funding_extremes",
    "key_levels",
    "macd",
    "momentum",
    "open_interest_changes",
    "pivots",
    "resample",
    "rsi",
    "swing_zones",
    "taker_delta",
    "true_range",
    "volume_profile",
]
