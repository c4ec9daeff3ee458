"""Quality focal loss, DIoU loss and landmark loss over the maps of a batch (paper, section 5.1)."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ..networks import Maps
from .atss import Anchors, assign, iou, nearest

_BOX_WEIGHT = 2.0
_LANDMARK_WEIGHT = 0.1
_LANDMARK_BETA = 1 / 9


class Targets(NamedTuple):
    """Faces of a batch. pictures (G,) int64; boxes (G, 4); landmarks (G, 5, 2); visible (G,) 0..1, the share of
    labelled points. Pixels of the tensor. ignored_in (I,) int64 and ignored (I, 4): pictures and boxes of faces that
    are not to be learnt, with `every_face` not as background either."""

    pictures: Tensor
    boxes: Tensor
    landmarks: Tensor
    visible: Tensor
    ignored_in: Tensor
    ignored: Tensor


class Losses(NamedTuple):
    """Sums over the batch per level, (levels,) each, before normalisation, and the two normalisers."""

    score: Tensor
    box: Tensor
    landmarks: Tensor
    positives: Tensor
    weight: Tensor


def flatten(maps: Sequence[Tensor], anchors: int) -> Tensor:
    """Maps (N, anchors * K, H, W) per level to (N, rows, K), rows in the order level, y, x, anchor, float32."""
    rows = [m.permute(0, 2, 3, 1).reshape(m.shape[0], -1, m.shape[1] // anchors) for m in maps]
    return torch.cat(rows, 1).float()


def detection_losses(maps: Maps, anchors: Anchors, targets: Targets, every_face: bool = False) -> Losses:
    """Unnormalised losses. Divide `score` by the mean over processes of `positives`, the others by that of `weight`.

    Positives' soft label is the IoU of the decoded box with its face (Generalised Focal Loss without its
    distribution branch, beta 2); box and landmark terms are weighted by the anchor's own score.
    every_face: as in `assign`; and the anchors around a face that still has no positive one, and those in an ignored
    face or within half a stride of it, are not background: they have no score loss.
    """
    n = maps.scores[0].shape[0]
    per_cell = maps.scores[0].shape[1]
    cells = [height * width * per_cell for height, width in anchors.grids]
    logits = flatten(maps.scores, per_cell).squeeze(-1)
    picture, anchor, face = assign(anchors, targets.pictures, targets.boxes, every_face)
    stride = anchors.strides[anchor].unsqueeze(1)
    centre = anchors.centres[anchor] / stride

    distances = flatten(maps.boxes, per_cell)[picture, anchor]
    predicted = torch.cat((centre - distances[:, :2], centre + distances[:, 2:]), 1)
    wanted = targets.boxes[face] / stride
    confidence = logits[picture, anchor].detach().sigmoid()

    quality = torch.zeros_like(logits)
    quality[picture, anchor] = iou(predicted.detach(), wanted)
    probability = logits.sigmoid()
    focal = functional.binary_cross_entropy_with_logits(logits, quality, reduction="none")
    focal = focal * (quality - probability).square()
    if every_face:
        counted = torch.ones_like(logits)
        counted[_around_unmatched(anchors, targets, face)] = 0
        counted[_in_ignored(anchors, targets)] = 0
        counted[picture, anchor] = 1
        focal = focal * counted
    score = torch.stack([part.sum() for part in torch.split(focal, cells, 1)])

    level = torch.bucketize(anchor, torch.tensor(cells, device=anchor.device).cumsum(0), right=True)
    zero = logits.new_zeros(len(cells))
    box = zero.index_add(0, level, _diou_loss(predicted, wanted) * confidence) * _BOX_WEIGHT
    landmarks = zero
    if maps.landmarks:
        offsets = flatten(maps.landmarks, per_cell)[picture, anchor]
        points = (targets.landmarks[face] / stride.unsqueeze(1) - centre.unsqueeze(1)).flatten(1)
        distance = functional.smooth_l1_loss(offsets, points, reduction="none", beta=_LANDMARK_BETA).sum(1)
        landmarks = zero.index_add(0, level, distance * confidence * targets.visible[face]) * _LANDMARK_WEIGHT
    positives = torch.bincount(picture, minlength=n).clamp(min=1).sum().float()
    return Losses(score, box, landmarks, positives, confidence.sum())


def _around_unmatched(anchors: Anchors, targets: Targets, matched: Tensor) -> tuple[Tensor, Tensor]:
    """Picture and anchor, of the finest level, within half a stride of a face that is not among the matched ones."""
    rest = torch.ones(len(targets.boxes), dtype=torch.bool, device=matched.device)
    rest[matched] = False
    boxes = targets.boxes[rest]
    anchor = nearest(anchors, (boxes[:, :2] + boxes[:, 2:]) / 2)
    stride = anchors.strides[0]
    centre = anchors.centres[anchor]
    margin = torch.cat((centre - boxes[:, None, :2], boxes[:, None, 2:] - centre), -1).amin(-1)
    face, column = ((anchors.strides[anchor] == stride) & (margin > -stride / 2)).nonzero(as_tuple=True)
    return targets.pictures[rest][face], anchor[face, column]


def _in_ignored(anchors: Anchors, targets: Targets) -> tuple[Tensor, Tensor]:
    """Picture and anchor, of every level, within half a stride of an ignored face."""
    near = torch.ones(len(targets.ignored), len(anchors.strides), dtype=torch.bool, device=targets.ignored.device)
    for axis in (0, 1):
        centre = anchors.centres[:, axis]
        near &= centre + anchors.strides / 2 > targets.ignored[:, None, axis]
        near &= centre - anchors.strides / 2 < targets.ignored[:, None, axis + 2]
    face, anchor = near.nonzero(as_tuple=True)
    return targets.ignored_in[face], anchor


def _diou_loss(predicted: Tensor, wanted: Tensor, eps: float = 1e-6) -> Tensor:
    """1 - IoU + squared centre distance over squared diagonal of the enclosing box (Zheng et al. 2020)."""
    low = torch.minimum(predicted[:, :2], wanted[:, :2])
    high = torch.maximum(predicted[:, 2:], wanted[:, 2:])
    diagonal = (high - low).clamp(min=0).square().sum(1) + eps
    between = (predicted[:, :2] + predicted[:, 2:] - wanted[:, :2] - wanted[:, 2:]).square().sum(1) / 4
    return 1 - iou(predicted, wanted) + between / diagonal
