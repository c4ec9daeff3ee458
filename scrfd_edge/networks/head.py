"""The head: one tower for scores, boxes and landmarks, shared by all strides or one per stride.

Paper, sections 4.2 (tower, shared by the strides) and 5.1 (group norm). Landmarks, batch norm and a tower per stride
are of the authors' release.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..description import Head as HeadDescription


class Maps(NamedTuple):
    """Raw maps per stride, (N, anchors * K, H, W), channel = anchor * K + k.

    scores: logits, K = 1. boxes: distances left, top, right, bottom in units of the stride, K = 4.
    landmarks: offsets x, y of five points in units of the stride, K = 10; empty without landmarks.
    """

    scores: list[Tensor]
    boxes: list[Tensor]
    landmarks: list[Tensor]


class Tower(nn.Module):
    """Stacked convolutions (dense or depth-wise) with norm and ReLU, then the predictors: 3x3 convolutions, biased."""

    def __init__(self, inputs: int, head: HeadDescription, anchors: int) -> None:
        super().__init__()

        def unit(a: int, b: int, kernel: int, groups: int = 1) -> nn.Sequential:
            norm = nn.GroupNorm(head.groups, b) if head.norm == "group" else nn.BatchNorm2d(b)
            conv = nn.Conv2d(a, b, kernel, padding=kernel // 2, groups=groups, bias=False)
            return nn.Sequential(conv, norm, nn.ReLU(inplace=True))

        self.convs = nn.Sequential()
        for i in range(head.convs):
            width = inputs if i == 0 else head.width
            if head.depthwise:
                self.convs.append(nn.Sequential(unit(width, width, 3, width), unit(width, head.width, 1)))
            else:
                self.convs.append(unit(width, head.width, 3))
        self.score = nn.Conv2d(head.width, anchors, 3, padding=1)
        self.box = nn.Conv2d(head.width, anchors * 4, 3, padding=1)
        self.landmarks = nn.Conv2d(head.width, anchors * 10, 3, padding=1) if head.landmarks else None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        x = self.convs(x)
        return self.score(x), self.box(x), None if self.landmarks is None else self.landmarks(x)


class Head(nn.Module):
    """Towers over the neck's maps, and a learnable factor per stride on the box distances where the model has one."""

    def __init__(self, inputs: int, head: HeadDescription, anchors: int, levels: int) -> None:
        super().__init__()
        self.towers = nn.ModuleList(Tower(inputs, head, anchors) for _ in range(1 if head.shared else levels))
        self.scales = nn.Parameter(torch.ones(levels)) if head.scale else None

    def forward(self, maps: Sequence[Tensor]) -> Maps:
        out = Maps([], [], [])
        for i, x in enumerate(maps):
            score, box, landmarks = self.towers[i % len(self.towers)](x)
            out.scores.append(score)
            out.boxes.append(box if self.scales is None else box * self.scales[i])
            if landmarks is not None:
                out.landmarks.append(landmarks)
        return out
