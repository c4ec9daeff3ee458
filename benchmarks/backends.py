"""What converted files lose, and how much faster they are.

    python benchmarks/backends.py loss REFERENCE FILE... --images DIR --ground-truth DIR --list FILE
        [--rectangles] [--dev LABEL --dev-list FILE]
    python benchmarks/backends.py speed WRAPPED.onnx FILE... [--picture FILE] [--threads 1] [--rounds 60]

loss: AP of every file and of REFERENCE by the WIDER FACE protocol at square 640, what is lost, and a paired 95 %
bootstrap interval over pictures (both files see the same resampled pictures); and faces that only one of the two finds
at the threshold 0.5; with --rectangles AP at rectangular tensors; with --dev the landmark error on annotated pictures.
speed: detect() end to end on 1280 x 720 frames, turn by turn, against the usual wrapper of benchmarks/detect.py with
WRAPPED at square 640; medians in milliseconds.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from detect import UsualWrapper, medians

from scrfd_edge import FaceDetector, catalog
from scrfd_edge.annotations import read_annotations, read_list
from scrfd_edge.evaluation.ground_truth import GroundTruth, from_annotations, load_ground_truth
from scrfd_edge.evaluation.measures import landmark_error
from scrfd_edge.evaluation.run import SCORE_THRESHOLD, Run, run, sized
from scrfd_edge.evaluation.wider import Curve, average_precision, hits_counted, match
from scrfd_edge.image import load

SETTINGS = ("easy", "medium", "hard")
_POINTS = 1000
_RESAMPLED = 2000
_THRESHOLD = 0.5


@dataclass(frozen=True)
class Counts:
    """Per picture: detections judged and faces found (P, 1000) at the protocol's thresholds, faces that count (P,)."""

    judged: npt.NDArray[np.float64]
    right: npt.NDArray[np.float64]
    faces: npt.NDArray[np.float64]

    def average_precision(self, weights: npt.NDArray[np.float64]) -> float:
        """In percent, with every picture taken as often as its weight says."""
        judged, right = weights @ self.judged, weights @ self.right
        precision = np.divide(right, judged, out=np.zeros(_POINTS), where=judged > 0)
        return 100 * average_precision(Curve(np.zeros(_POINTS), precision, right / max(float(weights @ self.faces), 1)))


