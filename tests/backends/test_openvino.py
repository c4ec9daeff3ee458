"""The OpenVINO back end: what it says of itself, and what it refuses."""

from pathlib import Path

import numpy as np
import onnx
import openvino
import pytest
from scrfd_edge_converters.conversion import Request, convert

from scrfd_edge import BackendError, ModelError, catalog
from scrfd_edge.backends.onnx import OnnxBackend
from scrfd_edge.backends.openvino import OpenVinoBackend
from scrfd_edge.metadata import KEY

BUNDLED = catalog.BUNDLED / "scrfd_500m_kps.onnx"


@pytest.fixture(scope="module")
def ir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("openvino") / "model.xml"
    convert(Request(BUNDLED, "openvino", "fp32", path), lambda what, done, of: None)
    return path


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCRFD_EDGE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_says_what_runs(ir: Path, home: Path) -> None:
    b = OpenVinoBackend(ir, threads=1)
    assert (b.engine, b.device, b.precision, b.threads) == ("openvino", "cpu", "fp32", 1)
    assert b.version == openvino.__version__.partition("-")[0]
    assert (b.shape, b.dynamic_batch) == (None, False)
    outputs = b.run(np.zeros((2, 3, 64, 96), np.float32))
    assert [out.shape for out in outputs] == [(2, n, c) for c in (1, 4, 10) for n in (192, 48, 12)]
    assert any((home / "openvino").iterdir())  # compiled models, for a fast start


def test_a_device_that_cannot_run_it_is_told(ir: Path) -> None:
    with pytest.raises(BackendError, match="cannot run this network on 'cpu:3'"):
        OpenVinoBackend(ir, device="cpu:3")


def test_onnx_files_open_as_they_are(ir: Path, tmp_path: Path) -> None:
    """With their metadata, the same numbers, and no weights from elsewhere."""
    tensor = np.random.default_rng(0).normal(size=(1, 3, 64, 96)).astype(np.float32)
    direct, converted = OpenVinoBackend(BUNDLED, threads=1), OpenVinoBackend(ir, threads=1)
    assert direct.metadata.tool == OnnxBackend(BUNDLED).metadata.tool
    for a, b in zip(direct.run(tensor), converted.run(tensor), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
    model = onnx.load(BUNDLED)
    onnx.save(model, tmp_path / "split.onnx", save_as_external_data=True, size_threshold=0)
    with pytest.raises(ModelError, match="external data"):
        OpenVinoBackend(tmp_path / "split.onnx")
    for data in (b"", b"no model", BUNDLED.read_bytes()[:100_000]):
        (tmp_path / "damaged.onnx").write_bytes(data)
        with pytest.raises(ModelError, match="damaged"):
            OpenVinoBackend(tmp_path / "damaged.onnx")
    with pytest.raises(ModelError, match="cannot be read"):
        OpenVinoBackend(tmp_path / "nothing.onnx")


def test_precision_is_never_silently_bf16(ir: Path) -> None:
    tensor = np.random.default_rng(0).normal(size=(1, 3, 64, 64)).astype(np.float32)
    exact, auto, half = (OpenVinoBackend(ir, precision=p).run(tensor) for p in ("fp32", "auto", "bf16"))
    chosen = OpenVinoBackend(ir, device="AUTO:CPU").run(tensor)
    for a, b, c in zip(exact, auto, chosen, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(a, c, rtol=1e-4, atol=1e-5)
    assert OpenVinoBackend(ir, precision="bf16").precision == "bf16"
    if "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        assert any((a != b).any() for a, b in zip(exact, half, strict=True))
    with pytest.raises(BackendError, match="fp32, not int8"):
        OpenVinoBackend(ir, precision="int8")


def test_outputs_are_the_callers_own(ir: Path) -> None:
    b = OpenVinoBackend(ir, threads=1)
    first = b.run(np.zeros((1, 3, 64, 64), np.float32))
    kept = [out.copy() for out in first]
    b.run(np.ones((1, 3, 64, 64), np.float32))
    for out, copy in zip(first, kept, strict=True):
        np.testing.assert_array_equal(out, copy)


def test_more_shapes_than_are_kept(ir: Path) -> None:
    b = OpenVinoBackend(ir, threads=1)
    for width in [*range(32, 352, 32), 32]:
        assert b.run(np.zeros((1, 3, 32, width), np.float32))[0].shape == (1, 2 * 4 * width // 8, 1)


def test_a_cache_folder_that_cannot_be_written(ir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SCRFD_EDGE_HOME", str(tmp_path / "file"))
    assert len(OpenVinoBackend(ir).run(np.zeros((1, 3, 32, 32), np.float32))) == 9


def test_devices(ir: Path) -> None:
    assert OpenVinoBackend(ir, device="AUTO:CPU").device == "auto:cpu"
    with pytest.raises(BackendError, match="'tpu' was asked for, but OpenVINO finds only.*cpu"):
        OpenVinoBackend(ir, device="tpu")


def test_missing_weights(ir: Path, tmp_path: Path) -> None:
    (tmp_path / "model.xml").write_bytes(ir.read_bytes())
    with pytest.raises(ModelError, match=r"model\.bin is missing"):
        OpenVinoBackend(tmp_path / "model.xml")


@pytest.mark.parametrize("share", [0, 0.3, 0.99])
def test_damaged_files(share: float, ir: Path, tmp_path: Path) -> None:
    data = ir.read_bytes()
    (tmp_path / "model.xml").write_bytes(data[: int(share * len(data))])
    (tmp_path / "model.bin").write_bytes(ir.with_suffix(".bin").read_bytes())
    with pytest.raises(ModelError, match="damaged"):
        OpenVinoBackend(tmp_path / "model.xml")


@pytest.mark.parametrize(
    ("text", "message"),
    [("no JSON", "expected metadata in JSON"), ('{"format": 2}', "format"), ('{"format": 1, "model": "a"}', "must be")],
)
def test_foreign_metadata(text: str, message: str, ir: Path, tmp_path: Path) -> None:
    model = openvino.Core().read_model(ir)
    model.set_rt_info(text, KEY)
    openvino.save_model(model, tmp_path / "model.xml")
    with pytest.raises(ModelError, match=message) as raised:
        OpenVinoBackend(tmp_path / "model.xml")
    assert str(raised.value).count(str(tmp_path / "model.xml")) == 1


def test_no_metadata_gives_the_official_defaults(tmp_path: Path) -> None:
    openvino.save_model(openvino.convert_model(BUNDLED), tmp_path / "det.xml", compress_to_fp16=False)
    m = OpenVinoBackend(tmp_path / "det.xml").metadata
    assert (m.model, m.strides, m.anchors, m.landmarks) == ("det", (8, 16, 32), 2, True)


def test_another_network(tmp_path: Path) -> None:
    x = openvino.opset13.parameter([1, 3, 64, 64], name="x")
    model = openvino.Model([openvino.opset13.relu(x)], [x], "other")
    openvino.save_model(model, tmp_path / "other.xml")
    with pytest.raises(ModelError, match="not an SCRFD network"):
        OpenVinoBackend(tmp_path / "other.xml")
