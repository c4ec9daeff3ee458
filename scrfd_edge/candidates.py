"""What a back end decoded on its device -> candidates of pictures, as `_core.decode` makes them of raw outputs."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from . import _core
from .backends.base import Decoded


def candidates_of(decoded: Decoded, placements: Sequence[_core.Placement]) -> list[_core.Candidates]:
    """Mapped back through the placements, one per picture of the batch, boxes clipped to the picture.

    What is not finite, or has no area inside the picture, is left out. Landmarks are not clipped.
    """
    return [_of_picture(decoded, decoded.picture == i, placement) for i, placement in enumerate(placements)]


def _of_picture(decoded: Decoded, rows: npt.NDArray[np.bool_], placement: _core.Placement) -> _core.Candidates:
    sizes = zip(placement.image, placement.content, strict=True)
    scale = np.array([whole / content for whole, content in sizes][::-1], np.float32)  # x, y
    scores = decoded.scores[rows]
    boxes = decoded.boxes[rows] * np.tile(scale, 2)
    landmarks = None if decoded.landmarks is None else decoded.landmarks[rows] * scale
    kept = np.isfinite(scores) & np.isfinite(boxes).all(1)
    if landmarks is not None:
        kept &= np.isfinite(landmarks).all((1, 2))
    height, width = placement.image
    boxes = boxes.clip(0, np.array([width, height, width, height], np.float32))
    kept &= (boxes[:, 2:] > boxes[:, :2]).all(1)
    return _core.Candidates(boxes[kept], scores[kept], None if landmarks is None else landmarks[kept])
