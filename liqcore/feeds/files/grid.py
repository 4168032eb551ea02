"""Heatmaps from JSON: our own, and CoinGlass's."""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.feeds.files.claims import refuse_json
from liqcore.feeds.files.unpack import load
from liqcore.heat.grid import GridError, HeatGrid, Provenance, VenueCoverage

MAX_CELLS: Final = 10_000_000
MAX_JSON: Final = 30 * 1024**2
_BROKEN: Final = "The heatmap file is incomplete or was changed by hand. Export it again."


def read_grid(source: Any) -> HeatGrid:
    """A heatmap from a JSON file written by `write_grid`, or in CoinGlass's shape.

    CoinGlass's file does not tell sides: what lies below the close of its column is taken as long, what lies
    above as short, and the grid is `modelled`. Both are said in the flags.

    Raises
    ------
    GridError, TableError
        Not JSON, no heatmap, or one that contradicts itself.
    """
    content = load(source)
    if content.form != "json":
        raise GridError(
            "A heatmap is opened from JSON, and this file is none. Upload a table of liquidations as data"
            " instead."
        )
    if len(content.data) > MAX_JSON:
        raise GridError(
            f"The heatmap has {wording.file_size(len(content.data))}; at most {MAX_JSON // 1024**2} MB are"
            " read. Export fewer columns or bins."
        )
    refuse_json(content.data, "Export fewer columns or bins.")
    try:
        document = json.loads(content.data, parse_constant=_no_number)
        found = _heatmap(document)
        if found is None:
            raise GridError(
                "The JSON holds no heatmap: y_axis and liquidation_leverage_data are missing. Export the"
                " heatmap again."
            )
        return _own(found) if isinstance(found.get("heatlab"), dict) else _coinglass(found)
    except (GridError, tables.TableError):
        raise
    except json.JSONDecodeError as problem:
        raise GridError("The JSON is cut off or broken. Download or export it again.") from problem
    except (
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as problem:
        raise GridError(_BROKEN) from problem


def _no_number(word: str) -> NoReturn:
    raise GridError(f"The heatmap holds {word} where a number belongs. Export it again.")


def _heatmap(document: Any) -> dict[str, Any] | None:
    """The object with the heatmap, below up to three wrappers (`response`, `data`)."""
    for _ in range(4):
        if not isinstance(document, dict):
            return None
        if "y_axis" in document and "liquidation_leverage_data" in document:
            return document
        document = document.get("response", document.get("data"))
    return None


def _own(found: dict[str, Any]) -> HeatGrid:
    facts = found["heatlab"]
    stamps = pd.to_datetime([str(edge) for edge in facts["time_edges"]], utc=True, format="ISO8601")
    time_edges = stamps.tz_localize(None).to_numpy().astype("datetime64[us]")
    price_edges = np.array(facts["price_edges"], dtype=np.float64)
    shape = (len(time_edges) - 1, len(price_edges) - 1)
    sides = {name: _dense(facts[name], shape) for name in tables.SIDES}
    observed = np.ones(max(shape[0], 0), dtype=bool)
    observed[np.array(facts["unobserved_columns"], dtype=np.int64)] = False
    if not np.isfinite(price_edges).all() or np.isnat(time_edges).any():
        raise GridError(_BROKEN)
    provenance = Provenance(
        source=str(facts["source"]),
        venues=tuple(
            VenueCoverage(
                str(item["venue"]),
                str(item["completeness"]),
                str(item["price_kind"]),
                int(item["events"]),
                float(item["usd"]),
            )
            for item in facts["venues"]
        ),
        as_of=None if facts["as_of"] is None else tables.to_datetime64(str(facts["as_of"])),
        model=None if facts["model"] is None else str(facts["model"]),
        parameters=tuple((str(name), _frozen(value)) for name, value in facts["parameters"].items()),
        flags=tuple(map(str, facts["flags"])),
    )
    try:
        return HeatGrid(
            kind=facts["kind"],
            time_edges=time_edges,
            price_edges=price_edges,
            long=sides["long"],
            short=sides["short"],
            provenance=provenance,
            outside_long=float(facts["outside"]["long"]),
            outside_short=float(facts["outside"]["short"]),
            observed=observed,
        )
    except GridError as problem:
        raise GridError(f"{problem} Export the heatmap again.") from problem


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _dense(rows: Any, shape: tuple[int, int]) -> np.ndarray:
    """(T, P) USD from rows `[time index, price index, USD]`."""
    if min(shape) < 1:
        raise GridError("The heatmap has no columns or no price bins. Export it again.")
    if shape[0] * shape[1] > MAX_CELLS:
        raise GridError(
            f"The heatmap has {shape[0] * shape[1]:,} cells; at most {MAX_CELLS:,} are read. Export fewer"
            " columns or bins."
        )
    out = np.zeros(shape, dtype=np.float64)
    if not rows:
        return out
    values = np.array(rows, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != 3 or not np.isfinite(values).all():
        raise GridError(_BROKEN)
    t, p = values[:, 0].astype(np.int64), values[:, 1].astype(np.int64)
    if (t < 0).any() or (p < 0).any() or (t >= shape[0]).any() or (p >= shape[1]).any():
        raise GridError(
            "Some cells of the heatmap point outside its axes. The file was shortened; download the whole"
            " heatmap."
        )
    if (values[:, 2] < 0).any():
        raise GridError("The heatmap holds negative USD. Export it again.")
    np.add.at(out, (t, p), values[:, 2])
    return out


def _coinglass(found: dict[str, Any]) -> HeatGrid:
    levels = np.array(found["y_axis"], dtype=np.float64)
    bars = found.get("price_candlesticks") or []
    if len(bars) < 2 or len(levels) < 2:
        raise GridError(
            "The heatmap needs at least two candles and two price levels to have a time and a price axis."
            " Download the whole heatmap."
        )
    starts = np.array([float(bar[0]) for bar in bars])
    close = np.array([float(bar[4]) for bar in bars])
    if not (np.isfinite(levels).all() and np.isfinite(starts).all() and np.isfinite(close).all()):
        raise GridError(_BROKEN)
    if (np.diff(starts) <= 0).any() or (np.diff(levels) <= 0).any():
        raise GridError("The times or price levels of the heatmap do not ascend. Download it again.")
    micros = np.round(starts * (1e6 if starts[-1] < 1e11 else 1e3)).astype(np.int64)
    time_edges = np.append(micros, micros[-1] + np.median(np.diff(micros)).astype(np.int64)).astype(
        "datetime64[us]"
    )
    middle = (levels[1:] + levels[:-1]) / 2
    price_edges = np.concatenate(
        [[levels[0] - (middle[0] - levels[0])], middle, [levels[-1] + (levels[-1] - middle[-1])]]
    )
    heat = _dense(found["liquidation_leverage_data"], (len(starts), len(levels)))
    below = levels[None, :] < close[:, None]
    return HeatGrid(
        kind="modelled",
        time_edges=time_edges,
        price_edges=price_edges,
        long=np.where(below, heat, 0.0),
        short=np.where(below, 0.0, heat),
        provenance=Provenance(
            source="CoinGlass file",
            as_of=time_edges[-1],
            model="CoinGlass (method not published)",
            flags=(
                (
                    "The file does not tell sides: below the close of each column counts as long, above as"
                    " short."
                ),
                (
                    "These levels come from a model that its maker does not publish; read them as relative,"
                    " not as USD that will trade."
                ),
            ),
        ),
    )
