"""Heatlab as somebody else gets it: a wheel in an empty environment, without a single extra."""

import json
import os
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import liqcore
from benchmarks.installs import UV, first_page, free_port
from liqcore.bundled import bundled

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


def run(*command: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    # Compiled modules are kept, or every process would compile all of pandas again.
    left_out = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
    surroundings = {name: value for name, value in os.environ.items() if name not in left_out} | environment
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=surroundings,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    built = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    assert built.returncode == 0, built.stderr
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that holds the wheel and what it asks for, and nothing else."""
    place = tmp_path_factory.mktemp("bare") / "env"
    pins = ROOT / "requirements.txt"
    made = run(sys.executable, "-m", "uv", "venv", "-q", "--python", sys.executable, place, cwd=place.parent)
    assert made.returncode == 0, made.stderr
    inside = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    put = run(
        *(sys.executable, "-m", "uv", "pip", "install", "-q", "--python", inside, "-c", pins, wheel),
        cwd=place.parent,
    )
    assert put.returncode == 0, put.stderr
    return inside


def test_the_wheel_carries_the_package_its_types_its_data_and_the_app(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    held = [
        path for path in (ROOT / "liqcore").rglob("*") if path.is_file() and "__pycache__" not in path.parts
    ]
    source = {path.relative_to(ROOT).as_posix() for path in held}
    assert source <= names
    assert "liqcore/py.typed" in names
    for folder in ("pages", "data/samples", "data/scenarios"):
        files = {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*") if path.is_file()}
        expected = {f"liqcore/_bundled/{name}" for name in files if "__pycache__" not in name}
        assert expected, folder
        assert expected <= names
    assert {f"liqcore/_bundled/{name}" for name in ("app.py", "server.py", ".streamlit/config.toml")} <= names
    assert not [
        name for name in names if "secret" in name or "__pycache__" in name or name.startswith("tests")
    ]


def test_a_bare_installation_loads_a_sample_and_draws_it(python: Path, tmp_path: Path) -> None:
    code = """
import json, liqcore as lq
from importlib.util import find_spec
sample = lq.load_sample("calm")
grid = lq.realised_heatmap(sample.liquidations, timeframe="1h")
lq.chart(grid, sample.candles).save("map.png")
from liqcore.feeds import scenario_files
print(json.dumps({
    "where": lq.__file__,
    "usd": float(grid.total.sum()),
    "scenarios": len(scenario_files.names()),
    "extras": [name for name in ("streamlit", "ccxt", "requests", "sqlalchemy") if find_spec(name)],
}))
"""
    out = run(python, "-c", code, cwd=tmp_path)
    assert out.returncode == 0, out.stderr
    told = json.loads(out.stdout)
    assert not Path(told["where"]).is_relative_to(ROOT)
    assert told["extras"] == []
    here = liqcore.load_sample("calm")
    assert told["usd"] == pytest.approx(here.liquidations["notional"].sum(), rel=1e-6)
    assert told["scenarios"] == len(list((ROOT / "data" / "scenarios").glob("*/scenario.toml")))
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")


def test_every_module_of_a_bare_installation_opens_or_names_the_extra_it_needs(
    python: Path, tmp_path: Path
) -> None:
    code = """
import json, pkgutil, liqcore
from importlib import import_module
from liqcore.extras import MissingExtra
told, unsaid = {}, {}
for module in pkgutil.walk_packages(liqcore.__path__, "liqcore.", onerror=lambda name: None):
    if module.name != "liqcore.__main__":
        try:
            import_module(module.name)
        except MissingExtra as problem:
            told[module.name] = str(problem)
        except ImportError as problem:
            unsaid[module.name] = str(problem)
print(json.dumps([told, unsaid]))
"""
    out = run(python, "-c", code, cwd=tmp_path)
    assert out.returncode == 0, out.stderr
    told, unsaid = json.loads(out.stdout)
    assert not unsaid, f"{unsaid}: call liqcore.extras.need in the __init__ of their folder"
    assert 'pip install "heatlab[app]"' in told["liqcore.views"]
    assert 'pip install "heatlab[live]"' in told["liqcore.feeds.live"]
    assert all(sentence.count('pip install "heatlab[') == 1 for sentence in told.values())
    outside = ("liqcore.views", "liqcore.service", "liqcore.feeds", "liqcore.mcp")
    assert all(name.startswith(outside) for name in told), told


def test_the_command_of_a_bare_installation_draws_checks_and_says_what_the_app_lacks(
    python: Path, tmp_path: Path
) -> None:
    heatlab = python.with_name("heatlab")
    assert run(heatlab, "--version", cwd=tmp_path).stdout.strip() == f"heatlab {liqcore.__version__}"
    drawn = run(heatlab, "draw", "--sample", "calm", "-o", "map.svg", cwd=tmp_path)
    assert drawn.returncode == 0, drawn.stderr
    assert "<svg" in (tmp_path / "map.svg").read_text(encoding="utf-8")[:500]
    for extra, *command in (
        ("app", "run"),
        ("live", "collect"),
        ("mcp", "mcp"),
        ("live", "get", "2024-08-05"),
        ("live", "record", "--out", "set"),
        ("live", "study", "study.toml"),
    ):
        said = run(heatlab, *command, cwd=tmp_path)
        assert said.returncode == 1
        assert said.stderr.strip().endswith(f'pip install "heatlab[{extra}]"')
        assert "Traceback" not in said.stderr


@pytest.fixture
def unpacked(wheel: Path, tmp_path: Path) -> Path:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    return tmp_path / "site"


def test_the_app_runs_from_the_wheel_alone(unpacked: Path, tmp_path: Path) -> None:
    code = """
import liqcore
from streamlit.testing.v1 import AppTest
from liqcore.bundled import bundled
app = AppTest.from_file(str(bundled("app.py")), default_timeout=60).run()
assert not app.exception, app.exception
print(liqcore.__file__, app.title[0].value, sep="|")
"""
    out = run(sys.executable, "-c", code, cwd=tmp_path, PYTHONPATH=str(unpacked))
    assert out.returncode == 0, out.stderr[-2000:]
    where, title = out.stdout.strip().splitlines()[-1].split("|")
    assert Path(where).is_relative_to(unpacked)
    assert title


def test_heatlab_run_serves_the_app_with_its_own_settings(unpacked: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    surroundings = os.environ | {"PYTHONPATH": str(unpacked), "HEATLAB_OFFLINE": "1"}
    command = [sys.executable, "-m", "liqcore", "run", "--port", str(port), "--server.address", "127.0.0.1"]
    server = subprocess.Popen(
        command, cwd=tmp_path, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        answer, until = "", time.monotonic() + 60
        while not answer and time.monotonic() < until and server.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5) as reply:
                    answer = reply.read().decode()
            except OSError:
                time.sleep(0.2)
    finally:
        server.terminate()
        told, _ = server.communicate(timeout=30)
    assert answer == "ok", told
    # The bundled settings ask for no statistics and no browser; without them Streamlit says what it collects.
    assert "statistics" not in told.lower()


def test_bundled_files_are_found_in_the_repository_first() -> None:
    assert bundled("app.py") == ROOT / "app.py"
    assert bundled("data/samples") == ROOT / "data" / "samples"


def pins(file: str) -> dict[str, Version]:
    lines = [line.strip() for line in (ROOT / file).read_text(encoding="utf-8").splitlines()]
    wanted = [Requirement(line) for line in lines if line and not line.startswith(("-r", "#"))]
    return {one.name.lower(): Version(str(one.specifier).removeprefix("==")) for one in wanted}


def names(requirements: list[str]) -> dict[str, Requirement]:
    found = {one.name.lower(): one for one in map(Requirement, requirements)}
    found.pop("heatlab", None)
    return found


def test_the_app_is_pinned_to_versions_that_the_package_accepts() -> None:
    asked = names([*PROJECT["dependencies"], *EXTRAS["live"], *EXTRAS["app"]])
    pinned = pins("requirements.txt")
    assert asked.keys() == pinned.keys()
    for_tests = pins("requirements-dev.txt")
    also = names([*EXTRAS["lab"], *EXTRAS["mcp"], *EXTRAS["dev"]])
    assert also.keys() == for_tests.keys()
    for name, requirement in (asked | also).items():
        assert requirement.specifier.contains(str((pinned | for_tests)[name])), name


def test_the_base_leaves_out_the_screen_and_the_exchanges() -> None:
    base = names(PROJECT["dependencies"])
    assert base.keys().isdisjoint({"streamlit", "ccxt", "aiohttp", "requests-cache", "sqlalchemy", "apprise"})
    assert {"scipy", "altair", "vl-convert-python", "typer", "pyarrow"} <= base.keys()


# Installs everything there is into an environment of its own.
@pytest.mark.slow
def test_uvx_opens_the_first_page_in_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    port, folder = free_port(), tmp_path / "empty"
    folder.mkdir()
    command = [*UV, "tool", "run", "--from", f"heatlab[app] @ {wheel.as_uri()}", "heatlab", "run"]
    settings = {"HEATLAB_OFFLINE": "1", "HEATLAB_FOLDER": str(tmp_path / "held")}
    # The browser's tests leave a loop running in this thread.
    with ThreadPoolExecutor(1) as beside:
        took, _ = beside.submit(first_page, [*command, "--port", str(port)], folder, port, settings).result()
    assert took < 300
