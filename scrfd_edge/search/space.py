"""The search space of section 4.2, and the budgets that it is searched for. Hold it beside the paper."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..description import DESCRIPTIONS, EXPANSION, Backbone, Block, Description, Head
from ..errors import SettingError

TOLERANCE = 0.02
"""Candidates lie within this part of the budget (the authors' `eps`)."""

Whole = npt.NDArray[np.int64]

Stem = Literal["paper", "release"]
"""Channels of the stem's convolutions: w_0 = w_1 in the paper, half of that in all but the last in its release."""


@dataclass(frozen=True)
class Space:
    """Largest values of the eleven degrees of freedom; all are drawn uniformly and all start at one step.

    depth: blocks per stage, d_i. width: planes per stage, w_i, in steps of `step`, w_(i+1) >= w_i.
    neck: its channels n; head: its channels h, both in steps of `step`. convs: of the head, m.
    first_width: bound on w_1 (= w_0). growth: bound on w_(i+1) / w_i. stem: follows w_1.
    """

    name: str
    depth: int
    width: int
    neck: int
    head: int
    convs: int
    first_width: int
    growth: int
    stem: Stem
    step: int = 8

    def widths(self) -> Whole:
        """(K, 4) every w_1..w_4 that never falls."""
        rows = np.arange(self.step, self.first_width + 1, self.step, dtype=np.int64)[:, None]
        for _ in range(3):
            last = rows[:, -1]
            counts = np.minimum(self.width, self.growth * last) // self.step - last // self.step + 1
            offset = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
            rows = np.repeat(rows, counts, axis=0)
            rows = np.concatenate([rows, (rows[:, -1] + self.step * offset)[:, None]], axis=1)
        return rows

    def heads(self) -> Whole:
        """(N, 3) every neck width n, head width h and number of convolutions m."""
        necks = np.arange(self.step, self.neck + 1, self.step)
        widths = np.arange(self.step, self.head + 1, self.step)
        grid = np.meshgrid(necks, widths, np.arange(1, self.convs + 1), indexing="ij")
        return np.stack([axis.ravel() for axis in grid], axis=1).astype(np.int64)


SPACES: Mapping[str, Space] = {
    space.name: space
    for space in (
        Space("paper", depth=24, width=512, neck=256, head=256, convs=6, first_width=512, growth=64, stem="paper"),
        # The released scripts draw the ratio of neighbouring widths, here the widths themselves are uniform.
        Space("release", depth=10, width=4096, neck=128, head=256, convs=4, first_width=64, growth=4, stem="release"),
    )
}


@dataclass(frozen=True)
class Regime:
    """A budget. gmac: 10^9 multiply-adds at 640x480 by the paper's rule. block: of the backbone; "depthwise" makes the
    head's tower depth-wise too. neck, head, convs: what step 1 keeps fixed."""

    gmac: float
    block: Block
    neck: int
    head: int
    convs: int

    @property
    def bounds(self) -> tuple[int, int]:
        """Fewest and most multiply-adds of a candidate."""
        return math.ceil(self.gmac * 1e9 * (1 - TOLERANCE)), math.floor(self.gmac * 1e9 * (1 + TOLERANCE))


# Step 1 fixes neck 32 and head 2x96 at 2.5 GF (section 4.2); elsewhere "the default configuration" is that of Table 2.
REGIMES = (
    Regime(0.5, "depthwise", 32, 80, 2),
    Regime(2.5, "basic", 32, 96, 2),
    Regime(10, "basic", 128, 160, 2),
    Regime(34, "bottleneck", 128, 256, 2),
)

BASELINES: Mapping[float, str] = {0.5: "mobilenet_0.5g", 2.5: "resnet_2.5g", 10: "resnet_10g", 34: "resnet_34g"}
"""The baseline of Table 2 for each budget of the paper."""


def find_regime(gmac: float, block: Block | None = None) -> Regime:
    """The paper's regime of that budget; for another budget the nearest one's block, neck and head.

    block: instead of the regime's own. Raises SettingError for a budget or block that means nothing.
    """
    if not 0 < gmac < 1e6:
        raise SettingError(f"Budget {gmac!r}: expected a number of GMAC above 0, such as 0.5, 2.5, 10 or 34.")
    if block is not None and block not in EXPANSION:
        raise SettingError(f"Block {block!r}: expected one of {', '.join(EXPANSION)}.")
    nearest = min(REGIMES, key=lambda regime: abs(math.log(regime.gmac / gmac)))
    return replace(nearest, gmac=gmac, block=block or nearest.block)


def baseline_of(regime: Regime) -> Description | None:
    """The baseline of Table 2; None for a budget that the paper lacks, or blocks other than its own there."""
    if regime.gmac not in BASELINES or regime.block != find_regime(regime.gmac).block:
        return None
    return DESCRIPTIONS[BASELINES[regime.gmac]]


def find_space(name: str) -> Space:
    """A space by name. Raises SettingError for an unknown one."""
    if name not in SPACES:
        raise SettingError(f"Unknown space {name!r}: expected one of {', '.join(SPACES)}.")
    return SPACES[name]


def make_backbone(block: Block, depths: Any, widths: Any, stem: Stem) -> Backbone:
    """The backbone of a candidate; depths and widths may be four arrays each."""
    last = widths[0]
    before = last if stem == "paper" else last // 2
    return Backbone(
        block, (before, last) if block == "depthwise" else (before, before, last), tuple(depths), tuple(widths)
    )


def make_head(block: Block, neck: Any, width: Any, convs: Any) -> Head:
    """The shared head of a candidate; sizes may be arrays (the groups are then 1, which counts the same)."""
    groups = 1 if isinstance(width, np.ndarray) else _groups(width if block != "depthwise" else math.gcd(width, neck))
    return Head(width, convs, block == "depthwise", "group", groups, shared=True, scale=True, landmarks=False)


def make_description(
    name: str, block: Block, depths: list[int], widths: list[int], neck: int, head: int, convs: int, stem: Stem
) -> Description:
    """The description of a candidate."""
    return Description(name, make_backbone(block, depths, widths, stem), neck, make_head(block, neck, head, convs))


def _groups(channels: int) -> int:
    """As the released scripts choose: doubled from 8 as long as it divides, at most 64."""
    groups = 8
    while groups < 64 and channels % (groups * 2) == 0:
        groups *= 2
    return groups if channels % groups == 0 else 1
