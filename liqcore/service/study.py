"""Studies at scale: made here or on a Dask cluster, kept part by part so that they resume, told in one page.

Parts are combined in their order, whoever made them first, so that a study is the same bit for bit on one
core, on many machines, and after a machine was lost.
"""

from __future__ import annotations

import html
import importlib
import os
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

import liqcore
from liqcore import tables, wording
from liqcore.charts import study as charts
from liqcore.extras import need
from liqcore.feeds import samples
from liqcore.feeds.files import FileContents, read
from liqcore.lab.event_study import Design, Study, conclude
from liqcore.lab.hot_levels import Finder
from liqcore.lab.study import Part, Plan, Venue, make, mark, parts

Progress = Callable[[int, int, str], None]
_METHOD: Final = (
    "Controls come from the past only; errors are clustered by the days of levels and of controls; p-values"
    " of the registered comparisons are corrected by Holm. Detectable is what this much data would tell four"
    " times of five."
)
# A part is tried so often on other workers before the study gives up.
_RETRIES: Final = 5


class StudyError(ValueError):
    """A study that cannot be made as asked, in one sentence."""


@dataclass(frozen=True)
class Config:
    """What `heatlab study` is told: the plan, the venues, where to put things, and a Dask scheduler or
    None."""

    plan: Plan
    venues: tuple[Venue, ...]
    out: Path
    address: str | None = None

    @property
    def mark(self) -> str:
        """Hash of the plan and the data."""
        return mark(self.plan, self.venues)


def read_config(path: Path) -> Config:
    """A study's TOML file: `[study]`, and a `[[venue]]` each with `files` or one with `sample`.

    `files` may name folders and patterns (`days/*.parquet`). `folder` under `[study]` makes a venue of every
    `venue=NAME` in its paths, or of every folder in it, and takes candles of `step` (default 5m) where paths
    say `step=`; that is how `heatlab get` and `heatlab record` keep what they fetch.

    Raises
    ------
    StudyError
        An unknown key, a file that is not there, or a venue without candles.
    """
    try:
        held = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise StudyError(f"There is no study {str(path)!r}. Name a TOML file.") from problem
    except tomllib.TOMLDecodeError as problem:
        raise StudyError(f"{path} is no TOML file: {problem}.") from problem
    asked = dict(held.get("study", {}))
    out = Path(asked.pop("out", path.with_suffix("")))
    address = asked.pop("dask", None)
    whole, step = asked.pop("folder", None), asked.pop("step", "5m")
    plan = _plan(asked)
    named = [*held.get("venue", []), *([] if whole is None else _in_folder(path.parent / whole, step))]
    venues = tuple(_venue(one, path.parent) for one in named)
    if not venues:
        raise StudyError(
            f'{path} names no venue. Add [[venue]] with files = ["candles.csv"] or sample = "calm", or'
            ' folder = "recorded" under [study].'
        )
    return Config(plan, venues, out if out.is_absolute() else path.parent / out, address)


def _plan(asked: dict[str, Any]) -> Plan:
    finder = {name: asked.pop(name) for name in ("model", "every") if name in asked}
    design = {one.name: asked.pop(one.name) for one in fields(Design) if one.name in asked}
    known = {"levels", "seed", "part_days"}
    if unknown := sorted(set(asked) - known):
        every = sorted(
            {*known, "model", "every", "out", "dask", "folder", "step", *(one.name for one in fields(Design))}
        )
        raise StudyError(f"A study has no {unknown[0]!r}. Known are {', '.join(every)}.")
    if asked.get("levels", "hottest") not in ("hottest", "random"):
        raise StudyError("levels is hottest or random.")
    return Plan(Finder(**finder), Design(**design), **asked)


