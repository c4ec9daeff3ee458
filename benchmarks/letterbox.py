"""What the letterbox does to accuracy: OpenCV's bilinear and area resizing against the core's, on WIDER FACE.

    python benchmarks/letterbox.py WIDER_VAL MODEL.onnx [--long-side 640 320 192] [--reduced] [--every 1]

WIDER_VAL holds images/, images.txt and ground_truth/*.mat. OpenCV rounds to whole grey levels, as the authors'
evaluation does; the core does not, and averages areas where a picture shrinks by more than 2. --reduced takes only
those pictures. All tensors are square, and the rest of a detection is the same.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime

from scrfd_edge import _core
from scrfd_edge.annotations import read_list
from scrfd_edge.evaluation.ground_truth import load_ground_truth
from scrfd_edge.evaluation.report import HIGH_PRECISION
from scrfd_edge.evaluation.run import NMS_THRESHOLD, SCORE_THRESHOLD
from scrfd_edge.evaluation.wider import average_precision, match, precision_recall

Array = npt.NDArray[np.float32]
WAYS = {"bilinear": cv2.INTER_LINEAR, "area": cv2.INTER_AREA, "core": None}


def detect(
    session: onnxruntime.InferenceSession, picture: npt.NDArray[np.uint8], side: int, way: int | None
) -> tuple[Array, Array]:
    """Boxes (N, 4) and scores (N,) of a BGR picture (H, W, 3) in a tensor of side x side."""
    placement = _core.Placement.fit_shape(picture.shape[:2], (side, side))
    shown, resized = picture, placement
    if way is not None:  # resized by OpenCV, then only normalised by the core
        content = placement.content
        shown = np.asarray(cv2.resize(picture, content[::-1], interpolation=way), np.uint8)
        resized = _core.Placement(content, content, placement.tensor)
    tensor = np.empty((1, 3, side, side), np.float32)
    _core.letterbox(shown, resized, tensor[0], layout="chw", swap=True, mean=127.5, std=128.0)
    outputs = session.run(None, {session.get_inputs()[0].name: tensor})
    candidates = _core.decode(outputs, [placement], strides=(8, 16, 32), anchors=2, score_threshold=SCORE_THRESHOLD)
    boxes, scores, _ = _core.nms(candidates, iou_threshold=NMS_THRESHOLD)
    return boxes, scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--long-side", type=int, nargs="+", default=[640, 320, 192])
    parser.add_argument("--reduced", action="store_true", help="only pictures that shrink by more than 2")
    parser.add_argument("--every", type=int, default=1, help="take every n-th picture only")
    arguments = parser.parse_args()
    session = onnxruntime.InferenceSession(str(arguments.model), providers=["CPUExecutionProvider"])
    names = read_list(arguments.data / "images.txt")[:: arguments.every]
    print(f"{'long side':>9} {'way':<9} {'pictures':>8}   easy medium   hard   at precision > 98 %: easy medium hard")
    for side in arguments.long_side:
        found: dict[str, dict[str, tuple[Array, Array]]] = {way: {} for way in WAYS}
        for name in names:
            picture = np.asarray(cv2.imread(str(arguments.data / "images" / name)), np.uint8)
            if max(picture.shape) > 2 * side or not arguments.reduced:
                for way, interpolation in WAYS.items():
                    found[way][name] = detect(session, picture, side, interpolation)
        for way, detections in found.items():
            truth = load_ground_truth(arguments.data / "ground_truth", list(detections))
            matches = match(truth, detections)
            curves = [precision_recall(truth, matches, setting) for setting in truth.counted]
            marks = [100 * average_precision(curve, above) for above in (None, HIGH_PRECISION) for curve in curves]
            print(f"{side:>9} {way:<9} {len(detections):>8} " + " ".join(f"{mark:6.2f}" for mark in marks), flush=True)


if __name__ == "__main__":
    main()
