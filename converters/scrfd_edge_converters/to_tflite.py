"""Layers to TFLite, written as a flatbuffer directly: FP32, FP16, dynamic range, INT8, full-integer.

No operation in the file depends on the picture's size, so one file serves every multiple of 32: the interpreter resizes
its input. Maps are (N, H, W, C), and N is 1.
"""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as tfl

from .layers import Add, Array, Conv, GroupNorm, Layer, Network, Pool, Rows, Upsample
from .quantization import Quantization, quantize_bias, quantize_weight
from .tflite_file import TfliteFile

_RELU = tfl.ActivationFunctionType.RELU
_NONE = tfl.ActivationFunctionType.NONE
_SAME, _VALID = tfl.Padding.SAME, tfl.Padding.VALID
_LOGISTIC_STEP = (1 / 256, -128)  # the only one that the operation gives integers in


def write_tflite(
    network: Network,
    metadata: str,
    *,
    quantization: Quantization | None = None,
    weights: str = "float32",
    integer_outputs: bool = False,
    size: tuple[int, int] | None = None,
) -> bytes:
    """The file's bytes. metadata: JSON for its `scrfd_edge` entry.

    size: (height, width) if fixed. weights, without quantization: "float32", "float16" or "int8" (dynamic range). With
    quantization the input is int8, pixel - 128, and the outputs are floats unless `integer_outputs`.
    """
    if size is not None:
        network = network.at(size)
    writer = _Writer(network, quantization, weights, integer_outputs)
    for layer in network.layers:
        writer.write(layer)
    return writer.done(metadata, free_size=size is None)