def count(truth: GroundTruth, found: Run, setting: str) -> Counts:
    matches = match(truth, found.detections)
    lowest, highest = matches.extremes or (0.0, 1.0)
    thresholds = 1 - np.arange(1, _POINTS + 1) / _POINTS
    point = np.searchsorted(-thresholds, -(matches.scores - lowest) / (highest - lowest))
    counted = hits_counted(truth, matches, setting)

    def table(chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        counts = np.zeros((len(truth.names), _POINTS + 1))
        np.add.at(counts, (matches.picture[chosen], point[chosen]), 1)
        return np.asarray(counts.cumsum(axis=1)[:, :_POINTS])

    faces = np.bincount(truth.picture[truth.counted[setting]], minlength=len(truth.names)).astype(np.float64)
    return Counts(table(counted | (matches.face < 0)), table(counted & matches.first), faces)


def interval(reference: Counts, candidate: Counts, seed: int = 0) -> tuple[float, float, float]:
    """AP lost, and the 2.5th and 97.5th percentile over resampled pictures."""
    pictures = len(reference.faces)
    once = np.ones(pictures)
    random = np.random.default_rng(seed)
    losses = []
    for _ in range(_RESAMPLED):
        weights = random.multinomial(pictures, once / pictures).astype(np.float64)
        losses.append(reference.average_precision(weights) - candidate.average_precision(weights))
    low, high = np.percentile(losses, (2.5, 97.5)).tolist()
    return reference.average_precision(once) - candidate.average_precision(once), low, high


def detect_all(file: Path, images: Path, names: Sequence[str], size: str) -> Run:
    return run(sized(partial(FaceDetector, file, threads=1, score_threshold=SCORE_THRESHOLD), size), images, names)


def differences(reference: Run, candidate: Run) -> tuple[int, int, int]:
    """Faces of the reference and of the candidate at the threshold, and faces of either without one of the other's
    even at a score lower by 0.1."""
    faces = others_faces = lost = 0
    for name, (boxes, scores) in reference.detections.items():
        others, other_scores = candidate.detections[name]
        overlaps = _overlaps(boxes[scores >= _THRESHOLD - 0.1], others[other_scores >= _THRESHOLD - 0.1]) >= 0.5
        sure = scores[scores >= _THRESHOLD - 0.1] >= _THRESHOLD
        other_sure = other_scores[other_scores >= _THRESHOLD - 0.1] >= _THRESHOLD
        faces += int(sure.sum())
        others_faces += int(other_sure.sum())
        lost += int((sure & ~overlaps.any(axis=1)).sum() + (other_sure & ~overlaps.any(axis=0)).sum())
    return faces, others_faces, lost


def _overlaps(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (a, b)]
    return np.asarray(shared / np.maximum(areas[0][:, None] + areas[1][None] - shared, 1e-9))


def loss(args: argparse.Namespace) -> None:
    names = read_list(args.list)
    truth = load_ground_truth(args.ground_truth, names)
    reference = detect_all(args.reference, args.images, names, "square640")
    exact = {setting: count(truth, reference, setting) for setting in SETTINGS}
    once = np.ones(len(truth.names))
    print(f"{args.reference.name}: {_aps(exact, once)}", flush=True)

    def rectangles(file: Path) -> None:
        if args.rectangles:
            found = detect_all(file, args.images, names, "rect640")
            print(f"  rectangles: {_aps({s: count(truth, found, s) for s in SETTINGS}, once)}", flush=True)

    rectangles(args.reference)
    dev = None
    if args.dev is not None:
        listed = set(read_list(args.dev_list))
        notes = [note for note in read_annotations(args.dev) if note.path in listed]
        dev = from_annotations(notes), [note.path for note in notes], args.dev.parent / "images"
        print(f"  landmark error on dev: {100 * _landmarks(args.reference, *dev):.3f} % of the box", flush=True)
    for file in args.files:
        found = detect_all(file, args.images, names, "square640")
        counts = {setting: count(truth, found, setting) for setting in SETTINGS}
        faces, others, lost = differences(reference, found)
        print(f"{file.name}: {_aps(counts, once)}; {others} faces for {faces}, {lost} that the other lacks")
        for setting in SETTINGS:
            lost_ap, low, high = interval(exact[setting], counts[setting])
            print(f"  {setting}: lost {lost_ap:+.2f}, 95 % interval {low:+.2f} to {high:+.2f}", flush=True)
        rectangles(file)
        if dev is not None:
            print(f"  landmark error on dev: {100 * _landmarks(file, *dev):.3f} % of the box", flush=True)


def _aps(counts: dict[str, Counts], weights: npt.NDArray[np.float64]) -> str:
    return " / ".join(f"{counts[setting].average_precision(weights):.2f}" for setting in SETTINGS)


def _landmarks(file: Path, truth: GroundTruth, names: Sequence[str], images: Path) -> float:
    """Mean error as a share of the box size, NaN for a model without landmarks."""
    found = detect_all(file, images, names, "square640")
    if found.landmarks is None:
        return float("nan")
    error = landmark_error(truth, match(truth, found.detections), found.landmarks, _THRESHOLD)
    return float("nan") if error is None else error.mean


def speed(args: argparse.Namespace) -> None:
    frame = cv2.resize(load(args.picture).to_array("bgr"), (1280, 720), interpolation=cv2.INTER_AREA)
    calls: dict[str, Callable[[], Any]] = {"wrapper": partial(UsualWrapper(args.wrapped, args.threads).detect, frame)}
    for file in args.files:
        for what, shape in (("rectangle", None), ("square", (640, 640))):
            detector = FaceDetector(file, threads=args.threads, score_threshold=_THRESHOLD, input_shape=shape)
            calls[f"{file.name} {what}"] = partial(detector.detect, frame)
    ms = medians(calls, args.rounds)
    print(f"1280 x 720, {args.threads} thread(s), {args.rounds} rounds; the wrapper: {args.wrapped.name} at 640 x 640")
    for name, value in ms.items():
        print(f"{value:8.2f} ms  {ms['wrapper'] / value:5.2f}x  {name}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    losing = commands.add_parser("loss")
    losing.set_defaults(run=loss)
    losing.add_argument("reference", type=Path)
    losing.add_argument("files", type=Path, nargs="+")
    losing.add_argument("--images", type=Path, required=True)
    losing.add_argument("--ground-truth", type=Path, required=True)
    losing.add_argument("--list", type=Path, required=True)
    losing.add_argument("--dev", type=Path, help="annotation file; its pictures are in images/ beside it")
    losing.add_argument("--dev-list", type=Path)
    losing.add_argument("--rectangles", action="store_true")
    speeding = commands.add_parser("speed")
    speeding.set_defaults(run=speed)
    speeding.add_argument("wrapped", type=Path)
    speeding.add_argument("files", type=Path, nargs="+")
    speeding.add_argument("--picture", type=Path, default=catalog.SAMPLE, help="scaled to fill the frame")
    speeding.add_argument("--threads", type=int, default=1)
    speeding.add_argument("--rounds", type=int, default=60)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
