"""The bundled scenarios: a scenario.toml that people write, and the market that tools/make_scenarios.py made
for it."""

from __future__ import annotations

import copy
import json
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from liqcore import tables
from liqcore.bundled import bundled
from liqcore.feeds import samples
from liqcore.feeds.samples import Sample, SampleError

FOLDER: Final = bundled("data/scenarios")


@dataclass(frozen=True, eq=False)
class ScenarioFiles:
    """What a scenario's folder holds. `arrivals` (n,) datetime64 UTC is when each liquidation reached a
    listener.

    `base_rate` is None where it has not been made yet.
    """

    name: str
    settings: dict[str, Any]
    sample: Sample
    arrivals: np.ndarray
    base_rate: dict[str, Any] | None


def names(folder: Path = FOLDER) -> tuple[str, ...]:
    """Names of the scenarios in the order in which they are taught."""
    return tuple(
        sorted(
            (path.parent.name for path in folder.glob("*/scenario.toml")),
            key=lambda name: (_order(folder, name), name),
        )
    )


def contents(folder: Path = FOLDER) -> dict[str, tuple[str, int]]:
    """Title and number of steps of every scenario, in the order in which they are taught."""
    told = {name: _settings(name, folder) for name in names(folder)}
    return {name: (str(one["title"]), len(one["steps"])) for name, one in told.items()}


def read_settings(name: str, folder: Path = FOLDER) -> dict[str, Any]:
    """The parsed scenario.toml, the caller's own.

    Raises
    ------
    SampleError
        There is no such scenario, or its file is no TOML.
    """
    return copy.deepcopy(_settings(name, folder))


def _settings(name: str, folder: Path) -> dict[str, Any]:
    path = folder / name / "scenario.toml"
    if not name.replace("-", "").isalnum() or not path.is_file():
        known = ", ".join(sorted(found.parent.name for found in folder.glob("*/scenario.toml"))) or "none"
        raise SampleError(f"There is no scenario {name!r} (there are: {known}).")
    try:
        return _parsed(path, path.stat().st_mtime_ns)
    except (OSError, ValueError) as problem:
        raise SampleError(f"The scenario {name!r} cannot be read: {problem}.") from problem


# Python's own reader takes 10 ms a file, and every click of a lesson lists all scenarios.
@lru_cache(maxsize=64)
def _parsed(path: Path, written: int) -> dict[str, Any]:
    """One scenario.toml as it was written at a moment; nobody changes it."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def read_scenario(name: str, folder: Path = FOLDER) -> ScenarioFiles:
    """Everything in a scenario's folder, with its tables checked.

    Raises
    ------
    SampleError
        There is no such scenario, or a file of it is missing or broken.
    """
    settings = read_settings(name, folder)
    sample = samples.load_sample(name, folder)
    here = folder / name
    try:
        arrivals = tables.microseconds(
            pq.read_table(here / "arrivals.parquet", use_threads=False).to_pandas()["time"]
        ).view("datetime64[us]")
        rate = here / "base_rate.json"
        base_rate = json.loads(rate.read_text(encoding="utf-8")) if rate.is_file() else None
    except (OSError, ValueError, pa.ArrowException) as problem:
        raise SampleError(
            f"The scenario {name!r} cannot be read ({type(problem).__name__}). Run `make scenarios` to build"
            " it again."
        ) from problem
    if len(arrivals) != len(sample.liquidations):
        raise SampleError(
            f"The scenario {name!r} has {len(arrivals):,} arrivals for {len(sample.liquidations):,}"
            " liquidations. Run `make scenarios`."
        )
    return ScenarioFiles(name, settings, sample, arrivals, base_rate)


def write_scenario(
    sample: Sample, arrivals: pd.Series, base_rate: dict[str, Any] | None, folder: Path = FOLDER
) -> list[Path]:
    """Write a scenario's market for `read_scenario`; the scenario.toml is left alone. Returns the files
    written."""
    written = samples.write_sample(sample, folder)
    here = folder / sample.name
    times = pa.array(
        tables.microseconds(arrivals.astype(tables.TIME_DTYPE)), type=pa.timestamp("us", tz="UTC")
    )
    pq.write_table(
        pa.table({"time": times}),
        here / "arrivals.parquet",
        compression="zstd",
        use_dictionary=False,
        column_encoding={"time": "DELTA_BINARY_PACKED"},
    )
    written.append(here / "arrivals.parquet")
    if base_rate is not None:
        (here / "base_rate.json").write_text(json.dumps(base_rate) + "\n", encoding="utf-8")
        written.append(here / "base_rate.json")
    return written


def _order(folder: Path, name: str) -> int:
    return int(_settings(name, folder).get("order", 99))
