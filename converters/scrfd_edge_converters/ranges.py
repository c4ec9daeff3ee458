"""Runs a network over the calibration pictures and keeps what quantization must know of every map."""

from collections.abc import Callable, Iterable

import numpy as np
import onnxruntime

from .layers import Array, Network, Rows
from .quantization import Statistics
from .to_onnx import write_onnx

FACE = 0.02
"""Score from which an anchor's distances and landmarks count: the lowest that any evaluation looks at."""
LOWEST_LOGIT = -6.0
"""Scores under 0.0025 need not be told apart."""
_STRETCH = 2.0
"""How far beyond the median picture's end the range of a map may reach, as a factor."""
_LEAST = np.float32(1e-6)


def collect(
    network: Network, tensors: Iterable[Array], progress: Callable[[], None]
) -> tuple[dict[str, Statistics], dict[str, tuple[Array, Array]]]:
    """Statistics of every map, and the span (low, high per channel) of every map of predictions.

    tensors: (1, 3, H, W) each. No map's lowest and highest reach beyond twice the median picture's, or beyond zero
    where that lies on its other side: of our own weights, single pictures stretched some maps thirteenfold, and took
    the steps from all others. Distances and landmarks span what anchors that see a face say, scores what matters.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        write_onnx(network, "{}", statistics=True), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    maps: dict[str, list[Array]] = {}
    ends: dict[str, list[tuple[float, float]]] = {}
    spans: dict[str, list[Array]] = {}
    count = 0
    for tensor in tensors:
        values = dict(zip(names, session.run(None, {network.input: tensor}), strict=True))
        for name in network.shapes:
            now = [values[f"{name}.{what}"][0] for what in ("low", "high", "mean")]
            low, high, total = maps.setdefault(name, [now[0], now[1], np.zeros_like(now[2])])
            maps[name] = [np.minimum(low, now[0]), np.maximum(high, now[1]), total + now[2]]
            ends.setdefault(name, []).append((float(now[0].min()), float(now[1].max())))
        for output in network.outputs:
            stride = output.output.rpartition("_")[2]
            faces = values[f"score_{stride}"][0, :, 0] >= FACE
            now = _span(output, values[output.output][0], faces)
            low, high = spans.setdefault(output.output, now)
            spans[output.output] = [np.minimum(low, now[0]), np.maximum(high, now[1])]
        progress()
        count += 1
    statistics = {}
    for name, (low, high, total) in maps.items():
        bottom, top = (_STRETCH * np.median(ends[name], axis=0)).astype(np.float32)
        statistics[name] = Statistics(low.clip(min(bottom, 0)), high.clip(max=max(top, 0)), total / count)
    return statistics, {name: _join(network, name, spans, statistics) for name in {o.input for o in network.outputs}}


def _span(output: Rows, rows: Array, faces: Array) -> list[Array]:
    """Lowest and highest per channel of the map, of the rows that see a face; (+inf, -inf) where none does."""
    anchors = (output.stop - output.start) // output.k
    lows, highs = [], []
    for anchor in range(anchors):
        seen = rows[anchor::anchors][faces[anchor::anchors]]
        if output.k == 1:
            seen = np.clip(seen, _LEAST, 1 - _LEAST)  # a sure score is 1 after rounding
            seen = np.log(seen / (1 - seen))
        lows.append(seen.min(axis=0, initial=np.inf))
        highs.append(seen.max(axis=0, initial=-np.inf))
    return [np.concatenate(lows), np.concatenate(highs)]


def _join(
    network: Network, name: str, spans: dict[str, list[Array]], statistics: dict[str, Statistics]
) -> tuple[Array, Array]:
    """The spans of one map's outputs beside each other; a channel without faces keeps its range."""
    low, high = statistics[name].low.copy(), statistics[name].high.copy()
    for output in network.outputs:
        if output.input == name:
            seen_low, seen_high = spans[output.output]
            if output.k == 1:
                seen_low = np.full_like(seen_low, LOWEST_LOGIT)
            known = seen_low < seen_high
            part = slice(output.start, output.stop)
            low[part] = np.where(known, seen_low, low[part])
            high[part] = np.where(known, seen_high, high[part])
    return low, np.maximum(high, low + 1e-3)
