"""What strangers bring at once and together has a bound, counted before it is read."""

import asyncio
from types import SimpleNamespace

import pytest
from starlette.responses import PlainTextResponse
from streamlit.testing.v1 import AppTest

from liqcore.views import received

MB = 1 << 20


@pytest.fixture
def door(monkeypatch):
    """A way to send uploads, what is held by session, and how many were let in; a gate keeps them there."""
    monkeypatch.setenv("HEATLAB_HOSTED", "1")
    held: dict[str, int] = {}
    monkeypatch.setattr(received, "_held", lambda: held)
    inside, gate = [], asyncio.Event()

    async def app(scope, receive, send):
        inside.append(scope["path"])
        await gate.wait()
        await PlainTextResponse("", 204)(scope, receive, send)

    ours = received.Received(app)

    async def put(session, megabytes, method="PUT", path="/_stcore/upload_file/{}/a"):
        told = []
        headers = [] if megabytes is None else [(b"content-length", str(megabytes * MB).encode())]
        scope = {"type": "http", "method": method, "path": path.format(session), "headers": headers}

        async def send(message):
            told.append(message)

        await ours(scope, None, send)
        return told[0]["status"], b"".join(one.get("body", b"") for one in told).decode()

    return SimpleNamespace(put=put, held=held, inside=inside, gate=gate, ours=ours)


def test_one_visit_holds_so_much_and_no_more(door):
    door.gate.set()
    door.held["a"] = received.MINE - 59 * MB
    assert asyncio.run(door.put("a", 59))[0] == 204
    status, said = asyncio.run(door.put("a", 60))
    assert (status, len(door.inside)) == (413, 1)
    assert "of this visit" in said
    assert asyncio.run(door.put("b", 59))[0] == 204


def test_all_visits_together_hold_so_much_and_no_more(door):
    door.gate.set()
    door.held.update({str(one): 50 * MB for one in range(9)})
    status, said = asyncio.run(door.put("new", 59))
    assert status == 413
    assert "of all visitors" in said
    assert asyncio.run(door.put("new", 10))[0] == 204


@pytest.mark.parametrize("told", [59, None])
def test_what_is_under_way_counts_as_what_is_there_also_where_no_length_is_told(door, told):
    async def many():
        tasks = [asyncio.create_task(door.put(f"s{one % 4}", told)) for one in range(40)]
        await asyncio.sleep(0)
        while sum(task.done() for task in tasks) + len(door.inside) < 40:
            await asyncio.sleep(0)
        door.gate.set()
        return [status for status, _ in await asyncio.gather(*tasks)]

    statuses = asyncio.run(many())
    assert statuses.count(204) == len(door.inside) == received.ALL // (60 * MB)
    assert statuses.count(413) == 40 - len(door.inside)
    assert not door.ours._coming, "what came is not counted twice, and no name of a session stays"


def test_all_else_and_an_app_of_ones_own_pass(door, monkeypatch):
    door.gate.set()
    door.held["a"] = 10 * received.ALL
    assert asyncio.run(door.put("a", 59, method="DELETE"))[0] == 204
    assert asyncio.run(door.put("a", 59, path="/_stcore/health"))[0] == 204
    monkeypatch.setenv("HEATLAB_HOSTED", "0")
    assert asyncio.run(door.put("a", 59))[0] == 204


def test_what_streamlit_holds_is_counted(monkeypatch):
    files = {"a": {"1": SimpleNamespace(data=b"12345"), "2": SimpleNamespace(data=b"1")}, "b": {}}
    manager = SimpleNamespace(uploaded_file_mgr=SimpleNamespace(file_storage=files))
    monkeypatch.setattr(received.Runtime, "exists", lambda: True)
    monkeypatch.setattr(received.Runtime, "instance", lambda: manager)
    assert received._held() == {"a": 6, "b": 0}


@pytest.mark.parametrize(("door", "hosted"), [(True, "1"), (True, "0"), (False, "1")])
def test_who_brings_files_reads_of_the_bound_where_it_stands(monkeypatch, door, hosted):
    monkeypatch.setenv("HEATLAB_HOSTED", hosted)
    monkeypatch.setattr(received.Received, "stands", door)

    def page():
        from liqcore.views import uploads

        uploads.brought()

    told = [one.value for one in AppTest.from_function(page).run().caption]
    assert any("240 MB together" in one for one in told) is (door and hosted == "1")
