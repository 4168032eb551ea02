"""A session that asks the stand-in for all venues."""

import pytest

from tests.feeds.loopback_session import loopback


@pytest.fixture(scope="module")
def session():
    with loopback() as (_, opened):
        yield opened
