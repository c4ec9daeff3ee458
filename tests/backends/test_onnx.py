"""The ONNX Runtime back end: what it opens, what it refuses, and on which device."""

import importlib.metadata
import re
import types
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from scrfd_edge import BackendError, FaceDetector, ModelError, catalog
from scrfd_edge.backends import onnx as backend
from scrfd_edge.backends.external import keeps_weights_elsewhere
from scrfd_edge.backends.onnx import OnnxBackend, usable_cpus
from scrfd_edge.metadata import KEY

BUNDLED = catalog.BUNDLED / "scrfd_500m_kps.onnx"


@pytest.fixture
def proto() -> onnx.ModelProto:
    return onnx.load(str(BUNDLED))


def save(proto: onnx.ModelProto, path: Path) -> Path:
    path.write_bytes(proto.SerializeToString())
    return path


def without_metadata(proto: onnx.ModelProto) -> onnx.ModelProto:
    del proto.metadata_props[:]
    return proto


def test_opens_the_bundled_model() -> None:
    b = OnnxBackend(BUNDLED, threads=1)
    assert (b.engine, b.version, b.device, b.precision) == ("onnx", onnxruntime.__version__, "cpu", "fp32")
    assert (b.shape, b.dynamic_batch, b.threads) == (None, True, 1)
    outputs = b.run(np.zeros((2, 3, 64, 96), np.float32))
    assert [out.shape for out in outputs] == [(2, n, c) for c in (1, 4, 10) for n in (192, 48, 12)]
    assert all(out.dtype == np.float32 for out in outputs)
    assert OnnxBackend(BUNDLED).threads == usable_cpus() >= 1


def test_a_batch_is_the_same_as_its_pictures() -> None:
    b = OnnxBackend(BUNDLED, threads=1)
    tensor = np.random.default_rng(0).normal(size=(3, 3, 64, 64)).astype(np.float32)
    for i, out in enumerate(zip(*b.run(tensor), strict=True)):
        for one, many in zip(b.run(tensor[i : i + 1]), out, strict=True):
            np.testing.assert_allclose(one[0], many, atol=1e-5)


def test_official_exports_by_count_and_shapes(proto: onnx.ModelProto, tmp_path: Path, portrait: Any) -> None:
    path = save(without_metadata(proto), tmp_path / "det.onnx")
    metadata = OnnxBackend(path).metadata
    assert (metadata.model, metadata.strides, metadata.anchors, metadata.landmarks) == ("det", (8, 16, 32), 2, True)
    expected = FaceDetector(BUNDLED).detect(portrait).boxes
    np.testing.assert_array_equal(FaceDetector(path).detect(portrait).boxes, expected)


@pytest.mark.parametrize("engine", ["onnx", "openvino"])
def test_exports_without_a_batch_dimension(engine: str, proto: onnx.ModelProto, tmp_path: Path, portrait: Any) -> None:
    """As in the release's zip archives: outputs (rows, columns), of free size but declared for 640x640."""
    graph = without_metadata(proto).graph
    makers = {output: node for node in graph.node for output in node.output}
    for i, out in enumerate(graph.output):
        last = makers[out.name]
        reshape = last if last.op_type == "Reshape" else makers[last.input[0]]
        dims = out.type.tensor_type.shape.dim
        columns = dims[2].dim_value
        graph.initializer.append(numpy_helper.from_array(np.array([-1, columns]), f"flat{i}"))
        reshape.input[1] = f"flat{i}"
        del dims[2]
        dims[0].dim_value, dims[1].dim_value = (12800, 3200, 800)[i % 3], columns
    path = save(proto, tmp_path / "det_500m.onnx")
    flat, usual = FaceDetector(path, backend=engine), FaceDetector(BUNDLED, backend=engine)
    assert not flat._backend.dynamic_batch
    pictures = [portrait, portrait[:300], portrait[:, ::-1]]
    for ours, expected in zip(flat.detect_batch(pictures), usual.detect_batch(pictures), strict=True):
        np.testing.assert_allclose(ours.boxes, expected.boxes, atol=1e-3)


def test_fixed_sizes(proto: onnx.ModelProto, tmp_path: Path, portrait: Any) -> None:
    for i, size in ((0, 1), (2, 384), (3, 640)):
        proto.graph.input[0].type.tensor_type.shape.dim[i].dim_value = size
    path = save(proto, tmp_path / "fixed.onnx")
    b = OnnxBackend(path)
    assert (b.shape, b.dynamic_batch) == ((384, 640), False)
    detector = FaceDetector(path)
    assert (detector.input_shape, detector.input_size) == ((384, 640), (640,))
    expected = FaceDetector(BUNDLED, input_shape=(384, 640)).detect(portrait)
    np.testing.assert_allclose(detector.detect(portrait).boxes, expected.boxes, atol=1e-3)
    with pytest.raises(ValueError, match="384, 640"):
        FaceDetector(path, input_shape=(640, 640))
    with pytest.raises(ValueError, match="cannot be had"):
        FaceDetector(path, input_size=320)


