"""Sweeping in a running app: off until turned on, by the owner alone where others are served."""

import time

import pytest

from liqcore.feeds.positions import sweep as sweeping
from liqcore.feeds.positions.book import AddressBook
from liqcore.service.census import Census
from tests.feeds.loopback_session import loopback
from tests.loopback.accounts import address


def made(folder, session=lambda: None, **more) -> Census:
    return Census(folder, str(folder / "market"), session, **{"environment": {}, **more})


def test_nothing_is_asked_until_it_is_turned_on(tmp_path):
    here = made(tmp_path, session=lambda: pytest.fail("asked"))
    here.begin()
    assert not here.on
    assert here.may(local=True)
    assert here.snapshots() == []
    assert not (tmp_path / "accounts.sqlite").exists()


@pytest.mark.parametrize(
    ("hosted", "told", "local", "on", "may"),
    [
        (True, None, True, False, False),
        (True, "1", True, True, False),
        (True, "off", True, False, False),
        (False, "0", True, False, False),
        (False, None, False, False, True),
        # Nobody has said whether others are served: only who sits at this machine may.
        (None, None, True, False, True),
        (None, None, False, False, False),
        (None, "1", False, True, False),
    ],
)
def test_in_a_hosted_app_only_the_owner_decides(tmp_path, hosted, told, local, on, may):
    here = made(tmp_path, hosted=hosted, environment={} if told is None else {"HEATLAB_POSITIONS": told})
    assert (here.on, here.may(local), here.progress(local).may) == (on, may, may)
    if not may:
        here.switch(True, local)
        assert here.on is on
        assert not (tmp_path / "positions-on").exists()


def test_who_does_not_say_that_he_is_local_is_not(tmp_path):
    here = made(tmp_path)
    assert not here.progress().may
    here.switch(True)
    assert not here.on


def test_in_a_hosted_app_a_mark_of_before_turns_nothing_on(tmp_path):
    (tmp_path / "positions-on").touch()
    assert not made(tmp_path, hosted=True).on


def test_offline_it_is_off_whatever_was_turned_on(tmp_path):
    (tmp_path / "positions-on").touch()
    here = made(tmp_path, offline=True)
    assert (here.on, here.may(local=True)) == (False, False)


def test_turned_on_it_sweeps_and_its_snapshot_is_there_for_all(tmp_path, monkeypatch):
    known = [address(number) for number in range(6)]
    monkeypatch.setattr(sweeping, "refresh", lambda book, session, now: book.add(known))
    with loopback(tmp_path / "cache") as (server, session):
        here = made(tmp_path, session=lambda: session, loopback=server.address)
        here.switch(True, local=True)
        until = time.monotonic() + 30
        while not here.snapshots() and time.monotonic() < until:
            time.sleep(0.05)
        (found,) = here.snapshots()
        assert here.progress().known == 6
        here.switch(False, local=True)
        here.stop()
    assert len(found.positions) == 6
    book = AddressBook(tmp_path / "accounts.sqlite")
    assert book.count() == 6
    book.close()
    assert (tmp_path / "positions-on").exists() is False
