"""The detector against a plain NumPy and ONNX Runtime pipeline on the same tensors, over real photographs."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest

from scrfd_edge import FaceDetector, Faces
from scrfd_edge._core import Placement, letterbox
from scrfd_edge.image import load

Array = npt.NDArray[Any]


def plain(session: Any, tensor: Array, placement: Placement, threshold: float = 0.3) -> tuple[Array, Array, Array]:
    """Decode, scale back, clip, sort and suppress in float64."""
    outputs = [out[0].astype(float) for out in session.run(None, {session.get_inputs()[0].name: tensor[None]})]
    boxes, scores, points = [], [], []
    for i, stride in enumerate((8, 16, 32)):
        y, x = np.mgrid[: tensor.shape[1] // stride, : tensor.shape[2] // stride] * stride
        centres = np.repeat(np.stack([x, y], -1).reshape(-1, 2), 2, axis=0)
        keep = outputs[i][:, 0] >= threshold
        distances = outputs[i + 3] * stride
        boxes.append(np.hstack([centres - distances[:, :2], centres + distances[:, 2:]])[keep])
        points.append((centres[:, None] + outputs[i + 6].reshape(-1, 5, 2) * stride)[keep])
        scores.append(outputs[i][keep, 0])
    height, width = placement.image
    scale = np.array([width / placement.content[1], height / placement.content[0]])
    all_boxes = (np.vstack(boxes).reshape(-1, 2, 2) * scale).clip(0, [width, height]).reshape(-1, 4)
    all_scores = np.concatenate(scores)
    order = (-all_scores).argsort(kind="stable")
    kept: list[int] = []
    for i in order:
        if all(iou(all_boxes[i], all_boxes[k]) <= 0.4 for k in kept):
            kept.append(i)
    return all_boxes[kept], all_scores[kept], (np.vstack(points) * scale)[kept]


def iou(a: Array, b: Array) -> float:
    width, height = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    inter = max(width, 0) * max(height, 0)
    return float(inter / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - inter))


def test_equals_a_plain_pipeline_on_fifty_photographs(shared: Path) -> None:
    file = shared / "weights" / "scrfd_500m_kps.onnx"
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    detector = FaceDetector(file, score_threshold=0.3)
    names = (shared / "data" / "val" / "images.txt").read_text().split()
    total = 0
    for name in names[:: len(names) // 50]:
        picture = load(shared / "data" / "val" / "images" / name)
        placement = Placement.fit(picture.size, 640)
        tensor = np.empty((3, *placement.tensor), np.float32)
        letterbox(picture.pixels, placement, tensor, layout="chw", swap=False, mean=127.5, std=128, pad=127.5)
        boxes, scores, points = plain(session, tensor, placement)
        faces = detector.detect(picture)
        assert len(faces) == len(boxes), name
        # Scores that differ by less than the tolerance may swap places.
        order = np.lexsort((boxes[:, 0], -scores.round(4)))
        ours = np.lexsort((faces.boxes[:, 0], -faces.scores.astype(float).round(4)))
        assert faces.landmarks is not None
        np.testing.assert_allclose(faces.boxes[ours], boxes[order], atol=0.1, err_msg=name)
        np.testing.assert_allclose(faces.scores[ours], scores[order], atol=1e-3, err_msg=name)
        np.testing.assert_allclose(faces.landmarks[ours], points[order], atol=0.1, err_msg=name)
        total += len(faces)
    assert total > 150


@pytest.mark.parametrize("name", ["scrfd_500m", "scrfd_500m_kps", "scrfd_1g", "scrfd_2.5g", "scrfd_2.5g_kps"])
def test_every_official_file_opens(shared: Path, portrait: Array, name: str) -> None:
    detector = FaceDetector(shared / "weights" / f"{name}.onnx")
    faces = detector.detect(portrait)
    assert (len(faces), faces.landmarks is not None) == (1, name.endswith("_kps"))
    np.testing.assert_allclose(faces.boxes[0], [179, 58, 271, 178], atol=8)
    with_batch: list[Faces] = detector.detect_batch([portrait] * 2)
    np.testing.assert_allclose(with_batch[1].boxes, faces.boxes, atol=1e-3)


def test_a_face_that_fills_the_picture_needs_a_small_size(shared: Path) -> None:
    """Portraits scaled up, so that the face is larger than the largest anchor of 512 pixels."""
    file = shared / "weights" / "scrfd_500m_kps.onnx"
    large, both = FaceDetector(file), FaceDetector(file, input_size=(640, 192))
    found = {"large": 0, "both": 0}
    portraits = sorted((shared / "data" / "train" / "images" / "helen").glob("*.webp"))[:25]
    for path in portraits:
        picture = load(path)
        box = FaceDetector(file, input_size=192).detect(picture).boxes[:1]
        if len(box) == 0:
            continue
        x1, y1, x2, y2 = box[0].astype(int)
        tight = np.ascontiguousarray(picture.pixels[max(y1, 0) : y2, max(x1, 0) : x2])
        for name, detector in (("large", large), ("both", both)):
            faces = detector.detect(tight, color="rgb")
            size = np.array([tight.shape[1], tight.shape[0]])
            covers = ((faces.boxes[:, 2:] - faces.boxes[:, :2]).prod(1) > 0.6 * size.prod()).any()
            found[name] += bool(covers)
    assert found["both"] > found["large"]
    assert found["both"] >= 0.9 * len(portraits)
