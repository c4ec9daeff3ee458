"""HAMBox (Liu et al., CVPR 2020) with ResNet-50: a reconstruction.

Its authors released neither code nor weights (the paper compares a model that they shared), so the layout is not
known. The backbone is the paper's; five levels P2..P6 with one anchor size each are from the notes of a third-party
re-implementation (chyueG/HAMBox-high-anchors-mining). What is here has them, a pyramid of 192 channels with P6 from
C5, and a context module per level; the width is the one that meets the paper's two numbers, 30.24 M and 43.28 G at
640x480 (here 30.35 M and 43.66 G). A pyramid of 256 channels down to stride 4 costs over 42 G before any head. To
reproduce the row and not only its cost would take the authors' model.
"""

from torch import Tensor, nn
from torch.nn import functional

from .layers import Context, conv
from .resnet import CHANNELS, RESNET50, ResNet

_WIDTH = 192


class HAMBox(nn.Module):
    """(N, 3, H, W) to (score, box) maps of 1 and 4 channels at each of the strides 4 to 64."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = ResNet(RESNET50)
        self.laterals = nn.ModuleList(conv(c, _WIDTH, 1) for c in CHANNELS)
        self.merges = nn.ModuleList(conv(_WIDTH, _WIDTH, 3) for _ in range(3))
        self.coarsest = conv(CHANNELS[-1], _WIDTH, 3, 2)
        self.contexts = nn.ModuleList(Context(_WIDTH, _WIDTH) for _ in range(5))
        self.scores = nn.ModuleList(nn.Conv2d(_WIDTH, 1, 1) for _ in range(5))
        self.boxes = nn.ModuleList(nn.Conv2d(_WIDTH, 4, 1) for _ in range(5))

    def forward(self, x: Tensor) -> list[tuple[Tensor, Tensor]]:
        stages = self.backbone(x)
        maps = [lateral(c) for lateral, c in zip(self.laterals, stages, strict=True)]
        for i in (2, 1, 0):
            maps[i] = self.merges[i](maps[i] + functional.interpolate(maps[i + 1], size=maps[i].shape[2:]))
        maps.append(self.coarsest(stages[-1]))
        features = [context(level) for context, level in zip(self.contexts, maps, strict=True)]
        return [(self.scores[i](f), self.boxes[i](f)) for i, f in enumerate(features)]
