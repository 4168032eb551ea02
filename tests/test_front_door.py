"""`import liqcore` is light, and every public name with its arguments is where it was promised."""

import ast
import inspect
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import liqcore

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = ("streamlit", "ccxt", "requests", "sqlalchemy")


def fresh(code: str) -> Any:
    """What a new interpreter prints, as JSON, after running the code."""
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert out.returncode == 0, out.stderr[-2000:]
    return json.loads(out.stdout.strip().splitlines()[-1])


def test_importing_the_package_pulls_in_nothing_heavy() -> None:
    loaded = fresh(
        "import liqcore, sys, json; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    assert "liqcore" in loaded
    assert set(loaded).isdisjoint({*EXTRAS, "altair", "pandas", "numpy"})


def test_using_every_name_pulls_in_neither_streamlit_nor_an_exchange() -> None:
    code = (
        "import liqcore, sys, json\n"
        "for name in liqcore.__all__: getattr(liqcore, name)\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    loaded = set(fresh(code))
    assert "pandas" in loaded
    assert loaded.isdisjoint(EXTRAS)


def test_importing_the_package_takes_less_than_half_a_second() -> None:
    def seconds(code: str) -> float:
        # The least of a few runs: a busy machine can only add to what the import itself costs.
        return min(fresh(f"import time\n{code}\nprint(time.process_time())") for _ in range(3))

    assert seconds("import liqcore") - seconds("pass") < 0.5


def type_checking_imports() -> dict[str, str]:
    """Name to module, as the type checker reads them."""
    tree = ast.parse(Path(liqcore.__file__).read_text(encoding="utf-8"))
    (block,) = (
        node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    return {
        alias.asname or alias.name: str(node.module).removeprefix("liqcore.")
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_the_three_lists_of_names_agree() -> None:
    assert sorted(liqcore.__all__) == sorted(liqcore._HOME)
    assert len(set(liqcore.__all__)) == len(liqcore.__all__)
    assert type_checking_imports() == liqcore._HOME


@pytest.mark.parametrize("name", sorted(liqcore._HOME))
def test_every_name_resolves_to_the_one_in_its_module(name: str) -> None:
    value = getattr(liqcore, name)
    assert value is getattr(import_module(f"liqcore.{liqcore._HOME[name]}"), name)
    assert value.__doc__, f"{name} has no docstring"
    assert name in dir(liqcore)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'heatmap'"):
        liqcore.heatmap  # noqa: B018
    assert not hasattr(liqcore, "heatmap")


REQUIRED = inspect.Parameter.empty
# Argument names are public: scripts and notebooks pass them by name.
SIGNATURES: dict[str, dict[str, Any]] = {
    "realised_heatmap": {
        "timeframe": "15min",
        "bins": 200,
        "scale": "linear",
        "start": None,
        "end": None,
        "price_range": None,
    },
    "modelled_heatmap": {
        "candles": REQUIRED,
        "open_interest": None,
        "funding": None,
        "model": "flow-identity",
        "bins": 400,
        "columns": 400,
    },
    "liquidation_price": {
        "side": REQUIRED,
        "entry": REQUIRED,
        "maintenance_amount": 0.0,
        "wallet_balance": None,
        "other_maintenance": 0.0,
        "other_pnl": 0.0,
        "fee_rate": 0.0,
        "contract": "linear",
    },
    "bankruptcy_price": {"side": REQUIRED, "entry": REQUIRED, "leverage": REQUIRED, "contract": "linear"},
    "find_clusters": {"grid": REQUIRED, "last": 12},
    "track_clusters": {"grid": REQUIRED, "last": 12},
    "agreement": {"grids": REQUIRED, "level": None, "tolerance": 0.005},
    "read_level": {
        "grid": REQUIRED,
        "candles": REQUIRED,
        "level": REQUIRED,
        "side": None,
        "tolerance": 0.005,
        "by_venue": None,
        "liquidations": None,
        "open_interest": None,
        "funding": None,
        "at": None,
        "now": None,
        "key_levels": None,
    },
    "plan_trade": {"side": REQUIRED, "entry": REQUIRED, "stop": REQUIRED, "account": REQUIRED},
}
ARGUMENTS = {
    "chart": {"grid", "candles", "side", "palette", "scale", "domain", "levels", "title", "width", "height"},
    "ladder": {"plan", "clusters", "levels"},
    "profile": {"grid", "price"},
    "modelled_heatmap": {"assumptions"},
    "liquidation_price": {"leverage", "maintenance_margin_rate", "quantity"},
    "simulate": {"days", "venues", "seed"},
    "plan_trade": {
        "risk",
        "risk_usd",
        "leverage",
        "fee_rate",
        "slippage",
        "targets",
        "maintenance_margin_rate",
        "step",
    },
}


@pytest.mark.parametrize("name", sorted(SIGNATURES))
def test_arguments_and_their_defaults_are_kept(name: str) -> None:
    found = inspect.signature(getattr(liqcore, name)).parameters
    assert {key: found[key].default for key in SIGNATURES[name]} == SIGNATURES[name]


@pytest.mark.parametrize("name", sorted(ARGUMENTS))
def test_arguments_are_kept(name: str) -> None:
    assert set(inspect.signature(getattr(liqcore, name)).parameters) >= ARGUMENTS[name]


@pytest.mark.parametrize(
    "name",
    [
        "long",
        "short",
        "total",
        "time_edges",
        "price_edges",
        "outside",
        "rebin",
        "crop",
        "to_frame",
        "to_json",
        "profile",
        "predicted",
        "provenance",
        "kind",
    ],
)
def test_a_grid_has_what_scripts_read_from_it(name: str) -> None:
    assert name in {*liqcore.HeatGrid.__dataclass_fields__, *dir(liqcore.HeatGrid)}


def test_the_core_works_from_the_front_door_alone() -> None:
    code = """
import json, liqcore as lq
import pandas as pd
times = ["2026-03-01 10:00", "2026-03-01 10:40"]
rows = {"time": times, "side": ["long", "short"], "price": [60000, 61000], "quantity": [1, 2]}
grid = lq.realised_heatmap(lq.liquidations(pd.DataFrame(rows)), timeframe="15min", bins=20)
both = lq.merge([grid, grid])
print(json.dumps([float(both.total.sum()), both.outside, grid.kind]))
"""
    assert fresh(code) == [2 * (60_000 + 122_000), 0.0, "realised"]
