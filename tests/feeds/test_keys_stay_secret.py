"""A provider's key goes to its provider and nowhere else, whatever goes wrong on the way."""

import logging
import time
import traceback

import pandas as pd
import pytest
import requests
from loopback_session import loopback

from liqcore.feeds.rest.keyed import HEATMAPS, KEYED, KeyedSource, check, figures
from liqcore.feeds.rest.session import FeedSession
from liqcore.feeds.status import FeedError
from liqcore.heat.grid import GridError
from liqcore.tables import TableError
from tests.loopback import truth

KEY = "CANARY-7f3d9a51c4-KEY"
NOW = pd.Timestamp("2026-03-01 12:00", tz="UTC")
FAULTS = (
    "", "echo", "echo-in-200", "redirect", "key-refused", "402", "403", "429", "451", "500", "truncated",
    "html", "wrong-types", "error-in-200", "skewed-clock", "timeout",
)  # fmt: skip


def asked(source: KeyedSource, session: FeedSession) -> list[str]:
    """All that can be asked with a key, and every word of what comes: tracebacks with their causes, too."""
    said = [check(source, session, KEY, NOW).message]
    for ask in (
        lambda: figures(source.id, session, KEY, NOW, 24),
        *(
            (lambda call=call: call(session, KEY))
            for wanted, call in dict(HEATMAPS.values()).items()
            if wanted == source.id
        ),
    ):
        try:
            said.append(repr(ask()))
        except (ValueError, GridError, TableError) as problem:
            said.append("".join(traceback.format_exception(problem)))
    return said


@pytest.mark.parametrize("fault", FAULTS)
def test_a_key_is_in_no_word_no_log_no_file_and_no_address(fault: str, tmp_path, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    with loopback(tmp_path, timeout=0.3) as (server, session):
        server.slow = 0.5
        if fault:
            for source in KEYED:
                server.fault(source.id, fault)
        said = [word for source in KEYED for word in asked(source, session)]
        requests = list(server.requests)
        kept = repr(session._paused) + repr(list(session._flights.items()))
    assert requests
    if fault not in ("", "skewed-clock"):
        assert any("Traceback" in word for word in said)
    rest = "".join(path.read_bytes().decode("latin1") for path in tmp_path.rglob("*") if path.is_file())
    logs = caplog.text + "".join(str(record.args) for record in caplog.records)
    for place, text in {"words": "".join(said), "logs": logs, "files": rest, "memory": kept}.items():
        assert KEY not in text, (place, text[max(text.find(KEY) - 200, 0) :][:400])
    for address, query, headers in requests:
        assert KEY not in address + str(query)
        carried = [value for value in headers.values() if KEY in value]
        assert not carried or any(source.id in address for source in KEYED), address
        assert "elsewhere" not in address, "a redirect is not followed with a key"


@pytest.mark.parametrize("before", range(0, 220, 4))
def test_no_part_of_a_key_is_left_where_a_long_refusal_is_cut(before: int) -> None:
    with FeedSession(None, time.time, 1.0, 100) as session:
        request = requests.Request(
            "GET", "https://api.coinalyze.net/v1/x", headers={"api_key": KEY}
        ).prepare()
        response = requests.Response()
        response.status_code, response._content = 401, b"x" * before + f" {KEY} is no key".encode()
        with pytest.raises(FeedError) as caught:
            session._good_or_raise(request, response, response.text)
    assert KEY[:8] not in str(caught.value)


def test_what_one_visitor_was_refused_is_not_told_to_the_next() -> None:
    """The same question with another key is another question: nothing of the first is answered again."""
    now = pd.Timestamp(truth.NOW, unit="ms", tz="UTC")
    with loopback() as (server, session):
        for source in KEYED:
            server.fault(source.id, "echo")
            check(source, session, KEY, now)
            server.clear(requests=False)
            assert check(source, session, "another-key", now).state == "live", source.id
            server.fault(source.id, "echo")
            told = check(source, session, "another-key", now)
            assert told.state == "off"
            assert KEY not in told.message
            server.clear(requests=False)
