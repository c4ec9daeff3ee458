"""The statistics of section 4.2: the empirical bootstrap of RegNet, and the rank correlation of share and accuracy."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import DataError, SettingError

ROUNDS = 10_000
PART = 0.25


@dataclass(frozen=True)
class Interval:
    """Where the best models' value lies. low, high: 2.5 and 97.5 percentiles. best: the median, the likeliest value."""

    low: float
    best: float
    high: float


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation of n pairs, -1 to 1, and the probability of one as strong by chance."""

    rho: float
    p: float
    n: int


def bootstrap(values: npt.ArrayLike, scores: npt.ArrayLike, seed: int = 0) -> Interval:
    """The empirical bootstrap: draw a quarter of the pairs with replacement, take the value of the best score, 10^4
    times over. Equal best scores are broken in favour of the one drawn first.

    values, scores: (n,) finite. Raises DataError for none, or for lengths that differ.
    """
    x, y = _pairs(values, scores)
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(x), size=(ROUNDS, max(1, round(PART * len(x)))))
    chosen = x[drawn[np.arange(ROUNDS), y[drawn].argmax(1)]]
    low, best, high = np.percentile(chosen, (2.5, 50, 97.5)).tolist()
    return Interval(low, best, high)


def spearman(values: npt.ArrayLike, scores: npt.ArrayLike) -> Correlation:
    """Rank correlation; NaN for fewer than three pairs, or where one side is constant."""
    x, y = _pairs(values, scores)
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return Correlation(float("nan"), float("nan"), len(x))
    try:
        from scipy.stats import spearmanr  # type: ignore[import-untyped]
    except ImportError as error:
        raise SettingError("Rank correlations need scipy: pip install 'scrfd-edge[search]'.") from error
    found = spearmanr(x, y)
    return Correlation(float(found.statistic), float(found.pvalue), len(x))


def _pairs(values: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    x, y = np.asarray(values, np.float64), np.asarray(scores, np.float64)
    if x.ndim != 1 or x.shape != y.shape or len(x) == 0 or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise DataError(f"Expected as many finite values as scores, one or more; got shapes {x.shape} and {y.shape}.")
    return x, y
