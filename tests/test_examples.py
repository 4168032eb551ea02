"""The notebooks of docs/examples run from top to bottom and show what they promise."""

import json
import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.ipynb"))


@pytest.fixture(scope="module", params=EXAMPLES, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """The notebook after it ran in a kernel of its own, and the folder in which it ran."""
    folder = tmp_path_factory.mktemp("notebook")
    book = nbformat.read(request.param, as_version=4)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    client = NotebookClient(
        book, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute(env=environment)
    return book, folder


def outputs(book: Any) -> list[Any]:
    return [one for cell in book.cells if cell.cell_type == "code" for one in cell.outputs]


def text(book: Any) -> str:
    return "".join(one.text for one in outputs(book) if one.output_type == "stream" and one.name == "stdout")


def charts(book: Any) -> list[dict[str, Any]]:
    """The specifications of the charts shown, out of the pages that a notebook displays."""
    pages = [one.data.get("text/html", "") for one in outputs(book) if "data" in one]
    return [
        json.JSONDecoder().raw_decode(page, page.rindex('({"') + 1)[0]
        for page in pages
        if "vegaEmbed" in page
    ]


def test_there_are_examples() -> None:
    assert EXAMPLES


def test_every_cell_runs_without_a_warning_and_every_chart_is_small(notebook: tuple[Any, Path]) -> None:
    book, _ = notebook
    assert [one.text for one in outputs(book) if one.output_type == "stream" and one.name == "stderr"] == []
    drawn = charts(book)
    assert len(drawn) >= 3
    assert all(len(json.dumps(one, separators=(",", ":"))) <= 150_000 for one in drawn)
    assert all(one["description"] for one in drawn)


def test_what_the_text_promises_is_what_comes_out(notebook: tuple[Any, Path]) -> None:
    book, folder = notebook
    said = text(book)
    assert "synthetic" in said
    assert "level" in said.lower()
    assert "20×: accepted" in said
    assert "100×: rejected" in said
    assert (folder / "modelled.png").read_bytes().startswith(b"\x89PNG")


def test_notebooks_are_kept_without_outputs() -> None:
    for path in EXAMPLES:
        book = nbformat.read(path, as_version=4)
        assert outputs(book) == [], path.name
