"""From raw outputs to faces: C++ equals the NumPy reference, bit by bit, on anything that a network could say."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st

from scrfd_edge._core import Candidates, Placement, decode, dequantize, letterbox, nms

Array = npt.NDArray[np.float32]
SPECIAL = np.array([np.nan, np.inf, -np.inf, 3e38, -3e38, 0.0, -0.0], np.float32)


def random_outputs(
    rng: np.random.Generator, tensor: tuple[int, int], batch: int, strides: list[int], anchors: int, landmarks: bool
) -> list[Array]:
    """Coarse values make ties common; some are not finite."""
    outputs: list[Array] = []
    for columns, low, high in ((1, 0, 8), (4, -2, 12), (10, -8, 8))[: 3 if landmarks else 2]:
        for stride in strides:
            rows = (tensor[0] // stride) * (tensor[1] // stride) * anchors
            values = (rng.integers(low, high + 1, (batch, rows, columns)) / 8).astype(np.float32)
            spoiled = rng.random(values.shape) < 0.01
            values[spoiled] = rng.choice(SPECIAL, int(spoiled.sum()))
            outputs.append(values)
    return outputs


def equal(ours: tuple[Array, Array, Array | None], expected: tuple[Array, Array, Array | None]) -> None:
    for mine, other in zip(ours, expected, strict=True):
        if mine is None or other is None:
            assert mine is None and other is None
        else:
            assert mine.dtype == np.float32
            np.testing.assert_array_equal(mine, other)


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    batch=st.integers(1, 3),
    strides=st.sampled_from([[8, 16, 32], [8], [32, 16], [4, 64]]),
    anchors=st.integers(1, 3),
    landmarks=st.booleans(),
    score_threshold=st.sampled_from([0.0, 0.02, 0.5, 1.0, 1.5]),
    iou_threshold=st.sampled_from([0.0, 0.3, 0.4, 0.45, 0.5, 1.0]),
    max_faces=st.sampled_from([None, 1, 5, 1000]),
)
def test_equals_the_reference(
    seed: int,
    batch: int,
    strides: list[int],
    anchors: int,
    landmarks: bool,
    score_threshold: float,
    iou_threshold: float,
    max_faces: int | None,
) -> None:
    rng = np.random.default_rng(seed)
    tensor = (64 * int(rng.integers(1, 3)), 64 * int(rng.integers(1, 4)))
    placements = [
        Placement.fit_shape((int(rng.integers(1, 300)), int(rng.integers(1, 300))), tensor) for _ in range(batch)
    ]
    outputs = random_outputs(rng, tensor, batch, strides, anchors, landmarks)
    ours = decode(outputs, placements, strides=strides, anchors=anchors, score_threshold=score_threshold)
    expected = reference.decode(outputs, placements, strides=strides, anchors=anchors, score_threshold=score_threshold)
    for candidates, faces in zip(ours, expected, strict=True):
        assert len(candidates) == len(faces[1])
        # Threshold 1 suppresses nothing: the candidates themselves, by score.
        equal(nms([candidates], iou_threshold=1), reference.nms([faces], iou_threshold=1))
        equal(
            nms([candidates], iou_threshold=iou_threshold, max_faces=max_faces),
            reference.nms([faces], iou_threshold=iou_threshold, max_faces=max_faces),
        )
    # Several sizes of one picture are merged by one NMS.
    equal(nms(ours, iou_threshold=iou_threshold), reference.nms(expected, iou_threshold=iou_threshold))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(0, 400), size=st.sampled_from([3.0, 30.0, 300.0]))
def test_nms_equals_the_reference_on_any_boxes(seed: int, count: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 300, (count, 2)).astype(np.float32)
    boxes = np.hstack((corner, corner + rng.uniform(0, size, (count, 2)).astype(np.float32)))
    scores = (rng.integers(0, 20, count) / 20).astype(np.float32)
    for threshold in (0.0, 0.1, 0.4, 0.9):
        ours = nms([Candidates(boxes, scores, None)], iou_threshold=threshold)
        equal(ours, reference.nms([(boxes, scores, None)], iou_threshold=threshold))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_invariants(seed: int) -> None:
    rng = np.random.default_rng(seed)
    placement = Placement.fit((90, 200), 128)
    outputs = random_outputs(rng, placement.tensor, 1, [8, 16, 32], 2, True)
    (candidates,) = decode(outputs, [placement], strides=[8, 16, 32], anchors=2, score_threshold=0.1)
    boxes, scores, landmarks = nms([candidates], iou_threshold=0.4)
    assert landmarks is not None
    assert np.isfinite(boxes).all() and np.isfinite(scores).all() and np.isfinite(landmarks).all()
    assert (scores >= 0.1).all() and (np.diff(scores) <= 0).all()
    assert (boxes >= 0).all() and (boxes[:, [0, 2]] <= 200).all() and (boxes[:, [1, 3]] <= 90).all()
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    # NMS of what NMS left changes nothing.
    equal(nms([Candidates(boxes, scores, landmarks)], iou_threshold=0.4), (boxes, scores, landmarks))


def test_batched_equals_single() -> None:
    rng = np.random.default_rng(0)
    placements = [Placement.fit_shape(size, (64, 96)) for size in ((50, 80), (640, 30), (64, 96))]
    outputs = random_outputs(rng, (64, 96), 3, [8, 16, 32], 2, True)
    together = decode(outputs, placements, strides=[8, 16, 32], anchors=2, score_threshold=0.3)
    for i, candidates in enumerate(together):
        alone = [output[i : i + 1] for output in outputs]
        (single,) = decode(alone, placements[i : i + 1], strides=[8, 16, 32], anchors=2, score_threshold=0.3)
        equal(nms([candidates], iou_threshold=0.4), nms([single], iou_threshold=0.4))


def test_non_contiguous_outputs_are_accepted() -> None:
    rng = np.random.default_rng(1)
    placement = Placement.fit((64, 64), 64)
    outputs = random_outputs(rng, (64, 64), 1, [8], 2, True)
    strided = [np.repeat(output, 2, axis=2)[:, :, ::2] for output in outputs]
    settings_ = {"strides": [8], "anchors": 2, "score_threshold": 0.3}
    (plain,) = decode(outputs, [placement], **settings_)  # type: ignore[arg-type]
    (other,) = decode(strided, [placement], **settings_)  # type: ignore[arg-type]
    equal(nms([plain], iou_threshold=0.4), nms([other], iou_threshold=0.4))


def test_no_candidates_and_no_pictures() -> None:
    placement = Placement.fit((64, 64), 64)
    outputs = [np.zeros((1, 128, columns), np.float32) for columns in (1, 4, 10)]
    (nothing,) = decode(outputs, [placement], strides=[8], anchors=2, score_threshold=0.5)
    boxes, scores, landmarks = nms([nothing], iou_threshold=0.4)
    assert landmarks is not None
    assert (boxes.shape, scores.shape, landmarks.shape) == ((0, 4), (0,), (0, 5, 2))
    boxes, scores, landmarks = nms([], iou_threshold=0.4)
    assert (boxes.shape, scores.shape, landmarks) == ((0, 4), (0,), None)
    empty = [np.zeros((0, 128, columns), np.float32) for columns in (1, 4)]
    assert decode(empty, [], strides=[8], anchors=2, score_threshold=0.5) == []


def test_eight_threads_give_what_one_gives() -> None:
    rng = np.random.default_rng(2)
    pictures = [rng.integers(0, 256, (rng.integers(20, 400), rng.integers(20, 400), 3), np.uint8) for _ in range(24)]
    outputs = [random_outputs(rng, (64, 64), 1, [8, 16, 32], 2, True) for _ in pictures]

    def work(i: int) -> tuple[Array, tuple[Array, Array, Array | None]]:
        placement = Placement.fit_shape((pictures[i].shape[0], pictures[i].shape[1]), (64, 64))
        tensor = np.empty((3, 64, 64), np.float32)
        letterbox(pictures[i], placement, tensor, layout="chw", swap=True, mean=127.5, std=128)
        candidates = decode(outputs[i], [placement], strides=[8, 16, 32], anchors=2, score_threshold=0.1)
        return tensor, nms(candidates, iou_threshold=0.4)

    jobs = list(range(len(pictures))) * 20
    alone = {i: work(i) for i in set(jobs)}
    with ThreadPoolExecutor(8) as pool:
        for i, (tensor, faces) in zip(jobs, pool.map(work, jobs), strict=True):
            np.testing.assert_array_equal(tensor, alone[i][0])
            equal(faces, alone[i][1])


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
def test_dequantize(dtype: type[np.uint8]) -> None:
    limits = np.iinfo(dtype)
    values: npt.NDArray[np.uint8] = np.arange(limits.min, limits.max + 1, dtype=dtype).reshape(1, 64, 4)
    for view in (values, values[:, ::2], values.T):
        out = dequantize(view, scale=0.03, zero_point=-5)
        np.testing.assert_allclose(out, (view.astype(np.float32) + 5) * 0.03, rtol=1e-6)
        assert out.dtype == np.float32
    with pytest.raises(ValueError, match="uint8 or int8"):
        dequantize(np.zeros(3, np.int16), scale=1, zero_point=0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="scale must be"):
        dequantize(values, scale=0, zero_point=0)


def good_outputs() -> list[Array]:
    return [np.zeros((1, rows, columns), np.float32) for columns in (1, 4, 10) for rows in (128, 32)]


@pytest.mark.parametrize(
    ("index", "replacement", "changes", "message"),
    [
        (0, np.zeros((1, 127, 1), np.float32), {}, r"float32 array \(1, 128, 1\)"),
        (0, np.zeros((1, 128, 1)), {}, "got float64"),
        (0, np.zeros((1, 128, 1), ">f4"), {}, "float32 array"),
        (0, np.zeros((128, 1), np.float32), {}, r"got float32 \(128, 1\)"),
        (3, np.zeros((1, 32, 5), np.float32), {}, r"boxes of a stride must be a float32 array \(1, 32, 4\)"),
        (5, [1, 2], {}, "NumPy array"),
        (5, None, {}, "4 or 6 arrays for 2 strides, got 5"),
        (0, good_outputs()[0], {"strides": []}, "got 6"),
        (0, good_outputs()[0], {"strides": [8, 48]}, "multiple of every stride"),
        (0, good_outputs()[0], {"strides": [8, 0]}, "a stride must be"),
        (0, good_outputs()[0], {"anchors": 0}, "anchors must be"),
        (0, good_outputs()[0], {"score_threshold": float("nan")}, "score_threshold must be finite"),
    ],
)
def test_wrong_outputs_are_refused(index: int, replacement: object, changes: dict[str, object], message: str) -> None:
    outputs: list[object] = list(good_outputs())
    outputs[index : index + 1] = [] if replacement is None else [replacement]
    arguments: dict[str, object] = {"strides": [8, 16], "anchors": 2, "score_threshold": 0.5, **changes}
    with pytest.raises(ValueError, match=message):
        decode(outputs, [Placement.fit((64, 64), 64)], **arguments)  # type: ignore[arg-type]


def test_a_batch_has_one_tensor_size() -> None:
    outputs = [np.repeat(output, 2, axis=0) for output in good_outputs()]
    placements = [Placement.fit((64, 64), 64), Placement.fit((64, 64), 128)]
    with pytest.raises(ValueError, match="same tensor size"):
        decode(outputs, placements, strides=[8, 16], anchors=2, score_threshold=0.5)


@pytest.mark.parametrize(
    ("boxes", "scores", "landmarks", "message"),
    [
        (np.zeros((2, 4)), np.zeros(1), None, r"boxes must be a float32 array \(1, 4\)"),
        (np.zeros((1, 4)), np.zeros((1, 1)), None, "scores must be"),
        (np.zeros((1, 4)), np.zeros(1), np.zeros((1, 10)), "landmarks must be"),
        (np.full((1, 4), np.nan), np.zeros(1), None, "finite"),
        (np.zeros((1, 4)), np.full(1, np.inf), None, "finite"),
        (np.array([[1, 0, 0, 1]]), np.zeros(1), None, "x1 <= x2"),
    ],
)
def test_wrong_candidates_are_refused(
    boxes: npt.NDArray[np.float64],
    scores: npt.NDArray[np.float64],
    landmarks: npt.NDArray[np.float64] | None,
    message: str,
) -> None:
    points = None if landmarks is None else landmarks.astype(np.float32)
    with pytest.raises(ValueError, match=message):
        Candidates(boxes.astype(np.float32), scores.astype(np.float32), points)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"iou_threshold": 1.5}, "iou_threshold must be 0 to 1"),
        ({"iou_threshold": float("nan")}, "iou_threshold must be 0 to 1"),
        ({"iou_threshold": 0.4, "max_faces": 0}, "max_faces must be at least 1"),
    ],
)
def test_wrong_nms_settings_are_refused(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nms([], **arguments)  # type: ignore[arg-type]


def test_landmarks_do_not_mix() -> None:
    none = np.zeros(0, np.float32)
    plain = Candidates(none.reshape(0, 4), none, None)
    pointed = Candidates(none.reshape(0, 4), none, none.reshape(0, 5, 2))
    with pytest.raises(ValueError, match="cannot be merged"):
        nms([plain, pointed], iou_threshold=0.4)
