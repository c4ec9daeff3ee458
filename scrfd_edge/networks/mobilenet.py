"""MobileNet V1: depth-wise separable units without shortcuts (the mobile regime of the paper, section 4.2, Table 2)."""

from torch import Tensor, nn

from ..description import Backbone
from .resnet import conv_bn


def depthwise_unit(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """3x3 depth-wise convolution, then 1x1 convolution, each with batch norm and ReLU."""
    return nn.Sequential(conv_bn(inputs, inputs, 3, stride, groups=inputs), conv_bn(inputs, outputs, 1))


class MobileNet(nn.Module):
    """Convolution and one unit as stem (stride 2), then the four stages C2..C5 at strides 4, 8, 16, 32."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        a, b = backbone.stem
        self.stem = nn.Sequential(conv_bn(3, a, 3, 2), depthwise_unit(a, b, 1))
        self.stages = nn.ModuleList()
        inputs = b
        for depth, width in zip(backbone.depths, backbone.widths, strict=True):
            stage = nn.Sequential()
            for j in range(depth):
                stage.append(depthwise_unit(inputs, width, 2 if j == 0 else 1))
                inputs = width
            self.stages.append(stage)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, 3, H, W) to C2, C3, C4, C5."""
        x = self.stem(x)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps
