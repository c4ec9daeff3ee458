"""FaceDetector: settings, batches, threads, pickling, and what it says of itself."""

import io
import pickle
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from scrfd_edge import BackendError, FaceDetector, Faces, ImageError, ModelError, SettingError, catalog
from scrfd_edge.backends.base import BACKENDS

Array = npt.NDArray[Any]


def assert_equal(ours: Faces, other: Faces) -> None:
    np.testing.assert_array_equal(ours.boxes, other.boxes)
    np.testing.assert_array_equal(ours.scores, other.scores)
    assert (ours.landmarks is None) == (other.landmarks is None)
    if ours.landmarks is not None and other.landmarks is not None:
        np.testing.assert_array_equal(ours.landmarks, other.landmarks)


@pytest.fixture(scope="module")
def crowd(portrait: Array) -> list[Array]:
    """Pictures of several sizes, with none to four faces."""
    return [
        portrait,
        np.hstack([portrait, portrait[:, ::-1]]),
        np.vstack([np.hstack([portrait] * 2)] * 2),
        portrait[:200, :300],
        np.zeros((300, 400, 3), np.uint8),
        portrait[:, ::-1],
        portrait[:, :, 0],
        np.ascontiguousarray(portrait[::2, ::2]),
    ]


def test_finds_the_astronaut(detector: FaceDetector) -> None:
    faces = detector.detect(catalog.SAMPLE)
    assert len(faces) == 1 and faces.scores[0] > 0.6
    np.testing.assert_allclose(faces.boxes[0], [179, 58, 271, 178], atol=6)
    assert faces.landmarks is not None
    np.testing.assert_allclose(faces.landmarks[0], [[204, 101], [247, 104], [224, 128], [203, 142], [243, 144]], atol=5)


def test_every_kind_of_source_gives_the_same_faces(detector: FaceDetector, portrait: Array) -> None:
    expected = detector.detect(catalog.SAMPLE)
    frozen = portrait.copy()
    frozen.setflags(write=False)
    strided = np.zeros((512, 1024, 4), np.uint8)
    strided[:, ::2, :3] = portrait
    sources = [str(catalog.SAMPLE), catalog.SAMPLE.read_bytes(), portrait, frozen, strided[:, ::2], strided[:, ::2, :3]]
    for source in sources:
        assert_equal(detector.detect(source), expected)
    assert_equal(detector.detect(portrait[:, :, ::-1], color="rgb"), expected)
    grey = portrait.mean(2).astype(np.uint8)
    assert_equal(detector.detect(grey), detector.detect(np.dstack([grey] * 3)))
    assert_equal(detector.detect(grey[:, :, None]), detector.detect(grey))


@pytest.mark.parametrize("shape", [(1, 1, 3), (10, 20000, 3), (20000, 10), (1, 640, 4), (2, 3, 1), (31, 33, 3)])
def test_odd_shapes_are_no_errors(detector: FaceDetector, shape: tuple[int, ...]) -> None:
    faces = detector.detect(np.full(shape, 90, np.uint8))
    assert faces.boxes.shape == (0, 4) and faces.scores.shape == (0,)
    assert faces.landmarks is not None and faces.landmarks.shape == (0, 5, 2)
    assert faces.boxes.dtype == np.float32


@pytest.fixture(scope="module")
def eager() -> list[FaceDetector]:
    """Every ONNX file in the package, at a score that says a lot too often that there is a face."""
    files = [file for model in catalog.CATALOG.values() for file in model.files if file.url is None]
    return [FaceDetector(catalog.BUNDLED / f.name, score_threshold=0.02) for f in files if f.suffix == ".onnx"]


