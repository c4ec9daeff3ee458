"""Reads the authors' ONNX exports into our networks.

In those files batch norm is folded into the convolutions, group norm is split into instance normalization, scale and
shift, and the initializers have mostly numbers for names. What is reliable is the order of the convolutions: the
backbone in forward order (a block's shortcut after its convolutions), lateral, top-down, downsample and bottom-up
convolutions of the neck, then per stride the tower, score, box and landmarks. A shared head appears once per stride.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from ..description import DESCRIPTIONS
from ..errors import ModelError
from .scrfd import SCRFD

_MAX_FILE = 1 << 30

# Output channels, input channels per group, kernel height and width, stride, groups of each convolution in order.
_Shapes = list[tuple[int, ...]]


def load_official(path: str | Path) -> SCRFD:
    """The network of an official export, in evaluation mode on the CPU: that of `DESCRIPTIONS` with its convolutions.

    Folded batch norms become gamma 1, beta = the folded bias, mean 0 and variance 1 - eps.
    Raises ModelError when the file is missing, damaged, or holds another network.
    """
    path = Path(path)
    graph = _read(path)
    shapes = [_shape_of(node, graph.arrays[node.input[1]]) for node in graph.convs]
    for description in DESCRIPTIONS.values():
        with torch.device("meta"):
            net = SCRFD(description)
        if _shapes(net) == shapes:
            break
    else:
        names = ", ".join(DESCRIPTIONS)
        raise ModelError(f"{path}: its {len(shapes)} convolutions are not those of any of {names}.")
    state = _state(path, graph, net)
    net.load_state_dict(state, assign=True)
    return net.eval()


@dataclass(frozen=True)
class _Graph:
    """arrays: initializers and constants by name. consumers: nodes by the name of an input."""

    arrays: Mapping[str, np.ndarray[Any, Any]]
    convs: list[onnx.NodeProto]
    norms: list[onnx.NodeProto]
    consumers: Mapping[str, list[onnx.NodeProto]]

    def affine(self, value: str, op: str) -> Tensor | None:
        """The constant operand of the `op` (Mul or Add) that reads `value`, if there is one."""
        for node in self.consumers.get(value, []):
            constants = [name for name in node.input if name in self.arrays]
            if node.op_type == op and len(constants) == 1:
                return _tensor(self.arrays[constants[0]]).flatten()
        return None

    def after(self, value: str, op: str) -> str | None:
        """The output of the `op` that reads `value`."""
        return next((node.output[0] for node in self.consumers.get(value, []) if node.op_type == op), None)


def _read(path: Path) -> _Graph:
    try:
        if path.stat().st_size > _MAX_FILE:
            raise ModelError(f"{path}: too large for an SCRFD network (at most {_MAX_FILE} bytes).")
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: expected an SCRFD network in ONNX format ({error}).") from None
    try:
        graph = onnx.load_from_string(data).graph
    except Exception as error:  # noqa: BLE001  (protobuf hides its DecodeError differently in each implementation)
        raise ModelError(f"{path}: expected an SCRFD network in ONNX format ({error}).") from None
    tensors = {t.name: t for t in graph.initializer}
    consumers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            consumers.setdefault(name, []).append(node)
        if node.op_type == "Constant":
            tensors |= ((node.output[0], a.t) for a in node.attribute if a.name == "value")
    if any(t.data_location == onnx.TensorProto.EXTERNAL for t in tensors.values()):
        raise ModelError(f"{path}: keeps weights in other files, which official exports do not.")
    try:
        arrays = {name: numpy_helper.to_array(t) for name, t in tensors.items()}
    except (ValueError, TypeError) as error:
        raise ModelError(f"{path}: a weight is damaged ({error}).") from None
    convs = [node for node in graph.node if node.op_type == "Conv"]
    for node in convs:
        if len(node.input) < 2 or any(name not in arrays for name in node.input[1:]):
            raise ModelError(f"{path}: convolution {node.name!r} has no constant weights.")
    norms = [node for node in graph.node if node.op_type == "InstanceNormalization"]
    return _Graph(arrays, convs, norms, consumers)


def _shape_of(node: onnx.NodeProto, weight: np.ndarray[Any, Any]) -> tuple[int, ...]:
    values = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    strides = values.get("strides", [1, 1])
    return (*weight.shape, *strides, values.get("group", 1))


def _layers(net: SCRFD) -> list[tuple[str, nn.Conv2d, nn.Module | None]]:
    """Name, convolution and its norm, in the order of the file."""
    towers = [f"head.towers.{i % len(net.head.towers)}" for i in range(len(net.description.strides))]
    out: list[tuple[str, nn.Conv2d, nn.Module | None]] = []
    for part in ("backbone", "neck", *towers):
        for name, module in net.get_submodule(part).named_modules(prefix=part):
            if isinstance(module, nn.Conv2d):
                out.append((name, module, None))
            elif isinstance(module, (nn.BatchNorm2d, nn.GroupNorm)):
                out[-1] = (*out[-1][:2], module)
    return out


def _shapes(net: SCRFD) -> _Shapes:
    return [(*conv.weight.shape, *conv.stride, conv.groups) for _, conv, _ in _layers(net)]


def _state(path: Path, graph: _Graph, net: SCRFD) -> dict[str, Tensor]:
    """The state dict, every entry written at least once; what a shared head repeats must repeat exactly."""
    names = {module: name for name, module in net.named_modules()}
    state: dict[str, Tensor] = {}

    def put(key: str, value: Tensor) -> None:
        if key in state and not torch.equal(state[key], value):
            raise ModelError(f"{path}: {key} should be shared by the strides, but differs between them.")
        state[key] = value

    norms = iter(graph.norms)
    scales = []
    for node, (name, _, norm) in zip(graph.convs, _layers(net), strict=True):
        put(f"{name}.weight", _tensor(graph.arrays[node.input[1]]))
        bias = _tensor(graph.arrays[node.input[2]]) if len(node.input) > 2 else None
        if isinstance(norm, nn.GroupNorm):
            weight, shift = _group_norm(path, graph, norms, norm)
            put(f"{names[norm]}.weight", weight)
            put(f"{names[norm]}.bias", shift)
        elif bias is None:
            raise ModelError(f"{path}: {name} should have a bias: its own, or that of a folded batch norm.")
        elif isinstance(norm, nn.BatchNorm2d):
            put(f"{names[norm]}.weight", torch.ones_like(bias))
            put(f"{names[norm]}.bias", bias)
            put(f"{names[norm]}.running_mean", torch.zeros_like(bias))
            put(f"{names[norm]}.running_var", torch.full_like(bias, 1 - norm.eps))
            put(f"{names[norm]}.num_batches_tracked", torch.tensor(0))
        else:
            put(f"{name}.bias", bias)
        if name.endswith(".box"):
            scales.append(graph.affine(node.output[0], "Mul"))
    if next(norms, None) is not None:
        raise ModelError(f"{path}: has more group norms than {net.description.name}.")
    found = [s for s in scales if s is not None]
    if len(found) != (len(scales) if net.description.head.scale else 0):
        raise ModelError(f"{path}: {len(found)} scales on the boxes do not fit {net.description.name}.")
    if found:
        put("head.scales", torch.cat(found))
    for key, wanted in net.state_dict().items():
        if state[key].shape != wanted.shape:
            raise ModelError(f"{path}: {key} should be {tuple(wanted.shape)}, but is {tuple(state[key].shape)}.")
    return state


def _group_norm(
    path: Path, graph: _Graph, norms: Iterable[onnx.NodeProto], norm: nn.GroupNorm
) -> tuple[Tensor, Tensor]:
    """Weight and bias: Reshape to groups, InstanceNormalization (no affine), Reshape back, Mul, Add."""
    node = next(iter(norms), None)
    if node is not None and len(node.input) == 3:
        inner = [graph.arrays.get(name) for name in node.input[1:]]
        plain = all(
            a is not None and a.shape == (norm.num_groups,) and np.all(a == b)
            for a, b in zip(inner, (1, 0), strict=True)
        )
        back = graph.after(node.output[0], "Reshape")
        scaled = back and graph.after(back, "Mul")
        if plain and back and scaled:
            weight, bias = graph.affine(back, "Mul"), graph.affine(scaled, "Add")
            if weight is not None and bias is not None:
                return weight, bias
    raise ModelError(f"{path}: expected a group norm of {norm.num_groups} groups as the authors' exporter writes it.")


def _tensor(array: np.ndarray[Any, Any]) -> Tensor:
    return torch.from_numpy(np.array(array, dtype=np.float32))
