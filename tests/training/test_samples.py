"""Counts of faces and positive anchors."""

import torch

from scrfd_edge.description import DESCRIPTIONS
from scrfd_edge.training.batches import Batch
from scrfd_edge.training.losses import Targets
from scrfd_edge.training.samples import FACE_SIZES, count_samples


def test_faces_fall_into_their_buckets_and_anchors_follow_their_size() -> None:
    sides = [3, 4, 20, 40, 300]
    boxes = torch.tensor([[64, 64, 64 + s, 64 + s] for s in sides]).float()
    pictures = torch.arange(len(sides))
    targets = Targets(pictures, boxes, torch.zeros(len(sides), 5, 2), torch.zeros(len(sides)), pictures[:0], boxes[:0])
    batch = Batch(torch.zeros(len(sides), 3, 640, 640, dtype=torch.uint8), targets, ["x"] * len(sides))
    found = count_samples([batch, batch], DESCRIPTIONS["scrfd_2.5g"])
    wanted = [
        2 * sum(low <= s < high for s in sides) for low, high in zip((0, *FACE_SIZES), (*FACE_SIZES, 1e9), strict=True)
    ]
    assert found.faces.tolist() == wanted
    assert found.positives[256] > 0 and found.positives[16] > 0 and found.positives[512] == 0
