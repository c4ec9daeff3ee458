"""The WIDER FACE protocol: detections to precision, recall and average precision, as the official tool counts them.

A detection hits the face with which it has the largest IoU (widths and heights + 1), if that is 0.5 or more. Hits on
faces that the setting does not count are not judged; a second hit on a face is a false positive. Scores are normalised
over the whole set, and the curve has 1000 points.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import DataError
from .ground_truth import GroundTruth, stem

Detections = Mapping[str, tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]]
"""Picture (EVENT/NAME, with or without suffix) -> boxes (N, 4) x1 y1 x2 y2 in pixels, scores (N,)."""

_POINTS = 1000
_IOU = 0.5


@dataclass(frozen=True)
class Matches:
    """D detections of all pictures that have faces, pooled.

    scores: (D,) float64. face: (D,) index of the face that is hit, -1 for none. first: (D,) bool, whether it is the
    best-scored detection that hits that face. picture, index: (D,) picture, and place among its detections as given.
    extremes: lowest and highest score over all pictures, those without faces included; None without detections.
    """

    scores: npt.NDArray[np.float64]
    face: npt.NDArray[np.intp]
    first: npt.NDArray[np.bool_]
    picture: npt.NDArray[np.intp]
    index: npt.NDArray[np.intp]
    extremes: tuple[float, float] | None


@dataclass(frozen=True)
class Curve:
    """Precision and recall (1000,) at the score thresholds (1000,), falling; 0 precision where nothing is found.

    The thresholds are scores as the detector gives them; the steps are even in the official normalised score.
    """

    thresholds: npt.NDArray[np.float64]
    precision: npt.NDArray[np.float64]
    recall: npt.NDArray[np.float64]


def match(truth: GroundTruth, detections: Detections) -> Matches:
    """Assigns every detection to a face. Pictures without detections may be absent; unknown ones are an error."""
    given = _checked(truth, detections)
    splits = np.searchsorted(truth.picture, np.arange(len(truth.names) + 1))
    scores, face, first, picture, index = [], [], [], [], []
    for p, name in enumerate(truth.names):
        start, end = splits[p], splits[p + 1]
        if name not in given or not len(given[name][1]) or start == end:
            continue
        boxes, marks = given[name]
        order = np.argsort(-marks, kind="stable")
        hit = _hits(boxes[order], truth.boxes[start:end])
        is_first = np.zeros(len(order), np.bool_)
        is_first[np.unique(hit, return_index=True)[1]] = True
        scores.append(marks[order])
        face.append(np.where(hit >= 0, hit + start, -1))
        first.append(is_first & (hit >= 0))
        picture.append(np.full(len(order), p))
        index.append(order)
    everything = [marks for _, marks in given.values() if len(marks)]
    extremes = (
        (min(float(m.min()) for m in everything), max(float(m.max()) for m in everything)) if everything else None
    )
    return Matches(
        np.concatenate([*scores, np.zeros(0)]),
        np.concatenate([*face, np.zeros(0, np.intp)]),
        np.concatenate([*first, np.zeros(0, np.bool_)]),
        np.concatenate([*picture, np.zeros(0, np.intp)]),
        np.concatenate([*index, np.zeros(0, np.intp)]),
        extremes,
    )


def precision_recall(truth: GroundTruth, matches: Matches, setting: str) -> Curve:
    """The curve of one setting (easy, medium, hard, or all)."""
    lowest, highest = matches.extremes or (0.0, 0.0)
    scores = (matches.scores - lowest) / ((highest - lowest) or 1.0)
    thresholds = 1 - np.arange(1, _POINTS + 1) / _POINTS
    on_counted = hits_counted(truth, matches, setting)
    judged = on_counted | (matches.face < 0)
    found = _at_least(scores[judged], thresholds)
    right = _at_least(scores[on_counted & matches.first], thresholds)
    precision = np.divide(right, found, out=np.zeros(_POINTS), where=found > 0)
    recall = right / max(int(truth.counted[setting].sum()), 1)
    return Curve(lowest + thresholds * (highest - lowest), precision, recall)


def hits_counted(truth: GroundTruth, matches: Matches, setting: str) -> npt.NDArray[np.bool_]:
    """(D,) whether a detection hits a face that the setting counts."""
    return np.append(truth.counted[setting], False)[matches.face]  # face -1 reads the last value


def average_precision(curve: Curve, above: float | None = None) -> float:
    """Area under the envelope of the curve, 0 to 1.

    above: count only up to the largest recall at which precision exceeds this value (the paper's AP at precision
    > 98 %, Table 1: the score threshold is raised until precision is met, what lies beyond counts nothing).
    """
    recall = np.concatenate([[0.0], curve.recall, [1.0]])
    precision = np.concatenate([[0.0], curve.precision, [0.0]])
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    if above is not None:
        recall = np.minimum(recall, curve.recall[curve.precision > above].max(initial=0.0))
    return float(np.sum(np.diff(recall) * envelope[1:]))


def evaluate(truth: GroundTruth, detections: Detections, above: float | None = None) -> dict[str, float]:
    """Average precision in percent, setting -> 0 to 100. above: see average_precision."""
    matches = match(truth, detections)
    return {s: 100 * average_precision(precision_recall(truth, matches, s), above) for s in truth.counted}


def _hits(boxes: npt.NDArray[np.float64], faces: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """(N,) index of the face with the largest IoU, the earlier of equal ones; -1 where it is under 0.5."""
    low = np.maximum(boxes[:, None, :2], faces[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], faces[None, :, 2:])
    common = np.maximum(high - low + 1, 0).prod(2)
    area = (boxes[:, 2:] - boxes[:, :2] + 1).prod(1)[:, None] + (faces[:, 2:] - faces[:, :2] + 1).prod(1)[None, :]
    union = area - common
    iou = np.divide(common, union, out=np.zeros_like(common), where=union > 0)  # a box inside out hits nothing
    return np.where(iou.max(1) >= _IOU, iou.argmax(1), -1)


def _at_least(scores: npt.NDArray[np.float64], thresholds: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """How many scores reach each threshold."""
    return len(scores) - np.searchsorted(np.sort(scores), thresholds, side="left")


def _checked(
    truth: GroundTruth, detections: Detections
) -> dict[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    known = set(truth.names)
    given = {}
    for name, (boxes, scores) in detections.items():
        if stem(name) not in known:
            raise DataError(f"There are detections of {name}, which is not among the {len(known)} pictures evaluated.")
        if stem(name) in given:
            raise DataError(f"There are detections of {name} twice.")
        place, marks = np.asarray(boxes, np.float64).reshape(-1, 4), np.asarray(scores, np.float64).reshape(-1)
        if len(place) != len(marks) or not (np.isfinite(place).all() and np.isfinite(marks).all()):
            raise DataError(f"{name}: expected as many boxes as scores, all finite; got {len(place)} and {len(marks)}.")
        given[stem(name)] = place, marks
    return given
