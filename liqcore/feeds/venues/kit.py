"""What the files of venues share: frames, refusals, and pages of a history."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from liqcore.feeds.status import FeedError
from liqcore.feeds.venues.venue import Meaning, Tick, Venue

if TYPE_CHECKING:
    from liqcore.feeds.rest.session import Answer

MOST_PAGES: Final = 400
HOUR: Final = 3_600_000


def text(found: Any) -> str:
    """JSON without blanks, as a frame is sent."""
    return json.dumps(found, separators=(",", ":"))


def told(found: dict[str, Any], *names: str) -> str:
    """The first of the fields that holds words, shortened to a clause."""
    for name in names:
        if isinstance(found.get(name), str) and found[name]:
            return str(found[name])[:200].rstrip(".")
    return "no reason given"


def coded(found: Any, code: str, words: str, fine: tuple[str, ...] = ("0",)) -> str | None:
    """A venue's words where the field `code` of its answer is there and not one of `fine`."""
    if not isinstance(found, dict) or found.get(code) is None or str(found[code]) in fine:
        return None
    return f"{told(found, words)} (code {found[code]})"


def about(found: Any, *names: str) -> str | None:
    """What an `error` field says, be it words or an object that holds them under `names`."""
    problem = found.get("error") if isinstance(found, dict) else None
    if not problem:
        return None
    return told(problem, *names) if isinstance(problem, dict) else str(problem)[:200].rstrip(".")


def tick(price: Any, moment: Any) -> Tick | None:
    """A price with its moment in ms, None where either is no number or no price."""
    try:
        found = Tick(int(moment) * 1_000, float(price))
    except (TypeError, ValueError, OverflowError):
        return None
    return found if 0 < found.price < 1e9 else None


def answered(refused: str | None, confirmed: bool) -> Meaning:
    """A frame that refuses a subscription, confirms it, or does neither."""
    return Meaning(refused=(refused,)) if refused else Meaning(confirmed=confirmed)


def windows(first: int, last: int, length: int) -> Iterator[tuple[int, int]]:
    """Windows of at most `length`, newest first, so that what is cut short is the oldest."""
    for upper in range(last, first, -length):
        yield max(first, upper - length), upper


def listed(answer: Answer, *path: str) -> Answer:
    """The answer, if what is at `path` in it is a list; TypeError or KeyError else."""
    found = answer.data
    for name in path:
        found = found[name]
    if not isinstance(found, list):
        raise TypeError("no list")
    return answer


def as_list(found: Any) -> list[Any]:
    """A list as it is, anything else as a list of one."""
    return found if isinstance(found, list) else [found]


def too_long(venue: Venue) -> FeedError:
    """What is raised where a history has more pages than anybody should ask for."""
    return FeedError(
        f"The history of {venue.name} takes more than {MOST_PAGES} requests; the oldest part is left out. Ask"
        " for fewer hours.",
        venue=venue.id,
    )
