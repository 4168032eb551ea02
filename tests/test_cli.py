"""The console command, as somebody types it: what it writes, what it says, and the code scripts see."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import liqcore as lq
from liqcore import cli
from liqcore.cli import drawing
from tests.loopback.server import VenueServer


def heatlab(*arguments: object) -> Result:
    found = CliRunner().invoke(cli._app, [str(part) for part in arguments])
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    assert "Traceback" not in found.output
    return found


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A sample market as somebody's files: events in two parts, candles, open interest, a heatmap."""
    folder = tmp_path_factory.mktemp("files")
    sample = lq.load_sample("calm")
    half = len(sample.liquidations) // 2
    tables: dict[str, pd.DataFrame] = {
        "first": sample.liquidations.iloc[:half],
        "second": sample.liquidations.iloc[half:],
        "candles": sample.candles.iloc[::1],
        "interest": sample.open_interest,
    }
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    grid = lq.realised_heatmap(sample.liquidations, timeframe="4h", bins=40)
    (folder / "map.json").write_text(grid.to_json(), encoding="utf-8")
    (folder / "odd.csv").write_text("a,b,c\n1,2,3\n", encoding="utf-8")
    return {path.stem: path for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<svg"), ("html", b"<!DOCTYPE html")]
)
def test_draw_writes_the_picture_its_name_asks_for(
    files: dict[str, Path], tmp_path: Path, suffix: str, start: bytes
) -> None:
    out = tmp_path / f"drawn.{suffix}"
    found = heatlab("draw", files["map"], "-o", out)
    assert found.exit_code == 0, found.output
    assert out.read_bytes().lstrip().startswith(start)
    assert f"Written to {out}" in found.output.replace("\n", "")
    assert "Realised liquidations" in found.output


def test_a_page_needs_no_network(files: dict[str, Path], tmp_path: Path) -> None:
    heatlab("draw", files["map"], "-o", tmp_path / "page.html")
    assert "cdn.jsdelivr.net" not in (tmp_path / "page.html").read_text(encoding="utf-8")


def drawn_grid(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *arguments: object) -> tuple[Any, Any]:
    """What was handed to the chart."""
    seen: list[tuple[Any, Any]] = []
    chart = drawing.charts.chart

    def watched(grid: Any, candles: Any, **more: Any) -> Any:
        seen.append((grid, candles))
        return chart(grid, candles, **more)

    monkeypatch.setattr(drawing.charts, "chart", watched)
    found = heatlab("draw", *arguments, "-o", tmp_path / "map.svg")
    assert found.exit_code == 0, found.output
    return seen[0]


