"""Adaptive training sample selection: which anchors answer for which face (paper, section 5.1; Zhang et al. 2020)."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

_CANDIDATES = 9  # anchors per level
_WINDOW = 7  # cells per side that surely hold the nearest candidates
_INSIDE = 0.001  # a positive anchor's centre lies inside the face by this share of its size
_SMALLEST_FACE = 4.0  # pixels, root of the area; the paper (section 4.1) neglects smaller ones


class Positives(NamedTuple):
    """Positive anchors of a batch: (P,) int64 each. `anchor` counts over all levels: level, y, x, anchor."""

    picture: Tensor
    anchor: Tensor
    face: Tensor


class Anchors(NamedTuple):
    """All anchors of one tensor size. centres (A, 2) x, y in pixels; sizes (A,); strides (A,)."""

    centres: Tensor
    sizes: Tensor
    strides: Tensor
    grids: tuple[tuple[int, int], ...]

    def to(self, device: torch.device) -> "Anchors":
        return Anchors(self.centres.to(device), self.sizes.to(device), self.strides.to(device), self.grids)


def make_anchors(grids: Sequence[tuple[int, int]], strides: Sequence[int], sizes: Sequence[Sequence[int]]) -> Anchors:
    """Square anchors at exactly (x * stride, y * stride). grids: (height, width) in cells per level."""
    centres, sides, steps = [], [], []
    for (height, width), stride, of_level in zip(grids, strides, sizes, strict=True):
        y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        cells = torch.stack((x, y), -1).reshape(-1, 1, 2) * float(stride)
        centres.append(cells.expand(-1, len(of_level), 2).reshape(-1, 2))
        sides.append(torch.tensor(of_level, dtype=torch.float32).repeat(height * width))
        steps.append(torch.full((height * width * len(of_level),), float(stride)))
    return Anchors(torch.cat(centres), torch.cat(sides), torch.cat(steps), tuple(grids))


def iou(a: Tensor, b: Tensor, eps: float = 1e-6) -> Tensor:
    """Intersection over union (...) of boxes (..., 4) x1 y1 x2 y2, box by box; leading axes broadcast."""
    overlap = _area((torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0))
    areas = _area(a[..., 2:] - a[..., :2]) + _area(b[..., 2:] - b[..., :2])
    return overlap / (areas - overlap).clamp(min=eps)


def _area(sides: Tensor) -> Tensor:
    """Product of width and height (..., 2). `prod` reads a number back in its gradient: the host waits."""
    return sides[..., 0] * sides[..., 1]


def assign(anchors: Anchors, pictures: Tensor, boxes: Tensor, every_face: bool = False) -> Positives:
    """ATSS over a batch.

    pictures: (G,) int64, the picture of each face. boxes: (G, 4) x1 y1 x2 y2 in pixels of the tensor.
    The nine nearest anchors of each level are candidates (ties: the lower index); positive are those whose IoU
    reaches mean + standard deviation of the candidates' and whose centre lies in the face. An anchor that several
    faces claim goes to the one of highest IoU. A face may get none; one under 4x4 pixels always does, also where a
    cell's corner happens to lie inside it.

    every_face (not in the paper): a face from 4x4 pixels on whose anchors all miss gets the nearest one of the finest
    level, unless another face has it. A face of 6 pixels holds a corner of a cell of 8 in about half of all places.
    """
    if len(boxes) == 0:
        none = torch.zeros(0, dtype=torch.int64, device=boxes.device)
        return Positives(none, none, none)
    candidates = nearest(anchors, (boxes[:, :2] + boxes[:, 2:]) / 2)
    centre = anchors.centres[candidates]
    half = anchors.sizes[candidates].unsqueeze(-1) / 2
    overlaps = iou(torch.cat((centre - half, centre + half), -1), boxes.unsqueeze(1))
    threshold = overlaps.mean(1) + overlaps.std(1)
    margin = torch.cat((centre - boxes[:, None, :2], boxes[:, None, 2:] - centre), -1).amin(-1)
    size = (boxes[:, 2:] - boxes[:, :2]).prod(-1).clamp(min=1e-4).sqrt()
    positive = (overlaps >= threshold.unsqueeze(1)) & (margin / size.unsqueeze(1) > _INSIDE)
    large = size >= _SMALLEST_FACE
    positive &= large.unsqueeze(1)
    if every_face:
        positive[:, 0] |= large & ~positive.any(1)
    face, column = positive.nonzero(as_tuple=True)
    anchor = candidates[face, column]
    # Highest IoU first, so that the first of each anchor's claims is the one that stays.
    order = torch.argsort(overlaps[face, column], descending=True, stable=True)
    face, anchor = face[order], anchor[order]
    key = pictures[face] * len(anchors.sizes) + anchor
    _, inverse = torch.unique(key, return_inverse=True)
    first = torch.full((int(inverse.max()) + 1 if len(inverse) else 0,), len(key), device=key.device)
    first = first.scatter_reduce(0, inverse, torch.arange(len(key), device=key.device), "amin")
    face, anchor = face[first], anchor[first]
    return Positives(pictures[face], anchor, face)


def nearest(anchors: Anchors, centres: Tensor) -> Tensor:
    """(G, K) indices of each face's nearest anchors, level by level, looked for in a window of cells around it."""
    picked = []
    offset = 0
    total = sum(height * width for height, width in anchors.grids)
    per_cell = len(anchors.sizes) // total
    for height, width in anchors.grids:
        stride = anchors.strides[offset]
        tall, wide = min(_WINDOW, height), min(_WINDOW, width)
        cell = (centres / stride).round().long()
        x0 = (cell[:, 0] - wide // 2).clamp(0, width - wide)
        y0 = (cell[:, 1] - tall // 2).clamp(0, height - tall)
        ys = y0[:, None] + torch.arange(tall, device=centres.device)
        xs = x0[:, None] + torch.arange(wide, device=centres.device)
        cells = (ys[:, :, None] * width + xs[:, None, :]).flatten(1)
        index = offset + (cells.unsqueeze(-1) * per_cell + torch.arange(per_cell, device=centres.device)).flatten(1)
        distance = (anchors.centres[index] - centres.unsqueeze(1)).square().sum(-1)
        order = torch.argsort(distance, dim=1, stable=True)[:, : min(_CANDIDATES, index.shape[1])]
        picked.append(index.gather(1, order))
        offset += height * width * per_cell
    return torch.cat(picked, 1)
