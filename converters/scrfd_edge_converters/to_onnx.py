"""Layers to ONNX: FP32, FP16 (halved weights, computed in FP32) or INT8 (QDQ, per-channel weights)."""

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from .layers import Add, Conv, GroupNorm, Layer, Network, Pool, Rows, Upsample
from .quantization import Quantization, quantize_bias, quantize_weight

OPSET = 17
_IR_VERSION = 8  # the one of opset 17, so that every runtime with this opset loads the file


def write_onnx(
    network: Network,
    metadata: str,
    *,
    quantization: Quantization | None = None,
    half: bool = False,
    statistics: bool = False,
    size: tuple[int, int] | None = None,
    single: bool = False,
) -> bytes:
    """The file's bytes. metadata: JSON for its `scrfd_edge` entry. size: (height, width) if fixed, for one picture.

    single: takes one picture per run, and its outputs are (rows, k), without batch dimension.
    statistics: adds outputs NAME.low, NAME.high, NAME.mean (N, C) of every map, for calibration.
    """
    writer = _Writer(network, quantization, half, single)
    for layer in network.layers:
        writer.write(layer)
    pictures: str | int = _N if size is None and not single else 1
    batch = [] if single else [pictures]
    outputs = [
        helper.make_tensor_value_info(r.output, TensorProto.FLOAT, [*batch, f"{r.output}_rows", r.k])
        for r in network.outputs
    ]
    if statistics:
        outputs += writer.statistics()
    image = helper.make_tensor_value_info(
        network.input, TensorProto.FLOAT, [pictures, 3, *(size or ("height", "width"))]
    )
    graph = helper.make_graph(writer.nodes, "scrfd", [image], outputs, list(writer.constants.values()))
    model = helper.make_model(
        graph,
        producer_name="scrfd-edge",
        ir_version=_IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    helper.set_model_props(model, {"scrfd_edge": metadata})
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


_N = "batch"


class _Writer:
    """A map has up to two forms: floats, named as in the network, and integers, named NAME.q."""

    def __init__(self, network: Network, quantization: Quantization | None, half: bool, single: bool) -> None:
        self.network = network
        self.quantization = quantization
        self.half = half
        self.single = single
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[bytes, onnx.TensorProto] = {}
        self.made: set[str] = {network.input}

    def write(self, layer: Layer) -> None:
        match layer:
            case Conv():
                self.conv(layer)
            case Add():
                integer = self.quantized(layer.output)
                a, b = (self.floats(name, integer) for name in layer.inputs)
                self.activated("Add", layer.output, layer.relu, a, b)
            case Pool(kind="max") if self.whole(layer):
                self.node("MaxPool", self.integers(layer.input), output=f"{layer.output}.q", **_window(layer))
            case Pool():
                op = "MaxPool" if layer.kind == "max" else "AveragePool"
                self.node(op, self.floats(layer.input), output=layer.output, **_window(layer))
            case Upsample():
                integer = self.whole(layer)
                x = self.integers(layer.input) if integer else self.floats(layer.input)
                scales = self.constant(np.array([1, 1, 2, 2], np.float32))
                nearest = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
                self.node("Resize", x, "", scales, output=f"{layer.output}{'.q' if integer else ''}", **nearest)
            case GroupNorm():
                self.group_norm(layer)
            case Rows():
                self.rows(layer)

    def conv(self, layer: Conv) -> None:
        integer = self.quantization is not None and layer.output not in self.quantization.floats
        x = self.floats(layer.input) if self.quantization else layer.input
        if integer and self.quantization is not None:
            weight, scales = quantize_weight(layer.weight)
            steps = (scales * self.quantization.step(layer.input).scale).astype(np.float32)
            bias = quantize_bias(layer.bias, steps)
            zeros = self.constant(np.zeros(len(bias), np.int8)), self.constant(np.zeros(len(bias), np.int32))
            names = [self.constant(v) for v in (weight, scales, bias, steps)]
            w = self.node("DequantizeLinear", names[0], names[1], zeros[0], axis=0)
            b = self.node("DequantizeLinear", names[2], names[3], zeros[1], axis=0)
        else:
            w, b = self.weight(layer.weight), self.constant(layer.bias)
        k = layer.weight.shape[2]
        geometry = {"kernel_shape": [k, k], "strides": [layer.stride] * 2, "pads": [layer.padding] * 4}
        self.activated("Conv", layer.output, layer.relu, x, w, b, group=layer.groups, **geometry)

    def activated(self, op: str, name: str, relu: bool, *inputs: str, **attributes: Any) -> None:
        """Clamping to integers whose range starts at zero is a ReLU already."""
        if relu and not self.quantized(name):
            y = self.node(op, *inputs, output=f"{name}.linear", **attributes)
            self.node("Relu", y, output=name)
        else:
            self.node(op, *inputs, output=name, **attributes)

    def group_norm(self, layer: GroupNorm) -> None:
        x = self.floats(layer.input)
        groups = self.constant(np.array([0, layer.groups, -1]))
        one, zero = (self.constant(np.full(layer.groups, v, np.float32)) for v in (1, 0))
        y = self.node("Reshape", x, groups)
        y = self.node("InstanceNormalization", y, one, zero, epsilon=layer.epsilon)
        y = self.node("Reshape", y, self.node("Shape", x))
        y = self.node("Mul", y, self.constant(layer.weight[:, None, None]))
        self.activated("Add", layer.output, layer.relu, y, self.constant(layer.bias[:, None, None]))

    def rows(self, layer: Rows) -> None:
        x = self.floats(layer.input)
        transposed = f"{layer.input}.transposed"
        if transposed not in self.made:
            self.node("Transpose", x, output=transposed, perm=[0, 2, 3, 1])
        y = transposed
        if (layer.start, layer.stop) != (0, self.network.shapes[layer.input][0]):
            y = self.node("Slice", y, *(self.constant(np.array([v])) for v in (layer.start, layer.stop, 3)))
        if layer.factor is not None and layer.shift is not None:
            y = self.node("Mul", y, self.constant(layer.factor))
            y = self.node("Add", y, self.constant(layer.shift))
        rows = self.constant(np.array([-1, layer.k] if self.single else [0, -1, layer.k]))
        if layer.k == 1:
            self.node("Sigmoid", self.node("Reshape", y, rows), output=layer.output)
        else:
            self.node("Reshape", y, rows, output=layer.output)

    def quantized(self, name: str) -> bool:
        return self.quantization is not None and name in self.quantization.ranges

    def whole(self, layer: Pool | Upsample) -> bool:
        """Whether integers go in and come out."""
        return self.quantized(layer.input) and self.quantized(layer.output)

    def integers(self, name: str) -> str:
        assert self.quantization is not None
        if f"{name}.q" not in self.made:
            self.node("QuantizeLinear", name, *self.step(name), output=f"{name}.q")
        return f"{name}.q"

    def floats(self, name: str, integer: bool = True) -> str:
        """The map as floats, rounded to what its integers can say where it has them."""
        if not self.quantized(name) or not integer:
            return name
        if f"{name}.dq" not in self.made:
            self.node("DequantizeLinear", self.integers(name), *self.step(name), output=f"{name}.dq")
        return f"{name}.dq"

    def step(self, name: str) -> tuple[str, str]:
        assert self.quantization is not None
        step = self.quantization.step(name)
        integer = np.int8 if step.signed else np.uint8
        return self.constant(np.array(step.scale, np.float32)), self.constant(np.array(step.zero, integer))

    def weight(self, value: npt.NDArray[np.float32]) -> str:
        if not self.half:
            return self.constant(value)
        return self.node("Cast", self.constant(value.astype(np.float16)), to=TensorProto.FLOAT)

    def constant(self, value: npt.NDArray[Any]) -> str:
        """Equal constants are stored once."""
        value = np.asarray(value, order="C")
        key = f"{value.dtype}{value.shape}".encode() + value.tobytes()
        if key not in self.constants:
            self.constants[key] = numpy_helper.from_array(value, f"c{len(self.constants)}")
        return str(self.constants[key].name)

    def node(self, op: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        name = output or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], f"{op}_{len(self.nodes)}", **attributes))
        self.made.add(name)
        return name

    def statistics(self) -> list[onnx.ValueInfoProto]:
        outputs = []
        for name, (channels, _, _) in self.network.shapes.items():
            for op, what in (("ReduceMin", "low"), ("ReduceMax", "high"), ("ReduceMean", "mean")):
                self.node(op, name, output=f"{name}.{what}", axes=[2, 3], keepdims=0)
                outputs.append(helper.make_tensor_value_info(f"{name}.{what}", TensorProto.FLOAT, [_N, channels]))
        return outputs


def _window(layer: Pool) -> dict[str, Any]:
    return {"kernel_shape": [layer.size] * 2, "strides": [layer.size] * 2}
