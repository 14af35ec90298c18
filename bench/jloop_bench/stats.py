"""Medians and spreads. No assumption about distributions: a few rounds on a shared machine have none."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Summary(NamedTuple):
    """What rounds gave: their median, the lowest, the highest and how many there were."""

    median: float
    low: float
    high: float
    rounds: int

    @property
    def spread(self) -> float:
        """Highest less lowest, as a share of the median."""
        return (self.high - self.low) / self.median if self.median else 0.0


def median(values: Sequence[float]) -> float:
    """The middle value, or the mean of the two in the middle. Raises ValueError if there is none."""
    if not values:
        raise ValueError("median of nothing")
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The smallest of the sorted values that at least `percent` of them do not exceed; NaN if there is none."""
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def summarise(values: Sequence[float]) -> Summary:
    """The summary of one value per round."""
    return Summary(median(values), min(values), max(values), len(values))


def paired_ratio(numerators: Mapping[int, float], denominators: Mapping[int, float]) -> Summary | None:
    """The summary of the ratios within each round that both have; None if there is no such round.

    Loops are measured one after another within a round, so what the machine does to a round mostly cancels.
    """
    ratios = [
        value / denominators[round_] for round_, value in numerators.items() if denominators.get(round_, 0.0) > 0.0
    ]
    return summarise(ratios) if ratios else None
