"""Answers made to hurt: endless, unpacking to much, lying about length, dripping, sending us away."""

import gzip
import itertools
import resource
import socket
import threading
import time
import zlib
from contextlib import contextmanager, suppress

import pytest

from liqcore.feeds import FeedError
from liqcore.feeds.rest import patience
from liqcore.feeds.rest.session import open_session
from liqcore.feeds.status import TimedOut

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
MEGABYTE = 1 << 20


def zeros(megabytes, wbits=31):
    """That many MB of blanks, packed."""
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits)
    return b"".join(packer.compress(b" " * MEGABYTE) for _ in range(megabytes)) + packer.flush()


def chunked(parts):
    yield OK + b"Transfer-Encoding: chunked\r\n\r\n"
    for part in parts:
        yield b"%x\r\n%b\r\n" % (len(part), part)
    yield b"0\r\n\r\n"


def packed(body, kind=b"gzip"):
    return [OK + b"Content-Encoding: %b\r\nContent-Length: %d\r\n\r\n" % (kind, len(body)), body]


@contextmanager
def serving(*answers):
    """A server that sends each caller the pieces of the next answer, and how many bytes of it went."""
    listener = socket.create_server(("127.0.0.1", 0))
    sent = []
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"

    def serve():
        for answer in answers:
            with suppress(OSError):
                caller, _ = listener.accept()
                with caller:
                    caller.settimeout(20)
                    caller.recv(65_536)
                    sent.append(0)
                    for piece in answer(base) if callable(answer) else answer:
                        caller.sendall(piece)
                        sent[-1] += len(piece)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    session = open_session(timeout=5.0, per_second=1_000)
    try:
        yield base, session, sent
    finally:
        session.shut()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


ENDLESS = {
    "without a length": lambda: itertools.chain([OK + b"\r\n"], itertools.repeat(b" " * 65_536)),
    "in chunks": lambda: chunked(itertools.repeat(b" " * 65_536)),
    "of headers": lambda: itertools.chain([OK], itertools.repeat(b"X-Y: z\r\n")),
    "in one header": lambda: itertools.chain([OK + b"X: "], itertools.repeat(b"z" * 65_536)),
    "with a length of a terabyte": lambda: itertools.chain(
        [OK + b"Content-Length: 1099511627776\r\n\r\n"], itertools.repeat(b" " * 65_536)
    ),
    "gzip": lambda: packed(zeros(64)),
    "gzip in chunks": lambda: chunked_gzip(zeros(64)),
    "deflate": lambda: packed(zeros(64, 15), b"deflate"),
    "gzip in gzip": lambda: packed(gzip.compress(zeros(64)), b"gzip, gzip"),
    "many gzip members": lambda: packed(gzip.compress(b" " * MEGABYTE) * 64),
}


def chunked_gzip(body):
    first, *rest = chunked([body[at : at + 4_096] for at in range(0, len(body), 4_096)])
    yield first.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")
    yield from rest


@pytest.mark.parametrize(
    ("kind", "way"),
    [*((kind, "fetch") for kind in ENDLESS), ("in chunks", "download"), ("in chunks", "ask_privately")],
)
def test_an_answer_that_never_ends_is_left_in_a_sentence(kind, way):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with serving(ENDLESS[kind]()) as (base, session, sent):
        with pytest.raises(FeedError) as told:
            getattr(session, way)(f"{base}/data.json")
        assert sent[0] < patience.MOST_BYTES + 8 * MEGABYTE
    assert str(told.value).endswith(".")
    assert "Traceback" not in str(told.value)
    if "header" not in kind:
        assert "more than 32 MB, which is not read" in str(told.value)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < 6 * patience.MOST_BYTES / MEGABYTE


