"""The WIDER FACE protocol against hand-made cases, a literal loop of the protocol, and its invariances."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scrfd_edge.errors import DataError
from scrfd_edge.evaluation.ground_truth import GroundTruth
from scrfd_edge.evaluation.wider import Curve, average_precision, evaluate, match, precision_recall

Array = npt.NDArray[np.float64]
Found = dict[str, tuple[Array, Array]]


def corners(*faces: tuple[float, float, float, float]) -> Array:
    """x y w h rows as x1 y1 x2 y2."""
    rows = np.array(faces, np.float64).reshape(-1, 4)
    return np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:]], 1)


def hand_case() -> tuple[GroundTruth, Found]:
    truth = GroundTruth(
        ("a", "b", "c"),
        corners((10, 10, 20, 20), (100, 100, 30, 30), (50, 50, 40, 40), (300, 300, 12, 12), (1, 1, 30, 30)),
        np.array([0, 0, 1, 1, 2]),
        {"hard": np.array([True, False, True, True, True])},
    )
    found = {
        "a": (
            corners((10, 10, 20, 20), (100, 100, 30, 30), (11, 10, 20, 20), (200, 200, 10, 10)),
            np.array([0.9, 0.8, 0.7, 0.6]),
        ),
        "b": (corners((50, 50, 40, 40), (5, 5, 10, 10)), np.array([0.95, 0.3])),
    }
    return truth, found


def literal(truth: GroundTruth, found: Found, setting: str) -> float:
    """The protocol word for word, one detection, picture and threshold at a time."""
    scores = [s for _, marks in found.values() for s in marks]
    low, high = min(scores, default=0.0), max(scores, default=0.0)
    sums = np.zeros((1000, 2))
    for p, name in enumerate(truth.names):
        faces, counted = truth.boxes[truth.picture == p], truth.counted[setting][truth.picture == p]
        boxes, marks = found.get(name, (np.zeros((0, 4)), np.zeros(0)))
        if not len(faces) or not len(boxes):
            continue
        state, judged, right = np.zeros(len(faces)), np.ones(len(boxes)), np.zeros(len(boxes))
        for h, box in enumerate(boxes):
            ious = []
            for face in faces:
                w = min(box[2], face[2]) - max(box[0], face[0]) + 1
                t = min(box[3], face[3]) - max(box[1], face[1]) + 1
                both = (box[2] - box[0] + 1) * (box[3] - box[1] + 1) + (face[2] - face[0] + 1) * (face[3] - face[1] + 1)
                ious.append(w * t / (both - w * t) if w > 0 and t > 0 else 0.0)
            best = int(np.argmax(ious))
            if ious[best] >= 0.5:
                if not counted[best]:
                    state[best], judged[h] = -1, -1
                elif state[best] == 0:
                    state[best] = 1
            right[h] = (state == 1).sum()
        normal = (marks - low) / ((high - low) or 1.0)
        for step in range(1000):
            reached = np.flatnonzero(normal >= 1 - (step + 1) / 1000)
            if len(reached):
                sums[step] += (judged[: reached[-1] + 1] == 1).sum(), right[reached[-1]]
    precision = [right / judged if judged else 0.0 for judged, right in sums]
    recall = sums[:, 1] / max(truth.counted[setting].sum(), 1)
    ends, envelope = np.concatenate([[0], recall, [1]]), np.concatenate([[0], precision, [0]])
    for i in range(len(envelope) - 1, 0, -1):
        envelope[i - 1] = max(envelope[i - 1], envelope[i])
    return float(sum((ends[i + 1] - ends[i]) * envelope[i + 1] for i in range(len(ends) - 1)))


@st.composite
def scenes(draw: Any) -> tuple[GroundTruth, Found]:
    """Up to three pictures with faces, and detections near them or elsewhere; scores and places often tie."""
    names, picture, faces, found = [], [], [], {}
    unit = st.integers(0, 6).map(lambda v: 10.0 * v)
    for p in range(draw(st.integers(1, 3))):
        names.append(f"event/{p}")
        here = [
            (draw(unit), draw(unit), draw(st.integers(0, 30)), draw(st.integers(0, 30)))
            for _ in range(draw(st.integers(0, 4)))
        ]
        faces += here
        picture += [p] * len(here)
        boxes, scores = [], []
        for _ in range(draw(st.integers(0, 6))):
            x, y, w, h = (
                draw(st.sampled_from(here)) if here and draw(st.booleans()) else (draw(unit), draw(unit), 20, 20)
            )
            shift = st.integers(-4, 4)
            boxes.append((x + draw(shift), y + draw(shift), max(w + draw(shift), 0), max(h + draw(shift), 0)))
            scores.append(draw(st.integers(0, 20)) / 20)
        order = np.argsort(-np.array(scores), kind="stable")
        found[names[-1]] = corners(*boxes)[order], np.array(scores, np.float64)[order]
    counted = np.array([draw(st.booleans()) for _ in faces], np.bool_)
    truth = GroundTruth(tuple(names), corners(*faces), np.array(picture, np.intp), {"hard": counted})
    return truth, found


def test_hand_case() -> None:
    truth, found = hand_case()
    assert evaluate(truth, found) == {"hard": pytest.approx(50.0)}
    assert literal(truth, found, "hard") == pytest.approx(0.5)


def test_hand_case_matches() -> None:
    truth, found = hand_case()
    matches = match(truth, found)
    assert matches.face.tolist() == [0, 1, 0, -1, 2, -1]
    assert matches.first.tolist() == [True, True, False, False, True, False]
    assert matches.extremes == (0.3, 0.95)


@settings(max_examples=150, deadline=None)
@given(scenes())
def test_equals_the_literal_protocol(scene: tuple[GroundTruth, Found]) -> None:
    truth, found = scene
    assert evaluate(truth, found)["hard"] / 100 == pytest.approx(literal(truth, found, "hard"), abs=1e-12)


@settings(deadline=None)
@given(scenes(), st.integers(0, 2**32))
def test_invariances(scene: tuple[GroundTruth, Found], seed: int) -> None:
    truth, found = scene
    wanted = evaluate(truth, found)["hard"]
    assert 0 <= wanted <= 100 + 1e-9
    with_suffix = {f"{name}.jpg": pair for name, pair in reversed(found.items())}
    assert evaluate(truth, with_suffix)["hard"] == wanted
    halved = {name: (boxes, scores / 2) for name, (boxes, scores) in found.items()}  # exact in floating point
    assert evaluate(truth, halved)["hard"] == pytest.approx(wanted)
    parts = {n: (b, np.unique(s).searchsorted(s) + np.linspace(0.4, 0, len(s))) for n, (b, s) in found.items()}
    rng, shuffled = np.random.default_rng(seed), {}
    for name, (boxes, scores) in parts.items():
        order = rng.permutation(len(scores))
        shuffled[name] = boxes[order], scores[order]
    assert evaluate(truth, shuffled)["hard"] == pytest.approx(evaluate(truth, parts)["hard"])
    assert evaluate(truth, found, above=0.98)["hard"] <= wanted + 1e-9


@settings(deadline=None)
@given(scenes())
def test_hits_on_faces_that_do_not_count_change_nothing(scene: tuple[GroundTruth, Found]) -> None:
    truth, found = scene
    matches = match(truth, found)
    hit = matches.face >= 0
    spared = hit & ~truth.counted["hard"][np.where(hit, matches.face, 0)] if len(truth.boxes) else hit
    if not len(matches.scores) or spared[np.argmin(matches.scores)] or spared[np.argmax(matches.scores)]:
        return  # would change the normalisation of the scores
    kept = {}
    for p, name in enumerate(truth.names):
        gone = matches.index[spared & (matches.picture == p)]
        boxes, scores = found[name]
        kept[name] = np.delete(boxes, gone, 0), np.delete(scores, gone)
    assert evaluate(truth, kept)["hard"] == pytest.approx(evaluate(truth, found)["hard"])


def test_area_up_to_a_precision() -> None:
    recall = np.concatenate([np.repeat([0.2, 0.4, 0.6, 0.8], 250)])
    precision = np.repeat([1.0, 0.97, 0.99, 0.5], 250)
    curve = Curve(np.linspace(1, 0, 1000), precision, recall)
    assert average_precision(curve) == pytest.approx(0.2 * 1 + 0.4 * 0.99 + 0.2 * 0.5)
    assert average_precision(curve, 0.98) == pytest.approx(0.2 * 1 + 0.4 * 0.99)
    assert average_precision(curve, 0.995) == pytest.approx(0.2)
    assert average_precision(curve, 1.0) == 0.0


def test_perfect_and_empty() -> None:
    truth, _ = hand_case()
    perfect = {
        name: (truth.boxes[truth.picture == p], np.ones((truth.picture == p).sum())) for p, name in enumerate("abc")
    }
    assert evaluate(truth, perfect)["hard"] == pytest.approx(100.0)
    assert evaluate(truth, {})["hard"] == 0.0
    assert evaluate(truth, {"a": (np.zeros((0, 4)), np.zeros(0))})["hard"] == 0.0
    nobody = GroundTruth(("a",), np.zeros((0, 4)), np.zeros(0, np.intp), {"hard": np.zeros(0, np.bool_)})
    assert evaluate(nobody, {"a": perfect["a"]})["hard"] == 0.0


def test_curve_carries_real_scores() -> None:
    truth, found = hand_case()
    curve = precision_recall(truth, match(truth, found), "hard")
    assert curve.thresholds[-1] == pytest.approx(0.3) and len(curve.recall) == 1000
    assert curve.recall[-1] == pytest.approx(0.5) and curve.precision[-1] == pytest.approx(2 / 5)
    at = int(np.flatnonzero(curve.thresholds <= 0.9)[0])
    assert (curve.precision[at], curve.recall[at]) == (1.0, 0.5)


def test_a_box_inside_out_is_a_false_positive() -> None:
    truth, found = hand_case()
    found["c"] = (np.array([[20.0, 20.0, 5.0, 5.0]]), np.array([0.99]))
    assert 0 < evaluate(truth, found)["hard"] < 50


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"z": (np.zeros((1, 4)), np.ones(1))}, "z, which is not among the 3"),
        ({"a": (np.zeros((2, 4)), np.ones(1))}, "as many boxes as scores"),
        ({"a": (np.full((1, 4), np.nan), np.ones(1))}, "finite"),
        ({"a": (np.zeros((1, 4)), np.array([np.inf]))}, "finite"),
        ({"a": (np.zeros((1, 4)), np.ones(1)), "a.jpg": (np.zeros((1, 4)), np.ones(1))}, "twice"),
    ],
)
def test_bad_detections(found: Found, words: str) -> None:
    with pytest.raises(DataError, match=words):
        evaluate(hand_case()[0], found)


def test_size_of_the_whole_set() -> None:
    """3,226 pictures, 250 detections each and more: a second or two."""
    rng = np.random.default_rng(0)
    count = rng.integers(1, 25, 3226)
    faces = rng.uniform(0, 900, (count.sum(), 4))
    faces[:, 2:] = faces[:, :2] + rng.uniform(4, 200, (count.sum(), 2))
    hard = rng.random(count.sum()) < 0.8
    truth = GroundTruth(
        tuple(str(i) for i in range(3226)),
        faces,
        np.repeat(np.arange(3226), count),
        {"easy": hard & (rng.random(count.sum()) < 0.3), "hard": hard},
    )
    found = {}
    for i, name in enumerate(truth.names):
        near = faces[truth.picture == i] + rng.normal(0, 2, (count[i], 4))
        far = rng.uniform(0, 900, (250, 4))
        far[:, 2:] = far[:, :2] + 20
        found[name] = np.concatenate([near, far]), np.concatenate([rng.random(count[i]), 0.5 * rng.random(250)])
    result = evaluate(truth, found)
    assert result["easy"] > 20 and 20 < result["hard"] < 100
