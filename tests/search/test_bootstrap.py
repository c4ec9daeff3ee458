"""The bootstrap finds what is known, and is the one the paper describes."""

import numpy as np
import pytest

from scrfd_edge.errors import DataError
from scrfd_edge.search.bootstrap import ROUNDS, bootstrap, spearman


def test_a_known_best_lies_in_the_interval() -> None:
    """320 networks, AP highest at a share of 0.7."""
    rng = np.random.default_rng(0)
    shares = rng.uniform(0, 1, 320)
    scores = 70 - 20 * (shares - 0.7) ** 2 + rng.normal(0, 0.2, 320)
    found = bootstrap(shares, scores)
    assert found.low < 0.7 < found.high
    assert found.high - found.low < 0.45
    assert abs(found.best - 0.7) < 0.1


def test_a_share_that_does_not_matter_gives_a_wide_interval() -> None:
    rng = np.random.default_rng(1)
    found = bootstrap(rng.uniform(0, 1, 320), rng.normal(0, 1, 320))
    assert found.high - found.low > 0.3


def test_more_rows_narrow_the_interval() -> None:
    rng = np.random.default_rng(2)
    shares = rng.uniform(0, 1, 320)
    scores = -((shares - 0.5) ** 2)
    few, many = bootstrap(shares[:20], scores[:20]), bootstrap(shares, scores)
    assert many.high - many.low < few.high - few.low


def test_the_definition_word_for_word() -> None:
    """A quarter with replacement, the best of it, 10^4 times: for n values in order of score the chance that the best
    drawn has rank k or less is (k / n)^m, here with n = 8 and m = 2."""
    values = np.arange(1.0, 9.0)
    found = bootstrap(values, values)
    shares = (np.arange(9) / 8) ** 2
    expected = [float(np.argmax(shares >= q)) for q in (0.025, 0.5, 0.975)]
    assert [found.low, found.best, found.high] == expected
    assert ROUNDS == 10_000


def test_it_does_not_depend_on_the_scale_of_the_scores() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.uniform(0, 1, 50), rng.normal(0, 1, 50)
    assert bootstrap(x, y) == bootstrap(x, 100 + 5 * y)


def test_one_row() -> None:
    found = bootstrap([0.3], [10])
    assert found.low == found.best == found.high == 0.3


def test_spearman_known_values() -> None:
    assert spearman([1, 2, 3, 4], [10, 20, 30, 400]).rho == pytest.approx(1)
    assert spearman([1, 2, 3, 4], [4, 3, 2, 1]).rho == pytest.approx(-1)
    assert spearman([1, 2, 3, 4, 5], [2, 1, 4, 3, 5]).rho == pytest.approx(0.8)
    assert np.isnan(spearman([1, 1, 1], [1, 2, 3]).rho)
    assert np.isnan(spearman([1, 2], [1, 2]).rho)


@pytest.mark.parametrize(("values", "scores"), [([], []), ([1.0], [1.0, 2.0]), ([float("nan")], [1.0]), ([[1]], [[1]])])
def test_bad_pairs(values: list[float], scores: list[float]) -> None:
    with pytest.raises(DataError, match="as many finite values as scores"):
        bootstrap(values, scores)
