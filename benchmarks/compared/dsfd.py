"""DSFD (Li et al., CVPR 2019) with ResNet-152, as it is tested: the second shot alone.

Layout of the release (Tencent/FaceDetection-DSFD): six levels (C2..C5 and two more), a top-down product, a feature
enhancement module of dilated convolutions per level, and per level and branch a head of three 3x3 and a 1x1.

Measured 120.06 M parameters and 259.55 G at 640x480: the paper's numbers to the last printed digit. ReLU outside the
backbone is a function here as there, which the counter does not see.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from .layers import conv
from .resnet import CHANNELS, RESNET152, ResNet

_CHANNELS = (*CHANNELS, 512, 256)


class Enhancement(nn.Module):
    """Feature enhancement: 256, 128 and 128 channels after one, two and three 3x3, some dilated by two."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.one = nn.Conv2d(inputs, 256, 3, padding=1)
        self.wide = nn.Conv2d(inputs, 256, 3, padding=2, dilation=2)
        self.two = nn.Conv2d(256, 128, 3, padding=1)
        self.wider = nn.Conv2d(256, 128, 3, padding=2, dilation=2)
        self.three = nn.Conv2d(128, 128, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        wide = torch.relu(self.wide(x))
        wider = torch.relu(self.wider(wide))
        return torch.cat([torch.relu(y) for y in (self.one(x), self.two(wide), self.three(wider))], 1)


class Branch(nn.Module):
    """Three 3x3 of 256 channels and a 1x1."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(512 if i == 0 else 256, 256, 3, padding=1) for i in range(3))
        self.predict = nn.Conv2d(256, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.convs:
            x = torch.relu(layer(x))
        out: Tensor = self.predict(x)
        return out


class DSFD(nn.Module):
    """(N, 3, H, W) to (score, box) maps of 2 and 4 channels at each of the strides 4 to 128; scores are two logits."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = ResNet(RESNET152)
        self.extras = nn.ModuleList(
            nn.Sequential(conv(i, m, 1, bias=True), conv(m, o, 3, 2, bias=True))
            for i, m, o in ((2048, 512, 512), (512, 128, 256))
        )
        self.downward = nn.ModuleList(nn.Conv2d(CHANNELS[i + 1], CHANNELS[i], 1) for i in range(3))
        self.laterals = nn.ModuleList(nn.Conv2d(CHANNELS[i], CHANNELS[i], 1) for i in range(3))
        self.enhancements = nn.ModuleList(Enhancement(c) for c in _CHANNELS)
        # The heads also predict the body and head boxes of PyramidBox, which testing leaves aside.
        self.scores = nn.ModuleList(Branch(c) for c in (4, 6, 8, 8, 8, 8))
        self.boxes = nn.ModuleList(Branch(c) for c in (4, 8, 12, 12, 12, 12))

    def forward(self, x: Tensor) -> list[tuple[Tensor, Tensor]]:
        maps = self.backbone(x)
        for extra in self.extras:
            maps.append(extra(maps[-1]))
        for i in (2, 1, 0):
            size = maps[i].shape[2:]
            down = functional.interpolate(self.downward[i](maps[i + 1]), size=size, mode="bilinear")
            maps[i] = down * self.laterals[i](maps[i])
        out = []
        for i, level in enumerate(maps):
            features = self.enhancements[i](level)
            out.append((_max_in_out(self.scores[i](features), i == 0), self.boxes[i](features)[:, :4]))
        return out


def _max_in_out(score: Tensor, finest: bool) -> Tensor:
    """Three logits stand for background at the finest level, for face elsewhere: their maximum counts."""
    best, single = score[:, :3].amax(1, keepdim=True), score[:, 3:4]
    return torch.cat([best, single] if finest else [single, best], 1)
