"""Counts of many candidates at once against the counts of one, and the released models' shares."""

import numpy as np
import pytest
from counter import count
from hypothesis import given, settings
from hypothesis import strategies as st

from scrfd_edge.cost import Count
from scrfd_edge.description import DESCRIPTIONS, Block
from scrfd_edge.networks import SCRFD
from scrfd_edge.search.shares import (
    SIZE,
    backbone_shares,
    component_macs,
    detector_shares,
    head_costs,
    neck_costs,
    shallow_share,
    stage_costs,
)
from scrfd_edge.search.space import Stem, make_description

eights = st.integers(1, 8).map(lambda i: 8 * i)


@settings(max_examples=50, deadline=None)
@given(
    block=st.sampled_from(["basic", "bottleneck", "depthwise"]),
    depths=st.lists(st.integers(1, 24), min_size=4, max_size=4),
    widths=st.lists(eights, min_size=4, max_size=4).map(sorted),
    neck=eights,
    head=eights,
    convs=st.integers(1, 6),
    stem=st.sampled_from(["paper", "release"]),
)
def test_many_at_once_equal_one(
    block: Block, depths: list[int], widths: list[int], neck: int, head: int, convs: int, stem: Stem
) -> None:
    expected = component_macs(make_description("x", block, depths, widths, neck, head, convs, stem))
    rows = np.array([widths, [8, 8, 8, 8]], np.int64)
    costs = stage_costs(block, rows, stem)
    stages = costs.first[0] + (np.array(depths) - 1) * costs.more[0]
    assert [costs.stem[0], *stages] == [expected[name] for name in ("stem", "C2", "C3", "C4", "C5")]
    assert costs.pool[0] == expected["pool"]
    assert neck_costs(block, rows, np.array([neck, 8]))[0] == expected["neck"]
    assert head_costs(block, np.array([[neck, head, convs]]))[0] == expected["head"]


@pytest.mark.parametrize("stem", ["paper", "release"])
@pytest.mark.parametrize("block", ["basic", "bottleneck", "depthwise"])
def test_the_closed_form_equals_a_counted_run(block: Block, stem: Stem) -> None:
    description = make_description("x", block, [2, 1, 3, 1], [16, 16, 24, 40], 24, 48, 3, stem)
    counted = sum(count(SCRFD(description), SIZE).values(), Count())
    assert sum(component_macs(description).values()) == counted.macs


@pytest.mark.parametrize(
    ("name", "percent"),
    [
        ("scrfd_2.5g", 89.7),
        ("scrfd_10g", 87.5),
        ("scrfd_34g", 90.0),
        ("scrfd_500m", 52.8),
        ("scrfd_1g", 75.6),
        ("resnet_2.5g", 50.2),
    ],
)
def test_shallow_shares_of_the_released_models(name: str, percent: float) -> None:
    assert round(100 * shallow_share(component_macs(DESCRIPTIONS[name])), 1) == percent


def test_shares_of_scrfd_2_5g() -> None:
    macs = component_macs(DESCRIPTIONS["scrfd_2.5g"])
    np.testing.assert_allclose(100 * backbone_shares(macs), [15.81, 28.61, 45.31, 7.25, 3.01], atol=0.005)
    np.testing.assert_allclose(100 * detector_shares(macs), [83.62, 2.22, 14.09], atol=0.005)
