"""Views of a picture: shown and restored, and merged by one NMS."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrfd_edge.evaluation.multiscale import MultiView, View, views
from scrfd_edge.faces import Faces
from scrfd_edge.image import Picture

sides = st.integers(1, 90)
made_views = st.builds(View, st.tuples(sides, sides), st.tuples(st.integers(0, 4), st.integers(0, 4)), st.booleans())


@pytest.mark.parametrize("size", [(1, 1), (1100, 1650), (1650, 1100), (683, 1024)])
def test_one_view_up_to_the_limits(size: tuple[int, int]) -> None:
    assert views(size) == [View(size)]


@pytest.mark.parametrize("size", [(1101, 1101), (500, 1651), (1651, 500), (2000, 3000)])
def test_forty_views_beyond(size: tuple[int, int]) -> None:
    found = views(size)
    assert len(found) == len(set(found)) == 40
    assert [min(view.size) for view in found[::8]] == [500, 800, 1100, 1400, 1700]
    assert {view.shift for view in found} == {(0, 0), (0, 4), (4, 0), (4, 4)}
    assert sum(view.flip for view in found) == 20
    for view in found:
        assert view.size[1] / view.size[0] == pytest.approx(size[1] / size[0], rel=2e-3)


@given(made_views)
def test_shown_on_a_ground_of_whole_strides(view: View) -> None:
    pixels = np.full((*view.size, 3), 7, np.uint8)
    pixels[:, 0] = 9
    shown = view.show(pixels)
    (height, width), (x, y) = view.size, view.shift
    assert shown.shape[0] % 32 == shown.shape[1] % 32 == 0
    assert height + y <= shown.shape[0] < height + y + 32 and width + x <= shown.shape[1] < width + x + 32
    expected = np.full(shown.shape, 128, np.uint8)
    expected[y : y + height, x : x + width] = pixels[:, ::-1] if view.flip else pixels
    np.testing.assert_array_equal(shown, expected)


@given(made_views, st.tuples(sides, sides), st.integers(0, 2**32))
def test_restore_undoes_show(view: View, picture: tuple[int, int], seed: int) -> None:
    """A face of the picture, drawn where the view shows it, comes back to its place."""
    rng = np.random.default_rng(seed)
    height, width = picture
    corners = np.sort(rng.uniform(0.01, 0.99, (5, 2, 2)), axis=1) * (width, height)
    points = rng.uniform(-0.2, 1.2, (5, 5, 2)) * (width, height)
    factor = np.array([view.size[1] / width, view.size[0] / height])
    boxes, marks = corners * factor, points * factor
    if view.flip:
        boxes[:, :, 0] = view.size[1] - boxes[:, ::-1, 0]
        marks[:, :, 0] = view.size[1] - marks[:, :, 0]
        marks = marks[:, [1, 0, 2, 4, 3]]
    boxes, marks = (boxes + view.shift).reshape(-1, 4), marks + view.shift
    seen = Faces(boxes.astype(np.float32), np.linspace(1, 0, 5, dtype=np.float32), marks.astype(np.float32))
    found = view.restore(seen, picture)
    kept = np.isin(seen.scores, found.scores)  # a box thinner than the precision of float32 may vanish
    np.testing.assert_allclose(found.boxes, corners.reshape(-1, 4)[kept], atol=0.01)
    assert found.landmarks is not None
    np.testing.assert_allclose(found.landmarks, points[kept], atol=0.01)


def test_restored_boxes_lie_inside_the_picture() -> None:
    seen = Faces(np.array([[-5, -5, 20, 30], [0, 0, 3, 3], [10, 10, 64, 64]], np.float32), np.ones(3, np.float32), None)
    found = View((32, 32), (4, 4)).restore(seen, (64, 64))
    np.testing.assert_array_equal(found.boxes, [[0, 0, 32, 52], [12, 12, 64, 64]])  # the second was on the ground
    assert found.landmarks is None


class BrightSpot:
    """Stands for a detector: finds the brightest pixel as a face of 3 x 3 px. A view that is darker scores less."""

    def detect(self, shown: np.ndarray) -> Faces:
        y, x = np.unravel_index(shown[..., 0].argmax(), shown.shape[:2])
        box = np.array([[x - 1, y - 1, x + 2, y + 2]], np.float32)
        return Faces(box, np.array([shown.max() / 255], np.float32), np.repeat(box[:, None, :2], 5, axis=1))


def make_opener(asked: list[dict[str, Any]]) -> Callable[..., Any]:
    def open_detector(**settings: Any) -> BrightSpot:
        asked.append(settings)
        return BrightSpot()

    return open_detector


def test_all_views_of_one_face_merge_into_one() -> None:
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[11, 22] = 250
    asked: list[dict[str, Any]] = []
    several = [View((40, 60), shift, flip) for shift in ((0, 0), (4, 4)) for flip in (False, True)]
    faces = MultiView(make_opener(asked), 0.45, lambda size: several).detect(Picture(pixels, "bgr"))
    assert len(faces) == 1
    np.testing.assert_array_equal(faces.boxes, [[21, 10, 24, 13]])
    assert asked == [{"input_size": 64, "nms_threshold": 1.0}]  # opened once; the one NMS comes after all views


def test_grey_and_rgb_pictures() -> None:
    pixels = np.zeros((20, 33), np.uint8)
    pixels[9, 9] = 200
    asked: list[dict[str, Any]] = []
    detector = MultiView(make_opener(asked), 0.45, lambda size: [View(size)])
    for picture in (Picture(pixels, "bgr"), Picture(np.repeat(pixels[:, :, None], 3, 2), "rgb")):
        np.testing.assert_array_equal(detector.detect(picture).boxes, [[8, 8, 11, 11]])
    assert asked == [{"input_size": 64, "nms_threshold": 1.0}]
