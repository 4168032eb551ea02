"""Files as their producers write them, made from a truth that is known: the oracle of the readers' tests."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

START = pd.Timestamp("2025-03-10 10:00:00.123", tz="UTC")


def events(count: int = 24, seed: int = 5) -> pd.DataFrame:
    """Liquidations of BTC: `time`, `side` (position), `price`, `quantity` in steps of every contract."""
    rng = np.random.default_rng(seed)
    price = np.round(82_000 + np.cumsum(rng.normal(0, 30, count)), 1)
    return pd.DataFrame(
        {
            "time": START + pd.to_timedelta(np.cumsum(rng.integers(1, 90, count)), unit="s"),
            "side": np.where(rng.random(count) < 0.6, "long", "short"),
            "price": price,
            "quantity": np.round(rng.integers(1, 90, count) * 0.01, 2),
        }
    )


def bars(count: int = 40, minutes: int = 15, seed: int = 6) -> pd.DataFrame:
    """Candles of BTC: `time`, prices, `volume` in BTC and `buys` of takers."""
    rng = np.random.default_rng(seed)
    close = np.round(82_000 + np.cumsum(rng.normal(0, 40, count)), 1)
    opened = np.round(np.concatenate([[82_000.0], close[:-1]]), 1)
    volume = np.round(rng.uniform(20, 90, count), 3)
    return pd.DataFrame(
        {
            "time": pd.date_range("2025-03-10", periods=count, freq=f"{minutes}min", tz="UTC"),
            "open": opened,
            "high": np.round(np.maximum(opened, close) + rng.uniform(1, 30, count), 1),
            "low": np.round(np.minimum(opened, close) - rng.uniform(1, 30, count), 1),
            "close": close,
            "volume": volume,
            "buys": np.round(volume * rng.uniform(0.3, 0.7, count), 3),
        }
    )


@dataclass(frozen=True)
class Kind:
    """One producer's file: how its rows follow from the truth, and what a caller has to say beside it."""

    name: str
    kind: str
    rows: Callable[[pd.DataFrame], pd.DataFrame]
    said: str
    given: dict = field(default_factory=dict)
    minutes: int = 15
    volume: bool = True
    head: str = ""

    def truth(self) -> pd.DataFrame:
        return events() if self.kind == "liquidations" else bars(minutes=self.minutes)

    def table(self) -> pd.DataFrame:
        return self.rows(self.truth())

    def csv(self) -> bytes:
        return (self.head + self.table().to_csv(index=False)).encode()


def micros(time: pd.Series) -> pd.Series:
    return time.astype("datetime64[us, UTC]").astype("int64")


def order(side: pd.Series, buy: str = "buy", sell: str = "sell") -> pd.Series:
    """The order that closed the position."""
    return side.map({"long": sell, "short": buy})


def tardis(exchange: str, symbol: str, amount: Callable[[pd.DataFrame], pd.Series]) -> Callable:
    def rows(truth: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "exchange": exchange,
                "symbol": symbol,
                "timestamp": micros(truth["time"]),
                "local_timestamp": micros(truth["time"]) + 58_231,
                "id": "",
                "side": order(truth["side"]),
                "price": truth["price"],
                "amount": amount(truth),
            }
        )

    return rows


def coins(truth: pd.DataFrame) -> pd.Series:
    return truth["quantity"]


def dollars(truth: pd.DataFrame) -> pd.Series:
    return truth["quantity"] * truth["price"]


def cryptofeed(exchange: str, buy: str, sell: str) -> Callable:
    def rows(truth: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "exchange": exchange,
                "symbol": "BTC-USDT-PERP",
                "side": order(truth["side"], buy, sell),
                "quantity": truth["quantity"],
                "price": truth["price"],
                "id": "",
                "status": "filled",
                "timestamp": micros(truth["time"]) / 1e6,
                "receipt_timestamp": micros(truth["time"]) / 1e6 + 0.1,
            }
        )

    return rows


def ccxt(truth: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "symbol": "BTC/USDT:USDT",
            "contracts": np.round(truth["quantity"] * 10_000),
            "contractSize": 0.0001,
            "price": truth["price"],
            "side": truth["side"].map({"long": "buy", "short": "sell"}),
            "baseValue": truth["quantity"],
            "quoteValue": truth["quantity"] * truth["price"],
            "timestamp": micros(truth["time"]) // 1000,
            "datetime": truth["time"].dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
    )


