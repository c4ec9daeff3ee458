"""ResNet-50 and -152 as torchvision has them (7x7 stem, stride in the 3x3), with batch or group norm."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from .layers import Norm, conv, norm_of

RESNET50 = (3, 4, 6, 3)
RESNET152 = (3, 8, 36, 3)
CHANNELS = (256, 512, 1024, 2048)


class DeformableConv(nn.Module):
    """3x3 convolution whose nine taps a second convolution moves (Dai et al., ICCV 2017), bilinear, zero outside.

    The offsets' channels are (row, column) of each tap. Written with grid_sample, so it needs nothing but PyTorch and
    is slower than the fused kernels of detection libraries. The counter of the paper's numbers does not know
    deformable convolutions: it counts the offsets' convolution and the parameters, not these multiply-adds.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.offsets = nn.Conv2d(inputs, 18, 3, stride, 1)
        nn.init.zeros_(self.offsets.weight)
        nn.init.zeros_(self.offsets.bias)  # type: ignore[arg-type]
        self.weight = nn.Parameter(torch.empty(outputs, inputs, 9))
        nn.init.kaiming_normal_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        moved = self.offsets(x)
        n, _, height, width = moved.shape
        moved = moved.view(n, 9, 2, height, width)
        tap = torch.arange(9, device=x.device)
        rows = torch.arange(height, device=x.device).view(1, 1, -1, 1) * self.stride
        columns = torch.arange(width, device=x.device) * self.stride
        y = moved[:, :, 0] + (rows + (tap // 3 - 1).view(1, 9, 1, 1))
        x_ = moved[:, :, 1] + (columns + (tap % 3 - 1).view(1, 9, 1, 1))
        grid = torch.stack([(2 * x_ + 1) / x.shape[3] - 1, (2 * y + 1) / x.shape[2] - 1], -1)
        taps = functional.grid_sample(x, grid.view(n, 9 * height, width, 2), align_corners=False)
        return torch.einsum("nckhw,ock->nohw", taps.view(n, x.shape[1], 9, height, width), self.weight)


class Bottleneck(nn.Module):
    """1x1, 3x3 (with the stride), 1x1 to four times the planes, each with its norm; projected shortcut; ReLU."""

    def __init__(self, inputs: int, planes: int, stride: int, norm: Norm, deformable: bool) -> None:
        super().__init__()
        outputs = 4 * planes
        middle = conv(planes, planes, 3, stride, norm=norm)
        if deformable:
            middle = nn.Sequential(DeformableConv(planes, planes, stride), norm_of(norm, planes), nn.ReLU(inplace=True))
        self.convs = nn.Sequential(
            conv(inputs, planes, 1, norm=norm), middle, conv(planes, outputs, 1, norm=norm, relu=False)
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = conv(inputs, outputs, 1, stride, norm=norm, relu=False)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.relu(self.convs(x) + self.shortcut(x))
        return out


class ResNet(nn.Module):
    """(N, 3, H, W) to C2..C5 of 256, 512, 1024, 2048 channels at strides 4, 8, 16, 32.

    deformable: stages (0 is C2) whose 3x3 convolutions are deformable.
    """

    def __init__(self, depths: Sequence[int], norm: Norm = "batch", deformable: Sequence[int] = ()) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv(3, 64, 7, 2, norm=norm), nn.MaxPool2d(3, 2, 1))
        self.stages = nn.ModuleList()
        inputs = 64
        for i, depth in enumerate(depths):
            stage = nn.Sequential()
            for j in range(depth):
                stage.append(Bottleneck(inputs, 64 << i, 2 if i and not j else 1, norm, i in deformable))
                inputs = CHANNELS[i]
            self.stages.append(stage)

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.stem(x)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps
