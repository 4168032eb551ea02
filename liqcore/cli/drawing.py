"""What `heatlab check` and `heatlab draw` do with files: understand them, put them together, draw them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

import liqcore
from liqcore import tables
from liqcore.charts import altair as charts
from liqcore.charts.palette import PaletteError
from liqcore.feeds import samples
from liqcore.feeds.files import FileContents, MappingNeeded, read, read_grid
from liqcore.heat.grid import GridError, HeatGrid
from liqcore.wording import period

PROBLEMS: Final = (tables.TableError, GridError, PaletteError, samples.SampleError)
_SAVED: Final[dict[str, dict[str, Any]]] = {".png": {"scale_factor": 2}, ".html": {"inline": True}}


def understood(file: Path, mapping: dict[str, str], venue: str | None) -> FileContents | HeatGrid:
    """A table, or a heatmap where the file is one."""
    try:
        return read(file, mapping=mapping, venue=venue, now=pd.Timestamp.now("UTC"))
    except MappingNeeded as problem:
        raise tables.TableError(f"{problem} Name it with --map, for instance --map time=ts.") from problem
    except tables.TableError as problem:
        try:
            return read_grid(file)
        except (tables.TableError, GridError) as other:
            # What is wrong with a heatmap, the reader of heatmaps knows better.
            raise other if "is a heatmap" in str(problem) else problem from None


def summary(found: FileContents | HeatGrid) -> tuple[str, Sequence[str]]:
    """A sentence, and what is doubtful."""
    if isinstance(found, FileContents):
        return found.summary, found.notes
    columns, bands = found.shape
    said = f"A {found.kind} heatmap, {columns:,} × {bands:,} cells, {period(*found.time_edges[[0, -1]])}."
    return said, found.provenance.flags


def put_together(
    files: list[Path], sample: str | None, mapping: dict[str, str], venue: str | None
) -> dict[str, Any]:
    """The tables by kind, those of one kind put together, or the one heatmap."""
    if bool(files) == bool(sample):
        raise tables.TableError("Name files to draw, or one bundled market: heatlab draw --sample calm.")
    if sample:
        market = samples.load_sample(sample)
        return {kind: getattr(market, kind) for kind in tables.CHECKS}
    grids: list[HeatGrid] = []
    held: dict[str, list[pd.DataFrame]] = {}
    for file in files:
        try:
            found = understood(file, mapping, venue)
        except PROBLEMS as problem:
            raise tables.TableError(f"{file}: {problem}") from problem
        if isinstance(found, HeatGrid):
            grids.append(found)
        else:
            held.setdefault(found.kind, []).append(found.table)
    if len(grids) > 1:
        raise tables.TableError("These are several heatmaps, and one is drawn at a time. Name one of them.")
    together = {
        kind: tables.CHECKS[kind](
            pd.concat([one.astype(dict.fromkeys(one.select_dtypes("category"), str)) for one in found])
        )
        for kind, found in held.items()
    }
    return together | ({"grid": grids[0]} if grids else {})


def heatmap(held: dict[str, Any], layer: str | None, timeframe: str, bins: int) -> HeatGrid:
    """The heatmap asked for, by default of events where there are some."""
    wanted = layer or ("realised" if "liquidations" in held else "modelled")
    needed = "liquidations" if wanted == "realised" else "candles"
    if needed not in held:
        raise tables.TableError(f"A {wanted} heatmap is made from {needed}. Name a file with {needed}, too.")
    if wanted == "realised":
        return liqcore.realised_heatmap(held["liquidations"], timeframe=timeframe, bins=bins)
    return liqcore.modelled_heatmap(
        held["candles"], held.get("open_interest"), held.get("funding"), bins=bins
    )


def draw(grid: HeatGrid, candles: pd.DataFrame | None, out: Path, **look: Any) -> str:
    """Write the picture that the ending of `out` asks for, and say in a sentence what is on it."""
    picture = charts.chart(grid, candles, **look)
    picture.save(str(out), **_SAVED.get(out.suffix.lower(), {}))
    return str(picture.description)