def other_network(path: Path, columns: list[int], channels: int = 3, dtype: int = TensorProto.FLOAT) -> Path:
    """A valid ONNX file with outputs of these columns, which is no detector."""
    image = helper.make_tensor_value_info("x", dtype, [1, channels, "h", "w"])
    nodes = [helper.make_node("Cast", ["x"], ["f"], to=TensorProto.FLOAT)]
    outputs, weights = [], []
    for i, c in enumerate(columns):
        weights.append(numpy_helper.from_array(np.array([1, -1, c]), f"s{i}"))
        nodes.append(helper.make_node("Reshape", ["f", f"s{i}"], [f"y{i}"]))
        outputs.append(helper.make_tensor_value_info(f"y{i}", TensorProto.FLOAT, [1, "n", c]))
    graph = helper.make_graph(nodes, "g", [image], outputs, weights)
    return save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


@pytest.mark.parametrize(
    ("columns", "changes", "message"),
    [
        ([8], {}, "not an SCRFD network: expected 6 or 9 outputs"),
        ([1, 1, 1, 4, 4, 4, 2, 2, 2], {}, "not an SCRFD network"),
        ([1, 1, 1, 4, 4, 4], {}, "for .* expected outputs"),
        ([1, 1, 1, 4, 4, 4], {"channels": 4}, "input with 3 channels"),
        ([1, 1, 1, 4, 4, 4], {"dtype": TensorProto.DOUBLE}, "float32 NCHW input"),
    ],
)
def test_other_networks(tmp_path: Path, columns: list[int], changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        OnnxBackend(other_network(tmp_path / "other.onnx", columns, **changes))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "expected metadata in JSON"),
        ('{"format": 1}', "input"),
        ('{"format": 9, "model": "x"}', "update scrfd-edge"),
    ],
)
def test_foreign_metadata(proto: onnx.ModelProto, tmp_path: Path, text: str, message: str) -> None:
    proto.metadata_props[0].value = text
    with pytest.raises(ModelError, match=message) as raised:
        OnnxBackend(save(proto, tmp_path / "m.onnx"))
    assert str(raised.value).count(str(tmp_path / "m.onnx")) == 1


def test_metadata_of_another_network(proto: onnx.ModelProto, tmp_path: Path) -> None:
    told = proto.metadata_props[0].value
    for value, message in (
        (told.replace('"landmarks": true', '"landmarks": false'), "promise 6 outputs, but it has 9"),
        (told.replace("[8, 16, 32]", "[4, 8, 16]"), "not run on a tensor (1, 3, 16, 16)"),
        (told.replace('"float32"', '"uint8"'), "uint8 NCHW input"),
    ):
        assert value != told
        proto.metadata_props[0].value = value
        with pytest.raises(ModelError, match=re.escape(message)):
            OnnxBackend(save(proto, tmp_path / "m.onnx"))
    assert proto.metadata_props[0].key == KEY


def test_damaged_files(tmp_path: Path) -> None:
    data = BUNDLED.read_bytes()
    for broken in (b"", b"text, renamed to .onnx", data[:1000], data[: len(data) // 2], data[:-1]):
        path = tmp_path / "broken.onnx"
        path.write_bytes(broken)
        with pytest.raises(ModelError, match="damaged, truncated or no ONNX file"):
            FaceDetector(path)
    path.write_bytes(data.replace(b'"strides"', b'"str\xffdes"'))
    with pytest.raises(ModelError, match="damaged: its names and metadata are no text"):
        OnnxBackend(path)
    with pytest.raises(ModelError, match="cannot be read"):
        OnnxBackend(tmp_path / "missing.onnx")


def test_external_data_is_refused(proto: onnx.ModelProto, tmp_path: Path) -> None:
    path = tmp_path / "external.onnx"
    onnx.save(proto, str(path), save_as_external_data=True, location="weights.bin", size_threshold=0)
    with pytest.raises(ModelError, match="external data"):
        FaceDetector(path)


def test_external_data_is_refused_however_it_is_written(proto: onnx.ModelProto, tmp_path: Path) -> None:
    """Fields may come in any order, in branches too, and the location alone says it."""
    tensor = onnx.TensorProto(name="x", data_location=onnx.TensorProto.EXTERNAL)
    branch = onnx.helper.make_graph([], "branch", [], [], initializer=[tensor])
    for node in (
        onnx.helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch),
        onnx.helper.make_node("Constant", [], ["y"], value=tensor),
    ):
        proto.graph.node.append(node)
        assert keeps_weights_elsewhere(proto.SerializeToString())
        del proto.graph.node[-1]
    assert not keeps_weights_elsewhere(proto.SerializeToString())
    path = tmp_path / "external.onnx"
    onnx.save(proto, str(path), save_as_external_data=True, location="weights.bin", size_threshold=0)
    entry = onnx.StringStringEntryProto(key="location", value="weights.bin").SerializeToString()
    swapped = entry[10:] + entry[:10]
    assert len(entry[10:]) == 13 and onnx.StringStringEntryProto.FromString(swapped).value == "weights.bin"
    path.write_bytes(path.read_bytes().replace(entry, swapped))
    assert entry not in path.read_bytes()
    with pytest.raises(ModelError, match="external data"):
        FaceDetector(path)

    path.write_bytes(b"\xea\x80\x80\x80\x10\x00")  # a field number that readers in C++ cut to 13
    with pytest.raises(ModelError, match="field number that is too large"):
        FaceDetector(path)


def _external_model() -> bytes:
    tensor = onnx.TensorProto(name="x", data_location=onnx.TensorProto.EXTERNAL)
    branch = onnx.helper.make_graph([], "branch", [], [], initializer=[tensor])
    node = onnx.helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=onnx.GraphProto(name="else"))
    return bytes(onnx.ModelProto(graph=onnx.helper.make_graph([node], "g", [], [])).SerializeToString())


