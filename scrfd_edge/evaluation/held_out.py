"""Accuracy on annotated pictures that were kept out of training: of a training that goes on, and of a candidate."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ..annotations import Annotation
from ..detector import FaceDetector
from .ground_truth import from_annotations
from .measures import face_sizes, operating_point
from .report import HIGH_PRECISION
from .run import SCORE_THRESHOLD, run, sized
from .wider import average_precision, match, precision_recall

SMALLEST = {"easy": 32.0, "medium": 16.0, "hard": 0.0}
"""Least side in pixels, on a long side of 640, of the faces that a setting counts on annotations of our own.

WIDER FACE's own settings are lists that exist for its validation set only. Most of its easy faces are larger than 32
pixels there, most medium ones larger than 16 (Fig. 3).
"""

_SIDE = 640


@dataclass(frozen=True)
class Accuracy:
    """easy, medium, hard: AP in percent (SMALLEST). score_threshold: from where precision is above 98 % over all faces,
    None where it never is."""

    easy: float
    medium: float
    hard: float
    score_threshold: float | None


@dataclass(frozen=True)
class HeldOut:
    """images: the folder of pictures. notes: their annotations, none of them trained on."""

    images: Path
    notes: tuple[Annotation, ...]

    def measure(self, weights: Path, *, device: str = "auto", threads: int | None = None) -> Accuracy:
        """Runs a model's file at 640x640 and scores it by WIDER FACE's protocol.

        Raises ImageError for a picture that is missing or damaged.
        """
        truth = from_annotations(self.notes)
        sides = face_sizes(truth, _SIDE)
        counted = {setting: truth.counted["all"] & (sides >= least) for setting, least in SMALLEST.items()}
        truth = replace(truth, counted=counted)
        opener = partial(
            FaceDetector,
            weights,
            device=device,
            precision="fp32",
            threads=threads,
            score_threshold=SCORE_THRESHOLD,
        )
        found = run(sized(opener, "square640"), self.images, [note.path for note in self.notes])
        matches = match(truth, found.detections)
        point = operating_point(truth, matches, "hard", HIGH_PRECISION)
        easy, medium, hard = (
            round(100 * average_precision(precision_recall(truth, matches, setting)), 3) for setting in SMALLEST
        )
        return Accuracy(easy, medium, hard, None if point is None else round(point.threshold, 4))
