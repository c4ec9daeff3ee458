"""Boxes for training out of those of a picture and those that a network sees in it."""

import numpy as np
from relabel import relabel

from scrfd_edge.annotations import Annotation

NONE = np.zeros((0, 4), np.float32)


def note(*boxes: tuple[float, ...], ignored: tuple[bool, ...]) -> Annotation:
    n = len(boxes)
    faces = np.array(boxes, np.float32).reshape(n, 4)
    points = np.full((n, 5, 2), -1, np.float32)
    return Annotation("a.webp", 100, 100, 1, faces, np.array(ignored, bool), points, np.zeros((n, 5), np.float32))


PICTURE = note(
    (10, 10, 30, 30), (11, 11, 31, 31), (60, 60, 80, 80), (0, 60, 20, 80), ignored=(False, False, False, True)
)
SEEN = np.array([[12, 10, 32, 30], [40, 40, 50, 50], [1, 60, 21, 80]], np.float32)


def test_a_face_without_a_box_is_to_be_ignored() -> None:
    boxes, ignored = relabel(PICTURE, SEEN, move=False)
    assert boxes[:4].tolist() == PICTURE.boxes.tolist() and boxes[4:].tolist() == SEEN[1:2].tolist()
    assert ignored.tolist() == [False, False, False, True, True]


def test_boxes_move_to_what_the_network_sees_once_each_or_are_to_be_ignored() -> None:
    boxes, ignored = relabel(PICTURE, SEEN, move=True)
    assert boxes[0].tolist() == SEEN[0].tolist() and boxes[1:4].tolist() == PICTURE.boxes[1:].tolist()
    assert ignored.tolist() == [False, True, True, True, True]


def test_where_the_network_sees_nothing() -> None:
    for move in (False, True):
        boxes, ignored = relabel(PICTURE, NONE, move)
        assert boxes.tolist() == PICTURE.boxes.tolist()
        assert ignored.tolist() == [move, move, move, True]
