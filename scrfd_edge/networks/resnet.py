"""ResNet V1e: deep stem, average-pooled shortcuts, 2x2 max-pool (paper, section 4.2; details of the release)."""

from torch import Tensor, nn

from ..description import EXPANSION, Backbone


def conv_bn(
    inputs: int, outputs: int, kernel: int, stride: int = 1, *, groups: int = 1, relu: bool = True
) -> nn.Sequential:
    """Bias-free convolution with batch norm and, unless it ends a block, ReLU."""
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    if relu:
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


class ResidualBlock(nn.Module):
    """Basic (two 3x3) or bottleneck (1x1, 3x3, 1x1 to four times the planes) residual block."""

    def __init__(self, inputs: int, planes: int, stride: int, bottleneck: bool) -> None:
        super().__init__()
        if bottleneck:
            outputs = planes * EXPANSION["bottleneck"]
            self.convs = nn.Sequential(
                conv_bn(inputs, planes, 1), conv_bn(planes, planes, 3, stride), conv_bn(planes, outputs, 1, relu=False)
            )
        else:
            outputs = planes
            self.convs = nn.Sequential(conv_bn(inputs, planes, 3, stride), conv_bn(planes, planes, 3, relu=False))
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            # In C2 this pool is 1x1: an identity, kept as in the release, whose multiply-adds include it.
            self.shortcut.append(nn.AvgPool2d(stride, stride, ceil_mode=True, count_include_pad=False))
            self.shortcut.append(conv_bn(inputs, outputs, 1, relu=False))
        self.relu = nn.ReLU(inplace=True)

    @property
    def last_norm(self) -> nn.BatchNorm2d:
        """The batch norm before the sum, whose weight starts at zero."""
        norm: nn.BatchNorm2d = self.convs[-1][1]  # type: ignore[index]
        return norm

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.relu(self.convs(x) + self.shortcut(x))
        return out


class ResNet(nn.Module):
    """Three 3x3 convolutions and a max-pool, then the four stages C2..C5 at strides 4, 8, 16, 32."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        a, b, c = backbone.stem
        self.stem = nn.Sequential(conv_bn(3, a, 3, 2), conv_bn(a, b, 3), conv_bn(b, c, 3))
        self.pool = nn.MaxPool2d(2, 2)
        bottleneck = backbone.block == "bottleneck"
        self.stages = nn.ModuleList()
        inputs = c
        for i, (depth, planes, outputs) in enumerate(
            zip(backbone.depths, backbone.widths, backbone.channels, strict=True)
        ):
            stage = nn.Sequential()
            for j in range(depth):
                stride = 2 if i > 0 and j == 0 else 1
                stage.append(ResidualBlock(inputs, planes, stride, bottleneck))
                inputs = outputs
            self.stages.append(stage)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, 3, H, W) to C2, C3, C4, C5."""
        x = self.pool(self.stem(x))
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps
