"""The network's maps as rows, in the order and layout of the official exports."""

from torch import Tensor, nn

from .scrfd import SCRFD


class Flattened(nn.Module):
    """Outputs a tuple score_8, score_16, score_32, bbox_8, .., kps_8, .. of float32 (N, H * W * anchors, 1 | 4 | 10).

    Rows go y, x, anchor. Scores are after the sigmoid, distances in units of the stride.
    """

    def __init__(self, net: SCRFD) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        maps = self.net(x)
        # In half precision a score near 1 has steps of 5e-4: the sigmoid is taken of a float.
        scores = [_rows(m, 1).sigmoid() for m in maps.scores]
        return (*scores, *(_rows(m, 4) for m in maps.boxes), *(_rows(m, 10) for m in maps.landmarks))


def _rows(maps: Tensor, k: int) -> Tensor:
    return maps.permute(0, 2, 3, 1).reshape(maps.shape[0], -1, k).float()