@given(
    shape=st.tuples(st.integers(16, 900), st.integers(16, 900)),
    colour=st.tuples(*[st.integers(0, 255)] * 3),
    noise=st.integers(0, 12),
)
@settings(max_examples=30, deadline=None)
def test_a_covered_camera_shows_no_face(
    eager: list[FaceDetector], shape: tuple[int, int], colour: tuple[int, ...], noise: int
) -> None:
    grain = np.random.default_rng(0).integers(0, noise + 1, (*shape, 3))
    picture = np.clip(np.array(colour) + grain, 0, 255).astype(np.uint8)
    assert len(eager) >= 4
    for detector in eager:
        assert detector.detect(picture).scores.max(initial=0) < 0.45  # well under the default thresholds


def test_boxes_lie_inside_the_picture_best_first(portrait: Array) -> None:
    faces = FaceDetector(score_threshold=0.02, nms_threshold=1.0).detect(portrait[70:170, 190:260])
    assert len(faces) > 5
    assert (faces.boxes[:, :2] >= 0).all() and (faces.boxes[:, 2:] <= [70, 100]).all()
    assert (np.diff(faces.scores) <= 0).all()


@pytest.mark.parametrize("settings", [{}, {"input_size": (640, 192)}, {"input_shape": (384, 640)}])
def test_a_batch_gives_what_one_by_one_gives(crowd: list[Array], settings: dict[str, Any]) -> None:
    detector = FaceDetector(threads=1, score_threshold=0.5, **settings)
    many = crowd + crowd[:4] * 2
    batch = detector.detect_batch(many)
    assert [len(f) for f in batch[:5]] == [1, 2, 4, 1, 0]
    for faces, picture in zip(batch, many, strict=True):
        assert_equal(faces, detector.detect(picture))
    assert detector.detect_batch([]) == []
    assert_equal(detector.detect_batch(iter([crowd[0][:, :, ::-1]]), color="rgb")[0], batch[0])


def test_eight_threads_give_what_one_gives(crowd: list[Array]) -> None:
    detector = FaceDetector(input_size=(320, 192))
    expected = [detector.detect(picture) for picture in crowd]
    with ThreadPoolExecutor(8) as pool:
        for faces, i in zip(pool.map(detector.detect, crowd * 8), list(range(len(crowd))) * 8, strict=True):
            assert_equal(faces, expected[i])


def test_several_sizes_are_merged_by_one_nms(portrait: Array) -> None:
    face = np.ascontiguousarray(portrait[40:200, 165:285])  # fills the picture
    small, large = (FaceDetector(input_size=size, score_threshold=0.5) for size in (192, 1536))
    merged = FaceDetector(input_size=(1536, 192), score_threshold=0.5).detect(face)
    assert len(small.detect(face)) == 1
    found = np.concatenate([large.detect(face).scores, small.detect(face).scores])
    np.testing.assert_array_equal(merged.scores, np.sort(found)[::-1])  # which overlap too little for NMS
    assert len(FaceDetector(input_size=(640, 192)).detect(portrait)) == 1, "found at both sizes, reported once"


