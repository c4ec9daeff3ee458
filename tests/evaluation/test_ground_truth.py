"""Ground truth from the official files and from annotations."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat  # type: ignore[import-untyped]

from scrfd_edge.annotations import Annotation
from scrfd_edge.errors import DataError
from scrfd_edge.evaluation.ground_truth import from_annotations, load_ground_truth, stem


def cells(*rows: object) -> np.ndarray:
    """A MATLAB cell array of one column."""
    out = np.empty((len(rows), 1), object)
    for i, row in enumerate(rows):
        out[i, 0] = row
    return out


@pytest.fixture
def official(tmp_path: Path) -> Path:
    """Two events of two and one pictures, in the layout of the official files."""
    savemat(
        tmp_path / "wider_face_val.mat",
        {
            "event_list": cells("0--Parade", "1--Handshaking"),
            "file_list": cells(cells("p_1", "p_2"), cells("h_1")),
            "face_bbx_list": cells(
                cells(np.array([[10, 20, 30, 40], [1, 2, 3, 4]]), np.array([[5, 5, 5, 5]])),
                cells(np.array([[7, 8, 9, 10]])),
            ),
        },
    )
    listed = {"easy": ([1], [], []), "medium": ([1], [1], []), "hard": ([1, 2], [1], [1])}
    for setting, (p1, p2, h1) in listed.items():
        lists = cells(*(np.array(v, np.uint8).reshape(-1, 1) for v in (p1, p2))), cells(np.array(h1).reshape(-1, 1))
        savemat(tmp_path / f"wider_{setting}_val.mat", {"gt_list": cells(*lists)})
    return tmp_path


def test_official_files(official: Path) -> None:
    truth = load_ground_truth(official)
    assert truth.names == ("0--Parade/p_1", "0--Parade/p_2", "1--Handshaking/h_1")
    np.testing.assert_array_equal(truth.boxes, [[10, 20, 40, 60], [1, 2, 4, 6], [5, 5, 10, 10], [7, 8, 16, 18]])
    assert truth.picture.tolist() == [0, 0, 1, 2]
    assert truth.counted["easy"].tolist() == [True, False, False, False]
    assert truth.counted["medium"].tolist() == [True, False, True, False]
    assert truth.counted["hard"].all() and truth.landmarks is None and truth.sizes is None


def test_official_files_in_the_order_of_a_list(official: Path) -> None:
    truth = load_ground_truth(official, ["1--Handshaking/h_1.jpg", "0--Parade/p_2"])
    assert truth.names == ("1--Handshaking/h_1", "0--Parade/p_2")
    np.testing.assert_array_equal(truth.boxes[:, 0], [7, 5])
    assert truth.counted["medium"].tolist() == [False, True]


def test_bad_lists_and_files(official: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="0--Parade/p_9 is not in WIDER"):
        load_ground_truth(official, ["0--Parade/p_9.jpg"])
    with pytest.raises(DataError, match="listed twice"):
        load_ground_truth(official, ["0--Parade/p_1.jpg", "0--Parade/p_1"])
    (official / "wider_hard_val.mat").write_bytes(b"not a matrix" * 20)
    with pytest.raises(DataError, match="wider_hard_val.mat: not a MATLAB file"):
        load_ground_truth(official)
    damaged = official / "wider_medium_val.mat"
    damaged.write_bytes(damaged.read_bytes()[:100])
    (official / "wider_hard_val.mat").unlink()
    with pytest.raises(DataError, match="wider_medium_val.mat: not a MATLAB file"):
        load_ground_truth(official)
    savemat(damaged, {"gt_list": 1})
    savemat(official / "wider_hard_val.mat", {"something": 1})
    with pytest.raises(DataError, match="missing gt_list"):
        load_ground_truth(official)
    with pytest.raises(DataError, match="no such file"):
        load_ground_truth(tmp_path / "absent")


def test_annotations() -> None:
    points = np.full((2, 5, 2), -1, np.float32)
    points[0] = 7
    visible = np.array([[1] * 5, [0] * 5], np.float32)
    boxes = np.array([[1, 2, 3, 4], [0, 0, 0, 0]], np.float32)
    empty = Annotation("b.webp", 9, 5, 4, boxes[:0], np.zeros(0, np.bool_), points[:0], visible[:0])
    truth = from_annotations([Annotation("e/a.jpg", 8, 6, 1, boxes, np.array([False, True]), points, visible), empty])
    assert truth.names == ("e/a", "b") and truth.picture.tolist() == [0, 0]
    assert truth.counted["all"].tolist() == [True, False]
    assert truth.landmarks is not None and truth.sizes is not None
    assert np.isnan(truth.landmarks[1]).all() and (truth.landmarks[0] == 7).all()
    assert truth.sizes.tolist() == [[8, 6], [9, 5]]
    assert from_annotations([]).boxes.shape == (0, 4)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("a/b.jpg", "a/b"), ("a/b", "a/b"), ("a/b.v2.JPG", "a/b.v2"), ("a\\b.webp", "a/b"), ("a/b.v2", "a/b.v2")],
)
def test_stem(name: str, wanted: str) -> None:
    assert stem(name) == wanted


def test_the_whole_official_set(shared: Path) -> None:
    truth = load_ground_truth(shared / "data/val/ground_truth")
    assert (len(truth.names), len(truth.boxes)) == (3226, 39708)
    assert {s: int(c.sum()) for s, c in truth.counted.items()} == {"easy": 7211, "medium": 13319, "hard": 31958}
    assert not (truth.counted["easy"] & ~truth.counted["medium"]).any()
    assert not (truth.counted["medium"] & ~truth.counted["hard"]).any()
