"""What luck does to an account: losing streaks, fixed percent against fixed dollar, and many trades at
random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from liqcore import wording
from liqcore.risk.numbers import RiskError, parse_number

PERCENTILES: Final = (5.0, 25.0, 50.0, 75.0, 95.0)
_MOST_CELLS: Final = 20_000_000


def losing_streaks(win_rate: float, trades: int, risk: float, *, longest: int = 15) -> pd.DataFrame:
    """How likely n losses in a row are within a number of trades, and what they cost.

    Parameters
    ----------
    win_rate : share of winning trades, 0 to 1
    trades : how many trades are taken, at most 10,000
    risk : fraction of the account lost on a losing trade
    longest : the table goes from 1 to this many losses in a row, at most 100

    Returns
    -------
    DataFrame `losses`, `probability` (of at least one such streak), `drawdown_percent_risk` (fraction
    lost when each loss is `risk` of what is left), `drawdown_fixed_risk` (when each is `risk` of the
    start, at most 1) and `gain_to_recover` (fraction to be gained to get back after the former).

    Source: the run-length recurrence `P_t = P_{t−1} + (1 − P_{t−n−1})·p·q^n` (Feller, vol. 1, XIII.7).
    """
    p, fraction = _win_rate(win_rate), _fraction(risk)
    count, most = _whole(trades, "The number of trades", 10_000), _whole(longest, "The longest streak", 100)
    n = np.arange(1, most + 1)
    chain = (1 - p) ** n
    reached = np.zeros((count + 1, most))
    for t in range(1, count + 1):
        earlier = np.where(t > n, reached[np.maximum(t - n - 1, 0), n - 1], 0.0)
        grown = reached[t - 1] + (1 - earlier) * p * chain
        reached[t] = np.where(t < n, 0.0, np.where(t == n, chain, grown))
    return pd.DataFrame({"losses": n, "probability": np.clip(reached[count], 0.0, 1.0)}).merge(
        streak_cost(fraction, most), on="losses"
    )


def streak_cost(risk: float, longest: int = 15) -> pd.DataFrame:
    """What 1 to `longest` losses in a row leave: fixed percent beside fixed dollar, as in
    `losing_streaks`."""
    fraction, n = _fraction(risk), np.arange(1, _whole(longest, "The longest streak", 100) + 1)
    left = (1 - fraction) ** n
    return pd.DataFrame(
        {
            "losses": n,
            "drawdown_percent_risk": 1 - left,
            "drawdown_fixed_risk": np.minimum(n * fraction, 1.0),
            "gain_to_recover": 1 / left - 1,
        }
    )


def losing_streak_paths(account: float, risk: float, losses: int) -> pd.DataFrame:
    """The account after 0 to `losses` losing trades: `losses`, `fixed_percent` and `fixed_dollar` in USD.

    Fixed percent risks a share of what is left and shrinks its bets; fixed dollar risks the same amount,
    `risk` of the start, until nothing is left.
    """
    start, fraction = parse_number(account, "The account"), _fraction(risk)
    if start <= 0:
        raise RiskError("The account must be above zero USD.")
    n = np.arange(_whole(losses, "The number of losses", 1000) + 1)
    return pd.DataFrame(
        {
            "losses": n,
            "fixed_percent": start * (1 - fraction) ** n,
            "fixed_dollar": start * np.maximum(1 - n * fraction, 0.0),
        }
    )


@dataclass(frozen=True, eq=False)
class MonteCarlo:
    """Many random runs of the same trade.

    `fan` is (len(percentiles), trades + 1): the account as a multiple of its start, by percentile and
    trade. `ruin_probability` is the share of runs that fell to `ruin_level` or below at any time, with
    `ruin_error` its standard error. `longest_losing_streak` and `worst_drawdown` are medians over runs.
    """

    percentiles: tuple[float, ...]
    fan: NDArray[np.float64]
    final: NDArray[np.float64]
    ruin_level: float
    ruin_probability: float
    ruin_error: float
    worst_drawdown: float
    longest_losing_streak: float
    note: str

    def to_frame(self) -> pd.DataFrame:
        """Long form: `trade`, `percentile`, `multiple` of the starting account."""
        trade = np.arange(self.fan.shape[1])
        return pd.DataFrame(
            {
                "trade": np.tile(trade, len(self.percentiles)),
                "percentile": np.repeat(self.percentiles, len(trade)),
                "multiple": self.fan.ravel(),
            }
        )


def simulate_trades(
    rng: np.random.Generator,
    *,
    win_rate: float,
    reward_risk: float,
    risk: float,
    trades: int = 200,
    runs: int = 2000,
    sizing: Literal["percent", "dollar"] = "percent",
    ruin_level: float = 0.5,
    win_rate_trades: int | None = None,
    percentiles: tuple[float, ...] = PERCENTILES,
) -> MonteCarlo:
    """Play `trades` independent trades `runs` times: a win adds `reward_risk` R, a loss takes 1 R.

    Parameters
    ----------
    rng : seeded generator; the same seed gives the same result
    win_rate, reward_risk : share of wins (0 to 1) and R of a win, both after costs
    risk : 1 R as a fraction of the account: of what is left (`percent`) or of the start (`dollar`)
    ruin_level : ruined means this fraction of the start, or less, at any time
    win_rate_trades : when given, each run draws its own win rate from what that many past trades
        leave possible (Beta with a uniform prior), because the true win rate is the unknown

    Raises
    ------
    RiskError
    """
    p, fraction, b = _win_rate(win_rate), _fraction(risk), parse_number(reward_risk, "The reward to risk")
    count, paths = _whole(trades, "The number of trades", 10_000), _whole(runs, "The number of runs", 100_000)
    floor = parse_number(ruin_level, "The ruin level")
    if b <= 0:
        raise RiskError(f"A reward to risk of {b:g} is not above zero. A win of twice the risk is 2.")
    if not 0 <= floor < 1:
        raise RiskError(
            f"A ruin level of {floor:g} is not a fraction of the account below 1. Half the account is 0.5."
        )
    if count * paths > _MOST_CELLS:
        raise RiskError(
            f"{count:,} trades in {paths:,} runs are too many to simulate. Keep the product below"
            f" {_MOST_CELLS:,}."
        )
    if sizing not in ("percent", "dollar"):
        raise RiskError(
            f"{sizing!r} is not a way of sizing. Choose percent (of what is left) or dollar (of the start)."
        )
    chance = np.full(paths, p)
    if win_rate_trades is not None:
        past = _whole(win_rate_trades, "The number of past trades", 1_000_000)
        chance = rng.beta(p * past + 1, (1 - p) * past + 1, paths)
    won = rng.random((count, paths)) < chance
    equity = _equity(won, b, fraction, sizing)
    # Sums of R land on the floor only but for rounding: ten losses of 5 % are half of the account.
    ruined = float((equity.min(axis=0) <= floor + 1e-9).mean())
    peak = np.maximum.accumulate(equity, axis=0)
    return MonteCarlo(
        percentiles=percentiles,
        fan=np.percentile(equity, percentiles, axis=1),
        final=equity[-1],
        ruin_level=floor,
        ruin_probability=ruined,
        ruin_error=float(np.sqrt(ruined * (1 - ruined) / paths)),
        worst_drawdown=float(np.median((1 - equity / peak).max(axis=0))),
        longest_losing_streak=float(np.median(_longest_run(~won))),
        note=_note(p, b, fraction, count),
    )


def _equity(won: NDArray[np.bool_], reward: float, fraction: float, sizing: str) -> NDArray[np.float64]:
    """(trades + 1, runs): the account as a multiple of its start. At zero it stays there."""
    start = np.ones((1, won.shape[1]))
    if sizing == "percent":
        growth = np.where(won, np.log1p(fraction * reward), np.log1p(-fraction))
        return np.concatenate([start, np.exp(np.minimum(np.cumsum(growth, axis=0), 700.0))])
    path = np.concatenate([start, 1 + np.cumsum(np.where(won, fraction * reward, -fraction), axis=0)])
    return np.where(np.minimum.accumulate(path, axis=0) <= 1e-12, 0.0, path)


def _longest_run(hit: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Longest run of True down each column."""
    at = np.arange(1, hit.shape[0] + 1)[:, None]
    last_miss = np.maximum.accumulate(np.where(hit, 0, at), axis=0)
    return np.asarray((at - last_miss).max(axis=0))


