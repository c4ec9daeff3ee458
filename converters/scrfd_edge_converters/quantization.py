"""How floats become 8-bit integers: ranges of the maps, scales of the weights, and what is changed before to lose less.

The same integers go to ONNX and TFLite. Maps: one range each, with an integer that is exactly zero. Weights: symmetric,
one scale per output channel.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .layers import Add, Array, Conv, GroupNorm, Layer, Network, Pool, Rows, Upsample

_DENSE = 0.3
"""How far towards equal ranges (0: not at all, 1: entirely) where the map goes into a dense convolution, whose weights
pay for it. Chosen on dev.txt."""
_FLAT = 0.01  # least reach of a map's range: dead maps exist, and their steps must not vanish


@dataclass(frozen=True)
class Statistics:
    """Of one map over the calibration pictures, per channel: lowest, highest, mean."""

    low: Array
    high: Array
    mean: Array


@dataclass(frozen=True)
class Step:
    """real = (integer - zero) * scale; integers are int8 where signed, else uint8."""

    scale: float
    zero: int
    signed: bool


@dataclass(frozen=True)
class Quantization:
    """ranges: (low, high) of every map that is kept as integers. floats: convolutions that compute in floats.

    signed: maps with negative values become symmetric int8, which OpenVINO runs faster; otherwise all are uint8.
    """

    ranges: Mapping[str, tuple[float, float]]
    floats: frozenset[str] = frozenset()
    signed: bool = False

    def step(self, name: str) -> Step:
        low, high = self.ranges[name]
        if self.signed and low < 0:
            return Step(_float32(max(-low / 128, high / 127)), 0, True)
        scale = _float32((high - low) / 255)
        return Step(scale, round(-low / scale), False)


def _float32(value: float) -> float:
    return float(np.float32(value))


def quantize_weight(weight: Array) -> tuple[npt.NDArray[np.int8], Array]:
    """(out, ...) to integers within -127..127 and a scale per output channel."""
    highest = np.abs(weight).reshape(len(weight), -1).max(axis=1)
    scales = (np.maximum(highest, 1e-8) / 127).astype(np.float32)
    return np.rint(weight / _per_output(scales)).astype(np.int8), scales


def quantize_bias(bias: Array, steps: Array) -> npt.NDArray[np.int32]:
    """In units of the products, `steps` per channel; what a channel of no weight would need too much of is clamped."""
    limit = 2**30
    return np.rint(np.clip(bias / steps.astype(np.float64), -limit, limit)).astype(np.int32)


def _per_output(values: Array) -> Array:
    return values[:, None, None, None]


def equalize(network: Network, statistics: Mapping[str, Statistics]) -> tuple[Network, dict[str, Statistics]]:
    """Scales the channels of a map that only convolutions take, towards equal ranges (Nagel et al. 2019, section 4.1).

    A ReLU lets positive factors through, and a scale per output channel takes them up on the side that makes the map;
    so does a depth-wise convolution on the side that takes it, which allows entirely equal ranges.
    """
    statistics = dict(statistics)
    factors: dict[str, Array] = {}
    for layer in network.layers:
        takers = network.consumers(layer.output)
        if isinstance(layer, Conv) and takers and all(isinstance(t, Conv) for t in takers):
            s = statistics[layer.output]
            reach = np.maximum(np.maximum(s.high, -s.low), 1e-6)
            depthwise = all(isinstance(t, Conv) and t.groups > 1 for t in takers)
            f = np.clip((reach.max() / reach) ** (1.0 if depthwise else _DENSE), 1, 64).astype(np.float32)
            factors[layer.output] = f
            statistics[layer.output] = Statistics(s.low * f, s.high * f, s.mean * f)
    layers: list[Layer] = []
    for layer in network.layers:
        if isinstance(layer, Conv):
            out = factors.get(layer.output, np.ones(len(layer.bias), np.float32))
            weight, bias = layer.weight * _per_output(out), layer.bias * out
            if layer.input in factors:
                into = factors[layer.input]
                weight = weight / (_per_output(into) if layer.groups > 1 else into[None, :, None, None])
            layer = replace(layer, weight=weight, bias=bias)
        layers.append(layer)
    return replace(network, layers=tuple(layers)), statistics


def correct_biases(network: Network, statistics: Mapping[str, Statistics], floats: frozenset[str]) -> Network:
    """Takes the mean error of rounded weights out of the biases (Nagel et al. 2019, section 4.2)."""

    def corrected(layer: Layer) -> Layer:
        if not isinstance(layer, Conv) or layer.output in floats:
            return layer
        integers, scales = quantize_weight(layer.weight)
        error = (integers * _per_output(scales) - layer.weight).sum(axis=(2, 3))
        mean = statistics[layer.input].mean.reshape(layer.groups, -1).repeat(len(error) // layer.groups, axis=0)
        return replace(layer, bias=layer.bias - (error * mean).sum(axis=1))

    return replace(network, layers=tuple(corrected(layer) for layer in network.layers))


def normalize_predictions(network: Network, spans: Mapping[str, tuple[Array, Array]]) -> Network:
    """Moves every predicted channel from its span (low, high per channel) to -1..1; the outputs move it back.

    Scores, distances and landmarks of one stride then share the integers of one map, each at full resolution, and what
    only background says is clamped.
    """
    layers: list[Layer] = []
    for layer in network.layers:
        if isinstance(layer, Conv) and layer.output in spans:
            low, high = spans[layer.output]
            half = (high - low) / 2
            layer = replace(layer, weight=layer.weight / _per_output(half), bias=(layer.bias - (low + high) / 2) / half)
        elif isinstance(layer, Rows):
            low, high = (v[layer.start : layer.stop] for v in spans[layer.input])
            layer = replace(layer, factor=(high - low) / 2, shift=(low + high) / 2)
        layers.append(layer)
    return replace(network, layers=tuple(layers))


def split_predictions(
    network: Network, statistics: Mapping[str, Statistics], spans: Mapping[str, tuple[Array, Array]]
) -> tuple[Network, dict[str, Statistics]]:
    """A convolution for every output instead of one per stride: as integers, each kind needs a range of its own."""
    statistics, shapes = dict(statistics), dict(network.shapes)
    layers: list[Layer] = [
        layer for layer in network.layers if layer.output not in spans and not isinstance(layer, Rows)
    ]
    convs = {layer.output: layer for layer in network.layers if isinstance(layer, Conv)}
    for rows in network.outputs:
        conv, part, name = convs[rows.input], slice(rows.start, rows.stop), f"{rows.output}.map"
        low, high = (v[part] for v in spans[rows.input])
        layers.append(replace(conv, output=name, weight=conv.weight[part], bias=conv.bias[part]))
        statistics[name] = Statistics(low, high, statistics[rows.input].mean[part])
        shapes[name] = (rows.stop - rows.start, *shapes[rows.input][1:])
    outputs = [replace(r, input=f"{r.output}.map", start=0, stop=r.stop - r.start) for r in network.outputs]
    return Network((*layers, *outputs), shapes), statistics


def take_pixels(network: Network) -> Network:
    """Lets integers be the picture's own: pixel - 128 instead of pixel - 127.5, the half being in the first bias."""
    first = network.layers[0]
    assert isinstance(first, Conv)
    bias = first.bias + first.weight.sum(axis=(1, 2, 3)) * (0.5 / 128)
    return replace(network, layers=(replace(first, bias=bias), *network.layers[1:]))


