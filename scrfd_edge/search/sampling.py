"""Uniform candidates within a budget, without drawing a million for each that fits.

The paper draws every degree of freedom uniformly and rejects what misses the budget. The same distribution comes from
any uniform draw over a smaller set that still holds every candidate to accept: here, for each row of widths, a box of
depths outside of which the budget (and the shares asked for) cannot be met. Rows are drawn in proportion to the size of
their box, depths within it, and the rest is rejected as in the paper.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from ..description import Description
from ..errors import SettingError
from .shares import StageCosts, head_costs, neck_costs, stage_costs
from .space import Regime, Space, Whole, make_description

Step = Literal["step1", "step2", "one_step"]
STEPS: tuple[Step, ...] = get_args(Step)

_BATCH = 1 << 17
_MOST_DRAWS = 200 * _BATCH


@dataclass(frozen=True)
class Shares:
    """What step 2 keeps of step 1. target: stem, C2..C5 as parts of the backbone. within: largest deviation of each.

    Raises SettingError for a deviation that is not above 0 and at most 1."""

    target: tuple[float, ...]
    within: float

    def __post_init__(self) -> None:
        check_within(self.within)


def check_within(within: float) -> None:
    """Raises SettingError for a deviation of shares that is not above 0 and at most 1."""
    if not 0 < within <= 1:
        raise SettingError(f"Deviation {within} (--within): expected a part of the backbone, such as 0.05.")


@dataclass(frozen=True)
class Sample:
    """descriptions: the candidates. acceptance: estimated part of the paper's own draws that would be accepted."""

    descriptions: list[Description]
    acceptance: float


@dataclass(frozen=True)
class _Boxes:
    """Rows of widths (K, 4) with the depths (K, 4) from `low` to `high` that may fit."""

    widths: Whole
    costs: StageCosts
    low: Whole
    high: Whole


def sample(space: Space, regime: Regime, step: Step, count: int, seed: int, shares: Shares | None = None) -> Sample:
    """Draws candidates of a step, named step_000 and on.

    step1: the backbone, neck and head fixed by the regime. step2: all, the backbone's shares as `shares` says.
    one_step: all at once. Raises SettingError when the budget lies outside the space, or when next to nothing fits.
    """
    if count < 1:
        raise SettingError(f"Count {count}: expected 1 or more candidates.")
    if seed < 0:
        raise SettingError(f"Seed {seed}: expected 0 or more.")
    if (step == "step2") != (shares is not None):
        raise SettingError("Step 2 follows the shares of step 1, and only step 2 does.")
    rng = np.random.default_rng((seed, STEPS.index(step)))
    heads = np.array([[regime.neck, regime.head, regime.convs]], np.int64) if step == "step1" else space.heads()
    head_macs = head_costs(regime.block, heads)
    widths = space.widths()
    boxes = _boxes(space, regime, widths, heads, head_macs, shares)
    volumes = np.cumsum((boxes.high - boxes.low + 1).prod(1))
    whole = float(len(widths)) * space.depth**4
    if len(volumes) == 0:
        raise SettingError(
            f"Nothing in the space {space.name!r} fits {regime.gmac:g} GMAC with {regime.block} blocks"
            f"{' and those shares' if shares else ''} (acceptance rate 0). {_range(space, regime, widths, heads)}"
        )
    found: list[Whole] = []
    accepted = draws = 0
    while accepted < count:
        if draws >= _MOST_DRAWS:
            rate = accepted / draws * volumes[-1] / whole
            raise SettingError(
                f"Only {accepted} of {count} candidates after {draws} draws (acceptance rate {rate:.1g} of the space "
                f"{space.name!r}). Ask for fewer, or widen the budget, the space or the tolerance of the shares."
            )
        rows = np.searchsorted(volumes, rng.integers(volumes[-1], size=_BATCH), side="right")
        depths = rng.integers(boxes.low[rows], boxes.high[rows] + 1)
        choice = rng.integers(len(heads), size=_BATCH)
        keep = _accept(regime, boxes, rows, depths, heads[choice], head_macs[choice], shares)
        found.append(np.concatenate([depths, boxes.widths[rows], heads[choice]], axis=1)[keep])
        draws += _BATCH
        accepted += int(keep.sum())
    numbers = np.concatenate(found)[:count].tolist()
    descriptions = [
        make_description(f"{step}_{i:03d}", regime.block, row[:4], row[4:8], row[8], row[9], row[10], space.stem)
        for i, row in enumerate(numbers)
    ]
    return Sample(descriptions, accepted / draws * float(volumes[-1]) / whole)


