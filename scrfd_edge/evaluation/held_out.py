"""Accuracy on annotated pictures that were kept out of training: of a training that goes on, and of a candidate."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..annotations import Annotation
from ..detector import FaceDetector
from .ground_truth import from_annotations
from .measures import SMALLEST_SIDES, by_size, operating_point
from .report import HIGH_PRECISION
from .run import SCORE_THRESHOLD, run, sized
from .wider import average_precision, match, precision_recall


@dataclass(frozen=True)
class Accuracy:
    """easy, medium, hard: AP in percent (`by_size`). score_threshold: from where precision is above 98 % over all
    faces, None where it never is."""

    easy: float
    medium: float
    hard: float
    score_threshold: float | None

    def __str__(self) -> str:
        return f"{self.easy:.2f} / {self.medium:.2f} / {self.hard:.2f}"


@dataclass(frozen=True)
class HeldOut:
    """images: the folder of pictures. notes: their annotations, none of them trained on."""

    images: Path
    notes: tuple[Annotation, ...]

    def measure(self, weights: Path, *, device: str = "auto", threads: int | None = None) -> Accuracy:
        """Runs a model's file at 640x640 and scores it by WIDER FACE's protocol.

        Raises ImageError for a picture that is missing or damaged.
        """
        truth = by_size(from_annotations(self.notes))
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
            round(100 * average_precision(precision_recall(truth, matches, setting)), 3) for setting in SMALLEST_SIDES
        )
        return Accuracy(easy, medium, hard, None if point is None else round(point.threshold, 4))
