"""Annotations of pictures that lack faces, or box them otherwise than WIDER FACE does, as training can use them.

    python models/relabel.py DATA --begin mafa/ --weights WEIGHTS >> OUT
    python models/relabel.py DATA --begin mask853/ --weights WEIGHTS --move >> OUT

Of the pictures whose path begins so: a face that our network is sure of and that has no box gets one to ignore, so that
training does not take it for background. With --move boxes become the network's where it has one over the face, and are
to be ignored where not. Pictures with faces to ignore alone are left out. Landmarks are not kept.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scrfd_edge import DataError, FaceDetector, ScrfdError
from scrfd_edge.annotations import Annotation, read_annotated

Boxes = npt.NDArray[np.floating]

_SURE = 0.3  # score
_SAME, _OTHER = 0.4, 0.3  # IoU


def relabel(note: Annotation, seen: Boxes, move: bool) -> tuple[Boxes, npt.NDArray[np.bool_]]:
    """Boxes (N, 4) and which to ignore (N,), from those of a picture and what the network is sure of, (M, 4)."""
    boxes, ignored = note.boxes.copy(), note.ignored.copy()
    overlaps = _iou(boxes, seen)
    if move:
        taken: set[int] = set()
        for i in np.flatnonzero(~ignored):
            best = int(overlaps[i].argmax()) if len(seen) else -1
            ignored[i] = best < 0 or overlaps[i, best] < _SAME or best in taken
            if not ignored[i]:
                boxes[i] = seen[best]
                taken.add(best)
    unknown = seen[overlaps.max(0, initial=0) < _OTHER]
    return np.concatenate((boxes, unknown)), np.concatenate((ignored, np.ones(len(unknown), bool)))


def _iou(a: Boxes, b: Boxes) -> Boxes:
    sides = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    overlap = sides.clip(0).prod(-1)
    area_a, area_b = ((boxes[:, 2:] - boxes[:, :2]).prod(-1) for boxes in (a, b))
    return np.asarray(overlap / (area_a[:, None] + area_b[None] - overlap))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--begin", required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--move", action="store_true")
    options = parser.parse_args()
    try:
        data = read_annotated(options.data)
        notes = [note for note in data.notes if note.path.startswith(options.begin)]
        if not notes:
            raise DataError(f"{data.label}: no path begins with {options.begin!r}.")
        detector = FaceDetector(options.weights, device="cpu", score_threshold=_SURE, input_shape=(640, 640))
        for note in notes:
            boxes, ignored = relabel(note, detector.detect(data.images / note.path).boxes, options.move)
            if not ignored.all():
                print(f"# {note.path} {note.width} {note.height}")
                for (x1, y1, x2, y2), skip in zip(boxes.tolist(), ignored.tolist(), strict=True):
                    print(f"{x1:.1f} {y1:.1f} {x2:.1f} {y2:.1f} {int(skip)}")
    except ScrfdError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
