"""One collector for one store: the first process to ask collects, the others read until it is gone."""

from __future__ import annotations

from contextlib import suppress

import sqlalchemy as sa
from filelock import FileLock, Timeout
from sqlalchemy.exc import SQLAlchemyError

from liqcore.feeds.live.store import Store, server_options

# Any number will do, as long as every process of this app takes the same.
_ADVISORY = 7_231_904_511


class Leadership:
    """The right to collect into a store. It ends with the process that holds it, however that ends."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._file = FileLock(f"{store.path}.lock", thread_local=False) if store.path is not None else None
        self._engine = (
            sa.create_engine(store.url, pool_size=1, max_overflow=0, **server_options(store.url))
            if store.path is None and store.url != "sqlite://"
            else None
        )
        self._connection: sa.Connection | None = None
        self.held = False

    def take(self) -> bool:
        """Whether this process may collect now; asks again at every call until it may."""
        if self.held:
            return self._still()
        if self._file is not None:
            try:
                self._file.acquire(timeout=0)
            except (Timeout, OSError):
                return False
        elif self._engine is not None:
            self.held = self._advise() is True
            return self.held
        self.held = True
        return True

    def leave(self) -> None:
        """Give the right back."""
        self.held = False
        if self._file is not None:
            with suppress(OSError):
                self._file.release(force=True)
        if self._connection is not None:
            with suppress(SQLAlchemyError):
                self._connection.close()
            self._connection = None
        if self._engine is not None:
            self._engine.dispose()

    def _advise(self) -> bool | None:
        """Whether the server gives the right; None where it does not answer."""
        assert self._engine is not None
        try:
            self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            if self._connection.execute(sa.select(sa.func.pg_try_advisory_lock(_ADVISORY))).scalar():
                return True
            self._connection.close()
            found: bool | None = False
        except SQLAlchemyError:
            found = None
        self._connection = None
        return found

    def _still(self) -> bool:
        if self._engine is None:
            return True
        if self._connection is not None:
            try:
                self._connection.execute(sa.text("SELECT 1"))
                return True
            except SQLAlchemyError:
                with suppress(SQLAlchemyError):
                    self._connection.close()
                self._connection = None
        # A server that restarted has forgotten the lock, and another process may hold it by now. While it
        # does
        # not answer nobody can take it, and to stop listening would lose what could be written later.
        self.held = self._advise() is not False
        return self.held
