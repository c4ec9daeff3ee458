"""Beyond average precision: the operating point, recall by face size, landmark error."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..errors import DataError
from .ground_truth import GroundTruth, stem
from .wider import Matches, hits_counted

SIZE_EDGES = (0, 8, 16, 32, 64, 128, 256, 400)
"""Lower ends of the buckets of face size, in pixels; the last bucket is open. 8, 16 and 32: the paper's Fig. 3."""

SMALLEST_SIDES = {"easy": 32.0, "medium": 16.0, "hard": 0.0}
"""Least side in pixels, on a long side of 640, of the faces that a setting counts on annotations of our own.

WIDER FACE's own settings are lists that exist for its validation set only. Most of its easy faces are larger than 32
pixels there, most medium ones larger than 16 (Fig. 3).
"""


@dataclass(frozen=True)
class OperatingPoint:
    """A score threshold, and precision and recall of what reaches it. All three 0 to 1."""

    threshold: float
    precision: float
    recall: float


@dataclass(frozen=True)
class SizeRecall:
    """Recall (0 to 1, NaN without faces) of the faces with low <= sqrt(width * height) < high."""

    low: float
    high: float
    faces: int
    recall: float

    @property
    def label(self) -> str:
        return f">{self.low:g}" if np.isinf(self.high) else f"{self.low:g}-{self.high:g}"


@dataclass(frozen=True)
class LandmarkError:
    """Mean distance of the five points / sqrt(width * height) of the face, over faces found with known landmarks."""

    faces: int
    mean: float
    median: float


def operating_point(truth: GroundTruth, matches: Matches, setting: str, above: float = 0.98) -> OperatingPoint | None:
    """Recall as large as precision > `above` allows, by the highest threshold that does it; None if none does."""
    on_counted = hits_counted(truth, matches, setting)
    judged = on_counted | (matches.face < 0)
    order = np.argsort(-matches.scores[judged], kind="stable")
    scores = matches.scores[judged][order]
    right = np.cumsum((on_counted & matches.first)[judged][order])
    precision = right / np.arange(1, len(scores) + 1)
    whole = np.append(scores[:-1] != scores[1:], True)[: len(scores)]  # a threshold cannot part equal scores
    fit = np.flatnonzero(whole & (precision > above))
    if not len(fit):
        return None
    best = fit[np.argmax(right[fit])]
    recall = right[best] / truth.counted[setting].sum()
    return OperatingPoint(float(scores[best]), float(precision[best]), float(recall))


def point_at(truth: GroundTruth, matches: Matches, setting: str, threshold: float) -> OperatingPoint:
    """Precision and recall over the faces that a setting counts, from a score of `threshold`, 0 to 1, on. Precision is
    1 where nothing reaches it."""
    on_counted = hits_counted(truth, matches, setting)
    chosen = matches.scores >= threshold
    judged = int((chosen & (on_counted | (matches.face < 0))).sum())
    right = int((chosen & on_counted & matches.first).sum())
    recall = right / max(int(truth.counted[setting].sum()), 1)
    return OperatingPoint(threshold, right / judged if judged else 1.0, recall)


def face_sizes(truth: GroundTruth, long_side: int | None) -> npt.NDArray[np.float64]:
    """(F,) sqrt(width * height) in pixels of the picture scaled to `long_side`, or of the picture itself (None)."""
    sides: npt.NDArray[np.float64] = np.sqrt(np.maximum(truth.boxes[:, 2:] - truth.boxes[:, :2], 0).prod(1))
    if long_side is None:
        return sides
    if truth.sizes is None:
        raise DataError("Recall by face size needs the sizes of the pictures: set GroundTruth.sizes.")
    scales: npt.NDArray[np.float64] = long_side / truth.sizes.max(1)
    return sides * scales[truth.picture]


def by_size(truth: GroundTruth) -> GroundTruth:
    """Annotated faces under the settings easy, medium and hard: of those that count, the ones of SMALLEST_SIDES."""
    sides = face_sizes(truth, 640)
    return replace(truth, counted={s: truth.counted["all"] & (sides >= least) for s, least in SMALLEST_SIDES.items()})


def recall_by_size(
    truth: GroundTruth,
    matches: Matches,
    setting: str,
    *,
    threshold: float = 0.0,
    long_side: int | None = 640,
    edges: tuple[float, ...] = SIZE_EDGES,
) -> list[SizeRecall]:
    """Which part of the counted faces of each size is found by detections of at least `threshold`."""
    found = np.zeros(len(truth.boxes), np.bool_)
    found[matches.face[matches.first & (matches.scores >= threshold)]] = True
    sizes = face_sizes(truth, long_side)
    rows = []
    for low, high in zip(edges, (*edges[1:], np.inf), strict=True):
        here = truth.counted[setting] & (sizes >= low) & (sizes < high)
        count = int(here.sum())
        rows.append(SizeRecall(low, high, count, float(found[here].sum() / count) if count else np.nan))
    return rows


def landmark_error(
    truth: GroundTruth, matches: Matches, landmarks: Mapping[str, npt.NDArray[np.floating]], threshold: float = 0.0
) -> LandmarkError | None:
    """Error of the landmarks (N, 5, 2) of the detections that find a face, first hits of at least `threshold` only.

    landmarks: keys and order as in the detections that were matched. None when no face with known landmarks is found.
    """
    if truth.landmarks is None:
        return None
    chosen = np.flatnonzero(matches.first & (matches.scores >= threshold))
    wanted = truth.landmarks[matches.face[chosen]]
    chosen = chosen[~np.isnan(wanted).any((1, 2))]
    if not len(chosen):
        return None
    by_stem = {stem(name): points for name, points in landmarks.items()}
    got = np.stack([by_stem[truth.names[matches.picture[i]]][matches.index[i]] for i in chosen])
    faces = matches.face[chosen]
    distance = np.linalg.norm(got - truth.landmarks[faces], axis=2).mean(1)
    errors = distance / np.sqrt((truth.boxes[faces, 2:] - truth.boxes[faces, :2]).prod(1))
    return LandmarkError(len(chosen), float(errors.mean()), float(np.median(errors)))
