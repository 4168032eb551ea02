"""Build data/samples/ again: two synthetic fortnights from fixed seeds.

python tools/make_samples.py            both, written to data/samples/
python tools/make_samples.py calm       one of them
python tools/make_samples.py --figures  only print the figures of the stored samples, for their README
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pandas as pd

from liqcore.feeds import samples
from liqcore.lab.simulator import SimulatedMarket, simulate
from liqcore.lab.stylised import stylised_facts, tail_exponent


@dataclass(frozen=True)
class Recipe:
    """What one sample is made from; `days` may be shortened, which gives its beginning."""

    label: str
    regime: str
    seed: int
    start: str
    start_price: float

    def simulate(self, days: float = 14) -> SimulatedMarket:
        """The sample market, or its first days."""
        return simulate(
            days,
            5,
            self.seed,
            regime=self.regime,
            start=self.start,
            start_price=self.start_price,
            positions_every="24h",
        )


# Both are left to chance; the violent seed was picked for a crash and a squeeze, both for a price near 28,000
# USD.
RECIPES = {
    "calm": Recipe("Sample market (synthetic, calm fortnight)", "calm", 47, "2026-03-01", 28_000.0),
    "violent": Recipe("Sample market (synthetic, violent fortnight)", "violent", 41, "2026-04-06", 28_000.0),
}


def build(name: str) -> samples.Sample:
    """Simulate one sample in full."""
    recipe = RECIPES[name]
    market = recipe.simulate()
    return samples.Sample(
        name=name,
        label=recipe.label,
        candles=market.candles,
        venue_candles=market.venue_candles,
        liquidations=market.liquidations,
        open_interest=market.open_interest,
        funding=market.funding,
        positions=market.positions,
        venues=tuple(samples.SampleVenue(**vars(venue)) for venue in market.venues),
        parameters={
            **market.parameters,
            "liquidations_true": {
                venue.name: [
                    int(mine.sum()),
                    round(float(market.liquidations_true.loc[mine, "notional"].sum()), 2),
                ]
                for venue in market.venues
                for mine in [market.liquidations_true["venue"] == venue.name]
            },
        },
    )


def figures(sample: samples.Sample) -> str:
    """The figures of a sample as Markdown tables."""
    candles, events = sample.candles, sample.liquidations
    facts = stylised_facts(candles)
    lines = [
        (
            f"Bars of 15 minutes: annualised volatility {facts.volatility:.0%}, kurtosis"
            f" {facts.kurtosis:.0f}, autocorrelation of the absolute return {facts.persistence_1:.2f} after"
            f" one bar and {facts.persistence_4:.2f} after four, of the return {facts.momentum_1:+.2f}, wicks"
            f" {facts.wick_share:.0%} of the range, rank correlation of volume and absolute return"
            f" {facts.volume_rank:.2f}, standard deviation of the log volume {facts.volume_spread:.2f},"
            f" largest volume {facts.volume_peak:.0f} times the median; tail exponent of liquidations"
            f" {tail_exponent(events['notional'].to_numpy()):.1f}. Price {candles['low'].min():,.0f} to"
            f" {candles['high'].max():,.0f} USD, last {candles['close'].iloc[-1]:,.0f}. Printed:"
            f" {len(events):,} liquidations, {events['notional'].sum() / 1e6:,.0f} million USD,"
            f" {events.loc[events['side'] == 'long', 'notional'].sum() / events['notional'].sum():.0%} of it"
            " longs. Largest minute"
            f" {events.groupby(events['time'].dt.floor('1min'))['notional'].sum().max() / 1e6:,.0f} million"
            " USD."
        ),
        "",
        (
            "| day | open | high | low | close | volume BTC | open interest BTC | events | longs, million USD"
            " | shorts, million USD |"
        ),
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    interest = sample.open_interest.groupby("time")["quantity"].sum()
    for day, bars in candles.groupby(candles["time"].dt.floor("D")):
        mine = events[events["time"].dt.floor("D") == day]
        usd = {side: mine.loc[mine["side"] == side, "notional"].sum() / 1e6 for side in ("long", "short")}
        lines.append(
            f"| {day:%d %b} | {bars['open'].iloc[0]:,.0f} | {bars['high'].max():,.0f} |"
            f" {bars['low'].min():,.0f} | {bars['close'].iloc[-1]:,.0f} | {bars['volume'].sum():,.0f} |"
            f" {interest[day]:,.0f} | {len(mine):,} | {usd['long']:.1f} | {usd['short']:.1f} |"
        )
    return "\n".join([*lines, "", *_by_venue(sample, events)])


def _by_venue(sample: samples.Sample, events: pd.DataFrame) -> list[str]:
    lines = [
        "| venue | printed | of all that happened | million USD | of all that happened | longs |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for venue in sample.venues:
        mine = events[events["venue"] == venue.name]
        count, usd = sample.parameters["liquidations_true"][venue.name]
        longs = mine.loc[mine["side"] == "long", "notional"].sum() / mine["notional"].sum()
        lines.append(
            f"| {venue.name} | {len(mine):,} | {len(mine) / count:.0%} | {mine['notional'].sum() / 1e6:,.0f}"
            f" | {mine['notional'].sum() / usd:.0%} | {longs:.0%} |"
        )
    return lines


def main(arguments: list[str]) -> None:
    """Build what the arguments name, or print the figures of what is stored."""
    names = [name for name in arguments if not name.startswith("-")] or list(RECIPES)
    for name in names:
        if name not in RECIPES:
            sys.exit(f"There is no sample {name!r}. Choose from {', '.join(RECIPES)}.")
        if "--figures" in arguments:
            print(f"### {name}\n\n{figures(samples.load_sample(name))}\n")
            continue
        begun = time.perf_counter()
        written = samples.write_sample(build(name))
        size = sum(path.stat().st_size for path in written)
        print(f"{name}: {len(written)} files, {size / 1e6:.2f} MB, {time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