def wide_maps(network: Network) -> frozenset[str]:
    """Maps of the neck: they have no ReLU. Others without one keep their integers: terms of residual sums, predictions,
    what is normalised, and what a dense convolution makes wider, which in floats would take long.

    They have two long tails and cost more than all other maps together (`--report` shows it).
    In floats they make a file 2 to 4 % slower in OpenVINO and ONNX Runtime, 6 % in TFLite.
    """

    def stays(taker: Layer) -> bool:
        widens = isinstance(taker, Conv) and taker.groups == 1 and len(taker.bias) > taker.weight.shape[1]
        return isinstance(taker, Rows | GroupNorm) or widens or (isinstance(taker, Add) and taker.relu)

    linear = (layer for layer in network.layers if isinstance(layer, Conv | Add) and not layer.relu)
    return frozenset(
        layer.output for layer in linear if not any(stays(taker) for taker in network.consumers(layer.output))
    )


def choose_ranges(
    network: Network, statistics: Mapping[str, Statistics], wide: frozenset[str]
) -> dict[str, tuple[float, float]]:
    """What was measured of every map but those in `wide`; of normalised predictions, -1 to 1."""
    ranges: dict[str, tuple[float, float]] = {network.input: (-1.0, 127 / 128)}
    for layer in network.layers:
        match layer:
            case Rows():
                if layer.factor is not None:
                    ranges[layer.input] = (-1.0, 1.0)
            case Pool() | Upsample():
                if layer.input in ranges:
                    ranges[layer.output] = ranges[layer.input]
            case Conv() | Add() | GroupNorm() if layer.output not in wide:
                s = statistics[layer.output]
                ranges[layer.output] = (min(float(s.low.min()), 0.0), max(float(s.high.max()), _FLAT))
    return ranges


def quantize(
    network: Network,
    statistics: Mapping[str, Statistics],
    spans: Mapping[str, tuple[Array, Array]],
    target: str,
    integer_outputs: bool = False,
    wide: frozenset[str] | None = None,
) -> tuple[Network, Quantization]:
    """The network that loses least when rounded, and how to round it, as the engine runs it fastest.

    TFLite takes the picture's own integers. OpenVINO wants signed integers, and gives its predictions in floats for
    free; from the others they come as integers, which the file turns into floats. integer_outputs: there are integers
    only. wide: maps that stay floats, `wide_maps` by default. ONNX Runtime computes the first few channels faster in
    floats; TFLite's integers never become floats within a convolution.
    """
    if wide is None:
        wide = frozenset() if integer_outputs else wide_maps(network)
    floats = frozenset(
        c.output
        for c in network.layers
        if isinstance(c, Conv)
        and (c.input in wide or (target == "onnx" and _is_thin(c)) or (target == "tflite" and c.output in wide))
    )
    if target == "tflite":
        network = take_pixels(network)
    network, statistics = equalize(network, statistics)
    if integer_outputs:
        network, statistics = split_predictions(network, statistics, spans)
    elif target != "openvino":
        network = normalize_predictions(network, spans)
    ranges = choose_ranges(network, statistics, wide)
    if target != "tflite":
        taken = {name for name in ranges if _is_taken(network, name, floats, predictions=target == "onnx")}
        ranges = {name: ranges[name] for name in taken}
    return correct_biases(network, statistics, floats), Quantization(ranges, floats, signed=target == "openvino")


def _is_thin(conv: Conv) -> bool:
    """Few products per sum for few channels: they do not fill a vector of integers."""
    out, into, k, _ = conv.weight.shape
    return bool(out <= 16 and into * k * k <= 27)


def _is_taken(network: Network, name: str, floats: frozenset[str], predictions: bool) -> bool:
    """Whether anything takes the map as integers; if not, rounding it would gain no time."""
    return any(
        predictions if isinstance(layer, Rows) else not isinstance(layer, GroupNorm) and layer.output not in floats
        for layer in network.consumers(name)
    )
