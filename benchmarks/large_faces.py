"""Faces that fill the picture: how many are found with one input size, and with a small one beside it.

    python benchmarks/large_faces.py MODEL.onnx --data DIR [--part helen] [--threads 1]

DIR holds label.txt and images/ (scrfd_edge.annotations); the pictures below images/PART with one annotated face are
cut to that face, with a margin of a twentieth. A face counts as found when a box has IoU over 0.5 with its annotation.
"""

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scrfd_edge import FaceDetector
from scrfd_edge.annotations import read_annotations
from scrfd_edge.image import load

SIZES = ((640,), (320,), (192,), (640, 192))


def overlap(boxes: npt.NDArray[np.float32], truth: npt.NDArray[Any]) -> float:
    """Largest IoU of `boxes` (N, 4) with one box."""
    corners = np.maximum(boxes[:, :2], truth[:2]), np.minimum(boxes[:, 2:], truth[2:])
    inter = (corners[1] - corners[0]).clip(0).prod(1)
    union = (boxes[:, 2:] - boxes[:, :2]).prod(1) + (truth[2:] - truth[:2]).prod() - inter
    return float((inter / union).max(initial=0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--part", default="helen")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    cuts = []
    for note in read_annotations(args.data / "label.txt"):
        if not note.path.startswith(f"{args.part}/") or len(note.boxes) != 1:
            continue
        rgb = load(args.data / "images" / note.path).to_array("rgb")
        x1, y1, x2, y2 = note.boxes[0]
        margin = (x2 - x1 + y2 - y1) / 40
        left, top = max(0, int(x1 - margin)), max(0, int(y1 - margin))
        cut = rgb[top : int(y2 + margin) + 1, left : int(x2 + margin) + 1]
        cuts.append((np.ascontiguousarray(cut), np.array([x1 - left, y1 - top, x2 - left, y2 - top])))
    print(f"{args.model.name}: {len(cuts)} faces, {args.threads} thread(s)")
    for size in SIZES:
        detector = FaceDetector(args.model, input_size=size, score_threshold=0.5, threads=args.threads)
        found, times = 0, []
        for cut, truth in cuts:
            start = time.perf_counter()
            faces = detector.detect(cut, color="rgb")
            times.append((time.perf_counter() - start) * 1e3)
            found += overlap(faces.boxes, truth) > 0.5
        ms = statistics.median(times)
        print(f"input_size {size!s:12} found {found:4d}  {found / len(cuts):6.1%}  median {ms:.1f} ms")


if __name__ == "__main__":
    main()
