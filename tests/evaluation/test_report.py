"""The report of a run, and the figures of several."""

import json
from pathlib import Path

import numpy as np
import pytest

from scrfd_edge.errors import DataError
from scrfd_edge.evaluation.ground_truth import GroundTruth
from scrfd_edge.evaluation.report import measure, plot

FACES = np.array([[0, 0, 20, 20], [100, 0, 140, 40], [0, 100, 450, 550], [300, 0, 310, 10]], np.float64)


@pytest.fixture
def truth() -> GroundTruth:
    return GroundTruth(
        ("e/a", "e/b"),
        FACES,
        np.array([0, 0, 1, 1]),
        {"easy": np.array([False, True, True, False]), "hard": np.ones(4, np.bool_)},
        np.repeat(FACES[:, None, :2], 5, axis=1),
        np.array([[640, 640], [1280, 640]], np.float64),
    )


def test_report(truth: GroundTruth) -> None:
    found = {"e/a.jpg": (FACES[:2], np.array([0.9, 0.8])), "e/b.jpg": (FACES[2:3], np.array([0.7]))}
    points = {"e/a.jpg": np.repeat(FACES[:2, None, :2], 5, axis=1) + [0, 4], "e/b.jpg": np.zeros((1, 5, 2))}
    result = measure(truth, found, points).to_dict()
    assert result["images"] == 2
    assert (result["easy"], result["hard"], result["hard_p98"]) == (100.0, 75.0, 75.0)
    assert result["operating_point"] == {"threshold": 0.7, "precision": 100.0, "recall": 75.0}
    assert result["recall_under_16_px"] == {"size": "0-16", "faces": 1, "recall": 0.0, "recall_p98": 0.0}
    assert result["recall_over_400_px"] == {"size": ">400", "faces": 1, "recall": 100.0, "recall_p98": 100.0}
    rows = {row["size"]: row for row in result["recall_by_size"]}
    assert (rows["0-8"]["faces"], rows["0-8"]["recall"]) == (1, 0.0)  # 10 px, halved
    assert (rows["128-256"]["faces"], rows["128-256"]["recall"]) == (1, 100.0)  # 450 px, halved
    assert rows[">400"] == {"size": ">400", "faces": 0, "recall": None, "recall_p98": None}
    assert result["landmark_error"]["faces"] == 3
    assert result["landmark_error"]["median"] == 20.0  # of 10, 20 and 22.2 %
    json.dumps(result, allow_nan=False)


def test_the_operating_point_may_be_given(truth: GroundTruth) -> None:
    found = {"e/a.jpg": (FACES[:2], np.array([0.9, 0.8])), "e/b.jpg": (FACES[2:3], np.array([0.7]))}
    result = measure(truth, found, threshold=0.85).to_dict()
    assert result["operating_point"] == {"threshold": 0.85, "precision": 100.0, "recall": 25.0}
    assert sum(row["recall_p98"] * row["faces"] for row in result["recall_by_size"] if row["faces"]) == 100.0


def test_report_without_detections(truth: GroundTruth) -> None:
    result = measure(truth, {}).to_dict()
    assert (result["hard"], result["operating_point"], result["landmark_error"]) == (0.0, None, None)
    assert all(row["recall_p98"] in (0.0, None) for row in result["recall_by_size"])


def test_figures_gather_every_run(truth: GroundTruth, tmp_path: Path) -> None:
    first = plot(tmp_path, "ours / int8", measure(truth, {"e/a": (FACES[:2], np.ones(2))}))
    assert {p.name for p in first} == {
        "easy.png", "easy_p98.png", "hard.png", "hard_p98.png", "recall_by_size.png",
    }  # fmt: skip
    before = (tmp_path / "hard.png").read_bytes()
    assert before.startswith(b"\x89PNG")
    plot(tmp_path, "theirs", measure(truth, {"e/a": (FACES[:1], np.ones(1))}))
    assert (tmp_path / "hard.png").read_bytes() != before
    assert sorted(p.name for p in (tmp_path / "curves").iterdir()) == ["ours___int8.json", "theirs.json"]
    stored = json.loads((tmp_path / "curves/theirs.json").read_text())
    assert stored["label"] == "theirs" and len(stored["curves"]["hard"]["recall"]) == 1000
    assert max(stored["curves"]["hard"]["recall"]) == 0.25
    (tmp_path / "curves/theirs.json").write_text("{}")
    with pytest.raises(DataError, match="theirs.json"):
        plot(tmp_path, "third", measure(truth, {}))
