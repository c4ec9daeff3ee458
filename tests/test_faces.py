"""The result: indexing, plain numbers, drawing, cropping, aligning."""

import json
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from scrfd_edge import Face, FaceDetector, Faces, ImageError, ModelError, SettingError, catalog
from scrfd_edge.drawing import ARCFACE, similarity

Array = npt.NDArray[Any]


@pytest.fixture
def faces() -> Faces:
    boxes = np.array([[10, 10, 30, 40], [5.5, 2.25, 20.1, 30], [0, 0, 60, 50]], np.float32)
    points = np.arange(30, dtype=np.float32).reshape(3, 5, 2)
    return Faces(boxes, np.array([0.9, 0.6, 0.31415926], np.float32), points)


def test_length_order_and_iteration(faces: Faces) -> None:
    assert len(faces) == 3
    assert [face.score for face in faces] == pytest.approx([0.9, 0.6, 0.31415926])
    assert isinstance(faces[0], Face)
    np.testing.assert_array_equal(faces[-1].box, [0, 0, 60, 50])
    with pytest.raises(IndexError):
        faces[3]


@pytest.mark.parametrize(
    ("key", "kept"),
    [
        (slice(1, None), [1, 2]),
        (np.array([True, False, True]), [0, 2]),
        ([2, 0], [2, 0]),
        (slice(0, 0), []),
        (np.zeros(3, bool), []),
    ],
)
def test_slices_and_masks_keep_rows_together(faces: Faces, key: Any, kept: list[int]) -> None:
    part = faces[key]
    assert isinstance(part, Faces)
    np.testing.assert_array_equal(part.boxes, faces.boxes[kept])
    np.testing.assert_array_equal(part.scores, faces.scores[kept])
    assert part.landmarks is not None and faces.landmarks is not None
    np.testing.assert_array_equal(part.landmarks, faces.landmarks[kept])
    assert part.boxes.shape == (len(kept), 4)


def test_plain_numbers(faces: Faces) -> None:
    data = json.loads(faces.to_json())
    assert data == faces.to_dict()
    assert data["faces"][2] == {
        "box": [0, 0, 60, 50],
        "score": 0.3142,
        "landmarks": [[20, 21], [22, 23], [24, 25], [26, 27], [28, 29]],
    }
    assert Faces(faces.boxes, faces.scores).to_dict()["faces"][0]["landmarks"] is None


def test_arrays_that_do_not_fit_are_refused() -> None:
    boxes, scores = np.zeros((2, 4), np.float32), np.zeros(2, np.float32)
    for bad in ((boxes, scores[:1]), (boxes.astype(float), scores), (boxes, scores, np.zeros((2, 10), np.float32))):
        with pytest.raises(ValueError, match="Expected float32"):
            Faces(*bad)


def test_the_brighter_the_surer(faces: Faces) -> None:
    black = np.zeros((60, 70, 3), np.uint8)
    for index, score in ((0, 0.9), (1, 0.6), (2, 0.31415926)):
        drawn = Faces(faces.boxes[[index]], faces.scores[[index]]).draw(black)
        assert drawn.shape == black.shape
        assert drawn[:, :, 1].max() == int(255 * np.float32(score))
        assert not drawn[:, :, [0, 2]].any()
    assert not black.any(), "the picture given is left as it was"


def test_empty_draws_nothing(portrait: Array) -> None:
    empty = Faces(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32))
    np.testing.assert_array_equal(empty.draw(portrait), portrait)
    assert empty.crop(portrait) == []
    assert empty.align(portrait).shape == (0, 112, 112, 3)


def test_colour_order_follows_the_argument(detector: FaceDetector, portrait: Array) -> None:
    faces = detector.detect(portrait)
    # Read back from the JPEG, which carries the order, or from an array, whose order is stated.
    np.testing.assert_array_equal(faces.draw(catalog.SAMPLE), faces.draw(portrait))
    np.testing.assert_array_equal(faces.draw(catalog.SAMPLE, "rgb"), faces.draw(portrait[:, :, ::-1], "rgb"))
    np.testing.assert_array_equal(faces.crop(portrait, "bgr")[0], faces.crop(catalog.SAMPLE)[0])


def test_crop_rounds_outwards(faces: Faces) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (60, 70, 3), dtype=np.uint8)
    crops = faces.crop(picture)
    np.testing.assert_array_equal(crops[1], picture[2:30, 5:21])
    crops[0][:] = 0
    assert picture[10:40, 10:30].any(), "crops are copies"
    with pytest.raises(ImageError, match="not the same one"):
        faces.crop(picture[:30])


@pytest.mark.parametrize("angle", [0.0, 0.3, -2.0])
@pytest.mark.parametrize("scale", [0.2, 1.0, 3.0])
def test_similarity_undoes_a_similarity(angle: float, scale: float) -> None:
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = ARCFACE @ turn.T + [70, -20]
    matrix = similarity(moved, ARCFACE)
    np.testing.assert_allclose(moved @ matrix[:, :2].T + matrix[:, 2], ARCFACE, atol=1e-9)


def test_similarity_is_the_least_squares_one() -> None:
    rng = np.random.default_rng(0)
    source = rng.normal(size=(5, 2))
    target = rng.normal(size=(5, 2))

    def error(m: Array) -> float:
        return float(((source @ m[:, :2].T + m[:, 2] - target) ** 2).sum())

    best = similarity(source, target)
    for _ in range(200):
        a, b, x, y = rng.normal(scale=0.05, size=4)
        assert error(best) <= error(best + [[a, -b, x], [b, a, y]])


def test_points_in_one_place_give_a_flat_face(portrait: Array) -> None:
    assert np.isfinite(similarity(np.ones((5, 2)), ARCFACE)).all()


@pytest.mark.parametrize("size", [112, 224])
def test_align_brings_the_eyes_to_arcfaces_place(detector: FaceDetector, portrait: Array, size: int) -> None:
    turned = cv2.warpAffine(portrait, cv2.getRotationMatrix2D((256, 200), 25, 0.9), (512, 512))
    for picture in (portrait, turned):
        aligned = detector.detect(picture)[:1].align(picture, size)
        assert aligned.shape == (1, size, size, 3) and aligned.dtype == np.uint8
        # Found again in the aligned picture, with a margin so that it can be found at all.
        margin = size // 2
        framed = np.pad(aligned[0], ((margin, margin), (margin, margin), (0, 0)), mode="edge")
        again = detector.detect(framed)
        assert again.landmarks is not None
        points = (again.landmarks[0] - margin) * (112 / size)
        shifts = abs(points - ARCFACE)
        assert shifts[:2].max() < 4 and shifts.max() < 10  # a smile is wider than ArcFace's mouth


def test_align_needs_landmarks(faces: Faces) -> None:
    picture = np.zeros((60, 70, 3), np.uint8)
    with pytest.raises(ModelError, match="_kps"):
        Faces(faces.boxes, faces.scores).align(picture)
    for size in (0, -1, 1.5, True, 10**6):
        with pytest.raises(SettingError, match="size"):
            faces.align(picture, size)  # type: ignore[arg-type]