def _in_folder(folder: Path, step: str) -> list[dict[str, Any]]:
    """What `[[venue]]` would say of each venue in a folder, in order of their names."""
    if not folder.is_dir():
        raise StudyError(f"There is no folder {str(folder)!r}. Name one with a folder a venue.")
    found: dict[str, list[str]] = {}
    for file in sorted(one for one in folder.rglob("*") if _readable(one)):
        inside = file.relative_to(folder).parts
        said = dict(part.split("=", 1) for part in inside if "=" in part)
        if said.get("kind") == "candles" and said.get("step", step) != step:
            continue
        if len(inside) > 1:
            found.setdefault(said.get("venue", inside[0]), []).append(str(file.absolute()))
    return [{"name": name, "files": files} for name, files in sorted(found.items())]


def _readable(file: Path) -> bool:
    return file.is_file() and file.name.endswith((".parquet", ".csv", ".csv.gz")) and file.name[0] not in "._"


def _files(names: Sequence[str], folder: Path) -> list[Path]:
    """Files as named; folders and patterns stand for what lies in them, in order."""
    out: list[Path] = []
    for name in names:
        place = Path(name) if Path(name).is_absolute() else folder / name
        if place.is_dir():
            out += sorted(one for one in place.rglob("*") if _readable(one))
        elif any(sign in name for sign in "*?["):
            base = Path(place.anchor) if Path(name).is_absolute() else folder
            out += sorted(base.glob(str(place.relative_to(base))))
        else:
            out.append(place)
    return out


def _venue(told: dict[str, Any], folder: Path) -> Venue:
    if "sample" in told:
        market = samples.load_sample(told["sample"], only=tables.COLUMNS)
        return Venue(
            told.get("name", told["sample"]), market.candles, market.open_interest, market.liquidations
        )
    found: dict[str, list[pd.DataFrame]] = {}
    for file in _files(told.get("files", []), folder):
        contents = read(file, venue=told.get("name"))
        if isinstance(contents, FileContents):
            found.setdefault(contents.kind, []).append(contents.table)
    if "candles" not in found:
        raise StudyError(
            f"The venue {told.get('name', 'without a name')!r} has no candles. Name a file with candles."
        )
    joined = {kind: _joined(kind, many) for kind, many in found.items()}
    return Venue(
        told.get("name", "market"), joined["candles"], joined.get("open_interest"), joined.get("liquidations")
    )


