"""Rules, inbox and journals that were kept before an upgrade are there after it.

`kept/` holds what versions wrote, as text. A change of the store's schema, of the rules' or of the journal's
form leaves these files as they are and adds new ones: all of them must open.
"""

import sqlite3
from pathlib import Path

import pytest

from liqcore.alerts import templates
from liqcore.feeds.live.store import SCHEMA, open_store
from liqcore.learn import quiz
from liqcore.learn.quiz import JournalRow
from liqcore.service import watch

KEPT = Path(__file__).parent / "kept"
STORES = sorted(KEPT.glob("store-*.sql"))


def test_the_present_schema_has_a_kept_file():
    assert KEPT / f"store-{SCHEMA}.sql" in STORES


@pytest.mark.parametrize("kept", STORES, ids=lambda path: path.stem)
def test_rules_inbox_and_events_survive(kept, tmp_path):
    file = tmp_path / "store.sqlite"
    with sqlite3.connect(file) as connection:
        connection.executescript(kept.read_text(encoding="utf-8"))
    connection.close()
    store = open_store(f"sqlite:///{file}")
    assert store.problem == ""
    assert store.note("schema") == str(SCHEMA)
    orders = watch.orders(store)
    assert orders is not None
    assert [rule.when for rule in orders.rules] == [
        rule.when for rule in templates.templates(28_000, 29_000)[:4]
    ]
    assert (orders.bars, orders.since) == ("15min", "2026-03-01T00:00:00Z")
    (entry,) = watch.inbox(store)
    assert (entry.alert.sentence, entry.alert.level) == ("Price won 28,000 back.", 28_000.0)
    assert sorted(store.events()["quantity"]) == [0.003, 0.026, 0.049]
    store.close()


def test_a_journal_of_before_the_ten_rounds_is_read_and_added_to():
    rows = quiz.read_journal((KEPT / "journal-1.csv").read_text(encoding="utf-8"))
    assert rows[0] == JournalRow(
        4, "Sample market (synthetic, violent fortnight)", "2026-04-16T06:15Z", "15m", 24,
        24452.6, 0.9, 0.18, 0.72, True, False, True, 0.56, 0.35, 0.2,
        "long", 24450.0, 24300.0, 24800.0, "stop", -1.0, False, True, True, "=I was sure",
    )  # fmt: skip
    assert rows[1].said_touches is None
    assert quiz.read_journal(quiz.journal_csv(rows)) == rows
