"""Reads the network in an ONNX file as layers.

The graph is taken apart once: constants are folded, ReLUs and factors go into the layer before them, the exporters'
detours (group norm as instance norm, sizes computed at run time, transposed rows) become what they mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from scrfd_edge.errors import ModelError

from .layers import TRACE, Add, Conv, GroupNorm, Layer, Network, Pool, Rows, Upsample, inputs_of

_KINDS = {1: "score", 4: "bbox", 10: "kps"}


def read_network(model: onnx.ModelProto) -> Network:
    """Raises ModelError for a graph that is not made of what SCRFD networks are made of."""
    reader = _Reader(model)
    try:
        return reader.read()
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise ModelError(f"{reader.where}: not the graph of an SCRFD network ({error}).") from None


@dataclass(frozen=True)
class _Grouped:
    """A map reshaped to (N, groups, -1), on the way to a group norm; `norm` once it has been normalised."""

    map: str
    groups: int
    norm: GroupNorm | None = None


@dataclass(frozen=True)
class _Transposed:
    """A map with its channels last, then (k > 0) reshaped to rows."""

    map: str
    sigmoid: bool
    k: int = 0


_Value: TypeAlias = "npt.NDArray[Any] | str | _Grouped | _Transposed | None"


class _Reader:
    """Walks the nodes with every value either a constant, the name of a map, or on its way between two maps."""

    def __init__(self, model: onnx.ModelProto) -> None:
        graph = model.graph
        self.where = "The model"
        self.graph = graph
        self.opsets = list(model.opset_import)
        self.values: dict[str, _Value] = {"": None}
        self.layers: dict[str, Layer] = {}
        self.sigmoids: set[str] = set()
        self.shapes: dict[str, tuple[int, int, int]] = {}

    def read(self) -> Network:
        self.values |= {i.name: numpy_helper.to_array(i) for i in self.graph.initializer}
        inputs = [i for i in self.graph.input if i.name not in self.values]
        if len(inputs) != 1:
            raise ValueError(f"{len(inputs)} inputs, expected one picture")
        self.values[inputs[0].name] = Network.input
        self.shapes[Network.input] = (3, *TRACE)
        for node in self.graph.node:
            self.where = f"Node {node.name or node.output[0]!r} ({node.op_type})"
            self.visit(node)
        self.where = "The model"
        rows = sorted((self.rows(o.name) for o in self.graph.output), key=lambda r: (r.k, -self.cells(r.input)))
        strides = [TRACE[1] // self.shapes[r.input][2] for r in rows]
        if [(r.k, s) for r, s in zip(rows, strides, strict=True)] not in (
            [(k, s) for k in kinds for s in (8, 16, 32)] for kinds in ((1, 4), (1, 4, 10))
        ):
            raise ValueError("expected scores, boxes and perhaps landmarks at strides 8, 16 and 32")
        named = [replace(r, output=f"{_KINDS[r.k]}_{s}") for r, s in zip(rows, strides, strict=True)]
        merged = [
            self.merge([r for r, of in zip(named, strides, strict=True) if of == s]) for s in sorted(set(strides))
        ]
        outputs = sorted((r for rows in merged for r in rows), key=lambda r: (r.k, -self.cells(r.input)))
        layers = self.alive([r.input for r in outputs])
        shapes = {name: self.shapes[name] for name in (Network.input, *(layer.output for layer in layers))}
        return Network((*layers, *outputs), shapes)

    def merge(self, rows: Sequence[Rows]) -> list[Rows]:
        """One convolution for everything that is predicted at a stride: with few channels each, they waste lanes."""
        convs = [self.layers[r.input] for r in rows]
        first = convs[0]
        if not isinstance(first, Conv):
            raise TypeError("a prediction that is not made by a convolution")
        name = f"predictions_{rows[0].output.removeprefix('score_')}"
        weights, biases = [], []
        for conv in convs:
            if not isinstance(conv, Conv) or replace(conv, output="", weight=first.weight, bias=first.bias) != replace(
                first, output=""
            ):
                raise ValueError("predictions at one stride are made differently")
            weights.append(conv.weight)
            biases.append(conv.bias)
        conv = replace(first, output=name, weight=np.concatenate(weights), bias=np.concatenate(biases))
        self.add(conv, (len(conv.bias), *self.shapes[rows[0].input][1:]))
        stops = np.cumsum([len(b) for b in biases]).tolist()
        return [
            replace(r, input=name, start=stop - len(b), stop=stop)
            for r, b, stop in zip(rows, biases, stops, strict=True)
        ]

    def alive(self, needed: list[str]) -> list[Layer]:
        """The layers that the maps `needed` depend on, in order."""
        alive: list[Layer] = []
        for layer in reversed(self.layers.values()):
            if layer.output in needed:
                alive.append(layer)
                needed.extend(inputs_of(layer))
        return alive[::-1]

    def cells(self, name: str) -> int:
        return self.shapes[name][1] * self.shapes[name][2]

    def rows(self, output: str) -> Rows:
        value = self.values[output]
        if not isinstance(value, _Transposed) or value.k not in _KINDS or value.sigmoid != (value.k == 1):
            raise ValueError(f"output {output!r} is not scores, boxes or landmarks in rows")
        return Rows(output, value.map, value.k, 0, self.shapes[value.map][0])

    def visit(self, node: onnx.NodeProto) -> None:
        values = [self.values[name] for name in node.input]
        if all(v is None or isinstance(v, np.ndarray) for v in values):
            self.fold(node, {name: v for name, v in zip(node.input, values, strict=True) if name})
            return
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        method = getattr(self, f"read_{node.op_type.lower()}", None)
        if method is None:
            raise ValueError("operation unknown here")
        self.values[node.output[0]] = method(node.output[0], values, attributes)

    def fold(self, node: onnx.NodeProto, feeds: dict[str, Any]) -> None:
        inputs, outputs = ([onnx.ValueInfoProto(name=name) for name in names] for names in (feeds, node.output))
        graph = onnx.helper.make_graph([node], "constant", inputs, outputs)
        results = ReferenceEvaluator(onnx.helper.make_model(graph, opset_imports=self.opsets)).run(None, feeds)
        self.values |= {name: np.asarray(r) for name, r in zip(node.output, results, strict=True)}

    def add(self, layer: Layer, shape: tuple[int, int, int]) -> str:
        self.layers[layer.output] = layer
        self.shapes[layer.output] = shape
        return layer.output

    def read_conv(self, name: str, values: Sequence[Any], a: dict[str, Any]) -> str:
        x, weight, bias = values[0], values[1], values[2] if len(values) > 2 else None
        stride, padding = _same(a.get("strides", [1])), _same(a.get("pads", [0]))
        if weight.dtype != np.float32:
            raise ValueError(f"weights in {weight.dtype}, expected float32: convert from the FP32 file")
        if bias is None:
            bias = np.zeros(len(weight), np.float32)
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise ValueError("weights that are not finite")
        layer = Conv(name, x, weight, bias, stride, padding, a.get("group", 1))
        _, h, w = self.shapes[x]
        k = weight.shape[2]
        sides = ((h + 2 * padding - k) // stride + 1, (w + 2 * padding - k) // stride + 1)
        return self.add(layer, (len(weight), *sides))

    def read_relu(self, name: str, values: Sequence[Any], a: dict[str, Any]) -> str:
        x = values[0]
        layer = self.layers.pop(x)
        if not isinstance(layer, Conv | Add | GroupNorm):
            raise TypeError("ReLU after an unexpected layer")
        return self.add(replace(layer, output=name, relu=True), self.shapes.pop(x))

    def read_add(self, name: str, values: Sequence[Any], a: dict[str, Any]) -> str:
        x, y = values if isinstance(values[0], str) else values[::-1]
        if isinstance(y, str):
            return self.add(Add(name, (x, y)), self.shapes[x])
        norm = self.layers.pop(x)
        if not isinstance(norm, GroupNorm):
            raise TypeError("a constant is added to an unexpected layer")
        return self.add(replace(norm, output=name, bias=norm.bias + y.ravel()), self.shapes.pop(x))

    def read_mul(self, name: str, values: Sequence[Any], a: dict[str, Any]) -> str:
        """A factor on the box distances, or the weight of a group norm."""
        x, factor = values if isinstance(values[0], str) else values[::-1]
        layer = self.layers.pop(x)
        if not isinstance(layer, Conv | GroupNorm) or layer.relu:
            raise ValueError("a factor on an unexpected layer")
        factor = np.broadcast_to(factor.ravel(), layer.bias.shape)
        by = factor[:, None, None, None] if isinstance(layer, Conv) else factor
        scaled = replace(layer, output=name, weight=layer.weight * by, bias=layer.bias * factor)
        return self.add(scaled, self.shapes.pop(x))

    def read_maxpool(self, name: str, values: Sequence[Any], a: dict[str, Any], kind: str = "max") -> str:
        size = _same(a["kernel_shape"])
        if _same(a["strides"]) != size or any(a.get("pads", [0])):
            raise ValueError("expected windows without overlap or padding")
        c, h, w = self.shapes[values[0]]
        return self.add(Pool(name, values[0], kind, size), (c, h // size, w // size))

    def read_averagepool(self, name: str, values: Sequence[Any], a: dict[str, Any]) -> str:
        return self.read_maxpool(name, values, a, "average")

    def read_resize(self, name: str, values: Sequence[Any], a: dict[str, Any]) -> str:
        c, h, w = self.shapes[values[0]]
        sizes = values[3].tolist() if len(values) > 3 else (np.array([1, c, h, w]) * values[2]).astype(int).tolist()
        if a.get("mode", b"nearest") != b"nearest" or sizes[2:] != [2 * h, 2 * w]:
            raise ValueError("expected nearest neighbours at twice the size")
        return self.add(Upsample(name, values[0]), (c, 2 * h, 2 * w))

    def read_shape(self, name: str, values: Sequence[Any], a: dict[str, Any]) -> npt.NDArray[Any]:
        return np.array([1, *self.shapes[values[0]]])[a.get("start", 0) : a.get("end", 4)]

    def read_transpose(self, name: str, values: Sequence[Any], a: dict[str, Any]) -> _Transposed:
        if a["perm"] not in ([0, 2, 3, 1], [2, 3, 0, 1]):
            raise ValueError(f"unexpected order of axes {a['perm']}")
        sigmoid = values[0] in self.sigmoids
        return _Transposed(values[0], sigmoid)

    def read_slice(self, name: str, values: Sequence[Any], a: dict[str, Any]) -> _Transposed:
        """Some channels of a convolution that predicts everything at once: a convolution of their own."""
        x, start, end, axis = values[0], *(int(_same(v)) for v in values[1:4])
        conv = self.layers[x.map] if isinstance(x, _Transposed) else None
        if not isinstance(x, _Transposed) or not isinstance(conv, Conv) or conv.relu or conv.groups != 1 or axis != 3:
            raise ValueError("a part of an unexpected layer")
        part = replace(conv, output=name, weight=conv.weight[start:end], bias=conv.bias[start:end])
        return replace(x, map=self.add(part, (len(part.bias), *self.shapes[x.map][1:])))

    def read_reshape(self, name: str, values: Sequence[Any], a: dict[str, Any]) -> _Value:
        x, shape = values[0], values[1].tolist()
        if isinstance(x, _Transposed):
            return replace(x, k=shape[-1])
        if isinstance(x, _Grouped):
            if x.norm is None or shape[1:] != list(self.shapes[x.map]):
                raise ValueError("expected the way back from a group norm")
            return self.add(replace(x.norm, output=name), self.shapes[x.map])
        return _Grouped(x, shape[1])

    def read_instancenormalization(self, name: str, values: Sequence[Any], a: dict[str, Any]) -> _Grouped:
        x: _Grouped = values[0]
        weight, bias = values[1:]
        per_group = self.shapes[x.map][0] // x.groups
        norm = GroupNorm(
            name, x.map, x.groups, weight.repeat(per_group), bias.repeat(per_group), a.get("epsilon", 1e-5)
        )
        return replace(x, norm=norm)

    def read_sigmoid(self, name: str, values: Sequence[Any], a: dict[str, Any]) -> _Value:
        x = values[0]
        if isinstance(x, _Transposed):
            return replace(x, sigmoid=True)
        self.sigmoids.add(x)
        return x  # type: ignore[no-any-return]


def _same(values: Sequence[int]) -> int:
    if len(set(values)) != 1:
        raise ValueError(f"expected the same value in all directions, got {list(values)}")
    return values[0]
