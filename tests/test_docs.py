"""What the documents say of files and versions is so, and what they show as code runs."""

import importlib
import re
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

import liqcore
from liqcore.lab import found
from liqcore.service import study
from tests.lab.walks import walk
from tools import docs_pages

ROOT = Path(__file__).resolve().parents[1]
SITE = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", *SITE)
# A path in backticks, without the placeholders of recipes.
_PATH = re.compile(r"`((?:liqcore|pages|tests|data|docs|tools|benchmarks)/[\w./-]*)`")


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_paths_and_links_lead_somewhere(name: str) -> None:
    named = [path for path in _PATH.findall(text(name)) if "NAME" not in path]
    links = [link for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text(name)) if "://" not in link]
    missing = [path for path in named if not (ROOT / path).exists()]
    made = {(ROOT / "docs" / page).resolve() for page in docs_pages.made()}
    targets = {link: (ROOT / name).parent.joinpath(link).resolve() for link in links}
    missing += [link for link, target in targets.items() if not (target.exists() or target in made)]
    assert not missing


def test_every_promise_of_security_has_a_test() -> None:
    rows = re.findall(r"^\| ([^|]+) \| ([^|]*tests/[^|]*) \|$", text("SECURITY.md"), flags=re.MULTILINE)
    assert len(rows) >= 12
    for promise, held_by in rows:
        named = re.findall(r"`(tests/[\w/]+/test_\w+\.py)(?:::(\w+))?`", held_by)
        assert named, promise
        for path, test in named:
            assert f"def {test or 'test_'}" in text(path), (promise, path, test)


def test_the_honest_table_of_the_readme_is_what_was_measured() -> None:
    held, measured = found.load(), found.measured().rows.set_index("Map")
    worlds, ahead = (held[name].rows.set_index("map")["fresh (12)"] for name in ("worlds", "ahead"))
    rows = re.findall(
        r"^\| ([^|]+) \| ([^|]+ / [^|]+) \| ([^|]+) \| ([^|]+) \|$", text("README.md"), flags=re.MULTILINE
    )[1:]
    assert len(rows) == 8
    for name, exact, later, known in rows:
        assert exact == worlds[name]
        assert later == ahead.get(name, "–")
        assert known in set(measured.iloc[:, 0])
    ours = next(row for row in rows if row[0] == "Flow identity")
    assert ours[3] == measured.loc["Flow identity"].iloc[0]


def blocks(name: str) -> list[str]:
    """The Python of a document, block by block."""
    return re.findall(r"^```python\n(.*?)^```", text(name), flags=re.MULTILINE | re.DOTALL)


def test_the_tutorial_runs_from_the_first_line_to_the_last(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    code = blocks("docs/tutorial.md")
    assert len(code) == 3
    assert len([line for line in code[1].splitlines() if line.strip() and "import" not in line]) <= 10
    for block in code:
        exec(block, {})
    assert (tmp_path / "map.png").stat().st_size > 10_000
    said = capsys.readouterr().out
    assert "Read in bars of 15m" in said
    assert "fires before liquidation" in said
    assert "liquidation_price" in said


@pytest.mark.parametrize("name", DOCUMENTS)
def test_code_in_documents_is_python_and_names_what_is_there(name: str) -> None:
    for block in blocks(name):
        compile(block, name, "exec")
        missing = [word for word in re.findall(r"\blq\.(\w+)", block) if word not in liqcore.__all__]
        assert not missing


def test_the_study_that_is_shown_can_be_made(tmp_path) -> None:
    (shown,) = re.findall(
        r"^```toml\n(.*?)^```", text("docs/how-to/study.md"), flags=re.MULTILINE | re.DOTALL
    )
    (tmp_path / "study.toml").write_text(shown, encoding="utf-8")
    (tmp_path / "recorded" / "Alder").mkdir(parents=True)
    walk(1, 1).to_parquet(tmp_path / "recorded" / "Alder" / "candles.parquet")
    read = study.read_config(tmp_path / "study.toml")
    assert [venue.name for venue in read.venues] == ["Alder"]
    assert read.plan.design.hours == 4.0


def test_every_page_stands_in_the_site_and_every_entry_is_a_page() -> None:
    entries = re.findall(r": ([\w/-]+\.md)$", text("mkdocs.yml"), flags=re.MULTILINE)
    pages = {name.removeprefix("docs/") for name in SITE} | set(docs_pages.made())
    assert sorted(entries) == sorted(pages)


def test_the_reference_names_what_is_there_and_all_of_the_front_door() -> None:
    told = [name for page in SITE for name in re.findall(r"^::: ([\w.]+)$", text(page), flags=re.MULTILINE)]
    assert len(told) > 40
    for name in told:
        module, _, what = name.rpartition(".")
        assert getattr(importlib.import_module(module), what).__doc__, name
    functions = {name for name in liqcore.__all__ if callable(getattr(liqcore, name)) and name[0].islower()}
    assert sorted(functions - {name.rpartition(".")[2] for name in told}) == []


def test_commands_and_recipes_are_in_the_site_with_links_that_lead_somewhere() -> None:
    pages = docs_pages.made()
    for command in ("run", "get", "record", "check", "draw", "score", "study"):
        assert f"## heatlab {command}\n" in pages["reference/cli.md"]
    links = re.findall(r"\]\(([^)#]+)\)", pages["how-to/add.md"])
    assert links
    assert [link for link in links if not (ROOT / "docs" / "how-to" / link).exists()] == []


def test_what_the_site_is_built_with_is_pinned_and_named_by_the_project() -> None:
    extras = tomllib.loads(text("pyproject.toml"))["project"]["optional-dependencies"]["docs"]
    pinned = dict(re.findall(r"^([\w-]+)==(\d+\.\d+)", text("requirements-docs.txt"), flags=re.MULTILINE))
    assert {name: f"{name}>={version}" for name, version in pinned.items()} == {
        one.split(">=")[0]: one for one in extras
    }


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    page = (tmp_path / "reference" / "maps.html").read_text(encoding="utf-8")
    assert "modelled_heatmap" in page
    assert '<meta property="og:title" content="Maps">' in page, "a pasted link names its page"
    assert (tmp_path / "pictures" / "preview.jpg").stat().st_size > 10_000
    # Words that follow a name's colon are its description and not its type.
    row = page[page.index("<code>timeframe</code>") :][:1_500]
    assert "str" in row[: row.index("length of a column")]
    assert "<strong>Returns</strong>" in page


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
