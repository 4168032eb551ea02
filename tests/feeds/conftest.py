"""A PostgreSQL server of this machine's packages, for the tests of the store."""

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest


class Server:
    """A server in a folder of its own that a test may stop and start again; it keeps what it holds."""

    def __init__(self, tools: Path, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"postgresql+psycopg://heatlab@127.0.0.1:{self.port}/postgres"
        self._folder, self._data = folder, folder / "data"
        # The server refuses to run as root.
        self._as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self._as_user:
            shutil.chown(folder, "postgres")
        self._call(tools / "initdb", "-U", "heatlab", "--auth=trust", "--no-sync")
        self._control = tools / "pg_ctl"

    def start(self) -> None:
        options = f"-p {self.port} -k {self._folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self._call(self._control, "-w", "-o", options, "-l", str(self._folder / "log"), "start")

    def stop(self) -> None:
        """As a crash or a restart of its machine does: nobody is asked."""
        self._call(self._control, "-w", "-m", "immediate", "stop")

    def _call(self, tool: Path, *more: str) -> None:
        command = [*self._as_user, str(tool), "-D", str(self._data), *more]
        subprocess.run(command, check=True, capture_output=True)


@pytest.fixture(scope="module")
def postgres():
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        words = "PostgreSQL IS NOT TESTED HERE: no server is installed (Debian: apt-get install postgresql)"
        if os.environ.get("CI") == "true":
            pytest.fail(words)
        pytest.skip(words)
    # Not below pytest's own folder, which only its owner may enter.
    folder = Path(tempfile.mkdtemp(prefix="heatlab-postgres-"))
    server = Server(found[-1].parent, folder)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)