def moondev(truth: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "symbol": "BTC",
            "side": order(truth["side"], "BUY", "SELL"),
            "order_type": "LIMIT",
            "time_in_force": "IOC",
            "original_quantity": truth["quantity"],
            "price": truth["price"] + 200,
            "average_price": truth["price"],
            "order_status": "FILLED",
            "order_last_filled_quantity": truth["quantity"] / 2,
            "order_filled_accumulated_quantity": truth["quantity"],
            "order_trade_time": micros(truth["time"]) // 1000,
            "usd_size": truth["quantity"] * truth["price"],
        }
    )


def liqstream(truth: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "ts_iso": truth["time"].dt.strftime("%Y-%m-%dT%H:%M:%S.%f+00:00"),
            "ts_ms": micros(truth["time"]) // 1000,
            "exchange": "bybit",
            "market": "usdt",
            "symbol": "BTCUSDT",
            "side": order(truth["side"], "BUY", "SELL"),
            "liq_side": truth["side"],
            "price": truth["price"],
            "qty": truth["quantity"],
            "notional": truth["quantity"] * truth["price"],
        }
    )


def nautilus(truth: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "instrument_id": "BTCUSDT-PERP.BINANCE",
            "order_side": order(truth["side"], "BUY", "SELL"),
            "price": truth["price"],
            "size": truth["quantity"],
            "ts_event": micros(truth["time"]) * 1000 + 7,
            "ts_init": micros(truth["time"]) * 1000 + 9,
        }
    )


def snapshot(truth: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "time": micros(truth["time"]) // 1000,
            "side": order(truth["side"], "BUY", "SELL"),
            "order_type": "LIMIT",
            "time_in_force": "IOC",
            "original_quantity": truth["quantity"],
            "price": truth["price"] - 300,
            "average_price": truth["price"],
            "order_status": "FILLED",
            "last_fill_quantity": truth["quantity"],
            "accumulated_fill_quantity": truth["quantity"],
        }
    )


def bybit_own(truth: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "T": micros(truth["time"]) // 1000,
            "s": "BTCUSDT",
            "S": truth["side"].map({"long": "Buy", "short": "Sell"}),
            "v": truth["quantity"],
            "p": truth["price"],
        }
    )


def okx_own(truth: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "instId": "BTC-USDT-SWAP",
            "bkPx": truth["price"],
            "posSide": truth["side"],
            "side": order(truth["side"]),
            "sz": np.round(truth["quantity"] * 100),
            "ts": micros(truth["time"]) // 1000,
        }
    )


def binance_own(symbol: str, filled: Callable[[pd.DataFrame], pd.Series]) -> Callable:
    def rows(truth: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "s": symbol,
                "S": order(truth["side"], "BUY", "SELL"),
                "o": "LIMIT",
                "f": "IOC",
                "q": filled(truth) * 2,
                "p": truth["price"] - 300,
                "ap": truth["price"],
                "X": "FILLED",
                "l": filled(truth) / 2,
                "z": filled(truth),
                "T": micros(truth["time"]) // 1000,
            }
        )

    return rows


def htx_own(truth: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "contract_code": "BTC-USDT",
            "direction": order(truth["side"]),
            "offset": "close",
            "volume": np.round(truth["quantity"] * 1000),
            "price": truth["price"],
            "created_at": micros(truth["time"]) // 1000,
            "amount": truth["quantity"],
            "trade_turnover": truth["quantity"] * truth["price"],
        }
    )


def bitmex_own(truth: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "timestamp": truth["time"].dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "orderID": [f"order-{number}" for number in range(len(truth))],
            "symbol": "XBTUSD",
            "side": order(truth["side"], "Buy", "Sell"),
            "price": truth["price"],
            "leavesQty": truth["quantity"] * truth["price"],
        }
    )


def gate_own(truth: pd.DataFrame) -> pd.DataFrame:
    size = np.round(truth["quantity"] * 10_000) * np.where(truth["side"] == "long", 1, -1)
    return pd.DataFrame(
        {
            "contract": "BTC_USDT",
            "entry_price": truth["price"] + 900,
            "fill_price": truth["price"],
            "left": 0,
            "order_price": truth["price"] - 350,
            "order_size": -size,
            "size": size,
            "time": micros(truth["time"]) // 1000,
        }
    )


def hyperliquid(truth: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "coin": "BTC",
            "px": truth["price"],
            "sz": truth["quantity"],
            "side": order(truth["side"], "B", "A"),
            "time": micros(truth["time"]) // 1000,
            "dir": truth["side"].map({"long": "Liquidated Cross Long", "short": "Liquidated Isolated Short"}),
            "closedPnl": -5.0,
            "hash": "0x00",
            "oid": 1,
            "crossed": True,
            "fee": 0.1,
            "tid": 2,
        }
    )


