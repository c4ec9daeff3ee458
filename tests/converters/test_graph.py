"""Reading an ONNX file into layers and writing it again changes nothing, whatever the network is made of."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from scrfd_edge_converters.graph import read_network
from scrfd_edge_converters.layers import Conv
from scrfd_edge_converters.source import open_source
from scrfd_edge_converters.to_onnx import write_onnx

from scrfd_edge import ModelError, catalog
from scrfd_edge.description import DESCRIPTIONS

BUNDLED = catalog.BUNDLED / "scrfd_500m_kps.onnx"


def run(data: bytes, tensor: Any) -> list[Any]:
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    outputs: list[Any] = session.run(None, {session.get_inputs()[0].name: tensor})
    return outputs


def same(before: bytes, after: bytes) -> None:
    tensor = np.random.default_rng(0).normal(size=(2, 3, 96, 64)).astype(np.float32)
    for expected, got in zip(run(before, tensor), run(after, tensor), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("name", [n for n in DESCRIPTIONS if "34g" not in n and "10g" not in n])
def test_written_again_gives_the_same(name: str, random_onnx: Callable[[str], bytes]) -> None:
    data = random_onnx(name)
    network = read_network(onnx.load_model_from_string(data))
    same(data, write_onnx(network, "{}"))
    assert network.group_norm == (DESCRIPTIONS[name].head.norm == "group")
    assert [rows.k for rows in network.outputs] == [1] * 3 + [4] * 3 + [10] * 3 * DESCRIPTIONS[name].head.landmarks


@pytest.mark.parametrize("name", ["scrfd_500m", "scrfd_500m_kps", "scrfd_1g", "scrfd_2.5g", "scrfd_2.5g_kps"])
def test_official_exports(name: str, shared: Path) -> None:
    data = (shared / "weights" / f"{name}.onnx").read_bytes()
    same(data, write_onnx(read_network(onnx.load_model_from_string(data)), "{}"))


def test_other_exporters_of_the_same_network() -> None:
    """The bundled file predicts everything by one convolution and slices it."""
    data = BUNDLED.read_bytes()
    same(data, write_onnx(read_network(onnx.load_model_from_string(data)), "{}"))


def test_fixed_size_and_half_precision(random_onnx: Callable[[str], bytes]) -> None:
    network = read_network(onnx.load_model_from_string(random_onnx("scrfd_500m_kps")))
    whole, half = write_onnx(network, "{}", size=(64, 96)), write_onnx(network, "{}", half=True)
    assert len(half) < 0.6 * len(whole)
    tensor = np.random.default_rng(0).normal(size=(1, 3, 64, 96)).astype(np.float32)
    for a, b in zip(run(whole, tensor), run(half, tensor), strict=True):
        assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.99
    with pytest.raises(onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument):
        run(whole, np.zeros((1, 3, 96, 64), np.float32))


def test_shapes_scale_with_the_size(random_onnx: Callable[[str], bytes]) -> None:
    network = read_network(onnx.load_model_from_string(random_onnx("scrfd_500m")))
    assert network.at((384, 640)).shapes[network.input] == (3, 384, 640)
    last = network.outputs[2].input
    assert network.at((384, 640)).shapes[last][1:] == (12, 20)


def _rename(model: onnx.ModelProto) -> None:
    next(n for n in model.graph.node if n.op_type == "Relu").op_type = "Tanh"


def _drop_an_output(model: onnx.ModelProto) -> None:
    del model.graph.output[4]


def _second_input(model: onnx.ModelProto) -> None:
    model.graph.input.append(onnx.helper.make_tensor_value_info("more", onnx.TensorProto.FLOAT, [1]))


def _stretch(model: onnx.ModelProto) -> None:
    conv = next(n for n in model.graph.node if n.op_type == "Conv")
    for attribute in conv.attribute:
        if attribute.name == "strides":
            attribute.ints[:] = [1, 2]


def _halve(model: onnx.ModelProto) -> None:
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            half = onnx.numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(onnx.numpy_helper.from_array(half, tensor.name))


def _name_a_file(model: onnx.ModelProto) -> None:
    tensor = onnx.TensorProto(name="x", data_location=onnx.TensorProto.EXTERNAL)
    model.graph.node.insert(0, onnx.helper.make_node("Constant", [], ["x"], value=tensor))


def _cut_weights(model: onnx.ModelProto) -> None:
    tensor = next(t for t in model.graph.initializer if t.raw_data)
    tensor.raw_data = tensor.raw_data[:-2]


def _lose_a_weight(model: onnx.ModelProto) -> None:
    tensor = next(t for t in model.graph.initializer if t.data_type == onnx.TensorProto.FLOAT and len(t.dims) == 4)
    values = onnx.numpy_helper.to_array(tensor).copy()
    values.flat[0] = np.nan
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))


def _slice_the_picture(model: onnx.ModelProto) -> None:
    """As YOLO's networks begin."""
    first = next(n for n in model.graph.node if n.op_type == "Conv")
    first.op_type = "Slice"
    for name in ("start", "end", "axis"):
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([2]), name))
    first.input[1:] = ["start", "end", "axis"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_halve, "float16, expected float32: convert from the FP32 file"),
        (_name_a_file, "external data"),
        (_cut_weights, "The model: not the graph"),
        (_lose_a_weight, "Conv.*weights that are not finite"),
        (_slice_the_picture, "Slice.*a part of an unexpected layer"),
        (_rename, "Tanh.*operation unknown"),
        (_drop_an_output, "scores, boxes"),
        (_second_input, "2 inputs"),
        (_stretch, "same value in all directions"),
    ],
)
def test_what_is_no_scrfd_network(
    spoil: Callable[[onnx.ModelProto], None], message: str, random_onnx: Callable[[str], bytes], tmp_path: Path
) -> None:
    model = onnx.load_model_from_string(random_onnx("scrfd_500m_kps"))
    spoil(model)
    path = tmp_path / "other.onnx"
    onnx.save(model, path)
    with pytest.raises(ModelError, match=f"other.onnx:? .*{message}"):
        open_source(path)


def test_predictions_of_a_stride_are_one_convolution(random_onnx: Callable[[str], bytes]) -> None:
    network = read_network(onnx.load_model_from_string(random_onnx("scrfd_500m_kps")))
    assert len({rows.input for rows in network.outputs}) == 3
    predictions = [layer for layer in network.layers if isinstance(layer, Conv) and layer.output.startswith("pred")]
    assert [len(conv.bias) for conv in predictions] == [30, 30, 30]
