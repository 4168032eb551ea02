"""Reading a level: what heat, price and venues say about it, for and against, in one report."""

from liqcore.reading.reading import read_level
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
    "PriceStep",
    "Reading",
    "ReadingError",
    "TimeframeReading",
    "read_level",
    "read_timeframes",
]
