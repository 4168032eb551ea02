"""Every sentence of the heatmap, made from its own numbers. Realised, modelled and measured never share a
word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from liqcore import wording
from liqcore.charts.palette import ColourScale
from liqcore.distances import away
from liqcore.heat.grid import HeatGrid
from liqcore.wording import percent, usd

_ADJECTIVE: Final = {"realised": "Realised", "modelled": "Estimated", "measured": "Measured"}
_NONE: Final = {"realised": "none recorded", "modelled": "none estimated", "measured": "none found"}
_MEANING: Final = {
    "realised": "liquidations that happened",
    "modelled": "positions that would be liquidated, estimated by a model",
    "measured": "open positions that would be liquidated, measured",
}
CAVEAT: Final = (
    "A diagnostic picture, not a forecast: a strong colour says that money stands or stood there, not where"
    " price goes."
)


@dataclass(frozen=True, eq=False)
class Words:
    """What one map says: of which grid, at which price, with how many columns and bands joined into one."""

    grid: HeatGrid
    price: float | None
    joined: tuple[int, int] = (1, 1)

    @property
    def subject(self) -> str:
        """What the colours count."""
        return f"{_ADJECTIVE[self.grid.kind]} liquidations"

    @property
    def digits(self) -> int:
        """Decimals a price needs to tell neighbouring bands apart."""
        narrowest = float(np.diff(self.grid.price_edges).min())
        return 0 if narrowest >= 2 else 1 if narrowest >= 0.2 else 2

    def money(self, price: float) -> str:
        return wording.price(price, digits=self.digits)

    def cell(self) -> str:
        """The size of a cell, without which USD per cell mean nothing."""
        edges = self.grid.price_edges
        even = np.ptp(np.diff(edges)[:-1]) <= 1e-6 * (edges[-1] - edges[0]) if len(edges) > 3 else True
        band = usd(float(edges[1] - edges[0])) if even else percent(float(edges[1] / edges[0] - 1))
        if self.grid.is_stock:
            return f"{band} band"
        return f"{band} × {wording.duration(np.median(np.diff(self.grid.time_edges)))} cell"

    @property
    def unit(self) -> str:
        """What one colour stands for."""
        return f"USD per {self.cell()}"

    @property
    def empty(self) -> str:
        """What an unlit cell says."""
        return _NONE[self.grid.kind]

    def title(self) -> str:
        """Subject, source and period, for a picture that leaves the page."""
        start, end = self.grid.time_edges[[0, -1]]
        return f"{self.subject}, {self.grid.provenance.source}, {wording.period(start, end)}"

    def legend(self, colour: ColourScale, threshold: float = 0.0) -> str:
        """How to read the colours, in sentences."""
        low, high = usd(colour.low), usd(colour.high)
        if colour.diverging:
            ends = (
                f"Orange: longs outweigh, blue: shorts outweigh, faint: they balance; full colour at {high}"
                f" ({colour.words()})."
            )
        elif colour.kind == "percentile":
            ticks = ", ".join(text for _, text in colour.legend())
            ends = f"Every colour covers the same share of the filled cells; from faint to strong: {ticks}."
        else:
            ends = (
                f"Faint to strong is {low} to {high} ({colour.words()}); what lies beyond takes the end"
                " colour."
            )
        empty = (
            f"Cells below {usd(threshold)} are not drawn."
            if threshold > 0
            else f"Unlit means {_NONE[self.grid.kind]}, not safe."
        )
        gap = "" if self._watched() else " Grey stripes: no data was collected."
        return f"{self.subject}: {_MEANING[self.grid.kind]}, in {self.unit}. {ends} {empty}{gap}"

    def alt(self) -> str:
        """The takeaway from the data, for those who do not see the chart."""
        start, end = self.grid.time_edges[[0, -1]]
        out = f"{self.subject} ({self.grid.kind}), {wording.period(start, end)}."
        found = largest(self.grid)
        if found is None:
            out += f" Nothing to show: {_NONE[self.grid.kind]}."
        else:
            side, size, low, high = found
            out += (
                f" Largest{' at the end' if self.grid.is_stock else ''}: {usd(size)} of {side} liquidations"
                f" at {self.money(low)} to {self.money(high)}{self._distance(low, high)}."
            )
        if self.price is not None:
            out += f" Price at the end {self.money(self.price)}."
        return out

    def _distance(self, low: float, high: float) -> str:
        if self.price is None:
            return ""
        if low <= self.price <= high:
            return ", at the price"
        far = away(self.price, low, high)
        return f", {percent(abs(far))} {'above' if far > 0 else 'below'} the price"

    def notes(self, merged: bool) -> tuple[str, ...]:
        """What a careful reader should know about this drawing."""
        out = []
        if self.joined != (1, 1):
            how = (
                "amounts of bands added, the last state of each time kept"
                if self.grid.is_stock
                else "their amounts added"
            )
            out.append(
                f"Joined to fit a screen: {self.joined[0]} columns × {self.joined[1]} bands into one cell,"
                f" {how}. A shorter window shows more."
            )
        if merged:
            out.append("Candles are joined to fit: first open, highest high, lowest low, last close.")
        if not self._watched():
            out.append("Grey stripes are times nobody recorded: a gap, not a zero.")
        return tuple(out)

    def _watched(self) -> bool:
        return self.grid.observed is None or bool(self.grid.observed.all())


def largest(grid: HeatGrid) -> tuple[str, float, float, float] | None:
    """(side, USD, low, high) of the fullest cell: of the last column where columns are states, else of
    all."""
    best: tuple[str, float, float, float] | None = None
    for side, values in (("long", grid.long), ("short", grid.short)):
        by_price = values[-1] if grid.is_stock else values.max(axis=0)
        band = int(by_price.argmax())
        size = float(by_price[band])
        if size > 0 and (best is None or size > best[1]):
            best = side, size, float(grid.price_edges[band]), float(grid.price_edges[band + 1])
    return best
