"""One polite session for every REST request: cached, limited on misses only, one request at a time per
address.

Whatever goes wrong is raised as a `FeedError` with one sentence. Where an older good answer exists it is
returned instead, and the `Answer` says how old it is and why it is old.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urljoin, urlsplit
from weakref import WeakValueDictionary

import requests
from pyrate_limiter import InMemoryBucket, Limiter, Rate
from requests_cache import CacheMixin
from requests_ratelimiter import HostBucketFactory, LimiterMixin

from liqcore.feeds.rest.answers import STALE_FOR, MemoryAnswers, StoredAnswers
from liqcore.feeds.rest.patience import MOST_BYTES, Patient, TooLarge, TooSlow
from liqcore.feeds.rest.problems import clock_problem, host_name, problem_in
from liqcore.feeds.status import FeedError, Missing, TimedOut, Unreachable
from liqcore.feeds.venues.registry import VENUES

# It logs a traceback for each answer that stands in for a failed request, which the `Answer` says in a
# sentence, and a line without an address for what it cannot read, which is asked for again.
logging.getLogger("requests_cache").setLevel(logging.CRITICAL)
# A traceback and the whole address where headers are cut off, which is told in a sentence too.
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)
LOOPBACK: Final = "HEATLAB_LOOPBACK"
_MOST_PAUSES: Final = 1_000
# First match wins. A minute's bar is stale after a quarter of it; instruments change by the day.
EXPIRY: Final[dict[str, int]] = {
    "*/exchangeInfo*": 21_600,
    "*instruments*": 21_600,
    "*/contracts*": 21_600,
    "*contract_info*": 21_600,
    "*/v2/conf*": 21_600,
    "*risk*": 86_400,
    "*position-tiers*": 86_400,
    "*position-lever*": 86_400,
    "*common/brackets*": 86_400,
    "*liquidat*": 15,
    "*liq_orders*": 15,
    "*trades*": 10,
    "*/history?*": 10,
    "*openInterestHist*": 240,
    "*contract_stats*": 60,
    "*fundingRate*": 600,
    "*funding*": 300,
    "*": 15,
}
_RATES: Final = {"api.coinalyze.net": (40, 60.0)} | {
    address: (count, seconds) for venue in VENUES.values() for address, count, seconds in venue.slow
}
_SECRETS: Final = (
    "authorization",
    "cg-api-key",
    "apikey",
    "api_key",
    "api-key",
    "x-api-key",
    "x-mbx-apikey",
    "ok-access-key",
    "x-bapi-api-key",
)
_SECRET_WORDS: Final = ("api_key=", "apikey=", "signature=", "cg-api-key=", "&sign=", "?sign=")


@dataclass(frozen=True)
class Answer:
    """What one request gave: the JSON, how old it is, whether it stands in for a failed request, and why."""

    data: Any
    url: str
    age: float = 0.0
    cached: bool = False
    stale: bool = False
    reason: str = ""
    seconds: float = 0.0


class _Buckets(HostBucketFactory):
    """A bucket a host, and a slower one where a venue asks for it."""

    def _create_bucket(self, name: str) -> InMemoryBucket:
        count, seconds = (_RATES if self.rates[0].limit <= 50 else {}).get(name, (self.rates[0].limit, 1.0))
        return InMemoryBucket([Rate(count, int(seconds * 1_000))])


class _Flight:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.problem: FeedError | None = None


class _PoliteSession(LimiterMixin, requests.Session):
    """Sends what the cache could not answer, slowly enough, and raises on anything that is not a good
    answer."""

    def __init__(
        self, clock: Callable[[], float] = time.time, timeout: float = 10.0, per_second: int = 5, **_: Any
    ) -> None:
        factory = _Buckets(rates=[Rate(per_second, 1_000)])
        super().__init__(limiter=Limiter(factory, buffer_ms=50), per_host=True, limit_statuses=())
        self.clock, self.timeout = clock, timeout
        self._factory = factory
        # Until when by the monotonic clock: the other one may be set back by hours.
        self._paused: dict[tuple[str, int], tuple[float, type[FeedError], str, float]] = {}
        self._local = threading.local()
        for scheme in ("https://", "http://"):
            self.mount(scheme, Patient())
        self.max_redirects = 5
        # The environment would add a password from ~/.netrc; proxies alone are wanted.
        self.trust_env = False
        self.proxies = dict(requests.utils.getproxies())

    def _bucket_name(self, request: requests.PreparedRequest) -> str:
        place = urlsplit(request.url or "")
        whole = f"{place.netloc}{place.path}"
        return next((name for name in _RATES if whole.startswith(name)), place.netloc)

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        try:
            response = self._asked(request, **options)
            self._good_or_raise(request, response, response.text)
        except FeedError as problem:
            # The cache answers with what it kept where it can, and would swallow why it had to.
            self._local.problem = str(problem)
            raise
        return response

    def download(self, url: str) -> bytes:
        """The bytes at `url`, past the cache; for files, which are kept elsewhere.

        Raises
        ------
        Missing
            There is no such file.
        FeedError and its kinds, as for `fetch`.
        """
        request = self.prepare_request(requests.Request("GET", url))
        response = self._asked(
            request, timeout=self.timeout, allow_redirects=True, proxies=self.proxies, verify=self.verify
        )
        if response.status_code == 404:
            raise Missing(f"{host_name(urlsplit(url).netloc)} has no file {url.rsplit('/', 1)[-1]}.")
        if response.status_code != 200 or "html" in response.headers.get("Content-Type", ""):
            self._good_or_raise(request, response, response.text)
        told = response.headers.get("Content-Length", "")
        if told.isdigit() and int(told) != len(response.content):
            raise FeedError(f"{host_name(urlsplit(url).netloc)} cut a file off. It is asked again.")
        return response.content

    def ask_privately(self, url: str, question: Mapping[str, Any] | None = None) -> Any:
        """The JSON at `url` past the cache, for questions that name a person's account; POST where one is
        asked.

        Raises
        ------
        FeedError and its kinds, as for `fetch`. Their words say nothing of the question or the answer.
        """
        method = "GET" if question is None else "POST"
        request = self.prepare_request(requests.Request(method, url, json=question))
        response = self._asked(
            request, timeout=self.timeout, allow_redirects=False, proxies=self.proxies, verify=self.verify
        )
        try:
            self._good_or_raise(request, response, response.text)
            return response.json()
        except FeedError as problem:
            # A venue may repeat in its refusal what it was asked.
            said = f"{host_name(urlsplit(url).netloc)} did not answer a question about an account."
            raise type(problem)(said, retry_after=problem.retry_after) from None
        except ValueError:
            raise FeedError(
                f"{host_name(urlsplit(url).netloc)} sent an answer that is broken or cut off."
            ) from None

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Where an answer sends us on to: within its own host only, since another may stand inside this
        network."""
        target = super().get_redirect_target(resp)
        if target is None or _place(urljoin(resp.url, target)) != _place(resp.url):
            return None
        return target

    def _asked(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        host = urlsplit(request.url or "").netloc
        until, kind, said, wait = self._paused.get(_asker(request), (0.0, FeedError, "", 0.0))
        if time.monotonic() < until:
            # A new error each time: one that is raised again and again holds on to every question it ended.
            raise kind(said, retry_after=wait)
        try:
            return super().send(request, **options)
        except TooSlow as problem:
            raise TimedOut(
                f"{host_name(host)} answers so slowly that its answer was given up. It is tried again soon."
            ) from problem
        except TooLarge as problem:
            raise FeedError(
                f"{host_name(host)} sent an answer of more than {MOST_BYTES // 1024**2} MB, which is not"
                " read. It is asked again later."
            ) from problem
        except requests.exceptions.Timeout as problem:
            raise TimedOut(f"{host_name(host)} did not answer in time. It is tried again soon.") from problem
        except requests.exceptions.ConnectionError as problem:
            if "timed out" in str(problem).lower():
                raise TimedOut(
                    f"{host_name(host)} did not answer in time. It is tried again soon."
                ) from problem
            raise Unreachable(
                f"{host_name(host)} cannot be reached. Check the network connection."
            ) from problem
        except requests.exceptions.RequestException as problem:
            raise FeedError(
                f"{host_name(host)} sent an answer that is broken or cut off. It is asked again."
            ) from problem

    def _good_or_raise(
        self, request: requests.PreparedRequest, response: requests.Response, text: str
    ) -> None:
        host = urlsplit(request.url or "").netloc
        # Before anything is cut to length: a part of a key is a secret, too.
        for key in _keys(request):
            text = text.replace(key, "…").replace(quote(key, safe=""), "…")
        found = problem_in(host, response.status_code, response.headers, text)
        found = found or clock_problem(host, response.headers, self.clock())
        if found is None:
            return
        if found.retry_after is not None:
            while len(self._paused) >= _MOST_PAUSES:
                self._paused.pop(next(iter(self._paused)), None)
            self._paused[_asker(request)] = (
                time.monotonic() + found.retry_after, type(found), str(found), found.retry_after
            )  # fmt: skip
        raise found

    def resume(self) -> None:
        """Forget the pauses venues asked for, as after a change of network."""
        self._paused.clear()

    def refuse(self, sentence: str) -> None:
        """Ask nobody from now on: every request that the cache cannot answer fails with this sentence."""
        self.mount("https://", _Refusal(sentence))

    def shut(self) -> None:
        """Close for good; `close` alone only drops idle connections, because ccxt calls it when a client
        dies."""
        self.close()
        self._factory.close()


class FeedSession(CacheMixin, _PoliteSession):
    """The session for all feeds; give it to ccxt as `session` with `enableRateLimit` off. Safe in many
    threads."""

    def __init__(
        self, cache: Path | None, clock: Callable[[], float], timeout: float, per_second: int
    ) -> None:
        super().__init__(
            backend=MemoryAnswers() if cache is None else StoredAnswers(cache),
            expire_after=15,
            urls_expire_after=EXPIRY,
            allowable_methods=("GET", "POST"),
            allowable_codes=(200,),
            stale_if_error=STALE_FOR,
            autoclose=False,
            ignored_parameters=list(_SECRETS),
            clock=clock,
            timeout=timeout,
            per_second=per_second,
        )
        self._flights: WeakValueDictionary[str, _Flight] = WeakValueDictionary()
        self._gate = threading.Lock()

    def send(self, request: requests.PreparedRequest, **options: Any) -> Any:
        if options.get("timeout") is None:
            options["timeout"] = self.timeout
        if _secret(request):
            # A redirect would carry the key to whatever host it names.
            plain = {name: value for name, value in options.items() if name in _SENDABLE} | {
                "allow_redirects": False
            }
            return self._noted(lambda: _PoliteSession.send(self, request, **plain))
        key = self.cache.create_key(request)
        with self._gate:
            flight = self._flights.get(key) or self._flights.setdefault(key, _Flight())
        waited = not flight.lock.acquire(blocking=False)
        if waited:
            flight.lock.acquire()
        try:
            # Who waited for a request that failed shares the failure instead of repeating it.
            if waited and flight.problem is not None:
                raise flight.problem
            flight.problem = None
            return self._noted(lambda: super(FeedSession, self).send(request, **options))
        except FeedError as problem:
            flight.problem = problem
            raise
        finally:
            flight.lock.release()

    def _noted(self, send: Callable[[], Any]) -> Any:
        self._local.problem = ""
        started = time.perf_counter()
        response = send()
        cached = bool(getattr(response, "from_cache", False))
        stale = cached and bool(getattr(response, "is_expired", False))
        made = getattr(response, "created_at", None)
        age = max(time.time() - made.timestamp(), 0.0) if cached and made is not None else 0.0
        answer = Answer(
            None,
            response.url,
            age,
            cached,
            stale,
            self._local.problem if stale else "",
            time.perf_counter() - started,
        )
        getattr(self._local, "answers", []).append(answer)
        self._local.last = answer
        return response

    @contextmanager
    def watched(self) -> Iterator[list[Answer]]:
        """Collect how each request of this thread was answered, where ccxt hides the response."""
        before = getattr(self._local, "answers", None)
        answers: list[Answer] = []
        self._local.answers = answers
        try:
            yield answers
        finally:
            self._local.answers = before if before is not None else []

    def fetch(
        self,
        url: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> Answer:
        """The JSON at `url` as an `Answer`; POST where `body` is given.

        Raises
        ------
        FeedError and its kinds: RateLimited, GeoBlocked, TimedOut, Unreachable, ClockSkew, BadSymbol,
        KeyRefused.
        """
        response = self.request(
            "GET" if body is None else "POST",
            url,
            params=dict(parameters or {}),
            headers=dict(headers or {}),
            json=body,
        )
        told: Answer = self._local.last
        return Answer(response.json(), url, told.age, told.cached, told.stale, told.reason, told.seconds)


_SENDABLE: Final = ("timeout", "allow_redirects", "verify", "cert", "proxies", "stream")


def open_session(
    folder: str | Path | None = None,
    *,
    timeout: float = 10.0,
    clock: Callable[[], float] = time.time,
    loopback: str | None = None,
    per_second: int = 5,
    refuse: str | None = None,
) -> FeedSession:
    """A session with its cache in `folder` (in memory without one); a damaged cache file is set aside.

    `clock` tells seconds since 1970. `loopback` (or HEATLAB_LOOPBACK) is a `host:port` that plays every
    venue. With `refuse`, a sentence, nobody is asked at all: every request fails with it.
    At most `per_second` requests a second go to one host; a few addresses that
    ask for less get less, unless `per_second` is above 50, which is for a server of one's own.
    """
    path = None if folder is None else Path(folder) / "answers.sqlite"
    session = _opened(path, clock, timeout, per_second)
    target = loopback or os.environ.get(LOOPBACK)
    if refuse:
        session.refuse(refuse)
    elif target:
        session.mount("https://", _Detour(target))
    return session


def _opened(path: Path | None, clock: Callable[[], float], timeout: float, per_second: int) -> FeedSession:
    if path is None:
        return FeedSession(None, clock, timeout, per_second)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        session = FeedSession(path, clock, timeout, per_second)
        len(session.cache.responses)
        return session
    except (sqlite3.DatabaseError, OSError) as problem:
        # A file that is locked, full or read-only is whole, and somebody else may be using it.
        if not isinstance(problem, (sqlite3.OperationalError, OSError)):
            with suppress(OSError):
                path.replace(path.with_suffix(".damaged"))
    try:
        return FeedSession(path, clock, timeout, per_second)
    except (sqlite3.DatabaseError, OSError):
        return FeedSession(None, clock, timeout, per_second)


def _asker(request: requests.PreparedRequest) -> tuple[str, int]:
    """Whom a pause is for: the host, and the key where there is one, of which only a salted hash is kept. A
    plan that one key has used up says nothing of another's."""
    keys = _keys(request)
    return urlsplit(request.url or "").netloc, hash(keys) if keys else 0


def _place(url: str) -> tuple[str, str]:
    place = urlsplit(url)
    return place.scheme, place.netloc


def _keys(request: requests.PreparedRequest) -> tuple[str, ...]:
    """The keys that a request carries."""
    values = (value for name, value in request.headers.items() if name.lower() in _SECRETS)
    return tuple(value if isinstance(value, str) else value.decode("latin1") for value in values if value)


def _secret(request: requests.PreparedRequest) -> bool:
    url = (request.url or "").lower()
    return any(name.lower() in _SECRETS for name in request.headers) or any(
        word in url for word in _SECRET_WORDS
    )


class _Refusal(Patient):
    """Asks nobody."""

    def __init__(self, sentence: str) -> None:
        self._sentence = sentence
        super().__init__()

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        raise Unreachable(self._sentence)


class _Detour(Patient):
    """Sends `https://venue/path` to `http://host:port/venue/path`, so that addresses and cache keys stay the
    real ones."""

    def __init__(self, target: str) -> None:
        self._base = f"http://{target}"
        super().__init__()

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        real = request.url or ""
        place = urlsplit(real)
        request.url = f"{self._base}/{place.netloc}{place.path}" + (f"?{place.query}" if place.query else "")
        options["proxies"] = {}
        try:
            response = super().send(request, *args, **options)
            response.url = real
            return response
        finally:
            request.url = real