def plain_events(truth: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "time": micros(truth["time"]) // 1000,
            "side": truth["side"],
            "price": truth["price"],
            "qty": truth["quantity"],
        }
    )


def klines(truth: pd.DataFrame) -> pd.DataFrame:
    step = 60_000 * 15
    mid = truth["close"]
    return pd.DataFrame(
        {
            "open_time": micros(truth["time"]) // 1000,
            **{name: truth[name] for name in ("open", "high", "low", "close", "volume")},
            "close_time": micros(truth["time"]) // 1000 + step - 1,
            "quote_volume": np.round(truth["volume"] * mid, 2),
            "count": 1000,
            "taker_buy_volume": truth["buys"],
            "taker_buy_quote_volume": np.round(truth["buys"] * mid, 2),
            "ignore": 0,
        }
    )


def prices(truth: pd.DataFrame, *names: str) -> dict:
    names = names or ("open", "high", "low", "close")
    return dict(zip(names, (truth[name] for name in ("open", "high", "low", "close")), strict=True))


def freqtrade(truth: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"date": micros(truth["time"]) // 1000, **prices(truth), "volume": truth["volume"]})


def cryptodatadownload(truth: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Unix": micros(truth["time"]) // 1000,
            "Date": truth["time"].dt.strftime("%Y-%m-%d %H:%M:%S"),
            "Symbol": "BTCUSDT",
            **prices(truth, "Open", "High", "Low", "Close"),
            "Volume BTC": truth["volume"],
            "Volume USDT": np.round(truth["volume"] * truth["close"], 2),
            "tradecount": 900,
        }
    )[::-1]


def yahoo(truth: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Date": truth["time"].dt.strftime("%Y-%m-%d"),
            **prices(truth, "Open", "High", "Low", "Close"),
            "Adj Close": truth["close"],
            "Volume": np.round(truth["volume"] * truth["close"] * 5_000),
        }
    )


def coinmarketcap(truth: pd.DataFrame) -> pd.DataFrame:
    end = truth["time"] + pd.Timedelta(days=1) - pd.Timedelta(milliseconds=1)
    return pd.DataFrame(
        {
            "timeOpen": truth["time"].dt.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "timeClose": end.dt.strftime("%Y-%m-%dT%H:%M:%S.999Z"),
            "name": 2781,
            **prices(truth),
            "volume": truth["volume"] * truth["close"] * 5_000,
            "marketCap": 1.6e12,
            "circulatingSupply": 19_800_000,
            "timestamp": end.dt.strftime("%Y-%m-%dT%H:%M:%S.999Z"),
        }
    )[::-1]


def kaggle(truth: pd.DataFrame) -> pd.DataFrame:
    out = pd.DataFrame(
        {
            "Timestamp": micros(truth["time"]) // 1_000_000,
            **prices(truth, "Open", "High", "Low", "Close"),
            "Volume_(BTC)": truth["volume"],
            "Volume_(Currency)": truth["volume"] * truth["close"],
            "Weighted_Price": truth["close"],
        }
    )
    return out


def okx_archive(truth: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "instrument_name": "BTC-USDT-SWAP",
            **prices(truth),
            "vol": truth["volume"] * 100,
            "vol_ccy": truth["volume"],
            "vol_quote": truth["volume"] * truth["close"],
            "open_time": micros(truth["time"]) // 1000,
            "confirm": 1,
        }
    )


def bybit_klines(truth: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "startTime": micros(truth["time"]) // 1000,
            **prices(truth, "openPrice", "highPrice", "lowPrice", "closePrice"),
            "volume": truth["volume"],
            "turnover": truth["volume"] * truth["close"],
        }
    )[::-1]


def bitmex(truth: pd.DataFrame) -> pd.DataFrame:
    usd = np.round(truth["volume"] * truth["close"])
    return pd.DataFrame(
        {
            "timestamp": (truth["time"] + pd.Timedelta(minutes=15)).dt.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "symbol": "XBTUSD",
            **prices(truth),
            "trades": 10,
            "volume": usd,
            "vwap": truth["close"],
            "lastSize": 100,
            "turnover": np.round(truth["volume"] * 1e8),
            "homeNotional": truth["volume"],
            "foreignNotional": usd,
        }
    )


def metatrader(truth: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "<DATE>": truth["time"].dt.strftime("%Y.%m.%d"),
            "<TIME>": truth["time"].dt.strftime("%H:%M:%S"),
            **prices(truth, "<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>"),
            "<TICKVOL>": 900,
            "<VOL>": 0,
            "<SPREAD>": 1200,
        }
    )


