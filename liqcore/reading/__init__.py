"""Reading a level: what heat, price and venues say about it, for and against, in one report."""

from liqcore.reading.reading import Prepared, prepare, read_level
from liqcore.reading.report import (
    AgreementStep,
    ApproachStep,
    ChangeStep,
    ClusterNear,
    ClustersStep,
    Condition,
    Evidence,
    LevelStep,
    PriceStep,
    Reading,
    ReadingError,
)
from liqcore.reading.timeframes import TimeframeReading, read_timeframes

__all__ = [
    "AgreementStep",
    "ApproachStep",
    "ChangeStep",
    "ClusterNear",
    "ClustersStep",
    "Condition",
    "Evidence",
    "LevelStep",
    "Prepared",
    "PriceStep",
    "Reading",
    "ReadingError",
    "TimeframeReading",
    "prepare",
    "read_level",
    "read_timeframes",
]
