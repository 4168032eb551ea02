"""The address book: which accounts are known, what they were worth and held, and how far a sweep has come.

One SQLite file that only its owner may read, and the only place where an address is kept. The key that turns
addresses into names is in it, too: who deletes the file cuts the last thread to the accounts.
"""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from liqcore.feeds.positions.answers import is_address, pseudonym

# Hyperliquid's own market making vault; its children are asked for.
HLP: Final = "0xdfc24b077bc1425ad1dea75bcb6f8158e10df303"
_LAYOUT: Final = """
create table if not exists accounts (
    address text primary key, value real not null default 0, holds integer not null default 0,
    asked integer not null default 0, outcome text not null default '', row text
) without rowid;
create table if not exists facts (name text primary key, value) without rowid;
"""


class AddressBook:
    """The accounts of one venue. Moments are µs since 1970. Safe in many threads of one process."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Made closed, not closed afterwards.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        path.chmod(0o600)
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
        # What a crash takes away is asked again.
        self._db.executescript(f"pragma synchronous=off; pragma secure_delete=on; {_LAYOUT}")
        self._do("insert or ignore into facts values ('key', ?)", secrets.token_bytes(32))
        self.key: bytes = self.fact("key")

    def close(self) -> None:
        # Closed under another thread's statement, SQLite takes the whole process with it.
        with self._lock:
            self._db.close()

    def fact(self, name: str, otherwise: Any = None) -> Any:
        """One thing that the book remembers beside accounts."""
        found = self._do("select value from facts where name = ?", name)
        return found[0][0] if found else otherwise

    def put(self, name: str, value: Any) -> None:
        """Remember one thing, in the place of what was known by that name."""
        self._do("insert or replace into facts values (?, ?)", name, value)

    def add(self, addresses: Iterable[str] | Mapping[str, float]) -> int:
        """Write new accounts down, and what they are worth (USD) where that is told; the number of new
        ones."""
        told = addresses if isinstance(addresses, Mapping) else dict.fromkeys(addresses, 0.0)
        rows = [(one.lower(), float(value)) for one, value in told.items() if is_address(one)]
        # All or nothing: what a full disk breaks off is rolled back, or nothing could be added any more.
        with self._lock, self._db:
            before = self.count()
            self._db.execute("begin")
            self._db.executemany(
                "insert into accounts (address, value) values (?, ?) on conflict (address) do update"
                " set value = max(excluded.value, 0) where excluded.value > 0",
                rows,
            )
            return self.count() - before

    def count(self) -> int:
        """How many accounts are known."""
        return int(self._do("select count(*) from accounts")[0][0])

    def due(self, began: int) -> list[str]:
        """Addresses not yet asked in the sweep that began then: holders of BTC first, then the richest."""
        rows = self._do(
            "select address from accounts where asked < ? order by holds desc, value desc, address", began
        )
        return [address for (address,) in rows]

    def failed(self, began: int) -> list[str]:
        """Addresses that failed in the sweep, to be asked once more."""
        rows = self._do(
            "select address from accounts where asked >= ? and outcome = 'failed' order by address", began
        )
        return [address for (address,) in rows]

    def note(self, address: str, at: int, row: Mapping[str, Any] | None, value: float) -> None:
        """An account answered: its BTC position as a row, None without one, and what it is worth."""
        self._do(
            "update accounts set outcome = case when asked >= ? and outcome like 'failed%' then 'recovered'"
            " else 'answered' end, asked = ?, row = ?, holds = ?, value = coalesce(?, value) where"
            " address = ?",
            self.fact("began", 0),
            at,
            None if row is None else json.dumps(row),
            row is not None,
            value if value == value else None,
            address,
        )

    def miss(self, address: str, at: int) -> None:
        """An account did not answer. What it held before is not carried over."""
        self._do(
            "update accounts set outcome = case when asked >= ? and outcome = 'failed' then 'failed twice'"
            " else 'failed' end, asked = ?, row = null where address = ?",
            self.fact("began", 0),
            at,
            address,
        )

    def forget_ahead(self, now: int) -> None:
        """Answers dated after now are of a clock that was set back: their accounts are asked anew."""
        self._do("update accounts set asked = 0, outcome = '', row = null where asked > ?", now)

    def counts(self, began: int) -> dict[str, int]:
        """Accounts `asked`, `answered`, `failed` and `recovered` in the sweep."""
        found = dict(
            self._do("select outcome, count(*) from accounts where asked >= ? group by outcome", began)
        )
        failed = sum(many for name, many in found.items() if name.startswith("failed"))
        return {
            "asked": sum(found.values()),
            "answered": sum(found.values()) - failed,
            "failed": failed,
            "recovered": found.get("recovered", 0),
        }

    def rows(self, began: int) -> list[dict[str, Any]]:
        """The positions that the sweep found, without addresses."""
        return [
            json.loads(text)
            for (text,) in self._do("select row from accounts where asked >= ? and row is not null", began)
        ]

    def name(self, address: str) -> str:
        """What an account is called outside the book."""
        return pseudonym(address, self.key)

    def _do(self, sentence: str, *values: Any) -> list[Any]:
        with self._lock, closing(self._db.execute(sentence, values)) as cursor:
            return cursor.fetchall()