class _Writer(TfliteFile):
    """Tensors by name; a map has a float form NAME and an integer form NAME.q, each made when first asked for."""

    def __init__(
        self, network: Network, quantization: Quantization | None, weights: str, integer_outputs: bool
    ) -> None:
        super().__init__()
        self.network = network
        self.quantization = quantization
        self.weights = weights
        self.integer_outputs = integer_outputs
        _, height, width = network.shapes[network.input]
        first = f"{network.input}.q" if quantization else network.input
        step = None if quantization is None else self.step(network.input)
        self.input = self.tensor(first, "int8" if quantization else "float32", (1, height, width, 3), step)

    def done(self, metadata: str, free_size: bool) -> bytes:
        """The file's bytes. free_size: says that the input may be resized."""
        if free_size:
            self.subgraph.tensors[self.input].shapeSignature = np.array([1, -1, -1, 3], np.int32)
        return self.finish([self.input], [self.tensors[rows.output] for rows in self.network.outputs], metadata)

    # --- layers ---

    def write(self, layer: Layer) -> None:
        match layer:
            case Conv():
                self.conv(layer)
            case Add():
                integer = self.quantized(layer.output)
                inputs = [self.map(name, integer) for name in layer.inputs]
                options = tfl.AddOptionsT()
                options.fusedActivationFunction = _RELU if layer.relu else _NONE
                self.operator("ADD", inputs, self.new(layer.output, integer), options, version=2 if integer else 1)
            case Pool():
                integer = self.quantized(layer.input)
                options = tfl.Pool2DOptionsT()
                options.padding = _VALID
                options.strideW = options.strideH = options.filterWidth = options.filterHeight = layer.size
                op = "MAX_POOL_2D" if layer.kind == "max" else "AVERAGE_POOL_2D"
                version = 2 if integer else 1
                self.operator(op, [self.map(layer.input, integer)], self.new(layer.output, integer), options, version)
            case Upsample():
                self.upsample(layer)
            case GroupNorm():
                self.group_norm(layer)
            case Rows():
                self.rows(layer)

    def conv(self, layer: Conv) -> None:
        integer = self.quantization is not None and layer.output not in self.quantization.floats
        x = self.map(layer.input, integer)
        padding = _VALID
        if layer.padding:
            if layer.stride == 1 and 2 * layer.padding + 1 == layer.weight.shape[2]:
                padding = _SAME
            else:  # "same" pads only below and to the right here
                x = self.pad(layer, x, integer)
        depthwise = layer.groups > 1
        options: Any = tfl.DepthwiseConv2DOptionsT() if depthwise else tfl.Conv2DOptionsT()
        options.padding = padding
        options.strideW = options.strideH = layer.stride
        options.fusedActivationFunction = _RELU if layer.relu else _NONE
        if depthwise:
            options.depthMultiplier = len(layer.bias) // layer.groups
        w, b = self.parameters(layer, integer, depthwise)
        op = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
        self.operator(op, [x, w, b], self.new(layer.output, integer), options, version=3 if integer else 1)

    def pad(self, layer: Conv, x: int, integer: bool) -> int:
        p = layer.padding
        c, h, w = self.network.shapes[layer.input]
        name = f"{layer.output}.padded"
        step = self.step(layer.input) if integer else None
        y = self.tensor(name, "int8" if integer else "float32", (1, h + 2 * p, w + 2 * p, c), step)
        sides = self.constant(np.array([[0, 0], [p, p], [p, p], [0, 0]], np.int32))
        return self.operator("PAD", [x, sides], y, tfl.PadOptionsT(), version=2 if integer else 1)

    def parameters(self, layer: Conv, integer: bool, depthwise: bool) -> tuple[int, int]:
        order = (1, 2, 3, 0) if depthwise else (0, 2, 3, 1)  # (1, k, k, out) or (out, k, k, in)
        axis = 3 if depthwise else 0
        if integer or self.weights == "int8":
            values, scales = quantize_weight(layer.weight)
            w = self.constant(values.transpose(order), (scales, np.zeros(len(scales), np.int64)), axis)
            if not integer:
                return w, self.constant(layer.bias)
            steps = scales.astype(np.float64) * self.step(layer.input)[0]
            bias = quantize_bias(layer.bias, steps)
            return w, self.constant(bias, (steps.astype(np.float32), np.zeros(len(bias), np.int64)))
        if self.weights == "float16":
            return self.half(layer.weight.transpose(order)), self.half(layer.bias)
        return self.constant(layer.weight.transpose(order)), self.constant(layer.bias)

    def half(self, value: Array) -> int:
        stored = self.constant(value.astype(np.float16))
        y = self.tensor(f"half_{len(self.subgraph.tensors)}", "float32", value.shape)
        return self.operator("DEQUANTIZE", [stored], y, tfl.DequantizeOptionsT(), version=3)

    def upsample(self, layer: Upsample) -> None:
        """Four times the channels, dealt out over cells: unlike resizing, it holds no size."""
        integer = self.quantized(layer.input)
        x = self.map(layer.input, integer)
        c, h, w = self.network.shapes[layer.input]
        kind, step = ("int8", self.step(layer.input)) if integer else ("float32", None)
        four = self.tensor(f"{layer.output}.four", kind, (1, h, w, 4 * c), step)
        options = tfl.ConcatenationOptionsT()
        options.axis = 3
        options.fusedActivationFunction = _NONE
        self.operator("CONCATENATION", [x] * 4, four, options, version=2 if integer else 1)
        deal = tfl.DepthToSpaceOptionsT()
        deal.blockSize = 2
        self.operator("DEPTH_TO_SPACE", [four], self.new(layer.output, integer), deal)

    def group_norm(self, layer: GroupNorm) -> None:
        """Always in floats. The mean of a group: of every channel, then over its channels by a 1x1 convolution."""
        x = self.map(layer.input, False)
        c, h, w = self.network.shapes[layer.input]
        whole, single = (1, h, w, c), (1, 1, 1, c)
        size = c // layer.groups
        spread = np.kron(np.eye(layer.groups), np.full((size, size), 1 / size)).astype(np.float32)
        spread_w = self.constant(spread[:, None, None, :])
        zero = self.constant(np.zeros(c, np.float32))

        def temporary(what: str, shape: tuple[int, ...]) -> int:
            return self.tensor(f"{layer.output}.{what}", "float32", shape)

        def group_mean(what: str, value: int) -> int:
            reducer = tfl.ReducerOptionsT()
            reducer.keepDims = True
            axes = self.constant(np.array([1, 2], np.int32))
            mean = self.operator("MEAN", [value, axes], temporary(f"{what}.cells", single), reducer)
            conv = tfl.Conv2DOptionsT()
            conv.padding, conv.strideW, conv.strideH = _VALID, 1, 1
            return self.operator("CONV_2D", [mean, spread_w, zero], temporary(what, single), conv)

        mean = group_mean("mean", x)
        centred = self.operator("SUB", [x, mean], temporary("centred", whole), tfl.SubOptionsT())
        squared = self.operator("MUL", [centred, centred], temporary("squared", whole), tfl.MulOptionsT())
        epsilon = self.constant(np.full(1, layer.epsilon, np.float32))
        variance = group_mean("variance", squared)
        safe = self.operator("ADD", [variance, epsilon], temporary("safe", single), tfl.AddOptionsT())
        inverse = self.operator("RSQRT", [safe], temporary("inverse", single))
        gain = self.operator(
            "MUL", [inverse, self.constant(layer.weight)], temporary("gain", single), tfl.MulOptionsT()
        )
        scaled = self.operator("MUL", [centred, gain], temporary("scaled", whole), tfl.MulOptionsT())
        options = tfl.AddOptionsT()
        options.fusedActivationFunction = _RELU if layer.relu else _NONE
        self.operator("ADD", [scaled, self.constant(layer.bias)], self.new(layer.output, False), options)

    def rows(self, layer: Rows) -> None:
        integer = self.integer_outputs
        x = self.map(layer.input, integer)
        channels, h, w = self.network.shapes[layer.input]
        step = self.step(layer.input) if integer else None
        kind = "int8" if integer else "float32"
        if (layer.start, layer.stop) != (0, channels):
            part = self.tensor(f"{layer.output}.part", kind, (1, h, w, layer.stop - layer.start), step)
            ends = [self.constant(np.array([0, 0, 0, v], np.int32)) for v in (layer.start, layer.stop)]
            options = tfl.StridedSliceOptionsT()
            options.beginMask = options.endMask = 0b0111  # all of the first three axes
            ones = self.constant(np.ones(4, np.int32))
            x = self.operator("STRIDED_SLICE", [x, *ends, ones], part, options, version=2 if integer else 1)
        if layer.factor is not None and layer.shift is not None:
            x = self.affine(layer, x, layer.factor, layer.shift)
        anchors = (layer.stop - layer.start) // layer.k
        shape = (1, h * w * anchors, layer.k)
        score = layer.k == 1
        rows = self.tensor(layer.output if not score else f"{layer.output}.logits", kind, shape, step)
        options = tfl.ReshapeOptionsT()
        options.newShape = [1, -1, layer.k]
        self.operator("RESHAPE", [x, self.constant(np.array([1, -1, layer.k], np.int32))], rows, options)
        if score:
            y = self.tensor(layer.output, kind, shape, _LOGISTIC_STEP if integer else None)
            self.operator("LOGISTIC", [rows], y, version=2 if integer else 1)

    def affine(self, layer: Rows, x: int, factor: Array, shift: Array) -> int:
        _, h, w = self.network.shapes[layer.input]
        shape = (1, h, w, len(factor))
        y = self.tensor(f"{layer.output}.scaled", "float32", shape)
        self.operator("MUL", [x, self.constant(factor)], y, tfl.MulOptionsT())
        z = self.tensor(f"{layer.output}.shifted", "float32", shape)
        return self.operator("ADD", [y, self.constant(shift)], z, tfl.AddOptionsT())

    # --- maps ---

    def quantized(self, name: str) -> bool:
        return self.quantization is not None and name in self.quantization.ranges

    def step(self, name: str) -> tuple[float, int]:
        """Scale and zero point of the int8 form."""
        assert self.quantization is not None
        step = self.quantization.step(name)
        return step.scale, step.zero - 128

    def new(self, name: str, integer: bool) -> int:
        c, h, w = self.network.shapes[name]
        if integer:
            return self.tensor(f"{name}.q", "int8", (1, h, w, c), self.step(name))
        return self.tensor(name, "float32", (1, h, w, c))

    def map(self, name: str, integer: bool) -> int:
        """The form of a map that is wanted, converted from the other one where it is not there yet."""
        wanted, other = (f"{name}.q", name) if integer else (name, f"{name}.q")
        if wanted not in self.tensors:
            y = self.new(name, integer)
            if integer:
                self.operator("QUANTIZE", [self.tensors[other]], y, tfl.QuantizeOptionsT())
            else:
                self.operator("DEQUANTIZE", [self.tensors[other]], y, tfl.DequantizeOptionsT(), version=2)
        return self.tensors[wanted]
