"""The console command `heatlab`: start the app, draw a heatmap from files, or say what a file was read as."""

from __future__ import annotations

import math
import os
import runpy
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

import liqcore
from liqcore.bundled import bundled
from liqcore.extras import MissingExtra, need
from liqcore.wording import joined, percent

# What reads files and draws is imported by the commands that do: a server that `heatlab run` starts would
# otherwise hold 60 MB for it as long as it lives.
_PICTURES: Final = (".png", ".svg", ".html")
_app = typer.Typer(
    help="BTC liquidation heatmaps: see them, learn to read them, doubt them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Files = Annotated[list[Path], typer.Argument(help="CSV, gzip, zip, Parquet or JSON.", show_default=False)]
Map = Annotated[
    list[str],
    typer.Option("--map", help="What a column is where it cannot be told: --map time=ts. Repeat it."),
]
Venue = Annotated[str | None, typer.Option(help="Where the data comes from, for files that do not say it.")]


def main() -> None:
    """The entry point of the console command."""
    # Where output goes to a file, Windows would otherwise fail at the first dash or multiplication sign.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    _app()


@_app.callback(invoke_without_command=True)
def _options(
    version: Annotated[bool, typer.Option("--version", help="Say the version and leave.")] = False,
) -> None:
    if version:
        typer.echo(f"heatlab {liqcore.__version__}")
        raise typer.Exit


@_app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run(
    context: typer.Context,
    port: Annotated[int, typer.Option(help="Port to serve at.", min=1, max=65_535)] = 8501,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no exchange for anything.")] = False,
) -> None:
    """Start the app in this terminal; Ctrl+C ends it. Further options go to Streamlit."""
    with _sentences():
        need("app")
    if offline:
        os.environ["HEATLAB_OFFLINE"] = "1"
    sys.argv = ["streamlit", "run", str(bundled("server.py")), "--server.port", str(port), *context.args]
    runpy.run_module("streamlit", run_name="__main__", alter_sys=True)


@_app.command()
def collect() -> None:
    """Collect without pages, for the apps that read the same HEATLAB_STORE; SIGTERM or Ctrl+C ends it."""
    with _sentences():
        need("live")
        from liqcore.service.app import Owner
        from liqcore.service.collecting import collect_until_told

        owner = Owner.told({})
        if owner.offline:
            raise typer.BadParameter("HEATLAB_OFFLINE is set, so nobody is asked and nothing is collected.")
        typer.echo("Collecting. Ctrl+C ends it.")
        collect_until_told(owner)


@_app.command()
def mcp(
    http: Annotated[
        int | None,
        typer.Option(
            help="Serve over HTTP on this port of this machine, instead of stdio.", min=1, max=65_535
        ),
    ] = None,
) -> None:
    """Answer assistants over the Model Context Protocol: maps, levels, venues, sizes; nothing trades."""
    with _sentences():
        need("mcp")
        import pandas as pd

        from liqcore.mcp.server import server
        from liqcore.service.app import Owner

        made = server(Owner.told({}), lambda: pd.Timestamp.now(tz="UTC"))
    if http is None:
        made.run("stdio")
    else:
        made.run("streamable-http", host="127.0.0.1", port=http)


@_app.command()
def get(
    span: Annotated[
        str, typer.Argument(help="A day like 2024-08-05, or a span up to now like 24h, 30d or 1y.")
    ],
) -> None:
    """Fetch the real market of a day or a span, and keep it for the app and for `lq.read_market`."""
    with _sentences():
        need("live")
        from liqcore.service.getting import fetched

        said = fetched(
            span, lambda share, words: typer.echo(f"\r{percent(share):>5} {words:<50}", nl=False, err=True)
        )
    typer.echo("", err=True)
    for sentence in said:
        typer.echo(sentence)


@_app.command()
def record(
    out: Annotated[str, typer.Option("--out", "-o", help="A folder, or an address like s3://bucket/path.")],
    hours: Annotated[float | None, typer.Option(help="End after so long; else Ctrl+C ends it.")] = None,
    every: Annotated[float, typer.Option(help="Minutes between two writings.")] = 15.0,
) -> None:
    """Listen to all venues without the app, and write a data set of daily manifests and monthly
    partitions."""
    for name, length in (("--hours", hours), ("--every", every)):
        # What is no number is not above zero either.
        if length is not None and not 0 < length < math.inf:
            raise typer.BadParameter("Give a number above zero.", param_hint=name)
    if not out.strip():
        raise typer.BadParameter("Write a folder, or an address like s3://bucket/path.", param_hint="--out")
    with _sentences():
        need("live")
        from liqcore.feeds.history.partitions import Partitions
        from liqcore.service import recorder
        from liqcore.service.app import Owner

        # A bucket that is away for now is waited for; what is none would lose all that is heard.
        Partitions(out).must_be_a_place()
        # A service is ended by SIGTERM, and what it heard last is written as after Ctrl+C.
        told = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: told.set())
        with suppress(KeyboardInterrupt):
            recorder.record(
                out,
                Owner.told({}),
                recorder.state_folder(out),
                every=60 * every,
                hours=hours,
                stop=told,
                tell=typer.echo,
            )


@_app.command()
def check(files: Files, mapping: Map = [], venue: Venue = None) -> None:  # noqa: B006
    """Say what each file was read as: rows, span, venues, units, and what is doubtful about it."""
    from liqcore.cli import drawing

    failed = False
    for file in files:
        typer.secho(str(file), bold=True)
        try:
            found = drawing.understood(file, _mapping(mapping), venue)
        except drawing.PROBLEMS as problem:
            failed = True
            typer.secho(f"  {problem}", fg="red")
            continue
        said, notes = drawing.summary(found)
        typer.echo(f"  {said}")
        for note in notes:
            typer.echo(f"  - {note}")
    raise typer.Exit(code=1 if failed else 0)


