"""Where a network spends its multiply-adds: counts per component for many candidates at once, and shares."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..cost import backbone_counts, cost, head_count, neck_count
from ..description import EXPANSION, Block, Description
from .space import Stem, Whole, make_backbone, make_head

SIZE = (480, 640)
"""Height and width at which the paper counts."""

STAGES = ("stem", "C2", "C3", "C4", "C5")
PARTS = ("backbone", "neck", "head")

_CELLS = tuple(SIZE[0] // stride * (SIZE[1] // stride) for stride in (8, 16, 32))


@dataclass(frozen=True)
class StageCosts:
    """Multiply-adds of K backbones as a line in each depth: stages = first + (depth - 1) * more.

    stem: (K,) with neither pool nor body. pool: (K,). first, more: (K, 4) of C2..C5.
    """

    stem: Whole
    pool: Whole
    first: Whole
    more: Whole


def stage_costs(block: Block, widths: Whole, stem: Stem) -> StageCosts:
    """Counts of the backbones of `widths` (K, 4)."""
    columns = list(widths.T)
    stems, pool, one = backbone_counts(make_backbone(block, (1, 1, 1, 1), columns, stem), SIZE)
    _, _, two = backbone_counts(make_backbone(block, (2, 2, 2, 2), columns, stem), SIZE)
    first = np.stack([stage.macs for stage in one], axis=1)
    more = np.stack([stage.macs for stage in two], axis=1) - first
    return StageCosts(stems.macs, np.broadcast_to(pool.macs, stems.macs.shape), first, more)


def neck_costs(block: Block, widths: Whole, neck: Whole) -> Whole:
    """(K,) multiply-adds of necks of `neck` channels on backbones of `widths` (K, 4)."""
    macs: Whole = neck_count(list(widths.T[1:] * EXPANSION[block]), neck, _CELLS).macs
    return macs


def head_costs(block: Block, heads: Whole) -> Whole:
    """(N,) multiply-adds of heads given as (N, 3): neck channels, head channels, convolutions."""
    neck, width, convs = heads.T
    macs: Whole = head_count(neck, make_head(block, neck, width, convs), 2, _CELLS).macs
    return macs


def component_macs(description: Description) -> dict[str, int]:
    """Multiply-adds of stem, C2..C5, neck, head, and of the max-pool, which the paper assigns to none of them."""
    counted = cost(description, SIZE)
    return {**{name: int(count.macs) for name, count in counted.components.items()}, "pool": int(counted.pool.macs)}


def backbone_shares(macs: Mapping[str, int]) -> npt.NDArray[np.float64]:
    """(5,) stem, C2..C5 as parts of the backbone's sum (Fig. 5)."""
    stages = np.array([macs[name] for name in STAGES], np.float64)
    shares: npt.NDArray[np.float64] = stages / stages.sum()
    return shares


def shallow_share(macs: Mapping[str, int]) -> float:
    """Stem, C2 and C3 as part of the backbone (Fig. 6)."""
    return float(backbone_shares(macs)[:3].sum())


def detector_shares(macs: Mapping[str, int]) -> npt.NDArray[np.float64]:
    """(3,) backbone, neck, head as parts of the whole, max-pool included in the whole (Fig. 9)."""
    parts = np.array([sum(macs[name] for name in STAGES), macs["neck"], macs["head"]], np.float64)
    return parts / sum(macs.values())
