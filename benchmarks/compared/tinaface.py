"""TinaFace (Zhu et al., arXiv:2011.13183), and where its multiply-adds lie (paper, Table 1 and Fig. 2b).

Layout of the release (Media-Smart/vedadet, GN and DCN configuration): ResNet-50 with deformable 3x3 convolutions in
C4 and C5, FPN to P2..P7, the context module, four convolutions each for score and for box and IoU, group norm
everywhere, three anchors per cell. 37.98 M parameters and 172.95 G at 640x480 come out to the last printed digit,
because the counter sees of a deformable convolution only the convolution of its offsets.
"""

from itertools import pairwise

import torch
from counter import count
from torch import Tensor, nn
from torch.nn import functional

from scrfd_edge.cost import Count

from .layers import Context, conv
from .resnet import CHANNELS, RESNET50, ResNet

PARTS = ("backbone", "neck", "head")
STRIDES = (4, 8, 16, 32, 64, 128)
_WIDTH = 256
_ANCHORS = 3


class Neck(nn.Module):
    """FPN: 1x1 laterals, bilinear top-down sum, 3x3 outputs; P6 from C5 and P7 from P6 by 3x3 of stride 2."""

    def __init__(self) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(conv(c, _WIDTH, 1, norm="group", relu=False) for c in CHANNELS)
        inputs = (_WIDTH,) * 4 + (CHANNELS[-1], _WIDTH)
        self.outputs = nn.ModuleList(
            conv(c, _WIDTH, 3, 1 if i < 4 else 2, norm="group", relu=False) for i, c in enumerate(inputs)
        )

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        sums = [lateral(x) for lateral, x in zip(self.laterals, maps, strict=True)]
        for i in (2, 1, 0):
            sums[i] = sums[i] + functional.interpolate(sums[i + 1], size=sums[i].shape[2:], mode="bilinear")
        out = [self.outputs[i](x) for i, x in enumerate(sums)]
        out.append(self.outputs[4](maps[-1]))
        out.append(self.outputs[5](out[-1]))
        return out


class Head(nn.Module):
    """Context module, then two towers of four 3x3; predicts score; box and IoU. One for all levels."""

    def __init__(self) -> None:
        super().__init__()
        self.context = Context(_WIDTH, _WIDTH, norm="group")
        self.score_tower = nn.Sequential(*(conv(_WIDTH, _WIDTH, 3, norm="group") for _ in range(4)))
        self.box_tower = nn.Sequential(*(conv(_WIDTH, _WIDTH, 3, norm="group") for _ in range(4)))
        self.score = nn.Conv2d(_WIDTH, _ANCHORS, 3, padding=1)
        self.box = nn.Conv2d(_WIDTH, 4 * _ANCHORS, 3, padding=1)
        self.iou = nn.Conv2d(_WIDTH, _ANCHORS, 3, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = self.context(x)
        box = self.box_tower(x)
        return self.score(self.score_tower(x)), self.box(box), self.iou(box)


class TinaFace(nn.Module):
    """(N, 3, H, W) to (score, box, IoU) maps of 3, 12 and 3 channels at each of the strides 4 to 128."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = ResNet(RESNET50, norm="group", deformable=(2, 3))
        self.neck = Neck()
        self.head = Head()

    def forward(self, x: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
        return [self.head(level) for level in self.neck(self.backbone(x))]


def by_component(size: tuple[int, int] = (480, 640)) -> dict[tuple[str, int], int]:
    """Multiply-adds by the paper's rule of each ("backbone" | "neck" | "head", stride), for Fig. 2b.

    size: height and width of the input. The stem stands at stride 2, where it computes.
    """
    out: dict[tuple[str, int], int] = {}

    def add(part: str, stride: int, macs: int) -> None:
        out[part, stride] = out.get((part, stride), 0) + macs

    head = 0
    for name, one in _count(size).items():
        part, group, index, *_ = [*name.split("."), "", ""]
        if part == "head":
            head += one.macs
        else:
            add(part, 2 if group == "stem" else STRIDES[int(index)], one.macs)
    cells = _cells(size)
    for stride, one_level in zip(STRIDES, cells, strict=True):
        # The one head does the same at every cell.
        add("head", stride, head * one_level // sum(cells))
    return out


def scaled(size: tuple[int, int]) -> float:
    """Multiply-adds of an input of `size` (height, width) as Table 1 has them: those of 640x480 times the area's ratio.

    So are 508.47 G (882 x 1024, the average original) and 1021.82 G (1100 x 1650) obtained; counting at sizes that are
    no multiples of 32 gives slightly more, because maps round up.
    """
    vga = sum(one.macs for one in _count((480, 640)).values())
    return float(vga * size[0] * size[1] / (480 * 640))


def _count(size: tuple[int, int]) -> dict[str, Count]:
    with torch.device("meta"):
        return count(TinaFace(), size)


def _cells(size: tuple[int, int]) -> list[int]:
    out = []
    height, width = size
    for before, after in pairwise((1, *STRIDES)):
        while before < after:
            height, width, before = (height + 1) // 2, (width + 1) // 2, before * 2
        out.append(height * width)
    return out
