"""Sample redistribution: random crops whose scale set reaches beyond the picture (paper, section 4.1)."""

import math
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

BASELINE_SCALES = (0.3, 0.45, 0.6, 0.8, 1.0)
REDISTRIBUTED_SCALES = (*BASELINE_SCALES, 1.2, 1.4, 1.6, 1.8, 2.0)

_FILL = 128
_TRIES = 250
_REDRAWS = 20
_LARGEST_FACE = 0.9  # of the tensor's side: a crop around a face must hold it

Boxes = npt.NDArray[np.float32]


class Crop(NamedTuple):
    """A patch of a picture, which it may exceed. x, y: its corner; all in pixels of the picture."""

    x: int
    y: int
    width: float
    height: float


def square_crop(rng: np.random.Generator, height: int, width: int, boxes: Boxes, scales: tuple[float, ...]) -> Crop:
    """A patch of random scale (times the short edge) and place with at least one face's centre inside.

    boxes: (G, 4), the faces that count; without any, the first patch drawn is taken. When no place fits in 250 tries,
    the scale is drawn anew, up to 20 times, or at once grows by 1.2 when the set ends at the short edge. A face at the
    very end of a long picture, where no place ever fits, gets the patch around its centre.
    """
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    scale = rng.choice(scales)
    for _ in range(_REDRAWS):
        side = max(1, int(scale * min(height, width)))
        x, y = _offsets(rng, width, side), _offsets(rng, height, side)
        if len(boxes) == 0:
            return Crop(int(x[0]), int(y[0]), side, side)
        inside = ((centres[:, 0] > x[:, None]) & (centres[:, 0] < x[:, None] + side)) & (
            (centres[:, 1] > y[:, None]) & (centres[:, 1] < y[:, None] + side)
        )
        hit = inside.any(1)
        if hit.any():
            first = int(hit.argmax())
            return Crop(int(x[first]), int(y[first]), side, side)
        scale = scale * 1.2 if max(scales) <= 1 else rng.choice(scales)
    x_centre, y_centre = centres[rng.integers(len(centres))]
    return Crop(int(x_centre) - side // 2, int(y_centre) - side // 2, side, side)


def _offsets(rng: np.random.Generator, length: int, side: int) -> npt.NDArray[np.int64]:
    if side == length:
        return np.zeros(_TRIES, np.int64)
    return rng.integers(min(0, length - side), max(0, length - side), _TRIES)


def face_crop(
    rng: np.random.Generator,
    height: int,
    width: int,
    boxes: Boxes,
    scales: tuple[float, ...],
    zoom: float,
    size: int,
) -> Crop:
    """A smaller patch around a random face, for small tensors: scale * short edge * `zoom`, grown until the face takes
    at most 0.9 of the patch; the face lies anywhere inside. zoom: tensor size over the full size."""
    if len(boxes) == 0:
        return square_crop(rng, height, width, boxes, scales)
    x1, y1, x2, y2 = boxes[rng.integers(len(boxes))]
    side = max(rng.choice(scales) * min(height, width) * zoom, max(x2 - x1, y2 - y1) / _LARGEST_FACE, size / 16)
    x = rng.uniform(x2 - side, x1) if side > x2 - x1 else x1
    y = rng.uniform(y2 - side, y1) if side > y2 - y1 else y1
    side = int(np.ceil(side))
    return Crop(int(x), int(y), side, side)


def narrow(rng: np.random.Generator, crop: Crop, height: int, width: int, boxes: Boxes, shape: tuple[int, int]) -> Crop:
    """The part of a square patch that a tensor of `shape` (height, width) holds where its long side takes the patch's.

    As much of the picture (height, width) as fits, at a random place where there is more, with a face's centre where
    the patch has one. boxes: (G, 4) in pixels of the picture, the faces that count, maybe none.
    """
    centres = ((boxes[:, :2] + boxes[:, 2:]) / 2)[kept_faces(boxes, crop)]
    face = centres[rng.integers(len(centres))] if len(centres) else None
    parts = crop.width * shape[1] / max(shape), crop.height * shape[0] / max(shape)
    corner = []
    for axis, (part, first, side, length) in enumerate(
        ((parts[0], crop.x, crop.width, width), (parts[1], crop.y, crop.height, height))
    ):
        start, end = max(first, 0), min(first + side, length) - part
        low, high = (min(max(v, first), first + side - part) for v in sorted((start, end)))
        if face is not None:  # its centre strictly inside
            lowest, highest = np.floor(face[axis] - part) + 1, np.ceil(face[axis]) - 1
            low, high = (min(max(v, lowest), highest) for v in (low, high))
        corner.append(int(rng.integers(math.ceil(low), max(math.ceil(low), math.floor(high)), endpoint=True)))
    return Crop(corner[0], corner[1], *parts)


def cut(
    picture: npt.NDArray[np.uint8], crop: Crop, out: npt.NDArray[np.uint8], shape: npt.NDArray[np.float32] | None = None
) -> float:
    """Crops and resizes into `out` (H, W, 3), of the patch's shape, in one step, outside filled with 128.

    shape: (2, 2), turns and stretches about the middle of `out`. Returns the factor of the resize.
    """
    factor: float = out.shape[0] / crop.height
    linear = factor * (np.eye(2) if shape is None else shape.astype(np.float64))
    middle = np.array([out.shape[1], out.shape[0]]) / 2
    source = np.array([crop.x, crop.y]) + middle / factor
    shift = middle - 0.5 - linear @ (source - 0.5)  # pixel centres, as cv2.resize has them
    cv2.warpAffine(
        picture,
        np.column_stack((linear, shift)),
        (out.shape[1], out.shape[0]),
        dst=out,
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(_FILL, _FILL, _FILL),
    )
    return factor


def kept_faces(boxes: Boxes, crop: Crop) -> npt.NDArray[np.bool_]:
    """(G,) which faces have their centre strictly inside the patch."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 - (crop.x, crop.y)
    return np.asarray(np.logical_and(centre > 0, centre < (crop.width, crop.height)).all(1))
