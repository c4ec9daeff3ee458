"""RetinaFace (Deng et al., CVPR 2020) with ResNet-50 and MobileNet-0.25.

Layout of the release (deepinsight/insightface, MXNet): three levels, a context module and two anchors on each, boxes,
two-class scores and five landmarks. Convolutions outside the backbone have a bias besides batch norm.

ResNet-50: pre-activated, and the laterals of strides 8 and 16 start inside the first unit of the next stage, before
its stride. Measured 29.44 M and 37.87 G at 640x480. The paper's 29.50 M are matched by also counting the running
statistics of batch norm, its 37.59 G by counting convolution weights alone and leaving out the landmarks.

MobileNet-0.25: measured 0.427 M (0.434 M with running statistics) and 0.764 G; the paper says 0.44 M and 0.802 G, which
this layout cannot give. So many more multiply-adds with so few more parameters must lie at a fine stride: one more
depth-wise unit of 32 channels at stride 4 would give 0.435 M with running statistics and 0.793 G. No
release known to us has it.
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from .layers import Context, conv

_ANCHORS = 2
Maps = list[tuple[Tensor, Tensor, Tensor]]


class Unit(nn.Module):
    """Pre-activated bottleneck: norm, ReLU and convolution, three times. Also returns what enters the 3x3."""

    def __init__(self, inputs: int, planes: int, stride: int) -> None:
        super().__init__()
        outputs = 4 * planes
        self.enter = _activation(inputs)
        self.reduce = conv(inputs, planes, 1)
        self.rest = nn.Sequential(conv(planes, planes, 3, stride), nn.Conv2d(planes, outputs, 1, bias=False))
        changes = stride != 1 or inputs != outputs
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if changes else None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        entered = self.enter(x)
        reduced = self.reduce(entered)
        return self.rest(reduced) + (x if self.shortcut is None else self.shortcut(entered)), reduced


class ResNet50(nn.Module):
    """(N, 3, H, W) to maps of 256, 512 and 2048 channels at strides 8, 16, 32."""

    channels = (256, 512, 2048)

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.BatchNorm2d(3), conv(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1))
        self.stages = nn.ModuleList()
        inputs = 64
        for i, depth in enumerate((3, 4, 6, 3)):
            planes = 64 << i
            units = [Unit(inputs if j == 0 else 4 * planes, planes, 2 if i and j == 0 else 1) for j in range(depth)]
            self.stages.append(nn.ModuleList(units))
            inputs = 4 * planes
        self.end = _activation(inputs)

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.stem(x)
        maps = []
        for i, stage in enumerate(self.stages):
            assert isinstance(stage, nn.ModuleList)
            for j, unit in enumerate(stage):
                x, reduced = unit(x)
                if i >= 2 and j == 0:
                    maps.append(reduced)
        return [*maps, self.end(x)]


class MobileNet(nn.Module):
    """MobileNet V1 of a quarter of the width: (N, 3, H, W) to 64, 128, 256 channels at strides 8, 16, 32."""

    channels = (64, 128, 256)

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            [
                nn.Sequential(conv(3, 8, 3, 2), _units((8, 16, 32, 32, 64, 64), (1, 2, 1, 2, 1))),
                _units((64, *(128,) * 6), (2, 1, 1, 1, 1, 1)),
                _units((128, 256, 256), (2, 1)),
            ]
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class RetinaFace(nn.Module):
    """(N, 3, H, W) to (score, box, landmark) maps of 4, 8 and 20 channels at each of the strides 8, 16, 32.

    width: of the pyramid; context: of the context module's output.
    """

    def __init__(self, backbone: ResNet50 | MobileNet, width: int, context: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.laterals = nn.ModuleList(conv(c, width, 1, bias=True) for c in backbone.channels)
        self.merges = nn.ModuleList(conv(width, width, 3, bias=True) for _ in range(2))
        self.contexts = nn.ModuleList(Context(width, context, bias=True) for _ in range(3))
        self.scores, self.boxes, self.landmarks = (
            nn.ModuleList(nn.Conv2d(context, _ANCHORS * k, 1) for _ in range(3)) for k in (2, 4, 10)
        )

    def forward(self, x: Tensor) -> Maps:
        maps = [lateral(c) for lateral, c in zip(self.laterals, self.backbone(x), strict=True)]
        for i in (1, 0):
            up = functional.interpolate(maps[i + 1], size=maps[i].shape[2:])
            maps[i] = self.merges[i](maps[i] + up)
        features = [context(level) for context, level in zip(self.contexts, maps, strict=True)]
        return [(self.scores[i](f), self.boxes[i](f), self.landmarks[i](f)) for i, f in enumerate(features)]


def retinaface_r50() -> RetinaFace:
    """RetinaFace on ResNet-50."""
    return RetinaFace(ResNet50(), 256, 512)


def retinaface_m025() -> RetinaFace:
    """RetinaFace on MobileNet-0.25."""
    return RetinaFace(MobileNet(), 64, 64)


def _activation(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True))


def _units(widths: Sequence[int], strides: Sequence[int]) -> nn.Sequential:
    units = nn.Sequential()
    for (inputs, outputs), stride in zip(pairwise(widths), strides, strict=True):
        units.append(nn.Sequential(conv(inputs, inputs, 3, stride, groups=inputs), conv(inputs, outputs, 1)))
    return units
