"""The core in plain NumPy: what letterbox, decode and nms are meant to compute, as short as it can be said.

decode and nms take the core's float32 steps in the core's order, so that their results are equal and not only near.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from scrfd_edge._core import Placement

Array = npt.NDArray[np.float32]
Faces = tuple[Array, Array, Array | None]


def weights(source: int, target: int) -> Array:
    """(target, source) matrix that resizes one side: areas where it shrinks by more than 2, else bilinear."""
    scale = source / target
    if source > 2 * target:
        start = np.arange(target)[:, None] * scale
        k = np.arange(source)[None]
        cover = np.minimum(k + 1, start + scale) - np.maximum(k, start)
        return np.asarray(np.clip(cover, 0, None) / scale, np.float32)
    at = np.clip((np.arange(target) + 0.5) * scale - 0.5, 0, source - 1)
    return np.asarray(np.clip(1 - np.abs(at[:, None] - np.arange(source)[None]), 0, None), np.float32)


def letterbox(
    image: npt.NDArray[np.uint8],
    placement: Placement,
    *,
    swap: bool,
    mean: float,
    std: float,
    pad: float | None = None,
) -> Array:
    """(H, W[, 1|3|4]) to the (3, H, W) float tensor."""
    planes = np.atleast_3d(image).transpose(2, 0, 1)[:3].astype(np.float32)
    if len(planes) == 1:
        planes = np.repeat(planes, 3, axis=0)
    if swap:
        planes = planes[::-1]
    (rows, columns), (height, width) = placement.content, placement.image
    gray_levels = np.full((3, *placement.tensor), mean if pad is None else pad, np.float32)
    gray_levels[:, :rows, :columns] = weights(height, rows) @ planes @ weights(width, columns).T
    return np.asarray((gray_levels - np.float32(mean)) / np.float32(std))


def quantize(
    tensor: Array, scale: float, zero_point: int, dtype: type[np.uint8] | type[np.int8]
) -> npt.NDArray[np.generic]:
    limits = np.iinfo(dtype)
    return np.asarray(np.clip(np.rint(tensor / scale) + zero_point, limits.min, limits.max), dtype)


def decode(
    outputs: Sequence[Array],
    placements: Sequence[Placement],
    *,
    strides: Sequence[int],
    anchors: int,
    score_threshold: float,
) -> list[Faces]:
    return [
        _decode_one([output[i] for output in outputs], placement, strides, anchors, np.float32(score_threshold))
        for i, placement in enumerate(placements)
    ]


def _decode_one(
    outputs: Sequence[Array], placement: Placement, strides: Sequence[int], anchors: int, threshold: np.float32
) -> Faces:
    (height, width), (rows, columns) = placement.image, placement.content
    factor = np.array([width / columns, height / rows], np.float32)
    edge = np.array([width, height], np.float32)
    found: list[tuple[Array, Array, Array]] = []
    with np.errstate(all="ignore"):
        for index, stride in enumerate(strides):
            y, x = np.mgrid[0 : placement.tensor[0] : stride, 0 : placement.tensor[1] : stride]
            centre = np.repeat(np.stack([x, y], axis=-1).reshape(-1, 2), anchors, axis=0).astype(np.float32)
            scores = outputs[index][:, 0]
            distances = outputs[index + len(strides)] * np.float32(stride)
            raw = np.hstack((centre - distances[:, :2], centre + distances[:, 2:])) * np.tile(factor, 2)
            boxes = np.clip(raw, 0, np.tile(edge, 2))
            points = np.zeros((len(scores), 5, 2), np.float32)
            if len(outputs) == 3 * len(strides):
                offsets = outputs[index + 2 * len(strides)].reshape(-1, 5, 2) * np.float32(stride)
                points = (centre[:, None] + offsets) * factor
            good = (
                (scores >= threshold)
                & np.isfinite(scores)
                & np.isfinite(raw).all(axis=1)
                & np.isfinite(points).all(axis=(1, 2))
                & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
            )
            found.append((boxes[good], scores[good], points[good]))
    landmarks = np.concatenate([part[2] for part in found]) if len(outputs) == 3 * len(strides) else None
    return np.concatenate([part[0] for part in found]), np.concatenate([part[1] for part in found]), landmarks


def nms(sets: Sequence[Faces], *, iou_threshold: float, max_faces: int | None = None) -> Faces:
    boxes = np.concatenate([faces[0] for faces in sets])
    scores = np.concatenate([faces[1] for faces in sets])
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept: list[int] = []
    for i in np.argsort(-scores, kind="stable"):
        sides = np.minimum(boxes[i, 2:], boxes[kept, 2:]) - np.maximum(boxes[i, :2], boxes[kept, :2])
        both = np.prod(np.maximum(sides, 0), axis=1, dtype=np.float32)
        # IoU > threshold, without a division.
        if not (both > np.float32(iou_threshold) * (areas[kept] + areas[i] - both)).any():
            kept.append(int(i))
    kept = kept[:max_faces]
    landmarks = None
    if sets[0][2] is not None:
        landmarks = np.concatenate([faces[2] for faces in sets if faces[2] is not None])[kept]
    return boxes[kept], scores[kept], landmarks
