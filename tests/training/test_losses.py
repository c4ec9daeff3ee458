"""Golden losses on deterministic maps."""

import pytest
import torch

from scrfd_edge.networks import Maps
from scrfd_edge.training.atss import make_anchors
from scrfd_edge.training.losses import Targets, detection_losses

SIZES = ((16, 32), (64, 128), (256, 512))
GRIDS = ((16, 16), (8, 8), (4, 4))
ANCHORS = make_anchors(GRIDS, (8, 16, 32), SIZES)


def wave(channels: int, grid: tuple[int, int], function: str, rate: float) -> torch.Tensor:
    i = torch.arange(2 * channels * grid[0] * grid[1], dtype=torch.float64)
    return getattr(torch, function)(rate * i).float().view(2, channels, *grid)


NONE = torch.zeros(0, dtype=torch.int64), torch.zeros(0, 4)  # no ignored faces


def golden() -> tuple[Maps, Targets]:
    maps = Maps(
        [wave(2, g, "sin", 0.37) for g in GRIDS],
        [2 + 1.5 * wave(8, g, "cos", 0.11) for g in GRIDS],
        [wave(20, g, "sin", 0.05) for g in GRIDS],
    )
    boxes = torch.tensor([[10, 12, 26, 30], [40, 40, 104, 110], [40, 40, 104, 110], [2, 100, 7, 106]]).float()
    fractions = torch.tensor([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
    points = boxes[:, None, :2] + fractions * (boxes[:, None, 2:] - boxes[:, None, :2])
    points[3] = 0
    return maps, Targets(torch.tensor([0, 0, 1, 1]), boxes, points, torch.tensor([1.0, 1.0, 1.0, 0.0]), *NONE)


def test_golden_values() -> None:
    losses = detection_losses(golden()[0], ANCHORS, golden()[1])
    assert float(losses.positives) == 13
    assert (losses.score / losses.positives).tolist() == pytest.approx([21.24298, 5.10457, 1.39159], abs=1e-5)
    assert (losses.box / losses.weight).tolist() == pytest.approx([0.33675, 0.80387, 0], abs=1e-5)
    assert (losses.landmarks / losses.weight).tolist() == pytest.approx([0.1604, 0.73969, 0], abs=1e-5)


def test_without_faces_only_the_background_counts() -> None:
    maps, _ = golden()
    none = Targets(torch.zeros(0, dtype=torch.int64), torch.zeros(0, 4), torch.zeros(0, 5, 2), torch.zeros(0), *NONE)
    losses = detection_losses(maps, ANCHORS, none)
    assert float(losses.positives) == 2  # one per picture, so that an empty batch can be divided by it
    assert float(losses.box.sum() + losses.landmarks.sum() + losses.weight) == 0
    assert float(losses.score.sum()) > 0


def test_faces_without_an_anchor_are_answered_or_left_out() -> None:
    maps, _ = golden()
    # Between four centres of cells: ATSS finds no anchor for 6 pixels; 3 pixels stay without one.
    boxes = torch.tensor([[33.0, 33, 39, 39], [66.5, 66.5, 69.5, 69.5]])
    targets = Targets(torch.tensor([0, 1]), boxes, torch.zeros(2, 5, 2), torch.zeros(2), *NONE)
    plain, every = (detection_losses(maps, ANCHORS, targets, every_face) for every_face in (False, True))
    assert float(plain.box.sum()) == 0 and float(every.box[0]) > 0
    assert float(every.score[0]) < float(plain.score[0]) and every.score[1:].tolist() == plain.score[1:].tolist()


def test_every_face_changes_nothing_where_each_has_an_anchor() -> None:
    maps, targets = golden()
    matched = Targets(*(part[:2] for part in targets[:4]), *NONE)
    plain, every = (detection_losses(maps, ANCHORS, matched, every_face) for every_face in (False, True))
    assert [part.tolist() for part in plain] == [part.tolist() for part in every]


@pytest.mark.parametrize("box", [[0.0, 64, 40, 96], [33.0, 73, 39, 79]])  # the second lies between four centres
def test_ignored_faces_are_background_for_the_paper_alone(box: list[float]) -> None:
    maps, targets = golden()
    ignoring = targets._replace(ignored_in=torch.tensor([1]), ignored=torch.tensor([box]))
    plain, every = ([detection_losses(maps, ANCHORS, t, e) for t in (targets, ignoring)] for e in (False, True))
    assert [part.tolist() for part in plain[0]] == [part.tolist() for part in plain[1]]
    assert float(every[1].score[0]) < float(every[0].score[0])
    assert [part.tolist() for part in every[0][1:]] == [part.tolist() for part in every[1][1:]]


def test_a_face_on_an_ignored_one_keeps_its_anchors() -> None:
    maps, targets = golden()
    one = Targets(*(part[1:2] for part in targets[:4]), *NONE)
    all_ignored = one._replace(ignored_in=torch.tensor([0]), ignored=torch.tensor([[-20.0, -20, 200, 200]]))
    losses = detection_losses(maps, ANCHORS, all_ignored, every_face=True)
    plain = detection_losses(maps, ANCHORS, one, every_face=True)
    assert 0 < float(losses.score[1]) < float(plain.score[1]) and losses.box.tolist() == plain.box.tolist()
