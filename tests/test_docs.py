"""What the documents say of files and versions is so."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

import liqcore

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "docs/architecture.md")
# A path in backticks, without the placeholders of recipes.
_PATH = re.compile(r"`((?:liqcore|pages|tests|data|docs|tools|benchmarks)/[\w./-]*)`")


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_paths_and_links_lead_somewhere(name: str) -> None:
    named = [path for path in _PATH.findall(text(name)) if "NAME" not in path]
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text(name)) if "://" not in link]
    missing = [path for path in named if not (ROOT / path).exists()]
    missing += [link for link in links if not (ROOT / name).parent.joinpath(link).exists()]
    assert not missing


def test_every_room_is_on_the_map() -> None:
    rooms = {
        f"liqcore/{path.name}/" for path in (ROOT / "liqcore").iterdir() if (path / "__init__.py").is_file()
    }
    files = {f"liqcore/{path.name}" for path in (ROOT / "liqcore").glob("[!_]*.py")}
    table = text("docs/architecture.md")
    assert rooms
    assert [name for name in sorted(rooms | files) if f"`{name}`" not in table] == []


def test_the_layers_of_the_map_are_those_that_are_held() -> None:
    rows = re.findall(r"^\| (`liqcore/.*?) \|", text("docs/architecture.md"), flags=re.MULTILINE)
    order = {name: at for at, row in enumerate(rows) for name in re.findall(r"liqcore/(\w+)", row)}
    held = re.search(r'name = "Layers point one way".*?layers = \[(.*?)\]', text("pyproject.toml"), re.DOTALL)
    assert held
    layers = [re.findall(r"liqcore\.(\w+)", line) for line in held.group(1).splitlines() if "liqcore" in line]
    for above, below in pairwise(layers):
        assert max(order[name] for name in above) < min(order[name] for name in below), (above, below)


def test_the_recipes_name_files_of_each_kind_that_exists() -> None:
    recipes = text("CONTRIBUTING.md")
    for heading in ("A venue", "A page", "A scenario", "A model", "A file producer"):
        section = recipes.split(f"### {heading}\n", 1)[1].split("\n#", 1)[0]
        paths = re.findall(r"^\| `([\w./-]+)`", section, flags=re.MULTILINE)
        assert len(paths) >= 2 or "by `make scenarios`" in section, heading
        missing = [path for path in paths if not (ROOT / path.split("NAME")[0]).parent.exists()]
        assert not missing


def test_one_version_everywhere() -> None:
    version = liqcore.__version__
    assert f"## {version}" in text("CHANGELOG.md")
    assert f"\nversion: {version}\n" in text("CITATION.cff")
