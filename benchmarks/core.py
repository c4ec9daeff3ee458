"""The C++ core beside what it replaces, in one run: medians in ms, and how many times faster.

    python benchmarks/core.py CROWD_PHOTOGRAPH MODEL.onnx

* decode + NMS beside the NumPy post-processing of the usual Python wrapper (np.where, argsort, vectorised greedy NMS),
  on the outputs of MODEL (an SCRFD with landmarks) for the photograph, at score thresholds 0.02 and 0.5
* normalise to CHW beside cv2.dnn.blobFromImage, 640x640
* letterbox beside cv2.resize + cv2.dnn.blobFromImage + padding, 1280x720 and 1920x1080 to 640x384
"""

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime

from scrfd_edge import _core

Array = npt.NDArray[np.float32]
Picture = npt.NDArray[np.uint8]
STRIDES = (8, 16, 32)


def wrapper_post_processing(outputs: Sequence[Array], scale: float, threshold: float) -> tuple[Array, Array]:
    """What the usual wrapper does after the network: decode everything, select, sort, NMS at 0.4 with +1 areas."""
    scores: list[Array] = []
    boxes: list[Array] = []
    landmarks: list[Array] = []
    for index, stride in enumerate(STRIDES):
        score = outputs[index][0]
        distance = outputs[index + 3][0] * stride
        offset = outputs[index + 6][0] * stride
        side = 640 // stride
        y, x = np.mgrid[:side, :side].astype(np.float32) * stride
        centre = np.repeat(np.stack([x, y], axis=-1).reshape(-1, 2), 2, axis=0)
        chosen = np.where(score >= threshold)[0]
        corners = np.stack(
            [
                centre[:, 0] - distance[:, 0],
                centre[:, 1] - distance[:, 1],
                centre[:, 0] + distance[:, 2],
                centre[:, 1] + distance[:, 3],
            ],
            axis=-1,
        )
        offsets = np.stack([centre[:, k % 2] + offset[:, k] for k in range(10)], axis=-1).reshape(-1, 5, 2)
        scores.append(score[chosen])
        boxes.append(corners[chosen])
        landmarks.append(offsets[chosen])
    score_column = np.vstack(scores)
    order = score_column.ravel().argsort()[::-1]
    found = np.hstack((np.vstack(boxes) / scale, score_column)).astype(np.float32)[order]
    keep = wrapper_nms(found)
    points = (np.vstack(landmarks) / scale).astype(np.float32)
    return found[keep], points[order][keep]


def wrapper_nms(found: Array) -> list[int]:
    x1, y1, x2, y2, scores = found.T
    areas = (x2 - x1 + 1) * (y2 - y1 + 1)
    order = scores.argsort()[::-1]
    keep = []
    while order.size > 0:
        first = order[0]
        keep.append(int(first))
        width = np.maximum(0, np.minimum(x2[first], x2[order[1:]]) - np.maximum(x1[first], x1[order[1:]]) + 1)
        height = np.maximum(0, np.minimum(y2[first], y2[order[1:]]) - np.maximum(y1[first], y1[order[1:]]) + 1)
        overlap = width * height / (areas[first] + areas[order[1:]] - width * height)
        order = order[np.where(overlap <= 0.4)[0] + 1]
    return keep


def core_post_processing(outputs: Sequence[Array], placement: _core.Placement, threshold: float) -> int:
    candidates = _core.decode(outputs, [placement], strides=STRIDES, anchors=2, score_threshold=threshold)
    return len(_core.nms(candidates, iou_threshold=0.4)[1])


def resized(picture: Picture, width: int, height: int) -> Picture:
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def letterbox(picture: Picture, placement: _core.Placement, out: Array) -> None:
    _core.letterbox(picture, placement, out, layout="chw", swap=True, mean=127.5, std=128.0)


def opencv_letterbox(picture: Picture, placement: _core.Placement, out: Array) -> None:
    (height, width), (rows, columns) = placement.content, placement.tensor
    small = resized(picture, width, height)
    canvas = cv2.copyMakeBorder(small, 0, rows - height, 0, columns - width, cv2.BORDER_CONSTANT, value=(127, 127, 127))
    out[:] = cv2.dnn.blobFromImage(canvas, 1 / 128, mean=(127.5, 127.5, 127.5), swapRB=True)[0]


