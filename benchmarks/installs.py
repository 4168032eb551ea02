"""`python -m benchmarks.installs`: from nothing to a usable page, by `make run` in a bare clone and by `uvx`.

Each runs twice in a folder of its own: with an empty cache of packages, and with the one that this filled.
What counts is the first page drawn whole for a visitor, in seconds on the clock (so wants an idle machine
and a network) and in processor seconds of everything that was started.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import subprocess  # what is started is this project's own code, and the installers of it
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import psutil

from benchmarks.load.visitor import Told, Visitor

ROOT = Path(__file__).parents[1]
UV = [sys.executable, "-m", "uv"]
# What is active here must not be what is tried; and compiled modules are kept.
_OWN = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def begun(command: list[str], folder: Path, settings: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A command with all that it starts, ended together."""
    kept = {name: value for name, value in os.environ.items() if name not in _OWN}
    log = (folder / "log.txt").open("wb")
    process = subprocess.Popen(
        command, cwd=folder, env=kept | settings, stdout=log, stderr=log, start_new_session=True
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)
        log.close()


async def _visited(base: str) -> list[str]:
    told = Told()
    async with aiohttp.ClientSession() as http:
        visitor = Visitor(base, http, 1, told)
        await visitor.open()
        await visitor.visit("")
        await visitor.socket.close()
    return told.faults


def first_page(
    command: list[str], folder: Path, port: int, settings: Mapping[str, str], patience: float = 600
) -> tuple[float, float]:
    """Seconds on the clock and of processors until a visitor of `port` has the first page whole.

    Raises RuntimeError where the command ends, the page never comes, or it is drawn with a fault.
    """
    begin = time.monotonic()
    base = f"http://127.0.0.1:{port}"
    with begun(command, folder, settings) as process:
        while True:
            try:
                urllib.request.urlopen(base + "/_stcore/health", timeout=2).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() - begin > patience:
                    said = (folder / "log.txt").read_text(errors="replace")[-2000:]
                    raise RuntimeError(f"{command[0]} did not serve a page:\n{said}") from None
                time.sleep(0.1)
        if faults := asyncio.run(_visited(base)):
            raise RuntimeError("\n".join(faults))
        took = time.monotonic() - begin
        # What ended is in the children's times of its parent, what runs is looked up.
        running = [
            process.pid,
            *(child.pid for child in psutil.Process(process.pid).children(recursive=True)),
        ]
        spent = sum(sum(psutil.Process(pid).cpu_times()[:4]) for pid in running)
    return took, spent


def main() -> None:
    """See above."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    print(f"{'':<28}{'seconds':>9}{'CPU':>8}")
    with tempfile.TemporaryDirectory() as place:
        subprocess.run(
            [*UV, "build", "--quiet", "--wheel", "--out-dir", f"{place}/dist", str(ROOT)], check=True
        )
        wheel = next(Path(place, "dist").glob("heatlab-*.whl"))
        for cache in ("cold", "warm"):
            settings = {
                "UV_CACHE_DIR": f"{place}/uv",
                "PIP_CACHE_DIR": f"{place}/pip",
                "UV_TOOL_DIR": f"{place}/tools-{cache}",
                "HEATLAB_FOLDER": f"{place}/held-{cache}",
                "HEATLAB_OFFLINE": "1",
            }
            clone, port = Path(place, f"clone-{cache}"), free_port()
            subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
            took = first_page(["make", "run", f"PORT={port}"], clone, port, settings)
            print(f"{'make run, cache ' + cache:<28}{took[0]:8.1f}s{took[1]:7.1f}s", flush=True)
            took = first_page(["make", "run", f"PORT={port}"], clone, port, settings)
            print(f"{'  once more':<28}{took[0]:8.1f}s{took[1]:7.1f}s", flush=True)
            empty = Path(place, f"empty-{cache}")
            empty.mkdir()
            port = free_port()
            command = [*UV, "tool", "run", "--from", f"heatlab[app] @ {wheel.as_uri()}", "heatlab", "run"]
            own = settings | ({"UV_CACHE_DIR": f"{place}/uv-tools"})
            took = first_page([*command, "--port", str(port)], empty, port, own)
            print(f"{'uvx, cache ' + cache:<28}{took[0]:8.1f}s{took[1]:7.1f}s", flush=True)


if __name__ == "__main__":
    main()