@pytest.mark.parametrize(
    "answer",
    [
        [OK + b"Content-Length: 40\r\n\r\n", b'{"a": 1}'],
        [OK + b"Transfer-Encoding: chunked\r\n\r\n", b"zz\r\n{}\r\n"],
        packed(zeros(1)[:400]),
        packed(b"this is not gzip"),
        packed(b'{"a": 1}', b"br, gzip, gzip, gzip, gzip, gzip, gzip"),
        [OK + b"Content-Length: 200002\r\n\r\n", b"[" * 100_001 + b"]" * 100_001],
        [OK + b"Content-Length: 9000\r\n\r\n", b"9" * 9_000],
    ],
    ids=["shorter than told", "wrong chunk", "gzip cut off", "no gzip", "layers", "deep", "giant number"],
)
def test_a_lying_answer_is_called_broken(answer):
    with serving(answer) as (base, session, _), pytest.raises(FeedError, match=r"broken or cut off|reached"):
        session.fetch(f"{base}/data.json")


def dripping(begin, drop):
    yield begin
    while True:
        time.sleep(0.02)
        yield drop


@pytest.mark.parametrize(
    ("begin", "drop"),
    [
        (OK + b"\r\n", b" "),
        (OK + b"Content-Length: 9000\r\n\r\n", b" "),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
        (OK, b"X: y\r\n"),
        (b"HTTP/1.1 200 ", b"O"),
    ],
    ids=["body", "body with a length", "length of a chunk", "headers", "first line"],
)
def test_a_drip_ends_with_its_time_and_not_with_its_last_drop(begin, drop, monkeypatch):
    monkeypatch.setattr(patience, "TIMES", 0.06)
    with serving(dripping(begin, drop)) as (base, session, _):
        started = time.monotonic()
        with pytest.raises(TimedOut, match="so slowly"):
            session.fetch(f"{base}/data.json")
        assert time.monotonic() - started < 15


@pytest.mark.parametrize("status", [b"200 OK", b"400 Bad", b"418 Teapot", b"500 Broken"])
def test_what_a_server_says_forges_no_line_of_a_log(status):
    words = b"no\\r\\n2026-01-01 root: all is well \\u001b[2J\\u202e" + b"x" * 10_000
    body = b'{"code": -1, "msg": "' + words + b'", "error": "' + words + b'"}'
    head = b"HTTP/1.1 " + status + b"\r\nContent-Length: %d\r\n\r\n" % len(body)
    with serving([head, body]) as (base, session, _), pytest.raises(FeedError) as told:
        session.fetch(f"{base}/data.json")
    assert str(told.value).isprintable()
    assert len(str(told.value)) < 400


def moved(status, target):
    return lambda base: [
        b"HTTP/1.1 %d Moved\r\nLocation: %b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        % (status, target.replace("HERE", base).encode())
    ]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "target",
    [
        "http://localhost:1/inside",
        "http://169.254.169.254/latest/meta-data",
        "//[::1]/x",
        "file:///etc/passwd",
        "https://HERE.example.com/",
        "http://0x7f000001:9/",
    ],
)
def test_an_answer_sends_us_to_no_other_host(status, target, monkeypatch):
    asked = []
    real = socket.socket.connect
    monkeypatch.setattr(socket.socket, "connect", lambda self, to: (asked.append(to), real(self, to))[1])
    with serving(moved(status, target)) as (base, session, _), pytest.raises(FeedError):
        session.download(f"{base}/data.json")
    assert len(asked) == 1


def test_within_its_host_a_redirect_is_followed_but_not_for_ever():
    done = [OK + b'Content-Length: 8\r\nConnection: close\r\n\r\n{"a": 1}']
    with serving(moved(302, "/there"), done) as (base, session, _):
        assert session.fetch(f"{base}/here").data == {"a": 1}
    with serving(*[moved(302, "HERE/again")] * 40) as (base, session, sent):
        with pytest.raises(FeedError):
            session.fetch(f"{base}/here")
        assert len(sent) <= 31


def test_a_large_answer_within_the_limit_is_whole_and_cached():
    body = b'["' + b"x" * (8 * MEGABYTE) + b'"]'
    with serving(packed(gzip.compress(body))) as (base, session, _):
        first, again = session.fetch(f"{base}/data.json"), session.fetch(f"{base}/data.json")
    assert (first.cached, again.cached) == (False, True)
    assert first.data == again.data == ["x" * (8 * MEGABYTE)]
