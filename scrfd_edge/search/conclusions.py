"""The paper's conclusions of section 4.2, each tested on the rows of a search.

A claim holds when the 95 % interval of the bootstrap (where the best models lie) is wholly on its side, fails when it
is wholly on the other side, and else the rows are too few to tell.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Literal

from ..description import Description
from .bootstrap import Interval, bootstrap, spearman
from .shares import backbone_shares, component_macs, detector_shares, shallow_share
from .space import BASELINES, Regime, baseline_of
from .store import Row, hard_ap, with_results

Answer = Literal["holds", "fails", "too few rows"]

LEAST_ROWS = 12
"""Fewer rows never decide: a quarter of them is not a sample."""

WIDEST = 0.3
"""A wider 95 % interval of a share does not say that the best models lie around a value."""

Value = Callable[[Description], float]


@dataclass(frozen=True)
class Verdict:
    """claim: in the paper's words. detail: the numbers behind the answer."""

    claim: str
    answer: Answer
    detail: str


@dataclass(frozen=True)
class _Claim:
    """The best models of `step` lie above (below) the baseline in `value`, for the budgets `gmacs`."""

    text: str
    step: Literal["step1", "step2"]
    gmacs: tuple[float, ...]
    value: Value
    above: bool
    form: str = "{:.1%}"


def _shallow(description: Description) -> float:
    return shallow_share(component_macs(description))


def _part(index: int) -> Value:
    return lambda description: float(detector_shares(component_macs(description))[index])


_ALL = tuple(BASELINES)
_CLAIMS = (
    _Claim("Conclusion 1: more computation in the backbone", "step2", _ALL, _part(0), True),
    _Claim("Conclusion 1: less computation in the neck", "step2", _ALL, _part(1), False),
    _Claim("Conclusion 1: less computation in the head", "step2", _ALL, _part(2), False),
    _Claim("Conclusion 2: more capacity in stem, C2 and C3", "step1", (2.5, 10, 34), _shallow, True),
    _Claim(
        "Conclusion 3: C2 and C3 are deeper at 34 GF",
        "step1",
        (34,),
        lambda description: float(sum(description.backbone.depths[:2])),
        True,
        "{:.1f}",
    ),
    _Claim(
        "Conclusion 3: C2 and C3 are not wider at 34 GF",
        "step1",
        (34,),
        lambda description: mean(description.backbone.widths[:2]),
        False,
        "{:.1f}",
    ),
    _Claim(
        "Conclusion 4: more capacity in C5 at 0.5 GF",
        "step1",
        (0.5,),
        lambda description: float(backbone_shares(component_macs(description))[4]),
        True,
    ),
)
_TABLE_3_CLAIMS = (
    ("Table 3: redistributed samples help the baseline", "SR", "baseline"),
    ("Table 3: redistributed computation of the backbone helps", "CR@backbone", "baseline"),
    ("Table 3: two steps find more than one", "CR@two-step", "CR@detector"),
    ("Table 3: samples and computation are better than samples alone", "SR+CR@two-step", "SR"),
)


def judge_claims(
    regime: Regime, step1: Sequence[Row], step2: Sequence[Row], compared: Mapping[str, Sequence[float]]
) -> list[Verdict]:
    """Every conclusion, for a search of that regime; those against a baseline need the paper's budget and blocks.
    Rows without results are left out.

    compared: hard APs, one per seed, of the rows of Table 3 (by its names).
    """
    populations = {"step1": with_results(step1), "step2": with_results(step2)}
    baseline = baseline_of(regime)
    verdicts = [_eighty_percent(regime, populations["step1"])]
    for claim in _CLAIMS:
        if baseline is not None and regime.gmac in claim.gmacs:
            text = f"{claim.text} than in {baseline.name}"
            verdicts.append(_against(text, populations[claim.step], claim, claim.value(baseline)))
        else:
            verdicts.append(_elsewhere(claim.text, claim.gmacs))
    order = _Claim("Fig. 9: the head takes more than the neck", "step2", (), _head_over_neck, True)
    verdicts.append(_against(order.text, populations["step2"], order, 0.0))
    return verdicts + [_better(text, compared, better, worse) for text, better, worse in _TABLE_3_CLAIMS]


def _head_over_neck(description: Description) -> float:
    return _part(2)(description) - _part(1)(description)


def _eighty_percent(regime: Regime, rows: Sequence[Row]) -> Verdict:
    """Whether the best models lie around the paper's 80 %: the interval holds it, and is narrow enough to say so."""
    text = "Fig. 6: around 80 % of the backbone's computation is in stem, C2 and C3"
    if regime.gmac not in (2.5, 10, 34) or baseline_of(regime) is None:
        return _elsewhere(text, (2.5, 10, 34))
    if len(rows) < LEAST_ROWS:
        return _few(text, rows)
    interval, detail = _interval(rows, _shallow, "{:.1%}")
    if not interval.low <= 0.8 <= interval.high:
        return Verdict(text, "fails", detail)
    return Verdict(text, "holds" if interval.high - interval.low <= WIDEST else "too few rows", detail)


def _against(text: str, rows: Sequence[Row], claim: _Claim, bound: float) -> Verdict:
    """Whether the best models lie above (below) a bound."""
    if len(rows) < LEAST_ROWS:
        return _few(text, rows)
    interval, detail = _interval(rows, claim.value, claim.form)
    detail = f"{detail}; against {claim.form.format(bound)}"
    if interval.low > bound or interval.high < bound:
        return Verdict(text, "holds" if (interval.low > bound) == claim.above else "fails", detail)
    return Verdict(text, "too few rows", detail)


def _better(claim: str, compared: Mapping[str, Sequence[float]], better: str, worse: str) -> Verdict:
    """Whether one row of Table 3 beats another by more than two standard errors over seeds."""
    a, b = compared.get(better, ()), compared.get(worse, ())
    if len(a) < 2 or len(b) < 2:
        return Verdict(claim, "too few rows", f"{better} has {len(a)} seeds, {worse} {len(b)}; 2 each are needed")
    gap = mean(a) - mean(b)
    error = (stdev(a) ** 2 / len(a) + stdev(b) ** 2 / len(b)) ** 0.5
    detail = f"hard AP {mean(a):.2f} against {mean(b):.2f}, standard error {error:.2f}, {len(a)} and {len(b)} seeds"
    if abs(gap) <= 2 * error:
        return Verdict(claim, "too few rows", detail)
    return Verdict(claim, "holds" if gap > 0 else "fails", detail)


def _interval(rows: Sequence[Row], value: Value, form: str) -> tuple[Interval, str]:
    values, marks = [value(row.description) for row in rows], hard_ap(rows)
    found, rank = bootstrap(values, marks), spearman(values, marks)
    best, low, high = (form.format(v) for v in (found.best, found.low, found.high))
    return found, f"best {best} ({low} to {high}) of {len(rows)} rows, Spearman {rank.rho:+.2f} (p {rank.p:.2g})"


def _few(text: str, rows: Sequence[Row]) -> Verdict:
    return Verdict(text, "too few rows", f"{len(rows)} rows; {LEAST_ROWS} are needed")


def _elsewhere(text: str, gmacs: Sequence[float]) -> Verdict:
    budgets = ", ".join(f"{gmac:g}" for gmac in gmacs)
    return Verdict(text, "too few rows", f"no rows here; it is said of the paper's blocks at {budgets} GF")