def _boxes(
    space: Space, regime: Regime, widths: Whole, heads: Whole, head_macs: Whole, shares: Shares | None
) -> _Boxes:
    """The rows of widths that may fit, each with its box of depths."""
    least, most = regime.bounds
    costs = stage_costs(regime.block, widths, space.stem)
    fixed = costs.stem + costs.pool
    cheapest = neck_costs(regime.block, widths, heads[:, 0].min()) + head_macs.min()
    dearest = neck_costs(regime.block, widths, heads[:, 0].max()) + head_macs.max()
    first = costs.first.sum(1)
    # What one stage may take is what the budget leaves when every other stage has one block.
    room = (most - fixed - cheapest - first)[:, None]
    high = np.minimum(space.depth, 1 + room // costs.more)
    extra = (high - 1) * costs.more
    missing = (least - fixed - dearest - first)[:, None] - (extra.sum(1, keepdims=True) - extra)
    low = np.maximum(1, 1 - (-missing // costs.more))
    if shares is not None:
        fewest, largest = _stage_bounds(regime, costs, cheapest, shares)
        low = np.maximum(low, 1 + np.ceil((fewest - costs.first) / costs.more).astype(np.int64))
        high = np.minimum(high, 1 + np.floor((largest - costs.first) / costs.more).astype(np.int64))
    fits = (low <= high).all(1)
    kept = StageCosts(costs.stem[fits], costs.pool[fits], costs.first[fits], costs.more[fits])
    return _Boxes(widths[fits], kept, low[fits], high[fits])


def _stage_bounds(
    regime: Regime, costs: StageCosts, cheapest: Whole, shares: Shares
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(K, 4) fewest and most multiply-adds of C2..C5 so that the shares may hold: the stem tells the backbone's sum."""
    stem = costs.stem.astype(np.float64)
    target = np.array(shares.target)
    lowest = np.maximum(target - shares.within, 0)
    smallest = stem / (target[0] + shares.within)
    largest = (regime.bounds[1] - costs.pool - cheapest).astype(np.float64)
    if lowest[0] > 0:
        largest = np.minimum(largest, stem / lowest[0])
    slack = 1.0  # one multiply-add, against rounding; the exact test follows each draw
    highest = (target[1:] + shares.within) * largest[:, None] + slack
    return np.where((largest >= smallest)[:, None], lowest[1:] * smallest[:, None] - slack, np.inf).clip(
        max=1e15
    ), highest


def _accept(
    regime: Regime,
    boxes: _Boxes,
    rows: Whole,
    depths: Whole,
    heads: Whole,
    head_macs: Whole,
    shares: Shares | None,
) -> npt.NDArray[np.bool_]:
    """(B,) whether a draw meets the budget and the shares."""
    costs = boxes.costs
    stages = costs.first[rows] + (depths - 1) * costs.more[rows]
    backbone = costs.stem[rows] + stages.sum(1)
    total = backbone + costs.pool[rows] + neck_costs(regime.block, boxes.widths[rows], heads[:, 0]) + head_macs
    least, most = regime.bounds
    keep: npt.NDArray[np.bool_] = (total >= least) & (total <= most)
    if shares is not None:
        parts = np.concatenate([costs.stem[rows][:, None], stages], axis=1) / backbone[:, None]
        keep &= (np.abs(parts - np.array(shares.target)) <= shares.within).all(1)
    return keep


def _range(space: Space, regime: Regime, widths: Whole, heads: Whole) -> str:
    """For messages: from where to where the space reaches."""
    ends = []
    for row, head, depth in ((widths[:1], heads[:1], 1), (widths[-1:], heads[-1:], space.depth)):
        costs = stage_costs(regime.block, row, space.stem)
        total = costs.stem + costs.pool + costs.first.sum(1) + (depth - 1) * costs.more.sum(1)
        total = total + neck_costs(regime.block, row, head[:, 0]) + head_costs(regime.block, head)
        ends.append(float(total[0]) / 1e9)
    return f"It reaches from {ends[0]:.2f} to {ends[1]:.0f} GMAC."
