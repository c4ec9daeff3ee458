"""The space against section 4.2 of the paper, and what its candidates look like."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from scrfd_edge.description import DESCRIPTIONS, PAPER_VARIANTS, Block
from scrfd_edge.errors import SettingError
from scrfd_edge.search.space import BASELINES, SPACES, Space, Stem, find_regime, find_space, make_description

STEMS: tuple[Stem, ...] = ("release", "paper")
SMALL = Space("small", depth=3, width=40, neck=16, head=24, convs=2, first_width=24, growth=2, stem="paper")


def test_widths_are_all_that_never_fall() -> None:
    steps = range(8, 41, 8)
    expected = [
        row
        for row in itertools.product(steps, repeat=4)
        if row[0] <= 24 and all(a <= b <= 2 * a for a, b in itertools.pairwise(row))
    ]
    np.testing.assert_array_equal(SMALL.widths(), expected)


def test_heads_are_all_combinations() -> None:
    expected = list(itertools.product((8, 16), (8, 16, 24), (1, 2)))
    np.testing.assert_array_equal(SMALL.heads(), expected)


def test_the_papers_space_has_the_papers_size() -> None:
    paper = SPACES["paper"]
    assert len(paper.widths()) == 766_480  # 64 widths, four of them in rising order: C(67, 4)
    assert len(paper.heads()) == 32 * 32 * 6
    assert paper.widths().max() == 512 and paper.depth == 24


def test_released_networks_lie_in_the_papers_space_but_for_their_stems() -> None:
    rows = {tuple(row) for row in SPACES["paper"].widths().tolist()}
    for name in ("scrfd_2.5g", "scrfd_10g", "scrfd_34g"):
        description = DESCRIPTIONS[name]
        b, h = description.backbone, description.head
        assert b.widths in rows
        sizes = description.neck, h.width, h.convs
        released, paper = (
            make_description(name, b.block, list(b.depths), list(b.widths), *sizes, stem=stem) for stem in STEMS
        )
        assert released.backbone == b and released.head.width == h.width
        assert paper == replace(released, backbone=PAPER_VARIANTS[f"{name}_paper"].backbone)
    mobile = DESCRIPTIONS["scrfd_500m"].backbone
    assert mobile.stem[-1] != mobile.widths[0]  # breaks w_0 = w_1


@pytest.mark.parametrize(("block", "convolutions"), [("basic", 3), ("bottleneck", 3), ("depthwise", 2)])
def test_the_stem_is_as_wide_as_the_first_stage(block: Block, convolutions: int) -> None:
    for space, before in ((SPACES["paper"], 24), (SPACES["release"], 12)):
        stem = make_description("x", block, [1] * 4, [24, 24, 32, 40], 8, 8, 1, space.stem).backbone.stem
        assert stem == (*[before] * (convolutions - 1), 24)


@pytest.mark.parametrize(
    ("block", "neck", "width", "groups"),
    [("basic", 24, 64, 64), ("basic", 24, 80, 16), ("basic", 24, 96, 32), ("depthwise", 24, 96, 8)],
)
def test_groups_divide_what_they_normalise(block: Block, neck: int, width: int, groups: int) -> None:
    description = make_description("x", block, [1] * 4, [8] * 4, neck, width, 2, "paper")
    assert description.head.groups == groups
    assert description.head.depthwise == (block == "depthwise")


@pytest.mark.parametrize(
    ("gmac", "block", "expected"),
    [
        (0.5, None, ("depthwise", 32, 80)),
        (2.5, None, ("basic", 32, 96)),
        (34, None, ("bottleneck", 128, 256)),
        (2.5, "depthwise", ("depthwise", 32, 96)),
        (8, None, ("basic", 128, 160)),
    ],
)
def test_regimes(gmac: float, block: Block | None, expected: tuple[str, int, int]) -> None:
    regime = find_regime(gmac, block)
    assert (regime.block, regime.neck, regime.head) == expected
    assert regime.bounds == (round(gmac * 0.98e9), round(gmac * 1.02e9))


def test_baselines_are_those_of_table_2() -> None:
    for gmac, name in BASELINES.items():
        assert DESCRIPTIONS[name].backbone.block == find_regime(gmac).block


@pytest.mark.parametrize("gmac", [0, -1, float("nan"), float("inf")])
def test_budgets_that_mean_nothing(gmac: float) -> None:
    with pytest.raises(SettingError, match="Budget"):
        find_regime(gmac)


def test_unknown_names() -> None:
    with pytest.raises(SettingError, match="paper, release"):
        find_space("mine")
    with pytest.raises(SettingError, match="basic, bottleneck, depthwise"):
        find_regime(1, "dense")  # type: ignore[arg-type]
