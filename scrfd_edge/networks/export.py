"""Writes a network as ONNX, node by node, so that the file holds what inference needs and nothing else.

Names, order and layout of the outputs are those of the official exports (see `Flattened`). Batch norm is folded into
the convolutions, and so are the factors on the box distances.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from ..errors import ModelError
from ..files import write_file
from ..metadata import KEY, Metadata
from .folding import folded
from .head import Tower
from .mobilenet import MobileNet
from .pafpn import PAFPN
from .resnet import ResidualBlock, ResNet
from .scrfd import SCRFD

_OPSET = 17
_IR_VERSION = 8  # the one of opset 17, so that every runtime with this opset loads the file


def export_onnx(net: SCRFD, metadata: Metadata, path: str | Path) -> None:
    """Writes `net` with its metadata; an existing file is replaced in one step. See `to_onnx`."""
    write_file(path, to_onnx(net, metadata))


def to_onnx(net: SCRFD, metadata: Metadata) -> bytes:
    """One self-contained ONNX file (opset 17) with free batch, height and width.

    Statistics of batch norm are those of evaluation, whatever mode `net` is in.
    Raises ModelError when metadata and network disagree, or a weight is not finite.
    """
    d = net.description
    if (metadata.strides, metadata.anchors, metadata.landmarks) != (d.strides, d.anchors, d.head.landmarks):
        raise ModelError(f"The metadata of {metadata.model!r} does not describe the network {d.name!r}.")
    net = folded(net)
    graph = _Graph()
    maps = _backbone(graph, net.backbone, "input.1")
    maps = _neck(graph, net.neck, maps[1:])
    outputs = _head(graph, net, maps)
    image = helper.make_tensor_value_info("input.1", TensorProto.FLOAT, ["batch", 3, "height", "width"])
    infos = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", f"anchors_{stride}", k])
        for name, stride, k in outputs
    ]
    model = helper.make_model(
        helper.make_graph(graph.nodes, d.name, [image], infos, list(graph.weights.values())),
        producer_name="scrfd-edge",
        ir_version=_IR_VERSION,
        opset_imports=[helper.make_opsetid("", _OPSET)],
    )
    helper.set_model_props(model, {KEY: metadata.to_json()})
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


class _Graph:
    """Nodes in order and weights by name. A value is named after the node that makes it."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, onnx.TensorProto] = {}

    def add(self, op: str, name: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        output = output or name
        self.nodes.append(helper.make_node(op, inputs, [output], name, **attributes))
        return output

    def weight(self, name: str, value: Tensor | Sequence[int]) -> str:
        """Stores a constant once; a shared head asks for its weights again for every stride."""
        if name not in self.weights:
            if isinstance(value, Tensor):
                if not value.isfinite().all():
                    raise ModelError(f"{name} holds values that are not finite: the training diverged.")
                array = value.detach().cpu().to(torch.float32).numpy()
            else:
                array = np.array(value, np.int64)
            self.weights[name] = numpy_helper.from_array(array, name)
        return name

    def conv(self, name: str, x: str, conv: nn.Conv2d, weight: Tensor, bias: Tensor | None, weights: str) -> str:
        """name: of the node. weights: prefix of its weights, which differs where a head is shared."""
        inputs = [self.weight(f"{weights}.weight", weight)]
        if bias is not None:
            inputs.append(self.weight(f"{weights}.bias", bias))
        return self.add(
            "Conv",
            name,
            x,
            *inputs,
            kernel_shape=conv.kernel_size,
            strides=conv.stride,
            pads=[conv.padding[0], conv.padding[1]] * 2,
            group=conv.groups,
        )


def _backbone(graph: _Graph, backbone: MobileNet | ResNet, x: str) -> list[str]:
    x = _sequence(graph, "backbone.stem", backbone.stem, x)
    if isinstance(backbone, ResNet):
        x = graph.add("MaxPool", "backbone.pool", x, kernel_shape=[2, 2], strides=[2, 2])
    maps = []
    for i, stage in enumerate(backbone.stages):
        for j, block in enumerate(stage.children()):
            name = f"backbone.stages.{i}.{j}"
            if isinstance(block, ResidualBlock):
                out = _sequence(graph, f"{name}.convs", block.convs, x)
                shortcut = _sequence(graph, f"{name}.shortcut", block.shortcut, x)
                x = graph.add("Relu", f"{name}.relu", graph.add("Add", f"{name}.add", out, shortcut))
            else:
                x = _sequence(graph, name, block, x)
        maps.append(x)
    return maps


def _neck(graph: _Graph, neck: PAFPN, maps: Sequence[str]) -> list[str]:
    def convs(part: str, inputs: Iterable[str]) -> list[str]:
        modules = neck.get_submodule(part)
        return [
            _sequence(graph, f"neck.{part}.{i}", m, x)
            for i, (m, x) in enumerate(zip(modules.children(), inputs, strict=True))
        ]

    laterals = convs("lateral", maps)
    for i in range(len(laterals) - 1, 0, -1):
        name = f"neck.upsample.{i - 1}"
        channels = graph.add("Shape", f"{name}.channels", laterals[i], end=2)
        cells = graph.add("Shape", f"{name}.cells", laterals[i - 1], start=2)
        size = graph.add("Concat", f"{name}.size", channels, cells, axis=0)
        nearest = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        upsampled = graph.add("Resize", name, laterals[i], "", "", size, **nearest)
        laterals[i - 1] = graph.add("Add", f"{name}.add", laterals[i - 1], upsampled)
    outs = convs("top_down", laterals)
    for i in range(1, len(outs)):
        name = f"neck.downsample.{i - 1}"
        down = _sequence(graph, name, neck.downsample[i - 1], outs[i - 1])
        outs[i] = graph.add("Add", f"{name}.add", outs[i], down)
    return [outs[0], *convs("bottom_up", outs[1:])]


def _head(graph: _Graph, net: SCRFD, maps: Sequence[str]) -> list[tuple[str, int, int]]:
    """Name, stride and last dimension of each output, in the official order."""
    head = net.head
    outputs = []
    for i, (x, stride) in enumerate(zip(maps, net.description.strides, strict=True)):
        weights = f"head.towers.{i % len(head.towers)}"
        tower = head.towers[i % len(head.towers)]
        assert isinstance(tower, Tower)
        name = f"head.{stride}"
        x = _sequence(graph, f"{name}.convs", tower.convs, x, f"{weights}.convs")
        predictors = [("score", tower.score, 1), ("bbox", tower.box, 4), ("kps", tower.landmarks, 10)]
        for kind, conv, k in predictors:
            if conv is None:
                continue
            weight, bias, prefix = conv.weight, conv.bias, f"{weights}.{kind}"
            if kind == "bbox" and head.scales is not None and bias is not None:
                scale = head.scales[i]
                weight, bias, prefix = weight * scale, bias * scale, f"{name}.{kind}"
            y = graph.conv(f"{name}.{kind}", x, conv, weight, bias, prefix)
            y = graph.add("Transpose", f"{name}.{kind}.transpose", y, perm=[0, 2, 3, 1])
            shape = graph.weight(f"head.rows_{k}", [0, -1, k])
            output = f"{kind}_{stride}"
            if kind == "score":
                y = graph.add("Reshape", f"{name}.{kind}.reshape", y, shape)
                graph.add("Sigmoid", f"{name}.{kind}.sigmoid", y, output=output)
            else:
                graph.add("Reshape", f"{name}.{kind}.reshape", y, shape, output=output)
            outputs.append((output, stride, k))
    order = ["score", "bbox", "kps"]
    return sorted(outputs, key=lambda o: (order.index(o[0].partition("_")[0]), o[1]))


def _sequence(graph: _Graph, name: str, module: nn.Module, x: str, weights: str | None = None) -> str:
    """Convolutions, norms, ReLUs and average pools one after the other. weights: prefix of the weights' names."""
    weights = weights or name
    leaves = ((key, m) for key, m in module.named_modules() if not isinstance(m, nn.Sequential))
    for key, layer in leaves:
        node = f"{name}.{key}".rstrip(".")
        prefix = f"{weights}.{key}".rstrip(".")
        if isinstance(layer, nn.Conv2d):
            x = graph.conv(node, x, layer, layer.weight, layer.bias, prefix)
        elif isinstance(layer, nn.GroupNorm):
            x = _group_norm(graph, node, prefix, layer, x)
        elif isinstance(layer, nn.ReLU):
            x = graph.add("Relu", node, x)
        elif isinstance(layer, nn.AvgPool2d):
            if layer.kernel_size != 1:
                sides = [int(layer.kernel_size)] * 2  # type: ignore[arg-type]
                x = graph.add("AveragePool", node, x, kernel_shape=sides, strides=sides, ceil_mode=1)
        elif not isinstance(layer, nn.Identity):
            raise TypeError(f"no ONNX form of {type(layer).__name__}")
    return x


def _group_norm(graph: _Graph, node: str, prefix: str, norm: nn.GroupNorm, x: str) -> str:
    """As instance norm over the groups, then a factor and a shift per channel: all engines run these fast."""
    groups = graph.weight(f"{prefix}.groups", [0, norm.num_groups, -1])
    one = graph.weight(f"{prefix}.ones", torch.ones(norm.num_groups))
    zero = graph.weight(f"{prefix}.zeros", torch.zeros(norm.num_groups))
    grouped = graph.add("Reshape", f"{node}.group", x, groups)
    normed = graph.add("InstanceNormalization", f"{node}.normalize", grouped, one, zero, epsilon=norm.eps)
    back = graph.add("Reshape", f"{node}.ungroup", normed, graph.add("Shape", f"{node}.shape", x))
    weight = graph.weight(f"{prefix}.weight", norm.weight[:, None, None])
    bias = graph.weight(f"{prefix}.bias", norm.bias[:, None, None])
    return graph.add("Add", f"{node}.shift", graph.add("Mul", f"{node}.scale", back, weight), bias)