@_app.command()
def draw(
    files: Annotated[
        list[Path], typer.Argument(help="Liquidations, candles, open interest, funding or one heatmap.")
    ] = [],  # noqa: B006
    sample: Annotated[
        str | None, typer.Option(help="Draw a bundled market instead: calm or violent.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Ends in .png, .svg or .html.")] = Path(
        "heatmap.png"
    ),
    layer: Annotated[
        Literal["realised", "modelled"] | None,
        typer.Option(help="What happened, or what a model estimates; by default what the files allow."),
    ] = None,
    side: Annotated[Literal["both", "long", "short", "net"], typer.Option()] = "both",
    timeframe: Annotated[str, typer.Option(help="Length of a column of events: 1m to 1d.")] = "15m",
    bins: Annotated[int, typer.Option(help="Price bins.", min=1, max=2_000)] = 200,
    scale: Annotated[Literal["log", "linear", "percentile"], typer.Option()] = "log",
    palette: Annotated[Literal["inferno", "viridis", "cividis"], typer.Option()] = "inferno",
    mapping: Map = [],  # noqa: B006
    venue: Venue = None,
) -> None:
    """Draw a heatmap from files and say what is on it."""
    if out.suffix.lower() not in _PICTURES:
        raise typer.BadParameter(f"A picture ends in {joined(_PICTURES, 'or')}.", param_hint="--out")
    if not out.parent.is_dir():
        raise typer.BadParameter(f"There is no folder {str(out.parent)!r}.", param_hint="--out")
    with _sentences():
        from liqcore.cli import drawing

        held = drawing.put_together(files, sample, _mapping(mapping), venue)
        grid = held.get("grid") or drawing.heatmap(held, layer, timeframe, bins)
        description = drawing.draw(grid, held.get("candles"), out, side=side, scale=scale, palette=palette)
    typer.echo(description)
    for flag in grid.provenance.flags:
        typer.echo(f"- {flag}")
    typer.echo(f"Written to {out}.")


@_app.command()
def score(
    positions: Annotated[Path, typer.Argument(help="Snapshots of positions: Parquet, CSV or JSON.")],
    candles: Annotated[Path, typer.Option(help="Candles of the same days.")],
    open_interest: Annotated[Path | None, typer.Option(help="Open interest of the same days.")] = None,
    liquidations: Annotated[Path | None, typer.Option(help="Liquidations of the same days.")] = None,
    map_: Annotated[
        list[Path],
        typer.Option("--other", help="A heatmap as JSON, for instance an aggregator's. Repeat it."),
    ] = [],  # noqa: B006
    out: Annotated[Path, typer.Option("--out", "-o", help="Ends in .md or .parquet.")] = Path(
        "scoreboard.md"
    ),
    seed: Annotated[int, typer.Option(help="Of the intervals.")] = 1,
) -> None:
    """Hold every model against measured positions, and write the scoreboard."""
    import numpy as np

    from liqcore.feeds.files import read_grid
    from liqcore.lab import scoreboard as boards

    if out.suffix.lower() not in (".md", ".parquet"):
        raise typer.BadParameter("A scoreboard ends in .md or .parquet.", param_hint="--out")
    with _sentences():
        board = boards.scoreboard(
            liqcore.snapshots(liqcore.read_positions(positions, venue="hyperliquid")),
            liqcore.read_candles(candles),
            None if open_interest is None else liqcore.read_open_interest(open_interest),
            np.random.default_rng(seed),
            None if liquidations is None else liqcore.read_liquidations(liquidations),
            {one.stem: read_grid(one) for one in map_},
        )
        if out.suffix.lower() == ".md":
            out.write_text(boards.markdown(board), encoding="utf-8")
        else:
            board.table.to_parquet(out)
    typer.echo(boards.markdown(board))
    typer.echo(f"Written to {out}.")


@_app.command()
def study(
    config: Annotated[Path, typer.Argument(help="A TOML file: [study] and [[venue]].", show_default=False)],
    dask: Annotated[str | None, typer.Option(help="Address of a Dask scheduler, tcp://host:port.")] = None,
) -> None:
    """Ask of levels whether they predict; resumes where it was interrupted, and writes a report."""
    with _sentences():
        from dataclasses import replace

        from liqcore import tables
        from liqcore.service import study as studies

        try:
            asked = studies.read_config(config)
            asked = replace(asked, address=dask) if dask else asked
            found = studies.run(
                asked, lambda done, total, title: typer.echo(f"{done} of {total}: {title}", err=True)
            )
        except studies.StudyError as problem:
            raise tables.TableError(str(problem)) from problem
    typer.echo(found.verdict)
    for point in found.points:
        typer.echo(f"- {point}")
    typer.echo(f"Written to {asked.out}.")


@contextmanager
def _sentences() -> Iterator[None]:
    """What is wrong as one sentence on the error stream, and a code that scripts see."""
    try:
        yield
    except Exception as problem:
        if not isinstance(problem, (OSError, MissingExtra)):
            from liqcore.cli.drawing import PROBLEMS

            if not isinstance(problem, PROBLEMS):
                raise
        typer.secho(str(problem), fg="red", err=True)
        raise typer.Exit(code=1) from problem


def _mapping(pairs: list[str]) -> dict[str, str]:
    split = [pair.partition("=") for pair in pairs]
    if wrong := next((pair for pair, (_, sign, _) in zip(pairs, split, strict=True) if not sign), None):
        raise typer.BadParameter(f"Write {wrong!r} as our name=column of the file.", param_hint="--map")
    return {ours: theirs for ours, _, theirs in split}
