"""Events, heartbeats and market data at rest: what was seen, when it arrived, and when nobody was looking.

SQLite in WAL mode by default; `HEATLAB_STORE` takes another SQLAlchemy address. Whoever writes may write the
same thing again: what is held already is passed over, so that overlapping polls and restarts never double.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool

from liqcore import tables
from liqcore.feeds.venues.rows import MOST_AHEAD, LiquidationRow

STORE: Final = "HEATLAB_STORE"
SCHEMA: Final = 2
MEMORY: Final = "sqlite://"
# What changed from each version of the schema to the next.
_MIGRATIONS: Final[dict[int, tuple[str, ...]]] = {
    1: ("ALTER TABLE events ADD COLUMN origin VARCHAR(8) NOT NULL DEFAULT 'socket'",)
}
_DAY: Final = 86_400_000_000
_META: Final = sa.MetaData()
_NAME: Final = sa.String(40)
_MARKET: Final = {
    "candles": ("open", "high", "low", "close", "volume", "taker_buy_volume"),
    "open_interest": ("quantity",),
    "funding": ("rate", "interval_hours"),
}

_EVENTS: Final = sa.Table(
    "events",
    _META,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("time", sa.BigInteger, nullable=False),
    sa.Column("venue", _NAME, nullable=False),
    sa.Column("symbol", _NAME, nullable=False),
    sa.Column("side", sa.String(5), nullable=False),
    sa.Column("price", sa.Double, nullable=False),
    sa.Column("quantity", sa.Double, nullable=False),
    sa.Column("notional", sa.Double, nullable=False),
    sa.Column("price_kind", sa.String(10), nullable=False),
    sa.Column("completeness", sa.String(7), nullable=False),
    sa.Column("arrived", sa.BigInteger, nullable=False),
    sa.Column("nth", sa.SmallInteger, nullable=False),
    sa.Column("origin", sa.String(8), nullable=False, server_default="socket"),
    sa.UniqueConstraint("venue", "symbol", "time", "side", "price", "quantity", "nth"),
    sa.Index("events_time", "time"),
    sqlite_autoincrement=True,
)
_BEATS: Final = sa.Table(
    "heartbeats",
    _META,
    sa.Column("venue", _NAME, primary_key=True),
    sa.Column("minute", sa.BigInteger, primary_key=True),
    sa.Column("frames", sa.Integer, nullable=False),
    sa.Column("events", sa.Integer, nullable=False),
    sa.Index("heartbeats_minute", "minute"),
)
_SERIES: Final = {
    name: sa.Table(
        name,
        _META,
        sa.Column("venue", _NAME, primary_key=True),
        sa.Column("time", sa.BigInteger, primary_key=True),
        *(sa.Column(column, sa.Double) for column in columns),
        sa.Index(f"{name}_time", "time"),
    )
    for name, columns in _MARKET.items()
}
_NOTES: Final = sa.Table(
    "notes", _META, sa.Column("name", _NAME, primary_key=True), sa.Column("text", sa.Text, nullable=False)
)

# In the order of the table, which is that of the compiled statement.
_WRITTEN: Final = (*LiquidationRow._fields, "arrived", "nth", "origin")


class StoreError(ValueError):
    """A store that cannot be used now, in one sentence. `damaged` where the file itself is broken."""

    def __init__(self, sentence: str, *, damaged: bool = False) -> None:
        super().__init__(sentence)
        self.damaged = damaged


class Arrival(NamedTuple):
    """One delivered liquidation: the row, when it arrived (µs since 1970 UTC), how many rows like it came
    before it in the same delivery, and from where."""

    row: LiquidationRow
    arrived: int
    nth: int
    origin: str


def arrivals(rows: Iterable[LiquidationRow], arrived: int, origin: str) -> list[Arrival]:
    """Rows of one delivery; rows equal in everything are told apart by their number, so that none is taken
    for a repetition. One dated more than five minutes after its arrival cannot have happened and is left
    out."""
    seen: dict[LiquidationRow, int] = {}
    out = []
    for row in rows:
        if row.time > arrived + MOST_AHEAD:
            continue
        seen[row] = seen.get(row, -1) + 1
        out.append(Arrival(row, arrived, seen[row], origin))
    return out


def as_rows(table: pd.DataFrame) -> list[LiquidationRow]:
    """A checked liquidations table as rows."""
    columns = [
        tables.microseconds(table[name]).tolist() if name == "time" else table[name].tolist()
        for name in LiquidationRow._fields
    ]
    return [LiquidationRow(*values) for values in zip(*columns, strict=True)]


class Store:
    """A database of what was collected; safe in many threads, and in many processes where it is a file or a
    server.

    Times are µs since 1970 UTC as int. Every method raises StoreError, in one sentence, when the database
    fails. `problem` says what was set aside when it was opened, or is empty; `wanted` is where it should
    be, another address than `url` where it had to be in memory.
    """

    def __init__(self, url: str, problem: str = "", wanted: str = "") -> None:
        url = _spelled(url)
        self.url, self.problem, self.wanted = url, problem, wanted or url
        memory = url == MEMORY
        options: dict[str, Any] = (
            {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}}
            if memory
            else server_options(url)
        )
        try:
            self._engine = sa.create_engine(url, **options)
        except (SQLAlchemyError, ImportError, ValueError, TypeError) as problem:
            raise StoreError(
                f"{STORE} is no address of a database that can be used here ({type(problem).__name__})."
                " PostgreSQL needs the package psycopg."
            ) from problem
        if self._engine.dialect.name not in ("sqlite", "postgresql"):
            raise StoreError(
                f"A store is SQLite or PostgreSQL, not {self._engine.dialect.name}. Change {STORE}."
            )
        self._sqlite = self._engine.dialect.name == "sqlite"
        # Compiled once: binding thousands of rows a second anew costs more than writing them.
        self._add = str(
            self._insert(_EVENTS)
            .values({name: sa.bindparam(name) for name in _WRITTEN})
            .on_conflict_do_nothing()
            .compile(dialect=self._engine.dialect)
        )
        if self._sqlite:
            sa.event.listen(self._engine, "connect", _prepare)
        # Threads share the one connection of a store in memory.
        self._lock: Any = threading.RLock() if memory else nullcontext()
        self._set_up_among_others()
        self._file = _identity(self.path)

    @property
    def gone(self) -> bool:
        """Whether the file was removed or replaced since it was opened; what is written then is lost."""
        return self._file is not None and _identity(self.path) != self._file

    @property
    def path(self) -> Path | None:
        """The file of a SQLite store, None for one in memory or on a server."""
        name = self._engine.url.database
        return Path(name) if self._sqlite and name else None

    def add(
        self, batch: Sequence[Arrival], minutes: Mapping[tuple[str, int], tuple[int, int]] | None = None
    ) -> int:
        """Write events, those held already excepted, and signs of life, all or nothing.

        `minutes` adds (frames, events) to the minutes (venue, µs at the full minute) in which a venue was
        heard of; a minute without frames is one that a history covers. Returns how many events were new.
        """
        beats = [
            {"venue": venue, "minute": minute, "frames": frames, "events": events}
            for (venue, minute), (frames, events) in (minutes or {}).items()
        ]
        new = 0
        with self._begin() as connection:
            if batch:
                rows: Any = [(*one.row, one.arrived, one.nth, one.origin) for one in batch]
                if not self._sqlite:
                    rows = [dict(zip(_WRITTEN, row, strict=True)) for row in rows]
                new = max(
                    connection.exec_driver_sql(
                        self._add, rows, execution_options={"preserve_rowcount": True}
                    ).rowcount,
                    0,
                )
            if beats:
                insert = self._insert(_BEATS)
                connection.execute(
                    insert.on_conflict_do_update(
                        index_elements=["venue", "minute"],
                        set_={name: _BEATS.c[name] + insert.excluded[name] for name in ("frames", "events")},
                    ),
                    beats,
                )
        return new

    def put(self, table: str, venue: str, frame: pd.DataFrame) -> None:
        """Write candles, open interest or funding of one venue; a row at a time that is held is replaced."""
        if frame.empty:
            return
        kind, names = _SERIES[table], _MARKET[table]
        columns = {
            name: [None if value != value else float(value) for value in frame[name].to_numpy(dtype=float)]
            for name in names
        }
        micros = tables.microseconds(frame["time"]).tolist()
        rows = [
            {"venue": venue, "time": moment, **dict(zip(names, values, strict=True))}
            for moment, *values in zip(micros, *columns.values(), strict=True)
        ]
        with self._begin() as connection:
            insert = self._insert(kind)
            connection.execute(
                insert.on_conflict_do_update(
                    index_elements=["venue", "time"], set_={name: insert.excluded[name] for name in names}
                ),
                rows,
            )

    def events(
        self, after: int = 0, since: int | None = None, until: int | None = None, most: int | None = None
    ) -> dict[str, list[Any]]:
        """Columns of events in the order of their `id`, those with an id above `after`, within [since, until)
        if given."""
        names = ("id", *LiquidationRow._fields, "arrived", "origin")
        wanted = (
            sa.select(*(_EVENTS.c[name] for name in names)).where(_EVENTS.c.id > after).order_by(_EVENTS.c.id)
        )
        if since is not None:
            wanted = wanted.where(_EVENTS.c.time >= since)
        if until is not None:
            wanted = wanted.where(_EVENTS.c.time < until)
        return self._columns(wanted.limit(most))

    def late(self, after: int, until: int, began: int, ended: int) -> int:
        """How many events that happened within [began, ended) arrived within (after, until] (µs)."""
        wanted = sa.select(sa.func.count()).where(
            _EVENTS.c.arrived > after,
            _EVENTS.c.arrived <= until,
            _EVENTS.c.time >= began,
            _EVENTS.c.time < ended,
        )
        with self._reading() as connection:
            return int(connection.execute(wanted).scalar_one())

    def liquidations(self, since: int | None = None, until: int | None = None) -> pd.DataFrame:
        """Held events as the checked liquidations table."""
        found = self.events(since=since, until=until)
        if not found["id"]:
            return tables.empty("liquidations")
        frame = pd.DataFrame({name: found[name] for name in LiquidationRow._fields})
        return tables.liquidations(
            frame.assign(time=pd.to_datetime(frame["time"].to_numpy(np.int64), unit="us", utc=True))
        )

    def series(self, table: str, since: int | None = None, venue: str | None = None) -> pd.DataFrame:
        """Candles, open interest or funding, by time, with `venue`; times as datetime64[us, UTC]."""
        kind = _SERIES[table]
        wanted = sa.select(kind).order_by(kind.c.time, kind.c.venue)
        if since is not None:
            wanted = wanted.where(kind.c.time >= since)
        if venue is not None:
            wanted = wanted.where(kind.c.venue == venue)
        found = self._columns(wanted)
        moments = pd.to_datetime(np.array(found["time"], np.int64), unit="us", utc=True)
        return pd.DataFrame(
            {
                "venue": pd.array(found["venue"], dtype="str"),
                "time": moments.astype(tables.TIME_DTYPE),
                **{name: np.array(found[name], dtype=float) for name in _MARKET[table]},
            }
        )

    def heartbeats(self, since: int) -> pd.DataFrame:
        """`venue`, `minute` (µs), `frames`, `events` of each minute in which a venue was heard of, by
        minute."""
        found = self._columns(
            sa.select(_BEATS).where(_BEATS.c.minute >= since).order_by(_BEATS.c.minute, _BEATS.c.venue)
        )
        numbers = {name: np.array(found[name], np.int64) for name in ("minute", "frames", "events")}
        return pd.DataFrame({"venue": pd.array(found["venue"], dtype="str"), **numbers})

    def count(self, table: str, since: int, until: int, last: int | None = None) -> int:
        """How many rows of events, of heartbeats or of a series lie within [since, until) (µs); of events
        those up to the `id` of the `last`, if given."""
        held = {"events": _EVENTS.c.time, "heartbeats": _BEATS.c.minute}
        moment = held[table] if table in held else _SERIES[table].c.time
        wanted = sa.select(sa.func.count()).where(moment >= since, moment < until)
        if last is not None:
            wanted = wanted.where(_EVENTS.c.id <= last)
        with self._reading() as connection:
            return int(connection.execute(wanted).scalar_one())

    def newest(self, table: str, venue: str) -> int | None:
        """The last moment (µs) of a venue's series, None where it has none."""
        kind = _SERIES[table]
        with self._reading() as connection:
            return connection.execute(
                sa.select(sa.func.max(kind.c.time)).where(kind.c.venue == venue)
            ).scalar()

    def since(self) -> int | None:
        """The first moment (µs) that was heard or asked about and is held still, None where nothing is."""
        with self._reading() as connection:
            found = [
                connection.execute(sa.select(sa.func.min(moment))).scalar()
                for moment in (_BEATS.c.minute, _SERIES["candles"].c.time)
            ]
        return min((one for one in found if one is not None), default=None)

    def days(self) -> list[int]:
        """The days (UTC, µs at midnight) of which events, heartbeats or candles are held, oldest first."""
        moments = (_EVENTS.c.time, _BEATS.c.minute, _SERIES["candles"].c.time)
        with self._reading() as connection:
            found = connection.execute(sa.union(*(sa.select(moment // _DAY) for moment in moments))).scalars()
            return sorted(int(day) * _DAY for day in found)

    def has(self, number: int, moment: int) -> bool:
        """Whether the event of this `id` and time (µs) is held still."""
        wanted = sa.select(_EVENTS.c.id).where(_EVENTS.c.id == number, _EVENTS.c.time == moment)
        with self._reading() as connection:
            return connection.execute(wanted).first() is not None

    def note(self, name: str) -> str | None:
        """A text kept under a name, or None."""
        with self._reading() as connection:
            return connection.execute(sa.select(_NOTES.c.text).where(_NOTES.c.name == name)).scalar()

    def set_note(self, name: str, text: str) -> None:
        """Keep a text under a name, in place of the one before."""
        with self._begin() as connection:
            insert = self._insert(_NOTES)
            connection.execute(
                insert.on_conflict_do_update(index_elements=["name"], set_={"text": insert.excluded.text}),
                {"name": name, "text": text},
            )

    def summary(self) -> pd.DataFrame:
        """One row a venue: `events`, `first`, `last` (µs), `notional`."""
        wanted = (
            sa.select(
                _EVENTS.c.venue,
                sa.func.count().label("events"),
                sa.func.min(_EVENTS.c.time).label("first"),
                sa.func.max(_EVENTS.c.time).label("last"),
                sa.func.sum(_EVENTS.c.notional).label("notional"),
            )
            .group_by(_EVENTS.c.venue)
            .order_by(_EVENTS.c.venue)
        )
        with self._reading() as connection:
            return pd.DataFrame(
                connection.execute(wanted).all(), columns=["venue", "events", "first", "last", "notional"]
            )

    def size(self) -> int:
        """Bytes at rest."""
        if self._sqlite and self.path is None:
            with self._reading() as connection:
                return int(
                    connection.exec_driver_sql(
                        "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
                    ).scalar()
                    or 0
                )
        if self.path is not None:
            return sum(part.stat().st_size for part in _parts(self.path) if part.exists())
        with self._reading() as connection:
            return int(
                connection.execute(sa.text("SELECT pg_database_size(current_database())")).scalar() or 0
            )

    def prune(self, before: int) -> int:
        """Forget events, heartbeats and market data from before a moment (µs). Returns how many events
        went."""
        with self._begin() as connection:
            gone = connection.execute(sa.delete(_EVENTS).where(_EVENTS.c.time < before)).rowcount
            connection.execute(sa.delete(_BEATS).where(_BEATS.c.minute < before))
            for kind in (_SERIES["candles"], _SERIES["open_interest"]):
                connection.execute(sa.delete(kind).where(kind.c.time < before))
        if self._sqlite and gone:
            with self._begin() as connection:
                connection.exec_driver_sql("PRAGMA incremental_vacuum")
        return int(gone)

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            self._engine.dispose()

    def _insert(self, table: sa.Table) -> Any:
        return (sqlite if self._sqlite else postgresql).insert(table)

    def _columns(self, wanted: sa.Select[Any]) -> dict[str, list[Any]]:
        """The answer to a question, by column."""
        with self._reading() as connection:
            found = connection.execute(wanted)
            names, rows = list(found.keys()), found.all()
        columns = map(list, zip(*rows, strict=True)) if rows else ([] for _ in names)
        return dict(zip(names, columns, strict=True))

    @contextmanager
    def _begin(self) -> Iterator[sa.Connection]:
        with self._lock, _spoken(self.url), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with self._lock, _spoken(self.url), self._engine.connect() as connection:
            yield connection

    def _set_up_among_others(self) -> None:
        """Set up, again where another process made the same tables between our look and our making them."""
        for pause in (0.05, 0.1, 0.2, 0.4, None):
            begun = time.monotonic()
            try:
                return self._set_up()
            except StoreError as problem:
                told = str(problem.__cause__)
                # SQLite does not wait where a reader wants to write; a real lock was waited for.
                raced = "already exists" in told or ("locked" in told and time.monotonic() - begun < 1.0)
                if pause is None or not raced:
                    raise
                time.sleep(pause)

    def _set_up(self) -> None:
        with self._begin() as connection:
            inspector = sa.inspect(connection)
            version = SCHEMA
            if inspector.has_table("notes"):
                version = int(
                    connection.execute(sa.select(_NOTES.c.text).where(_NOTES.c.name == "schema")).scalar()
                    or SCHEMA
                )
            if version > SCHEMA:
                raise StoreError(
                    f"The store was written by a newer version of this app (schema {version}, here {SCHEMA})."
                    f" Update the app, or choose another {STORE}."
                )
            for step in range(version, SCHEMA):
                for statement in _MIGRATIONS[step]:
                    connection.execute(sa.text(statement))
            _ours(inspector)
            _META.create_all(connection)
            # A table of before has not got the indexes that were thought of since.
            for table in _META.tables.values():
                for index in table.indexes:
                    index.create(connection, checkfirst=True)
            insert = self._insert(_NOTES)
            connection.execute(
                insert.on_conflict_do_update(index_elements=["name"], set_={"text": insert.excluded.text}),
                {"name": "schema", "text": str(SCHEMA)},
            )


def _ours(inspector: sa.Inspector) -> None:
    """StoreError where tables of our names are another program's."""
    for name in set(inspector.get_table_names()) & set(_META.tables):
        if not set(_META.tables[name].columns.keys()) <= {one["name"] for one in inspector.get_columns(name)}:
            raise StoreError(
                f"The store is a database of another program: its table {name} has other columns. Choose"
                f" another place with {STORE}."
            )


def open_store(url: str | None = None, folder: Path | str = ".heatlab") -> Store:
    """The store at `url`, else at HEATLAB_STORE, else in a file in `folder`.

    A damaged file is set aside under another name and a new one begun; where a store cannot be had at all,
    one in memory takes its place. `problem` of the store says so; nothing here is fatal.
    """
    chosen = url or os.environ.get(STORE) or f"sqlite:///{Path(folder) / 'store.sqlite'}"
    try:
        return Store(chosen)
    except StoreError as problem:
        if not problem.damaged:
            return Store(
                MEMORY,
                f"{problem} Until then what is collected is kept in memory and is lost when the app stops.",
                chosen,
            )
    aside = set_aside(chosen)
    try:
        return Store(chosen, f"The store was damaged. It was set aside as {aside}, and a new one was begun.")
    except StoreError as problem:
        return Store(
            MEMORY,
            f"{problem} Until then what is collected is kept in memory and is lost when the app stops.",
            chosen,
        )


def _spelled(url: str) -> str:
    """The address, with one spelling for a store in memory."""
    try:
        told = sa.engine.make_url(url)
    except (SQLAlchemyError, ValueError):
        return url
    in_memory = told.get_backend_name() == "sqlite" and told.database in (None, "", ":memory:")
    return MEMORY if in_memory else url


def server_options(url: str) -> dict[str, Any]:
    """What a connection to a server needs so that one that is gone is noticed within seconds."""
    if not url.startswith("postgresql"):
        return {}
    waits = {"connect_timeout": 4, "tcp_user_timeout": 8_000, "keepalives_idle": 5, "keepalives_interval": 2}
    return {"pool_pre_ping": True, "connect_args": waits}


def _identity(path: Path | None) -> tuple[int, int] | None:
    """What tells a file from another of its name; None where there is no file."""
    if path is None:
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def set_aside(url: str) -> str:
    """Rename the files of a damaged SQLite store; returns the new name of the first."""
    path = Path(sa.engine.make_url(url).database or "")
    mark = f"damaged-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"
    for part in _parts(path):
        with suppress(OSError):
            part.replace(part.with_name(f"{part.name}.{mark}"))
    # Enough to look into; a disk that damages one file after the other must not be filled by them.
    for old in sorted(path.parent.glob(f"{path.name}*.damaged-*"), key=lambda one: one.name[-15:])[: -3 * 3]:
        with suppress(OSError):
            old.unlink()
    return f"{path.name}.{mark}"


def _parts(path: Path) -> tuple[Path, ...]:
    return path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")


def _prepare(connection: Any, record: object) -> None:
    cursor = connection.cursor()
    for pragma in ("auto_vacuum=INCREMENTAL", "journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=4000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@contextmanager
def _spoken(url: str) -> Iterator[None]:
    """Whatever the database raises, as a StoreError without its address, which may hold a password."""
    if url.startswith("sqlite:///"):
        with suppress(OSError):
            Path(sa.engine.make_url(url).database or "").parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except SQLAlchemyError as problem:
        inner = getattr(problem, "orig", None)
        text = str(inner or "").lower()
        if isinstance(inner, sqlite3.DatabaseError) and any(
            word in text
            for word in ("malformed", "not a database", "disk image", "file is encrypted", "no such table")
        ):
            raise StoreError("The store is damaged.", damaged=True) from problem
        if "locked" in text or "busy" in text:
            raise StoreError("The store is locked by another program. It is tried again.") from problem
        if "full" in text:
            raise StoreError("The disk is full, so the store cannot grow. Free some space.") from problem
        if "readonly" in text or "read-only" in text or "unable to open" in text:
            raise StoreError(f"The store cannot be written. Choose another place with {STORE}.") from problem
        raise StoreError(
            f"The store does not answer ({type(inner or problem).__name__}). Check {STORE}."
        ) from problem