def opencv_resize_normalise(picture: Picture, placement: _core.Placement, out: Array) -> None:
    """cv2's SIMD resize, then the core's normalise: the fastest two-pass way that we know."""
    height, width = placement.content
    small = resized(picture, width, height)
    letterbox(small, _core.Placement((height, width), (height, width), placement.tensor), out)


def compare(title: str, ours: Callable[[], object], others: dict[str, Callable[[], object]], rounds: int) -> None:
    """Interleaved, so that a busy machine slows all alike; each is timed warm, right after a call of the same kind."""
    ways = {"core": ours, **others}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for round_index in range(rounds + 3):
        for name, way in ways.items():
            way()
            start = time.perf_counter()
            way()
            if round_index >= 3:
                times[name].append((time.perf_counter() - start) * 1e3)
    medians = {name: float(np.median(values)) for name, values in times.items()}
    print(f"{title}\n  {'core':<36}{medians['core']:>9.3f} ms")
    for name in others:
        print(f"  {name:<36}{medians[name]:>9.3f} ms   {medians[name] / medians['core']:>7.2f} x the core's time")


def compare_post_processing(picture: Picture, model: Path, rounds: int) -> None:
    size = (int(picture.shape[0]), int(picture.shape[1]))
    square = _core.Placement.fit_shape(size, (640, 640))
    tensor = np.empty((1, 3, 640, 640), np.float32)
    letterbox(picture, square, tensor[0])
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    outputs: list[Array] = session.run(None, {session.get_inputs()[0].name: tensor})
    scale = square.content[0] / size[0]
    for threshold in (0.02, 0.5):
        candidates = sum(int((scores >= threshold).sum()) for scores in outputs[:3])
        faces = core_post_processing(outputs, square, threshold)
        compare(
            f"decode + NMS, threshold {threshold}: {candidates} candidates, {faces} faces",
            partial(core_post_processing, outputs, square, threshold),
            {"NumPy of the usual wrapper": partial(wrapper_post_processing, outputs, scale, threshold)},
            rounds if threshold > 0.1 else max(3, rounds // 5),
        )


def compare_letterbox(frame: Picture, rounds: int) -> None:
    height, width = frame.shape[:2]
    placement = _core.Placement.fit((height, width), 640)
    out = np.empty((3, *placement.tensor), np.float32)
    compare(
        f"letterbox, {width}x{height} to {placement.tensor[1]}x{placement.tensor[0]}",
        partial(letterbox, frame, placement, out),
        {
            "cv2.resize + core normalise": partial(opencv_resize_normalise, frame, placement, out),
            "cv2.resize + pad + blobFromImage": partial(opencv_letterbox, frame, placement, out),
        },
        rounds,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photograph", type=Path, help="a crowd photograph")
    parser.add_argument("model", type=Path, help="an SCRFD ONNX file with landmarks")
    parser.add_argument("--rounds", type=int, default=50)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)

    raw = cv2.imread(str(arguments.photograph))
    if raw is None:
        raise SystemExit(f"not a picture: {arguments.photograph}")
    picture = np.asarray(raw, np.uint8)
    compare_post_processing(picture, arguments.model, arguments.rounds)

    small = resized(picture, 640, 640)
    same = _core.Placement((640, 640), (640, 640), (640, 640))
    tensor = np.empty((3, 640, 640), np.float32)
    compare(
        "normalise to CHW, 640x640",
        lambda: letterbox(small, same, tensor),
        {
            "cv2.dnn.blobFromImage": lambda: cv2.dnn.blobFromImage(
                small, 1 / 128, (640, 640), (127.5, 127.5, 127.5), swapRB=True
            )
        },
        arguments.rounds,
    )
    for width, height in ((1280, 720), (1920, 1080), (1000, 700)):
        compare_letterbox(resized(picture, width, height), arguments.rounds)


if __name__ == "__main__":
    main()