def _tensors(message: Any) -> Iterator[onnx.TensorProto]:
    """Every tensor in a message, by reflection."""
    if isinstance(message, onnx.TensorProto):
        yield message
    for _, value in message.ListFields():
        for part in value if hasattr(value, "__iter__") else [value]:
            if hasattr(part, "ListFields"):
                yield from _tensors(part)


@given(st.integers(0, len(_external_model()) - 1), st.integers(0, 255))
def test_no_reader_sees_external_data_where_the_check_does_not(place: int, value: int) -> None:
    data = bytearray(_external_model())
    data[place] = value
    try:
        model = onnx.ModelProto.FromString(bytes(data))
        found = any(t.external_data or t.data_location for t in _tensors(model))
    except DecodeError:
        return
    with suppress(ValueError):  # refused as damaged
        assert keeps_weights_elsewhere(bytes(data)) >= found


def test_outputs_of_another_type_are_told(proto: onnx.ModelProto, tmp_path: Path) -> None:
    for output in proto.graph.output:
        output.type.tensor_type.elem_type = onnx.TensorProto.FLOAT16
        proto.graph.node.append(onnx.helper.make_node("Cast", [f"{output.name}_f32"], [output.name], to=10))
        maker = next(node for node in proto.graph.node if output.name in node.output)
        maker.output[list(maker.output).index(output.name)] = f"{output.name}_f32"
    onnx.save(proto, tmp_path / "half.onnx")
    with pytest.raises(ModelError, match="expected float32 outputs, got float16"):
        FaceDetector(tmp_path / "half.onnx", backend="onnx")


def test_precision_must_be_the_files() -> None:
    assert OnnxBackend(BUNDLED, precision="fp32").precision == "fp32"
    with pytest.raises(BackendError, match="fp32, not int8"):
        OnnxBackend(BUNDLED, precision="int8")


@pytest.mark.parametrize("device", ["tpu", "cuda:x", "cuda0", "", "gpu"])
def test_unknown_devices(device: str) -> None:
    with pytest.raises(BackendError, match="'cuda:N', not on"):
        OnnxBackend(BUNDLED, device=device)


def test_cuda_is_an_error_where_it_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "both_installed", lambda: False)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(BackendError, match="pip uninstall -y onnxruntime\n  pip install onnxruntime-gpu"):
        FaceDetector(device="cuda")


def test_cuda_that_does_not_start_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "both_installed", lambda: False)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None)
    # ONNX Runtime falls back to the CPU without an error of its own.
    fallen = types.SimpleNamespace(get_providers=lambda: ["CPUExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *args, **kwargs: fallen)
    with pytest.raises(BackendError, match="could not start CUDAExecutionProvider"):
        FaceDetector(device="cuda:0")


def test_two_onnxruntimes_are_an_error_for_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: object())
    with pytest.raises(BackendError) as error:
        FaceDetector(device="cuda")
    assert "pip uninstall -y onnxruntime onnxruntime-gpu\n  pip install onnxruntime-gpu" in str(error.value)
    assert FaceDetector().device == "cpu", "the CPU does not care"


def test_one_onnxruntime_is_no_clash() -> None:
    assert not backend.both_installed()


def test_nothing_spins_between_runs() -> None:
    import os
    import time

    b = OnnxBackend(BUNDLED, threads=2)
    b.run(np.zeros((1, 3, 320, 320), np.float32))
    time.sleep(0.05)
    before = os.times()
    time.sleep(0.3)
    after = os.times()
    assert after.user + after.system - before.user - before.system < 0.1
