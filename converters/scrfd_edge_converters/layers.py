"""A network as a short list of layers, from which every format is written."""

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
"""Floats, float32 when the program runs."""

TRACE = (640, 640)
"""Height and width at which a graph is read; layers hold for every multiple of 32."""


@dataclass(frozen=True)
class Conv:
    """weight (out, in / groups, k, k), bias (out,); `padding` cells of zeros on all four sides."""

    output: str
    input: str
    weight: Array
    bias: Array
    stride: int
    padding: int
    groups: int
    relu: bool = False


@dataclass(frozen=True)
class Add:
    output: str
    inputs: tuple[str, str]
    relu: bool = False


@dataclass(frozen=True)
class Pool:
    """Windows of size x size without overlap or padding. kind: "max" or "average"."""

    output: str
    input: str
    kind: str
    size: int


@dataclass(frozen=True)
class Upsample:
    """Every cell twice in both directions."""

    output: str
    input: str


@dataclass(frozen=True)
class GroupNorm:
    output: str
    input: str
    groups: int
    weight: Array
    bias: Array
    epsilon: float
    relu: bool = False


@dataclass(frozen=True)
class Rows:
    """Channels start..stop of a map as an output of the network: (N, H * W * anchors, k), scores (k = 1) after the
    sigmoid. factor, shift: per channel of the slice, applied first, where the map was normalised for quantization."""

    output: str
    input: str
    k: int
    start: int
    stop: int
    factor: Array | None = None
    shift: Array | None = None


Layer: TypeAlias = Conv | Add | Pool | Upsample | GroupNorm | Rows


@dataclass(frozen=True)
class Network:
    """Layers in the order of computation; the outputs are last, in the official order.

    shapes: (channels, height, width) of every map for a picture of TRACE's size.
    """

    layers: tuple[Layer, ...]
    shapes: dict[str, tuple[int, int, int]]
    input: str = "image"

    @property
    def outputs(self) -> list[Rows]:
        return [layer for layer in self.layers if isinstance(layer, Rows)]

    @property
    def group_norm(self) -> bool:
        return any(isinstance(layer, GroupNorm) for layer in self.layers)

    def at(self, size: tuple[int, int]) -> "Network":
        """The same with the shapes for pictures of (height, width), multiples of 32."""
        shapes = {n: (c, h * size[0] // TRACE[0], w * size[1] // TRACE[1]) for n, (c, h, w) in self.shapes.items()}
        return replace(self, shapes=shapes)

    def consumers(self, name: str) -> list[Layer]:
        return [layer for layer in self.layers if name in inputs_of(layer)]


def inputs_of(layer: Layer) -> tuple[str, ...]:
    return layer.inputs if isinstance(layer, Add) else (layer.input,)
