"""Operating point, recall by face size, landmark error."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrfd_edge.errors import DataError
from scrfd_edge.evaluation.ground_truth import GroundTruth
from scrfd_edge.evaluation.measures import by_size, landmark_error, operating_point, point_at, recall_by_size
from scrfd_edge.evaluation.wider import match


def row_of_faces(*sides: float, long_side: float = 640) -> GroundTruth:
    """One picture with square faces far from each other."""
    left = np.arange(len(sides)) * 1000.0
    side = np.array(sides)
    return GroundTruth(
        ("a",),
        np.stack([left, np.zeros(len(sides)), left + side, side], 1),
        np.zeros(len(sides), np.intp),
        {"all": np.ones(len(sides), np.bool_)},
        sizes=np.array([[long_side, 480.0]]),
    )


def test_settings_of_annotations_count_faces_by_their_side_at_640() -> None:
    truth = row_of_faces(64, 63, 32, 31, 40, long_side=1280)
    truth.counted["all"][4] = False
    counted = {setting: faces.tolist() for setting, faces in by_size(truth).counted.items()}
    assert counted == {
        "easy": [True, False, False, False, False],
        "medium": [True, True, True, False, False],
        "hard": [True, True, True, True, False],
    }


def test_operating_point() -> None:
    truth = row_of_faces(*[20] * 100)
    boxes = np.concatenate([truth.boxes, truth.boxes[:3] + 500])
    scores = np.concatenate([np.linspace(1, 0.505, 100), [0.9, 0.4, 0.3]])  # one false positive high up
    point = operating_point(truth, match(truth, {"a": (boxes, scores)}), "all")
    assert point is not None
    assert point.threshold == pytest.approx(0.505) and point.recall == 1.0
    assert point.precision == pytest.approx(100 / 101)
    scores[-2:] = 0.5075  # three among 101 is too many: only the part above them stays
    point = operating_point(truth, match(truth, {"a": (boxes, scores)}), "all")
    assert point is not None and point.threshold == pytest.approx(0.51) and point.recall == pytest.approx(0.99)


def test_operating_point_does_not_part_equal_scores() -> None:
    truth = row_of_faces(20, 20)
    boxes = np.concatenate([truth.boxes, truth.boxes[:1] + 500])
    found = match(truth, {"a": (boxes, np.array([0.9, 0.5, 0.5]))})
    point = operating_point(truth, found, "all")
    assert point is not None and (point.threshold, point.recall) == (0.9, 0.5)
    assert operating_point(truth, match(truth, {"a": (boxes, np.full(3, 0.5))}), "all") is None
    assert operating_point(truth, match(truth, {}), "all") is None


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 20)), min_size=1, max_size=30), st.sampled_from([0.5, 0.8, 0.98])
)
def test_operating_point_is_the_best_of_all_thresholds(kinds: list[tuple[bool, int]], above: float) -> None:
    truth = row_of_faces(*[20] * len(kinds))
    right = np.array([kind for kind, _ in kinds])
    scores = np.array([score for _, score in kinds]) / 20
    boxes = truth.boxes + np.where(right, 0, 500)[:, None]
    point = operating_point(truth, match(truth, {"a": (boxes, scores)}), "all", above)
    tried = {t: (right[scores >= t].mean(), right[scores >= t].mean() * (scores >= t).sum()) for t in set(scores)}
    best = max((found for precision, found in tried.values() if precision > above), default=None)
    assert (None if point is None else round(point.recall * len(kinds))) == (None if best is None else round(best))
    if point is not None:
        assert point.precision == pytest.approx(tried[point.threshold][0]) and point.precision > above


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=1, max_size=12), st.integers(0, 10))
def test_a_threshold_gives_what_reaches_it(kinds: list[tuple[bool, int]], least: int) -> None:
    truth = row_of_faces(*[20] * len(kinds))
    boxes = truth.boxes + np.array([[0.0 if hit else 500.0] * 4 for hit, _ in kinds])
    scores = np.array([mark / 10 for _, mark in kinds])
    point = point_at(truth, match(truth, {"a": (boxes, scores)}), "all", least / 10)
    reach = [hit for hit, mark in kinds if mark >= least]
    assert point.recall == pytest.approx(sum(reach) / len(kinds))
    assert point.precision == pytest.approx(sum(reach) / len(reach) if reach else 1)


def test_recall_by_size() -> None:
    truth = row_of_faces(6, 8, 15, 31, 399, 401, 700)
    found = match(truth, {"a": (truth.boxes[[1, 2, 5]], np.array([0.9, 0.2, 0.6]))})
    rows = recall_by_size(truth, found, "all")
    assert [row.label for row in rows] == ["0-8", "8-16", "16-32", "32-64", "64-128", "128-256", "256-400", ">400"]
    assert [row.faces for row in rows] == [1, 2, 1, 0, 0, 0, 1, 2]
    np.testing.assert_array_equal([row.recall for row in rows], [0, 1, 0, np.nan, np.nan, np.nan, 0, 0.5])
    strict = recall_by_size(truth, found, "all", threshold=0.5)
    assert strict[1].recall == 0.5 and strict[-1].recall == 0.5


def test_sizes_are_of_the_scaled_picture() -> None:
    truth = row_of_faces(16, 1000, long_side=1280)
    found = match(truth, {"a": (truth.boxes, np.ones(2))})
    assert [row.faces for row in recall_by_size(truth, found, "all", edges=(0, 16))] == [1, 1]
    assert [row.faces for row in recall_by_size(truth, found, "all", edges=(8, 9, 500))] == [1, 0, 1]
    assert [row.faces for row in recall_by_size(truth, found, "all", edges=(16, 400), long_side=None)] == [1, 1]
    unknown = GroundTruth(truth.names, truth.boxes, truth.picture, truth.counted)
    with pytest.raises(DataError, match="sizes of the pictures"):
        recall_by_size(unknown, found, "all")


def test_faces_that_do_not_count_have_no_size_bucket() -> None:
    truth = row_of_faces(20, 20)
    truth.counted["all"][1] = False
    rows = recall_by_size(truth, match(truth, {"a": (truth.boxes[1:], np.ones(1))}), "all", edges=(0,))
    assert (rows[0].faces, rows[0].recall) == (1, 0.0)


def test_landmark_error() -> None:
    truth = row_of_faces(20, 40, 20)
    points = truth.boxes[:, None, :2] + np.arange(10).reshape(5, 2)
    points[2] = np.nan  # unknown
    truth = GroundTruth(truth.names, truth.boxes, truth.picture, truth.counted, points, truth.sizes)
    order = np.array([1, 0, 2])
    guessed = np.nan_to_num(points)[order]
    guessed[0, :, 0] += 4  # a tenth of the face of 40 px
    guessed[1, 0] += (3, 4)  # one of five points off by 5 px on the face of 20 px
    found = match(truth, {"a.jpg": (truth.boxes[order], np.array([0.5, 0.9, 0.7]))})
    error = landmark_error(truth, found, {"a.jpg": guessed})
    assert error is not None and error.faces == 2
    assert error.mean == pytest.approx((0.1 + 0.05) / 2) and error.median == pytest.approx(0.075)
    error = landmark_error(truth, found, {"a.jpg": guessed}, threshold=0.6)
    assert error is not None and error.faces == 1 and error.mean == pytest.approx(0.05)
    assert landmark_error(truth, match(truth, {}), {}) is None
    assert landmark_error(row_of_faces(20), found, {"a.jpg": guessed}) is None