def _note(p: float, reward: float, fraction: float, trades: int) -> str:
    average = p * reward - (1 - p)
    spread = 2 * float(np.sqrt(p * (1 - p) / trades))
    edge = (
        f"The picture assumes {wording.percent(p)} wins of {wording.r_multiple(reward, signed=False)}, an"
        f" average of {wording.r_multiple(average)} a trade at {wording.percent(fraction)} risk. "
    )
    return (
        edge + f"That win rate is the unknown: even {trades} trades would only pin it to about"
        f" ±{wording.percent(spread)}, and {wording.percent(1 / (1 + reward))} wins already mean no gain."
    )


def _win_rate(value: float) -> float:
    p = parse_number(value, "The win rate")
    if not 0 <= p <= 1:
        raise RiskError(f"A win rate of {p:g} is not between 0 and 1. Write 55 % as 0.55.")
    return p


def _fraction(value: float) -> float:
    fraction = parse_number(value, "The risk per trade")
    if not 0 <= fraction < 1:
        raise RiskError(f"A risk of {fraction:g} is not a fraction of the account. Write 1 % as 0.01.")
    return fraction


def _whole(value: float, name: str, most: int) -> int:
    number = parse_number(value, name)
    if number != int(number) or not 1 <= number <= most:
        raise RiskError(f"{name} is {wording.field(number)}. Use a whole number from 1 to {most:,}.")
    return int(number)
