"""Build the markets and base rates of data/scenarios/ again, from the seed and the interventions in each
scenario.toml.

python tools/make_scenarios.py                        all of them
python tools/make_scenarios.py support-at-28000       one of them
python tools/make_scenarios.py --market-only NAME     the market without the base rate, while writing a
scenario python tools/make_scenarios.py --show NAME            print the filled text of every step, and the
outcome
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from liqcore.feeds import samples, scenario_files as files
from liqcore.lab.futures import futures
from liqcore.lab.recipe import market_of, recipe
from liqcore.lab.simulator import SimulatedMarket, SimulationError
from liqcore.learn.scenarios import Market, Scenario, make_scenario
from liqcore.learn.steps import follow, outcome, step_view
from liqcore.learn.trades import TradeResult

# Worlds are futures of several pasts: the scenario's own, and others that its script makes of other seeds.
WORLDS, PASTS = 200, 20
FIRST_SEED, FIRST_PAST = 1_000, 5_000


def sample_of(name: str, settings: dict[str, Any], market: SimulatedMarket) -> samples.Sample:
    """The market as a sample to store."""
    return samples.Sample(
        name=name,
        label=f"{settings['title']} (synthetic)",
        candles=market.candles,
        venue_candles=market.venue_candles,
        liquidations=market.liquidations,
        open_interest=market.open_interest,
        funding=market.funding,
        positions=market.positions,
        venues=tuple(samples.SampleVenue(**vars(venue)) for venue in market.venues),
        parameters=market.parameters,
    )


def load(name: str) -> Scenario:
    """A scenario as a page loads it."""
    found = files.read_scenario(name)
    sample = found.sample
    return make_scenario(
        name,
        found.settings,
        Market(sample.candles, sample.liquidations, found.arrivals, sample.open_interest, sample.funding),
        found.base_rate,
    )


def worlds(
    scenario: Scenario, settings: dict[str, Any], seeds: list[int], past: int | None = None
) -> list[TradeResult]:
    """How the plan ended in some futures of one past, by default of the scenario's own.

    The prices of another past are moved so that the plan lies as far from them as here.
    """
    _, after = follow(scenario)
    given = recipe(settings) | ({} if past is None else {"seed": past})
    out: list[TradeResult] = []
    for _, candles in futures(scenario.at(scenario.decision_bar), scenario.hours, seeds, **given):
        moved = candles.copy()
        if past is not None:
            names = ["open", "high", "low", "close"]
            moved[names] *= float(after["open"].iloc[0]) / float(candles["open"].iloc[0])
        result, _ = follow(scenario, moved)
        out.append(result)
    return out


def _of_past(name: str, number: int) -> tuple[int | None, list[TradeResult]]:
    """The seed and the futures of the scenario's own past (0, without a seed), or of another one.

    Where a past goes so that the script cannot be played, a whale it names being liquidated as it opens, the
    next one is taken.
    """
    each = WORLDS // PASTS
    seeds = list(range(FIRST_SEED + number * each, FIRST_SEED + (number + 1) * each))
    scenario, settings = load(name), files.read_settings(name)
    if number == 0:
        return None, worlds(scenario, settings, seeds)
    for past in range(FIRST_PAST + number, FIRST_PAST + 100 * PASTS, PASTS):
        with suppress(SimulationError):
            return past, worlds(scenario, settings, seeds, past)
    raise SimulationError(f"No other past lets the script of {name} be played.")


def base_rate(scenario: Scenario) -> dict[str, Any]:
    """The base rate as it is stored, one past after the other."""
    with ProcessPoolExecutor() as pool:
        parts = list(pool.map(_of_past, [scenario.name] * PASTS, range(PASTS)))
    ended = [one for _, part in parts for one in part]
    return {
        "command": f"python tools/make_scenarios.py {scenario.name}",
        "worlds": WORLDS,
        "pasts": PASTS,
        "first_seed": FIRST_SEED,
        "past_seeds": [seed for seed, _ in parts],
        "hours": scenario.hours,
        "ends": dict(Counter(one.end for one in ended).most_common()),
        "r": [round(one.r, 4) if one.filled else None for one in ended],
        "before": [round(one.r_before, 4) if one.filled else None for one in ended],
    }


def build(name: str, market_only: bool) -> str:
    """Make and write one scenario; returns a line about it."""
    begun = time.perf_counter()
    settings = files.read_settings(name)
    market = market_of(settings)
    sample = sample_of(name, settings, market)
    files.write_scenario(sample, market.arrivals, None)
    scenario = load(name)
    if not market_only:
        files.write_scenario(sample, market.arrivals, base_rate(scenario))
        scenario = load(name)
    size = sum(path.stat().st_size for path in (files.FOLDER / name).iterdir())
    rate = scenario.base_rate
    return (
        f"{name}: {size / 1e3:.0f} kB, {outcome(scenario).sentence} "
        f"{'' if rate is None else f'Base rate {rate.wins}/{rate.filled} of {rate.worlds}, mean {rate.mean_r:+.2f} R. '}{time.perf_counter() - begun:.0f} s"  # noqa: E501
    )


def show(name: str) -> str:
    """The filled text of every step."""
    scenario = load(name)
    lines = [f"# {scenario.title}", scenario.teaches, *scenario.shaped_by]
    for step in scenario.steps:
        view = step_view(scenario, step.number)
        lines += [
            "",
            f"## {view.number}. {view.title} (bar {step.bar}, {str(view.at)[:16]})",
            view.text,
            f"LOOK {view.look}",
            *(f"BOX {' '.join(map(str, row))}" for row in view.outlines.to_numpy()),
            f"Q {view.question}",
        ]
        lines += [
            f"  [{'x' if option.right else ' '}] {option.text} -> {option.feedback}"
            for option in view.options
        ]
    end = outcome(scenario)
    return "\n".join(
        [*lines, "", end.text, end.sentence, "" if end.base_rate is None else end.base_rate.sentence]
    )


def main(arguments: list[str]) -> None:
    """Build or show what the arguments name."""
    chosen = [name for name in arguments if not name.startswith("-")] or list(files.names())
    for name in chosen:
        print(show(name) if "--show" in arguments else build(name, "--market-only" in arguments), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
