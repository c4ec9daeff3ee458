"""Annotations of pictures that lack faces, or box them otherwise than WIDER FACE does, as training can use them.

    python models/relabel.py DATA --begin mafa/ --weights WEIGHTS >> label.txt
    python models/relabel.py DATA --begin mask853/ --weights WEIGHTS --move >> label.txt

Of the pictures whose path begins so: a face that our network is sure of and that has no box gets one to ignore, so that
training does not take it for background. With --move boxes become the network's where it has one over the face, and are
to be ignored where not. Pictures with nothing else are left out. Landmarks are not kept.
"""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from scrfd_edge import FaceDetector, ScrfdError
from scrfd_edge.annotations import Annotation, read_annotated

Boxes = npt.NDArray[np.floating]

_SEEN, _SURE = 0.1, 0.3  # scores
_SAME, _OTHER = 0.4, 0.3  # IoU


def relabel(note: Annotation, boxes: Boxes, scores: npt.NDArray[np.floating], move: bool) -> list[tuple[Boxes, bool]]:
    """Boxes (4,) and whether to ignore them, from those of a picture and what the network sees in it."""
    overlaps = _iou(note.boxes, boxes)
    best = overlaps.argmax(1) if len(boxes) else np.zeros(len(note.boxes), int)
    faces: list[tuple[Boxes, bool]] = []
    for i, (box, ignored) in enumerate(zip(note.boxes, note.ignored.tolist(), strict=True)):
        if ignored or not move:
            faces.append((box, ignored))
        elif len(boxes) and overlaps[i, best[i]] >= _SAME and scores[best[i]] >= _SURE:
            faces.append((boxes[best[i]], False))
        else:
            faces.append((box, True))
    unknown = (scores >= _SURE) & (overlaps.max(0, initial=0) < _OTHER)
    return faces + [(box, True) for box in boxes[unknown]]


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
        detector = FaceDetector(options.weights, device="cpu", score_threshold=_SEEN, input_shape=(640, 640))
        for note in data.notes:
            if not note.path.startswith(options.begin):
                continue
            found = detector.detect(cv2.imread(str(data.images / note.path)))
            faces = relabel(note, found.boxes, found.scores, options.move)
            if all(ignored for _, ignored in faces):
                continue
            print(f"# {note.path} {note.width} {note.height}")
            for box, ignored in faces:
                x1, y1, x2, y2 = box.clip(0, [note.width, note.height] * 2)
                print(f"{x1:.1f} {y1:.1f} {x2:.1f} {y2:.1f} {int(ignored)}")
    except ScrfdError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
