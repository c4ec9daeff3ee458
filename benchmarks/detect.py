"""detect() end to end against the usual Python wrapper, on frames of common sizes.

    python benchmarks/detect.py MODEL.onnx [--picture FILE] [--threads 1] [--rounds 60]

The usual wrapper is written here after insightface's: the frame is scaled into a square of 640 on a black canvas,
cv2.dnn.blobFromImage normalises, ONNX Runtime runs the same file with the same number of threads, and NumPy decodes,
sorts and suppresses. Both see the same frames, turn by turn; medians in milliseconds. "rectangle" is detect() with
its defaults, "square" detect() with the wrapper's 640 x 640 tensor.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime as ort  # type: ignore[import-untyped,unused-ignore]

from scrfd_edge import FaceDetector, catalog
from scrfd_edge.image import load

Array = npt.NDArray[Any]
FRAMES = ((640, 480), (1280, 720), (1920, 1080))


class UsualWrapper:
    """SCRFD as most Python code runs it: score threshold 0.5, NMS 0.4 with +1 widths."""

    def __init__(self, path: Path, threads: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self.session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.input_name = self.session.get_inputs()[0].name
        self.output_names = [out.name for out in self.session.get_outputs()]
        self.use_kps = len(self.output_names) == 9
        self.center_cache: dict[tuple[int, int, int], Array] = {}

    def detect(self, image: Array, size: tuple[int, int] = (640, 640)) -> tuple[Array, Array | None]:
        ratio = image.shape[0] / image.shape[1]
        if ratio > size[1] / size[0]:
            height, width = size[1], int(size[1] / ratio)
        else:
            height, width = int(size[0] * ratio), size[0]
        scale = height / image.shape[0]
        canvas = np.zeros((size[1], size[0], 3), np.uint8)
        canvas[:height, :width, :] = cv2.resize(image, (width, height))
        scores_list, boxes_list, kps_list = self.forward(canvas, 0.5)
        scores = np.vstack(scores_list)
        order = scores.ravel().argsort()[::-1]
        boxes = np.vstack(boxes_list) / scale
        found = np.hstack((boxes, scores)).astype(np.float32, copy=False)[order, :]
        keep = nms(found, 0.4)
        if not self.use_kps:
            return found[keep, :], None
        kps = (np.vstack(kps_list) / scale)[order, :, :]
        return found[keep, :], kps[keep, :, :]

    def forward(self, canvas: Array, threshold: float) -> tuple[list[Array], list[Array], list[Array]]:
        scores_list, boxes_list, kps_list = [], [], []
        size = tuple(canvas.shape[0:2][::-1])
        blob = cv2.dnn.blobFromImage(canvas, 1.0 / 128, size, (127.5, 127.5, 127.5), swapRB=True)
        outputs = self.session.run(self.output_names, {self.input_name: blob})
        for i, stride in enumerate((8, 16, 32)):
            scores = outputs[i][0]
            distances = outputs[i + 3][0] * stride
            key = (blob.shape[2] // stride, blob.shape[3] // stride, stride)
            if key not in self.center_cache:
                y, x = np.mgrid[: key[0], : key[1]]
                grid = np.stack([x, y], axis=-1).astype(np.float32)
                centers = (grid * stride).reshape((-1, 2))
                self.center_cache[key] = np.stack([centers] * 2, axis=1).reshape((-1, 2))
            centers = self.center_cache[key]
            positive = np.where(scores >= threshold)[0]
            x1, y1 = centers[:, 0] - distances[:, 0], centers[:, 1] - distances[:, 1]
            x2, y2 = centers[:, 0] + distances[:, 2], centers[:, 1] + distances[:, 3]
            scores_list.append(scores[positive])
            boxes_list.append(np.stack([x1, y1, x2, y2], axis=-1)[positive])
            if self.use_kps:
                offsets = outputs[i + 6][0] * stride
                points = []
                for k in range(0, offsets.shape[1], 2):
                    points.append(centers[:, 0] + offsets[:, k])
                    points.append(centers[:, 1] + offsets[:, k + 1])
                kps = np.stack(points, axis=-1)
                kps_list.append(kps.reshape((kps.shape[0], -1, 2))[positive])
        return scores_list, boxes_list, kps_list


def nms(found: Array, threshold: float) -> list[int]:
    x1, y1, x2, y2, scores = found.T
    areas = (x2 - x1 + 1) * (y2 - y1 + 1)
    order = scores.argsort()[::-1]
    keep = []
    while order.size > 0:
        i = order[0]
        keep.append(int(i))
        width = np.maximum(0.0, np.minimum(x2[i], x2[order[1:]]) - np.maximum(x1[i], x1[order[1:]]) + 1)
        height = np.maximum(0.0, np.minimum(y2[i], y2[order[1:]]) - np.maximum(y1[i], y1[order[1:]]) + 1)
        overlap = width * height / (areas[i] + areas[order[1:]] - width * height)
        order = order[np.where(overlap <= threshold)[0] + 1]
    return keep


def medians(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Milliseconds of each call, run turn by turn after three warm-up rounds."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for i in range(rounds + 3):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if i >= 3:
                times[name].append((time.perf_counter() - start) * 1e3)
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--picture", type=Path, default=catalog.SAMPLE, help="scaled to fill the frames")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=60)
    args = parser.parse_args()
    wrapper = UsualWrapper(args.model, args.threads)
    rectangle = FaceDetector(args.model, threads=args.threads, score_threshold=0.5)
    square = FaceDetector(args.model, threads=args.threads, score_threshold=0.5, input_shape=(640, 640))
    picture = load(args.picture).to_array("bgr")
    print(f"{args.model.name}, onnxruntime {ort.__version__}, {args.threads} thread(s), {args.rounds} rounds")
    print("frame        wrapper   rectangle  ratio   square  ratio   faces (wrapper/rectangle/square)")
    for size in FRAMES:
        frame = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        calls: dict[str, Callable[[], Any]] = {
            "wrapper": partial(wrapper.detect, frame),
            "rectangle": partial(rectangle.detect, frame),
            "square": partial(square.detect, frame),
        }
        ms = medians(calls, args.rounds)
        faces = len(wrapper.detect(frame)[0]), len(rectangle.detect(frame)), len(square.detect(frame))
        print(
            f"{size[0]:4d} x {size[1]:4d}  {ms['wrapper']:7.2f}  {ms['rectangle']:9.2f}  "
            f"{ms['wrapper'] / ms['rectangle']:5.2f}  {ms['square']:7.2f}  {ms['wrapper'] / ms['square']:5.2f}   "
            f"{faces[0]}/{faces[1]}/{faces[2]}"
        )


if __name__ == "__main__":
    main()