def test_landscapes_run_without_waste(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def run(tensor: Array) -> list[Array]:
        seen.append(tensor)
        rows = [tensor.shape[2] * tensor.shape[3] // s**2 * 2 for s in (8, 16, 32)]
        return [np.zeros((len(tensor), n, c), np.float32) for c in (1, 4, 10) for n in rows]

    detector = FaceDetector(backend="onnx", precision="fp32")
    monkeypatch.setattr(detector._backend, "run", run)
    detector.detect(np.full((720, 1280, 3), (0, 0, 255), np.uint8))
    (tensor,) = seen
    assert tensor.shape == (1, 3, 384, 640) and tensor.dtype == np.float32
    red, green, blue = tensor[0]
    assert (red[:360] == 127.5 / 128).all() and (green[:360] == -127.5 / 128).all() and (blue[:360] < 0).all()
    assert (tensor[0, :, 360:] == 0).all(), "padded with the training mean"
    detector.detect(np.zeros((720, 1280, 3), np.uint8))
    assert np.shares_memory(seen[1], seen[0]), "the tensor is reused"


def test_thresholds_and_counts(crowd: list[Array]) -> None:
    picture = crowd[2]
    assert len(FaceDetector(score_threshold=1.0).detect(picture)) == 0
    assert len(FaceDetector(max_faces=3).detect(picture)) == 3
    everything = FaceDetector(score_threshold=0.3, nms_threshold=1.0).detect(picture)
    assert len(everything) > len(FaceDetector(score_threshold=0.3, nms_threshold=0.4).detect(picture))


def test_says_what_runs() -> None:
    d = FaceDetector(backend="onnx", precision="fp32", threads=1)
    assert (d.backend, d.device, d.precision, d.threads) == ("onnx", "cpu", "fp32", 1)
    assert (d.input_size, d.input_shape) == ((640,), None)
    assert "onnx" in d.why
    assert "scrfd_500m_kps" in repr(d) and "1 threads" in repr(d)
    fixed = FaceDetector(input_shape=(256, 320))
    assert (fixed.input_size, fixed.input_shape) == ((320,), (256, 320))
    assert FaceDetector(input_size=(640, 192)).input_size == (640, 192)
    assert (FaceDetector().threads or 0) >= 1
    d.warmup()


def test_the_operating_point_comes_from_the_file(monkeypatch: pytest.MonkeyPatch, portrait: Array) -> None:
    assert FaceDetector(score_threshold=0.25).score_threshold == 0.25
    assert FaceDetector(score_threshold=0).score_threshold == 0
    from scrfd_edge.metadata import Metadata

    read = Metadata.parse

    def with_point(text: str, path: Path) -> Metadata:
        return replace(read(text, path), score_threshold=0.9)

    monkeypatch.setattr(Metadata, "parse", with_point)
    assert FaceDetector().score_threshold == 0.9
    assert len(FaceDetector().detect(portrait)) == 0


def test_pickles_by_opening_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, portrait: Array) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes((catalog.BUNDLED / "scrfd_500m_kps.onnx").read_bytes())
    monkeypatch.chdir(tmp_path)
    one = FaceDetector("model.onnx", input_size=(320, 192), score_threshold=0.3, max_faces=2, threads=1)
    monkeypatch.chdir("/")
    data = pickle.dumps(one)
    assert len(data) < 1000
    other = pickle.loads(data)
    assert repr(other) == repr(one)
    assert_equal(other.detect(portrait), one.detect(portrait))


@pytest.mark.parametrize(
    "settings",
    [
        {"score_threshold": -0.1},
        {"score_threshold": 1.01},
        {"score_threshold": float("nan")},
        {"score_threshold": "0.5"},
        {"score_threshold": True},
        {"nms_threshold": 2},
        {"nms_threshold": -1},
        {"nms_threshold": None},
        {"max_faces": 0},
        {"max_faces": 1.5},
        {"threads": 0},
        {"threads": -2},
        {"threads": True},
        {"input_size": 0},
        {"input_size": -640},
        {"input_size": 640.0},
        {"input_size": "640"},
        {"input_size": ()},
        {"input_size": (640, 31)},
        {"input_size": 10**9},
        {"input_shape": (640,)},
        {"input_shape": 640},
        {"input_shape": (640, 630)},
        {"input_shape": (0, 640)},
        {"input_shape": (640, 640), "input_size": 320},
        {"model": None},
        {"model": 3},
        {"backend": ["onnx"]},
        {"device": None},
        {"precision": 32},
    ],
    ids=str,
)
def test_settings_outside_their_range(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=next(iter(settings))):
        FaceDetector(**settings)


@pytest.mark.parametrize(
    ("model", "settings", "error", "message"),
    [
        ("scrfd_500m_kpz", {}, ModelError, "did you mean scrfd_500m_kps"),
        ("missing.onnx", {}, ModelError, "does not exist"),
        (Path("missing"), {}, ModelError, "does not exist"),
        (Path(__file__).parent, {}, ModelError, "is a folder"),
        (Path(__file__), {}, ModelError, "No back end opens '.py' files"),
        ("scrfd_500m_kps", {"backend": "tensorrt"}, BackendError, "Unknown back end 'tensorrt'.*onnx"),
        ("scrfd_500m_kps", {"precision": "fp8"}, ModelError, "precision 'fp8'"),
        ("scrfd_500m_kps", {"device": "tpu", "backend": "onnx"}, BackendError, "'cpu'"),
    ],
    ids=str,
)
def test_what_cannot_be_opened(model: Any, settings: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        FaceDetector(model, **settings)


def test_an_engine_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    onnx_engine = BACKENDS["onnx"]
    for name, engine in list(BACKENDS.items()):  # replaced, not deleted: the order of the table counts
        missing = replace(engine, packages=("no_such_engine",), install="pip install no-such-engine")
        monkeypatch.setitem(BACKENDS, name, missing)
    for backend in ("onnx", "auto"):
        with pytest.raises(BackendError, match="pip install no-such-engine"):
            FaceDetector(backend=backend)
    monkeypatch.setitem(BACKENDS, "onnx", onnx_engine)
    assert FaceDetector().backend == "onnx", "auto takes what is there"


def test_a_bad_picture_in_a_batch_is_named(detector: FaceDetector, portrait: Array) -> None:
    with pytest.raises(ImageError, match="Picture 1: missing.jpg: there is no such file"):
        detector.detect_batch([portrait, "missing.jpg"])


def test_a_batch_holds_few_pictures_at_a_time(detector: FaceDetector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scrfd_edge.detector._WINDOW", 3)
    alive: list[weakref.ref[Array]] = []
    most = 0

    def pictures() -> Iterator[Array]:
        nonlocal most
        for _ in range(10):
            picture = np.zeros((32, 32, 3), np.uint8)
            alive.append(weakref.ref(picture))
            most = max(most, sum(kept() is not None for kept in alive))
            yield picture

    assert len(detector.detect_batch(pictures())) == 10
    assert most <= 5  # those of a window, and one or two in hand


def test_what_an_engine_raises_is_told(detector: FaceDetector, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(tensor: Array) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(detector._backend, "run", fail)
    with pytest.raises(BackendError, match=r"onnx failed on a tensor \(1, 3, .*no memory"):
        detector.detect(np.zeros((480, 640, 3), np.uint8))


def test_an_engine_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = replace(BACKENDS["onnx"], where="no_such_module:Backend")
    monkeypatch.setitem(BACKENDS, "onnx", broken)
    with pytest.raises(BackendError, match="'onnx' cannot be imported.*no_such_module.*pip install onnxruntime"):
        FaceDetector(backend="onnx")


def test_a_folder_is_no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "engine_of_nobody").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert not replace(BACKENDS["onnx"], packages=("engine_of_nobody",)).installed


def test_devices_are_named_in_any_case() -> None:
    assert FaceDetector(device="CPU").why == FaceDetector().why


def test_warmup_takes_the_size_of_the_pictures(detector: FaceDetector, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []
    run = detector._backend.run
    monkeypatch.setattr(detector._backend, "run", lambda tensor: [seen.append(tensor.shape), run(tensor)][1])
    detector.warmup((720, 1280))
    assert seen == [(1, 3, 384, 640)]
    for size in (640, (480.0, 640.0), (-1, 5), (480, 640, 3)):
        with pytest.raises(SettingError, match=r"\(height, width\)"):
            detector.warmup(size)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((64, 64, 3), np.uint8),
        "photo.jpg",
        b"bytes",
        bytearray(b"x"),
        io.BytesIO(b"x"),
        Image.new("L", (9, 9)),
        3,
    ],
    ids=["array", "str", "bytes", "bytearray", "file", "PIL", "int"],
)
def test_one_picture_is_no_batch(images: object) -> None:
    with pytest.raises(ImageError, match="use detect"):
        FaceDetector().detect_batch(images)  # type: ignore[arg-type]
