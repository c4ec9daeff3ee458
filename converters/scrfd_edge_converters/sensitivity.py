"""How much each convolution loses when it alone is quantized: where higher precision would pay, if anywhere."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnxruntime

from .layers import Array, Conv, Network
from .quantization import Quantization, Statistics, quantize
from .ranges import FACE
from .to_onnx import write_onnx


@dataclass(frozen=True)
class Sensitivity:
    """Root mean square errors over anchors that see a face: score, box and landmark distances in strides."""

    layer: str
    channels: int
    score: float
    box: float
    landmarks: float


def measure_layers(
    network: Network,
    statistics: Mapping[str, Statistics],
    spans: Mapping[str, tuple[Array, Array]],
    tensors: Sequence[Array],
    progress: Callable[[int, int], None],
) -> list[Sensitivity]:
    """One row per convolution, the most sensitive (by score) first. tensors: (1, 3, H, W) float32 each."""
    rounded, quantization = quantize(network, statistics, spans, "openvino", wide=frozenset())
    convs = [layer for layer in rounded.layers if isinstance(layer, Conv)]
    names = frozenset(conv.output for conv in convs)
    exact = [_run(rounded, None, tensor) for tensor in tensors]
    rows = []
    for i, conv in enumerate(convs):
        ranges = {name: quantization.ranges[name] for name in (conv.input, conv.output) if name in quantization.ranges}
        alone = replace(quantization, ranges=ranges, floats=names - {conv.output})
        errors = [_errors(rounded, e, _run(rounded, alone, t)) for e, t in zip(exact, tensors, strict=True)]
        score, box, landmarks = np.sqrt(np.mean(errors, axis=0)).tolist()
        rows.append(Sensitivity(conv.output, len(conv.bias), score, box, landmarks))
        progress(i + 1, len(convs))
    return sorted(rows, key=lambda row: -row.score)


def _run(network: Network, quantization: Quantization | None, tensor: Array) -> list[Array]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    data = write_onnx(network, "{}", quantization=quantization)
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    outputs: list[Array] = session.run(None, {network.input: tensor})
    return outputs


def _errors(network: Network, exact: Sequence[Array], rounded: Sequence[Array]) -> list[float]:
    squares: dict[int, list[Array]] = {1: [], 4: [], 10: [np.zeros(1, np.float32)]}
    for i, (rows, a, b) in enumerate(zip(network.outputs, exact, rounded, strict=True)):
        seen = exact[i % 3][0, :, 0] >= FACE
        squares[rows.k].append(((a - b)[0, seen] ** 2).ravel())
    return [float(np.concatenate(values).mean()) if sum(map(len, values)) else 0.0 for values in squares.values()]