def _joined(kind: str, many: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Files of days as one table; rows that two files tell alike stand once."""
    whole = pd.concat([one.astype(dict.fromkeys(one.select_dtypes("category"), str)) for one in many])
    # Two equal prints of one file may be two events; the same candle or state twice never is.
    once = whole if kind == "liquidations" else whole.drop_duplicates()
    return tables.CHECKS[kind](once.sort_values("time", kind="stable", ignore_index=True))


def run(config: Config, progress: Progress | None = None) -> Study:
    """Make what is missing of a study, combine all parts in order, and write the report.

    A second run with equal configuration and data makes nothing twice.
    """
    kept = config.out / "parts"
    kept.mkdir(parents=True, exist_ok=True)
    todo = [part for part in parts(config.venues, config.plan) if not _place(kept, config, part).is_file()]
    total = sum(1 for _ in parts(config.venues, config.plan))
    done = total - len(todo)
    made = _cluster(todo, config) if config.address else ((part, make(part, config.plan)) for part in todo)
    for part, sums in made:
        _keep(sums, _place(kept, config, part))
        done += 1
        if progress is not None:
            progress(done, total, part.title)
    sums = pd.concat(
        [pd.read_parquet(_place(kept, config, part)) for part in parts(config.venues, config.plan)],
        ignore_index=True,
    )
    found = conclude(sums, np.random.default_rng(config.plan.seed))
    _keep(found.effects, config.out / "effects.parquet")
    _keep(found.walk, config.out / "walk.parquet")
    report(found, config)
    return found


def _place(folder: Path, config: Config, part: Part) -> Path:
    return folder / f"{config.mark}-{part.number:05d}.parquet"


def _keep(table: pd.DataFrame, path: Path) -> None:
    """Written beside and moved into place, so that an interruption leaves no half part."""
    beside = path.with_suffix(".tmp")
    table.to_parquet(beside, index=False)
    os.replace(beside, path)


def _cluster(todo: Sequence[Part], config: Config) -> Iterator[tuple[Part, pd.DataFrame]]:
    """The parts from a Dask scheduler, as they are made; one that a lost worker held is made again."""
    need("lab")
    distributed = importlib.import_module("distributed")
    with distributed.Client(config.address, set_as_default=False) as client:
        waiting = {
            client.submit(make, part, config.plan, pure=False, retries=_RETRIES): part for part in todo
        }
        for future, sums in distributed.as_completed(list(waiting), loop=client.loop, with_results=True):
            yield waiting[future], sums


def report(found: Study, config: Config) -> None:
    """`report.md` and `report.html`: verdict, effects, how it was made, and how to cite it."""
    first = min(venue.candles["time"].iloc[0] for venue in config.venues)
    last = max(venue.candles["time"].iloc[-1] for venue in config.venues)
    names = wording.joined([venue.name for venue in config.venues])
    cite = (
        f"Heatlab {liqcore.__version__}, study {config.mark}, {names}, {wording.period(first, last)},"
        f" {config.plan.levels} levels of {config.plan.finder.model}, seed {config.plan.seed}."
    )
    if found.effects.empty:
        (config.out / "report.md").write_text(
            f"# Study\n\n{found.verdict}\n\n## Cite this\n\n    {cite}\n", encoding="utf-8"
        )
        return
    table = charts.shown(found.effects).drop(columns="question")
    head = [f"# {found.verdict}", "", *(f"- {point}" for point in found.points), ""]
    rows = [
        [cell if isinstance(cell, str) else wording.decimal(float(cell), 3) for cell in row]
        for row in table.itertuples(index=False)
    ]
    lines = [
        f"| {' | '.join(row)} |"
        for row in [[str(name) for name in table.columns], ["---"] * len(table.columns), *rows]
    ]
    method = [
        "",
        "## How it was made",
        "",
        *(
            f"- {name}: {value}"
            for name, value in {
                **vars(config.plan.design),
                "model": config.plan.finder.model,
                "every": config.plan.finder.every,
            }.items()
        ),
        "",
        _METHOD,
        "",
        "## Cite this",
        "",
        f"    {cite}",
        "",
    ]
    (config.out / "report.md").write_text("\n".join([*head, *lines, *method]), encoding="utf-8")
    both = charts.forest(found.effects, "points", 420) | charts.forest(found.effects, "bp", 420)
    (config.out / "report.html").write_text(_page(found, table, both, method, cite), encoding="utf-8")


_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;font-size:.85rem}td,th{padding:.2rem .6rem;border-bottom:1px solid #ccc}"
    "pre{background:#f4f4f4;padding:.8rem;white-space:pre-wrap}.wide{overflow-x:auto}"
)


def _page(found: Study, table: pd.DataFrame, chart: Any, method: Sequence[str], cite: str) -> str:
    """The report as one file that needs no network: verdict, charts, all figures, method, and how to cite."""
    items = [html.escape(line[2:]) for line in method if line.startswith("- ")]
    figures = table.to_html(index=False, float_format="{:.3f}".format)
    points = "".join(f"<li>{html.escape(point)}</li>" for point in found.points)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(found.verdict)}</title>'
        f"<style>{_STYLE}</style><body><h1>{html.escape(found.verdict)}</h1><ul>{points}</ul>"
        f'<div class="wide">{chart.to_html(inline=True, fullhtml=False, output_div="forest")}</div>'
        f'<h2>All figures</h2><div class="wide">{figures}</div>'
        f"<h2>How it was made</h2><ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>"
        f"<p>{html.escape(_METHOD)}</p><h2>Cite this</h2><pre>{html.escape(cite)}</pre></body></html>"
    )
