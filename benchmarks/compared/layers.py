"""What several of the compared detectors are built of: convolution with a norm, and the context module of SSH."""

from typing import Literal

import torch
from torch import Tensor, nn

Norm = Literal["batch", "group"]


def norm_of(kind: Norm, channels: int) -> nn.Module:
    """Batch norm, or group norm of 32 groups."""
    return nn.BatchNorm2d(channels) if kind == "batch" else nn.GroupNorm(32, channels)


def conv(
    inputs: int,
    outputs: int,
    kernel: int,
    stride: int = 1,
    *,
    norm: Norm = "batch",
    relu: bool = True,
    bias: bool = False,
    groups: int = 1,
) -> nn.Sequential:
    """Convolution padded to keep the size, norm and, unless `relu` is false, ReLU."""
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=bias),
        norm_of(norm, outputs),
    ]
    if relu:
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


class Context(nn.Module):
    """Fields of 3x3 (half of the outputs), 5x5 and 7x7 (a quarter each), concatenated, ReLU.

    The larger fields are chains of 3x3 convolutions whose first is common. From SSH (Najibi et al., ICCV 2017);
    RetinaFace and TinaFace, which calls it an inception block, use it too.
    """

    def __init__(self, inputs: int, outputs: int, norm: Norm = "batch", bias: bool = False) -> None:
        super().__init__()
        quarter = outputs // 4
        self.field3 = conv(inputs, outputs // 2, 3, norm=norm, relu=False, bias=bias)
        self.common = conv(inputs, quarter, 3, norm=norm, bias=bias)
        self.field5 = conv(quarter, quarter, 3, norm=norm, relu=False, bias=bias)
        self.field7 = nn.Sequential(
            conv(quarter, quarter, 3, norm=norm, bias=bias), conv(quarter, quarter, 3, norm=norm, relu=False, bias=bias)
        )

    def forward(self, x: Tensor) -> Tensor:
        common = self.common(x)
        return torch.relu(torch.cat([self.field3(x), self.field5(common), self.field7(common)], 1))
