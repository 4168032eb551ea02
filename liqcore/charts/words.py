"""Every sentence of the heatmap, made from its own numbers. Realised, modelled and measured never share a
word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from liqcore.charts.palette import ColourScale, usd
from liqcore.heat.grid import HeatGrid

_ADJECTIVE: Final = {"realised": "Realised", "modelled": "Estimated", "measured": "Measured"}
_KIND: Final = {
    "realised": "realised: these happened",
    "modelled": "modelled, not observed",
    "measured": "measured from open positions",
}
_NONE: Final = {"realised": "none recorded", "modelled": "none estimated", "measured": "none found"}
_MEANING: Final = {
    "realised": "liquidations that happened",
    "modelled": "positions that would be liquidated, estimated by a model",
    "measured": "open positions that would be liquidated, measured",
}
_VENUES_SHOWN: Final = 3


@dataclass(frozen=True, eq=False)
class Words:
    """What one drawing says: of which grid, which side, in which colours, at which price."""

    grid: HeatGrid
    side: str
    colour: ColourScale
    threshold: float
    price: float | None
    marked_now: bool
    title: str
    joined: tuple[int, int]

    @property
    def adjective(self) -> str:
        return _ADJECTIVE[self.grid.kind]

    @property
    def kind(self) -> str:
        return _KIND[self.grid.kind]

    @property
    def subject(self) -> str:
        """What the colours count, for titles."""
        return {
            "both": f"{self.adjective} liquidations",
            "net": f"{self.adjective} liquidations, long minus short",
        }.get(self.side, f"{self.adjective} {self.side} liquidations")

    def _short(self) -> str:
        return {"both": self.adjective, "net": f"{self.adjective} long − short"}.get(
            self.side, f"{self.adjective} {self.side}"
        )

    @property
    def venues(self) -> str:
        names = self.grid.provenance.venue_names
        if not names:
            return self.grid.provenance.source
        more = f" and {len(names) - _VENUES_SHOWN} more" if len(names) > _VENUES_SHOWN else ""
        sampled = " (sampled)" if self.grid.provenance.completeness == "sampled" else ""
        return ", ".join(names[:_VENUES_SHOWN]) + more + sampled

    @property
    def digits(self) -> int:
        """Decimals a price needs to tell neighbouring bands apart."""
        narrowest = float(np.diff(self.grid.price_edges).min())
        return 0 if narrowest >= 2 else 1 if narrowest >= 0.2 else 2

    @property
    def reference(self) -> float:
        """The price from which the cumulative curves add up."""
        edges = self.grid.price_edges
        return self.price if self.price is not None else float((edges[0] + edges[-1]) / 2)

    def money(self, price: float) -> str:
        return f"${price:,.{self.digits}f}"

    def cell(self) -> str:
        """The size of a cell, without which USD per cell mean nothing."""
        edges = self.grid.price_edges
        ratio = edges[1] / edges[0] - 1
        even = np.ptp(np.diff(edges)[:-1]) <= 1e-6 * (edges[-1] - edges[0]) if len(edges) > 3 else True
        band = usd(edges[1] - edges[0]) if even else f"{ratio * 100:.2g} %"
        return f"{band} band" if self.grid.is_stock else f"{band} × {self._column()} cell"

    def _column(self) -> str:
        minutes = float(np.median(np.diff(self.grid.time_edges).astype("int64"))) / 60e6
        if minutes >= 1440:
            return f"{minutes / 1440:g} d"
        return f"{minutes / 60:g} h" if minutes >= 60 else f"{minutes:g} min"

    def frame(self, bar_top: float, curve_top: float, volume_top: float) -> dict[str, Any]:
        """The texts the chart draws."""
        flow = not self.grid.is_stock
        when = "whole window" if flow else "in place now" if self.marked_now else "in place at the end"
        bars, lines = (
            f"bars: up to {usd(bar_top)} a band",
            "" if flow else f"lines: up to {usd(curve_top)} from the price",
        )
        return {
            "word_long": f"{self.adjective} long liquidations",
            "word_short": f"{self.adjective} short liquidations",
            "word_total": "Long minus short" if self.side == "net" else "Both sides together",
            "word_any": self.subject,
            "word_since": "From" if flow else "In place since",
            "word_until": "To" if flow else "Until",
            "empty": f"less than {usd(self.threshold)}" if self.threshold > 0 else _NONE[self.grid.kind],
            "venues": self.venues[:40],
            "kind": self.kind,
            "price_format": f"$,.{self.digits}f",
            "title": self.title,
            "legend_title": f"{self.subject}, USD per {self.cell()} · {self.colour.words()}",
            "legend_short": f"{self._short()}, USD per {self.cell()}",
            "now": np.nan if self.price is None else self.price,
            "now_label": (
                ""
                if self.price is None
                else f"{'now' if self.marked_now else 'last'} {self.money(self.price)}"
            ),
            "reference": self.money(self.reference),
            "profile_when": "",
            "profile_title": f"By price, {when}\n{bars}\n{lines}",
            "profile_line": " · ".join(part for part in (f"By price, {when}", bars, lines) if part),
            "profile_short": "By price",
            "volume_short": "Volume",
            "volume_title": (
                f"Volume, up to {_quantity(volume_top)} BTC a candle; white: net bought by takers, blue: net"
                " sold"
            ),
            "volume_lines": f"Volume, up to\n{_quantity(volume_top)} BTC",
        }

    def swatches(self) -> list[dict[str, Any]]:
        """What the two grounds of the plot mean."""
        empty = f"below {usd(self.threshold)}" if self.threshold > 0 else "little or none"
        rows = [{"place": 0, "gap": False, "label": empty}]
        if self.grid.observed is not None and not self.grid.observed.all():
            rows.append({"place": 1, "gap": True, "label": "no data"})
        return rows

    def legend(self) -> str:
        """How to read the colours, in sentences."""
        low, high = usd(self.colour.low), usd(self.colour.high)
        if self.colour.diverging:
            ends = (
                f"Orange: longs outweigh, blue: shorts outweigh, dark: they balance; full colour at {high}"
                f" ({self.colour.words()})."
            )
        elif self.colour.kind == "percentile":
            ticks = ", ".join(text for _, text in self.colour.legend())
            ends = f"Every colour covers the same share of the filled cells; from dark to bright: {ticks}."
        else:
            ends = (
                f"Dark to bright is {low} to {high} ({self.colour.words()}); what lies beyond takes the end"
                " colour."
            )
        empty = (
            f"Cells below {usd(self.threshold)} are not drawn."
            if self.threshold > 0
            else f"Unlit means {_NONE[self.grid.kind]}, not safe."
        )
        gap = " Grey stripes: no data was collected." if len(self.swatches()) > 1 else ""
        return f"{self.subject}: {_MEANING[self.grid.kind]}, in USD per {self.cell()}. {ends} {empty}{gap}"

    def alt(self, largest: tuple[str, float, float, float] | None) -> str:
        """The takeaway from the data, for those who do not see the chart."""
        start, end = (pd.Timestamp(moment) for moment in self.grid.time_edges[[0, -1]])
        out = f"{self.subject} ({self.grid.kind}) from {start:%b %d} to {end:%b %d, %Y}."
        if largest is None:
            out += f" Nothing to show: {_NONE[self.grid.kind]}."
        else:
            side, size, low, high = largest
            out += (
                f" Largest{' at the end' if self.grid.is_stock else ''}: {usd(size)} of {side} liquidations"
                f" at {self.money(low)} to {self.money(high)}"
            )
            out += f"{self._distance(low, high)}."
        if self.price is not None:
            out += f" Price {'now' if self.marked_now else 'at the end'} {self.money(self.price)}."
        return out

    def _distance(self, low: float, high: float) -> str:
        if self.price is None:
            return ""
        away = (
            low - self.price if low > self.price else high - self.price if high < self.price else 0.0
        ) / self.price
        return (
            ", at the price"
            if away == 0
            else f", {abs(away) * 100:.1f} % {'above' if away > 0 else 'below'} the price"
        )

    def notes(self, zoom: str, merged: bool) -> tuple[str, ...]:
        """What a careful reader should know about this drawing."""
        out = ["Pointing at a cell shows its own amount to three significant digits, not an average."]
        if self.joined != (1, 1):
            how = (
                "their amounts added"
                if not self.grid.is_stock
                else "amounts of bands added, the last state of each time kept"
            )
            out.append(
                f"Joined to fit the screen: {self.joined[0]} columns × {self.joined[1]} bands into one cell,"
                f" {how}. A shorter window shows more."
            )
        if merged:
            out.append("Candles are merged to fit: first open, highest high, lowest low, last close.")
        if len(self.swatches()) > 1:
            out.append("Grey stripes are times nobody recorded: a gap, not a zero.")
        if zoom != "off":
            key = "Hold Shift and turn the wheel" if zoom == "shift" else "Turn the wheel"
            out.append(f"{key} to zoom, drag to move, double-click to see everything again.")
        return tuple(out)


def _quantity(btc: float) -> str:
    return usd(btc)[1:] if btc >= 1 else f"{btc:.2g}"
