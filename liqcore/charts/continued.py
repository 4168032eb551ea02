"""A map that goes on: what was sent once, and the little that came since."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from liqcore.charts import codes, payload
from liqcore.charts.picture import Look, Picture

# A map is sent anew when what came since would cost as much.
_MOST_BYTES: Final = 4_000
_ROWS: Final = ("open", "high", "low", "close", "volume", "bought")


@dataclass(frozen=True, eq=False)
class Sent:
    """A map as it was sent: its picture, and the message, which stays the same from tick to tick."""

    picture: Picture
    message: bytes
    lowest: int
    asked: tuple[Any, ...]

    @property
    def id(self) -> str:
        return payload.identity(self.message)


def go_on(
    before: Sent | None, now: Picture, key: str, look: Look | None, options: dict[str, Any]
) -> tuple[Sent, bytes]:
    """The map to keep mounted, and the message with what came since; an empty one where nothing did.

    Columns may be added at the end, changed, or dropped at the start; where more than that has changed, or
    too much came, the map is sent anew.
    """
    asked = (key, look, repr({name: value for name, value in options.items() if name != "note"}))
    if before is not None and before.asked == asked:
        part = _since(before, now, key, options.get("note", ""))
        if part is not None and len(part) <= _MOST_BYTES:
            return before, part
    message = now.payload(key, look, **options)
    lowest = codes.lowest_decade(now.grid.long, now.grid.short)
    return Sent(now, message, lowest, asked), b""


def _since(before: Sent, now: Picture, key: str, note: str) -> bytes | None:
    """The message that turns the map that was sent into the one of now; None where no such message can."""
    old, new = before.picture.grid, now.grid
    if old.kind != new.kind or not np.array_equal(old.price_edges, new.price_edges):
        return None
    start = int(np.searchsorted(old.time_edges, new.time_edges[0]))
    shared = min(old.shape[0] - start, new.shape[0])
    if shared < 1 or not np.array_equal(
        old.time_edges[start : start + shared + 1], new.time_edges[: shared + 1]
    ):
        return None
    if codes.lowest_decade(new.long, new.short) > before.lowest:
        return None
    candles = _candles_since(before.picture, now)
    if candles is None:
        return None
    same = np.ones(shared, dtype=bool)
    for side in ("long", "short"):
        same &= (getattr(old, side)[start : start + shared] == getattr(new, side)[:shared]).all(axis=1)
    first = int(np.argmin(same)) if not same.all() else shared
    first = min(first, new.shape[0] - 1)
    row, at = candles
    return payload.columns(
        new,
        now.bars,
        first=first,
        kept=start + first,
        lowest=before.lowest,
        candle_first=row,
        candle_at=at,
        target=key,
        base=before.id,
        alt=now.alt,
        title=now.words.title(),
        note=note,
    )


def _candles_since(before: Picture, now: Picture) -> tuple[int, int] | None:
    """The first row of the candles of now that the sent ones lack or tell differently, and its row there."""
    old, new = before.bars, now.bars
    if old.step != new.step:
        return None
    if not new.step:
        return 0, 0
    start = round((new.origin - old.origin) / new.step)
    count = len(old.rows["close"])
    if start < 0 or start > count:
        return None
    shared = min(count - start, len(new.rows["close"]))
    same = np.ones(shared, dtype=bool)
    for name in _ROWS:
        mine, theirs = old.rows[name][start : start + shared], new.rows[name][:shared]
        same &= (mine == theirs) | (np.isnan(mine) & np.isnan(theirs))
    row = int(np.argmin(same)) if not same.all() else shared
    return row, start + row
