"""The result: the faces of one picture."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from . import drawing
from .image import Color, ImageSource, Pixels, load

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Face:
    """One face. box: (4,) x1 y1 x2 y2 in pixels. score: 0 to 1. landmarks: (5, 2) x y in pixels, or None."""

    box: Floats
    score: float
    landmarks: Floats | None

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, ready for JSON: box, score, landmarks."""
        return {
            "box": [round(float(v), 2) for v in self.box],
            "score": round(self.score, 4),
            "landmarks": None if self.landmarks is None else [[round(float(v), 2) for v in p] for p in self.landmarks],
        }


@dataclass(frozen=True, eq=False)
class Faces:
    """The faces of one picture, best score first.

    boxes: (N, 4) float32, x1 y1 x2 y2 in pixels of the picture as displayed, inside it. scores: (N,) float32.
    landmarks: (N, 5, 2) float32, or None where the model has none: the eye on the left of the picture (the person's
    right eye), the other eye, the nose, the mouth's corner on the left of the picture, the other corner; they may lie
    outside the picture. Without faces the arrays have N = 0.

    An index gives a `Face`; a slice, a mask or an array of indices gives `Faces`.
    """

    boxes: Floats
    scores: Floats
    landmarks: Floats | None = None

    def __post_init__(self) -> None:
        n = len(self.boxes)
        shapes = [(self.boxes, (n, 4)), (self.scores, (n,)), (self.landmarks, (n, 5, 2))]
        for array, shape in shapes:
            if array is not None and (array.shape != shape or array.dtype != np.float32):
                raise ValueError(f"Expected float32 {shape}, got {array.dtype} {array.shape}.")

    def __len__(self) -> int:
        return len(self.boxes)

    def __iter__(self) -> Iterator[Face]:
        return (self[i] for i in range(len(self)))

    @overload
    def __getitem__(self, key: int | np.integer[Any]) -> Face: ...
    @overload
    def __getitem__(self, key: slice | npt.NDArray[Any] | list[int] | list[bool]) -> "Faces": ...
    def __getitem__(self, key: Any) -> "Face | Faces":
        landmarks = None if self.landmarks is None else self.landmarks[key]
        if isinstance(key, int | np.integer):
            return Face(self.boxes[key], float(self.scores[key]), landmarks)
        return Faces(self.boxes[key], self.scores[key], landmarks)

    def to_dict(self) -> dict[str, Any]:
        """{"faces": [{"box": [x1, y1, x2, y2], "score": s, "landmarks": [[x, y], ...] | None}]} in plain numbers."""
        return {"faces": [face.to_dict() for face in self]}

    def to_json(self) -> str:
        return json.dumps(self.to_dict())

    def draw(self, image: ImageSource, color: Color = "bgr") -> Pixels:
        """A copy of the picture, (H, W, 3) in the order `color`, with boxes and landmarks; the brighter, the surer.

        color: channel order of `image` where that is an array, and of the result: "bgr" as OpenCV writes files.
        """
        return drawing.draw(load(image, color).to_array(color), self.boxes, self.scores, self.landmarks)

    def crop(self, image: ImageSource, color: Color = "bgr") -> list[Pixels]:
        """The picture inside each box, (h, w, 3) in the order `color`, whole pixels. `image`, `color` as in `draw`.

        Raises ImageError where a box lies outside `image`: the faces are of another picture.
        """
        return drawing.crop(load(image, color).to_array(color), self.boxes)

    def align(self, image: ImageSource, size: int = 112, color: Color = "bgr") -> Pixels:
        """Faces turned upright for recognition: (N, size, size, 3), eyes, nose and mouth where ArcFace expects them.

        The similarity (rotation, scale, shift) that brings the landmarks closest to ArcFace's five points. `image`,
        `color` as in `draw`. Raises ModelError where the model has no landmarks.
        """
        return drawing.align(load(image, color).to_array(color), self.landmarks, size)
