"""FaceBoxes (Zhang et al., IJCB 2017): 32 times smaller in four layers, then inception blocks and two more levels.

Layout of the PyTorch release (zisianw/FaceBoxes.PyTorch). Measured 1.007 M parameters and 0.2771 G at 640x480; the
paper says 1.01 M and 0.275 G, which is what 640x640 times 0.75 gives, the way its authors' tool measures (at strides
64 and 128 the maps of 640x480 round up). ReLU and pooling are functions here as there, which the counter does not see.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from .layers import conv

_ANCHORS = (21, 1, 1)  # the smallest anchors are tiled 4 x 4 and 2 x 2 to a cell, so 16 + 4 + 1


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1, relu: bool = True) -> nn.Module:
    layers = conv(inputs, outputs, kernel, stride, relu=False)
    return _Rectified(layers) if relu else layers


class _Rectified(nn.Module):
    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.layers(x))


class Doubled(nn.Module):
    """CReLU after a convolution of stride 4 or 2, then a 3x3 max-pool of stride 2: twice the channels."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv = _conv(inputs, outputs, kernel, stride, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return functional.max_pool2d(torch.relu(torch.cat([x, -x], 1)), 3, 2, 1)


class Inception(nn.Module):
    """Four branches of 32 channels: 1x1; pooled 1x1; one 3x3; two 3x3."""

    def __init__(self) -> None:
        super().__init__()
        self.plain = _conv(128, 32, 1)
        self.pooled = _conv(128, 32, 1)
        self.one = nn.Sequential(_conv(128, 24, 1), _conv(24, 32, 3))
        self.two = nn.Sequential(_conv(128, 24, 1), _conv(24, 32, 3), _conv(32, 32, 3))

    def forward(self, x: Tensor) -> Tensor:
        pooled = functional.avg_pool2d(x, 3, 1, 1)
        return torch.cat([self.plain(x), self.pooled(pooled), self.one(x), self.two(x)], 1)


class FaceBoxes(nn.Module):
    """(N, 3, H, W) to (score, box) maps of 2 and 4 channels per anchor at the strides 32, 64, 128."""

    def __init__(self) -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            [
                nn.Sequential(Doubled(3, 24, 7, 4), Doubled(48, 64, 5, 2), Inception(), Inception(), Inception()),
                nn.Sequential(_conv(128, 128, 1), _conv(128, 256, 3, 2)),
                nn.Sequential(_conv(256, 128, 1), _conv(128, 256, 3, 2)),
            ]
        )
        channels = (128, 256, 256)
        self.scores = nn.ModuleList(nn.Conv2d(c, 2 * a, 3, padding=1) for c, a in zip(channels, _ANCHORS, strict=True))
        self.boxes = nn.ModuleList(nn.Conv2d(c, 4 * a, 3, padding=1) for c, a in zip(channels, _ANCHORS, strict=True))

    def forward(self, x: Tensor) -> list[tuple[Tensor, Tensor]]:
        out = []
        for level, score, box in zip(self.levels, self.scores, self.boxes, strict=True):
            x = level(x)
            out.append((score(x), box(x)))
        return out
