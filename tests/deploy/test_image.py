"""The image's steps without a container: the Dockerfile's own lines, run in a folder of their own, as a user
who may do nothing, on a file system that cannot be written to."""

import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from tests.browser.browsing import ROOT
from tests.deploy.test_replicas import free_port

pytestmark = pytest.mark.slow

DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
# A view of the machine that is read-only but for /tmp and /data, as `--read-only --tmpfs /tmp` gives it.
SHELL = """
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /mnt
mkdir /mnt/data /mnt/tmp
chown 10001 /mnt/data
chmod 1777 /mnt/tmp
mount --bind /mnt/tmp /tmp
mount -o remount,bind,ro /
exec setpriv --reuid=10001 --regid=10001 --clear-groups --no-new-privs {command}
"""


@pytest.fixture(scope="module")
def place():
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("a private view of the file system needs root")
    folder = Path(tempfile.mkdtemp(prefix="heatlab-image-", dir="/opt"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def built(place: Path) -> Path:
    """Run the RUN lines of the first stage as they stand, with /opt/heatlab and /src moved to `place`."""
    source = place / "src"
    files = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for name in filter(None, files.split("\0")):
        if any(name == one or name.startswith(one + "/") for one in kept):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    first = (
        DOCKERFILE.split("\nFROM ")[0] if DOCKERFILE.startswith("FROM") else DOCKERFILE.split("\nFROM ")[1]
    )
    steps = re.findall(r"^RUN (.+)$", first, re.M)
    assert len(steps) == 2
    for step in steps:
        subprocess.run(step.replace("/opt/heatlab", str(place / "env")), shell=True, cwd=source, check=True)
    return place / "env" / "bin"


def test_the_image_serves_a_page_as_nobody_on_a_disk_that_cannot_be_written(place):
    programs = built(place)
    last = DOCKERFILE.split("\nFROM ")[-1]
    command = re.search(r"^CMD \[(.+)\]$", last, re.M)[1]
    words = [word.strip().strip('"') for word in command.split(",")]
    port = free_port()
    words[0], words[words.index("8501")] = str(programs / words[0]), str(port)
    check = re.search(r'^HEALTHCHECK .*CMD \["python", "-c", "(.+)"\]$', last, re.M)[1].replace(
        "8501", str(port)
    )
    server = subprocess.Popen(
        ["unshare", "-m", "sh", "-c", SHELL.format(place=place, command=" ".join(words))],
        env={
            "PATH": os.environ["PATH"],
            "HOME": "/tmp",
            "HEATLAB_FOLDER": "/mnt/data",
            "HEATLAB_HOSTED": "1",
            "HEATLAB_OFFLINE": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        until, well = time.monotonic() + 60, False
        while not well and time.monotonic() < until and server.poll() is None:
            time.sleep(0.5)
            well = (
                subprocess.run(
                    [programs / "python", "-c", check], capture_output=True, check=False
                ).returncode
                == 0
            )
        status = Path(f"/proc/{server.pid}/status").read_text() if well else ""
        page = (
            subprocess.run(
                [programs / "python", "-c", VISIT.format(port=port)],
                capture_output=True,
                text=True,
                check=False,
                cwd=place,
                timeout=120,
            )
            if well
            else None
        )
    finally:
        server.terminate()
        told, _ = server.communicate(timeout=30)
    assert well, told[-2000:]
    assert re.search(r"^Uid:\s+10001", status, re.M)
    assert page.stdout.strip() == "drawn", page.stdout + page.stderr + told[-2000:]
    assert "Traceback" not in told
    assert "Read-only" not in told


# A visit as a browser makes it, with the packages of the image alone.
VISIT = """
import asyncio, aiohttp
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
async def visit():
    async with aiohttp.ClientSession() as http:
        address = "ws://127.0.0.1:{port}/_stcore/stream"
        socket = await http.ws_connect(address, protocols=("streamlit",), max_msg_size=0)
        ask = BackMsg(); ask.rerun_script.page_name = "explore"
        await socket.send_bytes(ask.SerializeToString())
        faults = []; maps = 0
        while True:
            told = ForwardMsg(); told.ParseFromString((await socket.receive(90)).data)
            kind = told.WhichOneof("type")
            if kind == "delta" and told.delta.WhichOneof("type") == "new_element":
                shown = told.delta.new_element.WhichOneof("type")
                if shown == "exception": faults.append(str(told.delta.new_element.exception))
                maps += shown == "bidi_component"
            if kind == "script_finished" and told.script_finished == 0:
                return "drawn" if maps and not faults else f"{{maps}} maps {{faults}}"
print(asyncio.run(visit()))
"""
