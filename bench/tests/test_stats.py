"""Medians, spreads, pairs."""

import math

import pytest
from jloop_bench import stats


def test_median_of_an_even_number_is_the_mean_of_the_middle_two():
    assert stats.median([4, 1, 3, 2]) == 2.5


def test_median_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="nothing"):
        stats.median([])


@pytest.mark.parametrize(("percent", "expected"), [(0, 1), (50, 50), (99, 99), (99.9, 100), (100, 100)])
def test_percentile_is_the_nearest_rank(percent, expected):
    assert stats.percentile(range(1, 101), percent) == expected


def test_percentile_of_nothing_is_not_a_number():
    assert math.isnan(stats.percentile([], 50))


def test_spread_is_the_range_as_a_share_of_the_median():
    summary = stats.summarise([9.0, 10.0, 12.0])
    assert summary == (10.0, 9.0, 12.0, 3)
    assert summary.spread == pytest.approx(0.3)


def test_pairs_cancel_what_hits_a_whole_round():
    slow_second_round = stats.paired_ratio({0: 2.0, 1: 20.0, 2: 2.0}, {0: 1.0, 1: 10.0})
    assert slow_second_round == (2.0, 2.0, 2.0, 2)


def test_no_common_round_no_ratio():
    assert stats.paired_ratio({0: 1.0}, {1: 1.0}) is None
