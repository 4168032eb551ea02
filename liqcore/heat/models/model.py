"""What a model of liquidation levels is: what it reads, what opens and closes, and where a level stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from liqcore.heat.assumptions import Assumptions


@dataclass(frozen=True)
class Inputs:
    """What is known of each candle, aligned: arrays of length n, times in µs, quantities in BTC.

    Attributes
    ----------
    opens_at, closes_at, step : when a candle opens and closes, and the usual length of one. open, low, high,
    close : USD.
    volume, taker : volume (0 where unknown) and the share of it that bought by taking (½ where unknown).
    interest, before, change : open interest as known at the close (NaN where unknown), what it was at the
        close of the candle before, and the growth (0 where it is not known). A venue that is heard for the
        first time counts in `before`, too.
    tilt : how far funding moves the paying side to the takers' mix, positive where longs pay.
    known_volume, known_interest, known_split, stale_interest : (n,) bool.
    late_interest : venues whose open interest begins later than that of others.
    """

    opens_at: np.ndarray
    closes_at: np.ndarray
    step: int
    open: np.ndarray
    low: np.ndarray
    high: np.ndarray
    close: np.ndarray
    volume: np.ndarray
    taker: np.ndarray
    interest: np.ndarray
    before: np.ndarray
    change: np.ndarray
    tilt: np.ndarray
    known_volume: np.ndarray
    known_interest: np.ndarray
    known_split: np.ndarray
    stale_interest: np.ndarray
    late_interest: tuple[str, ...]


@dataclass(frozen=True)
class Levels:
    """Where an opened position stands: one atom a pair of leverage and margin, k in all.

    Attributes
    ----------
    leverage : (k,) ×, for tables that tell a band by leverage.
    long, short : (k,) liquidation price over entry.
    mixes : (m, k) share of each atom in what each kind of opener opens; an atom that no price can reach has
    0.
    hazard : (k,) how fast an atom is closed, as a multiple of the book's own rate.
    """

    leverage: np.ndarray
    long: np.ndarray
    short: np.ndarray
    mixes: np.ndarray
    hazard: np.ndarray

    @staticmethod
    def of(
        leverage: np.ndarray,
        long: np.ndarray,
        short: np.ndarray,
        mixes: np.ndarray,
        hazard: np.ndarray | None = None,
    ) -> Levels:
        """Levels with the atoms that price can never reach left out of the mixes."""
        usable = (long > 0) & (long < 1) & (short > 1) & np.isfinite(short)
        return Levels(
            leverage,
            np.where(usable, long, 0.5),
            np.where(usable, short, 2.0),
            np.where(usable, np.atleast_2d(mixes), 0.0),
            np.ones(len(leverage)) if hazard is None else hazard,
        )


@dataclass(frozen=True)
class Steps:
    """What a model says happens in each candle, after price has crossed what it crosses.

    Attributes
    ----------
    long, short : (n, m) BTC opened on each side by each kind of opener.
    low, high, kernel : (n,), (n,) USD and (e,): entries lie at low + (high − low)·kernel, equally many each.
    closed : (n,) BTC closed on each side, crossed quantity included.
    before, after : (n,) BTC of open interest that closing takes its share of, and that nothing mapped may
        exceed; NaN where the model does not know or does not care.
    fade : (n,) share of the levels that stays where `before` is unknown.
    """

    long: np.ndarray
    short: np.ndarray
    low: np.ndarray
    high: np.ndarray
    kernel: np.ndarray
    closed: np.ndarray
    before: np.ndarray
    after: np.ndarray
    fade: np.ndarray


@dataclass(frozen=True)
class Model:
    """One model, as the registry, the controls, the provenance and the trace of a band read it.

    Attributes
    ----------
    name, title, words : the id in links and files, what it is called, and one sentence for a beginner.
    source : where the formula comes from.
    place : its place in lists; the lowest is the default.
    reads : names of the `Assumptions` it reads; only these stand in its provenance and can be moved.
    needs : what it cannot do without: `volume`, `open interest`, or `either`.
    levels, steps, flags : what it does with the assumptions and with what is known.
    """

    name: str
    title: str
    words: str
    source: str
    place: int
    reads: tuple[str, ...]
    needs: str
    levels: Callable[[Assumptions], Levels]
    steps: Callable[[Inputs, Assumptions], Steps]
    flags: Callable[[Inputs, Assumptions], tuple[str, ...]]

    def lacks(self, inputs: Inputs) -> str | None:
        """A sentence where the model cannot run on what is known, else None."""
        volume, interest = bool(inputs.known_volume.any()), bool(inputs.known_interest.any())
        if {"volume": volume, "open interest": interest, "either": volume or interest}[self.needs]:
            return None
        if self.needs == "volume":
            return (
                f"The model {self.title!r} needs volume, and the candles have none. Add candles with a volume"
                " column, or choose another model."
            )
        if self.needs == "open interest":
            return (
                f"The model {self.title!r} needs open interest, and there is none. Add an open interest file,"
                " or choose another model."
            )
        return (
            "Modelled levels need volume or open interest, and the candles have no volume. Add an open"
            " interest file."
        )
