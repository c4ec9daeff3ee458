"""A detector over a list of pictures, at one of the sizes that results are reported for."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..detector import FaceDetector
from ..errors import SettingError
from ..faces import Faces
from ..image import Picture, load
from . import multiscale

SCORE_THRESHOLD = 0.02
NMS_THRESHOLD = 0.45
"""Those of the authors' evaluation: nearly every candidate counts, so that the curve reaches its end."""

SIZES = ("square640", "rect640", "original", "multi")
"""square640: long side 640, padded to 640 x 640. rect640: long side 640, padded to multiples of 32. original: the
picture as it is. multi: the recipe of the paper's section 3."""


@dataclass(frozen=True)
class Run:
    """What a detector found. detections: picture -> boxes (N, 4), scores (N,). landmarks: picture -> (N, 5, 2), or
    None where the model has none. sizes: (P, 2) width, height. ms_per_image: mean time of one detection, without
    reading the file."""

    detections: dict[str, tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]
    landmarks: dict[str, npt.NDArray[np.float32]] | None
    sizes: npt.NDArray[np.float64]
    ms_per_image: float


def sized(open_detector: Callable[..., FaceDetector], size: str) -> Callable[[Picture], Faces]:
    """The detection of one picture at `size`.

    open_detector: FaceDetector with everything set but input_size, input_shape and nms_threshold.
    """
    if size == "square640":
        return open_detector(input_shape=(640, 640), nms_threshold=NMS_THRESHOLD).detect
    if size == "rect640":
        return open_detector(input_size=640, nms_threshold=NMS_THRESHOLD).detect
    if size == "original":
        return multiscale.MultiView(open_detector, NMS_THRESHOLD, lambda shape: [multiscale.View(shape)]).detect
    if size == "multi":
        return multiscale.MultiView(open_detector, NMS_THRESHOLD, multiscale.views).detect
    raise SettingError(f"Unknown size {size!r}: expected one of {', '.join(SIZES)}.")


def run(
    detect: Callable[[Picture], Faces],
    images: str | Path,
    names: Sequence[str],
    progress: Callable[[int], None] = lambda done: None,
) -> Run:
    """Detects in every picture of the folder that is named. progress: called with the number of pictures done.

    Raises ImageError for a picture that is missing or damaged.
    """
    detections, landmarks, sizes, seconds = {}, {}, [], 0.0
    for done, name in enumerate(names, 1):
        picture = load(Path(images, name))
        start = time.perf_counter()
        faces = detect(picture)
        seconds += time.perf_counter() - start
        detections[name] = faces.boxes, faces.scores
        if faces.landmarks is not None:
            landmarks[name] = faces.landmarks
        sizes.append(picture.size[::-1])
        progress(done)
    return Run(
        detections,
        landmarks if len(landmarks) == len(names) else None,
        np.array(sizes, np.float64).reshape(-1, 2),
        1000 * seconds / max(len(names), 1),
    )


def picture_sizes(
    images: str | Path, names: Sequence[str], progress: Callable[[int], None] = lambda done: None
) -> npt.NDArray[np.float64]:
    """(P, 2) width and height of the pictures as displayed. Raises ImageError."""
    sizes = []
    for done, name in enumerate(names, 1):
        sizes.append(load(Path(images, name)).size[::-1])
        progress(done)
    return np.array(sizes, np.float64).reshape(-1, 2)
