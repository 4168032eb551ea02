"""BTC liquidation heatmaps: realised events, modelled levels and what they do and do not tell.

Everything a researcher needs is here by name. Names load on first use, so that `import liqcore` stays
quick and pulls in neither Streamlit nor ccxt.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from liqcore.feeds.files import (
        read_candles,
        read_funding,
        read_grid,
        read_liquidations,
        read_open_interest,
        write_grid,
        write_table,
    )
    from liqcore.feeds.samples import load_sample
    from liqcore.heat.assumptions import Assumptions
    from liqcore.heat.grid import GridError, HeatGrid, Provenance, VenueCoverage, merge
    from liqcore.heat.margin import bankruptcy_price, liquidation_price
    from liqcore.heat.modelled import modelled_heatmap
    from liqcore.heat.realised import realised_heatmap
    from liqcore.lab.simulator import simulate
    from liqcore.tables import TableError, candles, funding, liquidations, open_interest

_HOME = {
    "TableError": "tables", "liquidations": "tables", "candles": "tables", "open_interest": "tables", "funding": "tables",
    "GridError": "heat.grid", "HeatGrid": "heat.grid", "Provenance": "heat.grid", "VenueCoverage": "heat.grid", "merge": "heat.grid",
    "realised_heatmap": "heat.realised", "modelled_heatmap": "heat.modelled", "Assumptions": "heat.assumptions",
    "liquidation_price": "heat.margin", "bankruptcy_price": "heat.margin",
    "read_liquidations": "feeds.files", "read_candles": "feeds.files", "read_open_interest": "feeds.files",
    "read_funding": "feeds.files", "read_grid": "feeds.files", "write_table": "feeds.files", "write_grid": "feeds.files",
    "load_sample": "feeds.samples", "simulate": "lab.simulator",
}

__all__ = [
    "Assumptions", "GridError", "HeatGrid", "Provenance", "TableError", "VenueCoverage", "bankruptcy_price", "candles",
    "funding", "liquidation_price", "liquidations", "load_sample", "merge", "modelled_heatmap", "open_interest",
    "read_candles", "read_funding", "read_grid", "read_liquidations", "read_open_interest", "realised_heatmap",
    "simulate", "write_grid", "write_table",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'liqcore' has no attribute {name!r}")
    value = getattr(import_module(f"liqcore.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
