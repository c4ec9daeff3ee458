"""Pictures at their own size, and the test-time recipe that the paper reports for TinaFace (section 3).

The recipe: a single scale where the edges of the picture do not surpass 1100 (short) and 1650 (long), otherwise short
edges of 500 to 1700, each at four shifts, each also flipped. What all views find is merged by one NMS.

The paper gives the directions of the shifts, not their length: here it is half the smallest stride, which puts new
anchor centres halfway between the old ones. Its single scale is taken as the picture's own. By its words most pictures
of WIDER FACE, 1024 wide, get one view; the 42,334 GFLOPs of its Table 1 tell that it showed nearly all of them in all
views.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import cv2
import numpy as np
import numpy.typing as npt

from .. import _core
from ..detector import FaceDetector
from ..faces import Faces
from ..image import Picture

LIMITS = (1100, 1650)
"""Short and long edge up to which one scale is enough."""

SHORT_EDGES = (500, 800, 1100, 1400, 1700)
DIRECTIONS = ((0, 0), (0, 1), (1, 0), (1, 1))

_SHIFT = 4
_STEP = 32
_GREY = 128
_MIRRORED = [1, 0, 2, 4, 3]  # landmarks: the eyes and the corners of the mouth change places
_OPEN = 16  # detectors kept open, one per length of the tensor's long side


@dataclass(frozen=True)
class View:
    """One way to show a picture to the network: resized to size (height, width), mirrored, moved by shift (x, y)."""

    size: tuple[int, int]
    shift: tuple[int, int] = (0, 0)
    flip: bool = False

    def show(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The picture (H, W, C) on a grey ground whose sides are multiples of 32."""
        height, width = self.size
        if pixels.shape[:2] != self.size:
            pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
        x, y = self.shift
        shape = -(-(height + y) // _STEP) * _STEP, -(-(width + x) // _STEP) * _STEP
        ground = np.full((*shape, pixels.shape[2]), _GREY, np.uint8)
        ground[y : y + height, x : x + width] = pixels[:, ::-1] if self.flip else pixels
        return ground

    def restore(self, faces: Faces, picture: tuple[int, int]) -> Faces:
        """Faces of the shown picture as faces of the picture, (height, width), whose view it is; boxes inside it."""
        height, width = self.size
        factor = np.array([picture[1] / width, picture[0] / height])
        boxes = faces.boxes.reshape(-1, 2, 2) - self.shift
        points = None if faces.landmarks is None else faces.landmarks - self.shift
        if self.flip:
            boxes[:, :, 0] = width - boxes[:, ::-1, 0]
            if points is not None:
                points[:, :, 0] = width - points[:, :, 0]
                points = points[:, _MIRRORED]
        boxes = np.clip(boxes * factor, 0, (picture[1], picture[0])).reshape(-1, 4)
        seen = (boxes[:, 2:] > boxes[:, :2]).all(1)
        return Faces(
            boxes[seen].astype(np.float32),
            faces.scores[seen],
            None if points is None else (points * factor)[seen].astype(np.float32),
        )


def views(size: tuple[int, int]) -> list[View]:
    """The views of the recipe for a picture of (height, width)."""
    short, long = min(size), max(size)
    if short <= LIMITS[0] and long <= LIMITS[1]:
        return [View(size)]
    return [
        View((_scaled(size[0], edge, short), _scaled(size[1], edge, short)), (x * _SHIFT, y * _SHIFT), flip)
        for edge, (x, y), flip in product(SHORT_EDGES, DIRECTIONS, (False, True))
    ]


class MultiView:
    """Detects faces in several views of a picture.

    open_detector: makes a FaceDetector from input_size and nms_threshold. views: (height, width) -> views.
    nms_threshold: of the one NMS that merges what all views find.
    """

    def __init__(
        self,
        open_detector: Callable[..., FaceDetector],
        nms_threshold: float,
        views: Callable[[tuple[int, int]], list[View]],
    ) -> None:
        self._open = lru_cache(_OPEN)(lambda size: open_detector(input_size=size, nms_threshold=1.0))
        self._nms_threshold = nms_threshold
        self._views = views

    def detect(self, picture: Picture) -> Faces:
        """The faces of one picture, as FaceDetector.detect gives them."""
        pixels = picture.to_array("bgr")
        found = []
        for view in self._views(picture.size):
            shown = view.show(pixels)
            faces = view.restore(self._open(max(shown.shape[:2])).detect(shown), picture.size)
            found.append(_core.Candidates(faces.boxes, faces.scores, faces.landmarks))
        return Faces(*_core.nms(found, iou_threshold=self._nms_threshold))


def _scaled(side: int, edge: int, short: int) -> int:
    return int(side * edge / short + 0.5)
