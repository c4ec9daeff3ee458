"""Does a converted file find the same faces as its source? Compared on photographs, from raw outputs to landmarks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scrfd_edge import _core
from scrfd_edge.backends.base import Backend
from scrfd_edge.errors import ModelError
from scrfd_edge.image import Picture

from .calibration import to_tensor

SCORE = 0.5
_NEAR = 0.1  # a face counts as lost where even a score so much lower does not find it
_NMS = 0.4
_LONG_SIDE = 640


@dataclass(frozen=True)
class Bounds:
    """The worst that a file may be.

    outputs: 1 - cosine similarity of raw scores, of boxes and of landmarks of anchors that see a face. lost: faces
    of either side that the other does not find, as a share of all; one is always forgiven except where lost is 0.
    box: pixels, median. score: median difference. landmarks: median shift as a share of the box size.
    """

    outputs: float
    lost: float
    box: float
    score: float
    landmarks: float


BOUNDS = {
    "fp32": Bounds(1e-5, 0.0, 0.1, 5e-4, 5e-4),
    "fp16": Bounds(1e-4, 0.005, 0.2, 2e-3, 2e-3),
    "dynamic": Bounds(0.05, 0.06, 2.0, 0.03, 0.02),
    "int8": Bounds(0.02, 0.04, 1.5, 0.03, 0.01),
    "int8-io": Bounds(0.03, 0.05, 2.0, 0.03, 0.02),
}


@dataclass(frozen=True)
class Agreement:
    """What was measured, in the units of Bounds; `lost` are faces, of `faces` on both sides together; landmarks: None
    for a network that has none."""

    outputs: float
    faces: int
    lost: int
    box: float
    score: float
    landmarks: float | None

    def problems(self, bounds: Bounds) -> list[str]:
        allowed = max(1, round(bounds.lost * self.faces)) if bounds.lost else 0
        checks = [
            ("raw outputs differ by 1 - cosine", self.outputs, bounds.outputs),
            ("faces lost or invented", self.lost, allowed),
            ("boxes moved, px", self.box, bounds.box),
            ("scores changed", self.score, bounds.score),
        ]
        if self.landmarks is not None:
            checks.append(("landmarks moved, share of the box", self.landmarks, bounds.landmarks))
        return [f"{what}: {value:.3g}, at most {most:.3g}" for what, value, most in checks if not value <= most]

    def __str__(self) -> str:
        points = "" if self.landmarks is None else f", landmarks {100 * self.landmarks:.2f} % of the box"
        return (
            f"{self.faces - self.lost} of {self.faces} faces agree; medians: boxes {self.box:.2f} px, scores "
            f"{self.score:.4f}{points}; 1 - cosine of raw outputs {self.outputs:.1e}"
        )


def compare(reference: Backend, candidate: Backend, pictures: Sequence[Picture]) -> Agreement:
    """Both files on the same pictures at the same tensor sizes: the candidate's only one, else long side 640."""
    products = np.zeros((3, 3))
    faces = lost = 0
    moved: list[tuple[float, float, float]] = []
    for picture in pictures:
        fixed = candidate.shape or reference.shape
        placement = _core.Placement.fit(picture.size, _LONG_SIDE)
        if fixed is not None:
            placement = _core.Placement.fit_shape(picture.size, fixed)
        raw = [b.run(to_tensor(picture, b.metadata, placement)) for b in (reference, candidate)]
        products += _products(*raw)
        found = [_faces(b, outputs, placement) for b, outputs in zip((reference, candidate), raw, strict=True)]
        counts, shifts = _match(*found)
        faces += counts[0]
        lost += counts[1]
        moved += shifts
    cosines = [p[0] / np.sqrt(p[1] * p[2]) for p in products if p[1] > 0]
    box, score, points = (np.median(np.array(moved), axis=0) if moved else np.zeros(3)).tolist()
    outputs = float(np.max([1 - c for c in cosines], initial=0.0))
    return Agreement(outputs, faces, lost, box, score, points if reference.metadata.landmarks else None)


def check(path: Path, reference: Backend, candidate: Backend, pictures: Sequence[Picture], precision: str) -> Agreement:
    """Raises ModelError where the candidate, the file `path`, is worse than its precision's bounds."""
    agreement = compare(reference, candidate, pictures)
    if agreement.faces == 0:
        taken = "" if candidate.shape is None else f" of {candidate.shape[1]}x{candidate.shape[0]}"
        raise ModelError(
            f"No face was found on the photographs of the check: neither {path.name} nor its source gives one a score "
            f"of {SCORE} on tensors{taken}. Give photographs with larger faces (--calibration), a larger --size, or a "
            "better model."
        )
    problems = agreement.problems(BOUNDS[precision])
    if problems:
        raise ModelError(f"{path.name} does not find the faces of its source and was not kept: {'; '.join(problems)}.")
    return agreement


_Faces = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32] | None]


def _products(a: Sequence[npt.NDArray[np.float32]], b: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float64]:
    """Dot products ab, aa, bb of scores, boxes, landmarks; of the latter two where either side sees a face."""
    sums = np.zeros((3, 3))
    strides = 3
    for i, (x, y) in enumerate(zip(a, b, strict=True)):
        kind, level = divmod(i, strides)
        if kind:
            seen = np.maximum(a[level], b[level])[..., 0] >= SCORE
            x, y = x[seen], y[seen]
        x, y = x.ravel().astype(np.float64), y.ravel().astype(np.float64)
        sums[kind] += x @ y, x @ x, y @ y
    return sums


def _faces(backend: Backend, outputs: Sequence[npt.NDArray[np.float32]], placement: _core.Placement) -> _Faces:
    m = backend.metadata
    candidates = _core.decode(outputs, [placement], strides=m.strides, anchors=m.anchors, score_threshold=SCORE - _NEAR)
    return _core.nms(candidates, iou_threshold=_NMS)


def _match(a: _Faces, b: _Faces) -> tuple[tuple[int, int], list[tuple[float, float, float]]]:
    """(faces, lost), and per face found by both: corner shift in px, score change, landmark shift / box size."""
    overlaps = _overlaps(a[0], b[0])
    sure_a, sure_b = a[1] >= SCORE, b[1] >= SCORE
    lost_a = sure_a & ~(overlaps >= 0.5).any(axis=1)
    lost_b = sure_b & ~(overlaps >= 0.5).any(axis=0)
    shifts = []
    for i in np.flatnonzero(sure_a & ~lost_a):
        j = int(overlaps[i].argmax())
        size = float(np.sqrt(np.prod(a[0][i, 2:] - a[0][i, :2])))
        corners = float(np.abs(a[0][i] - b[0][j]).mean())
        points = 0.0
        if a[2] is not None and b[2] is not None:
            points = float(np.linalg.norm(a[2][i] - b[2][j], axis=1).mean()) / size
        shifts.append((corners, float(abs(a[1][i] - b[1][j])), points))
    return (int(sure_a.sum() + sure_b.sum()), int(lost_a.sum() + lost_b.sum())), shifts


def _overlaps(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """IoU of every box of a with every box of b."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (a, b)]
    union: npt.NDArray[np.float32] = areas[0][:, None] + areas[1][None] - shared
    return np.asarray(shared / np.maximum(union, 1e-9), np.float32)
