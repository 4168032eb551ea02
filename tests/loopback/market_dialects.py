"""Candles, open interest, funding and brackets of venues that are strict about the address; the rest is `dialects`."""

from collections.abc import Mapping
from typing import Any

from tests.loopback import dialects
from tests.loopback.dialects import NOW, Event, Refused

HOUR = 3_600_000


def hours(count: int) -> list[int]:
    """The last full hours in ms, oldest first."""
    return [NOW // HOUR * HOUR - back * HOUR for back in range(count)][::-1]


def gate(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    """Gate knows `usdt` and `btc` in its paths, in small letters only."""
    settle, name = path.split("/")[-2:]
    if settle not in ("usdt", "btc"):
        raise Refused(400, {"label": "INVALID_PARAM_VALUE", "message": "Invalid settle"})
    if name == "candlesticks":
        return [{"t": moment // 1000, "o": "50000", "h": "50060", "l": "49940", "c": "50015", "v": "125000", "sum": "625000"} for moment in hours(6)]
    if name == "contract_stats":
        return [{"time": moment // 1000, "open_interest": "500000", "open_interest_usd": "2500000"} for moment in hours(3)]
    if name == "funding_rate":
        return [{"t": moment // 1000, "r": "0.0001"} for moment in hours(24)[::8]]
    if name == "risk_limit_tiers":
        return [{"maintenance_rate": rate, "tier": number, "initial_rate": "0.01", "leverage_max": lever, "risk_limit": limit}
                for number, (rate, lever, limit) in enumerate((("0.004", "125", "1000000"), ("0.005", "100", "2000000")), start=1)]
    return dialects.gate(events, path, query)


def deribit(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    """Deribit tells, each hour, the funding of that hour and of the eight hours up to it."""
    if path.endswith("get_funding_rate_history"):
        return {"jsonrpc": "2.0", "result": [
            {"timestamp": moment, "index_price": 50_000.0, "prev_index_price": 50_000.0, "interest_8h": 0.00008, "interest_1h": 0.00001} for moment in hours(6)]}
    return dialects.deribit(events, path, query)


def binance_coin(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    """COIN-M bars count contracts first and BTC second."""
    if path.endswith("/klines"):
        return [[t, "50000", "50060", "49940", "50015", "6250", t + HOUR - 1, "12.5", 40, "2750", "5.5", "0"] for t in hours(6)]
    raise Refused(404, {"code": -1, "msg": f"no such path {path}"})


HOSTS = {**dialects.HOSTS, "api.gateio.ws": gate, "www.deribit.com": deribit, "dapi.binance.com": binance_coin}
