"""Does averaging areas find more faces than bilinear sampling where a picture is reduced by more than 2?

    python benchmarks/downscale.py WIDER_VAL MODEL.onnx [--long-side 640 320 192] [--every 1]

WIDER_VAL holds images/, images.txt and ground_truth/*.mat. Only pictures that are reduced by more than 2 count. For
each long side and way (OpenCV's bilinear and area, and the core, which averages areas): found faces of the 'hard' list
at score 0.5, false alarms beside them, and the average precision over all scores (IoU 0.5, greedy by score; faces
outside the list neither help nor harm).
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime
import scipy.io  # type: ignore[import-untyped]

from scrfd_edge import _core

Array = npt.NDArray[np.float32]
WAYS = {"bilinear": cv2.INTER_LINEAR, "area": cv2.INTER_AREA}


def ground_truth(root: Path) -> dict[str, tuple[Array, npt.NDArray[np.bool_]]]:
    """Path below images/ -> corners of all faces, and which of them count in the hard list."""
    faces = {}
    folder = root / "ground_truth"
    boxes = scipy.io.loadmat(str(folder / "wider_face_val.mat"))
    hard = scipy.io.loadmat(str(folder / "wider_hard_val.mat"))["gt_list"]
    for e, event in enumerate(boxes["event_list"]):
        for f, name in enumerate(boxes["file_list"][e][0]):
            xywh = boxes["face_bbx_list"][e][0][f][0].astype(np.float32)
            counted = np.zeros(len(xywh), bool)
            counted[hard[e][0][f][0].astype(int).ravel() - 1] = True
            corners = np.hstack((xywh[:, :2], xywh[:, :2] + xywh[:, 2:]))
            faces[f"{event[0][0]}/{name[0][0]}.jpg"] = (corners, counted)
    return faces


def detect(
    session: onnxruntime.InferenceSession, picture: npt.NDArray[np.uint8], long_side: int, way: str
) -> tuple[Array, Array]:
    height, width = picture.shape[:2]
    placement = _core.Placement.fit((height, width), long_side)
    tensor = np.empty((1, 3, *placement.tensor), np.float32)
    resized = placement
    if way != "core":  # resized by OpenCV, then only normalised by the core
        content = placement.content
        picture = np.asarray(cv2.resize(picture, content[::-1], interpolation=WAYS[way]), np.uint8)
        resized = _core.Placement(content, content, placement.tensor)
    _core.letterbox(picture, resized, tensor[0], layout="chw", swap=True, mean=127.5, std=128.0)
    outputs = session.run(None, {session.get_inputs()[0].name: tensor})
    candidates = _core.decode(outputs, [placement], strides=(8, 16, 32), anchors=2, score_threshold=0.02)
    boxes, scores, _ = _core.nms(candidates, iou_threshold=0.45)
    return boxes, scores


def match(boxes: Array, faces: Array, counted: npt.NDArray[np.bool_]) -> npt.NDArray[np.int8]:
    """1: a counted face found for the first time; 0: a false alarm; -1: a face that does not count."""
    verdicts = np.zeros(len(boxes), np.int8)
    taken = np.zeros(len(faces), bool)
    for i, box in enumerate(boxes):
        if not len(faces):
            break
        width = np.clip(np.minimum(box[2], faces[:, 2]) - np.maximum(box[0], faces[:, 0]), 0, None)
        height = np.clip(np.minimum(box[3], faces[:, 3]) - np.maximum(box[1], faces[:, 1]), 0, None)
        area = (box[2] - box[0]) * (box[3] - box[1])
        overlap = width * height / (area + np.prod(faces[:, 2:] - faces[:, :2], axis=1) - width * height)
        best = int(overlap.argmax())
        if overlap[best] >= 0.5:
            verdicts[i] = -1 if not counted[best] else 0 if taken[best] else 1
            taken[best] = True
    return verdicts


def average_precision(verdicts: npt.NDArray[np.int8], scores: Array, total: int) -> float:
    kept = verdicts >= 0
    hits = verdicts[kept][np.argsort(-scores[kept], kind="stable")]
    found = np.cumsum(hits, dtype=np.float64)
    precision = np.maximum.accumulate((found / np.arange(1, len(hits) + 1))[::-1])[::-1]
    return float(precision[hits == 1].sum() / max(total, 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--long-side", type=int, nargs="+", default=[640, 320, 192])
    parser.add_argument("--every", type=int, default=1, help="take every n-th picture only")
    arguments = parser.parse_args()
    faces = ground_truth(arguments.data)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(arguments.model), options, providers=["CPUExecutionProvider"])
    names = (arguments.data / "images.txt").read_text().split()[:: arguments.every]
    print(f"{'long side':>9} {'way':<9} {'pictures':>8} {'faces':>6} {'found':>6} {'false':>6} {'AP':>7}")
    for long_side in arguments.long_side:
        for way in ("bilinear", "area", "core"):
            verdicts, scores, total, pictures = [], [], 0, 0
            for name in names:
                picture = np.asarray(cv2.imread(str(arguments.data / "images" / name)), np.uint8)
                if max(picture.shape) <= 2 * long_side:
                    continue
                boxes, values = detect(session, picture, long_side, way)
                truth, counted = faces[name]
                verdicts.append(match(boxes, truth, counted))
                scores.append(values)
                total += int(counted.sum())
                pictures += 1
            verdict, score = np.concatenate(verdicts), np.concatenate(scores)
            sure = score >= 0.5
            print(
                f"{long_side:>9} {way:<9} {pictures:>8} {total:>6} {int((verdict[sure] == 1).sum()):>6} "
                f"{int((verdict[sure] == 0).sum()):>6} {100 * average_precision(verdict, score, total):>7.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
