"""What the files of deployment name exists and agrees: a container, two replicas, a unit, the workflows."""

import base64
import hashlib
import json
import re
import shlex
from pathlib import Path

import pytest
import streamlit
import yaml
from typer.testing import CliRunner

from liqcore.cli import _app
from tests.browser.browsing import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())


def pinned(file: str) -> dict[str, str]:
    found = re.findall(r"^([\w.-]+)(?:\[.*?\])?==(\S+)", (ROOT / file).read_text(), re.M)
    return dict(found)


def test_the_server_has_the_apps_pins_and_the_database_the_tests_use():
    assert "-r requirements.txt" in (ROOT / "requirements-server.txt").read_text()
    assert pinned("requirements-server.txt")["psycopg"] == pinned("requirements-dev.txt")["psycopg"]


def test_the_image_copies_only_what_the_project_has_and_is_not_root():
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert kept
    assert all((ROOT / one).exists() for one in kept)
    # What the wheel is made of is not ignored.
    made = re.findall(r'^"([^"]+)" = "liqcore/_bundled', (ROOT / "pyproject.toml").read_text(), re.M)
    assert all(any(one == name or one.startswith(name + "/") for name in kept) for one in made)
    last = DOCKERFILE.split("\nFROM ")[-1]
    assert re.search(r"^USER heatlab$", last, re.M)
    assert "/_stcore/health" in last
    assert "secrets" not in "".join(kept)


def test_every_replica_stores_in_the_one_database_and_waits_for_it():
    services = COMPOSE["services"]
    ours = [one for one in services.values() if one.get("image") == "heatlab"]
    assert len(ours) == 3
    for one in ours:
        assert one["environment"]["HEATLAB_STORE"].startswith("postgresql+psycopg://")
        assert one["environment"]["HEATLAB_HOSTED"] == "1"
        assert one["read_only"]
        assert one["depends_on"]["store"]["condition"] == "service_healthy"
    upstreams = services["door"]["environment"]["HEATLAB_UPSTREAMS"].split()
    assert [name.split(":")[0] for name in upstreams] == [n for n in services if n.startswith("app-")]
    command = shlex.split(" ".join(services["collector"]["command"]))[1]
    assert command in {one.name or one.callback.__name__ for one in _app.registered_commands}


@pytest.mark.parametrize("file", sorted((ROOT / ".github" / "workflows").glob("*.yml")), ids=lambda p: p.stem)
def test_workflows_call_what_the_makefile_has(file: Path):
    told = yaml.safe_load(file.read_text())
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for job in told["jobs"].values():
        asked = [step["run"] for step in job["steps"] if "run" in step]
        named = {word for run in asked for word in re.findall(r"\bmake ([a-z-]+)", run)}
        named |= set(job.get("strategy", {}).get("matrix", {}).get("what", []))
        assert named <= targets
    # Nobody's token may write where nothing is written.
    assert told["permissions"] == {"contents": "read"}


def test_the_dev_container_builds_what_make_test_builds():
    told = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    assert told["postCreateCommand"] == "make .venv/.dev"


def test_collecting_says_when_nobody_may_be_asked(monkeypatch):
    monkeypatch.setenv("HEATLAB_OFFLINE", "1")
    result = CliRunner().invoke(_app, ["collect"])
    assert result.exit_code != 0
    assert "HEATLAB_OFFLINE" in result.output


def test_the_door_lets_the_one_script_in_streamlits_own_page_run():
    page = (Path(streamlit.__file__).parent / "static" / "index.html").read_text()
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = {f"sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}" for one in scripts}
    assert hashes == set(re.findall(r"'(sha256-[^']+)'", (ROOT / "deploy" / "Caddyfile").read_text()))


def test_every_setting_that_the_code_reads_is_told_to_who_hosts_and_none_is_made_up():
    name = re.compile(r"HEATLAB_[A-Z]+(?:_[A-Z]+)*")
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "liqcore").rglob("*.py"))
    read = set(name.findall(code))
    rows = re.findall(
        r"^\| `(HEATLAB_[A-Z_]+?)(?:_<NAME>)?` \|", (ROOT / "docs/how-to/host.md").read_text(), re.M
    )
    assert set(rows) == read
    caddy = (ROOT / "deploy" / "Caddyfile").read_text()
    door = set(re.findall(r"\{\$(HEATLAB_[A-Z]+)", caddy))
    for file in ("compose.yaml", "Dockerfile", "deploy/heatlab.service"):
        told = {re.sub(r"_DESK$", "", one) for one in name.findall((ROOT / file).read_text())}
        assert told <= read | door, file
    # What only an owner knows is in no file that is committed, and in no image.
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    (extra,) = COMPOSE["x-heatlab"]["env_file"]
    assert {extra["path"], ".env"} <= set(ignored)
    assert extra["required"] is False


def test_what_is_committed_is_asked_what_make_lint_asks():
    (lint,) = re.findall(r"^lint:.*\n((?:\t.+\n)+)", (ROOT / "Makefile").read_text(), re.M)
    asked = {
        line.split("/")[1].split()[0] + (" format" if " format " in line else "")
        for line in lint.splitlines()
    }
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    entries = [one["entry"].removeprefix(".venv/bin/") for one in hooks]
    assert {one.split()[0] + (" format" if " format" in one else "") for one in entries} == asked


def test_dependabot_looks_at_every_place_that_names_a_version():
    told = {
        one["package-ecosystem"]: one["directory"]
        for one in yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
    }
    held = {
        "pip": "requirements.txt",
        "npm": "package.json",
        "github-actions": ".github/workflows",
        "docker": "Dockerfile",
        "docker-compose": "compose.yaml",
    }
    for kind, file in held.items():
        assert (ROOT / told[kind].strip("/") / file).exists(), kind
