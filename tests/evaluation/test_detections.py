"""Detections as files."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from scrfd_edge.errors import DataError
from scrfd_edge.evaluation.detections import read_json_lines, read_text, write_text

NAMES = ["e/a.jpg", "e/b.jpg"]


def test_text_format(tmp_path: Path) -> None:
    boxes = np.array([[1, 2, 4, 6], [10.5, 20.25, 31, 40]])
    write_text(tmp_path, {"e/a.jpg": (boxes, np.array([0.25, 0.75])), "e/b.jpg": (boxes[:0], np.zeros(0))})
    assert (tmp_path / "e/a.txt").read_text() == (
        "a\n2\n10.500 20.250 20.500 19.750 0.75\n1.000 2.000 3.000 4.000 0.25\n"
    )
    assert (tmp_path / "e/b.txt").read_text() == "b\n0\n"
    assert sorted(p.name for p in (tmp_path / "e").iterdir()) == ["a.txt", "b.txt"]


@given(
    hnp.arrays(np.float32, st.tuples(st.integers(0, 6), st.just(4)), elements=st.floats(0, 1024, width=32)),
    hnp.arrays(np.float32, 6, elements=st.floats(0, 1, width=32)),
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, boxes: np.ndarray, scores: np.ndarray
) -> None:
    boxes[:, 2:] += boxes[:, :2]
    scores = scores[: len(boxes)]
    folder = tmp_path_factory.mktemp("text")
    write_text(folder, {"e/a.jpg": (boxes, scores)})
    read, read_scores = read_text(folder, ["e/a.jpg"])["e/a.jpg"]
    order = np.argsort(-scores, kind="stable")
    np.testing.assert_array_equal(read_scores.astype(np.float32), scores[order])
    np.testing.assert_allclose(read, boxes[order], atol=1.1e-3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a\n", ":2: expected the number"),
        ("a\nmany\n", ":2: expected the number"),
        ("a\n2\n1 2 3 4 0.5\n", "expected 2 faces as line 2 says, got 1"),
        ("a\n1\n1 2 3 0.5\n", ":3: expected 'x y w h score'"),
        ("a\n1\n\n5\n", ":4: expected 'x y w h score'"),
        ("a\n1\n1 2 3 4 high\n", ":3: expected 'x y w h score'"),
        ("a\n1\n1 2 3 nan 0.5\n", "finite numbers"),
    ],
)
def test_bad_text(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "e").mkdir()
    (tmp_path / "e/a.txt").write_text(text)
    with pytest.raises(DataError, match="a.txt") as raised:
        read_text(tmp_path, ["e/a.jpg"])
    assert words in str(raised.value)


def test_missing_text(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="one for every picture"):
        read_text(tmp_path, NAMES)


def line(path: str, faces: list[tuple[list[float], float, list[list[float]] | None]]) -> str:
    return json.dumps({"path": path, "faces": [{"box": b, "score": s, "landmarks": p} for b, s, p in faces]})


def test_json_lines(tmp_path: Path) -> None:
    points = [[1.0, 2.0]] * 5
    rows = [line("/data/e/b.jpg", []), line("e/c.jpg", []), line("data/e/a.jpg", [([1, 2, 3, 4], 0.5, points)])]
    (tmp_path / "faces").write_text("\n".join(rows))
    found, landmarks = read_json_lines(tmp_path / "faces", NAMES)
    assert found.keys() == set(NAMES) and found["e/a.jpg"][0].tolist() == [[1, 2, 3, 4]]
    assert found["e/b.jpg"][0].shape == (0, 4)
    assert landmarks is not None and landmarks["e/a.jpg"].shape == (1, 5, 2) and landmarks["e/b.jpg"].shape == (0, 5, 2)
    (tmp_path / "faces").write_text("\n".join([rows[0], line("e/a.jpg", [([1, 2, 3, 4], 0.5, None)])]))
    assert read_json_lines(tmp_path / "faces", NAMES)[1] is None


def test_a_line_is_of_the_picture_whose_name_fits_longest(tmp_path: Path) -> None:
    rows = [line("/data/a.jpg", []), line("/data/e/a.jpg", [([1, 2, 3, 4], 0.5, None)])]
    (tmp_path / "faces").write_text("\n".join(rows))
    found = read_json_lines(tmp_path / "faces", ["a.jpg", "e/a.jpg"])[0]
    assert {name: len(scores) for name, (_, scores) in found.items()} == {"a.jpg": 0, "e/a.jpg": 1}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["{"], ":1: not a line"),
        (["[]"], ":1: not a line"),
        (['{"path": 5}'], ":1: not a line"),
        ([line("e/a.jpg", []), line("e/b.jpg", [([1, 2, 3], 0.5, None)])], ":2: not a line"),
        ([line("e/a.jpg", []), line("x/e/a.jpg", [])], ":2: e/a was detected twice"),
        ([line("e/a.jpg", [])], "1 of 2 pictures have no line, e/b.jpg"),
        (['{"path": "e/a.jpg", "error": "truncated"}'], ":1: e/a was not read by detect: truncated"),
    ],
)
def test_bad_json_lines(tmp_path: Path, rows: list[str], words: str) -> None:
    (tmp_path / "faces").write_text("\n".join(rows))
    with pytest.raises(DataError) as raised:
        read_json_lines(tmp_path / "faces", NAMES)
    assert words in str(raised.value)
