"""One candidate: what its settings count, and that a seed repeats it."""

from dataclasses import replace

import numpy as np
import pytest

from scrfd_edge.search import candidate as module
from scrfd_edge.search.candidate import Candidate, Job, evaluate, run_candidate, split


def test_a_candidate_is_repeated_by_its_seed(job: Job, candidates: list[Candidate]) -> None:
    first, again = (run_candidate(candidates[1], job, "here") for _ in range(2))
    assert replace(first, seconds=0) == replace(again, seconds=0)
    assert first.hard is not None and first.hard > 0 and first.seconds > 0
    assert (first.node, first.epochs, first.error) == ("here", 24, None)
    assert first.parameters == 6589 and sum(first.macs.values()) == 33631800


def test_pictures_to_evaluate_on_are_not_trained_on(job: Job) -> None:
    kept, held = split(job.data, job.dev)
    assert [note.path for note in held] == ["0.png", "1.png", "2.png"]
    assert [note.path for note in kept] == [f"{i}.png" for i in range(3, 10)]


def test_settings_count_faces_by_their_side_at_640(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture of long side 640 with faces of 40, 20 and 10 pixels, the first two of them found."""
    from scrfd_edge.evaluation import run as runs

    faces = [[0, 0, 40, 40], [100, 0, 120, 20], [200, 0, 210, 10]]
    (job.data / "label.txt").write_text(
        "# 0.png 640 480\n" + "".join(f"{' '.join(map(str, face))}\n" for face in faces) + "# 3.png 120 90\n5 5 50 50\n"
    )
    job.dev.write_text("0.png\n")
    found = {"0.png": (np.array(faces[:2], np.float32), np.array([0.9, 0.8], np.float32))}
    monkeypatch.setattr(runs, "run", lambda *_: runs.Run(found, None, np.zeros((1, 2)), 1.0))
    monkeypatch.setattr(runs, "sized", lambda *_: None)
    marks = evaluate(job.data / "none.safetensors", job, split(job.data, job.dev)[1])
    assert marks["easy"] == marks["medium"] == 100
    assert marks["hard"] == pytest.approx(100 * 2 / 3, abs=0.01)
    assert list(module.SMALLEST) == list(marks)
