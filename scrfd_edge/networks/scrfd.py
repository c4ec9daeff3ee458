"""SCRFD: backbone, PAFPN and head, built from a description."""

from typing import Literal

import torch
from torch import Tensor, nn

from ..description import Description
from .head import Head, Maps, Tower
from .mobilenet import MobileNet
from .pafpn import PAFPN
from .resnet import ResidualBlock, ResNet

Init = Literal["release", "short"]

_SCORE_BIAS = -4.595  # a prior face probability of 0.01


class SCRFD(nn.Module):
    """The network of one description. Input (N, 3, H, W) float, RGB, (v - 127.5) / 128, H and W multiples of 32.

    init: "release" is the authors' (Kaiming backbone, last batch norm of a residual block zero, Xavier neck,
    N(0, 0.01) head); "short" lets small budgets start at once: depth-wise kernels N(0, 0.2) with one added at the
    centre tap, 1x1 kernels orthogonal times sqrt 2, the rest as in the release.
    """

    def __init__(self, description: Description, init: Init = "release") -> None:
        super().__init__()
        self.description = description
        backbone = description.backbone
        self.backbone = MobileNet(backbone) if backbone.block == "depthwise" else ResNet(backbone)
        self.neck = PAFPN(backbone.channels[1:], description.neck)
        self.head = Head(description.neck, description.head, description.anchors, len(description.strides))
        _initialise(self, init)

    def forward(self, x: Tensor) -> Maps:
        maps: Maps = self.head(self.neck(self.backbone(x)[1:]))
        return maps


@torch.no_grad()
def _initialise(net: SCRFD, init: Init) -> None:
    for conv in _convs(net.backbone):
        nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    for conv in _convs(net.neck):
        nn.init.xavier_uniform_(conv.weight)
    for conv in _convs(net.head):
        nn.init.normal_(conv.weight, std=0.01)
    for conv in _convs(net):
        if conv.bias is not None:
            nn.init.zeros_(conv.bias)
    for module in net.modules():
        if isinstance(module, Tower) and module.score.bias is not None:
            nn.init.constant_(module.score.bias, _SCORE_BIAS)
        if isinstance(module, ResidualBlock):
            nn.init.zeros_(module.last_norm.weight)
    if init == "short":
        for conv in (*_convs(net.backbone), *_convs(net.head)):
            if conv.groups > 1:
                nn.init.normal_(conv.weight, std=0.2)
                conv.weight[:, :, 1, 1] += 1
            elif conv.kernel_size == (1, 1):
                nn.init.orthogonal_(conv.weight, gain=2**0.5)


def _convs(module: nn.Module) -> list[nn.Conv2d]:
    return [m for m in module.modules() if isinstance(m, nn.Conv2d)]
