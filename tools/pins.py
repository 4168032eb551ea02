"""What our pins are worth: `python -m tools.pins age` and `python -m tools.pins audit`.

`age` asks the package index how old each pin is, how far behind the newest release, and whether it was
withdrawn. `audit` asks for known vulnerabilities, and first for one that everybody knows: a source that does
not name that one has audited nothing, and this says so instead of "no known vulnerabilities".
"""

from __future__ import annotations

import json
import re
import subprocess  # what is started is pip-audit, pinned below
import sys
import tempfile
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from packaging.utils import parse_sdist_filename, parse_wheel_filename
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
FILES = ("requirements.txt", "requirements-server.txt", "requirements-dev.txt", "requirements-docs.txt")
INDEX = "https://pypi.org/simple/"
AUDITOR = "pip-audit==2.10.1"
# A release with published advisories since 2018.
KNOWN_BAD = "requests==2.19.0"
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;#]+)")


@dataclass(frozen=True)
class Pin:
    """A pin beside what the index says: days since it was released, days that it is behind the newest."""

    name: str
    version: str
    days: int
    newest: str
    behind: int
    withdrawn: bool


def pins(texts: list[str]) -> dict[str, str]:
    """Versions by name of all pinned lines of requirement files."""
    found = (_PIN.match(line.strip()) for text in texts for line in text.splitlines())
    return {match[1]: match[2] for match in found if match}


def judged(name: str, version: str, answer: dict, now: datetime) -> Pin:
    """A pin held against the index's answer (PEP 700). Raises KeyError for a version it does not have."""
    released: dict[Version, datetime] = {}
    withdrawn: dict[Version, bool] = {}
    for file in answer["files"]:
        try:
            wheel = file["filename"].endswith(".whl")
            made = (
                parse_wheel_filename(file["filename"])[1]
                if wheel
                else parse_sdist_filename(file["filename"])[1]
            )
        # Files of the index's first years have names that no rule reads.
        except ValueError:
            continue
        when = datetime.fromisoformat(file["upload-time"])
        released[made] = min(when, released.get(made, when))
        withdrawn[made] = withdrawn.get(made, True) and bool(file["yanked"])
    ours = Version(version)
    final = [one for one in released if not one.is_prerelease and not withdrawn[one]]
    newest = max([*final, ours])
    behind = (released[newest] - released[ours]).days if newest > ours else 0
    return Pin(name, version, (now - released[ours]).days, str(newest), behind, withdrawn[ours])


def asked(name: str) -> dict:
    """The index's answer about a package."""
    wish = urllib.request.Request(  # noqa: S310 - the address is a constant of ours
        INDEX + name.lower().replace("_", "-") + "/",
        headers={"Accept": "application/vnd.pypi.simple.v1+json"},
    )
    with urllib.request.urlopen(wish, timeout=30) as answer:  # noqa: S310
        return json.load(answer)


def age() -> int:
    """Print a line a pin, the one furthest behind first; 1 where a pin was withdrawn."""
    held = pins([(ROOT / name).read_text() for name in FILES])
    now = datetime.now(UTC)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda one: judged(*one, asked(one[0]), now), held.items()))
    print(f"{'package':<24}{'pinned':<18}{'days old':>9}  {'newest':<18}{'behind, days':>13}")
    for one in sorted(found, key=lambda one: -one.behind):
        words = "  WITHDRAWN" if one.withdrawn else ""
        print(f"{one.name:<24}{one.version:<18}{one.days:9}  {one.newest:<18}{one.behind:13}{words}")
    return int(any(one.withdrawn for one in found))


def audit() -> int:
    """Audit what the app is installed from; 2 where no source of advisories answers."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "known.txt")
        path.write_text(KNOWN_BAD + "\n")
        known = _audited("-r", str(path), "--no-deps")
    if "GHSA" not in known.stdout and "PYSEC" not in known.stdout and "CVE" not in known.stdout:
        print(
            f"NOT AUDITED: no source of advisories answers here, for {KNOWN_BAD}, which has several, is"
            " named by none. Run this where https://pypi.org/pypi/NAME/json or https://api.osv.dev answers."
        )
        return 2
    result = _audited("-r", str(ROOT / "requirements-server.txt"))
    print(result.stdout or result.stderr)
    return result.returncode


def _audited(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "uv", "tool", "run", "--from", AUDITOR, "pip-audit", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603


if __name__ == "__main__":
    sys.exit({"age": age, "audit": audit}[sys.argv[1]]())
