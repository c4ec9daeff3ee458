"""The TFLite back end: what it says of itself, and what it refuses."""

from pathlib import Path

import flatbuffers  # type: ignore[import-untyped]
import numpy as np
import onnx
import pytest
from ai_edge_litert import schema_py_generated as tfl
from scrfd_edge_converters.conversion import Request, convert
from scrfd_edge_converters.graph import read_network
from scrfd_edge_converters.to_tflite import write_tflite

from scrfd_edge import BackendError, ModelError, catalog
from scrfd_edge.backends import tflite as backend
from scrfd_edge.backends.ports import official_order
from scrfd_edge.backends.tflite import TfliteBackend

BUNDLED = catalog.BUNDLED / "scrfd_500m_kps.onnx"
SHAPES = [(1, n, c) for c in (1, 4, 10) for n in (512, 128, 32)]
NAMES = [f"{kind}_{stride}" for kind in ("score", "bbox", "kps") for stride in (8, 16, 32)]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tflite") / "model.tflite"
    convert(Request(BUNDLED, "tflite", "fp32", path), lambda what, done, of: None)
    return path


def rewrite(path: Path, metadata: str) -> Path:
    path.write_bytes(write_tflite(read_network(onnx.load(str(BUNDLED))), metadata))
    return path


def test_says_what_runs(file: Path) -> None:
    b = TfliteBackend(file, threads=1)
    assert (b.engine, b.device, b.precision, b.threads) == ("tflite", "cpu", "fp32", 1)
    assert (b.shape, b.dynamic_batch) == (None, False)
    outputs = b.run(np.zeros((1, 64, 96, 3), np.float32))
    assert [out.shape for out in outputs] == [(1, n, c) for c in (1, 4, 10) for n in (192, 48, 12)]


def test_more_shapes_than_are_kept(file: Path) -> None:
    b = TfliteBackend(file, threads=1)
    for width in [*range(32, 256, 32), 32]:
        assert b.run(np.zeros((1, 32, width, 3), np.float32))[0].shape == (1, 2 * 4 * width // 8, 1)


def test_outputs_are_the_callers_own(file: Path) -> None:
    b = TfliteBackend(file, threads=1)
    first = b.run(np.zeros((1, 64, 64, 3), np.float32))
    kept = [out.copy() for out in first]
    b.run(np.ones((1, 64, 64, 3), np.float32))
    for out, copy in zip(first, kept, strict=True):
        np.testing.assert_array_equal(out, copy)


def test_refuses_devices_and_precisions(file: Path) -> None:
    with pytest.raises(BackendError, match="'cpu'"):
        TfliteBackend(file, device="gpu")
    with pytest.raises(BackendError, match="fp32, not int8"):
        TfliteBackend(file, precision="int8")


def test_missing_and_damaged_files(file: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        TfliteBackend(tmp_path / "none.tflite")
    for i, data in enumerate((b"", b"text" * 100, file.read_bytes()[:50_000])):
        path = tmp_path / f"{i}.tflite"
        path.write_bytes(data)
        with pytest.raises(ModelError, match="damaged, truncated or no TFLite"):
            TfliteBackend(path)


def test_integers_that_no_engine_takes(tmp_path: Path) -> None:
    """A bias whose zero is not zero: LiteRT reads the file, and refuses it only when memory is handed out."""
    model = tfl.ModelT.InitFromPackedBuf((catalog.BUNDLED / "scrfd_500m_kps.int8.tflite").read_bytes(), 0)
    biases = [t for t in model.subgraphs[0].tensors if t.type == tfl.TensorType.INT32 and t.quantization is not None]
    biases[0].quantization.zeroPoint = biases[0].quantization.zeroPoint + 5
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    path = tmp_path / "model.tflite"
    path.write_bytes(bytes(builder.Output()))
    with pytest.raises(ModelError, match="damaged: it does not run"):
        TfliteBackend(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [("no JSON", "expected metadata in JSON"), ('{"format": 2}', "format"), ('{"format": 1, "model": "a"}', "must be")],
)
def test_foreign_metadata(text: str, message: str, tmp_path: Path) -> None:
    path = rewrite(tmp_path / "model.tflite", text)
    with pytest.raises(ModelError, match=message) as raised:
        TfliteBackend(path)
    assert str(raised.value).count(str(path)) == 1


def test_metadata_that_disagree_with_the_file(file: Path, tmp_path: Path) -> None:
    text = TfliteBackend(file).metadata.to_json().replace('"NHWC"', '"NCHW"')
    with pytest.raises(ModelError, match="not an SCRFD network"):
        TfliteBackend(rewrite(tmp_path / "model.tflite", text))


def test_no_engine(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setattr(backend, "_PACKAGES", (("no_such_package", "none"),))
    with pytest.raises(BackendError, match=r"pip install 'scrfd-edge\[tflite\]'"):
        TfliteBackend(file)


def test_outputs_by_name_in_any_order() -> None:
    order = np.random.default_rng(0).permutation(9)
    found = official_order([NAMES[i] for i in order], [SHAPES[i] for i in order], Path("x"))
    assert [order[i] for i in found] == list(range(9))


@pytest.mark.parametrize("count", [6, 9])
def test_outputs_by_shape_in_any_order(count: int) -> None:
    order = np.random.default_rng(1).permutation(count)
    found = official_order([f"out{i}" for i in order], [SHAPES[i] for i in order], Path("x"))
    assert [order[i] for i in found] == list(range(count))


@pytest.mark.parametrize(
    "shapes", [SHAPES[:5], [SHAPES[0]] * 9, [(1, 2, 3)] * 6, [(7,)] * 9, [*SHAPES[:8], (1, 512, 4)]], ids=str
)
def test_outputs_that_cannot_be_told_apart(shapes: list[tuple[int, ...]]) -> None:
    with pytest.raises(ModelError, match="not an SCRFD network"):
        official_order([f"out{i}" for i in range(len(shapes))], shapes, Path("x"))
