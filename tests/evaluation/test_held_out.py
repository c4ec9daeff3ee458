"""Accuracy on pictures held out of training: which faces a setting counts, and the operating point."""

from pathlib import Path

import numpy as np
import pytest

from scrfd_edge.annotations import read_annotations
from scrfd_edge.evaluation import held_out
from scrfd_edge.evaluation.held_out import HeldOut
from scrfd_edge.evaluation.run import Run

FACES = [[0, 0, 40, 40], [100, 0, 120, 20], [200, 0, 210, 10]]


@pytest.fixture
def pictures(tmp_path: Path) -> HeldOut:
    """One picture of long side 640 with faces of 40, 20 and 10 pixels."""
    (tmp_path / "label.txt").write_text(
        "# 0.png 640 480\n" + "".join(f"{' '.join(map(str, face))}\n" for face in FACES)
    )
    return HeldOut(tmp_path, tuple(read_annotations(tmp_path / "label.txt")))


def found(monkeypatch: pytest.MonkeyPatch, boxes: list[list[int]], scores: list[float]) -> None:
    detections = {"0.png": (np.array(boxes, np.float32), np.array(scores, np.float32))}
    monkeypatch.setattr(held_out, "run", lambda *_: Run(detections, None, np.zeros((1, 2)), 1.0))
    monkeypatch.setattr(held_out, "sized", lambda *_: None)


def test_settings_count_faces_by_their_side_at_640(pictures: HeldOut, monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, FACES[:2], [0.9, 0.8])
    marks = pictures.measure(Path("none.safetensors"))
    assert marks.easy == marks.medium == 100
    assert marks.hard == pytest.approx(100 * 2 / 3, abs=0.01)


def test_the_operating_point_is_the_lowest_score_before_the_first_false_alarm(
    pictures: HeldOut, monkeypatch: pytest.MonkeyPatch
) -> None:
    found(monkeypatch, [*FACES[:2], [300, 300, 340, 340], FACES[2]], [0.9, 0.8, 0.7, 0.6])
    assert pictures.measure(Path("none.safetensors")).score_threshold == pytest.approx(0.8, abs=1e-4)
    found(monkeypatch, [[300, 300, 340, 340], FACES[2]], [0.7, 0.6])
    assert pictures.measure(Path("none.safetensors")).score_threshold is None
