"""The public archive as files: zips of one CSV with a SHA-256 beside, of the same bars that all venues tell.

Like the real one it has microseconds since 2025 and milliseconds before, a header in some files and none in
others, some metrics stamped a second late, and no file for days that are not over.
"""

import hashlib
import io
import re
import zipfile
from datetime import UTC, datetime, timedelta

from tests.loopback import truth
from tests.loopback.truth import HOUR, MINUTE, bar

HOST = "data.binance.vision"
STEPS = {"1m": MINUTE, "5m": 5 * MINUTE, "15m": 15 * MINUTE, "1h": HOUR, "4h": 4 * HOUR, "1d": 24 * HOUR}
_PATH = re.compile(
    r"data/futures/um/(daily|monthly)/(klines/BTCUSDT/(\w+)|metrics/BTCUSDT|fundingRate/BTCUSDT)/"
    r"BTCUSDT-(?:\w+)-(\d{4}-\d{2}(?:-\d{2})?)\.zip(\.CHECKSUM)?"
)
_SNAPSHOT = re.compile(
    r"data/futures/cm/daily/liquidationSnapshot/BTCUSD_PERP/"
    r"BTCUSD_PERP-liquidationSnapshot-(\d{4}-\d{2}-\d{2})\.zip(\.CHECKSUM)?"
)
# The days on which the real archive has such files.
SNAPSHOTS = ("2023-06-25", "2024-10-14")
_ORDERS = (
    "time,side,order_type,time_in_force,original_quantity,price,average_price,order_status,"
    "last_fill_quantity,accumulated_fill_quantity"
)
_KLINES = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,"
    "taker_buy_quote_volume,ignore"
)
_METRICS = (
    "create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,"
    "sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio"
)


def answer(path: str, fault: str = "") -> bytes | None:
    """The file at a path, or None where the archive has none."""
    snapshot = _SNAPSHOT.fullmatch(path)
    if snapshot is not None:
        date, checksum = snapshot.groups()
        if fault == "missing-file" or not SNAPSHOTS[0] <= date <= SNAPSHOTS[1]:
            return None
        start = int(datetime.strptime(date, "%Y-%m-%d").replace(tzinfo=UTC).timestamp() * 1000)
        return _packed(path, orders(start, start + 24 * HOUR), bool(checksum), fault)
    found = _PATH.fullmatch(path)
    if found is None or fault == "missing-file":
        return None
    length, _, step, date, checksum = found.groups()
    first = datetime.strptime(date, "%Y-%m-%d" if length == "daily" else "%Y-%m").replace(tzinfo=UTC)
    after = first + timedelta(days=1) if length == "daily" else (first + timedelta(days=32)).replace(day=1)
    start, end = int(first.timestamp() * 1000), int(after.timestamp() * 1000)
    if end > truth.NOW:
        return None
    if "metrics" in path:
        text = metrics(start, end)
    elif "fundingRate" in path:
        text = funding(start, end)
    else:
        text = klines(start, end, STEPS[str(step)])
    return _packed(path, text, bool(checksum), fault)


def _packed(path: str, text: str, checksum: bool, fault: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        name = path.rsplit("/", 1)[1].removesuffix(".CHECKSUM").removesuffix(".zip")
        file.writestr(zipfile.ZipInfo(f"{name}.csv", (2025, 1, 1, 0, 0, 0)), text)
    data = packed.getvalue()
    if checksum:
        digest = "0" * 64 if fault == "bad-checksum" else hashlib.sha256(data).hexdigest()
        return f"{digest}  {name}.zip\n".encode()
    return data[: len(data) // 2] if fault == "truncated" else data


def klines(start: int, end: int, step: int) -> str:
    scale = 1000 if start >= 1_735_689_600_000 else 1
    rows = [] if start // (24 * HOUR) % 2 else [_KLINES]
    for moment in range(start, end, step):
        opened, high, low, close, volume = bar(moment)
        rows.append(
            f"{moment * scale},{opened},{high},{low},{close},{volume},{(moment + step) * scale - 1},"
            f"{volume * close},90,{volume / 4},{volume / 4 * close},0"
        )
    return "\n".join(rows) + "\n"


def orders(start: int, end: int) -> str:
    """A liquidation every half hour at 50,000, each told twice: sells of 7, buys of 3 contracts."""
    rows = [_ORDERS]
    for number, moment in enumerate(range(start, end, HOUR // 2)):
        side, count = ("SELL", 7) if number % 2 else ("BUY", 3)
        rows += 2 * [f"{moment},{side},LIMIT,IOC,{count},49000.0,50000.0,FILLED,1,{count}"]
    return "\n".join(rows) + "\n"


def metrics(start: int, end: int) -> str:
    rows = [_METRICS]
    for number, moment in enumerate(range(start, end, 5 * MINUTE)):
        late = 1 if number % 7 == 3 else 0
        stamp = datetime.fromtimestamp(moment / 1000 + late, UTC).strftime("%Y-%m-%d %H:%M:%S")
        held = 90_000.0 + moment // MINUTE % 1440
        rows.append(f"{stamp},BTCUSDT,{held},{held * 60_000},1.1,1.2,1.3,0.9")
    return "\n".join(rows) + "\n"


def funding(start: int, end: int) -> str:
    rows = ["calc_time,funding_interval_hours,last_funding_rate"]
    rows += [f"{moment + 3},8,0.00010000" for moment in range(start, end, 8 * HOUR)]
    return "\n".join(rows) + "\n"
