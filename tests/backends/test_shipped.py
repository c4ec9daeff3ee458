"""The TFLite files in the package against its ONNX file: by ai-edge-litert, and in benchmarks/tflite_runtime.sh by
tflite-runtime. Nothing of the converters is imported here."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from scrfd_edge import FaceDetector
from scrfd_edge.backends.tflite import TfliteBackend

PIXELS = {"fp16": 0.5, "int8": 8.0}


@pytest.mark.parametrize("precision", PIXELS)
@pytest.mark.parametrize("shape", [None, (640, 640), (384, 640), (320, 320)], ids=str)
def test_the_same_face(precision: str, shape: tuple[int, int] | None, portrait: np.ndarray) -> None:
    settings = {"score_threshold": 0.3, "input_shape": shape, "threads": 1}
    expected = FaceDetector(backend="onnx", precision="fp32", **settings).detect(portrait)  # type: ignore[arg-type]
    detector = FaceDetector(backend="tflite", precision=precision, **settings)  # type: ignore[arg-type]
    assert isinstance(detector._backend, TfliteBackend) and detector.precision == precision
    faces = detector.detect(portrait)
    assert len(faces) == len(expected) == 1
    np.testing.assert_allclose(faces.boxes, expected.boxes, atol=PIXELS[precision])
    assert faces.landmarks is not None and expected.landmarks is not None
    np.testing.assert_allclose(faces.landmarks, expected.landmarks, atol=PIXELS[precision])


@pytest.mark.parametrize("precision", PIXELS)
def test_eight_threads(precision: str, portrait: np.ndarray) -> None:
    detector = FaceDetector(backend="tflite", precision=precision, input_size=320, threads=1)
    pictures = [portrait[: 512 - 24 * i, : 512 - 8 * i] for i in range(12)]
    alone = [detector.detect(p) for p in pictures]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(detector.detect, pictures))
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_array_equal(a.boxes, b.boxes)
        np.testing.assert_array_equal(a.scores, b.scores)
