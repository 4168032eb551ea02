"""What deployment is tested with: the PostgreSQL of the store's tests and the wheel of the package's."""

from tests.feeds.conftest import postgres
from tests.test_package import wheel

__all__ = ["postgres", "wheel"]
