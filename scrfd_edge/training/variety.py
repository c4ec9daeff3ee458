"""Variety for few pictures: how often and how much faces are turned, stretched, covered, and pictures noisy or grey.

Shares are of pictures, at a level of 1; a level from 0 to 1 multiplies them (`Recipe.level`). They and the bounds were
chosen beforehand for the last trainings in models/README.md, not tuned.
"""

import cv2
import numpy as np
import numpy.typing as npt

MOSAICS = 0.4
COVERED = 0.4
GREY = 0.1
TINTED = 0.3
TINT = 0.25  # of a channel's value, at most
_TURNED = 0.35
_LARGEST_TURN = np.deg2rad(25)
_STRETCHED = 0.3
_LARGEST_STRETCH = 0.2  # logarithm of how many times as wide, height being 1
_NOISY = 0.2
_LARGEST_NOISE = 14.0  # standard deviation, grey levels
_HIDDEN = 0.6  # covered share from which a face is to be ignored
_SMALLEST_COVERED = 20  # pixels: smaller faces get no cover of their own
_SIDES = (12, 160)  # of covers anywhere

Floats = npt.NDArray[np.float32]


def draw_shape(rng: np.random.Generator, level: float) -> Floats:
    """(2, 2): turn and stretch about a crop's middle, often neither."""
    turn = rng.uniform(-_LARGEST_TURN, _LARGEST_TURN) if rng.random() < _TURNED * level else 0.0
    half = rng.uniform(-_LARGEST_STRETCH, _LARGEST_STRETCH) / 2 if rng.random() < _STRETCHED * level else 0.0
    cos, sin = np.cos(turn), np.sin(turn)
    return np.array([[cos, -sin], [sin, cos]], np.float32) @ np.diag(np.exp([half, -half])).astype(np.float32)


def reshape_points(points: Floats, shape: Floats, middle: Floats) -> Floats:
    """(..., 2) x, y about `middle` (2,)."""
    return np.asarray((points - middle) @ shape.T + middle, np.float32)


def reshape_boxes(boxes: Floats, shape: Floats, middle: Floats) -> Floats:
    """(G, 4): boxes around the ellipses that filled the given ones, as a head nearly does."""
    centre = reshape_points(np.asarray((boxes[:, :2] + boxes[:, 2:]) / 2, np.float32), shape, middle)
    half = np.sqrt(((boxes[:, 2:] - boxes[:, :2]) / 2) ** 2 @ (shape**2).T)
    return np.concatenate((centre - half, centre + half), 1).astype(np.float32)


def draw_covers(rng: np.random.Generator, boxes: Floats, height: int, width: int) -> npt.NDArray[np.int64]:
    """(K, 4) rectangles within a picture of that size: over a part of up to three faces, and one to three anywhere.

    boxes: (G, 4) within the picture. The first lie over the lower part of a face, the upper, a side, or a patch of it;
    the others, of 12 to 160 pixels, do not let the network take a rectangle for a face.
    """
    covers = []
    large = np.flatnonzero((boxes[:, 2:] - boxes[:, :2]).min(1) >= _SMALLEST_COVERED)
    for face in rng.permutation(large)[: rng.integers(1, 3, endpoint=True)]:
        x1, y1, x2, y2 = boxes[face]
        size = np.array([x2 - x1, y2 - y1])
        share = rng.uniform(0.15, 0.5)
        left, top, right, bottom = boxes[face] + np.concatenate((-size, size)) * rng.uniform(0, 0.4, 4)
        part = rng.choice(5, p=(0.35, 0.2, 0.15, 0.15, 0.15))
        if part == 0:
            top = y2 - share * size[1]
        elif part == 1:
            bottom = y1 + share * size[1]
        elif part == 2:
            right = x1 + share * size[0]
        elif part == 3:
            left = x2 - share * size[0]
        else:
            left, top = (x1, y1) + rng.random(2) * (1 - share) * size
            right, bottom = (left, top) + share * size
        covers.append((left, top, right, bottom))
    for _ in range(rng.integers(1, 3, endpoint=True)):
        sides = np.exp(rng.uniform(np.log(_SIDES[0]), np.log(_SIDES[1]), 2))
        left, top = rng.random(2) * (width, height) - sides / 2
        covers.append((left, top, left + sides[0], top + sides[1]))
    ends = np.array([width, height, width, height])
    found: npt.NDArray[np.int64] = np.floor(np.array(covers).clip(0, ends)).astype(np.int64)
    return found[(found[:, 2:] > found[:, :2]).all(1)]


def hidden_faces(boxes: Floats, covers: npt.NDArray[np.int64], height: int, width: int) -> npt.NDArray[np.bool_]:
    """(G,) which faces have more than 0.6 of their box under the covers. boxes: (G, 4) within the picture."""
    under = np.zeros((height, width), np.uint8)
    for x1, y1, x2, y2 in covers:
        under[y1:y2, x1:x2] = 1
    sums = cv2.integral(under)
    x1, y1, x2, y2 = np.rint(boxes).astype(np.int64).T
    covered = sums[y2, x2] - sums[y1, x2] - sums[y2, x1] + sums[y1, x1]
    return np.asarray(covered > _HIDDEN * (x2 - x1) * (y2 - y1))


def add_noise(rng: np.random.Generator, level: float, out: npt.NDArray[np.uint8]) -> None:
    """Normal noise on some pictures, each pixel and channel for itself. out: (H, W, 3), changed in place."""
    if rng.random() < _NOISY * level:
        noise = rng.standard_normal(out.shape, np.float32) * np.float32(rng.uniform(0, _LARGEST_NOISE))
        out[:] = np.rint(out + noise).clip(0, 255)
