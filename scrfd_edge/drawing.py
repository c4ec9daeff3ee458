"""Boxes and landmarks on a picture; faces cut out of it, as they are or aligned.

OpenCV is imported where it draws: `scrfd-edge doctor` must run, and tell, where it cannot be loaded.
"""

import numpy as np
import numpy.typing as npt

from .errors import ImageError, ModelError, SettingError
from .image import Pixels

Floats = npt.NDArray[np.float32]

ARCFACE = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]])
"""Where ArcFace's 112 x 112 input has eyes, nose and mouth corners, x y in pixels (Deng et al., 2019)."""

_GREEN = np.array([0, 255, 0])
_POINT = (255, 255, 255)


def draw(picture: Pixels, boxes: Floats, scores: Floats, landmarks: Floats | None) -> Pixels:
    """Draws on `picture` (H, W, 3) and returns it. A box's brightness is its score. Sure faces lie on top."""
    import cv2

    thick = max(1, round(max(picture.shape[:2]) / 500))
    for i in reversed(range(len(boxes))):
        x1, y1, x2, y2 = (round(float(v)) for v in boxes[i])
        shade = [int(v) for v in _GREEN * float(scores[i])]
        # Lines must not hide a small face.
        line = max(1, min(thick, (x2 - x1) // 12))
        cv2.rectangle(picture, (x1, y1), (x2, y2), shade, line)
        if landmarks is not None:
            for x, y in landmarks[i]:
                cv2.circle(picture, (round(float(x)), round(float(y))), line, _POINT, cv2.FILLED)
    return picture


def crop(picture: Pixels, boxes: Floats) -> list[Pixels]:
    """Copies of what lies in each box, rounded outwards to whole pixels."""
    height, width = picture.shape[:2]
    crops = []
    for box in boxes:
        x1, y1 = (int(v) for v in np.floor(box[:2]))
        x2, y2 = (int(v) for v in np.ceil(box[2:]))
        if not (0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height):
            raise ImageError(f"Box {box.tolist()} lies outside this picture of {width} x {height}: not the same one?")
        crops.append(picture[y1:y2, x1:x2].copy())
    return crops


def align(picture: Pixels, landmarks: Floats | None, size: int) -> Pixels:
    """(N, size, size, 3): each face moved so that its landmarks (N, 5, 2) lie on ArcFace's points."""
    if landmarks is None:
        raise ModelError("Aligning needs landmarks, which this model does not predict: use its _kps sibling.")
    if isinstance(size, bool) or not isinstance(size, int | np.integer) or not 1 <= size <= 4096:
        raise SettingError(f"size must be an integer from 1 to 4096, got {size!r}.")
    import cv2

    faces = np.empty((len(landmarks), size, size, 3), np.uint8)
    for face, points in zip(faces, landmarks, strict=True):
        face[:] = cv2.warpAffine(picture, similarity(points.astype(float), ARCFACE * (size / 112)), (size, size))
    return faces


def similarity(source: npt.NDArray[np.float64], target: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The (2, 3) matrix of the rotation, scale and shift that brings `source` (N, 2) closest to `target` (N, 2).

    Least squares without reflection (Umeyama, 1991), in closed form over complex numbers: target = a * source + b.
    """
    z, w = source @ [1, 1j], target @ [1, 1j]
    centred = z - z.mean()
    spread = float((abs(centred) ** 2).sum())
    a = (centred.conj() * (w - w.mean())).sum() / spread if spread else 0j
    b = w.mean() - a * z.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])
