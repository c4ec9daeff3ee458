"""The same network on every back end and in FP32 gives the same faces, also from several threads at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scrfd_edge_converters.conversion import SUFFIXES, Request, convert

from scrfd_edge import FaceDetector, catalog
from scrfd_edge.faces import Faces

BUNDLED = catalog.BUNDLED / "scrfd_500m_kps.onnx"
WEIGHTS = Path(__file__).parents[2] / "models" / "scrfd_500m_kps" / "weights.safetensors"
"""What BUNDLED was made from."""
TARGETS = [*SUFFIXES, "torch"]
FP32: dict[str, Any] = {"precision": "fp32", "device": "cpu"}
Files = dict[str, Path]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("fp32")
    paths = {target: folder / f"model{suffix}" for target, suffix in SUFFIXES.items()}
    for target, path in paths.items():
        convert(Request(BUNDLED, target, "fp32", path), lambda what, done, of: None)
    return {**paths, "torch": WEIGHTS}


def assert_same(a: Faces, b: Faces) -> None:
    assert len(a) == len(b)
    np.testing.assert_allclose(b.boxes, a.boxes, atol=0.5)
    np.testing.assert_allclose(b.scores, a.scores, atol=2e-3)
    assert a.landmarks is not None and b.landmarks is not None
    np.testing.assert_allclose(b.landmarks, a.landmarks, atol=0.5)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("shape", [None, (640, 640), (384, 640), (320, 320)], ids=str)
def test_portrait(target: str, shape: tuple[int, int] | None, files: Files, portrait: np.ndarray) -> None:
    """320 and 640 squares: where height, width and channels of a map are alike, confused axes would show."""
    settings = {"input_shape": shape, "score_threshold": 0.3, **FP32}
    here, there = FaceDetector(BUNDLED, backend="onnx", **settings), FaceDetector(files[target], **settings)
    assert there.backend == target
    assert_same(here.detect(portrait), there.detect(portrait))


@pytest.mark.parametrize("target", TARGETS)
def test_fifty_photographs(target: str, files: Files, shared: Path) -> None:
    folder = shared / "data" / "val"
    names = (folder / "images.txt").read_text().split()[::9][:50]
    assert len(names) == 50
    here, there = FaceDetector(BUNDLED, backend="onnx", **FP32), FaceDetector(files[target], **FP32)
    for name in names:
        assert_same(here.detect(folder / "images" / name), there.detect(folder / "images" / name))


@pytest.mark.parametrize("target", TARGETS)
def test_batches_and_several_sizes(target: str, files: Files, portrait: np.ndarray) -> None:
    detector = FaceDetector(files[target], input_size=(640, 192), threads=1, **FP32)
    pictures = [portrait, portrait[:300], portrait[:, :200], portrait]
    for one, many in zip(map(detector.detect, pictures), detector.detect_batch(pictures), strict=True):
        assert_same(one, many)


@pytest.mark.parametrize(("target", "precision"), [*((t, "fp32") for t in TARGETS), *((t, "int8") for t in SUFFIXES)])
def test_eight_threads(target: str, precision: str, files: Files, portrait: np.ndarray) -> None:
    settings: dict[str, Any] = {"input_size": 320, "threads": 1, "device": "cpu", "precision": precision}
    settings |= {"model": files[target]} if precision == "fp32" else {"backend": target}
    detector = FaceDetector(**settings)
    pictures = [portrait[: 512 - 24 * i, : 512 - 8 * i] for i in range(12)]
    alone = [detector.detect(p) for p in pictures]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(detector.detect, pictures * 2))
    for a, b in zip(alone * 2, together, strict=True):
        assert a.landmarks is not None and b.landmarks is not None
        np.testing.assert_array_equal(a.boxes, b.boxes)
        np.testing.assert_array_equal(a.scores, b.scores)
        np.testing.assert_array_equal(a.landmarks, b.landmarks)
