"""Claims hold, fail or stay open on populations whose answer is known."""

from collections.abc import Callable

import numpy as np
import pytest

from scrfd_edge.description import DESCRIPTIONS, Block, Description
from scrfd_edge.search.conclusions import Verdict, judge_claims
from scrfd_edge.search.procedure import choose_shares
from scrfd_edge.search.sampling import Shares, sample
from scrfd_edge.search.shares import component_macs, detector_shares, shallow_share
from scrfd_edge.search.space import SPACES, find_regime
from scrfd_edge.search.store import Row

Scored = Callable[[Description, float], Row]


def population(scored: Scored, gmac: float, count: int, best: float) -> list[Row]:
    """Step 1: hard AP falls with the distance of the shallow share from `best`."""
    drawn = sample(SPACES["paper"], find_regime(gmac), "step1", count, 0).descriptions
    return [scored(d, 60 - 40 * abs(shallow_share(component_macs(d)) - best)) for d in drawn]


def answers(verdicts: list[Verdict], start: str) -> list[str]:
    return [verdict.answer for verdict in verdicts if verdict.claim.startswith(start)]


@pytest.mark.parametrize(
    ("best", "count", "around", "more"),
    [
        (0.8, 200, "holds", "holds"),
        (0.3, 200, "fails", "fails"),
        (0.8, 11, "too few rows", "too few rows"),
    ],
)
def test_shallow_stages(scored: Scored, best: float, count: int, around: str, more: str) -> None:
    verdicts = judge_claims(find_regime(2.5), population(scored, 2.5, count, best), [], {})
    assert answers(verdicts, "Fig. 6") == [around]
    assert answers(verdicts, "Conclusion 2") == [more]
    assert set(answers(verdicts, "Conclusion 3")) == set(answers(verdicts, "Conclusion 4")) == {"too few rows"}


def test_the_backbone_of_step_2(scored: Scored) -> None:
    step1 = population(scored, 2.5, 60, 0.85)
    shares = Shares(choose_shares(step1)[0], 0.05)
    drawn = sample(SPACES["paper"], find_regime(2.5), "step2", 200, 0, shares).descriptions
    rising = [scored(d, 50 + 30 * detector_shares(component_macs(d))[0]) for d in drawn]
    falling = [scored(d, 50 - 30 * detector_shares(component_macs(d))[0]) for d in drawn]
    assert answers(judge_claims(find_regime(2.5), step1, rising, {}), "Conclusion 1: more") == ["holds"]
    assert answers(judge_claims(find_regime(2.5), step1, falling, {}), "Conclusion 1: more") == ["fails"]


@pytest.mark.parametrize(("best", "answer"), [(0.2, "holds"), (0.95, "fails")])
def test_the_mobile_regime(scored: Scored, best: float, answer: str) -> None:
    rows = population(scored, 0.5, 200, best)
    assert answers(judge_claims(find_regime(0.5), rows, [], {}), "Conclusion 4")[0] in (answer, "too few rows")


def test_depth_at_34_gf(scored: Scored) -> None:
    drawn = sample(SPACES["paper"], find_regime(34), "step1", 200, 0).descriptions
    rows = [scored(d, float(sum(d.backbone.depths[:2]) - np.mean(d.backbone.widths[:2]) / 8)) for d in drawn]
    assert answers(judge_claims(find_regime(34), rows, [], {}), "Conclusion 3") == ["holds", "holds"]


@pytest.mark.parametrize(
    ("sr", "baseline", "answer"),
    [
        ([74.1, 74.6], [67.0, 67.5], "holds"),
        ([67.0, 67.5], [74.1, 74.6], "fails"),
        ([70.0, 74.0], [70.5, 73.0], "too few rows"),
        ([74.1], [67.0], "too few rows"),
        ([], [], "too few rows"),
    ],
)
def test_rows_of_table_3(sr: list[float], baseline: list[float], answer: str) -> None:
    verdicts = judge_claims(find_regime(2.5), [], [], {"SR": sr, "baseline": baseline})
    assert answers(verdicts, "Table 3: redistributed samples") == [answer]


@pytest.mark.parametrize(("gmac", "block"), [(1.0, None), (2.5, "depthwise")])
def test_budgets_and_blocks_that_the_paper_lacks(scored: Scored, gmac: float, block: Block | None) -> None:
    rows = [scored(DESCRIPTIONS["mobilenet_0.5g"], 50.0)] * 20
    verdicts = judge_claims(find_regime(gmac, block), rows, [], {})
    assert {v.answer for v in verdicts} == {"too few rows"}
    assert not [v for v in verdicts if "than in" in v.claim]
