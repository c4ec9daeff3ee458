"""PAFPN, the neck: a top-down and a bottom-up path over C3, C4, C5 (paper, section 4.2)."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional


class PAFPN(nn.Module):
    """Three maps of `width` channels at the strides of the inputs. Convolutions have a bias, no norm, no ReLU."""

    def __init__(self, inputs: Sequence[int], width: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(channels, width, 1) for channels in inputs)
        self.top_down = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in inputs)
        self.downsample = nn.ModuleList(nn.Conv2d(width, width, 3, 2, 1) for _ in inputs[1:])
        self.bottom_up = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in inputs[1:])

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        laterals = [conv(x) for conv, x in zip(self.lateral, maps, strict=True)]
        for i in range(len(laterals) - 1, 0, -1):
            size = laterals[i - 1].shape[2:]
            laterals[i - 1] = laterals[i - 1] + functional.interpolate(laterals[i], size=size, mode="nearest")
        outs = [conv(x) for conv, x in zip(self.top_down, laterals, strict=True)]
        for i, conv in enumerate(self.downsample):
            outs[i + 1] = outs[i + 1] + conv(outs[i])
        return [outs[0], *(conv(x) for conv, x in zip(self.bottom_up, outs[1:], strict=True))]
