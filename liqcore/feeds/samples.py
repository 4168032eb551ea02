"""The bundled sample markets: synthetic, made by tools/make_samples.py, and read here.

Prices are stored as whole ticks (0.1 USD), quantities as whole lots (0.001 BTC) and margins as their product,
because whole numbers pack small; the columns are named after these units, so that nobody takes them for USD.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from liqcore import tables
from liqcore.bundled import bundled

FOLDER: Final = bundled("data/samples")
_PER_USD: Final = 10
_PER_BTC: Final = 1_000
_UNITS: Final = {"ticks": _PER_USD, "lots": _PER_BTC, "units": _PER_USD * _PER_BTC}
_STORED: Final = {
    "open": "ticks",
    "high": "ticks",
    "low": "ticks",
    "close": "ticks",
    "price": "ticks",
    "entry": "ticks",
    "liquidation_price": "ticks",
    "volume": "lots",
    "taker_buy_volume": "lots",
    "quantity": "lots",
    "margin": "units",
}
TABLES: Final = (*tables.COLUMNS, "positions")
_T = TypeVar("_T")
_POSITIONS: Final = ("time", "venue", "side", "quantity", "entry", "leverage", "margin", "liquidation_price")


class SampleError(ValueError):
    """A sample that is not there, in one sentence."""


@dataclass(frozen=True)
class SampleVenue:
    """One invented venue of a sample market, and how its feed differs.

    `leverage_mix` weighs new positions at 2, 3, 5, 10, 20, 25, 50, 75 and 100×. `lag_seconds` passes between
    a liquidation and its arrival. `basis_bp` is the usual premium over the index in basis points.
    """

    name: str
    share: float
    leverage_mix: tuple[float, ...]
    completeness: str
    lag_seconds: float
    price_kind: str
    basis_bp: float
    maintenance_margin_rate: float


class VenueCandles(Mapping[str, pd.DataFrame]):
    """Candles by venue, read when those of one venue are first asked for: most views draw the index only."""

    def __init__(self, names: Collection[str], path: Path) -> None:
        self._names, self._path = tuple(names), path

    @cached_property
    def _tables(self) -> dict[str, pd.DataFrame]:
        return _told(self._path.parent.name, lambda: _by_venue(_read(self._path)))

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._names:
            raise KeyError(name)
        return self._tables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@dataclass(frozen=True, eq=False)
class Sample:
    """A sample market. All tables are checked; `label` belongs on every chart drawn from it.

    `candles` is the index with the volume of all venues, `venue_candles` each venue at its own price (both of
    one minute). `liquidations` is what the venues' feeds printed. `positions` are the exact open positions at
    the beginning and the end of the last day: time, venue, side, quantity BTC, entry USD, leverage, margin
    USD, liquidation_price USD (NaN where no price would liquidate it). `parameters` is everything the
    simulator was given, and the count and USD of every liquidation of each venue, printed or not.
    """

    name: str
    label: str
    candles: pd.DataFrame
    venue_candles: Mapping[str, pd.DataFrame]
    liquidations: pd.DataFrame
    open_interest: pd.DataFrame
    funding: pd.DataFrame
    positions: pd.DataFrame
    venues: tuple[SampleVenue, ...]
    parameters: dict[str, Any]


def names(folder: Path = FOLDER) -> tuple[str, ...]:
    """Names of the samples that are there, in alphabetical order."""
    return tuple(sorted(path.parent.name for path in folder.glob("*/metadata.json")))


def load_sample(name: str, folder: Path = FOLDER, only: Collection[str] = TABLES) -> Sample:
    """Read a bundled sample market by name (`calm` or `violent`).

    With `only`, some of `TABLES`, the others are not read and stay empty. Candles of venues are read when
    they are asked for.

    Raises
    ------
    SampleError
        There is no such sample, or it is incomplete.
    """
    if name not in names(folder):
        known = ", ".join(names(folder)) or "none; run `make samples`"
        raise SampleError(f"There is no sample market {name!r} (there are: {known}).")
    here = folder / name
    facts = _told(name, lambda: json.loads((here / "metadata.json").read_text(encoding="utf-8")))
    stored = _told(
        name, lambda: {table: _read(here / f"{table}.parquet") if table in only else None for table in TABLES}
    )
    if (events := stored["liquidations"]) is not None:
        stored["liquidations"] = events.assign(notional=events["price"] * events["quantity"])[
            list(tables.LIQUIDATIONS)
        ]
    checked = {
        kind: tables.empty(kind) if (table := stored[kind]) is None else tables.ensure(table, kind)
        for kind in tables.COLUMNS
    }
    held = stored["positions"]
    return Sample(
        name=name,
        label=facts["label"],
        **checked,
        venue_candles=VenueCandles(
            [venue["name"] for venue in facts["venues"]], here / "venue_candles.parquet"
        ),
        positions=pd.DataFrame(columns=list(_POSITIONS)) if held is None else held[list(_POSITIONS)],
        venues=tuple(
            SampleVenue(**{**venue, "leverage_mix": tuple(venue["leverage_mix"])})
            for venue in facts["venues"]
        ),
        parameters=facts["parameters"],
    )


def write_sample(sample: Sample, folder: Path = FOLDER) -> list[Path]:
    """Write a sample market for `load_sample`; returns the files written.

    Raises
    ------
    SampleError
        A value is not a whole number of ticks or lots, so that it could not be read back exactly.
    """
    here = folder / sample.name
    here.mkdir(parents=True, exist_ok=True)
    by_venue = pd.concat(
        [table.assign(venue=name) for name, table in sample.venue_candles.items()], ignore_index=True
    )
    by_venue["venue"] = pd.Categorical(by_venue["venue"], categories=list(sample.venue_candles))
    stored = {
        "candles": sample.candles,
        "venue_candles": by_venue,
        "liquidations": sample.liquidations.drop(columns="notional"),
        "open_interest": sample.open_interest,
        "funding": sample.funding,
        "positions": sample.positions,
    }
    written = [_write(table, here / f"{name}.parquet") for name, table in stored.items()]
    facts = {
        "label": sample.label,
        "synthetic": True,
        "venues": [asdict(venue) for venue in sample.venues],
        "parameters": sample.parameters,
    }
    metadata = here / "metadata.json"
    metadata.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return [*written, metadata]


def _write(table: pd.DataFrame, path: Path) -> Path:
    out: dict[str, Any] = {}
    for name in table:
        unit = _STORED.get(str(name))
        if unit is None:
            out[str(name)] = pa.Array.from_pandas(table[name])
            continue
        values = table[name].to_numpy()
        known = np.isfinite(values)
        whole = np.rint(np.where(known, values, 0.0) * _UNITS[unit])
        if not np.array_equal(whole[known] / _UNITS[unit], values[known]):
            raise SampleError(
                f"Column {name!r} of the sample is not in whole {unit} and cannot be stored exactly."
            )
        out[f"{name}_{unit}"] = pa.array(whole.astype(np.int64), mask=~known)
    arrow = pa.table(out)
    packed = [
        field.name
        for field in arrow.schema
        if pa.types.is_integer(field.type) or pa.types.is_timestamp(field.type)
    ]
    pq.write_table(
        arrow,
        path,
        compression="zstd",
        compression_level=19,
        use_dictionary=[name for name in out if name not in packed],
        column_encoding=dict.fromkeys(packed, "DELTA_BINARY_PACKED"),
    )
    return path


def _told(name: str, read: Callable[[], _T]) -> _T:
    try:
        return read()
    except (OSError, ValueError, pa.ArrowException) as problem:
        raise SampleError(
            f"The sample market {name!r} cannot be read ({type(problem).__name__}). Run `make samples` to"
            " build it again."
        ) from problem


def _by_venue(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    bounds = np.flatnonzero(np.diff(rows["venue"].cat.codes.to_numpy(), prepend=-1, append=-1))
    parts = [rows.iloc[first:last] for first, last in pairwise(bounds)]
    return {
        str(part["venue"].iloc[0]): tables.ensure(
            part[list(tables.CANDLES)].reset_index(drop=True), "candles"
        )
        for part in parts
    }


def _read(path: Path) -> pd.DataFrame:
    # pyarrow's `read_table` loads all it has for folders of files first.
    with pq.ParquetFile(path) as file:
        stored = file.read(use_threads=False)
    columns: dict[str, Any] = {}
    for column in stored.column_names:
        name, _, unit = column.rpartition("_")
        values = stored.column(column)
        if unit in _UNITS:
            columns[name] = values.to_numpy().astype(np.float64) / _UNITS[unit]
        else:
            columns[column] = values.to_pandas().array
    return pd.DataFrame(columns, copy=False)