def test_files_of_one_kind_are_drawn_together(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid, candles = drawn_grid(monkeypatch, tmp_path, files["first"], files["second"], files["candles"])
    sample = lq.load_sample("calm")
    assert grid.kind == "realised"
    assert float(grid.total.sum()) == pytest.approx(sample.liquidations["notional"].sum(), rel=1e-6)
    assert len(candles) == len(sample.candles)


def test_candles_alone_are_modelled_and_events_can_be_left_aside(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid, _ = drawn_grid(monkeypatch, tmp_path, files["candles"], files["interest"])
    assert grid.kind == "modelled"
    monkeypatch.undo()
    grid, _ = drawn_grid(monkeypatch, tmp_path, "--sample", "calm", "--layer", "modelled", "--bins", "90")
    assert grid.kind == "modelled"
    assert grid.shape[1] == 90


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "Name files to draw, or one bundled market"),
        (("{map}", "--sample", "calm"), "Name files to draw, or one bundled market"),
        (("--sample", "stormy"), "calm, violent"),
        (("nowhere.csv",), "does not exist"),
        (("{odd}",), "odd.csv"),
        (("{map}", "{map}"), "one is drawn at a time"),
        (("{interest}",), "A modelled heatmap is made from candles"),
        (("{candles}", "--layer", "realised"), "A realised heatmap is made from liquidations"),
        (("{first}", "--timeframe", "soon"), "is not a timeframe"),
        (("{first}", "-o", "map.pdf"), ".png, .svg or .html"),
        (("{first}", "-o", "no/such/folder/map.png"), "There is no folder"),
        (("{first}", "--map", "price"), "our name=column"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence_and_a_failure(
    files: dict[str, Path], tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    given = [part.format(**{name: str(path) for name, path in files.items()}) for part in arguments]
    out = () if "-o" in given else ("-o", tmp_path / "map.svg")
    found = heatlab("draw", *given, *out)
    assert found.exit_code in (1, 2)
    assert sentence in " ".join(found.output.replace("│", " ").split())
    assert not list(tmp_path.iterdir())


def test_check_says_what_every_file_was_read_as_and_goes_on_after_a_bad_one(files: dict[str, Path]) -> None:
    found = heatlab("check", files["first"], files["odd"], files["map"])
    assert found.exit_code == 1
    first, odd, grid = (found.output.index(str(files[name])) for name in ("first", "odd", "map"))
    assert first < odd < grid
    assert "liquidations" in found.output[first:odd]
    assert "Alder" in found.output[first:odd]
    assert "realised heatmap" in found.output[grid:]
    assert heatlab("check", files["first"], files["map"]).exit_code == 0


def test_check_takes_the_meaning_of_columns_that_cannot_be_told(tmp_path: Path) -> None:
    odd = tmp_path / "odd.csv"
    odd.write_text("wann,seite,preis,menge\n2026-03-01 10:00,long,60000,1\n", encoding="utf-8")
    asked = heatlab("check", odd)
    assert asked.exit_code == 1
    assert "--map" in asked.output
    named = heatlab(
        "check",
        odd,
        *(f"--map={pair}" for pair in ("time=wann", "side=seite", "price=preis", "quantity=menge")),
    )
    assert named.exit_code == 0, named.output
    assert "1 row" in named.output


def test_the_version_is_the_packages() -> None:
    assert heatlab("--version").output.strip() == f"heatlab {lq.__version__}"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ('[{"time": "2026-03-01 10:00", "side": "long", "price": 6e4, "qty": 1}]', "1 row of liquidations"),
        ('[{"time": "2026-03-01 10:00", "side": "long", "price": 6e4}]', "--map"),
        ('{"data": {"y_axis": [1, 2], "liquidation_leverage_data": "none"}}', "eatmap"),
        ('{"a": 1', "cut off or broken"),
    ],
)
def test_json_is_read_as_what_it_holds_and_refused_with_what_is_wrong(
    tmp_path: Path, content: str, sentence: str
) -> None:
    (tmp_path / "any.json").write_text(content, encoding="utf-8")
    assert sentence in " ".join(heatlab("check", tmp_path / "any.json").output.split())


def test_a_heatmap_is_told_by_what_is_in_it_and_not_by_its_name(
    files: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "renamed.txt").write_bytes(files["map"].read_bytes())
    assert "realised heatmap" in heatlab("check", tmp_path / "renamed.txt").output


def test_a_day_is_fetched_once_and_kept_for_the_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEATLAB_FOLDER", str(tmp_path))
    monkeypatch.delenv("HEATLAB_OFFLINE", raising=False)
    with VenueServer() as server:
        monkeypatch.setenv("HEATLAB_LOOPBACK", server.address)
        found = heatlab("get", "2024-08-05")
        assert found.exit_code == 0, found.output
        assert "1,728 bars of 5m" in found.output
        assert "Prices of Binance USD-M" in found.output
        sent = len(server.requests)
        assert heatlab("get", "2024-08-05").exit_code == 0
        assert len(server.requests) == sent
        held = lq.read_market(tmp_path / "market")
        assert (held.candles["time"].dt.date.astype(str) == "2024-08-05").sum() == 288
        for odd, words in {
            "soon": "is no day and no span",
            "2024-13-45": "There is no day",
            "1999-01-01": "outside",
        }.items():
            refused = heatlab("get", odd)
            assert refused.exit_code == 1
            assert words in refused.output


@pytest.mark.parametrize(
    "words",
    [
        ("run", "--port", "99999999"),
        ("run", "--port", "0"),
        ("mcp", "--http", "-1"),
        ("mcp", "--http", "65536"),
        ("record", "--out", "set", "--every", "nan"),
        ("record", "--out", "set", "--every", "0"),
        ("record", "--out", "set", "--hours", "-1"),
        ("record", "--out", "set", "--hours", "inf"),
        ("record", "--out", " "),
        ("record", "--out", "s3://", "--hours", "0.0001"),
        ("record", "--out", "s3://key:canary@bucket/x?odd=1", "--hours", "0.0001"),
    ],
    ids=" ".join,
)
def test_numbers_and_places_that_cannot_be_are_refused_in_a_sentence(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEATLAB_OFFLINE", "1")
    monkeypatch.setenv("HEATLAB_FOLDER", str(tmp_path / "held"))
    found = heatlab(*words)
    assert found.exit_code in (1, 2)
    assert any(said in found.output for said in (*words[1::2], "like s3://bucket/path"))
    assert "canary" not in found.output
    assert not (tmp_path / "set").exists()
