"""One row a venue: what it trades, what its messages mean, and how much of the truth it shows.

Adding a venue is one row here, one parser in `parse.py` and one recorded sample in the tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

SideMeaning = Literal["order", "position", "flag", "none"]


@dataclass(frozen=True)
class Venue:
    """What is known about one venue's BTC contracts and its public data.

    `linear` and `inverse` are the venue's own names of its BTC perpetuals, and `contract` holds, for each of
    them, how many BTC (linear) or USD (inverse) one unit of quantity is. `side` says what the venue's word
    for
    the side names: the `order` that closed the position (a sell closes a long), the `position` itself (a buy
    is
    a long), a `flag` on ordinary trades, or `none` where no liquidations are published.
    """

    id: str
    name: str
    ccxt: str
    linear: tuple[str, ...]
    inverse: tuple[str, ...]
    contract: tuple[tuple[str, float], ...]
    side: SideMeaning
    price_kind: str
    completeness: str
    completeness_words: str
    refuses: tuple[str, ...] = ()
    history: bool = False
    history_words: str = ""
    socket: bool = False
    candles: bool = True
    taker_volume: bool = False
    open_interest: bool = False
    open_interest_history: bool = False
    funding: bool = True
    tiers: bool = False
    unified: str = "BTC/USDT:USDT"
    tiers_need_key: bool = False

    @property
    def liquidations(self) -> bool:
        """Whether the venue publishes liquidations at all, in history or live."""
        return self.side != "none"

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every BTC symbol, linear first."""
        return self.linear + self.inverse

    def contract_size(self, symbol: str) -> float:
        """BTC (linear) or USD (inverse) of one unit of quantity; 1.0 where the venue counts in BTC or USD
        itself."""
        return dict(self.contract).get(symbol, 1.0)


_US = "United States"
_AT_MOST_ONE = "at most one liquidation a second and contract is published, so sums are too small"

VENUES: Final[dict[str, Venue]] = {
    venue.id: venue
    for venue in (
        Venue(
            "binance",
            "Binance USD-M",
            "binanceusdm",
            ("BTCUSDT", "BTCUSDC"),
            (),
            (),
            "order",
            "fill",
            "sampled",
            f"Binance sends a sample: {_AT_MOST_ONE}.",
            (_US,),
            socket=True,
            taker_volume=True,
            open_interest=True,
            open_interest_history=True,
            tiers_need_key=True,
        ),
        Venue(
            "binance-coin",
            "Binance COIN-M",
            "binancecoinm",
            (),
            ("BTCUSD_PERP",),
            (("BTCUSD_PERP", 100.0),),
            "order",
            "fill",
            "sampled",
            f"Binance sends a sample: {_AT_MOST_ONE}.",
            (_US,),
            socket=True,
            taker_volume=True,
            open_interest=True,
            open_interest_history=True,
            tiers_need_key=True,
            unified="BTC/USD:BTC",
        ),
        Venue(
            "bybit",
            "Bybit",
            "bybit",
            ("BTCUSDT", "BTCPERP"),
            ("BTCUSD",),
            (),
            "position",
            "bankruptcy",
            "all",
            "Bybit says that it sends every liquidation, twice a second.",
            (_US, "mainland China"),
            socket=True,
            open_interest=True,
            open_interest_history=True,
            tiers=True,
        ),
        Venue(
            "okx",
            "OKX",
            "okx",
            ("BTC-USDT-SWAP",),
            ("BTC-USD-SWAP",),
            (("BTC-USDT-SWAP", 0.01), ("BTC-USD-SWAP", 100.0)),
            "order",
            "bankruptcy",
            "sampled",
            f"OKX sends a sample: {_AT_MOST_ONE}.",
            history=True,
            history_words="about the last day",
            socket=True,
            open_interest=True,
            open_interest_history=True,
            tiers=True,
        ),
        Venue(
            "gate",
            "Gate",
            "gate",
            ("BTC_USDT",),
            ("BTC_USD",),
            (("BTC_USDT", 0.0001), ("BTC_USD", 1.0)),
            "position",
            "fill",
            "all",
            "Gate seems to send every liquidation; live, in batches of a second.",
            history=True,
            history_words="asked hour by hour",
            socket=True,
            open_interest=False,
            open_interest_history=True,
            tiers=True,
        ),
        Venue(
            "bitget",
            "Bitget",
            "bitget",
            ("BTCUSDT", "BTCPERP"),
            ("BTCUSD",),
            (),
            "position",
            "bankruptcy",
            "unknown",
            "Bitget does not say whether every liquidation is published.",
            history=True,
            history_words="the last 3 days",
            socket=True,
            open_interest=True,
            tiers=True,
        ),
        Venue(
            "htx",
            "HTX",
            "htx",
            ("BTC-USDT",),
            ("BTC-USD",),
            (("BTC-USDT", 0.001), ("BTC-USD", 100.0)),
            "order",
            "bankruptcy",
            "unknown",
            "HTX seems to publish every liquidation but does not say so.",
            history=True,
            history_words="the last 90 days, asked two hours at a time",
            socket=True,
            open_interest=True,
            open_interest_history=True,
        ),
        Venue(
            "bitfinex",
            "Bitfinex",
            "bitfinex",
            ("tBTCF0:USTF0",),
            (),
            (),
            "position",
            "fill",
            "all",
            "Bitfinex publishes every liquidation; its trigger rows are left out, only executions count.",
            history=True,
            history_words="the last 500 rows of all coins",
            socket=True,
            open_interest=True,
            open_interest_history=True,
        ),
        Venue(
            "deribit",
            "Deribit",
            "deribit",
            ("BTC_USDC-PERPETUAL",),
            ("BTC-PERPETUAL",),
            (),
            "flag",
            "fill",
            "all",
            "Deribit marks the trades that closed a liquidated position; all trades are public.",
            history=True,
            history_words="trades of the last hours",
            socket=True,
            open_interest=True,
            unified="BTC/USD:BTC",
        ),
        Venue(
            "kraken",
            "Kraken Futures",
            "krakenfutures",
            ("PF_XBTUSD",),
            ("PI_XBTUSD",),
            (),
            "flag",
            "fill",
            "all",
            "Kraken marks liquidation trades; history reaches back 100 trades a request.",
            history=True,
            history_words="the last few hundred trades",
            socket=True,
            tiers=True,
            unified="BTC/USD:USD",
        ),
        Venue(
            "hyperliquid",
            "Hyperliquid",
            "hyperliquid",
            ("BTC",),
            (),
            (),
            "none",
            "unknown",
            "unknown",
            "Hyperliquid publishes no liquidations of the whole venue; only its candles, open interest and"
            " funding are used.",
            open_interest=True,
            unified="BTC/USDC:USDC",
        ),
        Venue(
            "dydx",
            "dYdX",
            "dydx",
            ("BTC-USD",),
            (),
            (),
            "flag",
            "fill",
            "all",
            "dYdX marks liquidation trades; all trades are public.",
            history=True,
            history_words="the last thousand trades",
            socket=True,
            unified="BTC/USD:USD",
        ),
    )
}


def venue(name: str) -> Venue:
    """The row of a venue by its id, in any case.

    Raises
    ------
    KeyError
        No such venue; the message lists those that exist.
    """
    found = VENUES.get(str(name).strip().lower())
    if found is None:
        raise KeyError(f"No venue is called {name!r}. Known venues: {', '.join(VENUES)}.")
    return found
