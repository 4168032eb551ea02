"""Ready-made rules for the situations that beginners are taught to watch."""

from __future__ import annotations

from liqcore.alerts.rules import Condition, Group, Rule


def templates(support: float, resistance: float, tell: tuple[str, ...] = ("toast",)) -> tuple[Rule, ...]:
    """Rules for a support and a resistance (USD): build-up, confirmation, loss of a cluster, breakout and
    grab."""

    def rule(
        name: str, *parts: Condition, match: str = "all", together: str = "1h", cool_down: str = "1h"
    ) -> Rule:
        return Rule(name, Group(match, parts, together), cool_down=cool_down, tell=tell)

    return (
        rule(
            "Long heat builds up at my support",
            Condition("heat grows", support, "long", by=0.5, over="30min", venues=3),
        ),
        rule(
            "Short heat builds up at my resistance",
            Condition("heat grows", resistance, "short", by=0.5, over="30min", venues=3),
        ),
        rule(
            "Support recaptured after long liquidations",
            Condition("recapture", support, way="bullish"),
            Condition("heat spikes", support, "long", by=3.0),
        ),
        rule(
            "The cluster at my support fades",
            Condition("cluster dissipates", support, "long", heat="modelled"),
            Condition("cluster shifts", support, "long", heat="modelled"),
            match="any",
        ),
        rule("The cluster at my support comes back", Condition("cluster re-emerges", support, "long")),
        rule(
            "Breakout with volume through short heat",
            Condition("breakout", resistance, way="bullish"),
            Condition("heat grows", resistance, "short", by=0.5),
            together="1h",
        ),
        rule(
            "False breakout or liquidity grab at my resistance",
            Condition("false breakout", resistance),
            Condition("heat shrinks", resistance, "short", by=0.5),
            together="4h",
        ),
        rule(
            "A cluster moves across my support",
            Condition("cluster shifts", support, heat="modelled", way="across"),
        ),
        rule("Venues agree at my support", Condition("venues agree", support, "long", venues=3)),
        rule(
            "Price comes close to a large cluster",
            Condition("price near cluster", heat="modelled", by=1.0, minimum=1_000_000),
        ),
        rule("A source went silent", Condition("source stale", over="4h")),
    )
