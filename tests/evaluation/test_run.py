"""A detector over a list of pictures; the reference accuracy on a few photographs."""

from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from scrfd_edge.annotations import read_list
from scrfd_edge.detector import FaceDetector
from scrfd_edge.errors import ImageError, SettingError
from scrfd_edge.evaluation.ground_truth import GroundTruth, load_ground_truth
from scrfd_edge.evaluation.run import NMS_THRESHOLD, SCORE_THRESHOLD, picture_sizes, run, sized
from scrfd_edge.evaluation.wider import evaluate
from scrfd_edge.faces import Faces
from scrfd_edge.image import Picture

# Of every 20th photograph of the list, by a plain NumPy and onnxruntime pipeline with cv2.resize.
REFERENCE = {
    "scrfd_500m": ({"easy": 97.18, "medium": 90.33, "hard": 77.12}, {"easy": 78.05, "medium": 64.15, "hard": 41.98}),
    "scrfd_500m_kps": (
        {"easy": 97.37, "medium": 90.05, "hard": 81.33},
        {"easy": 87.80, "medium": 71.70, "hard": 50.62},
    ),
}


def corner(picture: Picture) -> Faces:
    """Stands for a detection: one face over the whole picture."""
    height, width = picture.size
    return Faces(np.array([[0, 0, width, height]], np.float32), np.ones(1, np.float32), np.zeros((1, 5, 2), np.float32))


def test_run_gathers_by_name(tmp_path: Path) -> None:
    names = ["e/a.png", "b.png"]
    for name, size in zip(names, [(30, 20), (8, 9)], strict=True):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", size).save(tmp_path / name)
    told: list[int] = []
    done = run(corner, tmp_path, names, told.append)
    assert told == [1, 2] and list(done.detections) == names
    assert done.detections["e/a.png"][0].tolist() == [[0, 0, 30, 20]]
    assert done.landmarks is not None and done.landmarks["b.png"].shape == (1, 5, 2)
    assert done.sizes.tolist() == [[30, 20], [8, 9]] == picture_sizes(tmp_path, names).tolist()
    assert done.ms_per_image > 0
    with pytest.raises(ImageError, match="c.png"):
        run(corner, tmp_path, ["c.png"])


def test_a_model_without_landmarks(tmp_path: Path) -> None:
    Image.new("RGB", (5, 5)).save(tmp_path / "a.png")
    done = run(lambda picture: Faces(*(corner(picture).boxes, np.ones(1, np.float32))), tmp_path, ["a.png"])
    assert done.landmarks is None


def test_unknown_size() -> None:
    with pytest.raises(SettingError, match="square640, rect640, original, multi"):
        sized(FaceDetector, "1650")


@pytest.fixture(scope="session")
def few(shared: Path) -> tuple[Path, list[str], GroundTruth]:
    names = read_list(shared / "data/val/images.txt")[::20]
    return shared / "data/val/images", names, load_ground_truth(shared / "data/val/ground_truth", names)


@pytest.mark.parametrize("model", REFERENCE)
def test_reference_accuracy(shared: Path, few: tuple[Path, list[str], GroundTruth], model: str) -> None:
    """With cv2.resize the reference to 0.1; with the core's own letterbox about the same."""
    images, names, truth = few
    opener = partial(
        FaceDetector, shared / f"weights/{model}.onnx", score_threshold=SCORE_THRESHOLD, threads=2, backend="onnx"
    )
    detector = opener(input_shape=(640, 640), nms_threshold=NMS_THRESHOLD)

    def with_cv2(picture: Picture) -> Faces:
        height, width = picture.size
        factor = 640 / max(height, width)
        h, w = int(height * factor + 0.5), int(width * factor + 0.5)
        faces = detector.detect(np.asarray(cv2.resize(picture.to_array("bgr"), (w, h)), np.uint8))
        scale = np.array([width / w, height / h] * 2, np.float32)
        return Faces(faces.boxes * scale, faces.scores, faces.landmarks)

    exact = run(with_cv2, images, names).detections
    assert evaluate(truth, exact) == pytest.approx(REFERENCE[model][0], abs=0.1)
    assert evaluate(truth, exact, above=0.98) == pytest.approx(REFERENCE[model][1], abs=0.1)
    own = run(sized(opener, "square640"), images, names).detections
    assert evaluate(truth, own) == pytest.approx(REFERENCE[model][0], abs=1.0)


def test_larger_tensors_find_more_small_faces(shared: Path, few: tuple[Path, list[str], GroundTruth]) -> None:
    images, names = few[0], few[1][:8]
    truth = load_ground_truth(shared / "data/val/ground_truth", names)
    opener = partial(FaceDetector, shared / "weights/scrfd_500m_kps.onnx", score_threshold=SCORE_THRESHOLD, threads=2)
    hard = {
        size: evaluate(truth, run(sized(opener, size), images, names).detections)["hard"]
        for size in ("square640", "rect640", "original", "multi")
    }
    assert hard["rect640"] == pytest.approx(hard["square640"], abs=2.0)
    assert hard["original"] > hard["rect640"] + 2.0
    assert hard["multi"] == hard["original"]  # none of these surpasses 1100 and 1650
