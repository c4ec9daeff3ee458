"""Square crops and face crops."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scrfd_edge.training.crops import (
    BASELINE_SCALES,
    REDISTRIBUTED_SCALES,
    Crop,
    cut,
    face_crop,
    kept_faces,
    narrow,
    square_crop,
)


def faces_in(rng: np.random.Generator, n: int, height: int, width: int) -> np.ndarray:
    corner = rng.uniform((0, 0), (width - 9, height - 9), (n, 2))
    return np.concatenate((corner, corner + rng.uniform(4, 9, (n, 2))), 1).astype(np.float32)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(40, 300), st.integers(40, 300), st.integers(1, 9), st.booleans())
def test_a_square_crop_holds_a_face(seed: int, height: int, width: int, n: int, baseline: bool) -> None:
    rng = np.random.default_rng(seed)
    boxes = faces_in(rng, n, height, width)
    scales = BASELINE_SCALES if baseline else REDISTRIBUTED_SCALES
    crop = square_crop(rng, height, width, boxes, scales)
    assert kept_faces(boxes, crop).any()
    sides = {int(s * min(height, width)) for s in scales}
    assert crop.width == crop.height and (crop.width in sides or baseline)
    for low, length in ((crop.x, width), (crop.y, height)):
        assert min(0, length - crop.width) <= low <= max(0, length - crop.width)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6), st.integers(40, 300), st.integers(40, 300), st.integers(1, 9), st.booleans())
def test_a_rectangle_holds_a_face_and_as_much_of_the_picture_as_fits(
    seed: int, height: int, width: int, n: int, upright: bool
) -> None:
    rng = np.random.default_rng(seed)
    boxes = faces_in(rng, n, height, width)
    square = square_crop(rng, height, width, boxes, REDISTRIBUTED_SCALES)
    shape = (20, 14) if upright else (14, 20)
    crop = narrow(rng, square, height, width, boxes, shape)
    assert (crop.width, crop.height) == (square.width * shape[1] / 20, square.height * shape[0] / 20)
    assert kept_faces(boxes, crop).any()
    for first, side, start, part, length in (
        (square.x, square.width, crop.x, crop.width, width),
        (square.y, square.height, crop.y, crop.height, height),
    ):
        assert first - 1 <= start <= first + side - part + 1
        seen = min(start + part, length) - max(start, 0)
        assert seen >= min(part, min(first + side, length) - max(first, 0)) - 1


def test_a_face_at_the_very_end_of_a_long_picture_does_not_hang() -> None:
    boxes = np.array([[998, 100, 1000, 110]], np.float32)
    for scales in (REDISTRIBUTED_SCALES, BASELINE_SCALES):
        crop = square_crop(np.random.default_rng(0), 300, 1000, boxes, scales)
        assert kept_faces(boxes, crop).all()


def test_a_picture_without_counted_faces_does_not_hang() -> None:
    none = np.zeros((0, 4), np.float32)
    square = square_crop(np.random.default_rng(0), 50, 80, none, REDISTRIBUTED_SCALES)
    assert square.width >= 15
    assert narrow(np.random.default_rng(0), square, 50, 80, none, (14, 20)).width == square.width
    assert face_crop(np.random.default_rng(0), 50, 80, none, BASELINE_SCALES, 0.5, 320).width >= 15


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(8, 400))
def test_a_face_crop_holds_its_face_whole(seed: int, side: int) -> None:
    rng = np.random.default_rng(seed)
    boxes = np.array([[20, 30, 20 + side, 30 + side]], np.float32)
    crop = face_crop(rng, 480, 640, boxes, REDISTRIBUTED_SCALES, 0.5, 320)
    assert crop.x <= 20 and crop.y <= 30
    assert crop.x + crop.width >= 20 + side - 1 and crop.y + crop.height >= 30 + side - 1
    assert side <= 0.9 * crop.width + 1


@pytest.mark.parametrize(
    "crop", [Crop(0, 0, 100, 100), Crop(10, 20, 57, 57), Crop(-30, -10, 160, 160), Crop(60, 40, 80, 50)]
)
def test_cut_equals_padding_cropping_and_resizing(crop: Crop) -> None:
    rng = np.random.default_rng(0)
    picture = cv2.GaussianBlur(rng.integers(0, 256, (100, 120, 3), np.uint8), (9, 9), 0)
    padded = cv2.copyMakeBorder(picture, 200, 200, 200, 200, cv2.BORDER_CONSTANT, value=(128, 128, 128))
    patch = padded[200 + crop.y : 200 + crop.y + int(crop.height), 200 + crop.x : 200 + crop.x + int(crop.width)]
    shape = round(64 * crop.height / crop.width), 64
    wanted = cv2.resize(patch, shape[::-1], interpolation=cv2.INTER_LINEAR)
    out = np.empty((*shape, 3), np.uint8)
    assert cut(picture, crop, out) == pytest.approx(64 / crop.width)
    inner = np.abs(out.astype(int) - wanted)[1:-1, 1:-1]  # the resize repeats its own border, the cut sees beyond it
    assert inner.max() <= 4 and inner.mean() < 0.5
