"""BTC liquidation heatmaps: realised events, modelled levels and what they do and do not tell.

Everything a researcher needs is here by name. Names load on first use, so that `import liqcore` stays
quick and pulls in neither Streamlit nor ccxt.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from liqcore.charts.altair import chart, profile
    from liqcore.charts.ladder import ladder
    from liqcore.feeds.files import (
        read_candles,
        read_funding,
        read_grid,
        read_liquidations,
        read_open_interest,
        write_grid,
        write_table,
    )
    from liqcore.feeds.files.positions import read_positions
    from liqcore.feeds.history.recording import read_market
    from liqcore.feeds.samples import load_sample
    from liqcore.heat.agreement import agreement, agreement_by_price
    from liqcore.heat.assumptions import Assumptions
    from liqcore.heat.bands import ClusterRule
    from liqcore.heat.clusters import Cluster, ClusterEvent, ClusterStory, find_clusters, track_clusters
    from liqcore.heat.concentration import concentration
    from liqcore.heat.expected import Expected, expected_heatmap
    from liqcore.heat.grid import GridError, HeatGrid, Provenance, VenueCoverage, merge
    from liqcore.heat.measured import measured_heatmap
    from liqcore.heat.modelled import modelled_heatmap
    from liqcore.heat.persistence import persistence_by_timeframe
    from liqcore.heat.realised import realised_heatmap
    from liqcore.heat.snapshots import Coverage, Snapshot, churn, coverage, snapshots
    from liqcore.heat.verdicts import Agreement
    from liqcore.lab.simulator import simulate
    from liqcore.margins import bankruptcy_price, liquidation_price
    from liqcore.market import (
        SignalRules,
        candle_patterns,
        find_signals,
        key_levels,
        momentum,
        resample,
        volume_profile,
    )
    from liqcore.reading import Reading, ReadingError, read_level, read_timeframes
    from liqcore.risk import Plan, RiskError, plan_trade
    from liqcore.risk.account import cross_liquidation
    from liqcore.tables import TableError, candles, funding, liquidations, open_interest, positions

__version__ = "0.2.0"

_HOME = {
    "TableError": "tables",
    "liquidations": "tables",
    "candles": "tables",
    "open_interest": "tables",
    "funding": "tables",
    "positions": "tables",
    "GridError": "heat.grid",
    "HeatGrid": "heat.grid",
    "Provenance": "heat.grid",
    "VenueCoverage": "heat.grid",
    "merge": "heat.grid",
    "realised_heatmap": "heat.realised",
    "modelled_heatmap": "heat.modelled",
    "measured_heatmap": "heat.measured",
    "snapshots": "heat.snapshots",
    "Snapshot": "heat.snapshots",
    "coverage": "heat.snapshots",
    "Coverage": "heat.snapshots",
    "churn": "heat.snapshots",
    "cross_liquidation": "risk.account",
    "read_positions": "feeds.files.positions",
    "Assumptions": "heat.assumptions",
    "liquidation_price": "margins",
    "bankruptcy_price": "margins",
    "expected_heatmap": "heat.expected",
    "Expected": "heat.expected",
    "find_clusters": "heat.clusters",
    "track_clusters": "heat.clusters",
    "concentration": "heat.concentration",
    "Cluster": "heat.clusters",
    "ClusterEvent": "heat.clusters",
    "ClusterStory": "heat.clusters",
    "ClusterRule": "heat.bands",
    "agreement": "heat.agreement",
    "agreement_by_price": "heat.agreement",
    "Agreement": "heat.verdicts",
    "persistence_by_timeframe": "heat.persistence",
    "key_levels": "market",
    "find_signals": "market",
    "SignalRules": "market",
    "resample": "market",
    "volume_profile": "market",
    "candle_patterns": "market",
    "momentum": "market",
    "plan_trade": "risk",
    "Plan": "risk",
    "RiskError": "risk",
    "read_level": "reading",
    "read_timeframes": "reading",
    "Reading": "reading",
    "ReadingError": "reading",
    "read_liquidations": "feeds.files",
    "read_candles": "feeds.files",
    "read_open_interest": "feeds.files",
    "read_funding": "feeds.files",
    "read_grid": "feeds.files",
    "read_market": "feeds.history.recording",
    "write_table": "feeds.files",
    "write_grid": "feeds.files",
    "chart": "charts.altair",
    "profile": "charts.altair",
    "ladder": "charts.ladder",
    "load_sample": "feeds.samples",
    "simulate": "lab.simulator",
}

__all__ = [
    "Agreement",
    "Assumptions",
    "Cluster",
    "ClusterEvent",
    "ClusterRule",
    "ClusterStory",
    "Coverage",
    "Expected",
    "GridError",
    "HeatGrid",
    "Plan",
    "Provenance",
    "Reading",
    "ReadingError",
    "RiskError",
    "SignalRules",
    "Snapshot",
    "TableError",
    "VenueCoverage",
    "agreement",
    "agreement_by_price",
    "bankruptcy_price",
    "candle_patterns",
    "candles",
    "chart",
    "churn",
    "concentration",
    "coverage",
    "cross_liquidation",
    "expected_heatmap",
    "find_clusters",
    "find_signals",
    "funding",
    "key_levels",
    "ladder",
    "liquidation_price",
    "liquidations",
    "load_sample",
    "measured_heatmap",
    "merge",
    "modelled_heatmap",
    "momentum",
    "open_interest",
    "persistence_by_timeframe",
    "plan_trade",
    "positions",
    "profile",
    "read_candles",
    "read_funding",
    "read_grid",
    "read_level",
    "read_liquidations",
    "read_market",
    "read_open_interest",
    "read_positions",
    "read_timeframes",
    "realised_heatmap",
    "resample",
    "simulate",
    "snapshots",
    "track_clusters",
    "volume_profile",
    "write_grid",
    "write_table",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'liqcore' has no attribute {name!r}")
    value = getattr(import_module(f"liqcore.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