def dukascopy(truth: pd.DataFrame) -> pd.DataFrame:
    local = truth["time"] + pd.Timedelta(hours=1)
    return pd.DataFrame(
        {
            "Local time": local.dt.strftime("%d.%m.%Y %H:%M:%S.000 GMT+0100"),
            **prices(truth, "Open", "High", "Low", "Close"),
            "Volume": 0.5,
        }
    )


def tradingview(truth: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {"time": micros(truth["time"]) // 1_000_000, **prices(truth), "Plot": 1.0, "Volume": truth["volume"]}
    )


def plain_bars(truth: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"time": micros(truth["time"]) // 1000, **prices(truth), "volume": truth["volume"]})


DAY = 1440
KINDS = [
    Kind("bybit_liquidations_2025-03-10_BTCUSDT.csv", "liquidations", tardis("bybit", "BTCUSDT", coins), "Tardis liquidations of Bybit"),  # noqa: E501
    Kind("binance-futures_liquidations_2025-03-10_BTCUSDT.csv", "liquidations", tardis("binance-futures", "BTCUSDT", coins), "Tardis liquidations of Binance"),  # noqa: E501
    Kind("okex-swap_liquidations_2025-03-10_BTC-USDT-SWAP.csv", "liquidations", tardis("okex-swap", "BTC-USDT-SWAP", lambda t: np.round(t["quantity"] * 100)), "Tardis liquidations of OKX"),  # noqa: E501
    Kind("huobi-dm-linear-swap_liquidations_2025-03-10.csv", "liquidations", tardis("huobi-dm-linear-swap", "BTC-USDT", lambda t: np.round(t["quantity"] * 1000)), "Tardis liquidations of HTX"),  # noqa: E501
    Kind("gate-io-futures_liquidations_2025-03-10.csv", "liquidations", tardis("gate-io-futures", "BTC_USDT", lambda t: np.round(t["quantity"] * 10_000)), "Tardis liquidations of Gate"),  # noqa: E501
    Kind("bitmex_liquidations_2025-03-10_XBTUSD.csv", "liquidations", tardis("bitmex", "XBTUSD", dollars), "Tardis liquidations of BitMEX"),  # noqa: E501
    Kind("deribit_liquidations_2025-03-10.csv", "liquidations", tardis("deribit", "BTC-PERPETUAL", dollars), "Tardis liquidations of Deribit"),  # noqa: E501
    Kind("binance-delivery_liquidations_2025-03-10.csv", "liquidations", tardis("binance-delivery", "BTCUSD_PERP", lambda t: dollars(t) / 100), "Tardis liquidations of Binance"),  # noqa: E501
    Kind("cryptofacilities_liquidations_2025-03-10.csv", "liquidations", tardis("cryptofacilities", "PI_XBTUSD", dollars), "Tardis liquidations of Kraken"),  # noqa: E501
    Kind("BINANCE_FUTURES-liquidations.csv", "liquidations", cryptofeed("BINANCE_FUTURES", "buy", "sell"), "cryptofeed"),  # noqa: E501
    Kind("BYBIT-liquidations.csv", "liquidations", cryptofeed("BYBIT", "sell", "buy"), "cryptofeed"),
    Kind("ccxt_gate.csv", "liquidations", ccxt, "ccxt", {"venue": "gate"}),
    Kind("liquidation_data.csv", "liquidations", moondev, "Moon Dev"),
    Kind("liquidations_2025-03-10.csv", "liquidations", liqstream, "liq-stream"),
    Kind("nautilus.csv", "liquidations", nautilus, "NautilusTrader"),
    Kind("BTCUSDT-liquidationSnapshot-2025-03-10.csv", "liquidations", snapshot, "liquidationSnapshot"),
    Kind("frames.csv", "liquidations", bybit_own, "Bybit's own"),
    Kind("orders.csv", "liquidations", okx_own, "OKX's own"),
    Kind("forced.csv", "liquidations", binance_own("BTCUSDT", coins), "Binance's own"),
    Kind("forced_cm.csv", "liquidations", binance_own("BTCUSD_PERP", lambda t: dollars(t) / 100), "Binance's own"),  # noqa: E501
    Kind("htx_orders.csv", "liquidations", htx_own, "HTX's own"),
    Kind("bitmex_orders.csv", "liquidations", bitmex_own, "BitMEX's own"),
    Kind("liq_orders.csv", "liquidations", gate_own, "Gate's own"),
    Kind("hl_fills.csv", "liquidations", hyperliquid, "Hyperliquid"),
    Kind("mine.csv", "liquidations", plain_events, "column names"),
    Kind("BTCUSDT-15m-2025-03.csv", "candles", klines, "Binance klines"),
    Kind("BTC_USDT_USDT-15m-futures.csv", "candles", freqtrade, "freqtrade"),
    Kind("Binance_BTCUSDT_15m.csv", "candles", cryptodatadownload, "CryptoDataDownload", head="https://www.CryptoDataDownload.com\n"),
    Kind("BTC-USD.csv", "candles", yahoo, "Yahoo", minutes=DAY),
    Kind("Bitcoin_historical_data_coinmarketcap.csv", "candles", coinmarketcap, "CoinMarketCap", minutes=DAY),
    Kind("bitstampUSD_1-min_data.csv", "candles", kaggle, "Bitstamp"),
    Kind("BTC-USDT-SWAP-candlesticks-2025-03-10.csv", "candles", okx_archive, "OKX"),
    Kind("bybit_kline.csv", "candles", bybit_klines, "Bybit"),
    Kind("XBTUSD_15m.csv", "candles", bitmex, "BitMEX"),
    Kind("BTCUSD_M15.csv", "candles", metatrader, "MetaTrader", volume=False),
    Kind("BTCUSD_Candlestick_15_M.csv", "candles", dukascopy, "Dukascopy", volume=False),
    Kind("BINANCE_BTCUSDT.P, 15.csv", "candles", tradingview, "TradingView"),
    Kind("mine.csv", "candles", plain_bars, "TradingView layout"),
]  # fmt: skip
NAMES = [f"{kind.name}-{kind.kind}" for kind in KINDS]


class Upload(io.BytesIO):
    """A file object with a name and a size, as a page's upload widget gives it."""

    def __init__(self, name: str, data: bytes) -> None:
        super().__init__(data)
        self.name, self.size = name, len(data)


def wrong(found, kind: Kind, *, seconds: bool = False, volume: bool | None = None) -> list[str]:
    """In what a table that was read differs from the truth; an unknown volume is no difference."""
    truth, table = kind.truth(), found.table
    if found.kind != kind.kind:
        return [f"{found.kind} instead of {kind.kind}"]
    if len(table) != len(truth):
        return [f"{len(table)} rows instead of {len(truth)}"]
    faults = []
    late = (table["time"].to_numpy() - truth["time"].to_numpy()) / np.timedelta64(1, "us")
    # Some producers keep milliseconds, Excel's day numbers keep seconds.
    if np.abs(late).max() > (1_000_000 if seconds else 1_000):
        faults.append(f"times are {late.max() / 6e7:g} minutes off")
    if kind.kind == "liquidations":
        if table["side"].astype(str).tolist() != truth["side"].tolist():
            faults.append("sides")
        for name, values in (
            ("price", truth["price"]),
            ("notional", truth["price"] * truth["quantity"]),
            ("quantity", truth["quantity"]),
        ):
            if not np.allclose(table[name], values, rtol=1e-6):
                faults.append(name)
        return faults
    faults += [name for name in ("open", "high", "low", "close") if not np.allclose(table[name], truth[name])]
    scale = 5_000 if kind.minutes == DAY else 1
    if table["volume"].notna().any():
        if not kind.volume or not np.allclose(table["volume"], truth["volume"] * scale, rtol=1e-3):
            faults.append("volume")
        if table["taker_buy_volume"].notna().any() and not np.allclose(
            table["taker_buy_volume"], truth["buys"] * scale, rtol=1e-3
        ):
            faults.append("taker volume")
    elif volume:
        faults.append("the volume was lost")
    return faults


def as_json(table: pd.DataFrame) -> bytes:
    return json.dumps(json.loads(table.to_json(orient="records"))).encode()


def as_lines(table: pd.DataFrame) -> bytes:
    return table.to_json(orient="records", lines=True).encode()


def as_parquet(table: pd.DataFrame) -> bytes:
    sink = io.BytesIO()
    table.reset_index(drop=True).to_parquet(sink)
    return sink.getvalue()


def as_feather(table: pd.DataFrame) -> bytes:
    sink = io.BytesIO()
    table.reset_index(drop=True).to_feather(sink)
    return sink.getvalue()


def as_workbook(table: pd.DataFrame) -> bytes:
    sink = io.BytesIO()
    table.to_excel(sink, index=False)
    return sink.getvalue()


FORMS = {
    "csv": lambda table: table.to_csv(index=False).encode(),
    "tsv": lambda table: table.to_csv(index=False, sep="\t").encode(),
    "json": as_json,
    "jsonl": as_lines,
    "parquet": as_parquet,
    "feather": as_feather,
    "xlsx": as_workbook,
}
