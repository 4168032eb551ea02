"""Positions that a venue publishes, as snapshots, and how much of the venue each of them saw."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from liqcore import tables, wording

# Below this share of the venue's open interest a map says that it is a part.
WHOLE: Final = 0.6
# Answers that follow each other within this long belong to one sweep where no sweep is recorded.
_TOGETHER: Final = 10 * 60_000_000


@dataclass(frozen=True, eq=False)
class Snapshot:
    """All positions one sweep saw, and what the sweep knows about itself.

    Attributes
    ----------
    at : when the last account was asked, UTC.
    venue : whose positions these are.
    positions : positions table; `time` is when the venue told each.
    open_interest : BTC of the venue, NaN where it is not known.
    mark_price : USD, NaN where it is not known.
    asked, answered, failed, recovered : accounts; 0 asked where no sweep is recorded.
    """

    at: np.datetime64
    venue: str
    positions: pd.DataFrame
    open_interest: float = np.nan
    mark_price: float = np.nan
    asked: int = 0
    answered: int = 0
    failed: int = 0
    recovered: int = 0

    @property
    def price(self) -> float:
        """The mark price; where it was not told, what the positions' own notional implies."""
        if np.isfinite(self.mark_price) or self.positions.empty:
            return self.mark_price
        return float((self.positions["notional"] / self.positions["quantity"]).median())


def snapshots(positions: pd.DataFrame, sweeps: pd.DataFrame | None = None) -> list[Snapshot]:
    """A positions table cut into snapshots, oldest first.

    With `sweeps`, a snapshot holds what was told between the begin and the end of each. Without, a new one
    begins where an account is told again or ten minutes pass without an answer.
    """
    table = tables.ensure(positions, "positions")
    told = tables.microseconds(table["time"])
    if sweeps is not None and len(sweeps):
        found = []
        for row in tables.ensure(sweeps, "sweeps").to_dict("records"):
            part = table.iloc[
                np.searchsorted(told, int(row["began"])) : np.searchsorted(
                    told, _micros(row["time"]), "right"
                )
            ]
            found.append(
                Snapshot(
                    pd.Timestamp(row["time"]).tz_localize(None).to_datetime64(),
                    str(row["venue"]),
                    part[part["venue"] == row["venue"]].reset_index(drop=True),
                    float(row["open_interest"]),
                    float(row["mark_price"]),
                    *(int(n) for n in (row["asked"], row["answered"], row["failed"], row["recovered"])),
                )
            )
        return found
    out = []
    for venue, own in table.groupby("venue", observed=True, sort=False):
        own = own.reset_index(drop=True)
        for first, last in _runs(own):
            part = own.iloc[first:last].reset_index(drop=True)
            at = part["time"].iloc[-1].tz_localize(None).to_datetime64()
            out.append(Snapshot(at, str(venue), part))
    return sorted(out, key=lambda one: one.at)


def _runs(table: pd.DataFrame) -> list[tuple[int, int]]:
    """First and last row + 1 of each run in which no account is told twice."""
    told = tables.microseconds(table["time"])
    rows = pd.Series(np.arange(len(table)))
    before = rows.groupby(table["account"].array, observed=True).shift(1).fillna(-1).to_numpy(dtype="int64")
    pauses = np.flatnonzero(np.diff(told) > _TOGETHER) + 1
    runs, first = [], 0
    while first < len(table):
        again = np.flatnonzero(before[first:] >= first)
        last = first + int(again[0]) if len(again) else len(table)
        pause = pauses[np.searchsorted(pauses, first, "right") :]
        last = min(last, int(pause[0])) if len(pause) else last
        runs.append((first, last))
        first = last
    return runs


def _micros(moment: object) -> int:
    return int(tables.to_datetime64(moment).astype("int64"))


@dataclass(frozen=True)
class Coverage:
    """How much of a venue a snapshot saw: shares are 0 to 1, NaN where they cannot be known.

    Attributes
    ----------
    venue, at : whose, and when the last account was asked.
    positions : how many.
    long_btc, short_btc : BTC held on each side; equal in a full census, since every contract has both.
    open_interest : BTC of the venue.
    share : of the open interest seen, mean of both sides; `at_most` where only a bound is known, which is the
        smaller side against the larger one.
    unpriced, unpriced_usd : share of positions, and of their USD, without a liquidation price.
    cross, cross_usd : share of positions, and of USD, with cross margin, of those whose margin is known.
    oldest_seconds, median_seconds : age of the answers at `now`.
    asked, answered, failed, recovered : accounts.
    """

    venue: str
    at: np.datetime64
    positions: int
    long_btc: float
    short_btc: float
    open_interest: float
    share: float
    at_most: bool
    unpriced: float
    unpriced_usd: float
    cross: float
    cross_usd: float
    oldest_seconds: float
    median_seconds: float
    asked: int
    answered: int
    failed: int
    recovered: int

    @property
    def imbalance(self) -> float:
        """Longs minus shorts over both, −1 to 1: 0 in a full census."""
        both = self.long_btc + self.short_btc
        return (self.long_btc - self.short_btc) / both if both else float("nan")

    @property
    def is_part(self) -> bool:
        """Whether the map must say that it is a part: less than 60 % was seen, or nobody knows how much."""
        return not self.share >= WHOLE or self.at_most

    @property
    def words(self) -> str:
        """How much was seen, for a title: `part: 23 % of the open interest`."""
        if not np.isfinite(self.share):
            return "part: nobody knows of how much"
        most = "at most " if self.at_most else ""
        part = "part: " if self.is_part else ""
        return f"{part}{most}{wording.percent(self.share)} of the open interest"

    @property
    def title(self) -> str:
        """The heading of a measured map."""
        return f"Measured positions, {wording.sentence_case(self.venue)}, {self.words}"


