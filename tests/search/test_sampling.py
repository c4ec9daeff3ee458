"""The quick draw has the distribution of the slow one."""

import itertools
import math
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats  # type: ignore[import-untyped]

from scrfd_edge.description import Block, Description
from scrfd_edge.errors import SettingError
from scrfd_edge.search.sampling import Shares, Step, sample
from scrfd_edge.search.shares import backbone_shares, component_macs
from scrfd_edge.search.space import SPACES, Regime, Space, find_regime, make_description

SMALL = Space("small", depth=3, width=32, neck=16, head=16, convs=1, first_width=32, growth=4, stem="paper")
REGIME = Regime(0.14, "depthwise", neck=16, head=16, convs=1)
AROUND = Shares((0.7, 0.22, 0.05, 0.02, 0.01), 0.05)


@cache
def everything(step: Step) -> list[Description]:
    """Every description of the small space within the budget, by trying all."""
    heads = [[REGIME.neck, REGIME.head, REGIME.convs]] if step == "step1" else SMALL.heads().tolist()
    least, most = REGIME.bounds
    tried = (
        make_description("x", REGIME.block, list(depths), widths, neck, head, convs, SMALL.stem)
        for widths, depths, (neck, head, convs) in itertools.product(
            SMALL.widths().tolist(), itertools.product(range(1, 4), repeat=4), heads
        )
    )
    return [d for d in tried if least <= sum(component_macs(d).values()) <= most]


def candidates(step: Step) -> list[Description]:
    """What a step may accept."""
    if step != "step2":
        return everything(step)
    away = [np.abs(backbone_shares(component_macs(d)) - AROUND.target).max() for d in everything("one_step")]
    return [d for d, most in zip(everything("one_step"), away, strict=True) if most <= AROUND.within]


def identity(description: Description) -> tuple[object, ...]:
    head = description.head
    return description.backbone, description.neck, head.width, head.convs


@pytest.mark.parametrize(("step", "count"), [("step1", 5_000), ("step2", 5_000), ("one_step", 10_000)])
def test_every_candidate_is_as_likely_as_every_other(step: Step, count: int) -> None:
    drawn_times = {identity(d): 0 for d in candidates(step)}
    assert len(drawn_times) > 20 and (step == "one_step" or len(drawn_times) < len(everything("one_step")))
    drawn = sample(SMALL, REGIME, step, count, seed=0, shares=AROUND if step == "step2" else None)
    for description in drawn.descriptions:
        drawn_times[identity(description)] += 1
    counts = np.array(list(drawn_times.values()))
    cells = min(len(counts), 200)  # enough in each for the test
    groups = np.array_split(counts, cells)
    expected = [count * len(group) / len(counts) for group in groups]
    assert stats.chisquare([group.sum() for group in groups], expected).pvalue > 0.001


def test_as_plain_rejection_draws() -> None:
    """Shares of the backbone: the slow way of the paper against ours (Kolmogorov-Smirnov)."""
    rng = np.random.default_rng(0)
    widths = SMALL.widths()
    least, most = REGIME.bounds
    slow: list[npt.NDArray[np.float64]] = []
    while len(slow) < 100:
        description = make_description(
            "x",
            REGIME.block,
            rng.integers(1, 4, 4).tolist(),
            widths[rng.integers(len(widths))].tolist(),
            REGIME.neck,
            REGIME.head,
            REGIME.convs,
            SMALL.stem,
        )
        macs = component_macs(description)
        if least <= sum(macs.values()) <= most:
            slow.append(backbone_shares(macs))
    quick = [backbone_shares(component_macs(d)) for d in sample(SMALL, REGIME, "step1", 1000, 1).descriptions]
    for stage in range(5):
        assert stats.ks_2samp(np.array(slow)[:, stage], np.array(quick)[:, stage]).pvalue > 0.001


def test_the_acceptance_rate_is_that_of_the_whole_space() -> None:
    whole = len(SMALL.widths()) * 3**4
    estimate = sample(SMALL, REGIME, "step1", 50_000, 0).acceptance
    assert math.isclose(estimate, len(candidates("step1")) / whole, rel_tol=0.05)


@pytest.mark.parametrize("gmac", [0.5, 2.5, 10.0, 34.0])
@pytest.mark.parametrize("step", ["step1", "one_step"])
def test_candidates_of_the_papers_space(gmac: float, step: Step) -> None:
    space, regime = SPACES["paper"], find_regime(gmac)
    drawn = sample(space, regime, step, 320, seed=3)
    assert [d.name for d in drawn.descriptions[:2]] == [f"{step}_000", f"{step}_001"] and len(drawn.descriptions) == 320
    for description in drawn.descriptions:
        b, h = description.backbone, description.head
        assert abs(sum(component_macs(description).values()) / 1e9 - gmac) <= 0.02 * gmac
        assert list(b.widths) == sorted(b.widths) and max(b.widths) <= 512 and max(b.depths) <= 24
        assert set(b.stem) == {b.widths[0]} and b.block == regime.block
        assert description.neck <= 256 and h.width <= 256 and h.convs <= 6
        if step == "step1":
            assert (description.neck, h.width, h.convs) == (regime.neck, regime.head, regime.convs)


def test_step_2_follows_the_shares() -> None:
    shares = Shares((0.158, 0.286, 0.453, 0.073, 0.030), 0.03)  # of scrfd_2.5g
    drawn = sample(SPACES["paper"], find_regime(2.5), "step2", 320, 0, shares)
    for description in drawn.descriptions:
        assert np.abs(backbone_shares(component_macs(description)) - shares.target).max() <= shares.within
    assert len({d.backbone for d in drawn.descriptions}) > 100
    assert len({d.head.convs for d in drawn.descriptions}) > 1


def test_a_seed_repeats_and_another_differs() -> None:
    space, regime = SPACES["paper"], find_regime(2.5)
    first, again, other = (sample(space, regime, "step1", 5, seed).descriptions for seed in (0, 0, 1))
    assert first == again and first != other
    assert sample(space, regime, "step1", 3, 0).descriptions == first[:3]


@pytest.mark.parametrize(
    ("gmac", "block", "message"),
    [(1000.0, "depthwise", "acceptance rate 0"), (0.01, "basic", "acceptance rate 0"), (0.01, "basic", "reaches from")],
)
def test_impossible_budgets(gmac: float, block: Block, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        sample(SPACES["paper"], find_regime(gmac, block), "step1", 1, 0)


def test_ranges_that_accept_nothing_stop_with_the_rate() -> None:
    shares = Shares((0.3, 0.2, 0.15, 0.2, 0.15), 1e-9)
    with pytest.raises(SettingError, match="acceptance rate"):
        sample(SPACES["paper"], find_regime(2.5), "step2", 1, 0, shares)


def test_no_candidates() -> None:
    with pytest.raises(SettingError, match="Count 0"):
        sample(SMALL, REGIME, "step1", 0, 0)
