"""Seconds to score the whole of WIDER FACE's validation set, with made-up detections.

    python benchmarks/evaluation.py GROUND_TRUTH [--detections 238]

GROUND_TRUTH holds the four official .mat files. Each picture gets its own faces, shaken, and random boxes beside them.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from scrfd_edge.evaluation.ground_truth import load_ground_truth
from scrfd_edge.evaluation.wider import evaluate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ground_truth", type=Path)
    parser.add_argument("--detections", type=int, default=238, help="of each picture")
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    began = time.perf_counter()
    truth = load_ground_truth(arguments.ground_truth)
    read = time.perf_counter() - began
    detections = {}
    for p, name in enumerate(truth.names):
        faces = truth.boxes[truth.picture == p][: arguments.detections]
        corners = rng.uniform(0, 1000, (arguments.detections - len(faces), 2))
        boxes = np.concatenate([faces + rng.normal(0, 2, faces.shape), np.hstack([corners, corners + 30])])
        detections[name] = boxes, rng.uniform(0.02, 1, len(boxes))
    began = time.perf_counter()
    found = evaluate(truth, detections)
    seconds = time.perf_counter() - began
    total = sum(len(scores) for _, scores in detections.values())
    print(f"{len(detections)} pictures, {len(truth.boxes)} faces, {total} detections: {seconds:.1f} s")
    print(f"reading the ground truth: {read:.1f} s; AP {', '.join(f'{k} {v:.2f}' for k, v in found.items())}")


if __name__ == "__main__":
    main()