def coverage(snapshot: Snapshot, now: object = None) -> Coverage:
    """The coverage meter of a snapshot; ages are counted from `now`, by default the end of its sweep."""
    held = snapshot.positions
    usd, btc = held["notional"].to_numpy(), held["quantity"].to_numpy()
    is_long = (held["side"] == "long").to_numpy()
    longs, shorts = float(btc[is_long].sum()), float(btc[~is_long].sum())
    bare = held["liquidation_price"].isna().to_numpy()
    known = (held["margin"] != "unknown").to_numpy()
    cross = (held["margin"] == "cross").to_numpy()
    whole = snapshot.open_interest
    certain = bool(np.isfinite(whole) and whole > 0)
    # Without a denominator: the open interest is at least the larger side.
    base = whole if certain else max(longs, shorts)
    moment = _micros(now if now is not None else snapshot.at)
    ages = (moment - tables.microseconds(held["time"])) / 1e6
    return Coverage(
        venue=snapshot.venue,
        at=snapshot.at,
        positions=len(held),
        long_btc=longs,
        short_btc=shorts,
        open_interest=whole,
        share=(longs + shorts) / (2 * base) if base > 0 else float("nan"),
        at_most=not certain,
        unpriced=_part(bare, np.ones(len(held))),
        unpriced_usd=_part(bare, usd),
        cross=_part(cross[known], np.ones(int(known.sum()))),
        cross_usd=_part(cross[known], usd[known]),
        oldest_seconds=float(ages.max()) if len(ages) else float("nan"),
        median_seconds=float(np.median(ages)) if len(ages) else float("nan"),
        asked=snapshot.asked,
        answered=snapshot.answered,
        failed=snapshot.failed,
        recovered=snapshot.recovered,
    )


def _part(of: np.ndarray, weights: np.ndarray) -> float:
    total = float(weights.sum())
    return float(weights[of].sum()) / total if total > 0 else float("nan")


# A liquidation price that moved by more than this share counts as moved.
MOVED: Final = 0.02


def churn(
    before: Snapshot, after: Snapshot, edges: np.ndarray, price_between: tuple[float, float] | None = None
) -> pd.DataFrame:
    """What became of the positions of one snapshot in a later one, as bands of liquidation price.

    Parameters
    ----------
    before, after : two snapshots of one venue.
    edges : (P + 1,) USD, ascending.
    price_between : lowest and highest mark price between the two; a position that is gone and whose price
        lies inside is called liquidated, which is likely and not certain. None calls all of them closed.

    Returns
    -------
    DataFrame, one row a band, side and fate with positions in it: `price_low`, `price_high`, `side`, `fate`
    (`held`, `moved`, `opened`, `closed`, `liquidated`), `positions`, `usd` (at the liquidation price; of the
    earlier one for what is gone, of the later one else). A position that changed its side is closed and
    opened. Positions without a price stand in a band with NaN edges, with their notional.
    """
    key = ["account", "side"]
    columns = [*key, "quantity", "liquidation_price", "notional"]
    old, new = (one.positions[columns].astype({"account": str, "side": str}) for one in (before, after))
    both = old.merge(new, on=key, how="outer", suffixes=("_old", "_new"), indicator=True)
    was, now = both["liquidation_price_old"], both["liquidation_price_new"]
    gone, came = both["_merge"] == "left_only", both["_merge"] == "right_only"
    shifted = ((now / was - 1).abs() > MOVED) | (was.isna() ^ now.isna())
    fate = np.select([gone, came, shifted], ["closed", "opened", "moved"], "held")
    if price_between is not None:
        crossed = np.where(both["side"] == "long", was >= price_between[0], was <= price_between[1])
        fate = np.where(gone & crossed, "liquidated", fate)
    at = now.where(~gone, was)
    usd = (both["quantity_new"] * now).where(~gone, both["quantity_old"] * was)
    usd = usd.fillna(both["notional_new"].where(~gone, both["notional_old"]))
    place = np.searchsorted(edges, at.to_numpy(), side="right") - 1
    inside = at.notna() & (place >= 0) & (place < len(edges) - 1)
    kept = inside | at.isna()
    place = np.where(inside, place, -1)[kept]
    rows = pd.DataFrame(
        {"band": place, "side": both["side"][kept], "fate": fate[kept], "positions": 1, "usd": usd[kept]}
    )
    out = rows.groupby(["band", "side", "fate"], as_index=False)[["positions", "usd"]].sum()
    band = out.pop("band").to_numpy()
    out.insert(0, "price_high", np.where(band >= 0, edges[np.maximum(band, 0) + 1], np.nan))
    out.insert(0, "price_low", np.where(band >= 0, edges[np.maximum(band, 0)], np.nan))
    return out


def churn_shares(before: Snapshot, after: Snapshot, price_between: tuple[float, float] | None = None) -> dict:
    """Share of the earlier snapshot's positions that were held, moved, closed or liquidated, and how many
    opened for each of them."""
    everything = np.array([0.0, np.finfo(float).max])
    counts = churn(before, after, everything, price_between).groupby("fate")["positions"].sum()
    base = max(len(before.positions), 1)
    return {
        fate: float(counts.get(fate, 0)) / base
        for fate in ("held", "moved", "closed", "liquidated", "opened")
    }


def of_margin(snapshot: Snapshot, margin: str) -> Snapshot:
    """The snapshot with only positions of one margin mode; what it knows about itself stays."""
    held = snapshot.positions
    return replace(snapshot, positions=held[held["margin"] == margin].reset_index(drop=True))
